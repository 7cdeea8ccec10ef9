//! Certificates for a test: an authority of its own, and what that issues.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who vouches for others; its own certificate lies in its folder as `NAME.pem`.
pub struct Authority {
    folder: PathBuf,
    name: &'static str,
}

impl Authority {
    /// A new one, with its files in this folder.
    pub fn founded(folder: &Path, name: &'static str) -> Authority {
        openssl(folder, &format!("{NEW} -x509 -days 30 -subj /CN={name} -keyout {name}.key -out {name}.pem"));
        Authority { folder: folder.to_path_buf(), name }
    }

    /// Writes `NAME.pem` and `NAME.key`: a certificate for these subjects, like `DNS:localhost,IP:127.0.0.1`.
    pub fn issues(&self, name: &str, subjects: &str) {
        let (folder, authority) = (&self.folder, self.name);
        openssl(folder, &format!("{NEW} -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        fs::write(folder.join("subjects"), format!("subjectAltName={subjects}\n")).unwrap();
        let by = format!("-CA {authority}.pem -CAkey {authority}.key -CAcreateserial");
        openssl(folder, &format!("x509 -req -in {name}.csr {by} -days 30 -extfile subjects -out {name}.pem"));
    }
}

/// The SHA-256 fingerprint of `NAME.pem`, as openssl prints it.
pub fn fingerprint(folder: &Path, name: &str) -> String {
    let told = openssl(folder, &format!("x509 -noout -fingerprint -sha256 -in {name}.pem"));
    told.trim().split('=').nth(1).unwrap().to_owned()
}

const NEW: &str = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

fn openssl(folder: &Path, arguments: &str) -> String {
    let ran =
        Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
