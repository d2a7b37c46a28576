//! What service data lost.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use standpipe_core::service_data::{ServiceData, ServiceTable};

/// Metrics of service data.
#[derive(Debug, Clone)]
pub struct ServiceDataMetrics {
    dropped: Family<Table, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Table {
    table: &'static str,
}

impl ServiceDataMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let dropped = Family::default();
        let help = "Rows of service data that were dropped because the engine did not take them";
        registry.register("service_data_dropped_rows", help, dropped.clone());
        ServiceDataMetrics { dropped }
    }

    /// Takes over what has been dropped since the start.
    pub fn set(&self, service_data: &ServiceData) {
        for table in ServiceTable::ALL {
            let counter = self.dropped.get_or_create(&Table { table: table.name() });
            counter.inner().store(service_data.dropped(table), Ordering::Relaxed);
        }
    }
}
