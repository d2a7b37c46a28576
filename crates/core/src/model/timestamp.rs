//! Timestamps as management answers show them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `YYYY-MM-DD HH:MM:SS.ffffff` in UTC: the clients cut a fixed number of characters from its end.
pub fn format_timestamp(timestamp: Timestamp) -> String {
    timestamp.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_of_fraction_always() {
        let timestamp: Timestamp = "2019-06-14T09:46:07.884855Z".parse().unwrap();
        assert_eq!(format_timestamp(timestamp), "2019-06-14 09:46:07.884855");
        assert_eq!(format_timestamp(Timestamp::UNIX_EPOCH), "1970-01-01 00:00:00.000000");
    }
}
