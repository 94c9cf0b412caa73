use super::{Folder, MediaLine, read_lines};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

/// Content that is younger may belong to a run that is being written.
const SPARED: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes all but the newest `keep` runs, what cut-off ones have left, and contents that none of the remaining ones needs. Answers how many runs and contents went.
/// Blocks.
///
/// # Errors
/// When the folder cannot be read or changed, or a list is damaged: then no content is removed.
pub fn retain(folder: &Folder, keep: usize) -> io::Result<(usize, usize)> {
    let runs = folder.runs()?;
    let outdated = runs.len().saturating_sub(keep.max(1));
    for run in runs.iter().take(outdated) {
        // First what makes it a run, so that half of one is never taken for a whole.
        fs::remove_file(folder.run(run).join(super::COMPLETE))?;
        fs::remove_dir_all(folder.run(run))?;
    }
    let mut needed = HashSet::new();
    for run in fs::read_dir(folder.0.join("runs"))? {
        let run = run?;
        let is_cut_off = !run.path().join(super::COMPLETE).is_file() && run.metadata()?.modified()?.elapsed().is_ok_and(|age| age > SPARED);
        if is_cut_off {
            fs::remove_dir_all(run.path())?;
            continue;
        }
        for file in fs::read_dir(run.path())? {
            let path = file?.path();
            if path.to_string_lossy().ends_with(".media.jsonl") {
                needed.extend(read_lines::<MediaLine>(&path)?.into_iter().map(|line| line.content));
            }
        }
    }
    let mut removed = 0;
    for start in fs::read_dir(folder.0.join("contents"))? {
        for content in fs::read_dir(start?.path())? {
            let content = content?;
            let old = content.metadata()?.modified()?.elapsed().is_ok_and(|age| age > SPARED);
            if old && !content.file_name().to_str().is_some_and(|name| needed.contains(name)) {
                fs::remove_file(content.path())?;
                removed += 1;
            }
        }
    }
    Ok((outdated, removed))
}
