//! The shape of a text: what is left of it when ordinary literals are taken out.
//!
//! Two texts of one shape get one verdict, so a literal is left out only where it can be nothing but a value: behind
//! an operator, a bracket, a comma or a keyword of an expression, and not among the arguments of anything that could
//! read it as a name, a type or a pattern. When in doubt it stays.

use crate::allow::{functions, table_functions};
use crate::keyword::Keyword;
use crate::refusal::Refusal;
use crate::text::Text;
use crate::token::TokenKind;

/// Stands for a literal that was left out. No token kind has this number.
const VALUE: u8 = 0xff;

/// What a comma takes in a shape: its kind, its length, itself.
const COMMA_LENGTH: usize = 1 + 4 + 1;

/// Appends the shape of a text.
pub(crate) fn write_shape(sql: &str, key: &mut Vec<u8>) -> Result<(), Refusal> {
    let text = Text::read(sql)?;
    let mut shape = Shape { text: &text, key, levels: vec![Level::default()], value: None, settings: false };
    for at in 0..text.len() {
        shape.step(at);
    }
    Ok(())
}

struct Shape<'t, 'a, 'k> {
    text: &'t Text<'a>,
    key: &'k mut Vec<u8>,
    /// The text itself and each open bracket.
    levels: Vec<Level>,
    /// The last literal that was left out.
    value: Option<usize>,
    /// Behind SETTINGS everything stays up to the end: names and values mean what they say.
    settings: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Literals stay whatever stands before them.
    keeps: bool,
    part: Part,
}

/// Which part of a SELECT is being read. In FROM the engine takes even a string for a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Expressions,
    From,
    On,
}

