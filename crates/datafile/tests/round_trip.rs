//! Properties: no text makes a parser panic, and what is printed reads back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use standpipe_datafile::*;

/// Texts that look like datafiles often enough to get past the first line.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = select(vec![
        "SCHEMA >",
        "NODE a",
        "SQL >",
        "TYPE",
        "kafka",
        "copy",
        "DESCRIPTION",
        "ENGINE",
        "ENGINE_SORTING_KEY",
        "TOKEN",
        "TAGS",
        "INDEXES >",
        "\n",
        "\n    ",
        " ",
        "\t",
        "\"",
        "'",
        "`",
        "#",
        "--",
        "/*",
        "(",
        ")",
        ",",
        "a",
        "b Int32",
        "String",
        "Nullable(",
        "DEFAULT",
        "CODEC",
        "`json:$.a`",
        "%",
        "{{",
        "}}",
        "tb_secret('k')",
        "$X",
        "${",
        "\\",
        "\u{e9}",
        "\u{2018}",
        "INDEX",
        "GRANULARITY",
        ">",
        "\r\n",
        "\u{feff}",
        "\u{a0}",
        "0 * * * *",
        "COPY_SCHEDULE",
        "TARGET_DATASOURCE t\n",
    ]);
    vec(prop_oneof![8 => scrap.prop_map(str::to_owned), 1 => any::<String>()], 0..24).prop_map(|scraps| scraps.concat())
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic_and_what_it_accepts_reads_back(text in scraps(), column in "SCHEMA >\n    a Int32\n|") {
        let text = column + &text;
        let lookup = |name: &str| Some(format!("<{name}>"));
        let inputs = Inputs { variables: Some(&lookup), secrets: Some(&lookup) };
        if let Err(error) = parse_datasource_with("f.datasource", &text, &inputs) {
            prop_assert!(error.explain().contains(&error.message));
        }
        if let Ok(columns) = parse_schema(&text) {
            prop_assert_eq!(parse_schema(&print_schema(&columns)), Ok(columns));
        }
        if let Ok(file) = parse_datasource("f.datasource", &text) {
            let file = DataSourceFile { warnings: vec![], ..file };
            let again = parse_datasource("f.datasource", &file.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&file), "{}", file);
        }
        if let Ok(file) = parse_pipe("f.pipe", &text) {
            let file = PipeFile { warnings: vec![], ..file };
            let again = parse_pipe("f.pipe", &file.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&file), "{}", file);
        }
        if let Ok(file) = parse_connection("f.connection", &text) {
            let file = ConnectionFile { warnings: vec![], ..file };
            let again = parse_connection("f.connection", &file.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&file), "{}", file);
        }
    }

    #[test]
    fn a_pipe_reads_back(text in pipe_text()) {
        let file = parse_pipe("f.pipe", &text).expect("the generated text is a pipe");
        let again = parse_pipe("f.pipe", &file.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&file), "{}", file);
    }

    #[test]
    fn a_data_source_reads_back(file in data_source()) {
        let again = parse_datasource("f.datasource", &file.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&file), "{}", file);
    }

    #[test]
    fn a_pipe_made_elsewhere_reads_back(file in pipe()) {
        let again = parse_pipe("f.pipe", &file.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&file), "{}", file);
    }
}

