//! What the engine process has to know of output formats: their content type, and how blocks of one join.

/// ClickHouse's format when a request names none.
pub(crate) const DEFAULT: &str = "TabSeparated";

/// How the blocks of a streamed result, each a document of its own, become one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joining {
    /// Put one after the other.
    Plain,
    /// Each begins with the same CSV header record; only the first keeps it.
    CsvHeader,
    /// Each begins with the same header line; only the first keeps it.
    LineHeader,
    /// Each begins with the same schema message and ends with a mark; only the first keeps the one, the last the other.
    ArrowStream,
    /// They do not join: the result is built as a whole.
    Whole,
}

impl Joining {
    /// The way for a format; names are matched as the engine does, without regard to case.
    pub(crate) fn of(format: &str) -> Self {
        match format.to_ascii_lowercase().as_str() {
            "jsoneachrow" | "jsonlines" | "ndjson" | "native" | "rowbinary" | "csv" | "tsv" | "tabseparated"
            | "tsvraw" | "tabseparatedraw" => Self::Plain,
            "csvwithnames" => Self::CsvHeader,
            "tsvwithnames" | "tabseparatedwithnames" => Self::LineHeader,
            "arrowstream" => Self::ArrowStream,
            _ => Self::Whole,
        }
    }

    /// What all of a result's blocks end with, and the result itself once.
    pub(crate) fn footer(self) -> &'static [u8] {
        match self {
            // The length of the next message is 0.
            Self::ArrowStream => &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            Self::Plain | Self::CsvHeader | Self::LineHeader | Self::Whole => &[],
        }
    }

    /// Length of the header that `block` begins with.
    pub(crate) fn header_length(self, block: &[u8]) -> usize {
        match self {
            Self::Plain | Self::Whole => 0,
            // A mark, the length of the message behind it, and the message. A schema has no body.
            Self::ArrowStream => match block {
                [0xff, 0xff, 0xff, 0xff, a, b, c, d, rest @ ..] => {
                    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                    if length <= rest.len() { 8 + length } else { 0 }
                }
                _ => 0,
            },
            Self::LineHeader => memchr::memchr(b'\n', block).map_or(block.len(), |end| end + 1),
            Self::CsvHeader => {
                // A line feed inside quotes belongs to a column's name; a doubled quote toggles twice.
                let mut quoted = false;
                let end = block.iter().position(|byte| {
                    quoted ^= *byte == b'"';
                    *byte == b'\n' && !quoted
                });
                end.map_or(block.len(), |end| end + 1)
            }
        }
    }
}

/// The `Content-Type` that ClickHouse's HTTP interface gives a format.
pub(crate) fn content_type(format: &str) -> &'static str {
    let lower = format.to_ascii_lowercase();
    match lower.as_str() {
        "jsoneachrow" | "jsonlines" | "ndjson" | "prettyjsoneachrow" | "prettyjsonlines" | "prettyndjson" => {
            "application/x-ndjson; charset=UTF-8"
        }
        "xml" => "application/xml; charset=UTF-8",
        "markdown" | "md" => "text/markdown; charset=UTF-8",
        "prometheus" => "text/plain; version=0.0.4; charset=UTF-8",
        "csvwithnames" | "csvwithnamesandtypes" => "text/csv; charset=UTF-8; header=present",
        "csv" => "text/csv; charset=UTF-8; header=absent",
        "native" | "parquet" | "arrow" | "arrowstream" | "orc" | "avro" | "msgpack" | "protobuf" | "protobufsingle"
        | "capnproto" | "bsoneachrow" | "npy" => "application/octet-stream",
        _ if lower.starts_with("rowbinary") => "application/octet-stream",
        _ if lower.starts_with("json") => "application/json; charset=UTF-8",
        _ if lower.starts_with("tsv") || lower.starts_with("tabseparated") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        _ => "text/plain; charset=UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_header_may_hold_line_feeds_and_quotes() {
        let block = b"\"a\nb\"\"c\",\"d\"\n0,1\n";
        assert_eq!(Joining::of("csvWithNames").header_length(block), 13);
        assert_eq!(Joining::CsvHeader.header_length(b"\"a\"\r\n0\r\n"), 5);
    }

    #[test]
    fn a_header_may_be_all_there_is() {
        assert_eq!(Joining::of("TSVWithNames").header_length(b"a\tb\n"), 4);
        assert_eq!(Joining::CsvHeader.header_length(b"\"a\"\n"), 4);
    }

    #[test]
    fn a_stream_of_arrow_begins_with_its_schema() {
        let block = [&[0xff; 4][..], &[2, 0, 0, 0], b"ab", &[0xff; 4], &[0; 4]].concat();
        assert_eq!(Joining::of("ArrowStream").header_length(&block), 10);
        assert!(block.ends_with(Joining::ArrowStream.footer()));
        assert_eq!(Joining::ArrowStream.header_length(&block[..9]), 0);
        assert_eq!(Joining::ArrowStream.header_length(b"no"), 0);
    }

    #[test]
    fn documents_are_not_streamed() {
        for format in ["JSON", "JSONCompact", "Parquet", "Arrow", "Pretty", "Prometheus", "CSVWithNamesAndTypes"] {
            assert_eq!(Joining::of(format), Joining::Whole, "{format}");
        }
    }

    #[test]
    fn content_types_are_clickhouses() {
        assert_eq!(content_type("JSON"), "application/json; charset=UTF-8");
        assert_eq!(content_type("JSONEachRow"), "application/x-ndjson; charset=UTF-8");
        assert_eq!(content_type("TabSeparated"), "text/tab-separated-values; charset=UTF-8");
        assert_eq!(content_type("RowBinaryWithNames"), "application/octet-stream");
    }
}
