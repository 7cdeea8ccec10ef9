//! What is recorded of calls, and where recordings lie.
//!
//! When a recording begins and pauses is decided in `desk`. Invariant: a configuration that records has a greeting that
//! says so, and one that names a bucket can enter it.

use desk::business::{Keeping, Kept};
use schemars::JsonSchema;
use serde::Deserialize;
use store::bucket::Settings;

use super::document::At;
use super::file::{ComplianceForm, SoundKept, TranscriptsKept};
use super::look::Finding;
use super::meaning::Reading;
use super::{Config, values};

/// How an S3-compatible bucket is entered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketForm {
    /// `https://HOST` of a provider that is not Amazon. `http://` only for this machine.
    pub endpoint: Option<String>,
    /// The region the bucket is in; other providers often take any.
    #[serde(default = "us_east")]
    #[schemars(example = &"us-east-1")]
    pub region: String,
    /// The name of a key that may read, write, list and delete in this bucket.
    pub access_key: Option<String>,
    /// The key itself, as `env:NAME` or `file:PATH`.
    pub secret_key: Option<String>,
}

impl BucketForm {
    fn says_something(&self) -> bool {
        self.endpoint.is_some() || self.access_key.is_some() || self.secret_key.is_some()
    }
}

fn us_east() -> String {
    "us-east-1".to_string()
}

/// What may be kept of calls.
pub(super) fn keeping(form: &ComplianceForm) -> Keeping {
    let sound = |kept| match kept {
        SoundKept::Never => Kept::Never,
        SoundKept::Announce => Kept::Announced,
    };
    let transcripts = match form.transcripts {
        TranscriptsKept::Never => Kept::Never,
        TranscriptsKept::Announce => Kept::Announced,
    };
    Keeping { transcripts, calls: sound(form.calls), bridged: sound(form.bridged) }
}

/// Which bucket recordings are brought to, if any.
pub(super) fn bucket(reading: &mut Reading<'_>) -> Option<Settings> {
    let at = At::top().key("data");
    let form = &reading.file.data;
    let entered = form.s3.as_ref().filter(|entered| entered.says_something());
    let url = match (&form.recordings, entered) {
        (None, None) => return None,
        (None, Some(_)) => {
            let says =
                "nothing is brought there; add recordings = \"s3://BUCKET\" under [data], or take this out";
            reading.refuse(&at.key("s3"), says.to_string());
            return None;
        }
        (Some(url), _) => url,
    };
    if !keeping(&reading.file.compliance).records() {
        let says = "no call is recorded, so nothing would lie there; write calls = \"announce\" under [compliance], or \
                    leave this out";
        reading.refuse(&at.key("recordings"), says.to_string());
    }
    let named = named(url);
    if let Err(says) = &named {
        reading.refuse(&at.key("recordings"), says.clone());
    }
    let keys = entered
        .and_then(|entered| Some((entered, entered.access_key.as_ref()?, entered.secret_key.as_ref()?)));
    let Some((entered, access_key, secret_key)) = keys else {
        let says = "nobody knows how this bucket is entered; add [data.s3] with access_key and secret_key";
        reading.refuse(&at.key("recordings"), says.to_string());
        return None;
    };
    let at = at.key("s3");
    if let Some(says) = entered.endpoint.as_deref().and_then(misfit) {
        reading.refuse(&at.key("endpoint"), says);
    }
    let secret_key = reading.secret(secret_key, &at.key("secret_key"))?;
    let (bucket, prefix) = named.ok()?;
    Some(Settings {
        bucket,
        prefix,
        endpoint: entered.endpoint.clone(),
        region: entered.region.clone(),
        access_key: access_key.clone(),
        secret_key,
    })
}

