//! The words that give a query its shape. All others are names to us.

/// A keyword that the outline needs to know, in the engine's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Keyword {
    All,
    And,
    Anti,
    Any,
    Array,
    As,
    Asc,
    Asof,
    Between,
    By,
    Case,
    Collate,
    Cross,
    Cube,
    Desc,
    Describe,
    Distinct,
    Div,
    Else,
    End,
    Except,
    Explain,
    Fetch,
    Fill,
    Final,
    For,
    Format,
    From,
    Full,
    Global,
    Group,
    Having,
    Ilike,
    In,
    Inner,
    Interpolate,
    Intersect,
    Interval,
    Into,
    Is,
    Join,
    Left,
    Like,
    Limit,
    Local,
    Materialized,
    Mod,
    Natural,
    Not,
    Null,
    Offset,
    On,
    Or,
    Order,
    Outer,
    Outfile,
    Over,
    Partition,
    Paste,
    Prewhere,
    Qualify,
    Recursive,
    Regexp,
    Replace,
    Right,
    Rollup,
    Sample,
    Select,
    Semi,
    Settings,
    Step,
    Strict,
    Table,
    Then,
    Ties,
    To,
    Top,
    Totals,
    Union,
    Using,
    Uuid,
    Values,
    When,
    Where,
    Window,
    With,
}

/// Spellings in lower case, by their length: every word of every text is looked up here.
const BY_LENGTH: &[&[(&str, Keyword)]] = &[
    &[],
    &[],
    &[
        ("as", Keyword::As),
        ("by", Keyword::By),
        ("in", Keyword::In),
        ("is", Keyword::Is),
        ("on", Keyword::On),
        ("or", Keyword::Or),
        ("to", Keyword::To),
    ],
    &[
        ("all", Keyword::All),
        ("and", Keyword::And),
        ("any", Keyword::Any),
        ("asc", Keyword::Asc),
        ("div", Keyword::Div),
        ("end", Keyword::End),
        ("for", Keyword::For),
        ("mod", Keyword::Mod),
        ("not", Keyword::Not),
        ("top", Keyword::Top),
    ],
    &[
        ("anti", Keyword::Anti),
        ("asof", Keyword::Asof),
        ("case", Keyword::Case),
        ("cube", Keyword::Cube),
        ("desc", Keyword::Desc),
        ("else", Keyword::Else),
        ("fill", Keyword::Fill),
        ("from", Keyword::From),
        ("full", Keyword::Full),
        ("into", Keyword::Into),
        ("join", Keyword::Join),
        ("left", Keyword::Left),
        ("like", Keyword::Like),
        ("null", Keyword::Null),
        ("over", Keyword::Over),
        ("semi", Keyword::Semi),
        ("step", Keyword::Step),
        ("then", Keyword::Then),
        ("ties", Keyword::Ties),
        ("uuid", Keyword::Uuid),
        ("when", Keyword::When),
        ("with", Keyword::With),
    ],
    &[
        ("array", Keyword::Array),
        ("cross", Keyword::Cross),
        ("fetch", Keyword::Fetch),
        ("final", Keyword::Final),
        ("group", Keyword::Group),
        ("ilike", Keyword::Ilike),
        ("inner", Keyword::Inner),
        ("limit", Keyword::Limit),
        ("local", Keyword::Local),
        ("order", Keyword::Order),
        ("outer", Keyword::Outer),
        ("paste", Keyword::Paste),
        ("right", Keyword::Right),
        ("table", Keyword::Table),
        ("union", Keyword::Union),
        ("using", Keyword::Using),
        ("where", Keyword::Where),
    ],
    &[
        ("except", Keyword::Except),
        ("format", Keyword::Format),
        ("global", Keyword::Global),
        ("having", Keyword::Having),
        ("offset", Keyword::Offset),
        ("regexp", Keyword::Regexp),
        ("rollup", Keyword::Rollup),
        ("sample", Keyword::Sample),
        ("select", Keyword::Select),
        ("strict", Keyword::Strict),
        ("totals", Keyword::Totals),
        ("values", Keyword::Values),
        ("window", Keyword::Window),
    ],
    &[
        ("between", Keyword::Between),
        ("collate", Keyword::Collate),
        ("explain", Keyword::Explain),
        ("natural", Keyword::Natural),
        ("outfile", Keyword::Outfile),
        ("qualify", Keyword::Qualify),
        ("replace", Keyword::Replace),
    ],
    &[
        ("describe", Keyword::Describe),
        ("distinct", Keyword::Distinct),
        ("interval", Keyword::Interval),
        ("prewhere", Keyword::Prewhere),
        ("settings", Keyword::Settings),
    ],
    &[
        ("ascending", Keyword::Asc),
        ("intersect", Keyword::Intersect),
        ("partition", Keyword::Partition),
        ("recursive", Keyword::Recursive),
    ],
    &[("descending", Keyword::Desc)],
    &[("interpolate", Keyword::Interpolate)],
    &[("materialized", Keyword::Materialized)],
];

impl Keyword {
    /// The keyword that a bare word spells, in any case.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let bytes = word.as_bytes();
        let first = bytes.first()?.to_ascii_lowercase();
        let words = BY_LENGTH.get(bytes.len())?;
        let spelled = |spelling: &str| spelling.as_bytes()[0] == first && spelling.eq_ignore_ascii_case(word);
        words.iter().find(|(spelling, _)| spelled(spelling)).map(|(_, keyword)| *keyword)
    }

    /// A word that stands between two operands.
    pub(crate) fn is_infix(self) -> bool {
        matches!(
            self,
            Self::And
                | Self::Or
                | Self::Div
                | Self::Mod
                | Self::Like
                | Self::Ilike
                | Self::Regexp
                | Self::Between
                | Self::Then
                | Self::When
                | Self::Else
                | Self::Collate
        )
    }

    /// A word that names a table without AS before it, although it is a keyword elsewhere.
    pub(crate) fn may_be_alias(self) -> bool {
        matches!(
            self,
            Self::Cube
                | Self::Describe
                | Self::Explain
                | Self::Fill
                | Self::For
                | Self::Materialized
                | Self::Outfile
                | Self::Partition
                | Self::Recursive
                | Self::Replace
                | Self::Rollup
                | Self::Step
                | Self::Strict
                | Self::Table
                | Self::Ties
                | Self::To
                | Self::Top
                | Self::Totals
                | Self::Values
        )
    }

    /// A word that may begin a join, and so is never an implicit alias of a table.
    pub(crate) fn is_join(self) -> bool {
        matches!(
            self,
            Self::Global
                | Self::Local
                | Self::Any
                | Self::All
                | Self::Asof
                | Self::Semi
                | Self::Anti
                | Self::Inner
                | Self::Left
                | Self::Right
                | Self::Full
                | Self::Cross
                | Self::Paste
                | Self::Outer
                | Self::Natural
                | Self::Join
                | Self::Array
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_stand_under_their_length() {
        for (length, words) in BY_LENGTH.iter().enumerate() {
            assert!(words.iter().all(|(spelling, _)| spelling.len() == length));
        }
        assert_eq!(Keyword::of("Select"), Some(Keyword::Select));
        assert_eq!(Keyword::of("descending"), Some(Keyword::Desc));
        assert_eq!(Keyword::of(""), None);
        assert_eq!(Keyword::of("selecting"), None);
    }
}
