//! Runs a target over its corpus and over changes of it, and keeps what is new.

use super::mutation::{Random, mutate};
use crate::support::machine::say;
use crate::support::memory::height_of;
use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A parser under test.
pub(super) struct Target {
    /// Its name, and that of its folder in the corpus.
    pub(super) name: &'static str,
    /// The bytes that it may hold.
    pub(super) limit: usize,
    /// Inputs that it reads.
    pub(super) seeds: fn() -> Vec<Vec<u8>>,
    /// Feeds it; says in words how it answered.
    pub(super) run: fn(&[u8]) -> String,
}

/// Inputs that are tried in a short run.
const SHORT: u64 = 1500;
/// Longer than any input takes, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(300);
/// Inputs kept in memory to make others from.
const POOL: usize = 2000;
/// The largest input, and the most for each target, that a run adds to the corpus in the repository.
const KEPT_BYTES: usize = 1024;
const KEPT: usize = 24;

/// Tries the corpus, then changes of it: some thousands, or for `GAND_FUZZ_SECONDS`.
pub(super) fn fuzz(target: &Target) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target.name);
    let mut pool: Vec<Vec<u8>> = (target.seeds)();
    assert!(!pool.is_empty());
    pool.extend(files(&folder).iter().map(|path| fs::read(path).unwrap()));
    let mut answers = HashSet::new();
    for input in &pool {
        answers.insert(feed(target, input));
    }
    let seconds = std::env::var("GAND_FUZZ_SECONDS").ok().map(|text| text.parse::<u64>().unwrap());
    // The short run is the same every time; a long one is another every time.
    let seed =
        if seconds.is_some() { Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id()) } else { 1 };
    let (mut random, begun, mut tried) = (Random::new(seed), Instant::now(), 0);
    let known = pool.len();
    while seconds.map_or(tried < SHORT, |seconds| begun.elapsed() < Duration::from_secs(seconds)) {
        let mut input = random.of(&pool).clone();
        let other = random.of(&pool).clone();
        mutate(&mut random, &mut input, &other);
        tried += 1;
        if answers.insert(feed(target, &input)) && pool.len() < POOL {
            pool.push(input);
        }
    }
    if seconds.is_some() {
        say(&format!("fuzz {}: {tried} inputs, {} answers, no fault (seed {seed})", target.name, answers.len()));
        keep(&folder, &pool[known..]);
    }
}

/// Feeds one input. Panics with its place if the target fails; gives its answer without the numbers in it.
fn feed(target: &Target, input: &[u8]) -> String {
    let begun = Instant::now();
    let (answer, height) = height_of(|| catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    let seconds = begun.elapsed();
    let fault = match &answer {
        Err(_) => Some("panics".to_owned()),
        Ok(_) if height > target.limit => Some(format!("holds {height} bytes, and may hold {}", target.limit)),
        Ok(_) if seconds > PATIENCE => Some(format!("takes {seconds:?}")),
        Ok(_) => None,
    };
    if let Some(fault) = fault {
        let place = std::env::temp_dir().join(format!("gand-fuzz-{}-{}", target.name, std::process::id()));
        fs::write(&place, input).unwrap();
        panic!("{} {fault} at {}; copy it to tests/corpus/{0}", target.name, place.display());
    }
    let plain = |text: String| text.chars().filter(|character| !character.is_ascii_digit()).take(120).collect();
    plain(answer.unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Adds small inputs that found new answers to the corpus, if `GAND_FUZZ_KEEP` says so.
fn keep(folder: &Path, found: &[Vec<u8>]) {
    if std::env::var_os("GAND_FUZZ_KEEP").is_none() {
        return;
    }
    fs::create_dir_all(folder).unwrap();
    let room = KEPT.saturating_sub(files(folder).len());
    for input in found.iter().filter(|input| input.len() <= KEPT_BYTES).take(room) {
        let sum = input
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        fs::write(folder.join(format!("{sum:016x}")), input).unwrap();
    }
}
