//! DDL text of the service data sources. What varies is the database, the retention and what a table lacks.

use standpipe_clickhouse::quote::{identifier, qualified, string_literal};
use standpipe_clickhouse::{Internal, Sql};

use super::shapes::{Shape, shape};
use crate::service_data::ServiceTable;
use crate::storage::ddl::DEDUPLICATION_WINDOW;

type Statement = Internal<Sql>;

/// `CREATE TABLE`, when it is not there. Rows are kept for `days`; 0 keeps them for ever.
pub(super) fn create_table(database: &str, table: ServiceTable, days: u32) -> Statement {
    let shape = shape(table);
    let name = qualified(database, &table.physical());
    let columns: Vec<String> = shape.columns().map(|(name, kind)| format!("{} {kind}", identifier(name))).collect();
    let time = identifier(shape.time);
    let ttl = ttl(shape, days).map(|ttl| format!("TTL {ttl}\n")).unwrap_or_default();
    Internal::new(format!(
        "CREATE TABLE IF NOT EXISTS {name}\n(\n    {}\n)\nENGINE = {}\nPARTITION BY toYYYYMM({time})\nORDER BY ({})\n{ttl}\
         SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}",
        columns.join(",\n    "),
        shape.engine,
        shape.sorting_key,
    ))
}

/// `CREATE MATERIALIZED VIEW` that sums a table up in another, when it is not there; none for tables that are no sums.
pub(super) fn create_view(database: &str, table: ServiceTable) -> Option<Statement> {
    let select = shape(table).select?.replace("{source}", &qualified(database, &table.source().physical()));
    let view = qualified(database, &format!("{}_view", table.physical()));
    let target = qualified(database, &table.physical());
    Some(Internal::new(format!("CREATE MATERIALIZED VIEW IF NOT EXISTS {view} TO {target} AS{}", select.trim_end())))
}

/// `ALTER TABLE` that adds the columns which an older version did not have; none when `known` has all.
pub(super) fn add_columns(database: &str, table: ServiceTable, known: &[String]) -> Option<Statement> {
    let missing = shape(table).columns().filter(|(name, _)| !known.iter().any(|known| known == name));
    let added: Vec<String> =
        missing.map(|(name, kind)| format!("ADD COLUMN IF NOT EXISTS {} {kind}", identifier(name))).collect();
    let name = qualified(database, &table.physical());
    (!added.is_empty()).then(|| Internal::new(format!("ALTER TABLE {name} {}", added.join(", "))))
}

/// `ALTER TABLE` that changes how long rows are kept; none when `engine`, the engine's own text of it, says so already.
pub(super) fn change_ttl(database: &str, table: ServiceTable, days: u32, engine: &str) -> Option<Statement> {
    let name = qualified(database, &table.physical());
    let now = engine.split_once(" TTL ").map(|(_, ttl)| ttl.split(" SETTINGS ").next().unwrap_or(ttl));
    match (now, ttl(shape(table), days)) {
        (None, None) => None,
        (Some(now), Some(wanted)) if now == wanted => None,
        (Some(_), None) => Some(Internal::new(format!("ALTER TABLE {name} REMOVE TTL"))),
        (_, Some(wanted)) => Some(Internal::new(format!("ALTER TABLE {name} MODIFY TTL {wanted}"))),
    }
}

/// The tables of service data sources in our databases, one per line: database, table, engine, columns.
pub(super) fn tables(databases: &[&str]) -> Statement {
    let literals = |names: &[&str]| names.iter().map(|name| string_literal(name)).collect::<Vec<_>>().join(", ");
    let tables = ServiceTable::ALL.map(ServiceTable::physical);
    let tables = tables.each_ref().map(String::as_str);
    Internal::new(format!(
        "SELECT t.database, t.name, any(t.engine_full), groupArray(c.name)\nFROM system.tables AS t\n\
         INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name\n\
         WHERE t.database IN ({}) AND t.name IN ({})\nGROUP BY t.database, t.name\nFORMAT JSONCompactEachRow",
        literals(databases),
        literals(&tables),
    ))
}

/// `INSERT` of rows as lines of JSON.
pub(super) fn insert(database: &str, table: ServiceTable) -> Statement {
    Internal::new(format!("INSERT INTO {} FORMAT JSONEachRow", qualified(database, &table.physical())))
}

/// When rows are old, as the engine itself writes it.
fn ttl(shape: &Shape, days: u32) -> Option<String> {
    let precise = shape.columns().any(|(name, kind)| name == shape.time && kind.starts_with("DateTime64"));
    let time = if precise { format!("toDateTime({})", shape.time) } else { shape.time.to_owned() };
    (days > 0).then(|| format!("{time} + toIntervalDay({days})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(statement: Option<Statement>) -> String {
        statement.map(|statement| statement.as_str().to_owned()).unwrap_or_default()
    }

    #[test]
    fn every_table() {
        let all = ServiceTable::ALL.map(|table| text(Some(create_table("d_1", table, 30))));
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn every_view() {
        let all = ServiceTable::ALL.map(|table| text(create_view("d_1", table)));
        insta::assert_snapshot!(
            all.iter().filter(|view| !view.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n\n")
        );
    }

    #[test]
    fn rows_may_be_kept_for_ever() {
        let forever = create_table("d_1", ServiceTable::DataTransfer, 0);
        assert!(!forever.as_str().contains("TTL"), "{}", forever.as_str());
        let engine = "MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY timestamp";
        let change = |days, ttl: &str| {
            let engine = format!("{engine}{ttl} SETTINGS index_granularity = 8192");
            text(change_ttl("d_1", ServiceTable::DataTransfer, days, &engine))
        };
        let week = " TTL timestamp + toIntervalDay(7)";
        assert_eq!(change(7, week), "");
        assert_eq!(change(0, ""), "");
        assert_eq!(change(0, week), "ALTER TABLE `d_1`.`service_data_transfer` REMOVE TTL");
        let modify = "ALTER TABLE `d_1`.`service_data_transfer` MODIFY TTL timestamp + toIntervalDay(8)";
        assert_eq!([change(8, week), change(8, "")], [modify, modify]);
        assert_eq!(
            text(change_ttl("d_1", ServiceTable::JobsLog, 1, "ReplacingMergeTree ORDER BY job_id SETTINGS a = 1")),
            "ALTER TABLE `d_1`.`service_jobs_log` MODIFY TTL toDateTime(created_at) + toIntervalDay(1)"
        );
    }

    #[test]
    fn columns_are_added_to_older_tables() {
        let known: Vec<String> = shape(ServiceTable::LlmUsage).columns().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(text(add_columns("d_1", ServiceTable::LlmUsage, &known)), "");
        assert_eq!(
            text(add_columns("d_1", ServiceTable::LlmUsage, &known[..known.len() - 2])),
            "ALTER TABLE `d_1`.`service_llm_usage` ADD COLUMN IF NOT EXISTS `origin` String, ADD COLUMN IF NOT EXISTS \
             `feature` String"
        );
    }

    #[test]
    fn only_sums_have_a_view_that_fills_them() {
        for table in ServiceTable::ALL {
            assert_eq!(shape(table).select.is_some(), table.source() != table, "{}", table.name());
        }
    }
}
