//! The buckets of the samples' histograms, held against those that the exporters give.

use std::collections::BTreeMap;

use crate::files;

#[test]
fn the_histograms_of_the_samples_have_the_buckets_of_the_exporters() {
    for (job, sample) in files::JOBS {
        let golden = files::golden(job).unwrap_or_default();
        let sampled = bounds(sample);
        for (series, bounds) in &sampled {
            let metric = series.split('{').next().unwrap();
            assert_eq!(*bounds, bounds_of(&golden, metric), "{job}: {series}");
        }
        let lines = sample.lines().filter(|line| line.contains("_bucket{")).count();
        assert_eq!(lines, sampled.values().map(Vec::len).sum::<usize>(), "{job}: not read");
    }
}

/// The values of `le` of every histogram, in their order.
fn bounds(exposition: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in exposition.lines() {
        let Some((metric, rest)) = line.split_once("_bucket{le=\"") else { continue };
        let (bound, labels) = rest.split_once('"').unwrap();
        let (labels, _) = labels.rsplit_once(' ').unwrap();
        let series = format!("{metric}_bucket{{{}", labels.trim_start_matches(','));
        all.entry(series).or_default().push(bound.to_owned());
    }
    all
}

/// The same of the first series of this metric.
fn bounds_of(exposition: &str, metric: &str) -> Vec<String> {
    let mut all = bounds(exposition).into_iter();
    let first = all.find(|(series, _)| series.starts_with(&format!("{metric}{{")));
    first.map(|(_, bounds)| bounds).unwrap_or_default()
}