/// Pipes whose SQL has any indentation.
fn pipe_text() -> impl Strategy<Value = String> {
    let line =
        ("[ \t]{0,5}", select(vec!["SELECT 1", "-- sql", "FROM t", "WHERE x = 'a # b'", "", "# gone", "type_x"]))
            .prop_map(|(indent, line)| format!("{indent}{line}\n"));
    let sql = (option::of("[ ]{0,3}"), vec(line, 0..6)).prop_map(|(template, lines)| {
        let first = template.map_or("    SELECT 0\n".to_owned(), |indent| format!("{indent}%\n SELECT 0\n"));
        format!("SQL >\n{first}{}", lines.concat())
    });
    let rest = select(vec!["", "TYPE endpoint\n", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_MODE replace\n"]);
    (sql, rest).prop_map(|(sql, rest)| format!("NODE n\n{sql}{rest}"))
}

/// Texts with everything that matters to words: quotes, blanks, `#`, `$`, `>`; as long as one line can hold them.
fn value() -> impl Strategy<Value = String> {
    "[a-z >$é=.-]{0,3}[a-z#\"]{0,4}[a-z{}]{1,3}".prop_map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn description() -> impl Strategy<Value = Option<String>> {
    option::of(vec("[a-zA-Z#'\"]{1,6}( [A-Z>]{1,5})?", 1..4).prop_map(|lines| lines.join("\n\n")))
}

fn tags() -> impl Strategy<Value = Tags> {
    (vec("[a-z]{1,4}", 0..3), vec(("[a-z]{1,3}", "[a-z0-9]{0,3}"), 0..2)).prop_map(|(mut labels, pairs)| {
        labels.sort();
        labels.dedup();
        Tags { labels, pairs }
    })
}

fn column() -> impl Strategy<Value = (ColumnDef, bool)> {
    let types = select(vec![
        "Int32",
        "String",
        "Array(Int8)",
        "DateTime64(3, 'UTC')",
        "Enum8('a,b' = 1)",
        "LowCardinality(String)",
    ]);
    let default = option::of(select(vec!["now()", "'it''s'", "1 + `b`", "-1.5"]));
    let path = option::of("\\$(\\.[a-z]{1,4}){1,2}(\\[:\\])?");
    let codec = option::of(select(vec!["CODEC(ZSTD(1))", "CODEC(Delta(4), LZ4)"]));
    (types, any::<bool>(), path, default, codec, any::<bool>()).prop_map(
        |(data_type, nullable, jsonpath, default, codec, sorted)| {
            let column = ColumnDef {
                name: String::new(),
                data_type: data_type.to_owned(),
                nullable,
                jsonpath,
                default: default.map(|expr| ColumnDefault { kind: DefaultKind::Default, expr: expr.to_owned() }),
                codec: codec.map(str::to_owned),
            };
            (column, sorted)
        },
    )
}

fn data_source() -> impl Strategy<Value = DataSourceFile> {
    let grant = (value(), any::<bool>()).prop_map(|(token, read)| TokenGrant {
        token,
        permission: if read { Permission::Read } else { Permission::Append },
    });
    let kafka = (value(), value(), option::of(value()), option::of(any::<bool>()));
    let connector = option::of(kafka.prop_map(|(connection, topic, value_format, store_headers)| {
        let group_id = "g".to_owned();
        Connector::Kafka(KafkaSource {
            connection,
            topic,
            group_id,
            value_format,
            store_headers,
            ..KafkaSource::default()
        })
    }));
    let sql = option::of(select(vec!["SELECT 1", "SELECT\n  1\nFROM t", "%\nSELECT 1", "% SELECT 1\n    FROM t"]));
    (description(), vec(grant, 0..3), tags(), vec(column(), 1..5), connector, sql, any::<bool>()).prop_map(
        |(description, tokens, tags, columns, connector, forward_query, indexed)| {
            let mut columns = columns;
            columns.iter_mut().enumerate().for_each(|(index, (column, _))| column.name = format!("c{index}"));
            let key = columns.iter().find(|(column, sorted)| *sorted && !column.nullable);
            let engine = key.map(|(column, _)| Engine { sorting_key: Some(column.name.clone()), ..Engine::default() });
            let index = IndexDef {
                name: "i".to_owned(),
                expr: "lower(c0)".to_owned(),
                type_full: "set(100)".to_owned(),
                granularity: Some(4),
            };
            DataSourceFile {
                name: "f".to_owned(),
                description,
                tokens,
                tags,
                columns: columns.into_iter().map(|(column, _)| column).collect(),
                indexes: if indexed { vec![index] } else { vec![] },
                engine,
                shared_with: vec!["other".to_owned()],
                forward_query: forward_query.map(str::to_owned),
                skip_backfill: indexed,
                connector,
                warnings: vec![],
            }
        },
    )
}

fn pipe() -> impl Strategy<Value = PipeFile> {
    let schedule = select(vec![Schedule::OnDemand, Schedule::Cron("0 * * * *".to_owned())]);
    let kind = prop_oneof![
        option::of(1..u32::MAX).prop_map(|cache_seconds| NodeKind::Endpoint(Endpoint { cache_seconds })),
        (value(), schedule.clone(), any::<bool>(), option::of(any::<bool>())).prop_map(
            |(target, schedule, replace, on_demand_compute)| {
                let mode = if replace { CopyMode::Replace } else { CopyMode::Append };
                NodeKind::Copy(Copy { target, schedule, mode, on_demand_compute })
            }
        ),
        (value(), value(), schedule.clone()).prop_map(|(connection, topic, schedule)| NodeKind::Sink(Sink {
            connection,
            schedule,
            target: SinkTarget::Kafka { topic }
        })),
        (value(), value(), schedule, option::of(value())).prop_map(|(uri, file_template, schedule, format)| {
            let target = SinkTarget::Bucket(BucketSink { uri, file_template, format, ..BucketSink::default() });
            NodeKind::Sink(Sink { connection: "c".to_owned(), schedule, target })
        }),
        (value(), any::<bool>()).prop_map(|(datasource, alter)| {
            let engine = alter.then(|| Engine { name: EngineName::AggregatingMergeTree, ..Engine::default() });
            NodeKind::Materialized(Materialized { datasource, engine, alter })
        }),
        option::of(value()).prop_map(|topic| NodeKind::Stream(Stream { connection: None, topic })),
    ];
    (description(), description(), tags(), kind).prop_map(|(about_pipe, about_node, tags, kind)| {
        let node = |name: &str, description: Option<String>, sql: &str, kind| NodeDef {
            name: name.to_owned(),
            description,
            sql: sql.to_owned(),
            kind,
        };
        PipeFile {
            name: "f".to_owned(),
            description: about_pipe,
            tokens: vec![],
            tags,
            nodes: vec![
                node("first", None, "SELECT 1", NodeKind::Standard),
                node("last node", about_node, "%\nSELECT {{Int32(x)}}\n FROM first", kind),
            ],
            warnings: vec![],
        }
    })
}
