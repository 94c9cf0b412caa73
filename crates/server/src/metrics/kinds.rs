//! Counters, gauges and histograms, and how Prometheus wants to read them.
//!
//! Labels are `&'static str`: what somebody typed can never become one, so the number of series is bounded by the source code.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One family of series that differ in `N` labels.
pub struct Family<T, const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    series: Mutex<BTreeMap<[&'static str; N], T>>,
}

/// Only grows.
pub type Counter<const N: usize> = Family<u64, N>;
/// Goes up and down.
pub type Gauge<const N: usize> = Family<i64, N>;
/// How long something took.
pub type Durations<const N: usize> = Family<Taken, N>;

/// Upper bounds of the buckets, in seconds. A client waits 30 seconds for an answer; an import or a download can take longer.
const BUCKETS: [f64; 15] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0];

/// What a histogram keeps of one series.
#[derive(Default)]
pub struct Taken {
    /// Not yet added up.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl<T: Default, const N: usize> Family<T, N> {
    /// A family without series yet.
    pub const fn new(name: &'static str, labels: [&'static str; N], help: &'static str) -> Self {
        Self { name, help, labels, series: Mutex::new(BTreeMap::new()) }
    }

    fn series(&self) -> MutexGuard<'_, BTreeMap<[&'static str; N], T>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named<'a>(&'a self, values: &[&'a str; N]) -> Vec<(&'a str, &'a str)> {
        self.labels.iter().copied().zip(values.iter().copied()).collect()
    }
}

impl<const N: usize> Counter<N> {
    /// Counts one more.
    pub fn count(&self, labels: [&'static str; N]) {
        self.add(labels, 1);
    }

    /// Counts several more.
    pub fn add(&self, labels: [&'static str; N], more: u64) {
        *self.series().entry(labels).or_default() += more;
    }

    /// Writes the family.
    pub fn write(&self, page: &mut Page) {
        page.family(self.name, "counter", self.help);
        for (values, value) in self.series().iter() {
            page.sample(self.name, &self.named(values), value);
        }
    }
}

impl<const N: usize> Gauge<N> {
    /// Raises by one until the answer is dropped.
    pub fn enter(&'static self, labels: [&'static str; N]) -> Inside<N> {
        *self.series().entry(labels).or_default() += 1;
        Inside { gauge: self, labels }
    }

    /// Sets the value.
    pub fn set(&self, labels: [&'static str; N], value: i64) {
        self.series().insert(labels, value);
    }

    /// Writes the family.
    pub fn write(&self, page: &mut Page) {
        page.family(self.name, "gauge", self.help);
        for (values, value) in self.series().iter() {
            page.sample(self.name, &self.named(values), value);
        }
    }
}

/// See [`Gauge::enter`].
pub struct Inside<const N: usize> {
    gauge: &'static Gauge<N>,
    labels: [&'static str; N],
}

impl<const N: usize> Drop for Inside<N> {
    fn drop(&mut self) {
        *self.gauge.series().entry(self.labels).or_default() -= 1;
    }
}

impl<const N: usize> Durations<N> {
    /// Notes that something took so long.
    pub fn took(&self, labels: [&'static str; N], time: Duration) {
        let seconds = time.as_secs_f64();
        let mut series = self.series();
        let taken = series.entry(labels).or_default();
        taken.count += 1;
        taken.seconds += seconds;
        if let Some((_, bucket)) = BUCKETS.iter().zip(&mut taken.buckets).find(|(bound, _)| seconds <= **bound) {
            *bucket += 1;
        }
    }

    /// Writes the family.
    pub fn write(&self, page: &mut Page) {
        page.family(self.name, "histogram", self.help);
        for (values, taken) in self.series().iter() {
            let mut labels = self.named(values);
            let mut sum = 0;
            for (bound, bucket) in BUCKETS.iter().zip(&taken.buckets) {
                sum += bucket;
                let bound = bound.to_string();
                let with_bound: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
                page.sample(&format!("{}_bucket", self.name), &with_bound, sum);
            }
            page.sample(&format!("{}_sum", self.name), &labels, taken.seconds);
            page.sample(&format!("{}_count", self.name), &labels, taken.count);
            labels.push(("le", "+Inf"));
            page.sample(&format!("{}_bucket", self.name), &labels, taken.count);
        }
    }
}

/// A page in Prometheus's text format, version 0.0.4.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// Begins a family, whose samples follow. One without samples is announced too, so that its name can be found.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        if !labels.is_empty() {
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let _ = write!(self.0, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A family of one value.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The finished page.
    pub fn finish(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_the_format_wants_it() {
        static ASKED: Counter<2> = Counter::new("asked_total", ["who", "how"], "Questions.");
        static INSIDE: Gauge<1> = Gauge::new("inside", ["door"], "People.");
        static TOOK: Durations<0> = Durations::new("took_seconds", [], "Time.");
        ASKED.count(["a\"b\\c", "x"]);
        ASKED.add(["a\"b\\c", "x"], 2);
        let one = INSIDE.enter(["front"]);
        drop(INSIDE.enter(["front"]));
        TOOK.took([], Duration::from_millis(7));
        TOOK.took([], Duration::from_millis(500));
        TOOK.took([], Duration::from_secs(1000));
        let mut page = Page::default();
        ASKED.write(&mut page);
        INSIDE.write(&mut page);
        TOOK.write(&mut page);
        drop(one);
        let text = page.finish();
        assert!(
            text.starts_with("# HELP asked_total Questions.\n# TYPE asked_total counter\nasked_total{who=\"a\\\"b\\\\c\",how=\"x\"} 3\n"),
            "{text}"
        );
        for line in [
            "inside{door=\"front\"} 1",
            "took_seconds_bucket{le=\"0.005\"} 0",
            "took_seconds_bucket{le=\"0.01\"} 1",
            "took_seconds_bucket{le=\"0.25\"} 1",
            "took_seconds_bucket{le=\"0.5\"} 2",
            "took_seconds_bucket{le=\"300\"} 2",
            "took_seconds_bucket{le=\"+Inf\"} 3",
            "took_seconds_count 3",
            "took_seconds_sum 1000.507",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
