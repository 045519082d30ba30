//! What the machine has for the tests: real datasets, a Python for the outside checks, axe-core. What it lacks is said, never
//! passed over: `make test` prints every line written here before its last one.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Notes that a test could not run here, and why. The test then returns.
pub fn did_not_run(test: &str, why: &str) {
    match std::env::var_os("GAND_TEST_NOT_RUN") {
        Some(path) => {
            let mut list = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            list.write_all(format!("{test}: {why}\n").as_bytes()).unwrap();
        }
        // Not `eprintln!`, which libtest keeps to itself where a test passes.
        None => std::io::stderr().write_all(format!("did not run: {test}: {why}\n").as_bytes()).unwrap(),
    }
}

/// The folder that holds the real datasets, if it has `set` (`mnist`, `cifar10`, `faces`); else the test is noted as
/// not run.
pub fn data_dir_with(set: &str, test: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let folder = std::env::var_os("GAND_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.join(set).is_dir() {
        return Some(folder);
    }
    did_not_run(test, &format!("needs the dataset {set} in GAND_DATA or ../shared/data"));
    None
}

/// A Python with numpy and pillow, as `make test` sets it up; else the test is noted as not run.
pub fn python(test: &str) -> Option<Command> {
    if let Some(path) = std::env::var_os("GAND_TEST_PYTHON") {
        return Some(Command::new(path));
    }
    did_not_run(test, "needs GAND_TEST_PYTHON, a Python with numpy and pillow (make test sets it)");
    None
}

/// The script of axe-core, which looks for faults of accessibility in a page, as `make test` installs it; else the test
/// is noted as not run.
pub fn axe(test: &str) -> Option<String> {
    let script = std::env::var_os("GAND_TEST_AXE").and_then(|path| std::fs::read_to_string(path).ok());
    if script.is_none() {
        did_not_run(
            test,
            "needs axe-core: its file in GAND_TEST_AXE (make test installs it by npm, which it could not)",
        );
    }
    script
}

/// Says how far a long run is.
pub fn say(line: &str) {
    eprintln!("{line}");
}
