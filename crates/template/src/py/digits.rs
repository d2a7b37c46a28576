//! Decimal digits of all scripts, as Python's `\d`, `int()` and `float()` know them.

/// First code points of the blocks of ten decimal digits (Unicode category Nd) outside ASCII.
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950,
];

/// The value of a decimal digit.
pub(crate) fn value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = c as u32;
    // Two later blocks of Unicode 13 and 14 are not contiguous with the table's rhythm.
    if (0x1e4f0..0x1e4fa).contains(&code) {
        return Some((code - 0x1e4f0) as u8);
    }
    if (0x1fbf0..0x1fbfa).contains(&code) {
        return Some((code - 0x1fbf0) as u8);
    }
    let block = ZEROS.partition_point(|&zero| zero <= code).checked_sub(1)?;
    let digit = code - ZEROS[block];
    (digit < 10).then_some(digit as u8)
}

pub(crate) fn is_digit(c: char) -> bool {
    value(c).is_some()
}

/// Replaces the digits of all scripts by ASCII ones.
pub(crate) fn to_ascii(text: &str) -> String {
    text.chars().map(|c| value(c).map_or(c, |d| (b'0' + d) as char)).collect()
}
