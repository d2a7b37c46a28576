//! Each type: the values it takes and the values it refuses.

use crate::support::{decoder, ndjson, show};
use standpipe_ingest::{Batch, CsvDialect, HeaderMode};

/// Values that are stored, and as what.
fn stored(data_type: &str, cases: &[(&str, &str)]) {
    for (value, expected) in cases {
        let rows = ndjson(&format!("x {data_type}"), &format!("{{\"x\":{value}}}"));
        assert_eq!(rows, [*expected], "{data_type} {value}");
    }
}

/// Values that are quarantined, and a part of the error.
fn refused(data_type: &str, cases: &[(&str, &str)]) {
    for (value, reason) in cases {
        let rows = ndjson(&format!("x {data_type}"), &format!("{{\"x\":{value}}}"));
        assert!(rows[0].starts_with("QUARANTINE") && rows[0].contains(reason), "{data_type} {value}: {}", rows[0]);
    }
}

#[test]
fn integers() {
    stored("Int8", &[("-128", "-128"), ("127", "127"), ("-0", "0"), ("1.0", "1"), ("12e1", "120"), ("0.5e1", "5")]);
    stored("UInt8", &[("255", "255"), ("true", "1"), ("false", "0")]);
    stored("Int64", &[("9223372036854775807", "9223372036854775807"), ("\"9007199254740993\"", "9007199254740993")]);
    stored("Int64", &[("-9223372036854775808", "-9223372036854775808")]);
    stored("UInt64", &[("18446744073709551615", "18446744073709551615"), ("1e19", "10000000000000000000")]);
    stored("Int128", &[("-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728")]);
    stored("UInt128", &[("\"340282366920938463463374607431768211455\"", "340282366920938463463374607431768211455")]);
    stored("Int256", &[("-5", "-5"), ("-99999999999999999999999999", "-99999999999999999999999999")]);
    let range = "out of range";
    refused("Int8", &[("128", range), ("-129", range), ("1e400", range), ("1e999999999999999999999", range)]);
    refused(
        "Int16",
        &[("\"3\"", "'3' on column 'x' is not Int16: it is a string"), ("3.5", "fraction"), ("true", "a boolean")],
    );
    refused("UInt32", &[("-1", range), ("4294967296", range), ("[1]", "an array"), ("{}", "an object")]);
    refused(
        "UInt64",
        &[("18446744073709551616", range), ("-1", range), ("\"\"", "is not UInt64"), ("\"x\"", "not UInt64")],
    );
    refused("Int64", &[("9223372036854775808", range), ("-9223372036854775809", range), ("1e-1", "fraction")]);
    refused("UInt128", &[("340282366920938463463374607431768211456", range), ("-1", range)]);
    let too_large = format!("1{}", "0".repeat(78));
    refused("Int256", &[(too_large.as_str(), range)]);
    refused("UInt256", &[(too_large.as_str(), range), ("-1", range)]);
}

#[test]
fn floats() {
    stored(
        "Float64",
        &[("0.1", "0.1"), ("-1e300", &f64::to_string(&-1e300)), ("7", "7"), ("5e-324", &f64::to_string(&5e-324))],
    );
    stored("Float32", &[("0.1", "0.1"), ("1.00000017881393432617187499", "1.0000001"), ("1e-60", "0")]);
    stored("BFloat16", &[("1.5", "1.5")]);
    refused(
        "Float32",
        &[("1e39", "out of range"), ("\"1.5\"", "a string"), ("\"\"", "is not Float32"), ("true", "boolean")],
    );
    refused("Float64", &[("1e999", "out of range"), ("\"nan\"", "a string")]);
}

