//! Our structs in the shape in which the reference's answers were recorded.

#![expect(clippy::unwrap_used, reason = "helpers of a test: what does not unwrap is the test's failure")]

use serde_json::{Map, Value, json};
use standpipe_datafile::*;

fn variables(name: &str) -> Option<String> {
    (name == "TB_TEST_VAR").then(|| "subst".to_owned())
}

/// Parses a vector's content and shows it in the recorded shape.
pub(crate) fn parse(vector: &Value) -> Result<Value, DatafileError> {
    let known = |name: &str| vector["secrets"][name].as_str().map(str::to_owned);
    let flag = |name: &str| vector.get(name).is_some_and(|flag| flag == true);
    let inputs = Inputs {
        variables: if flag("skip_eval") { None } else { Some(&variables) },
        secrets: if flag("ignore_secrets") { None } else { Some(&known) },
    };
    let (kind, text) = (vector["kind"].as_str().unwrap(), vector["content"].as_str().unwrap());
    let file = format!("dir/f.{kind}");
    let (shown, warnings) = match kind {
        "datasource" => {
            let file = parse_datasource_with(&file, text, &inputs)?;
            (show_datasource(&file), file.warnings)
        }
        "pipe" => {
            let file = parse_pipe_with(&file, text, &inputs)?;
            (show_pipe(&file), file.warnings)
        }
        _ => {
            let file = parse_connection_with(&file, text, &inputs)?;
            (show_connection(&file), file.warnings)
        }
    };
    Ok(normalise(&shown, warnings.len()))
}

/// Checks that a vector's file, if it has one, reads back from its printed form.
pub(crate) fn check_round_trip(vector: &Value) {
    let text = vector["content"].as_str().unwrap();
    match vector["kind"].as_str().unwrap() {
        "datasource" => {
            if let Ok(file) = parse_datasource("dir/f.datasource", text) {
                let file = DataSourceFile { warnings: vec![], ..file };
                assert_eq!(parse_datasource("f.datasource", &file.to_string()).unwrap(), file, "{file}");
            }
        }
        "pipe" => {
            if let Ok(file) = parse_pipe("dir/f.pipe", text) {
                let file = PipeFile { warnings: vec![], ..file };
                assert_eq!(parse_pipe("f.pipe", &file.to_string()).unwrap(), file, "{file}");
            }
        }
        _ => {
            if let Ok(file) = parse_connection("dir/f.connection", text) {
                let file = ConnectionFile { warnings: vec![], ..file };
                assert_eq!(parse_connection("f.connection", &file.to_string()).unwrap(), file, "{file}");
            }
        }
    }
}

/// Brings both sides to one spelling: engine options sorted without empty ones, no defaults written out, warnings as a
/// number (those that the reference records inside its result come from its template engine).
pub(crate) fn normalise(result: &Value, warnings: usize) -> Value {
    let mut result = result.clone();
    let top = result.as_object_mut().unwrap();
    top.insert("warnings".into(), warnings.into());
    // A datafile's description and queries are recorded twice, in the file and in its only node.
    top.remove("forward_query");
    for node in top.get_mut("nodes").unwrap().as_array_mut().unwrap() {
        let node = node.as_object_mut().unwrap();
        if let Some(args) = node.get_mut("engine").and_then(|engine| engine["args"].as_array_mut()) {
            args.retain(|arg| arg[1] != "");
            args.sort_by_key(|arg| arg[0].as_str().unwrap().to_owned());
        }
        for (key, default) in [("type", "standard"), ("copy_schedule", "@on-demand"), ("mode", "append")] {
            if node.get(key).is_some_and(|value| value == default) {
                node.remove(key);
            }
        }
    }
    result
}

fn set(object: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value.into());
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn show_tokens(tokens: &[TokenGrant]) -> Value {
    let show = |grant: &TokenGrant| json!({"token_name": grant.token, "permission": grant.permission.as_str()});
    tokens.iter().map(show).collect()
}

fn show_engine(engine: &Engine) -> Value {
    let args: Vec<Value> =
        engine.params().map(|(key, value)| json!([key.trim_start_matches("engine_"), value])).collect();
    json!({"type": engine.name.as_str(), "args": args})
}

