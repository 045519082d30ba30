//! The datasets that a process can see.

use crate::support::machine::data_dir_with;
use gand::config::Storage;
use gand::data::digits::digits;
use gand::data::idx::encode;
use gand::data::{Dataset, Shape, npy, packed};
use gand::library::{ImportOptions, Library, LibraryError};
use std::path::{Path, PathBuf};
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
fn what_could_not_be_read_once_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let good = std::fs::read(packed_digits(root.path())).unwrap();
    let library = Library::new(vec![root.path().to_owned()]);
    let path = root.path().join("mine").join("dataset.npz");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, vec![0; good.len()]).unwrap();
    assert!(!library.info("mine").unwrap().available);
    // The same file by its age and length, as where only the reading had failed.
    let written = path.metadata().unwrap().modified().unwrap();
    std::fs::write(&path, good).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    assert!(library.info("mine").unwrap().available);
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

/// What is said of a set before it is loaded is what it turns out to be.
fn assert_as_described(library: &Library, name: &str) -> Arc<Dataset> {
    let info = library.info(name).unwrap();
    assert!(info.available, "{info:?}");
    let data = library.get(name).unwrap();
    let counts = info.counts.unwrap();
    assert_eq!(info.shape, Some(data.shape));
    assert_eq!([counts.train, counts.validation, counts.test], [data.train.len, data.validation.len, data.test.len]);
    assert_eq!(info.label_names, data.label_names);
    data
}

#[test]
fn the_real_faces_are_found_in_their_zip() {
    let Some(folder) = data_dir_with("faces", "library::the_real_faces_are_found_in_their_zip") else { return };
    let data = assert_as_described(&Library::new(vec![folder]), "faces");
    assert_eq!(data.shape, Shape { height: 56, width: 46, channels: 1 });
    assert_eq!([data.train.len, data.validation.len, data.test.len], [320, 40, 40]);
    assert_eq!((data.label_names.len(), data.label_names[1].as_str()), (40, "s2"));
}

#[test]
fn the_real_cifar10_is_found_in_its_zip() {
    let Some(folder) = data_dir_with("cifar10", "library::the_real_cifar10_is_found_in_its_zip") else { return };
    let library = Library::new(vec![folder]);
    let data = assert_as_described(&library, "cifar10");
    assert_eq!(data.shape, Shape { height: 32, width: 32, channels: 3 });
    assert_eq!([data.train.len, data.validation.len, data.test.len], [9000, 1000, 2000]);
    assert_eq!(data.label_names[..3], ["airplane", "automobile", "bird"]);
}

#[test]
fn folders_of_images_are_datasets() {
    let root = tempfile::tempdir().unwrap();
    for (class, shade) in [("day", 200), ("night", 20)] {
        let folder = root.path().join("skies").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for place in 0..10 {
            let header = b"P5 2 1 255\n".to_vec();
            std::fs::write(folder.join(format!("{place}.pgm")), [header, vec![shade, shade]].concat()).unwrap();
        }
    }
    let data = assert_as_described(&Library::new(vec![root.path().to_owned()]), "skies");
    assert_eq!((data.label_names.join(" "), data.shape.len()), ("day night".to_owned(), 2));
}

#[test]
fn cifar_batches_are_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("cifar10").join("cifar-10-batches-bin");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"] {
        std::fs::write(folder.join(name), vec![1; 3073 * 10]).unwrap();
    }
    let data = assert_as_described(&Library::new(vec![root.path().to_owned()]), "cifar10");
    assert_eq!([data.train.len, data.validation.len, data.test.len], [16, 4, 10]);
    // A folder that was copied in part is not taken for the whole.
    std::fs::write(folder.join("data_batch_4.bin"), vec![1; 3073 * 10]).unwrap();
    let library = Library::new(vec![root.path().to_owned()]);
    let reason = library.info("cifar10").unwrap().reason.unwrap();
    assert!(reason.contains("data_batch_3.bin is missing"), "{reason}");
    assert!(library.get("cifar10").is_err());
}

#[test]
fn an_imported_dataset_is_there_until_it_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let kept = root.path().join("kept");
    let file = packed_digits(root.path());
    let library = Library::new(vec![kept.clone()]);
    let info = library.import("mine", &file, &ImportOptions::default()).unwrap();
    let data = digits().unwrap();
    assert_eq!((info.name.as_str(), info.digest.as_ref()), ("mine", Some(&data.digest)));
    assert_eq!(assert_as_described(&library, "mine").digest, data.digest);
    assert!(library.list().iter().any(|info| info.name == "mine" && info.digest.as_ref() == Some(&data.digest)));
    // Another process sees it too.
    let another = Library::new(vec![kept.clone()]);
    assert_eq!(another.get("mine").unwrap().digest, data.digest);
    // The next one takes its place, also for who has loaded it.
    let points = root.path().join("points.npy");
    std::fs::write(&points, npy::encode_u8(&[50, 2, 2], &[7; 200])).unwrap();
    let origin = Some("here".to_owned());
    library.import("mine", &points, &ImportOptions { origin, ..ImportOptions::default() }).unwrap();
    let replaced = assert_as_described(&library, "mine");
    assert_eq!((replaced.shape.len(), replaced.origin.as_str()), (4, "here"));
    assert_eq!(
        another.info("mine").unwrap().shape,
        Some(replaced.shape),
        "nor does the other go by what it had loaded"
    );
    assert_eq!(another.get("mine").unwrap().digest, replaced.digest);
    library.remove("mine").unwrap();
    assert!(matches!(library.get("mine"), Err(LibraryError::Unknown { .. })));
    assert_eq!(left_in(&kept), 0);
}