#[test]
fn decimals() {
    let cases = [("1.23", "123e-2"), ("-1.239", "-123e-2"), ("\"1.5\"", "150e-2"), ("1e2", "10000e-2"), ("0", "0e-2")];
    stored("Decimal(9, 2)", &cases);
    stored("Decimal(9, 2)", &[("9999999.99", "999999999e-2"), ("0.30000000000000004", "30e-2"), ("-0.001", "0e-2")]);
    stored("Decimal(9, 2)", &[("-0.5", "-50e-2"), ("5e-1", "50e-2"), ("1e-99999", "0e-2")]);
    stored("Decimal(18, 9)", &[("123456789.123456789", "123456789123456789e-9")]);
    stored("Decimal(20, 9)", &[("1234567890.123456789", "1234567890123456789e-9")]);
    let wide = "-12345678901234567890.123456789012345678";
    stored("Decimal(38, 18)", &[(wide, "-12345678901234567890123456789012345678e-18")]);
    stored("Decimal(76, 2)", &[("\"12345678901234567890.12\"", "1234567890123456789012e-2")]);
    let range = "out of range";
    refused(
        "Decimal(9, 2)",
        &[("10000000", range), ("-10000000.00", range), ("1e70", range), ("\"1,5\"", "is not Decimal(9, 2)")],
    );
    refused("Decimal(38, 0)", &[("1e38", range), ("true", "boolean")]);
    refused("Decimal(76, 0)", &[("1e76", range), ("1e80", range), ("1e81", range)]);
}

