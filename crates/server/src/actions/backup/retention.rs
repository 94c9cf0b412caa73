use super::target::complete_run;
use super::{COMPLETE, MediaLine, Target, file_of};
use std::collections::HashSet;
use std::io;

/// Content that is younger may belong to a run that is being written.
const SPARED_SECS: u64 = 24 * 60 * 60;

/// Removes all but the newest `keep` runs, what cut-off ones have left, and contents that none of the remaining ones needs. Answers how
/// many runs and contents went. Blocks.
///
/// # Errors
/// When the place cannot be read or changed, or a list is damaged: then no content is removed.
pub fn retain(target: &Target, keep: usize) -> io::Result<(usize, usize)> {
    let runs = target.runs()?;
    let outdated: HashSet<&str> = runs.iter().take(runs.len().saturating_sub(keep.max(1))).map(String::as_str).collect();
    for run in &outdated {
        // First what makes it a run, so that half of one is never taken for a whole.
        target.delete(&file_of(run, COMPLETE))?;
    }
    let files = target.list("runs")?;
    let complete: HashSet<String> = files.iter().filter_map(|file| complete_run(&file.name)).collect();
    let mut needed = HashSet::new();
    for file in files {
        let run = file.name.split('/').nth(1).unwrap_or_default();
        if outdated.contains(run) || (!complete.contains(run) && file.age_secs > SPARED_SECS) {
            target.delete(&file.name)?;
        } else if file.name.ends_with(".media.jsonl") {
            needed.extend(target.read_lines::<MediaLine>(&file.name)?.into_iter().map(|line| line.content));
        }
    }
    let mut removed = 0;
    for file in target.list("contents")? {
        let is_needed = file.name.rsplit('/').next().is_some_and(|name| needed.contains(name));
        if file.age_secs > SPARED_SECS && !is_needed {
            target.delete(&file.name)?;
            removed += 1;
        }
    }
    Ok((outdated.len(), removed))
}
