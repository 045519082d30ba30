//! The README says what is so: its commands are those that `tests/curl/walkthrough.sh` runs, its settings those that
//! `gand serve --help` shows.

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLE_START: &str = "<!-- settings: made from `gand serve --help`; tests/it/readme.rs holds them together -->\n";
const SCORES_START: &str = "<!-- scores: made from docs/scores.json, which `make results-seeds` writes; tests/it/readme.rs holds them together -->\n";
const SCORES_END: &str = "<!-- /scores -->";
const TABLE_END: &str = "<!-- /settings -->";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// The shell blocks of a section.
fn blocks(readme: &str, heading: &str) -> Vec<String> {
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// What one option of `--help` says.
#[derive(Default)]
struct Setting {
    option: String,
    variable: String,
    default: String,
    help: String,
}

fn settings() -> Vec<Setting> {
    let output = Command::new(env!("CARGO_BIN_EXE_gand")).args(["serve", "--help"]).env_clear().output().unwrap();
    assert!(output.status.success(), "gand serve --help failed");
    let help = String::from_utf8(output.stdout).unwrap();
    let mut settings: Vec<Setting> = Vec::new();
    for line in help.lines().map(str::trim).skip_while(|line| *line != "Options:") {
        let option = line.strip_prefix("-h, --").or_else(|| line.strip_prefix("-V, --")).or(line.strip_prefix("--"));
        if let Some(option) = option {
            settings.push(Setting { option: format!("--{option}"), ..Setting::default() });
            continue;
        }
        let Some(setting) = settings.last_mut() else { continue };
        let field = |name: &str| line.strip_prefix(name).and_then(|rest| rest.strip_suffix(']')).map(str::trim);
        if let Some(variable) = field("[env:") {
            setting.variable = variable.trim_end_matches('=').to_owned();
        } else if let Some(default) = field("[default:") {
            setting.default = default.to_owned();
        } else if !line.is_empty() && !line.starts_with("Possible values") && !line.starts_with(['[', '-']) {
            let space = if setting.help.is_empty() { "" } else { " " };
            write!(setting.help, "{space}{line}").unwrap();
        }
    }
    settings.retain(|setting| !setting.option.starts_with("--help") && !setting.option.starts_with("--version"));
    settings
}

fn table() -> String {
    let mut table = String::from("| option | variable | default | what it is |\n| --- | --- | --- | --- |\n");
    for Setting { option, variable, default, help } in settings() {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let help = help.replace('|', "\\|");
        writeln!(table, "| {} | {} | {} | {help} |", code(&option), code(&variable), code(&default)).unwrap();
    }
    table
}

#[test]
fn every_command_of_the_walkthrough_is_run_by_its_script() {
    let script = read("tests/curl/walkthrough.sh");
    let blocks = blocks(&read("README.md"), "With curl");
    // The first only says where the server stands; the script has one of its own.
    assert!(blocks.len() > 5 && blocks[0].starts_with("GAND="), "{blocks:?}");
    let missing: Vec<_> = blocks.iter().skip(1).filter(|block| !script.contains(block.as_str())).collect();
    assert!(missing.is_empty(), "not in tests/curl/walkthrough.sh:\n{missing:#?}");
}

/// The scores over seeds as a table.
fn scores() -> String {
    let scores: Value = serde_json::from_str(&read("docs/scores.json")).unwrap();
    let mut table = String::from(
        "| recipe | data | steps | kernels | least | median | most | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in scores["rows"].as_array().unwrap() {
        let word = |name: &str| row[name].as_str().unwrap().to_owned();
        let number = |name: &str| row[name].as_f64().unwrap();
        let (unit, digits, than) = match row["by"].as_str().unwrap() {
            "log_likelihood" => (" nats", 1, "at least"),
            "divergence" => (" nats of JSD", 4, "at most"),
            _ => (" of the modes", 2, "at least"),
        };
        let shown = |name: &str| format!("{:.digits$}", number(name)).replace('-', "−");
        let of_seeds = match row["bar"].as_f64() {
            Some(bar) => format!("{} of {} seeds {than} {bar}{unit}", number("passed"), number("seeds")),
            None => format!("{} seeds,{unit}", number("seeds")),
        };
        let cells = [format!("`{}`", word("recipe")), format!("`{}`", word("dataset")), number("steps").to_string()];
        let cells = cells.into_iter().chain([word("kernels")]).chain(["least", "median", "most"].map(shown));
        let cells = cells.chain([of_seeds]);
        writeln!(table, "| {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
    }
    table
}

/// With `GAND_UPDATE=1` the README is brought up to date instead.
fn assert_has(start: &str, table: &str, end: &str) {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(start).expect("the table's start is marked");
    let (written, after) = rest.split_once(end).expect("the table's end is marked");
    if std::env::var_os("GAND_UPDATE").is_some() {
        fs::write(path("README.md"), format!("{before}{start}{table}{end}{after}")).unwrap();
        return;
    }
    assert!(written == table, "README.md should have this table (GAND_UPDATE=1 writes it):\n{table}");
}

#[test]
fn the_tables_are_those_of_the_help_text_and_of_the_stored_scores() {
    assert_has(TABLE_START, &table(), TABLE_END);
    assert_has(SCORES_START, &scores(), SCORES_END);
}
