//! What the lexer hands out: a kind and a span of bytes.

use std::ops::Range;

/// One token of a SQL text. Tokens follow each other without gaps: white space and comments are tokens too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What the engine's lexer would call it.
    pub kind: TokenKind,
    /// Bytes of the text, on character boundaries.
    pub span: Range<usize>,
}

/// The engine's token kinds, under the engine's names (`tokenizeQuery()` shows them).
///
/// What cannot be read is a token as well, so that lexing never fails and every byte has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it; they are the engine's own")]
pub enum TokenKind {
    Whitespace,
    Comment,
    BareWord,
    Number,
    StringLiteral,
    QuotedIdentifier,
    OpeningRoundBracket,
    ClosingRoundBracket,
    OpeningSquareBracket,
    ClosingSquareBracket,
    OpeningCurlyBrace,
    ClosingCurlyBrace,
    Comma,
    Semicolon,
    VerticalDelimiter,
    Dot,
    Asterisk,
    HereDoc,
    DollarSign,
    Plus,
    Minus,
    Slash,
    Percent,
    Arrow,
    QuestionMark,
    Colon,
    Caret,
    DoubleColon,
    Equals,
    NotEquals,
    Less,
    Greater,
    LessOrEquals,
    GreaterOrEquals,
    Spaceship,
    PipeMark,
    Concatenation,
    At,
    DoubleAt,
    Error,
    ErrorMultilineCommentIsNotClosed,
    ErrorSingleQuoteIsNotClosed,
    ErrorDoubleQuoteIsNotClosed,
    ErrorBackQuoteIsNotClosed,
    ErrorSingleExclamationMark,
    ErrorSinglePipeMark,
    ErrorWrongNumber,
}

impl TokenKind {
    /// White space and comments: what the engine's parser steps over.
    pub fn is_trivia(self) -> bool {
        matches!(self, Self::Whitespace | Self::Comment)
    }

    /// A token that no statement can contain.
    pub fn is_error(self) -> bool {
        matches!(
            self,
            Self::Error
                | Self::ErrorMultilineCommentIsNotClosed
                | Self::ErrorSingleQuoteIsNotClosed
                | Self::ErrorDoubleQuoteIsNotClosed
                | Self::ErrorBackQuoteIsNotClosed
                | Self::ErrorSingleExclamationMark
                | Self::ErrorSinglePipeMark
                | Self::ErrorWrongNumber
        )
    }

    /// A word or a quoted identifier: what may name something.
    pub fn is_name(self) -> bool {
        matches!(self, Self::BareWord | Self::QuotedIdentifier)
    }

    /// A string, in quotes or as a heredoc.
    pub fn is_string(self) -> bool {
        matches!(self, Self::StringLiteral | Self::HereDoc)
    }

    /// A string or a number.
    pub fn is_literal(self) -> bool {
        self.is_string() || self == Self::Number
    }

    /// `(`, `[` or `{`.
    pub fn is_opening(self) -> bool {
        matches!(self, Self::OpeningRoundBracket | Self::OpeningSquareBracket | Self::OpeningCurlyBrace)
    }

    /// `)`, `]` or `}`.
    pub fn is_closing(self) -> bool {
        matches!(self, Self::ClosingRoundBracket | Self::ClosingSquareBracket | Self::ClosingCurlyBrace)
    }

    /// The bracket that closes this opening one.
    pub(crate) fn closed_by(self) -> Option<Self> {
        match self {
            Self::OpeningRoundBracket => Some(Self::ClosingRoundBracket),
            Self::OpeningSquareBracket => Some(Self::ClosingSquareBracket),
            Self::OpeningCurlyBrace => Some(Self::ClosingCurlyBrace),
            _ => None,
        }
    }
}
