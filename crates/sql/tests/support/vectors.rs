//! The recorded rewrites of the product we follow, as this crate's types.

use serde_json::Value;
use standpipe_sql::{ReplaceWith, Replacements, TableName, UsedTablesRules};

pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) sql: String,
    pub(crate) json: Value,
}

pub(crate) fn load() -> Vec<Vector> {
    let text = include_str!("../vectors/sql-rewrite-vectors.ndjson");
    text.lines()
        .map(|line| {
            let json: Value = serde_json::from_str(line).expect("a vector is JSON");
            let text = |key: &str| json[key].as_str().expect("a vector has an id and a query").to_owned();
            Vector { id: text("id"), sql: text("sql"), json }
        })
        .collect()
}

impl Vector {
    fn names(&self, key: &str) -> impl Iterator<Item = String> {
        let list = self.json[key].as_array().into_iter().flatten();
        list.filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>().into_iter()
    }

    fn default_database(&self) -> String {
        self.json["default_database"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn tables_rules(&self) -> UsedTablesRules {
        UsedTablesRules {
            default_database: self.default_database(),
            table_functions: self.json["table_functions"].as_bool().unwrap_or(true),
            ..UsedTablesRules::default()
        }
    }

    pub(crate) fn replacements(&self) -> Replacements {
        let pairs = self.json["replacements"].as_array().expect("a vector has replacements");
        let only_replacements = self.json["only_replacements"].as_bool().unwrap_or(false);
        let valid = self.json["valid_tables"].as_array().filter(|_| !only_replacements);
        Replacements {
            tables: pairs.iter().map(|pair| (table(&pair[0]), replacement(&pair[1]))).collect(),
            default_database: self.default_database(),
            valid_tables: valid.map(|names| names.iter().map(table).collect()),
            extra_table_functions: self.names("function_allow_list").collect(),
        }
    }
}

fn table(name: &Value) -> TableName {
    match name {
        Value::String(name) => TableName::plain(name),
        pair => TableName::qualified(pair[0].as_str().expect("a database"), pair[1].as_str().expect("a table")),
    }
}

fn replacement(with: &Value) -> ReplaceWith {
    match with {
        Value::String(text) => ReplaceWith::parse(None, text),
        pair => ReplaceWith::parse(pair[0].as_str(), pair[1].as_str().expect("a table or query")),
    }
}
