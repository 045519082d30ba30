use super::{failure, gand, stdout};
use serde_json::Value;

#[test]
fn the_list_names_what_is_there_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let text = stdout(&gand(&["datasets", "list", "--data-dir", place]));
    assert!(text.contains("digits") && text.contains("8x8") && text.contains("1297/250/250"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("mnist") && line.contains("GAND_DATA")), "{text}");
    let json: Value =
        serde_json::from_str(&stdout(&gand(&["datasets", "list", "--json", "--data-dir", place]))).unwrap();
    assert_eq!(json[0]["name"], "digits");
}

#[test]
fn one_dataset_is_shown_with_its_digest() {
    let shown: Value = serde_json::from_str(&stdout(&gand(&["datasets", "show", "digits"]))).unwrap();
    assert_eq!(shown["digest"].as_str().unwrap().len(), 64);
    assert!(failure(&gand(&["datasets", "show", "../etc"])).contains("no dataset is called"));
}

#[test]
fn a_file_is_imported_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.npy");
    std::fs::write(&file, gand::data::npy::encode_u8(&[50, 2, 2], &[7; 200])).unwrap();
    let (file, place) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let import =
        |name: &str| gand(&["datasets", "import", file, "--name", name, "--data-dir", place, "--licence", "CC0"]);
    let shown: Value = serde_json::from_str(&stdout(&import("mine"))).unwrap();
    assert_eq!((&shown["licence"], &shown["origin"]), (&"CC0".into(), &"files of this machine".into()));
    assert!(stdout(&gand(&["datasets", "list", "--data-dir", place])).contains("mine"));
    assert!(failure(&import("digits")).contains("built in"));
    stdout(&gand(&["datasets", "remove", "mine", "--data-dir", place]));
    assert!(failure(&gand(&["datasets", "remove", "mine", "--data-dir", place])).contains("no dataset is called"));
    let output = gand(&["datasets", "import", file, "--name", "x", "--data-dir", place, "--size", "28"]);
    assert_eq!(output.status.code(), Some(2));
}
