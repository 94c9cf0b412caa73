//! A bucket of a service that speaks S3's protocol: for media of several machines that share no disk, and for backups.
//!
//! Objects of media are named `<prefix>/<account>/<key>`, like the files of a folder.

use super::{MediaLocation, new_key};
use crate::clock::Clock;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{ClientOptions, GetResult, ListResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Larger content is sent in parts of this size; S3 wants at least 5 MiB in all but the last.
const PART: usize = 8 << 20;
/// Objects of one request that are on their way at the same time, each in memory.
const AT_ONCE: usize = 4;
/// A client waits 30 seconds for an answer, so a fault is better told than tried again for minutes.
const RETRY_FOR: Duration = Duration::from_secs(15);

/// The bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    prefix: String,
    runtime: Handle,
}

impl Bucket {
    /// Must be called on a thread of the runtime.
    ///
    /// # Errors
    /// When its description cannot be right. Whether it can be reached shows with the first request.
    pub fn connect(location: &MediaLocation) -> io::Result<Self> {
        // Whoever asks first decides for the whole process; all of our code asks for the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&location.bucket)
            .with_region(&location.region)
            .with_access_key_id(&location.key_id)
            .with_secret_access_key(location.secret.expose())
            .with_conditional_put(S3ConditionalPut::Disabled)
            .with_retry(RetryConfig { max_retries: 5, retry_timeout: RETRY_FOR, ..RetryConfig::default() })
            .with_client_options(ClientOptions::new().with_timeout(Duration::from_secs(60)).with_connect_timeout(Duration::from_secs(5)));
        if let Some(endpoint) = &location.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(failed)?;
        Ok(Self { store: Arc::new(store), prefix: location.prefix.clone(), runtime: Handle::current() })
    }

