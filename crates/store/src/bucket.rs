//! An S3-compatible bucket, where recordings lie that are not to stay on this disk.
//!
//! `PREFIX/YYYY-MM-DD/CALL.wav`, by the day on which the call started (UTC). What is not of this form is not ours and
//! stays untouched. When something is brought, tried again or deleted is decided by the shell; over which connections is
//! `http`'s work.
//!
//! Invariant: what [`Bucket::bring`] answers with `Ok` lies there, as long as it is here.

mod http;

use std::ops::Range;
use std::path::Path as File;
use std::pin::Pin;
use std::time::Duration;

use desk::private::Private;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use hyper::body::Bytes;
use jiff::civil::Date;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};

/// Sound in one request; more is brought in several. S3 takes parts of 5 MiB at least.
const PART: usize = 8 << 20;
/// Within one attempt; the shell tries again later.
const TRIES: usize = 2;
const TRIED_FOR: Duration = Duration::from_secs(60);

/// Which bucket, and how it is entered.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The bucket's name.
    pub bucket: String,
    /// Before every place; may be empty.
    pub prefix: String,
    /// `https://HOST[:PORT]` of a provider that is not Amazon. `http://` only for this machine.
    pub endpoint: Option<String>,
    /// The bucket's region.
    pub region: String,
    /// The key's name.
    pub access_key: String,
    /// The key.
    pub secret_key: Private<String>,
}

/// Why the bucket did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// Of what was configured, something is no bucket.
    #[error("the bucket cannot be used: {0}")]
    Unfit(String),
    /// It did not answer, or refused.
    #[error("the bucket {bucket} says: {why}")]
    Refused {
        /// Which.
        bucket: String,
        /// In its own words.
        why: String,
    },
    /// There is nothing by that name.
    #[error("the recording is not in the bucket {bucket} any more")]
    Absent {
        /// Which.
        bucket: String,
    },
    /// What lies there is not what was brought.
    #[error("the bucket {bucket} has {there} of {here} bytes")]
    Torn {
        /// Which.
        bucket: String,
        /// Bytes there.
        there: u64,
        /// Bytes here.
        here: u64,
    },
    /// The recording cannot be read here.
    #[error("the recording cannot be read: {0}")]
    Disk(#[from] std::io::Error),
}

/// Sound on its way from the bucket.
pub type Sound = Pin<Box<dyn Stream<Item = Result<Bytes, BucketError>> + Send>>;

/// A bucket that can be used.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    name: String,
    prefix: Path,
}

impl Bucket {
    /// Makes ready to use it; nothing is asked of it yet.
    pub fn open(settings: &Settings) -> Result<Bucket, BucketError> {
        let unfit = |error: object_store::Error| BucketError::Unfit(error.to_string());
        let retry = RetryConfig { max_retries: TRIES, retry_timeout: TRIED_FOR, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(settings.secret_key.reveal())
            .with_retry(retry)
            // One by one: the request that deletes many is not understood everywhere, and never saves much here.
            .with_disable_bulk_delete(true)
            .with_http_connector(
                http::Connector::new().map_err(|error| BucketError::Unfit(error.to_string()))?,
            );
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let prefix = Path::parse(&settings.prefix).map_err(|error| BucketError::Unfit(error.to_string()))?;
        Ok(Bucket { store: builder.build().map_err(unfit)?, name: settings.bucket.clone(), prefix })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn at(&self, place: &str) -> Path {
        place.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn refused(&self, error: object_store::Error) -> BucketError {
        match error {
            object_store::Error::NotFound { .. } => BucketError::Absent { bucket: self.name.clone() },
            error => BucketError::Refused { bucket: self.name.clone(), why: in_short(&error) },
        }
    }

    /// Brings a file to a place, and looks whether it is there; gives its address.
    pub async fn bring(&self, place: &str, file: &File) -> Result<String, BucketError> {
        let path = self.at(place);
        let here = std::fs::metadata(file)?.len();
        match here <= PART as u64 {
            true => {
                let sound = read_part(file.to_path_buf(), 0).await?;
                self.store.put(&path, sound).await.map_err(|error| self.refused(error))?;
            }
            false => self.bring_in_parts(&path, file, here).await?,
        }
        let there = self.store.head(&path).await.map_err(|error| self.refused(error))?.size;
        match there == here {
            true => Ok(format!("s3://{}/{path}", self.name)),
            false => Err(BucketError::Torn { bucket: self.name.clone(), there, here }),
        }
    }

    /// Parts of an upload that fails are thrown away, else they would cost the owner money unseen.
    async fn bring_in_parts(&self, path: &Path, file: &File, length: u64) -> Result<(), BucketError> {
        let mut upload = self.store.put_multipart(path).await.map_err(|error| self.refused(error))?;
        let mut at = 0;
        while at < length {
            let part = match read_part(file.to_path_buf(), at).await {
                Ok(part) => upload.put_part(part).await.map_err(|error| self.refused(error)),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = part {
                let _lost = upload.abort().await;
                return Err(error);
            }
            at += PART as u64;
        }
        upload.complete().await.map(drop).map_err(|error| self.refused(error))
    }

    /// How long what lies at a place is, in bytes.
    pub async fn size(&self, place: &str) -> Result<u64, BucketError> {
        Ok(self.store.head(&self.at(place)).await.map_err(|error| self.refused(error))?.size)
    }

    /// A part of what lies at a place.
    pub async fn read(&self, place: &str, part: Range<u64>) -> Result<Sound, BucketError> {
        let options = GetOptions { range: Some(GetRange::Bounded(part)), ..GetOptions::default() };
        let found =
            self.store.get_opts(&self.at(place), options).await.map_err(|error| self.refused(error))?;
        let bucket = self.name.clone();
        let refused = move |error: object_store::Error| BucketError::Refused {
            bucket: bucket.clone(),
            why: in_short(&error),
        };
        Ok(found.into_stream().map_err(refused).boxed())
    }

    /// Deletes what lies at a place.
    pub async fn remove(&self, place: &str) -> Result<(), BucketError> {
        self.store.delete(&self.at(place)).await.map_err(|error| self.refused(error))
    }

    /// Deletes recordings of days before `oldest`; gives how many.
    pub async fn sweep(&self, oldest: Date) -> Result<usize, BucketError> {
        let mut gone = 0;
        let found = self.store.list(Some(&self.prefix)).map_ok(|found| found.location);
        let found: Vec<Path> = found.try_collect().await.map_err(|error| self.refused(error))?;
        for path in found {
            if self.day_of(&path).is_some_and(|day| day < oldest) {
                self.store.delete(&path).await.map_err(|error| self.refused(error))?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// The day of a recording of ours.
    fn day_of(&self, path: &Path) -> Option<Date> {
        let parts: Vec<_> = path.prefix_match(&self.prefix)?.collect();
        let [day, name] = parts.as_slice() else { return None };
        name.as_ref().ends_with(".wav").then(|| day.as_ref().parse().ok()).flatten()
    }
}

/// What went wrong in one line, without keys: the crate's own words end in the server's whole answer.
fn in_short(error: &object_store::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let text = deepest.to_string();
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

async fn read_part(file: std::path::PathBuf, at: u64) -> std::io::Result<PutPayload> {
    let read = move || {
        use std::io::{Read as _, Seek as _};
        let mut file = std::fs::File::open(file)?;
        file.seek(std::io::SeekFrom::Start(at))?;
        let mut bytes = Vec::with_capacity(PART);
        file.take(PART as u64).read_to_end(&mut bytes)?;
        Ok(PutPayload::from(bytes))
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err(std::io::Error::other("reading failed")))
}
