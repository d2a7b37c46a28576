//! The list of service data sources: their names, and the tables behind them.

use serde::Deserialize;

/// The database that SQL names service data sources in: `tinybird.<name>`.
pub const DATABASE: &str = "tinybird";

/// A service data source: a table of each workspace that the server fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTable {
    /// Requests for data: endpoints and the Query API.
    PipeStatsRt,
    /// The same by pipe and day.
    PipeStats,
    /// Answers of endpoints that are errors.
    EndpointErrors,
    /// Queries of business intelligence tools.
    BiStatsRt,
    /// The same by query and day.
    BiStats,
    /// Operations on data sources.
    DatasourcesOpsLog,
    /// The same by data source and day.
    DatasourcesOpsStats,
    /// Rows and bytes of data sources over time.
    DatasourcesStorage,
    /// Jobs.
    JobsLog,
    /// Blocks of rows that were appended.
    BlockLog,
    /// Runs of sinks.
    SinksOpsLog,
    /// What Kafka connectors read.
    KafkaOpsLog,
    /// Bytes that left or entered.
    DataTransfer,
    /// Deployments.
    ReleasesLog,
    /// Calls of language models.
    LlmUsage,
    /// What hooks did when data sources changed.
    HookLog,
}

impl ServiceTable {
    /// Every one, in the order documents list them.
    pub const ALL: [ServiceTable; 16] = [
        ServiceTable::PipeStatsRt,
        ServiceTable::PipeStats,
        ServiceTable::EndpointErrors,
        ServiceTable::BiStatsRt,
        ServiceTable::BiStats,
        ServiceTable::DatasourcesOpsLog,
        ServiceTable::DatasourcesOpsStats,
        ServiceTable::DatasourcesStorage,
        ServiceTable::JobsLog,
        ServiceTable::BlockLog,
        ServiceTable::SinksOpsLog,
        ServiceTable::KafkaOpsLog,
        ServiceTable::DataTransfer,
        ServiceTable::ReleasesLog,
        ServiceTable::LlmUsage,
        ServiceTable::HookLog,
    ];

    /// The name after `tinybird.`.
    pub fn name(self) -> &'static str {
        match self {
            ServiceTable::PipeStatsRt => "pipe_stats_rt",
            ServiceTable::PipeStats => "pipe_stats",
            ServiceTable::EndpointErrors => "endpoint_errors",
            ServiceTable::BiStatsRt => "bi_stats_rt",
            ServiceTable::BiStats => "bi_stats",
            ServiceTable::DatasourcesOpsLog => "datasources_ops_log",
            ServiceTable::DatasourcesOpsStats => "datasources_ops_stats",
            ServiceTable::DatasourcesStorage => "datasources_storage",
            ServiceTable::JobsLog => "jobs_log",
            ServiceTable::BlockLog => "block_log",
            ServiceTable::SinksOpsLog => "sinks_ops_log",
            ServiceTable::KafkaOpsLog => "kafka_ops_log",
            ServiceTable::DataTransfer => "data_transfer",
            ServiceTable::ReleasesLog => "releases_log",
            ServiceTable::LlmUsage => "llm_usage",
            ServiceTable::HookLog => "hook_log",
        }
    }

    /// The name as SQL writes it.
    pub fn full_name(self) -> String {
        format!("{DATABASE}.{}", self.name())
    }

    /// The one of this name.
    pub fn by_name(name: &str) -> Option<ServiceTable> {
        ServiceTable::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Name of the table in the workspace's database. Data sources' tables begin with `t_`.
    pub fn physical(self) -> String {
        format!("{PREFIX}{}", self.name())
    }

    /// The one behind a table of a workspace's database.
    pub fn of_physical(table: &str) -> Option<ServiceTable> {
        ServiceTable::by_name(table.strip_prefix(PREFIX)?)
    }

    /// The table that the engine fills from this one.
    pub fn summed_up_in(self) -> Option<ServiceTable> {
        match self {
            ServiceTable::PipeStatsRt => Some(ServiceTable::PipeStats),
            ServiceTable::DatasourcesOpsLog => Some(ServiceTable::DatasourcesOpsStats),
            _ => None,
        }
    }

    /// The table that this one is filled from; itself for one that the server fills.
    pub fn source(self) -> ServiceTable {
        let sums_up = |table: &ServiceTable| table.summed_up_in() == Some(self);
        ServiceTable::ALL.into_iter().find(sums_up).unwrap_or(self)
    }
}

/// What the names of the tables begin with.
const PREFIX: &str = "service_";

/// The names of all, for errors.
pub fn names() -> String {
    ServiceTable::ALL.map(ServiceTable::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for table in ServiceTable::ALL {
            assert_eq!(ServiceTable::by_name(table.name()), Some(table));
            assert_eq!(ServiceTable::of_physical(&table.physical()), Some(table));
            let name = serde_json::from_value(table.name().into());
            assert_eq!(name.ok(), Some(table), "the configuration spells it so");
        }
        assert_eq!(ServiceTable::by_name("PIPE_STATS"), None);
        assert_eq!(ServiceTable::of_physical("pipe_stats"), None);
    }

    #[test]
    fn what_is_summed_up_knows_its_source() {
        assert_eq!(ServiceTable::PipeStats.source(), ServiceTable::PipeStatsRt);
        assert_eq!(ServiceTable::PipeStatsRt.source(), ServiceTable::PipeStatsRt);
        assert_eq!(ServiceTable::BlockLog.source(), ServiceTable::BlockLog);
    }
}
