//! Days and points in time.
//!
//! Texts are read as the engine's `best_effort` reads the unambiguous ones: `2024-01-02`, `2024-01-02 03:04:05`, with `T`
//! instead of the space, a fraction, an offset (`Z`, `+02:00`), or digits alone (seconds since 1970, or `20240102030405`).
//! Unlike the engine, nothing is moved into range and no day that does not exist becomes another one.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::{Encoded, Reject, number};

const DAY: i64 = 86_400;
/// 1900-01-01 and the first day after 2299-12-31, in days since 1970.
const DATE32_DAYS: std::ops::Range<i64> = -25_567..120_530;

/// A point in time: seconds since 1970 UTC, and nanoseconds after that second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    seconds: i64,
    nanos: u32,
}

/// Appends a day as `Date`.
pub(super) fn write_date(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let days = days_of(parse_date(text).ok_or(Reject::NotOfType)?);
    let days = u16::try_from(days).map_err(|_| Reject::from("it is not from 1970-01-01 to 2149-06-06"))?;
    out.extend_from_slice(&days.to_le_bytes());
    Ok(())
}

/// Appends a day as `Date32`.
pub(super) fn write_date32(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let days = days_of(parse_date(text).ok_or(Reject::NotOfType)?);
    match i32::try_from(days) {
        Ok(small) if DATE32_DAYS.contains(&days) => out.extend_from_slice(&small.to_le_bytes()),
        _ => return Err("it is not from 1900-01-01 to 2299-12-31".into()),
    }
    Ok(())
}

/// Appends a text as `DateTime`; a fraction is cut off. The zone is that of texts without an offset; none is UTC.
pub(super) fn write_date_time(text: &[u8], zone: Option<&TimeZone>, out: &mut Vec<u8>) -> Encoded {
    let point = parse_point(text, zone).ok_or(Reject::NotOfType)?;
    write_seconds(point.seconds, out)
}

/// Appends seconds since 1970 as `DateTime`; a fraction is cut off.
pub(super) fn write_epoch(text: &[u8], out: &mut Vec<u8>) -> Encoded {
    write_seconds(number::small_scaled(text, 0).ok_or(Reject::NotOfType)?, out)
}

fn write_seconds(seconds: i64, out: &mut Vec<u8>) -> Encoded {
    let seconds = u32::try_from(seconds)
        .map_err(|_| Reject::from("it is not from 1970-01-01 00:00:00 to 2106-02-07 06:28:15 UTC"))?;
    out.extend_from_slice(&seconds.to_le_bytes());
    Ok(())
}

/// Appends a text as `DateTime64`; digits beyond the precision are cut off.
pub(super) fn write_date_time64(text: &[u8], precision: u8, zone: Option<&TimeZone>, out: &mut Vec<u8>) -> Encoded {
    let point = parse_point(text, zone).ok_or(Reject::NotOfType)?;
    let (per_second, nanos_per_tick) = tick(precision);
    let ticks = point.seconds.checked_mul(per_second);
    write_ticks(ticks.and_then(|ticks| ticks.checked_add(i64::from(point.nanos) / nanos_per_tick)), precision, out)
}

/// Appends a number as `DateTime64`: an integer counts the column's smallest unit (with precision 3: milliseconds), as
/// in the engine; a number with a point counts seconds.
pub(super) fn write_epoch64(text: &[u8], precision: u8, out: &mut Vec<u8>) -> Encoded {
    let scale = if text.contains(&b'.') { u32::from(precision) } else { 0 };
    write_ticks(Some(number::small_scaled(text, scale).ok_or(Reject::NotOfType)?), precision, out)
}

fn write_ticks(ticks: Option<i64>, precision: u8, out: &mut Vec<u8>) -> Encoded {
    let (per_second, _) = tick(precision);
    let is_inside = |ticks: &i64| {
        let seconds = ticks.div_euclid(per_second);
        (DATE32_DAYS.start * DAY..DATE32_DAYS.end * DAY).contains(&seconds)
    };
    let ticks = ticks.filter(is_inside).ok_or(Reject::from(match precision {
        9 => "it is not from 1900-01-01 to 2262-04-11",
        _ => "it is not from 1900-01-01 to 2299-12-31",
    }))?;
    out.extend_from_slice(&ticks.to_le_bytes());
    Ok(())
}

/// Ticks per second, and nanoseconds per tick.
fn tick(precision: u8) -> (i64, i64) {
    let precision = u32::from(precision.min(9));
    (10i64.pow(precision), 10i64.pow(9 - precision))
}

fn days_of(date: civil::Date) -> i64 {
    seconds_utc(date.at(0, 0, 0, 0)).div_euclid(DAY)
}

/// Years have four digits here, so the point is always within what a timestamp holds.
fn seconds_utc(at: civil::DateTime) -> i64 {
    Offset::UTC.to_timestamp(at).map_or(i64::MAX, jiff::Timestamp::as_second)
}

fn parse_date(text: &[u8]) -> Option<civil::Date> {
    match split_date(text)? {
        (date, []) => Some(date),
        _ => None,
    }
}

