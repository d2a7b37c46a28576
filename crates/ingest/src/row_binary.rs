//! The framing of `RowBinary`: values stand one after the other, lengths are LEB128.

/// Appends a length or count.
#[inline]
pub(crate) fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Appends a text with its length.
#[inline]
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    write_length(text.len(), out);
    out.extend_from_slice(text);
}

/// A length that is known only after what it counts has been written: one byte is kept free, and grows when it must.
pub(crate) struct LaterLength {
    at: usize,
}

impl LaterLength {
    pub(crate) fn reserve(out: &mut Vec<u8>) -> LaterLength {
        out.push(0);
        LaterLength { at: out.len() - 1 }
    }

    /// Bytes written since.
    pub(crate) fn bytes_since(&self, out: &[u8]) -> usize {
        out.len() - self.at - 1
    }

    pub(crate) fn set(self, length: usize, out: &mut Vec<u8>) {
        if length < 0x80 {
            out[self.at] = length as u8;
            return;
        }
        let mut bytes = Vec::with_capacity(10);
        write_length(length, &mut bytes);
        out.splice(self.at..=self.at, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{LaterLength, write_string};

    #[test]
    fn a_later_length_equals_one_written_before() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let text = vec![b'x'; length];
            let (mut before, mut later) = (b"..".to_vec(), b"..".to_vec());
            write_string(&text, &mut before);
            let slot = LaterLength::reserve(&mut later);
            later.extend_from_slice(&text);
            let written = slot.bytes_since(&later);
            slot.set(written, &mut later);
            assert_eq!(before, later);
        }
    }
}
