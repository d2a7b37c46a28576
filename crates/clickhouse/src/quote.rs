//! Text that goes into SQL. Nothing else in the product puts a name or value between quotes.

/// `name` as a quoted identifier: backticks around, backslash escapes inside.
pub fn identifier(name: &str) -> String {
    quoted(name, '`')
}

/// `database`.`table`, each quoted.
pub fn qualified(database: &str, table: &str) -> String {
    format!("{}.{}", identifier(database), identifier(table))
}

/// `value` as a string literal: single quotes around, backslash escapes inside.
pub fn string_literal(value: &str) -> String {
    quoted(value, '\'')
}

/// `value` in the escaped text form that the value of a `{name:String}` placeholder takes.
pub fn param_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    escape_into(&mut out, value, None);
    out
}

fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    escape_into(&mut out, text, Some(quote));
    out.push(quote);
    out
}

fn escape_into(out: &mut String, text: &str, quote: Option<char>) {
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            char => {
                if Some(char) == quote {
                    out.push('\\');
                }
                out.push(char);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(identifier("a`b\\c"), r"`a\`b\\c`");
        assert_eq!(identifier("it's"), "`it's`");
        assert_eq!(string_literal("it's `x` \\"), r"'it\'s `x` \\'");
        assert_eq!(string_literal("a\nb\tc\0"), r"'a\nb\tc\0'");
        assert_eq!(qualified("ws.1", "t"), "`ws.1`.`t`");
        assert_eq!(param_value("it's\ta\\b\n"), r"it's\ta\\b\n");
    }

    #[test]
    fn no_text_ends_its_own_literal() {
        for text in ["'", "\\'", "\\\\'", "'--", "\\", "''", "`", "\\`", "x\\"] {
            for (quoted, quote) in [(string_literal(text), '\''), (identifier(text), '`')] {
                assert_eq!(end_of_literal(&quoted, quote), quoted.len(), "{quoted}");
            }
        }
    }

    /// Where ClickHouse's lexer would end the literal that `sql` starts with.
    fn end_of_literal(sql: &str, quote: char) -> usize {
        let mut chars = sql.char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            if char == '\\' {
                chars.next();
            } else if char == quote {
                return at + 1;
            }
        }
        usize::MAX
    }
}