/// Splits `2024-01-02`, `2024-1-2`, `2024/01/02` or `20240102` from what follows.
fn split_date(text: &[u8]) -> Option<(civil::Date, &[u8])> {
    let (year, rest) = take_number(text, 4, 4)?;
    let (month, day, rest) = match rest {
        [separator @ (b'-' | b'/'), rest @ ..] => {
            let (month, rest) = take_number(rest, 1, 2)?;
            let (day, rest) = take_number(rest.strip_prefix(&[*separator])?, 1, 2)?;
            (month, day, rest)
        }
        rest => {
            let (month, rest) = take_number(rest, 2, 2)?;
            let (day, rest) = take_number(rest, 2, 2)?;
            (month, day, rest)
        }
    };
    let date = civil::Date::new(year as i16, month as i8, day as i8).ok()?;
    Some((date, rest))
}

/// Splits a number of that many digits from what follows.
fn take_number(text: &[u8], least: usize, most: usize) -> Option<(u32, &[u8])> {
    let digits = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < least {
        return None;
    }
    let value = text[..digits].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some((value, &text[digits..]))
}

fn parse_point(text: &[u8], zone: Option<&TimeZone>) -> Option<Point> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, &text[digits..]) {
        // Seconds, with or without a fraction; and the same in milli-, micro- and nanoseconds.
        (9 | 10, [] | [b'.', ..]) => point_from_units(text, 9),
        (13, []) => point_from_units(text, 6),
        (16, []) => point_from_units(text, 3),
        (19, []) => point_from_units(text, 0),
        (14, []) => {
            let (date, time) = split_date(text)?;
            let (hour, time) = take_number(time, 2, 2)?;
            let (minute, time) = take_number(time, 2, 2)?;
            let (second, _) = take_number(time, 2, 2)?;
            resolve(date.to_datetime(clock(hour, minute, second)?), None, zone)
        }
        _ => parse_calendar(text, zone),
    }
}

/// A count of units since 1970; ten to `power` nanoseconds are one unit.
fn point_from_units(text: &[u8], power: u32) -> Option<Point> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &[][..]),
    };
    let units: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
    let per_second = 10i64.pow(9 - power);
    let nanos = (units % per_second) * 10i64.pow(power) + i64::from(nanos_of(fraction)?);
    Some(Point { seconds: units / per_second, nanos: u32::try_from(nanos).ok()? })
}

/// The first nine digits after the point as nanoseconds.
fn nanos_of(fraction: &[u8]) -> Option<u32> {
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
}

fn clock(hour: u32, minute: u32, second: u32) -> Option<civil::Time> {
    civil::Time::new(i8::try_from(hour).ok()?, minute as i8, second as i8, 0).ok()
}

fn parse_calendar(text: &[u8], zone: Option<&TimeZone>) -> Option<Point> {
    let (date, rest) = split_date(text)?;
    let (b' ' | b'T' | b't', rest) = rest.split_first().map(|(first, rest)| (*first, rest)).unwrap_or((b' ', &[]))
    else {
        return None;
    };
    if rest.is_empty() {
        // A day alone is its midnight; "2024-01-02T" is none.
        return if text.last()?.is_ascii_digit() { resolve(date.at(0, 0, 0, 0), None, zone) } else { None };
    }
    let (hour, rest) = take_number(rest, 1, 2)?;
    let (minute, rest) = take_number(rest.strip_prefix(b":")?, 2, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => take_number(rest, 2, 2)?,
        None => (0, rest),
    };
    let (nanos, rest) = match rest.strip_prefix(b".") {
        Some(rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (if digits == 0 { None } else { nanos_of(&rest[..digits]) }?, &rest[digits..])
        }
        None => (0, rest),
    };
    let offset = parse_offset(rest.trim_ascii_start())?;
    let point = resolve(date.to_datetime(clock(hour, minute, second)?), offset, zone)?;
    Some(Point { nanos, ..point })
}

/// Seconds east of UTC; `Some(None)` when the text is empty.
fn parse_offset(text: &[u8]) -> Option<Option<i64>> {
    let (sign, rest) = match text {
        [] => return Some(None),
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = take_number(rest, 2, 2)?;
    let (minutes, rest) = match rest {
        [] => (0, rest),
        _ => take_number(rest.strip_prefix(b":").unwrap_or(rest), 2, 2)?,
    };
    let is_offset = hours <= 15 && minutes < 60 && rest.is_empty();
    is_offset.then_some(Some(sign * i64::from(hours * 3600 + minutes * 60)))
}

/// The point in time that a calendar's date and time mean.
fn resolve(at: civil::DateTime, offset: Option<i64>, zone: Option<&TimeZone>) -> Option<Point> {
    let seconds = match (offset, zone) {
        (Some(offset), _) => seconds_utc(at) - offset,
        (None, None) => seconds_utc(at),
        // Where the clock is put forward or back, the earlier reading, as the engine has it.
        (None, Some(zone)) => zone.to_ambiguous_timestamp(at).earlier().ok()?.as_second(),
    };
    Some(Point { seconds, nanos: 0 })
}
