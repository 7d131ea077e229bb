//! A metrics page as a benchmark reads it: sums, and round trips. No I/O, no clock.

use std::collections::HashMap;

use peers::exposition::samples;

/// The sum of all series of a metric, 0 if there is none.
pub fn sum(page: &str, metric: &str) -> f64 {
    samples(page).filter(|sample| sample.name == metric).map(|sample| sample.value).sum()
}

/// The sum of those series of a metric that have a label, written as in `state="ok"`.
pub fn sum_where(page: &str, metric: &str, label: &str) -> f64 {
    let of_metric = samples(page).filter(|sample| sample.name == metric);
    of_metric.filter(|sample| sample.labels.contains(label)).map(|sample| sample.value).sum()
}

/// What the series of a histogram saw between two pages, in seconds: exactly the round trip where
/// there was one, their mean where there were more. Sorted.
pub fn durations_between(before: &str, after: &str, histogram: &str) -> Vec<f64> {
    let earlier = totals(before, histogram);
    let mut found: Vec<f64> = totals(after, histogram)
        .iter()
        .filter_map(|(labels, later)| {
            let earlier = earlier.get(labels).copied().unwrap_or_default();
            let count = later.count - earlier.count;
            (count > 0.0).then(|| (later.sum - earlier.sum) / count)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    found
}

/// What those targets saw that had one observation between two pages: exactly that, by target, in seconds.
pub fn single_durations(before: &str, after: &str, histogram: &str) -> Vec<(String, f64)> {
    let earlier = totals(before, histogram);
    let singles = totals(after, histogram).into_iter().filter_map(|(labels, later)| {
        let earlier = earlier.get(labels).copied().unwrap_or_default();
        let target = labels.split_once("target=\"")?.1.split_once('"')?.0;
        let is_single = (later.count - earlier.count - 1.0).abs() < 0.5;
        is_single.then(|| (target.to_owned(), later.sum - earlier.sum))
    });
    singles.collect()
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Total {
    sum: f64,
    count: f64,
}

fn totals<'a>(page: &'a str, histogram: &str) -> HashMap<&'a str, Total> {
    let mut totals: HashMap<&str, Total> = HashMap::new();
    for sample in samples(page) {
        match sample.name.strip_prefix(histogram) {
            Some("_sum") => totals.entry(sample.labels).or_default().sum = sample.value,
            Some("_count") => totals.entry(sample.labels).or_default().count = sample.value,
            _ => {}
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE sent_total counter\n\
        sent_total{to=\"a b\",result=\"ok\"} 3\n\
        sent_total{to=\"c\",result=\"failed\"} 4\n\
        rtt_seconds_sum{to=\"a\"} 0.5\nrtt_seconds_count{to=\"a\"} 1\n\
        rtt_seconds_sum{to=\"b\"} 0\nrtt_seconds_count{to=\"b\"} 0\n";
    const AFTER: &str = "rtt_seconds_sum{to=\"a\"} 1.5\nrtt_seconds_count{to=\"a\"} 3\n\
        rtt_seconds_sum{to=\"b\"} 0\nrtt_seconds_count{to=\"b\"} 0\n\
        rtt_seconds_sum{to=\"new\"} 0.25\nrtt_seconds_count{to=\"new\"} 1\n";

    #[test]
    fn all_series_of_a_metric_are_added_up() {
        assert!((sum(BEFORE, "sent_total") - 7.0).abs() < 1e-9);
        assert!((sum_where(BEFORE, "sent_total", "result=\"ok\"") - 3.0).abs() < 1e-9);
        assert!(sum(BEFORE, "sent").abs() < 1e-9);
    }

    #[test]
    fn round_trips_are_what_was_added_since_the_page_before() {
        assert_eq!(durations_between(BEFORE, AFTER, "rtt_seconds"), [0.25, 0.5]);
    }

    #[test]
    fn of_two_round_trips_neither_is_known() {
        let after = AFTER.replace("{to=", "{target=");
        let before = BEFORE.replace("{to=", "{target=");
        assert_eq!(single_durations(&before, &after, "rtt_seconds"), [("new".to_owned(), 0.25)]);
    }
}
