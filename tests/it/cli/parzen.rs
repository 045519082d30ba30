use super::{failure, gand, stdout};
use gand::data::digits::digits;
use gand::data::{npy, npz};
use gand::eval::{Protocol, parzen};
use serde_json::Value;

#[test]
fn a_file_of_samples_gets_the_score_that_the_library_computes() {
    let folder = tempfile::tempdir().unwrap();
    let data = digits().unwrap();
    let samples = data.train.to_vec(0..1000);
    let expected = parzen::evaluate(&Protocol::goodfellow2014(), &samples, &data.validation, &data.test, 1).unwrap();
    let npz = npz::encode(&[("z", &[1], &[0.0]), ("x", &[1000, 8, 8, 1], &samples)]).unwrap();
    let files = [("flat.npy", npy::encode(&[1000, 64], &samples)), ("images.npz", npz)];
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        let found: Value =
            serde_json::from_str(&stdout(&gand(&["parzen", "--samples", path, "--dataset", "digits"]))).unwrap();
        assert_eq!(found["log_likelihood"], expected.log_likelihood);
        assert_eq!(found["standard_error"], expected.standard_error);
        assert_eq!(found["bandwidth_grid"].as_array().unwrap().len(), 10);
        assert_eq!(found["protocol"], "goodfellow2014");
        assert!(found["seconds"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn what_cannot_be_scored_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let place = path.to_str().unwrap();
    let score = |more: &[&str]| gand(&[&["parzen", "--samples", place], more].concat());
    assert!(failure(3, &score(&["--dataset", "digits"])).contains("x.npy"));
    std::fs::write(&path, npy::encode(&[2, 63], &[0.0; 126])).unwrap();
    assert!(failure(3, &score(&["--dataset", "digits"])).contains("N x 64 or N x 8 x 8 is needed"));
    std::fs::write(&path, b"not an array").unwrap();
    assert!(failure(3, &score(&["--dataset", "digits"])).contains("not a .npy file"));
    assert!(failure(3, &score(&["--dataset", "digits", "--protocol", "best"])).contains("goodfellow2014"));
    assert!(failure(3, &score(&["--dataset", "nothing"])).contains("no dataset is called"));
    std::fs::write(&path, npy::encode(&[2, 64], &[200.0; 128])).unwrap();
    // Of another scale is scored, with a warning: it may be what was meant.
    let output = score(&["--dataset", "digits"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is in [0, 1]"));
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(found["log_likelihood"].as_f64().unwrap() < -1e6, "{found}");
}
