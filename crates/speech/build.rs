//! Links flite and PocketSphinx statically from the distribution's development packages.
//!
//! The libraries travel inside the binary, so a fresh machine needs only `libasound.so.2` (flite's archive refers to it,
//! we never open a sound device) and the acoustic model. The order matters to the linker: users before what they use.

use std::process::exit;

/// Voices and their language data, then the engine; PocketSphinx before its base library.
const ARCHIVES: [&str; 8] = [
    "pocketsphinx",
    "sphinxbase",
    "flite_cmu_us_slt",
    "flite_cmu_us_rms",
    "flite_cmu_us_kal16",
    "flite_usenglish",
    "flite_cmulex",
    "flite",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // `pkg-config --libs` would add sphinxad, which drags PulseAudio; only the directory is of use.
    let directory = pkg_config::get_variable("pocketsphinx", "libdir").unwrap_or_else(|error| {
        println!("cargo:warning=PocketSphinx was not found ({error})");
        println!(
            "cargo:warning=apt install pkg-config flite1-dev libpocketsphinx-dev libsphinxbase-dev libasound2"
        );
        exit(1);
    });
    println!("cargo:rustc-link-search=native={directory}");
    for archive in ARCHIVES {
        if !std::path::Path::new(&directory).join(format!("lib{archive}.a")).exists() {
            println!(
                "cargo:warning=lib{archive}.a is not in {directory}; apt install flite1-dev libpocketsphinx-dev libsphinxbase-dev"
            );
            exit(1);
        }
        println!("cargo:rustc-link-lib=static={archive}");
    }
    // Named exactly, because the `.so` link without a version is only in libasound2-dev.
    println!("cargo:rustc-link-lib=dylib:+verbatim=libasound.so.2");
    println!("cargo:rustc-link-lib=dylib=m");
}
