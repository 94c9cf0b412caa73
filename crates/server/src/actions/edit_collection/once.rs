use super::{Change, Edit, Result};
use serde_json::Value;

/// A change that is done once per key.
pub struct Once<C, F> {
    /// Digests of the key and of the request. None does it in any case.
    pub key: Option<(String, String)>,
    pub change: C,
    /// The answer, which is what is remembered.
    pub show: F,
}

/// What became of it.
pub enum OnceDone {
    Now(Value),
    /// It was done already, and answered like this.
    Before(Value),
    /// The key was used for another request.
    Different,
}

impl<C, F> Change for Once<C, F>
where
    C: Change,
    F: Fn(&Edit, &C::Done) -> Value + Send + Sync,
{
    type Done = OnceDone;

    async fn make(&self, edit: &mut Edit) -> Result<OnceDone> {
        if let Some((key, request)) = &self.key
            && let Some((before, answer)) = edit.locked.answered(key).await?
        {
            let answer = serde_json::from_str(&answer).unwrap_or_default();
            return Ok(if before == *request { OnceDone::Before(answer) } else { OnceDone::Different });
        }
        let done = self.change.make(edit).await?;
        let answer = (self.show)(edit, &done);
        if let Some((key, request)) = &self.key {
            edit.locked.remember_answer(key, request, &answer.to_string(), edit.now_ms).await?;
        }
        Ok(OnceDone::Now(answer))
    }
}
