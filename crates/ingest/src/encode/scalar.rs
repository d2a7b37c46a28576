//! Booleans, fixed strings, UUIDs, addresses and enums.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Encoded, Reject, number};
use crate::DataType;

/// Appends a text filled with zero bytes to the length.
pub(super) fn write_fixed(text: &[u8], length: usize, out: &mut Vec<u8>) -> Encoded {
    if text.len() > length {
        return Err("it is too long".into());
    }
    out.extend_from_slice(text);
    out.resize(out.len() + length - text.len(), 0);
    Ok(())
}

/// Appends a boolean written in one of the ways that the engine reads, too.
pub(super) fn write_bool_text(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(&["true", "t", "yes", "y", "on", "1"]) {
        out.push(1);
    } else if is(&["false", "f", "no", "n", "off", "0"]) {
        out.push(0);
    } else {
        return Err(Reject::NotOfType);
    }
    Ok(())
}

/// Appends a UUID, with or without its hyphens: two 64-bit numbers, each with its lowest byte first.
pub(super) fn write_uuid(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let mut digits = [0u8; 32];
    match text.len() {
        32 => digits.copy_from_slice(text),
        36 if [8, 13, 18, 23].iter().all(|at| text[*at] == b'-') => {
            let groups = [&text[..8], &text[9..13], &text[14..18], &text[19..23], &text[24..]];
            for (digit, byte) in digits.iter_mut().zip(groups.into_iter().flatten()) {
                *digit = *byte;
            }
        }
        _ => return Err(Reject::NotOfType),
    }
    let mut halves = [0u64; 2];
    for (at, digit) in digits.iter().enumerate() {
        let Some(nibble) = char::from(*digit).to_digit(16) else { return Err(Reject::NotOfType) };
        halves[at / 16] = halves[at / 16] << 4 | u64::from(nibble);
    }
    out.extend(halves.into_iter().flat_map(u64::to_le_bytes));
    Ok(())
}

/// Appends an IPv4 address.
pub(super) fn write_ipv4(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let address: Ipv4Addr = parse(text)?;
    out.extend_from_slice(&address.to_bits().to_le_bytes());
    Ok(())
}

/// Appends an IPv6 address; an IPv4 address is mapped into IPv6.
pub(super) fn write_ipv6(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let address = match parse::<Ipv6Addr>(text) {
        Ok(address) => address,
        Err(_) => parse::<Ipv4Addr>(text)?.to_ipv6_mapped(),
    };
    out.extend_from_slice(&address.octets());
    Ok(())
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Result<T, Reject> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Reject::NotOfType)
}

/// Appends the value of that name or, when no value has that name, of that number.
pub(super) fn write_enum_text(data_type: &DataType, text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let (DataType::Enum8(values) | DataType::Enum16(values)) = data_type else { return Err(Reject::NotOfType) };
    match values.number_of(text) {
        Some(number) => write_enum(data_type, number, out),
        None => write_enum_number(data_type, text, out),
    }
}

/// Appends the value of that number.
pub(super) fn write_enum_number(data_type: &DataType, text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let (DataType::Enum8(values) | DataType::Enum16(values)) = data_type else { return Err(Reject::NotOfType) };
    match number::small_scaled(text, 0) {
        Some(number) => match i16::try_from(number) {
            Ok(number) if values.has_number(number) => write_enum(data_type, number, out),
            _ => Err("no value has that number".into()),
        },
        None => Err("no value has that name".into()),
    }
}

fn write_enum(data_type: &DataType, number: i16, out: &mut Vec<u8>) -> Encoded {
    match (data_type, i8::try_from(number)) {
        (DataType::Enum8(_), Ok(number)) => out.extend_from_slice(&number.to_le_bytes()),
        (DataType::Enum8(_), Err(_)) => return Err("its number does not fit into 8 bits".into()),
        _ => out.extend_from_slice(&number.to_le_bytes()),
    }
    Ok(())
}
