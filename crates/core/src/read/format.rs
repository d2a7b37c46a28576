//! Formats of answers, and the settings that shape them.

/// A format of ClickHouse's that answers can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// ClickHouse's name of it.
    pub name: &'static str,
    /// The `Content-Type` of an answer in it.
    pub content_type: &'static str,
}

const TEXT: &str = "text/plain; charset=utf-8";
const CSV: &str = "text/csv; charset=utf-8";
const TSV: &str = "text/tab-separated-values; charset=utf-8";
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson; charset=utf-8";

/// Every format that may be asked for. The ones that write outside their answer, need a schema file or are experimental
/// are not here.
const FORMATS: &[Format] = &[
    Format { name: "JSON", content_type: JSON },
    Format { name: "JSONCompact", content_type: JSON },
    Format { name: "JSONStrings", content_type: JSON },
    Format { name: "JSONColumns", content_type: JSON },
    Format { name: "JSONColumnsWithMetadata", content_type: JSON },
    Format { name: "JSONObjectEachRow", content_type: JSON },
    Format { name: "JSONEachRow", content_type: NDJSON },
    Format { name: "JSONStringsEachRow", content_type: NDJSON },
    Format { name: "JSONCompactEachRow", content_type: NDJSON },
    Format { name: "JSONCompactEachRowWithNames", content_type: NDJSON },
    Format { name: "JSONCompactEachRowWithNamesAndTypes", content_type: NDJSON },
    Format { name: "JSONLines", content_type: NDJSON },
    Format { name: "NDJSON", content_type: NDJSON },
    Format { name: "CSV", content_type: CSV },
    Format { name: "CSVWithNames", content_type: CSV },
    Format { name: "CSVWithNamesAndTypes", content_type: CSV },
    Format { name: "TSV", content_type: TSV },
    Format { name: "TSVRaw", content_type: TSV },
    Format { name: "TSVWithNames", content_type: TSV },
    Format { name: "TSVWithNamesAndTypes", content_type: TSV },
    Format { name: "TabSeparated", content_type: TSV },
    Format { name: "TabSeparatedRaw", content_type: TSV },
    Format { name: "TabSeparatedWithNames", content_type: TSV },
    Format { name: "TabSeparatedWithNamesAndTypes", content_type: TSV },
    Format { name: "Values", content_type: TEXT },
    Format { name: "Vertical", content_type: TEXT },
    Format { name: "Pretty", content_type: TEXT },
    Format { name: "PrettyCompact", content_type: TEXT },
    Format { name: "PrettyCompactMonoBlock", content_type: TEXT },
    Format { name: "PrettyNoEscapes", content_type: TEXT },
    Format { name: "PrettySpace", content_type: TEXT },
    Format { name: "Markdown", content_type: "text/markdown; charset=utf-8" },
    Format { name: "XML", content_type: "application/xml; charset=utf-8" },
    Format { name: "Prometheus", content_type: "text/plain; version=0.0.4; charset=utf-8" },
    Format { name: "Parquet", content_type: "application/vnd.apache.parquet" },
    Format { name: "Arrow", content_type: "application/vnd.apache.arrow.file" },
    Format { name: "ArrowStream", content_type: "application/vnd.apache.arrow.stream" },
    Format { name: "ORC", content_type: "application/octet-stream" },
    Format { name: "Avro", content_type: "application/octet-stream" },
    Format { name: "Native", content_type: "application/octet-stream" },
    Format { name: "RowBinary", content_type: "application/octet-stream" },
    Format { name: "RowBinaryWithNames", content_type: "application/octet-stream" },
    Format { name: "RowBinaryWithNamesAndTypes", content_type: "application/octet-stream" },
    Format { name: "Null", content_type: TEXT },
];

impl Format {
    /// What a query without a FORMAT clause answers in.
    pub const JSON: Format = FORMATS[0];

    /// The format of this name, as a FORMAT clause gives it. Letter case counts, as for ClickHouse.
    pub fn by_name(name: &str) -> Option<Format> {
        FORMATS.iter().copied().find(|format| format.name == name)
    }

    /// Whether rows can be sent on as they come. Everything else is built as a whole before its first byte.
    pub fn is_row_stream(self) -> bool {
        matches!(
            self.name,
            "JSONEachRow"
                | "JSONLines"
                | "NDJSON"
                | "CSV"
                | "CSVWithNames"
                | "TSV"
                | "TSVRaw"
                | "TSVWithNames"
                | "TabSeparated"
                | "TabSeparatedRaw"
                | "TabSeparatedWithNames"
                | "Native"
                | "RowBinary"
        )
    }

    /// Whether the engine writes it by Arrow, which has no states of aggregate functions: it would show their addresses.
    pub fn is_arrow(self) -> bool {
        self.name.starts_with("Arrow")
    }

    /// The format that an endpoint's URL ends in.
    pub fn by_extension(extension: &str) -> Option<Format> {
        let name = match extension {
            "json" => "JSON",
            "csv" => "CSVWithNames",
            "ndjson" => "JSONEachRow",
            "parquet" => "Parquet",
            "prometheus" => "Prometheus",
            _ => return None,
        };
        Format::by_name(name)
    }
}

/// The three settings of answers that callers may choose, with the defaults of the Pipes API documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutputSettings {
    /// 64-bit and larger integers are quoted in JSON.
    pub quote_64bit_integers: bool,
    /// `inf` and `nan` are quoted in JSON; otherwise they are null.
    pub quote_denormals: bool,
    /// String columns are Parquet's String type; otherwise Binary.
    pub parquet_string_as_string: bool,
}

impl OutputSettings {
    /// The settings as the engine takes them.
    pub fn settings(self) -> [(&'static str, bool); 3] {
        [
            ("output_format_json_quote_64bit_integers", self.quote_64bit_integers),
            ("output_format_json_quote_denormals", self.quote_denormals),
            ("output_format_parquet_string_as_string", self.parquet_string_as_string),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_and_the_five_extensions() {
        assert_eq!(Format::JSON.name, "JSON");
        for extension in ["json", "csv", "ndjson", "parquet", "prometheus"] {
            assert!(Format::by_extension(extension).is_some(), "{extension}");
        }
        assert_eq!(Format::by_extension("pipe"), None);
        assert_eq!(Format::by_name("json"), None);
    }
}
