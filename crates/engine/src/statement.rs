//! The few facts about a statement's text that decide how it is run: its first word, its FORMAT clause, where the data
//! of an INSERT begins.
//!
//! This is not a guard: the engine's own parser has the last word, and a wrong guess here costs an error, never access.

use memchr::memmem;

/// What a statement's text says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// `INSERT` whose rows come as data: the part before FORMAT or VALUES, the format, and where inline data begins.
    InsertData { head: usize, format: String, data: usize },
    /// A query that can be streamed (SELECT, WITH, FROM first or in parentheses), with its own FORMAT, if any.
    Select { format: Option<String> },
    /// Everything else, `INSERT ... SELECT` among it.
    Other { format: Option<String>, insert: bool },
}

impl Statement {
    /// Looks at `sql`; never fails, since text that is no statement gets the engine's own error.
    pub(crate) fn of(sql: &[u8]) -> Self {
        let mut words = Words { sql, at: 0, depth: 0 };
        let Some(first) = words.next() else { return Self::Other { format: None, insert: false } };
        if first.is(sql, "INSERT") {
            return insert(sql, words);
        }
        let opens = first.is(sql, "SELECT") || first.is(sql, "WITH") || first.is(sql, "FROM") || first.is(sql, "(");
        let format = trailing_format(sql, words);
        if opens { Self::Select { format } } else { Self::Other { format, insert: false } }
    }

    /// Whether this is an INSERT that says FORMAT or VALUES, after which only data can come.
    pub(crate) fn has_data(&self, sql: &[u8]) -> bool {
        matches!(self, Self::InsertData { head, .. } if *head < sql.len())
    }

    /// Whether this is an INSERT of either kind.
    pub(crate) fn is_insert(&self) -> bool {
        matches!(self, Self::InsertData { .. } | Self::Other { insert: true, .. })
    }
}

/// Whether the result may have rows beside the ordinary ones (totals, extremes), which blocks on their own cannot place, be
/// wrapped as a whole, or go to a file: such results are not streamed. Says so too often rather than too seldom.
pub(crate) fn needs_whole_result(sql: &[u8]) -> bool {
    let lower = sql.to_ascii_lowercase();
    ["totals", "extremes", "array_of_rows", "into"].iter().any(|word| memmem::find(&lower, word.as_bytes()).is_some())
}

/// A word, or a sign of one byte, at depth `depth` of parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    start: usize,
    end: usize,
    depth: usize,
}

impl Word {
    fn text<'a>(&self, sql: &'a [u8]) -> &'a [u8] {
        &sql[self.start..self.end]
    }

    fn is(&self, sql: &[u8], expected: &str) -> bool {
        self.text(sql).eq_ignore_ascii_case(expected.as_bytes())
    }

    fn is_name(&self, sql: &[u8]) -> bool {
        self.text(sql).first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    }
}

/// Splits a text into words and signs; comments and quoted text are skipped as a whole.
struct Words<'a> {
    sql: &'a [u8],
    at: usize,
    depth: usize,
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        self.skip_blank();
        let start = self.at;
        let byte = *self.sql.get(start)?;
        let depth = self.depth;
        self.at = match byte {
            b'\'' | b'"' | b'`' => self.quoted_end(byte),
            _ if is_word_byte(byte) => start + self.sql[start..].iter().take_while(|byte| is_word_byte(**byte)).count(),
            _ => start + 1,
        };
        match byte {
            b'(' | b'[' => self.depth += 1,
            b')' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Some(Word { start, end: self.at, depth })
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

impl Words<'_> {
    fn skip_blank(&mut self) {
        loop {
            let rest = &self.sql[self.at..];
            let skipped = if rest.first().is_some_and(u8::is_ascii_whitespace) {
                1
            } else if rest.starts_with(b"--") || rest.starts_with(b"# ") || rest.starts_with(b"#!") {
                memchr::memchr(b'\n', rest).unwrap_or(rest.len())
            } else if rest.starts_with(b"/*") {
                comment_length(rest)
            } else {
                return;
            };
            self.at += skipped;
        }
    }

    /// The end of a quoted text that begins at `at`; a doubled quote or a backslash before it does not end it.
    fn quoted_end(&self, quote: u8) -> usize {
        let mut at = self.at + 1;
        while let Some(offset) = memchr::memchr2(quote, b'\\', self.sql.get(at..).unwrap_or_default()) {
            at += offset;
            if self.sql[at] == b'\\' || self.sql.get(at + 1) == Some(&quote) {
                at += 2;
            } else {
                return at + 1;
            }
        }
        self.sql.len()
    }
}

