//! `{% whitespace MODE %}`: how literal text is thinned out.

use std::borrow::Cow;

use crate::py::text::is_space;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Text stays as it is.
    All,
    /// Runs of spaces become one space, blanks around line breaks one line break.
    Single,
    /// Any run of blanks becomes one space.
    OneLine,
}

impl Mode {
    pub(crate) fn from_name(name: &str) -> Option<Mode> {
        Some(match name {
            "all" => Mode::All,
            "single" => Mode::Single,
            "oneline" => Mode::OneLine,
            _ => return None,
        })
    }

    pub(crate) fn default_for(name: &str) -> Mode {
        if name.ends_with(".html") || name.ends_with(".js") { Mode::Single } else { Mode::All }
    }
}

/// Applies `mode` to one piece of literal text.
pub(crate) fn apply(mode: Mode, text: &str) -> Cow<'_, str> {
    if mode == Mode::All || text.contains("<pre>") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !is_space(c) {
            let len = rest.find(is_space).unwrap_or(rest.len());
            out.push_str(&rest[..len]);
            rest = &rest[len..];
            continue;
        }
        let len = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
        let blank = &rest[..len];
        match mode {
            Mode::OneLine => out.push(' '),
            _ if blank.contains('\n') => out.push('\n'),
            _ => push_single(&mut out, blank),
        }
        rest = &rest[len..];
    }
    Cow::Owned(out)
}

/// Runs of spaces and tabs become one space; other blanks stay.
fn push_single(out: &mut String, blank: &str) {
    let mut in_run = false;
    for c in blank.chars() {
        let space = c == ' ' || c == '\t';
        if !space {
            out.push(c);
        } else if !in_run {
            out.push(' ');
        }
        in_run = space;
    }
}
