use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// What this test's own thread counts while this lives.
pub struct Counted {
    handle: PrometheusHandle,
    _recording: LocalRecorderGuard<'static>,
}

impl Counted {
    /// For a test whose runtime has one thread, which is this one.
    pub fn here() -> Self {
        // For ever, as the guard wants it: a few KiB a test.
        let recorder: &'static PrometheusRecorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self { handle: recorder.handle(), _recording: metrics::set_default_local_recorder(recorder) }
    }

    /// The sum of a counter's series that have a label with this beginning.
    pub fn sum(&self, counter: &str, label: &str) -> u64 {
        let text = self.handle.render();
        let series = text.lines().filter(|line| line.starts_with(&format!("{counter}{{")) && line.contains(label));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// What recounts found of one kind, or of all, and what of it they repaired.
    pub fn drift(&self, what: &str) -> (u64, u64) {
        let label = format!("what=\"{what}");
        (self.sum("drift_found_total", &label), self.sum("drift_repaired_total", &label))
    }
}
