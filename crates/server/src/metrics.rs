//! What is counted, and its text for Prometheus.

mod engine;
mod http;
mod reads;
mod service_data;

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use engine::EngineMetrics;
pub use http::HttpMetrics;
pub use reads::ReadMetrics;
pub use service_data::ServiceDataMetrics;

/// Every metric of the process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Requests.
    pub http: HttpMetrics,
    /// The engine.
    pub engine: EngineMetrics,
    /// Reads.
    pub reads: ReadMetrics,
    /// Service data.
    pub service_data: ServiceDataMetrics,
    registry: Arc<Registry>,
}

impl Metrics {
    /// New metrics, all at zero.
    #[expect(
        clippy::new_without_default,
        reason = "metrics that nobody collects are a mistake, so none come by default"
    )]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("standpipe");
        registry.register("build", "The running version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let http = HttpMetrics::register(&mut registry);
        let engine = EngineMetrics::register(&mut registry);
        let reads = ReadMetrics::register(&mut registry);
        let service_data = ServiceDataMetrics::register(&mut registry);
        Metrics { http, engine, reads, service_data, registry: Arc::new(registry) }
    }

    /// All metrics in Prometheus' text format (the `OpenMetrics` one).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
