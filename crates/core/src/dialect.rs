//! What users' SQL may say beyond ClickHouse's own defaults: projects that run elsewhere rely on it.

use standpipe_clickhouse::QueryOptions;

/// Settings under which all SQL of users runs, and what inserts because of it: paths of JSON columns (`Dynamic`) can be keys
/// of GROUP BY and ORDER BY without a cast.
const SETTINGS: [&str; 2] = ["allow_suspicious_types_in_group_by", "allow_suspicious_types_in_order_by"];

/// Adds them.
pub(crate) fn with_dialect(options: QueryOptions) -> QueryOptions {
    SETTINGS.into_iter().fold(options, |options, name| options.setting(name, 1))
}
