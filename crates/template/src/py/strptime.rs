//! `datetime.strptime`, as far as differences between two dates need it.

use super::digits;
use super::text::is_space;

/// A point in time, in microseconds since 1970-01-01 of its own clock, and its offset from UTC if the text has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) micros: i64,
    pub(crate) offset_micros: Option<i64>,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

#[derive(Clone, Copy)]
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// `Some(true)` for PM.
    pm: Option<bool>,
    day_of_year: Option<i64>,
    offset_micros: Option<i64>,
}

/// Parses `text`; `None` when it does not match `format` or names no real date.
pub(crate) fn parse(text: &str, format: &str) -> Option<Moment> {
    let start = Fields {
        year: 1900,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
        pm: None,
        day_of_year: None,
        offset_micros: None,
    };
    matches(text, format, start).and_then(Fields::moment)
}

/// Tries the ways `format` can match all of `text`, longest piece first, as the regular expression does.
fn matches(text: &str, format: &str, fields: Fields) -> Option<Fields> {
    let mut chars = format.chars();
    let Some(c) = chars.next() else {
        return text.is_empty().then_some(fields);
    };
    if is_space(c) {
        let format = chars.as_str().trim_start_matches(is_space);
        let rest = text.trim_start_matches(is_space);
        return if rest.len() < text.len() { matches(rest, format, fields) } else { None };
    }
    if c != '%' {
        let first = text.chars().next().filter(|t| t.to_lowercase().eq(c.to_lowercase()))?;
        return matches(&text[first.len_utf8()..], chars.as_str(), fields);
    }
    let directive = chars.next()?;
    let format = chars.as_str();
    if directive == '%' {
        return matches(text.strip_prefix('%')?, format, fields);
    }
    pieces(text, directive).into_iter().find_map(|len| {
        let piece = digits::to_ascii(&text[..len]);
        let fields = fields.with(directive, &piece)?;
        matches(&text[len..], format, fields)
    })
}

/// The lengths, in bytes, that `directive` may take from the start of `text`, in order of preference.
fn pieces(text: &str, directive: char) -> Vec<usize> {
    let lengths: Vec<usize> = text.char_indices().map(|(i, c)| i + c.len_utf8()).collect();
    let count = |max: usize| -> usize { text.chars().take(max).take_while(|c| digits::is_digit(*c)).count() };
    let up_to = |n: usize| (1..=n).rev().map(|k| lengths[k - 1]).collect::<Vec<_>>();
    let exactly = |n: usize| if count(n) == n { vec![lengths[n - 1]] } else { Vec::new() };
    let name = |names: &[&str], short: bool| -> Vec<usize> {
        let lower = text.to_lowercase();
        let found = names.iter().map(|n| if short { &n[..3] } else { n });
        found.filter(|n| lower.starts_with(*n) && text.is_char_boundary(n.len())).map(|n| n.len()).take(1).collect()
    };
    match directive {
        'Y' | 'G' => exactly(4),
        'y' => exactly(2),
        'j' => up_to(count(3)),
        'f' => up_to(text.bytes().take(6).take_while(u8::is_ascii_digit).count()),
        'd' | 'm' | 'H' | 'I' | 'M' | 'S' => up_to(count(2)),
        'b' => name(&MONTHS, true),
        'B' => name(&MONTHS, false),
        'a' => name(&DAYS, true),
        'A' => name(&DAYS, false),
        'p' => name(&["am", "pm"], false),
        'z' => offset_pieces(text),
        'Z' => name(&["utc", "gmt"], false),
        _ => Vec::new(),
    }
}

/// `Z`, `+HHMM`, `+HH:MM`, with optional seconds and fraction.
fn offset_pieces(text: &str) -> Vec<usize> {
    if text.starts_with(['Z', 'z']) {
        return vec![1];
    }
    let bytes = text.as_bytes();
    let shape = |pattern: &str| {
        bytes.len() >= pattern.len()
            && pattern.bytes().zip(bytes).all(|(p, b)| match p {
                b'd' => b.is_ascii_digit(),
                b's' => *b == b'+' || *b == b'-',
                p => p == *b,
            })
    };
    ["sdd:dd:dd", "sdddddd", "sdd:dd", "sdddd"].into_iter().filter(|p| shape(p)).map(str::len).collect()
}

