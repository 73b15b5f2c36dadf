use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::TelemetrySettings;

/// Logs go to the standard output, one event a line.
pub(crate) fn init(service: &'static str, settings: &TelemetrySettings) {
    // The settings were checked, so the fallback is only for the type.
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    // It fails if another subscriber was set in this process, which then wins.
    let _ = if settings.format == "json" {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
    log_panics(service);
}

/// A panic is a line of the log like everything else, not text between the lines.
fn log_panics(service: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(service, place, "panic: {message}");
    }));
}

/// Seconds; from a read of the in-process layer to the deadline of a write.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The process's metrics: one recorder, however many services run in it (tests).
pub(crate) fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS);
        let recorder = builder.expect("the list of buckets is not empty").build_recorder();
        let handle = recorder.handle();
        // It fails if the process set another recorder first, which then counts.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// The metrics as a scraper reads them. What the process holds is that of this moment.
pub(crate) fn render(metrics: &PrometheusHandle) -> String {
    tell_memory();
    metrics.render()
}

/// What the process holds in memory, as every exporter calls it.
fn tell_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse::<u32>().ok());
    if let Some(kibibytes) = kibibytes {
        metrics::gauge!("process_resident_memory_bytes").set(f64::from(kibibytes) * 1024.0);
    }
}
