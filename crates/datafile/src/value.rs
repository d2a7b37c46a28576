//! Values of keywords: joining their words, putting in variables and secrets, and writing them back.

use crate::source::{Word, words};

/// A place to look up names, such as environment variables or a workspace's secrets.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the values of a datafile may refer to. By default nothing is put in: `$NAME` and `{{ tb_secret(..) }}` stay as
/// they are written.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// Variables for `$NAME` and `${NAME}`; those that are not found stay as written.
    pub variables: Option<Lookup<'a>>,
    /// Secrets for `{{ tb_secret("name", "default") }}`.
    pub secrets: Option<Lookup<'a>>,
}

impl Inputs<'_> {
    /// Puts variables and secrets into `text`. What is put in is not looked at again.
    pub(crate) fn expand(&self, text: &str) -> Result<String, String> {
        let text = match self.variables {
            Some(lookup) => put_variables(text, lookup),
            None => text.to_owned(),
        };
        match self.secrets {
            Some(lookup) => resolve_secrets(&text, lookup),
            None => Ok(text),
        }
    }
}

/// The words behind a keyword as one value: blanks between them become one, and a pair of quotes around all of it is
/// removed.
pub(crate) fn join(words: &[Word<'_>]) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 && word.spaced {
            text.push(' ');
        }
        text.push_str(word.text);
    }
    unquote(&text).to_owned()
}

/// Writes a value so that it reads back the same: in quotes where that works, else as it is. `None` where one line cannot
/// hold it.
pub(crate) fn print(value: &str) -> Option<String> {
    first_that_reads_back(value, |words| words.first().is_some_and(|word| word.text != ">") && join(words) == value)
}

/// Like [`print()`], for a value that must be one word because others follow it.
pub(crate) fn print_word(value: &str) -> Option<String> {
    first_that_reads_back(value, |words| matches!(words, [word] if word.text != ">" && unquote(word.text) == value))
}

fn first_that_reads_back(value: &str, same: impl Fn(&[Word<'_>]) -> bool) -> Option<String> {
    let candidates = [format!("\"{value}\""), value.to_owned(), format!("'{value}'")];
    candidates.into_iter().find(|candidate| {
        let line = format!("KEYWORD {candidate}");
        !line.contains(['\n', '\r']) && words::split(&line).is_ok_and(|words| same(&words[1..]))
    })
}

/// Removes a pair of quotes around `text`, unless the same quote stands inside too.
pub(crate) fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return inner;
        }
    }
    text
}

/// Replaces each `{{ tb_secret("name") }}` or `{{ tb_secret("name", "default") }}` in `text` by the secret's value, or by
/// the default where `lookup` has none.
///
/// # Errors
/// A secret that `lookup` does not have and that has no default, and other text between `{{ }}`.
pub fn resolve_secrets(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else {
            return Err(format!("expected closing }}}} in \"{text}\""));
        };
        let inner = rest[start + 2..start + length].trim();
        let (name, default) = secret_arguments(inner)
            .ok_or_else(|| format!("cannot read \"{inner}\": only tb_secret(\"name\", \"default\") can stand here"))?;
        let value = lookup(name).or_else(|| default.map(str::to_owned));
        let value =
            value.ok_or_else(|| format!("cannot access secret \"{name}\": it does not exist and has no default"))?;
        resolved.push_str(&rest[..start]);
        resolved.push_str(&value);
        rest = &rest[start + length + 2..];
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn secret_arguments(call: &str) -> Option<(&str, Option<&str>)> {
    let arguments = call.strip_prefix("tb_secret")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (name, rest) = quoted(arguments.trim())?;
    match rest.trim() {
        "" => Some((name, None)),
        rest => match quoted(rest.strip_prefix(',')?.trim())? {
            (default, "") => Some((name, Some(default))),
            _ => None,
        },
    }
}

/// A quoted text at the start, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text[1..].split_once(quote)
}

fn put_variables(text: &str, lookup: Lookup<'_>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let (name, length) = match rest[1..].strip_prefix('{') {
            Some(braced) => braced.find('}').map_or(("", 1), |end| (&braced[..end], end + 3)),
            None => {
                let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len() - 1);
                (&rest[1..=end], end + 1)
            }
        };
        match lookup(name).filter(|_| !name.is_empty()) {
            Some(value) => result.push_str(&value),
            None => result.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "K").then(|| "{{value}} $K".to_owned())
    }

    #[test]
    fn values_read_back() {
        assert_eq!(print("id, ts").unwrap(), "\"id, ts\"");
        assert_eq!(print("").unwrap(), "\"\"");
        assert_eq!(print("say \"hi\"").unwrap(), "say \"hi\"");
        assert_eq!(print("\"a\" #1").unwrap(), "'\"a\" #1'");
        assert_eq!(print("a\nb"), None);
        assert_eq!(print_word("say \"hi\"").unwrap(), "'say \"hi\"'");
        assert_eq!(print("it's #\""), None);
    }

    #[test]
    fn variables_that_are_set_are_put_in_once() {
        assert_eq!(put_variables("$K-${K}-$NO-${NO}-$ $", &lookup), "{{value}} $K-{{value}} $K-$NO-${NO}-$ $");
        assert_eq!(put_variables("${K", &lookup), "${K");
        assert_eq!(put_variables("$\u{e9} ${", &lookup), "$\u{e9} ${");
    }

    #[test]
    fn secrets_are_put_in_once() {
        let resolve = |text| resolve_secrets(text, &lookup);
        assert_eq!(resolve("a {{ tb_secret('K') }} b").unwrap(), "a {{value}} $K b");
        assert_eq!(resolve("{{tb_secret(\"x\", \"it's\")}}").unwrap(), "it's");
        assert_eq!(resolve("{{ tb_secret('x', '') }}").unwrap(), "");
        assert_eq!(
            resolve("{{ tb_secret('x') }}").unwrap_err(),
            "cannot access secret \"x\": it does not exist and has no default"
        );
        assert!(resolve("{{ Int32(x) }}").unwrap_err().starts_with("cannot read \"Int32(x)\""));
        assert!(resolve("{{ tb_secret('x'").unwrap_err().starts_with("expected closing }}"));
    }
}