impl Fields {
    fn with(mut self, directive: char, piece: &str) -> Option<Fields> {
        let number = piece.parse::<i64>().unwrap_or(0);
        let within = |low: i64, high: i64| (low..=high).contains(&number).then_some(number);
        match directive {
            'Y' | 'G' => self.year = number,
            // POSIX: 69 to 99 are the last century.
            'y' => self.year = number + if number >= 69 { 1900 } else { 2000 },
            'm' => self.month = within(1, 12)?,
            'd' => self.day = within(1, 31)?,
            'H' => self.hour = within(0, 23)?,
            'I' => self.hour = within(1, 12)?,
            'M' => self.minute = within(0, 59)?,
            'S' => self.second = within(0, 61)?,
            'j' => self.day_of_year = Some(within(1, 366)?),
            'f' => self.micros = format!("{piece:0<6}").parse().ok()?,
            'b' | 'B' => self.month = 1 + position(&MONTHS, piece)?,
            'p' => self.pm = Some(piece.eq_ignore_ascii_case("pm")),
            'z' => self.offset_micros = Some(offset(piece)?),
            _ => {}
        }
        Some(self)
    }

    fn moment(self) -> Option<Moment> {
        let hour = match self.pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        if self.year < 1 || self.second > 59 {
            return None;
        }
        let days = match self.day_of_year {
            Some(day) => days_from_civil(self.year, 1, 1) + day - 1,
            None if self.day > days_in_month(self.year, self.month) => return None,
            None => days_from_civil(self.year, self.month, self.day),
        };
        let seconds = ((days * 24 + hour) * 60 + self.minute) * 60 + self.second;
        Some(Moment { micros: seconds * 1_000_000 + self.micros, offset_micros: self.offset_micros })
    }
}

fn position(names: &[&str], piece: &str) -> Option<i64> {
    let piece = piece.to_lowercase();
    names.iter().position(|n| n.starts_with(&piece)).map(|i| i as i64)
}

fn offset(piece: &str) -> Option<i64> {
    if piece.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let plain: String = piece[1..].chars().filter(|c| *c != ':').collect();
    let part = |i: usize| plain.get(i..i + 2).map_or(Some(0), |t| t.parse::<i64>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    let micros = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000;
    Some(if piece.starts_with('-') { -micros } else { micros })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str, format: &str) -> Option<i64> {
        parse(text, format).map(|m| m.micros / 1_000_000)
    }

    #[test]
    fn known_dates() {
        assert_eq!(seconds("1970-01-01", "%Y-%m-%d"), Some(0));
        assert_eq!(seconds("2020-02-29 12:30:45", "%Y-%m-%d %H:%M:%S"), Some(1_582_979_445));
        assert_eq!(seconds("01 Feb 2024", "%d %b %Y"), Some(1_706_745_600));
        assert_eq!(seconds("2024-032", "%Y-%j"), Some(1_706_745_600));
        assert_eq!(seconds("1:05 PM", "%I:%M %p"), seconds("13:05", "%H:%M"));
    }

    #[test]
    fn refuses_what_is_no_date() {
        assert_eq!(parse("2023-02-29", "%Y-%m-%d"), None);
        assert_eq!(parse("2023-13-01", "%Y-%m-%d"), None);
        assert_eq!(parse("2023-01-01 ", "%Y-%m-%d"), None);
        assert_eq!(parse("2023-01-01", "%Y-%m-%d %H"), None);
    }

    #[test]
    fn digits_are_shared_out_by_backtracking() {
        assert_eq!(parse("2020111", "%Y%m%d"), parse("2020-11-1", "%Y-%m-%d"));
    }
}
