//! Reads: how many run, wait and are refused, as the reader tells it at each collection.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use standpipe_core::read::ReadFigures;

/// Metrics of reads.
#[derive(Debug, Clone, Default)]
pub struct ReadMetrics {
    running: Gauge<u64, AtomicU64>,
    waiting: Gauge<u64, AtomicU64>,
    refused: Counter,
    timed_out: Counter,
    overdue: Counter,
    unkillable: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
}

impl ReadMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("reads");
        let metrics = ReadMetrics::default();
        registry.register("running", "Reads that run, or are being sent", metrics.running.clone());
        registry.register("waiting", "Reads that wait for their turn", metrics.waiting.clone());
        registry.register("refused", "Reads refused over a limit of reads at once", metrics.refused.clone());
        registry.register("timed_out", "Reads refused because they waited too long", metrics.timed_out.clone());
        registry.register("overdue", "Queries killed because they went on after their time", metrics.overdue.clone());
        let help = "Queries that a kill did not end, so that the engine was restarted";
        registry.register("unkillable", help, metrics.unkillable.clone());
        registry.register("cache_hits", "Answers that an endpoint gave again", metrics.cache_hits.clone());
        let help = "Answers that an endpoint may give again, and that the engine was asked for";
        registry.register("cache_misses", help, metrics.cache_misses.clone());
        metrics
    }

    /// Takes over what the reader tells.
    pub fn set(&self, figures: ReadFigures) {
        self.running.set(figures.running);
        self.waiting.set(figures.waiting);
        for (counter, value) in [
            (&self.refused, figures.refused),
            (&self.timed_out, figures.timed_out),
            (&self.overdue, figures.overdue),
            (&self.unkillable, figures.unkillable),
            (&self.cache_hits, figures.cache_hits),
            (&self.cache_misses, figures.cache_misses),
        ] {
            // They only ever grow where they are counted.
            counter.inner().store(value, Ordering::Relaxed);
        }
    }
}
