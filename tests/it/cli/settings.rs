//! Settings from the environment, as containers give them. `gand serve` says by its exit code how far it came: 2 is a setting
//! that it does not understand, 1 that it refuses to serve beyond this machine, 4 that the address is taken.

use super::{failure, gand_with};
use std::net::TcpListener;

/// `gand serve` at an address that every machine could reach and that is taken.
fn serve(variables: &[(&str, &str)], code: i32) -> String {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    failure(code, &gand_with(variables, &["serve", "--slots", "0", "--listen", &address, "--data-dir", &data]))
}

#[test]
fn a_switch_is_turned_on_and_off_in_every_usual_word() {
    for on in ["1", "true", "yes", "on", "TRUE", "y"] {
        assert!(serve(&[("GAND_NO_AUTH", on)], 4).contains("cannot listen"), "{on}");
        assert!(serve(&[("GAND_NO_AUTH", "1"), ("GAND_DEMO", on)], 4).contains("cannot listen"), "{on}");
    }
    for off in ["0", "false", "no", "off", ""] {
        assert!(serve(&[("GAND_NO_AUTH", off), ("GAND_DEMO", off)], 1).contains("without tokens"), "{off:?}");
    }
    assert!(serve(&[("GAND_NO_AUTH", "perhaps")], 2).contains("--no-auth"));
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let names = ["GAND_DATA", "GAND_TOKENS_FILE", "GAND_TOKENS", "GAND_ALLOWED_HOSTS", "GAND_LEASE", "DATABASE_URL"];
    let mut variables = names.map(|name| (name, "")).to_vec();
    variables.push(("GAND_NO_AUTH", "1"));
    assert!(serve(&variables, 4).contains("cannot listen"));
}
