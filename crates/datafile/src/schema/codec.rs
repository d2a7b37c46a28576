//! The compression clause of a column, read completely and printed anew.

use std::fmt;

use crate::scan::{self, Kind};

/// Codecs that only compress. The encrypting ones are not among them: they read keys from the server's configuration.
const CODECS: [&str; 10] = ["NONE", "LZ4", "LZ4HC", "ZSTD", "Delta", "DoubleDelta", "Gorilla", "T64", "FPC", "GCD"];

/// `CODEC(name, name(number, ..), ..)`. Displays as the engine needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    parts: Vec<(&'static str, Vec<String>)>,
}

impl Codec {
    /// Reads the clause with its keyword.
    ///
    /// # Errors
    /// A codec that data sources cannot have, an argument that is no number, or any other text.
    pub fn parse(text: &str) -> Result<Codec, String> {
        let list = text.trim().strip_prefix("CODEC").map(str::trim).and_then(inside);
        let list = list.ok_or_else(|| format!("\"{text}\" is not CODEC(name, ...)"))?;
        scan::check_expression(list).map_err(|fault| fault.message)?;
        let parts = scan::split_list(list).into_iter().map(part).collect::<Result<_, _>>()?;
        Ok(Codec { parts })
    }
}

fn inside(text: &str) -> Option<&str> {
    text.strip_prefix('(')?.strip_suffix(')')
}

fn part(text: &str) -> Result<(&'static str, Vec<String>), String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = (&text[..end], text[end..].trim());
    let known = CODECS
        .into_iter()
        .find(|known| *known == name)
        .ok_or_else(|| format!("the codec \"{name}\" cannot be used: use one of {}", CODECS.join(", ")))?;
    if rest.is_empty() {
        return Ok((known, Vec::new()));
    }
    let numbers = inside(rest).ok_or_else(|| format!("\"{rest}\" cannot follow the codec {known}"))?;
    let numbers = scan::split_list(numbers).into_iter().map(|number| match is_number(number) {
        true => Ok(number.to_owned()),
        false => Err(format!("\"{number}\" is not a whole number, which the codec {known} takes")),
    });
    Ok((known, numbers.collect::<Result<_, _>>()?))
}

fn is_number(text: &str) -> bool {
    let kinds = scan::pieces(text).map(|pieces| pieces.into_iter().map(|piece| piece.kind).collect::<Vec<_>>());
    kinds.is_ok_and(|kinds| kinds == [Kind::Word]) && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, numbers)| match numbers.as_slice() {
                [] => (*name).to_owned(),
                numbers => format!("{name}({})", numbers.join(", ")),
            })
            .collect();
        write!(f, "CODEC({})", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_printed_from_what_was_read() {
        for (text, expected) in [
            ("CODEC(ZSTD(1))", "CODEC(ZSTD(1))"),
            ("CODEC( Delta( 4 ),LZ4 )", "CODEC(Delta(4), LZ4)"),
            ("CODEC(FPC(12, 8))", "CODEC(FPC(12, 8))"),
        ] {
            assert_eq!(Codec::parse(text).map(|codec| codec.to_string()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn other_codecs_and_texts_are_refused() {
        for text in [
            "CODEC(AES_128_GCM_SIV)",
            "CODEC(LZ4, AES_256_GCM_SIV)",
            "CODEC(ZSTD(file('/etc/hostname')))",
            "CODEC(ZSTD(1 // '\n)) ENGINE = Memory //'))",
            "CODEC(ZSTD(1), )",
            "CODEC(ZSTD(-1))",
            "CODEC(ZSTD())",
            "CODEC(ZSTD(1)) ENGINE (x)",
            "CODEC()",
            "CODEC(T64('bit'))",
            "CODEC LZ4",
        ] {
            assert!(Codec::parse(text).is_err(), "{text}");
        }
    }
}
