//! The media store: whether it can be read, and whose it is.

use super::{Level, Observation};
use crate::config::Config;
use crate::media_store::MediaStore;
use store::engine::ConnectTo;
use store::main_db::installation_in;

pub(super) const GROUP: &str = "Media";

pub(super) async fn look(config: &Config, main: &ConnectTo) -> Vec<Observation> {
    if config.media.is_none() && !config.data_root.media().exists() {
        return vec![Observation::new("media", Level::Note, "there is no folder for media yet", "`djankiserv serve` makes it")];
    }
    let owner = match MediaStore::of(config) {
        Ok(store) => tokio::task::spawn_blocking(move || store.owner()).await.unwrap_or_else(|e| Err(std::io::Error::other(e))),
        Err(e) => Err(e),
    };
    // What is wrong with the database is told elsewhere; or its tables have not been made yet.
    let ours = installation_in(main).await.unwrap_or_default();
    vec![match owner {
        Ok(owner) => judge(owner.as_deref(), ours.as_deref()),
        Err(e) => {
            let advice = "see whether the disk is mounted, or whether DJANKISERV_MEDIA_URL and its keys are right";
            Observation::new("media", Level::Problem, format!("the place of the media cannot be read: {e}"), advice)
        }
    }]
}

fn judge(owner: Option<&str>, ours: Option<&str>) -> Observation {
    match (owner, ours) {
        (Some(owner), ours) if Some(owner) != ours => {
            let ours = ours.unwrap_or("none yet");
            let found = format!("the media belong to the installation {owner}, but the databases to {ours}");
            let advice = "correct the settings of the databases or of the media: two installations cannot share one place, and nothing of it \
                          is tidied up. If the other one is gone for good, remove the file `installation` beside the folders of its media";
            Observation::new("media", Level::Problem, found, advice)
        }
        _ => Observation::good("media", "the media can be read and belong to this installation"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_of_another_installation_are_told() {
        for (owner, ours, level) in [
            (None, None, Level::Good),
            (None, Some("a"), Level::Good),
            (Some("a"), Some("a"), Level::Good),
            (Some("a"), Some("b"), Level::Problem),
            (Some("a"), None, Level::Problem),
            (Some(""), Some("a"), Level::Problem),
        ] {
            assert_eq!(judge(owner, ours).level, level, "{owner:?} {ours:?}");
        }
    }
}
