//! The datasets that a process can see.

use crate::support::machine::data_dir_with;
use gand::data::idx::encode;
use gand::library::{Library, LibraryError};
use std::path::Path;
use std::sync::{Arc, Barrier};

fn write_set(folder: &Path, points: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let values: Vec<u8> = (0..points * 9).map(|value| (value % 256) as u8).collect();
    std::fs::write(folder.join("train-images-idx3-ubyte"), encode(&[points, 3, 3], &values).unwrap()).unwrap();
}

#[test]
fn without_any_folder_there_are_the_built_in_sets_and_word_of_what_is_missing() {
    let library = Library::new(Vec::new());
    let infos = library.list();
    let available: Vec<&str> = infos.iter().filter(|info| info.available).map(|info| info.name.as_str()).collect();
    assert_eq!(available, ["digits", "gaussian-1d", "mixture-1d", "ring-2d", "grid-2d"]);
    let mnist = infos.iter().find(|info| info.name == "mnist").unwrap();
    assert!(mnist.reason.as_ref().unwrap().contains("GAND_DATA"), "{mnist:?}");
    for info in infos.iter().filter(|info| info.available) {
        let data = library.get(&info.name).unwrap();
        let counts = info.counts.unwrap();
        assert_eq!(info.shape, Some(data.shape));
        assert_eq!(
            [counts.train, counts.validation, counts.test],
            [data.train.len, data.validation.len, data.test.len]
        );
        assert_eq!((&info.label_names, &info.licence, &info.origin), (&data.label_names, &data.licence, &data.origin));
        assert_eq!(info.digest, None);
        assert_eq!(library.info(&info.name).unwrap().digest.as_ref(), Some(&data.digest));
    }
}

#[test]
fn folders_of_idx_files_are_found_described_and_loaded() {
    let root = tempfile::tempdir().unwrap();
    write_set(&root.path().join("letters"), 60);
    write_set(&root.path().join("Not A Name"), 60);
    let library = Library::new(vec![root.path().join("absent"), root.path().to_owned()]);
    let names: Vec<String> = library.list().into_iter().map(|info| info.name).collect();
    assert!(names.contains(&"letters".to_owned()) && !names.contains(&"Not A Name".to_owned()), "{names:?}");
    let info = library.info("letters").unwrap();
    let data = library.get("letters").unwrap();
    assert_eq!(info.shape, Some(data.shape));
    assert_eq!(info.counts.unwrap().train, data.train.len);
}

#[test]
fn mnists_files_may_lie_in_the_folder_itself() {
    let root = tempfile::tempdir().unwrap();
    write_set(root.path(), 60);
    let library = Library::new(vec![root.path().to_owned()]);
    assert_eq!(library.get("mnist").unwrap().train.len, 40);
    assert!(matches!(library.get("letters"), Err(LibraryError::Unknown { .. })));
}

#[test]
fn a_missing_set_says_where_it_was_looked_for() {
    let root = tempfile::tempdir().unwrap();
    let error = Library::new(vec![root.path().to_owned()]).get("mnist").unwrap_err();
    let path = root.path().join("mnist").join("train-images-idx3-ubyte");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn names_that_are_paths_reach_no_file() {
    let root = tempfile::tempdir().unwrap();
    write_set(&root.path().join("secret"), 60);
    let inner = root.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let library = Library::new(vec![inner]);
    let absolute = root.path().join("secret").to_str().unwrap().to_owned();
    for name in ["../secret", "..", ".", "", "x/../../secret", &absolute] {
        assert!(matches!(library.get(name), Err(LibraryError::Unknown { .. })), "{name}");
        assert!(library.info(name).is_err(), "{name}");
    }
}

#[test]
fn damaged_files_are_listed_with_the_reason_and_not_loaded() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("broken");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("train-images-idx3-ubyte.gz"), b"\x1f\x8b\x08nonsense").unwrap();
    let library = Library::new(vec![root.path().to_owned()]);
    let info = library.info("broken").unwrap();
    assert!(!info.available && info.reason.is_some(), "{info:?}");
    assert!(matches!(library.get("broken"), Err(LibraryError::Invalid { .. })));
}

#[test]
fn many_threads_share_one_load() {
    let library = Library::new(Vec::new());
    let barrier = Barrier::new(8);
    let loaded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    library.get("digits").unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(loaded.iter().all(|one| Arc::ptr_eq(one, &loaded[0])));
    library.forget("digits");
    assert!(!Arc::ptr_eq(&library.get("digits").unwrap(), &loaded[0]));
}

#[test]
fn real_mnist_has_its_published_splits() {
    let Some(folder) = data_dir_with("mnist", "library::real_mnist_has_its_published_splits") else { return };
    let library = Library::new(vec![folder]);
    let info = library.info("mnist").unwrap();
    let data = library.get("mnist").unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], [50_000, 10_000, 10_000]);
    assert_eq!(info.counts.unwrap().train, 50_000);
    // The first labels of the training file, of its last sixth, and of the test file.
    assert_eq!(data.train.labels.as_ref().unwrap()[..8], [5, 0, 4, 1, 9, 2, 1, 3]);
    assert_eq!(data.validation.labels.as_ref().unwrap()[..4], [3, 8, 6, 9]);
    assert_eq!(data.test.labels.as_ref().unwrap()[..8], [7, 2, 1, 0, 4, 1, 4, 9]);
}
