//! Replaces what differs from run to run, and only where it has the form it must have: an id that is no id stays as it is
//! and the comparison fails.

use std::collections::HashMap;

use serde_json::Value;

/// The JSON with every id, time and token replaced: `[id 1]` is the same id wherever it stands.
pub(crate) fn redact(value: Value) -> Value {
    redact_in(value, &mut HashMap::new())
}

fn redact_in(value: Value, seen: &mut HashMap<String, usize>) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, redact_in(value, seen))).collect(),
        Value::Array(values) => values.into_iter().map(|value| redact_in(value, seen)).collect(),
        Value::String(text) => redact_text(text, seen).into(),
        other => other,
    }
}

fn redact_text(text: String, seen: &mut HashMap<String, usize>) -> String {
    if is_timestamp(&text) {
        return "[time]".to_owned();
    }
    let kind = match &text {
        text if is_resource_id(text) => "id",
        text if uuid_shape(text) => "uuid",
        text if is_token(text) => "token",
        text if text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) => {
            "ulid"
        }
        _ => return text,
    };
    let next = seen.len() + 1;
    format!("[{kind} {}]", seen.entry(text).or_insert(next))
}

/// `t_` and 32 hexadecimal digits.
fn is_resource_id(text: &str) -> bool {
    text.strip_prefix("t_").is_some_and(|hex| hex.len() == 32 && is_hex(hex))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn uuid_shape(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.split('-').all(is_hex)
}

/// `p.<base64url JSON with u, id and host>.<signature>`.
fn is_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let url_safe = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    // Every base64 of a JSON object begins with `ey`; clients hide what looks like this.
    parts.len() == 3 && parts[0] == "p" && parts[1].starts_with("ey") && url_safe(parts[1]) && url_safe(parts[2])
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`
fn is_timestamp(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00 00:00:00.000000"
}

#[test]
fn only_what_has_its_form_is_replaced() {
    let id = "t_0123456789abcdef0123456789abcdef";
    let value = serde_json::json!({"a": id, "b": [id, "t_0123", "2024-01-02 03:04:05.123456", "2024-01-02 03:04:05"]});
    let expected = serde_json::json!({"a": "[id 1]", "b": ["[id 1]", "t_0123", "[time]", "2024-01-02 03:04:05"]});
    assert_eq!(redact(value), expected);
}
