//! Replacements of spans of a text, collected in any order.

use std::borrow::Cow;
use std::ops::Range;

/// Spans with what takes their place. Spans do not overlap; several insertions at one place keep their order.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    edits: Vec<(Range<usize>, Cow<'static, str>)>,
}

impl Edits {
    pub(crate) fn put(&mut self, span: Range<usize>, text: impl Into<Cow<'static, str>>) {
        self.edits.push((span, text.into()));
    }

    /// Whether a span is replaced already.
    pub(crate) fn touches(&self, span: &Range<usize>) -> bool {
        self.edits.iter().any(|(edited, _)| edited.start < span.end && span.start < edited.end)
    }

    /// The text with all edits.
    pub(crate) fn apply(mut self, text: &str) -> String {
        self.edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut edited = String::with_capacity(text.len() + 64 * self.edits.len());
        let mut done = 0;
        for (span, put) in &self.edits {
            edited.push_str(&text[done..span.start]);
            edited.push_str(put);
            done = span.end;
        }
        edited.push_str(&text[done..]);
        edited
    }
}
