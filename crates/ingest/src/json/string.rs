//! The inside of JSON strings.

use std::borrow::Cow;

/// What stands between the quotes of a valid JSON string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StringBody<'a> {
    pub(crate) raw: &'a [u8],
    /// Whether there is a backslash in it.
    pub(crate) escaped: bool,
}

impl<'a> StringBody<'a> {
    /// The body of a string value, quotes included in `value`.
    pub(crate) fn of_value(value: &'a [u8]) -> StringBody<'a> {
        let raw = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
        StringBody { raw, escaped: memchr::memchr(b'\\', raw).is_some() }
    }

    /// The text that the string means.
    pub(crate) fn text(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut text = Vec::with_capacity(self.raw.len());
        unescape_into(self.raw, &mut text);
        Cow::Owned(text)
    }
}

/// Appends what the body of a valid JSON string means. Half a surrogate pair has no meaning in UTF-8; it becomes the
/// replacement character, so that one broken character does not cost the row.
pub(crate) fn unescape_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => rest = unescape_unicode(rest, out),
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

/// Takes the digits after `\u`, and the second half of a surrogate pair if there is one; returns what follows.
fn unescape_unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let (first, mut rest) = take_hex4(rest);
    let mut code = first;
    if let 0xD800..=0xDBFF = first
        && let Some(second) = rest.strip_prefix(b"\\u")
        && let (low @ 0xDC00..=0xDFFF, after) = take_hex4(second)
    {
        code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
        rest = after;
    }
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn take_hex4(text: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = text.split_at(text.len().min(4));
    let code = digits.iter().fold(0, |code, digit| code * 16 + char::from(*digit).to_digit(16).unwrap_or(0));
    (code, rest)
}

#[cfg(test)]
mod tests {
    use super::StringBody;

    #[test]
    fn escapes_mean_what_json_says() {
        let cases: [(&str, &str); 7] = [
            (r#""plain""#, "plain"),
            (r#""""#, ""),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""a\u00e9\u20ACz""#, "a\u{e9}\u{20ac}z"),
            (r#""\ud83d\ude00!""#, "\u{1f600}!"),
            (r#""\ud800x\udc00""#, "\u{fffd}x\u{fffd}"),
            (r#""\ud800\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        ];
        for (value, text) in cases {
            let body = StringBody::of_value(value.as_bytes());
            assert_eq!(std::str::from_utf8(&body.text()), Ok(text), "{value}");
        }
    }
}
