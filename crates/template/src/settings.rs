//! What a template asks of the engine and the cache.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Settings a template made with `max_threads()` and the like. The SQL also holds them as comments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Threads the query may use; the template's last word.
    pub max_threads: Option<i64>,
    /// A hint about where to run; `Some(None)` when the template clears it.
    pub backend_hint: Option<Option<String>>,
    /// How long an answer may be reused.
    pub cache_ttl: Option<CacheTtl>,
    /// Features switched on, without repetition, in alphabetical order.
    pub activate: Vec<Feature>,
    /// What `disable()` was given: `analyzer`, or a part of that word.
    pub disable: Option<String>,
}

impl Settings {
    /// Whether the template made no setting.
    pub fn is_empty(&self) -> bool {
        *self == Settings::default()
    }
}

/// The lifetimes `cache_ttl()` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTtl {
    /// `5s`
    FiveSeconds,
    /// `1m`
    OneMinute,
    /// `5m`
    FiveMinutes,
    /// `30m`
    ThirtyMinutes,
    /// `1h`
    OneHour,
}

impl CacheTtl {
    /// All lifetimes, shortest first.
    pub const ALL: [CacheTtl; 5] =
        [CacheTtl::FiveSeconds, CacheTtl::OneMinute, CacheTtl::FiveMinutes, CacheTtl::ThirtyMinutes, CacheTtl::OneHour];

    /// The lifetime as templates write it.
    pub fn as_str(self) -> &'static str {
        match self {
            CacheTtl::FiveSeconds => "5s",
            CacheTtl::OneMinute => "1m",
            CacheTtl::FiveMinutes => "5m",
            CacheTtl::ThirtyMinutes => "30m",
            CacheTtl::OneHour => "1h",
        }
    }

    /// The lifetime in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            CacheTtl::FiveSeconds => 5,
            CacheTtl::OneMinute => 60,
            CacheTtl::FiveMinutes => 300,
            CacheTtl::ThirtyMinutes => 1800,
            CacheTtl::OneHour => 3600,
        }
    }
}

/// What `activate()` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `analyzer`
    Analyzer,
    /// `optimize_aggregation_in_order`
    OptimizeAggregationInOrder,
    /// `parallel_replicas`
    ParallelReplicas,
}

impl Feature {
    /// All features, in alphabetical order.
    pub const ALL: [Feature; 3] = [Feature::Analyzer, Feature::OptimizeAggregationInOrder, Feature::ParallelReplicas];

    /// The feature as templates write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Feature::Analyzer => "analyzer",
            Feature::OptimizeAggregationInOrder => "optimize_aggregation_in_order",
            Feature::ParallelReplicas => "parallel_replicas",
        }
    }
}

impl Serialize for Settings {
    /// An object with the settings that were made.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(threads) = self.max_threads {
            map.serialize_entry("max_threads", &threads)?;
        }
        if let Some(hint) = &self.backend_hint {
            map.serialize_entry("backend_hint", hint)?;
        }
        if let Some(ttl) = self.cache_ttl {
            map.serialize_entry("cache_ttl", ttl.as_str())?;
        }
        if !self.activate.is_empty() {
            let features: Vec<&str> = self.activate.iter().map(|f| f.as_str()).collect();
            map.serialize_entry("activate", &features)?;
        }
        if let Some(disable) = &self.disable {
            map.serialize_entry("disable", disable)?;
        }
        map.end()
    }
}