/// `s3://BUCKET/PREFIX`; the rules for names are Amazon's, which others keep as well.
fn named(url: &str) -> Result<(String, String), String> {
    let Some(rest) = url.strip_prefix("s3://") else {
        return Err(format!(
            "{url:?} is no bucket; write it like \"s3://bucket/prefix\". Without it recordings lie in `recordings` below \
             the data directory"
        ));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit() || b".-".contains(&sign);
    let fits = (3..=63).contains(&bucket.len()) && bucket.bytes().all(plain);
    match fits {
        true => Ok((bucket.to_string(), prefix.trim_matches('/').to_string())),
        false => Err(format!("{bucket:?} is no name of a bucket; it has 3 to 63 of a-z, 0-9, - and .")),
    }
}

/// What callers said does not go over the network in the clear.
fn misfit(endpoint: &str) -> Option<String> {
    let right = "write it like \"https://storage.example.com\"";
    if let Some(host) = endpoint.strip_prefix("https://") {
        return host.trim_end_matches('/').is_empty().then(|| format!("{endpoint:?} names no host; {right}"));
    }
    let Some(host) = endpoint.strip_prefix("http://") else {
        return Some(format!("{endpoint:?} is no address; {right}"));
    };
    let is_here = ["127.0.0.1", "localhost", "[::1]"].iter().any(|here| {
        host.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    (!is_here).then(|| format!("over {endpoint:?} anybody on the way hears the recordings; use https"))
}

/// What is recorded, whether whoever is concerned hears so, and where it lies, for `check`.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let keeping = config.business.keeping;
    let says = match (keeping.calls, keeping.bridged) {
        (Kept::Never, Kept::Never) => {
            return vec![Finding::fine(
                "recordings",
                "no call is recorded; messages are kept because callers leave them",
            )];
        }
        (Kept::Announced, Kept::Never) => {
            "the talk with the assistant is recorded once the caller has heard so in the greeting; what is said with a \
             person is not"
        }
        (Kept::Never, Kept::Announced) => {
            "what callers and people say to each other is recorded once both have heard so; the talk with the assistant \
             is not"
        }
        (Kept::Announced, Kept::Announced) => {
            "calls are recorded once the caller has heard so in the greeting, and with a person once both have heard it"
        }
    };
    let keep = config.keep.as_secs() / 86_400;
    let place = match &config.recordings {
        Some(bucket) => format!("s3://{}/{}", bucket.bucket, bucket.prefix),
        None => config.data_directory.join("recordings").display().to_string(),
    };
    vec![
        Finding::fine("recordings", says),
        Finding::fine(
            "recordings",
            format!("they lie in {place} for {keep} days, card numbers are left out"),
        ),
    ]
}

/// Whether the bucket lets us in: a small object is brought there, read back in size and deleted again by its day.
pub async fn reach_bucket(settings: &Settings) -> Finding {
    let about = format!("bucket {}", settings.bucket);
    let remedy = "look at the bucket's name, [data.s3] and what the key may do; until then recordings stay on this disk";
    match try_bucket(settings).await {
        Ok(()) => Finding::fine(about, "recordings can be brought there"),
        Err(error) => Finding::weak(about, error.to_string(), remedy),
    }
}

async fn try_bucket(settings: &Settings) -> Result<(), store::bucket::BucketError> {
    let bucket = store::bucket::Bucket::open(settings)?;
    let trial = std::env::temp_dir().join(format!("firstring-check-{}", std::process::id()));
    std::fs::write(&trial, b"check\n")?;
    let brought = bucket.bring("check/trial.txt", &trial).await;
    let removed = std::fs::remove_file(&trial);
    brought?;
    bucket.remove("check/trial.txt").await?;
    removed.map_err(|error| store::bucket::BucketError::Unfit(values::plain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_by_its_address() {
        assert_eq!(named("s3://recordings"), Ok(("recordings".to_string(), String::new())));
        assert_eq!(named("s3://my-calls/office/main/"), Ok(("my-calls".into(), "office/main".into())));
        for wrong in ["recordings", "/srv/recordings", "s3://", "s3://Up/x", "s3://a", "https://bucket"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sound_goes_nowhere_in_the_clear() {
        for right in
            ["https://storage.example.com", "http://127.0.0.1:9000", "http://localhost", "http://[::1]:1"]
        {
            assert_eq!(misfit(right), None, "{right}");
        }
        for wrong in [
            "http://storage.example.com",
            "http://127.0.0.1.example.com",
            "storage.example.com",
            "https://",
            "ftp://x",
        ] {
            assert!(misfit(wrong).is_some(), "{wrong}");
        }
    }
}
