//! The layer table of ARCHITECTURE.md, checked against the sources: which area may import which, and which crates
//! stay within one area.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// An area (a module of the crate), the areas it may import, and the crates that are named there and nowhere else.
struct Layer {
    area: String,
    may_import: Vec<String>,
    crates: Vec<String>,
}

/// The table of ARCHITECTURE.md.
fn layers() -> Vec<Layer> {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let table = map.split("| area | may import |").nth(1).expect("the layer table is there");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(quoted).collect();
        let [_, area, may_import, crates, ..] = cells.as_slice() else { panic!("a row without three cells: {row}") };
        Layer { area: area.concat(), may_import: may_import.clone(), crates: crates.clone() }
    })
    .collect()
}

/// What the core may not touch: it never waits, and a run is a function of spec, seed and data.
const ABSENT_FROM_THE_CORE: &[&str] = &[
    "async fn",
    ".await",
    "tokio::",
    "std::fs",
    "env::var",
    "env::args",
    "env::current",
    "Instant::now",
    "SystemTime",
    "Mutex",
    "RwLock",
];
const CORE: &[&str] = &["data", "eval", "gan", "render"];

struct Source {
    area: String,
    path: PathBuf,
    lines: Vec<(usize, String)>,
}

/// Every source file of the crate, without comments, `#[cfg(test)]` parts and text in quotes.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
            let area = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let lines = text
                .lines()
                .take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"))
                .map(code_of)
                .enumerate()
                .map(|(index, line)| (index + 1, line))
                .collect();
            found.push(Source { area, path: relative.to_owned(), lines });
        }
    }
    found
}

/// A line without its comment and without what stands in quotes.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => {
                characters.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && characters.peek() == Some(&'/') => break,
            _ if !quoted => code.push(character),
            _ => {}
        }
    }
    code
}

/// The first path segments after every `prefix` in `code`, those in braces included.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let list = rest.strip_prefix('{').map_or(rest, |inside| inside);
        let mut depth = 0_usize;
        let mut segment = String::new();
        let mut first = true;
        for character in list.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 && rest.starts_with('{') => first = true,
                c if c.is_alphanumeric() || c == '_' => {
                    if first && depth == 0 {
                        segment.push(c);
                    }
                    continue;
                }
                ' ' if segment.is_empty() => continue,
                _ if rest.starts_with('{') => {}
                _ => break,
            }
            if !segment.is_empty() {
                names.insert(std::mem::take(&mut segment));
                first = character == ',' && depth == 0;
            }
        }
        if !segment.is_empty() {
            names.insert(segment);
        }
    }
    names
}

/// The names that a file takes from the crate itself: `png` may be a crate, and `crate::render::png` is a module.
fn imported_from_ourselves(source: &Source) -> BTreeSet<String> {
    let text = source.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
    let statements = text.split("use crate::").skip(1).map(|rest| rest.split(';').next().unwrap_or_default());
    statements.flat_map(|list| list.split(|c: char| !c.is_alphanumeric() && c != '_')).map(str::to_owned).collect()
}

fn mentions_crate(code: &str, name: &str) -> bool {
    [format!("{name}::"), format!("use {name};")].iter().any(|needle| {
        code.match_indices(needle.as_str())
            .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
    })
}

#[test]
fn areas_import_only_what_the_layer_table_allows() {
    let layers = layers();
    let mut faults = Vec::new();
    for source in sources() {
        if matches!(source.area.as_str(), "lib" | "main") {
            continue;
        }
        let Some(layer) = layers.iter().find(|layer| layer.area == source.area) else {
            faults.push(format!("src/{}: {} stands in no layer", source.path.display(), source.area));
            continue;
        };
        // Whole files at once: `use crate::{ ... }` may run over several lines.
        let text = source.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
        for name in names_after(&text, "crate::") {
            let is_area = layers.iter().any(|layer| layer.area == name);
            if is_area && name != source.area && !layer.may_import.contains(&name) {
                faults.push(format!("src/{} imports {name}", source.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "against the layer table:\n{}", faults.join("\n"));
}

#[test]
fn crates_stay_in_their_areas() {
    let layers = layers();
    let homes = |name: &str| -> Vec<&str> {
        let holding = layers.iter().filter(|layer| layer.crates.iter().any(|known| known == name));
        holding.map(|layer| layer.area.as_str()).collect()
    };
    let names: BTreeSet<_> = layers.iter().flat_map(|layer| &layer.crates).collect();
    let mut faults = Vec::new();
    for source in sources() {
        let own = imported_from_ourselves(&source);
        for (line_number, line) in &source.lines {
            for name in &names {
                let at_home = homes(name).contains(&source.area.as_str());
                if !at_home && !own.contains(*name) && mentions_crate(line, name) {
                    faults.push(format!("src/{}:{line_number} names {name}", source.path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "crates outside their areas:\n{}", faults.join("\n"));
}

#[test]
fn the_core_has_no_clock_file_lock_environment_or_async() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| CORE.contains(&source.area.as_str())) {
        for (line_number, line) in &source.lines {
            for word in ABSENT_FROM_THE_CORE {
                if line.contains(word) {
                    faults.push(format!("src/{}:{line_number} has {word}", source.path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "the core must not wait:\n{}", faults.join("\n"));
}

#[test]
fn the_check_itself_sees_imports() {
    let names = |code| names_after(code, "crate::").into_iter().collect::<Vec<_>>();
    assert_eq!(names("use crate::store::Store;"), ["store"]);
    assert_eq!(names("use crate::{api, job::{Job, Status}, store::Store};"), ["api", "job", "store"]);
    assert_eq!(names("fn f(x: crate::worker::Pool) -> crate::job::Job"), ["job", "worker"]);
    assert_eq!(names("use my_crate::store;"), Vec::<String>::new());
    assert!(mentions_crate("use sqlx::Row;", "sqlx"));
    assert!(!mentions_crate("use crate::image::Grid;", "image"));
    assert_eq!(code_of(r#"let a = "sqlx::"; // axum::"#), "let a = ; ");
}
