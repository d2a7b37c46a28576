//! The engine's state, as it tells it at each collection.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use standpipe_clickhouse::EngineStatus;

type Count = Gauge<u64, AtomicU64>;

/// Metrics of the engine.
#[derive(Debug, Clone)]
pub struct EngineMetrics {
    /// How often the engine process was started again.
    pub restarts: Counter,
    up: Count,
    memory_bytes: Count,
    sandbox: Family<Sandbox, Count>,
    running: Family<Lane, Count>,
    waiting: Family<Lane, Count>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lane {
    lane: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sandbox {
    enforced: String,
}

impl EngineMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("engine");
        let metrics = EngineMetrics {
            restarts: Counter::default(),
            up: Count::default(),
            memory_bytes: Count::default(),
            sandbox: Family::default(),
            running: Family::default(),
            waiting: Family::default(),
        };
        registry.register("restarts", "Restarts of the engine process", metrics.restarts.clone());
        registry.register("up", "1 when the engine answers, else 0", metrics.up.clone());
        registry.register(
            "memory_bytes",
            "Resident memory of the engine process, 0 when unknown",
            metrics.memory_bytes.clone(),
        );
        let help = "1 for how much of the sandbox is in force: full, partial or none";
        registry.register("sandbox", help, metrics.sandbox.clone());
        registry.register("lane_running", "Statements being run, by lane", metrics.running.clone());
        registry.register("lane_waiting", "Statements waiting, by lane", metrics.waiting.clone());
        metrics
    }

    /// Takes over what the embedded engine tells.
    pub fn set(&self, status: &EngineStatus) {
        self.clear();
        self.up.set(1);
        self.memory_bytes.set(status.memory_bytes.unwrap_or(0));
        if let Some(enforced) = &status.sandbox.enforced {
            self.sandbox.get_or_create(&Sandbox { enforced: enforced.clone() }).set(1);
        }
        for (lane, load) in &status.lanes {
            let label = Lane { lane: lane.clone() };
            self.running.get_or_create(&label).set(load.running);
            self.waiting.get_or_create(&label).set(load.queued);
        }
    }

    /// A ClickHouse server answers; it tells its own metrics itself.
    pub fn set_external(&self) {
        self.clear();
        self.up.set(1);
    }

    /// Nothing answers.
    pub fn set_down(&self) {
        self.clear();
        self.up.set(0);
    }

    fn clear(&self) {
        self.memory_bytes.set(0);
        self.sandbox.clear();
        self.running.clear();
        self.waiting.clear();
    }
}
