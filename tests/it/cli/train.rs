use super::{failure, gand, gand_with, stdout};
use serde_json::Value;

#[test]
fn a_dataset_that_was_imported_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, data, nowhere, out) = (path("points.npy"), path("data"), path("nowhere"), path("run"));
    let points: Vec<u8> = (0..800_u32).map(|value| (value * 37 % 251) as u8).collect();
    std::fs::write(&file, gand::data::npy::encode_u8(&[200, 2, 2], &points)).unwrap();
    stdout(&gand(&["datasets", "import", &file, "--name", "mine", "--data-dir", &data]));
    let spec = r#"{"dataset": "mine", "recipe": "fast", "training": {"steps": 2}, "evaluation": {"every": 0}}"#;
    std::fs::write(path("spec.json"), spec).unwrap();
    let (spec, threads) = (path("spec.json"), ["--threads", "1", "--json"]);
    let train =
        |out: &str, data: &str| gand(&[&["train", &spec, "--out", out, "--data-dir", data], &threads[..]].concat());

    let report: Value = serde_json::from_str(&stdout(&train(&out, &data))).unwrap();
    assert_eq!((&report["status"], &report["step"]), (&"succeeded".into(), &2.into()));
    // By its variable as well, and by none elsewhere: nor is a data directory made for want of one.
    let again = path("again");
    let arguments = [&["train", &spec, "--out", &again], &threads[..]].concat();
    stdout(&gand_with(&[("GAND_DATA_DIR", data.as_str())], &arguments));
    assert!(failure(3, &train(&path("third"), &nowhere)).contains("no dataset is called"));
    assert!(!folder.path().join("nowhere").exists());
}
