//! The address of a request as it may be kept: without tokens.

use std::collections::BTreeMap;
use std::ops::Range;

use form_urlencoded::{byte_serialize, parse};
use http::Uri;

/// What stands in the place of a token.
const MASK: &str = "***";

/// How the values of our tokens begin: a JSON object in base64.
const TOKEN_BEGINS: &str = "p.ey";

/// From how many letters on a part of a token is worth hiding.
const LONG_PART: usize = 8;

/// Path and query of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Both, byte for byte but for tokens.
    pub(super) url: String,
    /// The query's values by name; values of a repeated name are joined by commas, as lists are written.
    pub(super) parameters: BTreeMap<String, String>,
    /// Values that were tokens.
    tokens: Vec<String>,
}

impl Address {
    /// Leaves out the parameter `token`, and masks tokens in every other value: some clients put them where they do not
    /// belong.
    pub(super) fn without_tokens(uri: &Uri, is_token: impl Fn(&str) -> bool) -> Address {
        let mut address = Address { url: uri.path().to_owned(), parameters: BTreeMap::new(), tokens: Vec::new() };
        for piece in uri.query().unwrap_or_default().split('&').filter(|piece| !piece.is_empty()) {
            let Some((name, value)) = parse(piece.as_bytes()).next() else { continue };
            if name.trim().eq_ignore_ascii_case("token") {
                address.tokens.push(value.into_owned());
                continue;
            }
            let [shown_name, shown_value] = [&name, &value].map(|text| match is_token(text.trim()) {
                true => {
                    address.tokens.push(text.trim().to_owned());
                    MASK.to_owned()
                }
                false => {
                    address.tokens.extend(tokens_in(text).into_iter().map(|token| text[token].to_owned()));
                    mask_tokens(text)
                }
            });
            address.url.push(if address.url.contains('?') { '&' } else { '?' });
            if (shown_name.as_str(), shown_value.as_str()) == (&*name, &*value) {
                address.url.push_str(piece);
            } else {
                let encoded =
                    [&shown_name, &shown_value].map(|text| byte_serialize(text.as_bytes()).collect::<String>());
                address.url.push_str(&encoded.join("="));
            }
            let values = address.parameters.entry(shown_name).or_default();
            if !values.is_empty() {
                values.push(',');
            }
            values.push_str(&shown_value);
        }
        address
    }

    /// A text about the request without tokens, nor the longer parts of them: an error about SQL may quote one word of it.
    pub(super) fn mask(&self, text: String) -> String {
        let parts = |token: &String| -> Vec<String> {
            let parts = token.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            parts.filter(|part| part.len() >= LONG_PART).map(str::to_owned).collect()
        };
        let mut secrets: Vec<String> = self.tokens.iter().flat_map(parts).chain(self.tokens.iter().cloned()).collect();
        secrets.retain(|secret| !secret.is_empty());
        // The longest first: one may be the beginning of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        mask_tokens(&secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), MASK)))
    }
}

/// A text with everything in it masked that looks like a token of ours.
fn mask_tokens(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for token in tokens_in(text) {
        masked.push_str(&text[end..token.start]);
        masked.push_str(MASK);
        end = token.end;
    }
    masked.push_str(&text[end..]);
    masked
}

/// Where in a text stands what looks like a token of ours, from left to right.
fn tokens_in(text: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=');
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(TOKEN_BEGINS) {
        if found.last().is_none_or(|before| before.end <= at) {
            found.push(at..text[at..].find(|c| !is_part(c)).map_or(text.len(), |length| at + length));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, url: &str, parameters: &[(&str, &str)]) -> Address {
        let address = Address::without_tokens(&uri.parse().unwrap(), |value| value == "secret");
        assert_eq!(address.url, url);
        let expected = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(address.parameters, expected);
        address
    }

    #[test]
    fn the_token_is_left_out_and_the_rest_is_kept_byte_for_byte() {
        check("/v0/pipes/a.json", "/v0/pipes/a.json", &[]);
        check("/a?token=x", "/a", &[]);
        check("/a?x=1&token=abc&y=a%20b+c", "/a?x=1&y=a%20b+c", &[("x", "1"), ("y", "a b c")]);
        check("/a?%74oken=x&TOKEN=y&tokens=z", "/a?tokens=z", &[("tokens", "z")]);
        check("/a?x=1&x=2&&e", "/a?x=1&x=2&e", &[("x", "1,2"), ("e", "")]);
    }

    #[test]
    fn a_token_in_another_place_is_masked() {
        check("/a?key=secret&x=1", "/a?key=***&x=1", &[("key", "***"), ("x", "1")]);
        check("/a?q=SELECT+'p.eyJ1.x-y'+AS+a", "/a?q=SELECT+%27***%27+AS+a", &[("q", "SELECT '***' AS a")]);
        check("/a?q=p%2EeyJ1.x&y=p.1", "/a?q=***&y=p.1", &[("q", "***"), ("y", "p.1")]);
        check("/a?secret", "/a?***=", &[("***", "")]);
        check("/a?x=p.eyJ+p.eyJ1.y,p.eyp.eyZ", "/a?x=***+***%2C***", &[("x", "*** ***,***")]);
        let quoted = check("/a?q=SELECT+p.eyJ1.2abcdefgh-x", "/a?q=SELECT+***", &[("q", "SELECT ***")]);
        assert_eq!(quoted.mask("unexpected 2abcdefgh in eyJ1".to_owned()), "unexpected *** in eyJ1");
        let address = check("/a?x=secret", "/a?x=***", &[("x", "***")]);
        assert_eq!(address.mask("'secret' and p.eyJ1.x are no numbers".to_owned()), "'***' and *** are no numbers");
    }
}
