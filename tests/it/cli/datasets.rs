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
    assert!(failure(3, &gand(&["datasets", "show", "../etc"])).contains("no dataset is called"));
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
    assert!(failure(3, &import("digits")).contains("built in"));
    stdout(&gand(&["datasets", "remove", "mine", "--data-dir", place]));
    assert!(failure(3, &gand(&["datasets", "remove", "mine", "--data-dir", place])).contains("no dataset is called"));
    let output = gand(&["datasets", "import", file, "--name", "x", "--data-dir", place, "--size", "28"]);
    assert_eq!(output.status.code(), Some(2));
}

/// A server of files that cuts every first answer short: what is not gone on with never becomes whole.
fn mirror(folder: std::path::PathBuf) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            let mut from = 0_usize;
            for line in lines.take_while(|line| !line.is_empty()) {
                if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                    from = range.trim_end_matches('-').parse().unwrap();
                }
            }
            let Ok(bytes) = std::fs::read(folder.join(path)) else {
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                continue;
            };
            let rest = &bytes[from..];
            let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len());
            let sent = if from > 0 { rest } else { &rest[..rest.len() / 2] };
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
        }
    });
    address
}

#[test]
fn mnist_is_fetched_though_every_connection_breaks() {
    let test = "cli::datasets::mnist_is_fetched_though_every_connection_breaks";
    let Some(data) = crate::support::machine::data_dir_with("mnist", test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let address = mirror(data.join("mnist"));
    let fetch = || gand(&["datasets", "fetch", "mnist", "--mirror", &address, "--data-dir", place]);
    let shown: Value = serde_json::from_str(&stdout(&fetch())).unwrap();
    assert_eq!((&shown["counts"]["train"], &shown["counts"]["test"]), (&50_000.into(), &10_000.into()));
    assert!(!folder.path().join("downloads/mnist").exists());
    let again = fetch();
    assert!(String::from_utf8_lossy(&again.stderr).contains("there already"));
    assert_eq!(serde_json::from_str::<Value>(&stdout(&again)).unwrap()["digest"], shown["digest"]);
}

#[test]
fn what_is_not_mnist_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("train-images-idx3-ubyte.gz"), b"\x1f\x8b\x08 not MNIST at all").unwrap();
    let place = folder.path().to_str().unwrap();
    // Nor is what an earlier call left behind, if it is damaged by now.
    let left = folder.path().join("downloads/mnist");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("train-images-idx3-ubyte.gz"), b"damaged").unwrap();
    let address = mirror(folder.path().to_owned());
    let said = failure(4, &gand(&["datasets", "fetch", "mnist", "--mirror", &address, "--data-dir", place]));
    assert!(said.contains("train-images-idx3-ubyte cannot be had"), "{said}");
    assert!(stdout(&gand(&["datasets", "list", "--data-dir", place])).contains("GAND_DATA"));
}
