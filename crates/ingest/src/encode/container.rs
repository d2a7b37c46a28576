//! Arrays, maps and tuples, and the part of a column's path that leads through arrays.

use super::{Encoded, Reject, encode_json, encode_null, encode_text};
use crate::json::{Kind, Scanner, Syntax};
use crate::row_binary::LaterLength;
use crate::{DataType, Step, TupleField};

/// Appends the value that the steps lead to from `found`, itself in a row or in an array's element.
pub(crate) fn encode_at(steps: &[Step], data_type: &DataType, found: Option<&[u8]>, out: &mut Vec<u8>) -> Encoded {
    let Some(value) = found else {
        if data_type.is_nullable() {
            encode_null(out);
            return Ok(());
        }
        return Err(Reject::Missing);
    };
    match steps {
        [] => encode_json(data_type, value, out),
        [Step::Key(key), rest @ ..] => encode_at(rest, data_type, member(value, key)?, out),
        [Step::Elements, rest @ ..] => {
            let Some(element) = data_type.element() else { return Err("its path leads through an array".into()) };
            if Kind::of(value) != Kind::Array {
                return encode_json(data_type, value, out); // Which gives the reason.
            }
            each_element(value, out, |value, out| {
                encode_at(rest, element, Some(value), out).map_err(|reject| reject.inside(element, value))
            })
        }
    }
}

/// The value of a key of an object; none if the value is no object or does not have the key.
fn member<'a>(value: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Syntax> {
    let mut found = None;
    if Kind::of(value) == Kind::Object {
        Scanner::new(value).members(|scanner, key| {
            let value = scanner.value()?;
            if *key.text() == *name.as_bytes() {
                found = Some(value);
            }
            Ok::<(), Syntax>(())
        })?;
    }
    Ok(found)
}

/// Appends the count of an array's elements, and the elements as `each` writes them.
fn each_element(value: &[u8], out: &mut Vec<u8>, mut each: impl FnMut(&[u8], &mut Vec<u8>) -> Encoded) -> Encoded {
    let count = LaterLength::reserve(out);
    let mut elements = 0;
    Scanner::new(value).elements(|scanner| {
        elements += 1;
        each(scanner.value()?, out)
    })?;
    count.set(elements, out);
    Ok(())
}

pub(super) fn encode_array(element: &DataType, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    each_element(value, out, |value, out| {
        encode_json(element, value, out).map_err(|reject| reject.inside(element, value))
    })
}

pub(super) fn encode_map(key_type: &DataType, value_type: &DataType, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    let count = LaterLength::reserve(out);
    let mut pairs = 0;
    Scanner::new(value).members(|scanner, key| {
        pairs += 1;
        let key = key.text();
        encode_text(key_type, &key, out).map_err(|reject| reject.inside(key_type, &key))?;
        let value = scanner.value()?;
        encode_json(value_type, value, out).map_err(|reject| reject.inside(value_type, value))
    })?;
    count.set(pairs, out);
    Ok(())
}

pub(super) fn encode_tuple_array(fields: &[TupleField], value: &[u8], out: &mut Vec<u8>) -> Encoded {
    let mut rest = fields.iter();
    Scanner::new(value).elements(|scanner| {
        let value = scanner.value()?;
        let Some(TupleField { data_type, .. }) = rest.next() else { return Err("it has too many elements".into()) };
        encode_json(data_type, value, out).map_err(|reject| reject.inside(data_type, value))
    })?;
    if rest.next().is_some() { Err("it has too few elements".into()) } else { Ok(()) }
}

/// Keys that are no element of the tuple are passed over, like keys of a row that are no column.
pub(super) fn encode_tuple_object(fields: &[TupleField], value: &[u8], out: &mut Vec<u8>) -> Encoded {
    for TupleField { name, data_type } in fields {
        let Some(name) = name else { return Err("its elements have no names, so it must be an array".into()) };
        let found = member(value, name)?;
        encode_at(&[], data_type, found, out)
            .map_err(|reject| reject.inside(data_type, found.unwrap_or(name.as_bytes())))?;
    }
    Ok(())
}