impl Shape<'_, '_, '_> {
    fn step(&mut self, at: usize) {
        let lexeme = self.text.lexemes[at];
        if lexeme.kind.is_closing() {
            self.levels.pop();
        }
        if lexeme.kind.is_opening() {
            let level = Level { keeps: self.keeps_literals(at), part: self.part_inside(at) };
            self.levels.push(level);
        }
        self.enter_part(lexeme.kind, lexeme.keyword);
        if lexeme.kind.is_literal() && self.is_value(at) {
            if !self.repeats_value(at, lexeme.kind) {
                self.key.extend([VALUE, lexeme.kind as u8]);
            }
            self.value = Some(at);
            return;
        }
        let raw = self.text.raw(at).as_bytes();
        self.key.push(lexeme.kind as u8);
        self.key.extend(u32::try_from(raw.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.key.extend(raw);
    }

    fn level(&self) -> Level {
        self.levels.last().copied().unwrap_or(Level { keeps: true, part: Part::From })
    }

    fn enter_part(&mut self, kind: TokenKind, keyword: Option<Keyword>) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        match keyword {
            Some(Keyword::From | Keyword::Join) => level.part = Part::From,
            Some(Keyword::On) if level.part == Part::From => level.part = Part::On,
            Some(Keyword::Settings) => self.settings = true,
            Some(keyword) if ends_from(keyword) => level.part = Part::Expressions,
            None if kind == TokenKind::Comma && level.part == Part::On => level.part = Part::From,
            _ => {}
        }
    }

    /// Brackets in FROM hold tables again, unless they belong to a name.
    fn part_inside(&self, open: usize) -> Part {
        let belongs_to_name = open.checked_sub(1).is_some_and(|before| {
            self.text.is_name(before) && !matches!(self.text.keyword(before), Some(Keyword::From | Keyword::Join))
        });
        match self.level().part {
            Part::From if !belongs_to_name => Part::From,
            _ => Part::Expressions,
        }
    }

    /// Whether literals between these brackets stay: in braces, and behind names that are no plain functions.
    fn keeps_literals(&self, open: usize) -> bool {
        if self.level().keeps || self.text.is(open, TokenKind::OpeningCurlyBrace) {
            return true;
        }
        let Some(before) = open.checked_sub(1) else {
            return false;
        };
        if !self.text.is(open, TokenKind::OpeningRoundBracket) || !self.text.is_name(before) {
            return false;
        }
        match self.text.keyword(before) {
            Some(Keyword::In | Keyword::And | Keyword::Or | Keyword::Not | Keyword::On | Keyword::Where) => false,
            Some(Keyword::When | Keyword::Then | Keyword::Else | Keyword::By | Keyword::Having) => false,
            Some(Keyword::Select | Keyword::From | Keyword::Join | Keyword::As | Keyword::All) => false,
            _ => {
                let name = self.text.name_text(before);
                table_functions::is_allowed(&name) || !functions::takes_plain_values(&name)
            }
        }
    }

    fn is_value(&self, at: usize) -> bool {
        let kept = self.settings || self.level().keeps || self.level().part == Part::From;
        let Some(before) = at.checked_sub(1) else {
            return false;
        };
        if kept || self.text.raw(at + 1) == "(" {
            return false;
        }
        match self.text.lexemes[before].kind {
            TokenKind::BareWord => self.text.keyword(before).is_some_and(precedes_value) && !self.is_pattern(before),
            kind => matches!(
                kind,
                TokenKind::OpeningRoundBracket
                    | TokenKind::OpeningSquareBracket
                    | TokenKind::Comma
                    | TokenKind::Plus
                    | TokenKind::Minus
                    | TokenKind::Slash
                    | TokenKind::Percent
                    | TokenKind::Asterisk
                    | TokenKind::Equals
                    | TokenKind::NotEquals
                    | TokenKind::Less
                    | TokenKind::Greater
                    | TokenKind::LessOrEquals
                    | TokenKind::GreaterOrEquals
                    | TokenKind::Concatenation
            ),
        }
    }

    /// `* LIKE 'x'` chooses columns.
    fn is_pattern(&self, before: usize) -> bool {
        let like = matches!(self.text.keyword(before), Some(Keyword::Like | Keyword::Ilike));
        like && before.checked_sub(1).is_some_and(|at| self.text.is(at, TokenKind::Asterisk))
    }

    /// `1, 2, 3` in brackets is written once.
    fn repeats_value(&mut self, at: usize, kind: TokenKind) -> bool {
        let next = self.text.kind(at + 1);
        let goes_on = next.is_some_and(|next| next == TokenKind::Comma || next.is_closing());
        let follows = at >= 2
            && self.value == Some(at - 2)
            && self.text.is(at - 1, TokenKind::Comma)
            && self.text.is(at - 2, kind)
            && self.is_whole_element(at - 2);
        if !goes_on || !follows || self.levels.len() < 2 {
            return false;
        }
        self.key.truncate(self.key.len() - COMMA_LENGTH);
        true
    }

    /// Nothing but a bracket or a comma stands before it.
    fn is_whole_element(&self, at: usize) -> bool {
        at.checked_sub(1)
            .and_then(|before| self.text.kind(before))
            .is_some_and(|kind| kind == TokenKind::Comma || kind.is_opening())
    }
}

fn ends_from(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::Select
            | Keyword::Prewhere
            | Keyword::Where
            | Keyword::Group
            | Keyword::Having
            | Keyword::Qualify
            | Keyword::Order
            | Keyword::Limit
            | Keyword::Union
            | Keyword::Intersect
    )
}

fn precedes_value(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::Select
            | Keyword::Distinct
            | Keyword::Where
            | Keyword::Prewhere
            | Keyword::Having
            | Keyword::Qualify
            | Keyword::And
            | Keyword::Or
            | Keyword::Not
            | Keyword::Then
            | Keyword::Else
            | Keyword::When
            | Keyword::Between
            | Keyword::Like
            | Keyword::Ilike
            | Keyword::Limit
            | Keyword::Offset
            | Keyword::By
            | Keyword::On
    )
}
