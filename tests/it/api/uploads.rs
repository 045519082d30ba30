use super::drive::{claim, submit};
use crate::support::client::{Answer, Sent as _};
use crate::support::server::{DEADLINE, Engine, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use gand::data::{idx, npy};
use reqwest::Method;
use serde_json::json;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zip::write::SimpleFileOptions;

/// 40 points of 4 × 4.
pub(super) fn points() -> Vec<u8> {
    npy::encode(&[40, 4, 4], &(0..640).map(|value| (value % 255) as f32 / 255.0).collect::<Vec<_>>())
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn image(side: usize, value: u8) -> Vec<u8> {
    let picture = gand::render::Picture { width: side, height: side, channels: 1, pixels: vec![value; side * side] };
    gand::render::png::encode(&picture).unwrap()
}

pub(super) async fn put(server: &Server, path: &str, body: Vec<u8>) -> Answer {
    server
        .client
        .request(Method::PUT, path)
        .header("content-type", "application/octet-stream")
        .body(body)
        .answer()
        .await
}

/// What lies in the data directory beside the database.
fn stored(server: &Server) -> Vec<PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }
    let mut found = Vec::new();
    walk(&server.data_dir().join("datasets"), &mut found);
    found
}

pub(super) async fn a_dataset_is_uploaded_used_replaced_and_removed(server: Server) {
    let made = put(&server, "/datasets/mine?origin=a%20test", points()).await.expect(201);
    assert_eq!(made.header("location"), "/datasets/mine");
    let made = made.json();
    assert_eq!(made["shape"], json!({"height": 4, "width": 4, "channels": 1}));
    assert_eq!(made["origin"], "a test");
    let again = put(&server, "/datasets/mine", points()).await.expect(200).json();
    assert_eq!(
        (&again["digest"], &again["counts"]),
        (&made["digest"], &made["counts"]),
        "the same file, the same data"
    );
    server.client.get("/datasets/mine/preview?count=4").await.expect(200);

    let id = submit(&server, &json!({"dataset": "mine", "training": {"steps": 5}})).await;
    put(&server, "/datasets/mine", points()).await.problem(409, "conflict");
    server.client.delete("/datasets/mine").await.problem(409, "conflict");
    let claim = claim(&server).await;
    server.store.finish(claim.hold, gand::job::Ending::Succeeded).await.unwrap().unwrap();
    server.client.get(&format!("/jobs/{id}")).await.expect(200);
    server.client.delete("/datasets/mine").await.expect(204);
    server.client.delete("/datasets/mine").await.problem(404, "not-found");
    server.client.get("/datasets/mine").await.problem(404, "not-found");
    assert_eq!(stored(&server), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_file_is_taken_in() {
    let server = Server::start(Engine::Sqlite).await;
    let images: Vec<u8> = (0..30 * 25).map(|value| (value % 251) as u8).collect();
    let idx = idx::encode(&[30, 5, 5], &images).unwrap();
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&idx).unwrap();
    let files: Vec<(String, Vec<u8>)> =
        (0..24).map(|i| (format!("{}/{i}.png", ["cats", "dogs"][i % 2]), image(6, i as u8 * 10))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    for (name, query, body, shape) in [
        ("an-idx", "", idx, [5, 5, 1]),
        ("packed-idx", "", gz.finish().unwrap(), [5, 5, 1]),
        ("an-array", "", points(), [4, 4, 1]),
        ("arrays", "", gand::data::npz::encode(&[("x", &[40, 4, 4], &[0.5; 640])]).unwrap(), [4, 4, 1]),
        ("images", "?size=8x8&channels=3", zip_of(&files), [8, 8, 3]),
    ] {
        let made = put(&server, &format!("/datasets/{name}{query}"), body).await.expect(201).json();
        let [height, width, channels] = shape;
        assert_eq!(made["shape"], json!({"height": height, "width": width, "channels": channels}), "{name}");
        if name == "images" {
            assert_eq!(made["label_names"], json!(["cats", "dogs"]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_dataset_is_refused_and_leaves_nothing() {
    let server = Server::with(Engine::Sqlite, &["--slots", "0", "--max-upload", "1MiB"]).await;
    let zeros = vec![0; 64 << 20];
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        file
    };
    let mut huge_idx = vec![0, 0, 8, 3];
    for size in [u32::MAX, 28, 28] {
        huge_idx.extend(size.to_be_bytes());
    }
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&[0, 0, 8, 3, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0]).unwrap();
    bomb.write_all(&zeros).unwrap();
    // A picture that says it is 30,000 × 30,000.
    let mut wide = image(8, 0);
    wide[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let truncated = points()[..500].to_vec();
    for (what, body, status) in [
        ("nothing", Vec::new(), 422),
        ("words", b"this is no dataset".to_vec(), 422),
        ("a truncated array", truncated, 422),
        ("an array of a shape that no machine holds", header("(4294967295, 4294967295, 4294967295)"), 422),
        ("an array whose header lies", header("(1000, 28, 28)"), 422),
        ("an IDX file of four billion images", huge_idx, 413),
        ("a gzip bomb", bomb.finish().unwrap(), 413),
        ("a zip bomb", zip_of(&[("a/x.npy", &zeros)]), 422),
        ("a zip bomb of images", zip_of(&[("a/1.png", &zeros), ("b/2.png", &zeros)]), 422),
        ("a picture of huge dimensions", zip_of(&[("a/1.png", &wide), ("b/2.png", &wide)]), 422),
        ("a path out of the archive", zip_of(&[("../../../outside.png", &image(8, 1))]), 422),
        ("an absolute path", zip_of(&[("/tmp/outside.png", &image(8, 1))]), 422),
        ("a truncated zip", zip_of(&[("a/1.png", &image(8, 1))])[..40].to_vec(), 422),
        ("more than is allowed", vec![1; (1 << 20) + 1], 413),
        // More than fits into the sockets on the way: the answer reaches who still writes.
        ("far more than is allowed", vec![1; 7 << 20], 413),
    ] {
        let answer = put(&server, "/datasets/bad", body).await;
        let got = answer.status.as_u16();
        assert!(got == status || (status == 422 && got == 413), "{what}: {got} {}", answer.text());
        assert_eq!(answer.json()["status"], got, "{what}");
        assert!(!answer.text().contains(&server.data_dir().display().to_string()), "{what}: {}", answer.text());
        server.client.get("/datasets/bad").await.problem(404, "not-found");
        assert_eq!(stored(&server), Vec::<PathBuf>::new(), "{what}");
    }
    for (path, pointer) in [
        ("/datasets/Bad", "/name"),
        ("/datasets/..%2f..%2fetc", "/name"),
        ("/datasets/x?size=0x5", "/size"),
        ("/datasets/x?size=9999", "/size"),
        ("/datasets/x?channels=2", "/channels"),
        ("/datasets/x?colour=blue", "/colour"),
    ] {
        let answer = put(&server, path, points()).await;
        answer.problem(422, "parameters");
        assert_eq!(answer.pointers(), [pointer], "{path}");
    }
    put(&server, "/datasets/digits", points()).await.problem(409, "conflict");
    server.client.delete("/datasets/digits").await.problem(409, "conflict");
    for declared in ["text/plain", "application/json", "multipart/form-data; boundary=x", "application/zip"] {
        let answer = server.client.request(Method::PUT, "/datasets/x").header("content-type", declared).body(points());
        answer.answer().await.problem(415, "unsupported-media-type");
    }
    assert_eq!(stored(&server), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_is_found_out() {
    let server = Server::with(Engine::Sqlite, &["--slots", "0", "--max-upload", "1MiB"]).await;
    let address = server.client.base.strip_prefix("http://").unwrap().to_owned();
    let ask = async |head: &str, body: &[u8], close: bool| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!("PUT /datasets/bad HTTP/1.1\r\nhost: {address}\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        if close {
            stream.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
            match tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await.unwrap().unwrap() {
                0 => break,
                count => answer.extend(&buffer[..count]),
            }
        }
        String::from_utf8_lossy(&answer).lines().next().unwrap_or("").to_owned()
    };
    // Too much is announced: nothing is read at all.
    assert!(ask("content-length: 99999999999", b"", false).await.contains(" 413 "));
    // Less comes than was announced.
    let cut = ask("content-length: 5000", &points()[..100], true).await;
    assert!(cut.is_empty() || cut.contains(" 400 "), "{cut}");
    // Nothing is announced, and too much comes.
    let chunk = vec![b'x'; 1 << 16];
    let mut chunked = Vec::new();
    for _ in 0..17 {
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunked.extend(&chunk);
        chunked.extend(b"\r\n");
    }
    let endless = ask("transfer-encoding: chunked", &chunked, false).await;
    assert!(endless.contains(" 413 "), "{endless}");
    let deadline = std::time::Instant::now() + DEADLINE;
    while !stored(&server).is_empty() {
        assert!(std::time::Instant::now() < deadline, "left behind: {:?}", stored(&server));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
