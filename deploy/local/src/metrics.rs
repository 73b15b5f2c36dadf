//! What a process tells of itself at `/metrics`, in the text format of Prometheus.

use std::collections::BTreeMap;

/// One line.
pub struct Sample<'a> {
    pub name: &'a str,
    pub labels: BTreeMap<&'a str, &'a str>,
    pub value: f64,
}

/// Every line that has a value. Values of labels here have no quotes, commas or braces in them.
pub fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| {
        let (name, value) = label.split_once('=')?;
        Some((name, value.trim_matches('"')))
    });
    Some(Sample { name, labels: labels.collect(), value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_names_labels_and_values() {
        let text = "# TYPE up gauge\nup 1\njobs_depth{lane=\"bulk\",shard=\"s1\"} 2.5\nodd nonsense\n";

        let found: Vec<_> =
            samples(text).map(|sample| (sample.name, sample.labels.into_iter().collect::<Vec<_>>(), sample.value)).collect();

        assert_eq!(found, [("up", vec![], 1.0), ("jobs_depth", vec![("lane", "bulk"), ("shard", "s1")], 2.5)]);
    }
}
