use super::target::complete_run;
use super::{COMPLETE, Holds, MediaLine, Run, Target, file_of};
use std::collections::{HashMap, HashSet};
use std::io;

/// Content that is younger may belong to a run that is being written.
const SPARED_SECS: u64 = 24 * 60 * 60;

/// Removes all but the newest `keep` runs of everybody, what cut-off ones have left, and contents that none of the remaining ones needs.
/// Answers how many runs and contents went. Blocks.
///
/// Runs of one user, and those in which somebody is missing, take no place from the runs of everybody: `keep` of each kind stay as well,
/// until there are `keep` newer ones of everybody.
///
/// # Errors
/// When the place cannot be read or changed, or a list is damaged: then no content is removed.
pub fn retain(target: &Target, keep: usize) -> io::Result<(usize, usize)> {
    let outdated = outdated(&target.runs()?, keep.max(1));
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

/// The runs that are not among the newest `keep` of their kind, or older than all of so many of everybody. `runs` are in their order.
fn outdated(runs: &[Run], keep: usize) -> HashSet<String> {
    let mut seen: HashMap<Option<&str>, usize> = HashMap::new();
    let mut outdated = HashSet::new();
    let mut of_everybody = 0;
    for run in runs.iter().rev() {
        let is_over = of_everybody >= keep;
        let of_its_kind = match &run.holds {
            Holds::All => &mut of_everybody,
            Holds::AllBut(_) => seen.entry(None).or_default(),
            Holds::Only(user) => seen.entry(Some(user.as_str())).or_default(),
        };
        *of_its_kind += 1;
        if is_over || *of_its_kind > keep {
            outdated.insert(run.name.clone());
        }
    }
    outdated
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A` is of everybody, `x` lacks somebody, other letters are users.
    fn left(runs: &str, keep: usize) -> String {
        let holds = |c| match c {
            'A' => Holds::All,
            'x' => Holds::AllBut(vec!["u".into()]),
            user => Holds::Only(user.to_string()),
        };
        let all: Vec<Run> = runs.chars().enumerate().map(|(n, c)| Run { name: format!("{n:03}"), holds: holds(c) }).collect();
        let outdated = outdated(&all, keep);
        runs.chars().zip(&all).map(|(c, run)| if outdated.contains(&run.name) { '.' } else { c }).collect()
    }

    #[test]
    fn only_runs_of_everybody_push_out_others() {
        for (runs, keep, wanted) in [
            ("AAAA", 2, "..AA"),
            ("A", 1, "A"),
            ("AAbbbb", 2, "AA..bb"),
            ("AAbcbc", 1, ".A..bc"),
            ("bAAb", 2, ".AAb"),
            ("bAb", 2, "bAb"),
            ("AAxxxx", 2, "AA..xx"),
            ("AxAxA", 2, "..AxA"),
            ("bbb", 1, "..b"),
            ("", 3, ""),
        ] {
            assert_eq!(left(runs, keep), wanted, "{runs} {keep}");
        }
    }
}
