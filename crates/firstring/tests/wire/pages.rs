//! What the pages tell a newcomer to write down is taken by the program itself.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_configuration_on_the_front_page_is_accepted() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let page = fs::read_to_string(readme).expect("the front page can be read");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let directory = tempfile::tempdir().expect("a place for the file");
    let file = directory.path().join("desk.toml");
    fs::write(&file, block.expect("the front page shows a configuration")).expect("the file can be written");
    let checked = Command::new(env!("CARGO_BIN_EXE_firstring"))
        .args(["check", "-c"])
        .arg(&file)
        .output()
        .expect("the program runs");
    // 1 would be something on this machine, such as a port in use; 2 is a configuration that is refused.
    assert_ne!(checked.status.code(), Some(2), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("plan overflow: every step can be taken"));
}

#[test]
fn every_link_from_page_to_page_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs", "docs/trunks"] {
        let entries = fs::read_dir(root.join(folder)).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let mut astray = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).expect("the page can be read");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.is_empty() || target.contains("://");
            if !elsewhere && !page.with_file_name("").join(path).exists() {
                astray.push(format!("{} leads to {target}", page.display()));
            }
        }
    }
    assert!(pages.len() > 12, "{pages:?}");
    assert_eq!(astray, Vec::<String>::new());
}