fn show_datasource(file: &DataSourceFile) -> Value {
    let mut node = Map::new();
    node.insert("name".into(), "default".into());
    set(&mut node, "description", file.description.clone());
    let pairs: Vec<String> = file.tags.pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    set(&mut node, "tags", some(pairs).map(|pairs| pairs.join("&")));
    node.insert("schema".into(), print_schema(&file.columns).into());
    node.insert("columns".into(), json!(file.columns));
    set(&mut node, "engine", file.engine.as_ref().map(show_engine));
    let indexes = file.indexes.iter().map(|index| {
        let granularity = index.granularity.map(|granularity| granularity.to_string());
        json!({"name": index.name, "expr": index.expr, "type_full": index.type_full, "granularity": granularity})
    });
    set(&mut node, "indexes", some(indexes.collect::<Vec<Value>>()));
    set(&mut node, "forward_query", file.forward_query.clone());
    set(&mut node, "backfill", file.skip_backfill.then_some("skip"));
    show_connector(&mut node, file.connector.as_ref());
    let mut top = Map::new();
    top.insert("nodes".into(), json!([node]));
    top.insert("tokens".into(), show_tokens(&file.tokens));
    set(&mut top, "description", file.description.clone());
    set(&mut top, "filtering_tags", some(file.tags.labels.clone()));
    set(&mut top, "shared_with", some(file.shared_with.clone()));
    Value::Object(top)
}

fn show_connector(node: &mut Map<String, Value>, connector: Option<&Connector>) {
    match connector.cloned() {
        Some(Connector::Kafka(kafka)) => {
            set(node, "kafka_connection_name", Some(kafka.connection));
            set(node, "kafka_topic", Some(kafka.topic));
            set(node, "kafka_group_id", Some(kafka.group_id));
            set(node, "kafka_auto_offset_reset", kafka.auto_offset_reset);
            set(node, "kafka_store_raw_value", kafka.store_raw_value.map(|on| if on { "True" } else { "False" }));
        }
        Some(Connector::Bucket(import)) => {
            set(node, "import_connection_name", Some(import.connection));
            set(node, "import_bucket_uri", Some(import.uri));
            set(node, "import_schedule", Some(import.schedule));
            set(node, "import_format", import.format);
        }
        Some(Connector::DynamoDb(import)) => {
            set(node, "import_connection_name", Some(import.connection));
            set(node, "import_table_arn", Some(import.table_arn));
            set(node, "import_export_bucket", Some(import.export_bucket));
        }
        Some(Connector::Postgres(postgres)) => {
            set(node, "pg_connection_name", Some(postgres.connection));
            set(node, "pg_table", Some(postgres.table));
        }
        None => {}
    }
}

fn show_pipe(file: &PipeFile) -> Value {
    let mut top = Map::new();
    top.insert("nodes".into(), file.nodes.iter().map(show_node).collect());
    top.insert("tokens".into(), show_tokens(&file.tokens));
    set(&mut top, "description", file.description.clone());
    set(&mut top, "filtering_tags", some(file.tags.labels.clone()));
    Value::Object(top)
}

fn show_node(node: &NodeDef) -> Value {
    let mut shown = Map::new();
    shown.insert("name".into(), node.name.clone().into());
    shown.insert("sql".into(), node.sql.clone().into());
    shown.insert("type".into(), node.kind.as_str().into());
    set(&mut shown, "description", node.description.clone());
    match node.kind.clone() {
        NodeKind::Standard | NodeKind::Endpoint(_) | NodeKind::Stream(_) => {}
        NodeKind::Materialized(view) => {
            set(&mut shown, "datasource", Some(view.datasource));
            set(&mut shown, "deployment_method", view.alter.then_some("alter"));
        }
        NodeKind::Copy(copy) => {
            set(&mut shown, "target_datasource", Some(copy.target));
            set(&mut shown, "copy_schedule", Some(copy.schedule.to_string()));
            set(&mut shown, "mode", Some(copy.mode.as_str()));
            set(&mut shown, "on_demand_compute", copy.on_demand_compute);
        }
        NodeKind::Sink(sink) => {
            set(&mut shown, "export_connection_name", Some(sink.connection));
            set(&mut shown, "export_schedule", Some(sink.schedule.to_string()));
            match sink.target {
                SinkTarget::Kafka { topic } => set(&mut shown, "export_kafka_topic", Some(topic)),
                SinkTarget::Bucket(bucket) => {
                    set(&mut shown, "export_bucket_uri", Some(bucket.uri));
                    set(&mut shown, "export_file_template", Some(bucket.file_template));
                    set(&mut shown, "export_format", bucket.format);
                }
            }
        }
    }
    Value::Object(shown)
}

fn show_connection(file: &ConnectionFile) -> Value {
    let mut node = Map::new();
    node.insert("name".into(), "default".into());
    node.insert("type".into(), file.kind.as_str().into());
    set(&mut node, "description", file.description.clone());
    for param in &file.params {
        let value = match param.keyword {
            "GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON" => serde_json::from_str(&param.value).unwrap(),
            _ => Value::from(param.value.clone()),
        };
        node.insert(param.keyword.to_ascii_lowercase(), value);
    }
    let mut top = Map::new();
    top.insert("nodes".into(), json!([node]));
    top.insert("tokens".into(), json!([]));
    set(&mut top, "description", file.description.clone());
    Value::Object(top)
}
