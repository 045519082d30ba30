//! What gand promises whatever happens, at length. Each case runs in a short form with the other tests;
//! `make torture` runs the long one and prints what came of it.
//!
//! What is random in a case comes of a seed, which it prints: libtest shows it where the case fails. `GAND_TORTURE_SEED`
//! gives it that seed again.

mod commands;
mod damage;
mod killed;
mod outages;
mod stopped;
mod submissions;

use std::io::Write as _;
use std::time::UNIX_EPOCH;

/// How large a case is: `short`, or what the variable says, which `tests/torture.sh` sets.
pub(crate) fn size(variable: &str, short: u64) -> u64 {
    std::env::var(variable).ok().map_or(short, |text| text.parse().expect(variable))
}

/// Says what came of a case: a line of the table that `make torture` prints.
#[allow(clippy::print_stderr)]
pub(crate) fn report(what: &str, words: &str) {
    match std::env::var_os("GAND_TORTURE_REPORT") {
        Some(path) => {
            let mut table = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            table.write_all(format!("{what:<28} {words}\n").as_bytes()).unwrap();
        }
        None => eprintln!("{what}: {words}"),
    }
}

/// Random numbers of a seed (SplitMix64): a run that fails can be run again.
pub(crate) struct Random(u64);

impl Random {
    /// Those of the seed in `GAND_TORTURE_SEED`, or of the clock. Prints the seed.
    #[allow(clippy::print_stderr)]
    pub(crate) fn seeded() -> Self {
        let clock = || UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let given = std::env::var("GAND_TORTURE_SEED").ok();
        let seed = given.map_or_else(clock, |text| text.parse().expect("GAND_TORTURE_SEED"));
        eprintln!("GAND_TORTURE_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}