    /// Begins to store the contents of one request.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn begin(&self, account: i64) -> io::Result<NewObjects> {
        let start = hex::encode(crate::random::bytes::<1>()?);
        Ok(NewObjects { bucket: self.clone(), account, start, sending: Vec::new(), sent: Vec::new() })
    }

    /// Opens content for reading.
    ///
    /// # Errors
    /// `NotFound` when it is not there; others when the network fails.
    pub fn get(&self, account: i64, key: &str) -> io::Result<ObjectReader> {
        self.open(&self.path(account, key))
    }

    fn open(&self, path: &Path) -> io::Result<ObjectReader> {
        let GetResult { payload, .. } = self.runtime.block_on(self.store.get(path)).map_err(failed)?;
        let object_store::GetResultPayload::Stream(stream) = payload;
        Ok(ObjectReader { stream, rest: Bytes::new(), runtime: self.runtime.clone() })
    }

    /// Bytes of stored content.
    ///
    /// # Errors
    /// `NotFound` when it is not there; others when the network fails.
    pub fn size(&self, account: i64, key: &str) -> io::Result<u64> {
        self.runtime.block_on(self.store.head(&self.path(account, key))).map(|meta| meta.size).map_err(failed)
    }

    /// Whether there is any content of an account. One that cannot be asked for counts as none.
    pub fn has_account(&self, account: i64) -> bool {
        let first = self.runtime.block_on(async { self.store.list(Some(&self.account(account))).next().await });
        matches!(first, Some(Ok(_)))
    }

    /// Removes content. That it is not there is no error.
    ///
    /// # Errors
    /// When the network fails.
    pub fn delete(&self, account: i64, key: &str) -> io::Result<()> {
        self.runtime.block_on(self.remove(&self.path(account, key)))
    }

    /// The accounts that have contents.
    ///
    /// # Errors
    /// When the network fails.
    pub fn accounts(&self) -> io::Result<Vec<i64>> {
        let top = Path::from(self.prefix.as_str());
        let ListResult { common_prefixes, .. } = self.runtime.block_on(self.store.list_with_delimiter(Some(&top))).map_err(failed)?;
        Ok(common_prefixes.iter().filter_map(|path| path.filename()?.parse().ok()).collect())
    }

    /// The keys of an account's contents that were written so long ago or longer.
    ///
    /// # Errors
    /// When the network fails.
    pub fn keys_older_than(&self, account: i64, age: Duration) -> io::Result<Vec<String>> {
        let folder = self.account(account);
        let (now, age) = (Clock::system().now_ms(), i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let is_old = |meta: &ObjectMeta| now - meta.last_modified.timestamp_millis() >= age;
        let list = self.store.list(Some(&folder)).try_filter_map(|meta| {
            let key =
                meta.location.prefix_match(&folder).map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
            let found = key.filter(|_| is_old(&meta));
            async { Ok(found) }
        });
        self.runtime.block_on(list.try_collect()).map_err(failed)
    }

    /// Answers when the bucket does.
    ///
    /// # Errors
    /// When it does not, or there is no such bucket.
    pub async fn ping(&self) -> io::Result<()> {
        // An empty bucket answers with an empty list, a missing one with an error.
        match self.store.list(Some(&Path::from(self.prefix.as_str()))).next().await {
            Some(Err(e)) => Err(failed(e)),
            _ => Ok(()),
        }
    }

    /// Removes all contents of an account.
    ///
    /// # Errors
    /// When the network fails; done again, it goes on where it stopped.
    pub async fn remove_account(&self, account: i64) -> io::Result<()> {
        let folder = self.account(account);
        let mut list = self
            .store
            .list(Some(&folder))
            .map_err(failed)
            .map_ok(|meta| async move { self.remove(&meta.location).await })
            .try_buffered(AT_ONCE);
        while list.try_next().await?.is_some() {}
        Ok(())
    }

    /// Whether there is nothing at all below the prefix.
    ///
    /// # Errors
    /// When the network fails.
    pub fn is_empty(&self) -> io::Result<bool> {
        let top = Path::from(self.prefix.as_str());
        match self.runtime.block_on(async { self.store.list(Some(&top)).next().await }) {
            Some(Ok(_)) => Ok(false),
            Some(Err(e)) => Err(failed(e)),
            None => Ok(true),
        }
    }

    /// Writes an object of any name, which is there as a whole or not at all.
    ///
    /// # Errors
    /// When reading or the network fails.
    pub fn put_named(&self, name: &str, content: &mut impl Read) -> io::Result<()> {
        let path = self.named(name);
        let first = read_part(content)?;
        self.runtime.block_on(async {
            if first.len() == PART {
                return self.send_parts(&path, first, content).await;
            }
            self.store.put(&path, PutPayload::from_bytes(first)).await.map(drop).map_err(failed)
        })
    }

    /// Opens an object of any name.
    ///
    /// # Errors
    /// `NotFound` when it is not there; others when the network fails.
    pub fn get_named(&self, name: &str) -> io::Result<ObjectReader> {
        self.open(&self.named(name))
    }

    /// Names of all objects below one, and their age in seconds.
    ///
    /// # Errors
    /// When the network fails.
    pub fn list_named(&self, below: &str) -> io::Result<Vec<(String, u64)>> {
        let (top, folder) = (Path::from(self.prefix.as_str()), self.named(below));
        let now = Clock::system().now_ms();
        let list = self.store.list(Some(&folder)).map_ok(|meta| {
            let name =
                meta.location.prefix_match(&top).map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
            let age = u64::try_from((now - meta.last_modified.timestamp_millis()) / 1000).unwrap_or(0);
            (name.unwrap_or_default(), age)
        });
        self.runtime.block_on(list.try_collect()).map_err(failed)
    }

    /// Removes an object of any name. That it is not there is no error.
    ///
    /// # Errors
    /// When the network fails.
    pub fn delete_named(&self, name: &str) -> io::Result<()> {
        self.runtime.block_on(self.remove(&self.named(name)))
    }

    fn named(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        match self.store.delete(path).await.map_err(failed) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn account(&self, account: i64) -> Path {
        Path::from(format!("{}/{account}", self.prefix))
    }

    /// Dots and slashes at odd places, which a damaged row could hold, are encoded by `Path`.
    fn path(&self, account: i64, key: &str) -> Path {
        Path::from(format!("{}/{account}/{key}", self.prefix))
    }

    /// Sends content in parts, of which the first is at hand.
    async fn send_parts(&self, path: &Path, first: Bytes, rest: &mut impl Read) -> io::Result<()> {
        let mut upload = self.store.put_multipart(path).await.map_err(failed)?;
        let mut part = first;
        loop {
            let sent = upload.put_part(PutPayload::from_bytes(part)).await.map_err(failed);
            part = match sent.and_then(|()| read_part(rest)) {
                Ok(part) => part,
                Err(e) => {
                    // Otherwise its parts are kept, and paid for, until somebody notices.
                    let _ = upload.abort().await;
                    return Err(e);
                }
            };
            if part.is_empty() {
                return upload.complete().await.map(drop).map_err(failed);
            }
        }
    }
}

/// Objects on their way into the bucket. Dropped before they are all there, they are removed again.
#[derive(Debug)]
pub struct NewObjects {
    bucket: Bucket,
    account: i64,
    start: String,
    sending: Vec<JoinHandle<io::Result<()>>>,
    /// What was, or is being, sent.
    sent: Vec<Path>,
}

impl NewObjects {
    /// Writes content and answers its key. Small content may still be on its way then.
    ///
    /// # Errors
    /// When reading or the network fails.
    pub fn add(&mut self, sha256: &[u8; 32], content: &mut impl Read) -> io::Result<String> {
        let key = new_key(&self.start, sha256)?;
        let path = self.bucket.path(self.account, &key);
        self.sent.push(path.clone());
        let first = read_part(content)?;
        if first.len() == PART {
            self.bucket.runtime.block_on(self.bucket.send_parts(&path, first, content))?;
            return Ok(key);
        }
        if self.sending.len() >= AT_ONCE {
            self.wait_for(1)?;
        }
        let store = self.bucket.store.clone();
        let put = async move { store.put(&path, PutPayload::from_bytes(first)).await.map(drop).map_err(failed) };
        self.sending.push(self.bucket.runtime.spawn(put));
        Ok(key)
    }

    /// Waits until everything is there: only then may a row name it.
    ///
    /// # Errors
    /// When the network fails; nothing is left then.
    pub fn finish(mut self) -> io::Result<()> {
        self.wait_for(self.sending.len())?;
        self.sent.clear();
        Ok(())
    }

    fn wait_for(&mut self, count: usize) -> io::Result<()> {
        let first: Vec<_> = self.sending.drain(..count).collect();
        let runtime = &self.bucket.runtime;
        first.into_iter().try_for_each(|task| runtime.block_on(task).map_err(io::Error::other)?)
    }
}

impl Drop for NewObjects {
    fn drop(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let (bucket, sent, sending) = (self.bucket.clone(), std::mem::take(&mut self.sent), std::mem::take(&mut self.sending));
        // What cannot be removed now is found by the sweep.
        self.bucket.runtime.spawn(async move {
            for task in sending {
                let _ = task.await;
            }
            for path in sent {
                let _ = bucket.remove(&path).await;
            }
        });
    }
}

/// An object as it comes in.
pub struct ObjectReader {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    rest: Bytes,
    runtime: Handle,
}

impl std::fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectReader").finish_non_exhaustive()
    }
}

impl Read for ObjectReader {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.runtime.block_on(self.stream.try_next()).map_err(failed)? {
                Some(next) => self.rest = next,
                None => return Ok(0),
            }
        }
        let next = self.rest.split_to(self.rest.len().min(block.len()));
        block.get_mut(..next.len()).unwrap_or_default().copy_from_slice(&next);
        Ok(next.len())
    }
}

/// As much as goes into one part; less at the end.
fn read_part(content: &mut impl Read) -> io::Result<Bytes> {
    let mut part = Vec::new();
    content.take(PART as u64).read_to_end(&mut part)?;
    Ok(part.into())
}

fn failed(error: object_store::Error) -> io::Error {
    match error {
        object_store::Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, "there is no such object in the bucket"),
        other => io::Error::other(other),
    }
}