/// Length of a comment that begins `text`; ClickHouse nests them.
fn comment_length(text: &[u8]) -> usize {
    let (mut at, mut open) = (2, 1);
    while open > 0 {
        let Some(offset) = memchr::memchr2(b'*', b'/', &text[at..]) else { return text.len() };
        at += offset;
        match &text[at..(at + 2).min(text.len())] {
            b"*/" => (open, at) = (open - 1, at + 2),
            b"/*" => (open, at) = (open + 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// The name in a FORMAT clause at the end: `FORMAT name`, then nothing, `;` or SETTINGS.
fn trailing_format(sql: &[u8], words: Words<'_>) -> Option<String> {
    let words: Vec<Word> = words.filter(|word| word.depth == 0).collect();
    let at = words.iter().rposition(|word| word.is(sql, "FORMAT"))?;
    let name = words.get(at + 1).filter(|name| name.is_name(sql))?;
    let ends = words.get(at + 2).is_none_or(|next| next.is(sql, ";") || next.is(sql, "SETTINGS"));
    ends.then(|| String::from_utf8_lossy(name.text(sql)).into_owned())
}

/// `INSERT` seen: finds FORMAT, VALUES or SELECT after the table's name.
fn insert(sql: &[u8], words: Words<'_>) -> Statement {
    let mut words = words.filter(|word| word.depth == 0).peekable();
    words.next_if(|word| word.is(sql, "INTO"));
    words.next_if(|word| word.is(sql, "TABLE"));
    words.next_if(|word| word.is(sql, "FUNCTION"));
    // The table may bear a keyword's name, so its words are passed over unseen.
    words.next();
    while words.next_if(|word| word.is(sql, ".")).is_some() {
        words.next();
    }
    while let Some(word) = words.next() {
        if word.is(sql, "SELECT") || word.is(sql, "WITH") || word.is(sql, "INFILE") {
            return Statement::Other { format: None, insert: true };
        }
        if word.is(sql, "VALUES") {
            return Statement::InsertData { head: word.start, format: "Values".to_owned(), data: word.end };
        }
        if word.is(sql, "FORMAT")
            && let Some(name) = words.peek()
        {
            let format = String::from_utf8_lossy(name.text(sql)).into_owned();
            return Statement::InsertData { head: word.start, format, data: name.end };
        }
    }
    Statement::InsertData { head: sql.len(), format: "Values".to_owned(), data: sql.len() }
}

/// What follows the format's name and belongs to the data: blanks and one line end do not.
pub(crate) fn inline_data(after_format: &[u8]) -> &[u8] {
    let blanks = after_format.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c)).count();
    let rest = &after_format[blanks..];
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    rest.strip_prefix(b"\n").unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_select(sql: &str, format: Option<&str>) {
        assert_eq!(Statement::of(sql.as_bytes()), Statement::Select { format: format.map(str::to_owned) }, "{sql}");
    }

    #[track_caller]
    fn check_insert(sql: &str, head: &str, format: &str, data: &str) {
        let Statement::InsertData { head: end, format: found, data: begin } = Statement::of(sql.as_bytes()) else {
            panic!("'{sql}' has data");
        };
        assert_eq!((&sql[..end], found.as_str(), &sql[begin..]), (head, format, data), "{sql}");
    }

    #[test]
    fn a_trailing_format_is_found() {
        check_select("SELECT 1 FORMAT JSON", Some("JSON"));
        check_select("select 1\nformat jsoneachrow ; -- end", Some("jsoneachrow"));
        check_select("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", Some("CSV"));
        check_select("(SELECT 1) UNION ALL (SELECT 2) FORMAT Native", Some("Native"));
    }

    #[test]
    fn other_formats_are_not_clauses() {
        check_select("SELECT format('{}', x) AS format FROM t", None);
        check_select("SELECT 1 AS format SETTINGS max_threads = 1", None);
        check_select("SELECT 'a FORMAT JSON'", None);
        check_select("SELECT 'it''s \\' FORMAT JSON'", None);
        check_select("SELECT 1 /* a /* nested */ FORMAT JSON */", None);
        check_select("SELECT 1 -- FORMAT JSON", None);
        check_select("SELECT `a\\` FORMAT JSON`", None);
    }

    #[test]
    fn the_first_word_decides_what_can_be_streamed() {
        check_select("WITH 1 AS x SELECT x", None);
        check_select("/* why */ FROM t SELECT a", None);
        let other = |format| Statement::Other { format, insert: false };
        assert_eq!(Statement::of(b"SHOW TABLES FORMAT JSON"), other(Some("JSON".to_owned())));
        assert_eq!(Statement::of(b"  "), other(None));
    }

    #[test]
    fn an_inserts_data_begins_after_its_format() {
        check_insert("INSERT INTO d.t (a, b) FORMAT RowBinary", "INSERT INTO d.t (a, b) ", "RowBinary", "");
        check_insert("INSERT INTO `format`.values VALUES (1)", "INSERT INTO `format`.values ", "Values", " (1)");
        check_insert("insert into t format CSV\n1,2", "insert into t ", "CSV", "\n1,2");
        check_insert(
            "INSERT INTO t SETTINGS a = 'FORMAT x' FORMAT TSV\n1",
            "INSERT INTO t SETTINGS a = 'FORMAT x' ",
            "TSV",
            "\n1",
        );
        check_insert("INSERT INTO t (a)", "INSERT INTO t (a)", "Values", "");
    }

    #[test]
    fn an_insert_from_a_query_has_no_data() {
        let expected = Statement::Other { format: None, insert: true };
        assert_eq!(Statement::of(b"INSERT INTO t SELECT 1 FORMAT Null"), expected);
        assert_eq!(Statement::of(b"INSERT INTO t (a) WITH 1 AS x SELECT x"), expected);
    }

    #[test]
    fn one_line_end_after_the_format_is_no_data() {
        assert_eq!(inline_data(b" \t\r\n\nx"), b"\nx");
        assert_eq!(inline_data(b"\n\x0a"), b"\x0a");
        assert_eq!(inline_data(b""), b"");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(sql in "(?s)(INSERT INTO |SELECT |FORMAT |VALUES |['`\"\\\\(/*#;.-]|.){0,40}") {
            let sql = sql.as_bytes();
            if let Statement::InsertData { head, data, .. } = Statement::of(sql) {
                assert!(head <= data && data <= sql.len());
            }
            needs_whole_result(sql);
        }
    }

    #[test]
    fn torn_text_ends_quietly() {
        for sql in ["'", "SELECT '\\", "SELECT /*", "SELECT `", "INSERT", "INSERT INTO", "INSERT INTO t FORMAT", "/*/"]
        {
            Statement::of(sql.as_bytes());
        }
    }
}