#[test]
fn what_is_refused_leaves_nothing_behind_and_what_was_there_in_place() {
    let root = tempfile::tempdir().unwrap();
    let kept = root.path().join("kept");
    let library = Library::new(vec![kept.clone()]);
    let file = packed_digits(root.path());
    library.import("mine", &file, &ImportOptions::default()).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    for (what, bytes) in [("cut.npz", &bytes[..bytes.len() / 2]), ("text", b"no dataset"), ("empty", b"")] {
        let damaged = root.path().join(what);
        std::fs::write(&damaged, bytes).unwrap();
        let error = library.import("mine", &damaged, &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, LibraryError::Invalid { .. }), "{what}: {error}");
    }
    let small = ImportOptions { max_bytes: 10_000, ..ImportOptions::default() };
    let error = library.import("mine", &file, &small).unwrap_err();
    assert!(error.to_string().contains("more than 10000 bytes"), "{error}");
    assert_eq!(library.get("mine").unwrap().digest, digits().unwrap().digest);
    assert_eq!(left_in(&kept), 1);
    let incoming = library.incoming().unwrap();
    let path = incoming.path().to_owned();
    assert!(path.exists());
    drop(incoming);
    assert!(!path.exists());
}

#[test]
fn names_of_other_sets_and_names_that_are_none_are_not_taken() {
    let root = tempfile::tempdir().unwrap();
    let file = packed_digits(root.path());
    let library = Library::new(vec![root.path().join("kept"), root.path().to_owned()]);
    write_set(&root.path().join("letters"), 60);
    for name in ["digits", "ring-2d", "../up", "", "A", ".incoming", "letters"] {
        let error = library.import(name, &file, &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, LibraryError::Refused { .. }), "{name}: {error}");
    }
    for name in ["digits", "letters"] {
        assert!(matches!(library.remove(name), Err(LibraryError::Refused { .. })), "{name}");
    }
    assert!(library.get("letters").is_ok());
}

#[test]
fn a_folder_of_any_kind_is_imported_like_a_file() {
    let root = tempfile::tempdir().unwrap();
    write_set(&root.path().join("letters"), 60);
    let library = Library::new(vec![root.path().join("kept")]);
    library.import("copy", &root.path().join("letters"), &ImportOptions::default()).unwrap();
    let original = Library::new(vec![root.path().to_owned()]).get("letters").unwrap();
    assert_eq!(assert_as_described(&library, "copy").digest, original.digest);
    let nothing = library.import("none", &root.path().join("kept"), &ImportOptions::default()).unwrap_err();
    assert!(nothing.to_string().contains("holds no dataset"), "{nothing}");
}

#[test]
fn what_is_computed_of_a_dataset_outlives_the_server() {
    let root = tempfile::tempdir().unwrap();
    let storage = |data_dir| Storage { data_dir, database_url: None, datasets: None };
    let cache = |storage: &Storage| gand::app::library(storage).cache().clone();
    let served = storage(root.path().join("data"));
    cache(&served).keep("digest-1.npz", vec![7; 100]);
    assert_eq!(cache(&served).find("digest-1.npz").as_deref(), Some(&vec![7; 100]));
    assert_eq!(left_in(&root.path().join("data").join("classifiers")), 1, "nothing unfinished");

    // Where nothing can be written it is kept for as long as the process runs.
    std::fs::write(root.path().join("file"), "").unwrap();
    let unwritable = storage(root.path().join("file").join("data"));
    let mine = cache(&unwritable);
    mine.keep("digest-1.npz", vec![7; 100]);
    assert_eq!(mine.find("digest-1.npz").as_deref(), Some(&vec![7; 100]));
    assert_eq!(cache(&unwritable).find("digest-1.npz"), None);
}

fn packed_digits(folder: &Path) -> PathBuf {
    let file = folder.join("digits.npz");
    std::fs::write(&file, packed::encode(&digits().unwrap()).unwrap()).unwrap();
    file
}

/// Files in a folder and those below.
fn left_in(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { left_in(&path) } else { 1 }).sum()
}
