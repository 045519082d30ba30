use super::drive::trained;
use crate::support::client::Sent as _;
use crate::support::server::Server;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use reqwest::Method;
use reqwest::header::{IF_NONE_MATCH, RANGE};
use sha2::{Digest as _, Sha256};

pub(super) async fn a_file_comes_whole_or_in_parts(server: Server) {
    let id = trained(&server).await;
    let list = server.client.json(&format!("/jobs/{id}/checkpoints")).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| item["step"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 20]);

    let path = format!("/jobs/{id}/checkpoints/20");
    let whole = server.client.get(&path).await.expect(200);
    let digest = format!("blake3:{}", blake3::hash(&whole.body));
    assert_eq!(items[1]["digest"], digest);
    assert_eq!(items[1]["size_bytes"], whole.body.len());
    assert_eq!(whole.header("etag"), format!("\"{digest}\""));
    let told = whole.header("repr-digest").strip_prefix("sha-256=:").unwrap().strip_suffix(":").unwrap().to_owned();
    assert_eq!(BASE64.decode(told).unwrap(), Sha256::digest(&whole.body).as_slice());
    assert!(whole.header("cache-control").contains("immutable"));
    let checkpoint = gand::gan::Checkpoint::from_bytes(&whole.body).unwrap();
    assert_eq!(checkpoint.step, 20);

    let part = server.client.get_with(&path, RANGE, "bytes=8-107").await.expect(206);
    assert_eq!(part.body, whole.body[8..108]);
    assert_eq!(part.header("content-range"), format!("bytes 8-107/{}", whole.body.len()));
    // The unit's name has no case.
    assert_eq!(server.client.get_with(&path, RANGE, "Bytes=8-107").await.expect(206).body, part.body);
    let tail = server.client.get_with(&path, RANGE, "bytes=-5").await.expect(206);
    assert_eq!(tail.body, whole.body[whole.body.len() - 5..]);
    let outside = server.client.get_with(&path, RANGE, "bytes=999999999-").await;
    outside.problem(416, "range-not-satisfiable");
    assert_eq!(outside.header("content-range"), format!("bytes */{}", whole.body.len()));
    server.client.get_with(&path, IF_NONE_MATCH, whole.header("etag")).await.expect(304);

    let head = server.client.request(Method::HEAD, &path).answer().await.expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("etag"), whole.header("etag"));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    // A range is GET's alone.
    let head = server.client.request(Method::HEAD, &path).header(RANGE, "bytes=8-107").answer().await.expect(200);
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    for wrong in ["+20", "%2B20"] {
        server.client.get(&format!("/jobs/{id}/checkpoints/{wrong}")).await.problem(404, "not-found");
    }
    let wrong = server.client.get(&format!("/jobs/{id}/samples?checkpoint=%2B20")).await;
    wrong.problem(422, "parameters");
    assert_eq!(wrong.pointers(), ["/checkpoint"]);
    assert_eq!(server.client.get(&format!("/jobs/{id}/checkpoints/latest")).await.expect(200).body, whole.body);
    assert_eq!(server.client.get(&format!("/jobs/{id}/checkpoints/final")).await.expect(200).body, whole.body);
    server.client.get(&format!("/jobs/{id}/checkpoints/best")).await.problem(404, "not-found");
}
