//! Progress bars, for whoever watches. On anything but a terminal there are none.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar that counts bytes.
pub fn bytes(label: &str, total: u64) -> ProgressBar {
    bar(label, total, "{msg:20!} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

/// A bar that counts things.
pub fn count(label: &str, total: u64) -> ProgressBar {
    bar(label, total, "{msg:20!} [{bar:30}] {pos}/{len} {eta}")
}

/// A sign of life for what has no measure.
pub fn spinner(label: &str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_message(clean(label));
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

fn bar(label: &str, total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("#>.");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style).with_message(clean(label))
}

fn clean(label: &str) -> String {
    label.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
