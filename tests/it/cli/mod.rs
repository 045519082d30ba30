//! The command, run as a user runs it.

mod datasets;
mod exit;
mod parzen;
mod settings;
mod theory;
mod train;

use std::process::{Command, Output};

/// `gand` with nothing of this machine's own settings.
fn gand(arguments: &[&str]) -> Output {
    gand_with(&[], arguments)
}

/// The same with these variables.
fn gand_with(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gand"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAND_")) {
        command.env_remove(name);
    }
    command.env_remove("DATABASE_URL").envs(variables.iter().copied()).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command that failed with this exit code said.
fn failure(code: i32, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}
