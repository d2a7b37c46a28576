//! The address of a request as it may be kept: without tokens.

use std::collections::BTreeMap;

use form_urlencoded::{byte_serialize, parse};
use http::Uri;

/// What stands in the place of a token.
const MASK: &str = "***";

/// How the values of our tokens begin: a JSON object in base64.
const TOKEN_BEGINS: &str = "p.ey";

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
                false => mask_tokens(text),
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

    /// A text about the request without tokens.
    pub(super) fn mask(&self, text: String) -> String {
        let known = self.tokens.iter().filter(|token| !token.is_empty());
        mask_tokens(&known.fold(text, |text, token| text.replace(token.as_str(), MASK)))
    }
}

/// A text with everything in it masked that looks like a token of ours.
fn mask_tokens(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(TOKEN_BEGINS) {
        masked.push_str(&rest[..at]);
        masked.push_str(MASK);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=');
        rest = rest[at..].trim_start_matches(is_part);
    }
    masked.push_str(rest);
    masked
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
        let address = check("/a?x=secret", "/a?x=***", &[("x", "***")]);
        assert_eq!(address.mask("'secret' and p.eyJ1.x are no numbers".to_owned()), "'***' and *** are no numbers");
    }
}