#[test]
fn texts() {
    stored(
        "String",
        &[(r#""a\"\u00e9""#, "a\"\u{e9}"), ("1.50", "1.50"), ("true", "true"), ("{\"a\": 1}", "{\"a\": 1}")],
    );
    let long = "x".repeat(200);
    stored("LowCardinality(String)", &[(format!("\"{long}\\n\"").as_str(), format!("{long}\n").as_str())]);
    stored("FixedString(3)", &[("\"ab\"", "ab\\0"), ("\"abc\"", "abc"), ("12", "12\\0")]);
    refused("FixedString(3)", &[("\"abcd\"", "too long")]);
    refused("String", &[("null", "neither Nullable")]);
    stored("Nullable(String)", &[("null", "NULL"), ("\"null\"", "null")]);
    stored("LowCardinality(Nullable(String))", &[("null", "NULL"), ("\"x\"", "x")]);
    stored("SimpleAggregateFunction(max, UInt64)", &[("3", "3")]);
}

#[test]
fn booleans_enums_and_addresses() {
    stored("Bool", &[("true", "true"), ("0", "false"), ("1", "true")]);
    refused("Bool", &[("2", "0 or 1"), ("\"true\"", "a string"), ("1.0", "0 or 1")]);
    stored("Enum8('a' = 1, 'b' = -2)", &[("\"a\"", "1"), ("\"b\"", "-2"), ("-2", "-2"), ("\"1\"", "1")]);
    refused("Enum8('a' = 1, 'b' = -2)", &[("\"c\"", "no value has that name"), ("3", "number"), ("\"\"", "name")]);
    stored("Enum16('a' = 1000)", &[("\"a\"", "1000")]);
    let uuid = "61f0c4045cb311e7907ba6006ad3dba0";
    stored("UUID", &[("\"61f0c404-5CB3-11e7-907b-a6006ad3dba0\"", uuid), (&format!("\"{uuid}\""), uuid)]);
    refused(
        "UUID",
        &[("\"61f0c404-5cb3-11e7-907b-a6006ad3dbag\"", "is not UUID"), ("\"\"", "is not UUID"), ("1", "number")],
    );
    refused("UUID", &[("\"61f0c404x5cb3-11e7-907b-a6006ad3dba0\"", "is not UUID")]);
    stored("IPv4", &[("\"127.0.0.1\"", "127.0.0.1")]);
    stored("IPv6", &[("\"::1\"", "::1"), ("\"1.2.3.4\"", "::ffff:1.2.3.4")]);
    refused("IPv4", &[("\"127.0.0.256\"", "is not IPv4"), ("\"::1\"", "is not IPv4"), ("1", "number")]);
}

#[test]
fn days() {
    let cases = [("\"1970-01-01\"", "day 0"), ("\"2024-02-29\"", "day 19782"), ("\"2149-06-06\"", "day 65535")];
    stored("Date", &cases);
    stored("Date", &[("\"2024-2-9\"", "day 19762"), ("\"20240209\"", "day 19762"), ("\"2024/02/09\"", "day 19762")]);
    stored("Date32", &[("\"1900-01-01\"", "day -25567"), ("\"2299-12-31\"", "day 120529")]);
    refused(
        "Date",
        &[("\"1969-12-31\"", "1970-01-01 to"), ("\"2149-06-07\"", "to 2149-06-06"), ("\"2023-02-29\"", "is not Date")],
    );
    refused("Date", &[("\"2024-01-02 03:04:05\"", "is not Date"), ("19724", "a number"), ("\"\"", "is not Date")]);
    refused("Date32", &[("\"1899-12-31\"", "1900"), ("\"2300-01-01\"", "2299"), ("\"2024-13-01\"", "is not Date32")]);
}

#[test]
fn points_in_time() {
    let at = "second 1704164645";
    for text in [
        "2024-01-02 03:04:05",
        "2024-01-02T03:04:05",
        "2024-01-02T03:04:05Z",
        "2024-01-02T03:04:05.999Z",
        "20240102030405",
        "2024-01-02T05:04:05+02:00",
        "2024-01-02 01:34:05-0130",
        "2024-01-02T03:04:05+00",
        "2024-01-02 03:04:05 UTC",
        "2024/01/02 3:04:05",
        "1704164645",
        "1704164645.9",
        "1704164645123",
        "1704164645123456",
        "1704164645123456789",
    ] {
        stored("DateTime", &[(&format!("\"{text}\""), at)]);
    }
    stored("DateTime", &[("1704164645", at), ("1704164645.7", at), ("\"2024-01-02\"", "second 1704153600")]);
    stored(
        "DateTime",
        &[("\"2024-01-02 03:04\"", "second 1704164640"), ("\"2106-02-07 06:28:15\"", "second 4294967295")],
    );
    let range = "1970-01-01 00:00:00 to 2106-02-07 06:28:15";
    refused(
        "DateTime",
        &[("\"1969-12-31 23:59:59\"", range), ("\"2106-02-07 06:28:16\"", range), ("1704164645123", range)],
    );
    refused("DateTime", &[("-1", range), ("\"1970-01-01T00:00:00+01:00\"", range), ("true", "a boolean")]);
    for text in [
        "",
        "x",
        "2024-01-02T",
        "2024-01-02 x",
        "2024-01-02 25:00:00",
        "2024-01-02 03:60:00",
        "2024-01-02 03:04:60",
        "2024-02-30 00:00:00",
        "2024-01-02 03:04:05x",
        "2024-01-02 03:04:05.Z",
        "2024-01-02 03:04:05+1",
        "2024-01-02 03",
        "2024-01-02 03:04:05+02:99",
        "12345",
        "-1704164645",
        "20240102030460",
    ] {
        refused("DateTime", &[(&format!("\"{text}\""), "is not DateTime")]);
    }
}

#[test]
fn points_in_time_with_a_zone() {
    // Madrid puts its clocks forward from 2:00 to 3:00 on 2024-03-31, and back from 3:00 to 2:00 on 2024-10-27.
    stored(
        "DateTime('Europe/Madrid')",
        &[
            ("\"2024-01-02 04:04:05\"", "second 1704164645"),
            ("\"2024-07-01 02:00:00\"", "second 1719792000"),
            ("\"2024-07-01 00:00:00Z\"", "second 1719792000"),
            ("\"2024-03-31 02:30:00\"", "second 1711845000"),
            ("\"2024-10-27 02:30:00\"", "second 1729989000"),
        ],
    );
    stored("DateTime64(3, 'Asia/Kolkata')", &[("\"2024-01-02 08:34:05.5\"", "tick 1704164645500")]);
}

#[test]
fn points_in_time_with_a_fraction() {
    let at = "tick 1704164645678";
    stored(
        "DateTime64(3)",
        &[
            ("\"2024-01-02T03:04:05.6789Z\"", at),
            ("\"2024-01-02 03:04:05.678\"", at),
            ("1704164645678", at),
            ("1704164645.678", at),
            ("\"1704164645.678\"", at),
            ("\"1704164645678\"", at),
            ("\"1704164645678999\"", at),
            ("-1500", "tick -1500"),
            ("-1.5", "tick -1500"),
            ("\"1969-12-31 23:59:58.5\"", "tick -1500"),
            ("\"2299-12-31 23:59:59.999\"", "tick 10413791999999"),
            ("\"1900-01-01\"", "tick -2208988800000"),
        ],
    );
    stored("DateTime64(0)", &[("\"2024-01-02 03:04:05.9\"", "tick 1704164645"), ("1704164645", "tick 1704164645")]);
    stored("DateTime64(9)", &[("\"2024-01-02 03:04:05.123456789123\"", "tick 1704164645123456789")]);
    stored("DateTime64(9)", &[("\"2262-04-11 23:47:16.854775807\"", "tick 9223372036854775807")]);
    refused(
        "DateTime64(3)",
        &[("\"2300-01-01 00:00:00\"", "to 2299-12-31"), ("\"1899-12-31\"", "1900"), ("1e30", "DateTime64")],
    );
    refused("DateTime64(9)", &[("\"2262-04-11 23:47:17\"", "to 2262-04-11")]);
}

#[test]
fn arrays_maps_tuples_and_documents() {
    stored("Array(Int8)", &[("[]", "[]"), ("[1, 2]", "[1,2]")]);
    let many = format!("[{}]", vec!["1"; 300].join(","));
    stored("Array(Array(UInt8))", &[(&format!("[{many}, [2]]"), &format!("[{many},[2]]"))]);
    stored("Array(Nullable(String))", &[("[null, \"a\", 1]", "[NULL,a,1]")]);
    refused(
        "Array(Int8)",
        &[("[1, \"x\"]", "'\"x\"' in it is not Int8: it is a string"), ("1", "a number"), ("null", "neither")],
    );
    refused("Array(Int8)", &[("[null]", "'null' in it is not Int8: it is not Nullable"), ("\"[1]\"", "a string")]);
    stored("Map(String, Int8)", &[("{}", "{}"), ("{\"a\": 1, \"\\u0062\": 2}", "{a:1,b:2}")]);
    stored("Map(Date, Array(Int8))", &[("{\"1970-01-02\": [1]}", "{day 1:[1]}")]);
    stored("Map(LowCardinality(String), Nullable(Int8))", &[("{\"a\": null}", "{a:NULL}")]);
    refused(
        "Map(UInt8, Int8)",
        &[("{\"x\": 1}", "'x' in it is not UInt8"), ("{\"1\": \"2\"}", "is not Int8"), ("[]", "an array")],
    );
    stored("Tuple(Int8, String)", &[("[1, \"x\"]", "(1,x)")]);
    stored(
        "Tuple(a Int8, b Nullable(Int8))",
        &[("{\"b\": 2, \"a\": 1, \"c\": 3}", "(1,2)"), ("{\"a\": 1}", "(1,NULL)"), ("[1, 2]", "(1,2)")],
    );
    refused(
        "Tuple(Int8, String)",
        &[("[1]", "too few"), ("[1, 2, 3]", "too many"), ("{\"a\": 1}", "must be an array")],
    );
    refused("Tuple(a Int8, b Int8)", &[("{\"a\": 1}", "a Int8 in it is missing")]);
    stored("JSON", &[("{\"a\": {\"b\": [1]}}", "{\"a\": {\"b\": [1]}}")]);
    refused("JSON", &[("[1]", "an array"), ("\"{}\"", "a string"), ("null", "neither Nullable")]);
}

#[test]
fn texts_of_csv() {
    let cases = [
        ("Int16", " 3 ", "3"),
        ("UInt64", "18446744073709551615", "18446744073709551615"),
        ("Float64", "nan", "NaN"),
        ("Float32", "-inf", "-inf"),
        ("Float64", "+.5", "0.5"),
        ("Bool", "TRUE", "true"),
        ("Bool", "no", "false"),
        ("Decimal(9, 2)", "+1.5", "150e-2"),
        ("Enum8('a b' = 1)", "a b", "1"),
        ("DateTime", "1970-01-01 00:00:01", "second 1"),
        ("Date", "1970-01-02", "day 1"),
        ("LowCardinality(String)", " x ", " x "),
        ("FixedString(2)", "x", "x\\0"),
    ];
    for (data_type, text, expected) in cases {
        let schema = format!("x {data_type}");
        let mut batch = Batch::default();
        let dialect = CsvDialect { delimiter: Some(b','), ..CsvDialect::default() };
        decoder(&schema).csv(text.as_bytes(), &dialect, HeaderMode::Absent, &mut batch).expect("a dialect");
        assert_eq!(show(&schema, &batch), [expected], "{data_type} {text}");
    }
}
