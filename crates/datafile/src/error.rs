//! What is wrong with a datafile, and where.

/// Why a datafile cannot be read. Displays as one line; `text`, `hint` and [`DatafileError::explain`] are for
/// showing more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct DatafileError {
    /// The file's name, as given to the parser.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The line as it stands in the file.
    pub text: String,
    /// What to do about it, as a sentence.
    pub hint: Option<String>,
}

impl DatafileError {
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> DatafileError {
        self.hint = Some(hint.into());
        self
    }

    /// The message, the line with a mark under the place, and the hint: for a terminal or an editor.
    pub fn explain(&self) -> String {
        let number = self.line.to_string();
        // Tabs stay tabs under the line, so that the mark stands right however wide they are shown.
        let indent: String =
            self.text.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let mut shown = format!("{self}\n\n{number}: {}\n{}{indent}^", self.text, " ".repeat(number.len() + 2));
        if let Some(hint) = &self.hint {
            shown.push('\n');
            shown.push_str(hint);
        }
        shown
    }
}

/// Something in a datafile that was read over, such as a keyword without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Line, from 1.
    pub line: usize,
    /// What has no effect, and what to do instead.
    pub message: String,
}
