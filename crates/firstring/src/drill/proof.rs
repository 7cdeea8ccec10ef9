//! What was proved of each trunk's `without_us`, and when: `drills.json` beside the database.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::web::Gone;

/// One drill in which the fallback rang.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// How the desk was gone.
    pub how: Gone,
    /// From the call's INVITE until the fallback rang; none where nobody could measure it.
    pub rang_after_s: Option<f64>,
}

/// Everything proved so far, by trunk. What cannot be read was never proved.
pub fn proofs(data: &Path) -> BTreeMap<String, Proof> {
    let text = std::fs::read_to_string(data.join(FILE)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Notes one more; the last of each trunk counts.
pub fn note(data: &Path, trunk: &str, proof: Proof) -> io::Result<()> {
    let mut all = proofs(data);
    all.insert(trunk.to_string(), proof);
    std::fs::create_dir_all(data)?;
    // Written beside and renamed: a torn file would forget every drill before.
    let beside = data.join(format!("{FILE}.new"));
    let mut file = std::fs::File::create(&beside)?;
    serde_json::to_writer_pretty(&mut file, &all)?;
    file.flush()?;
    file.sync_all()?;
    std::fs::rename(beside, data.join(FILE))
}

const FILE: &str = "drills.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_drill_of_each_trunk_is_remembered() {
        let data = tempfile::tempdir().unwrap();
        let proof =
            |second, how| Proof { at: Timestamp::from_second(second).unwrap(), how, rang_after_s: Some(2.5) };
        note(data.path(), "main", proof(1, Gone::Silent)).unwrap();
        note(data.path(), "pbx", proof(2, Gone::Busy)).unwrap();
        note(data.path(), "main", proof(3, Gone::Unavailable)).unwrap();
        let all = proofs(data.path());
        assert_eq!(
            (all.len(), &all["main"], &all["pbx"].how),
            (2, &proof(3, Gone::Unavailable), &Gone::Busy)
        );
        std::fs::write(data.path().join(FILE), "torn").unwrap();
        assert!(proofs(data.path()).is_empty());
    }
}
