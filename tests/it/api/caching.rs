//! What caches may keep, for whom, and under which names.

use super::drive::{claim, digits, submit, trained};
use crate::support::server::{Engine, Server};
use gand::render::{Picture, png};
use gand::store::Record;
use reqwest::Method;
use reqwest::header::{ACCEPT, IF_NONE_MATCH};
use serde_json::{Value, json};

/// The routes that answer in one of several formats, as the document says.
fn negotiated() -> Vec<String> {
    let document = serde_json::to_value(gand::api::document()).unwrap();
    let formats = |item: &Value| item["get"]["responses"]["200"]["content"].as_object().map_or(0, |types| types.len());
    let paths = document["paths"].as_object().unwrap();
    paths.iter().filter(|(_, item)| formats(item) > 1).map(|(path, _)| path.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_depends_on_accept_says_so() {
    let server = Server::start(Engine::Sqlite).await;
    let id = trained(&server).await;
    let (routes, mut unchanged) = (negotiated(), 0);
    assert!(routes.len() >= 7, "{routes:?}");
    for route in routes {
        let path = route.replace("{id}", &id).replace("{plot}", "losses");
        // The head is enough: nobody knows how long an event stream goes on.
        let answer = server.client.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        assert_eq!(answer.headers()["vary"], "accept", "{path}");
        if let Some(tag) = answer.headers().get("etag") {
            let again = server.client.get_with(&path, IF_NONE_MATCH, tag.to_str().unwrap()).await.expect(304);
            assert_eq!((again.header("vary"), again.header("etag")), ("accept", tag.to_str().unwrap()), "{path}");
            unchanged += 1;
        }
        let refused = server.client.get_with(&path, ACCEPT, "audio/ogg").await;
        refused.problem(406, "not-acceptable");
        assert_eq!(refused.header("vary"), "accept", "{path}");
        let wrong = server.client.get(&format!("{path}?format=bmp")).await;
        wrong.problem(422, "parameters");
        assert_eq!(wrong.header("vary"), "accept", "{path}");
    }
    assert!(unchanged >= 6, "only {unchanged} routes have tags");
    // What has one format is the same for all.
    assert!(!server.client.get(&format!("/jobs/{id}")).await.expect(200).headers.contains_key("vary"));
}

pub(super) async fn only_a_named_steps_picture_stays(server: Server) {
    let id = trained(&server).await;
    let newest = format!("/jobs/{id}/timeline?format=png");
    let named = format!("/jobs/{id}/timeline?step=20");
    for (path, stays) in [(newest, false), (named, true)] {
        let answer = server.client.get(&path).await.expect(200);
        let again = server.client.get_with(&path, IF_NONE_MATCH, answer.header("etag")).await.expect(304);
        for answer in [answer, again] {
            let caching = answer.header("cache-control");
            assert_eq!((caching.contains("immutable"), caching == "no-cache"), (stays, !stays), "{path}: {caching}");
        }
    }
}

pub(super) async fn a_film_of_other_pictures_is_another_film(server: Server) {
    let id = submit(&server, &digits()).await;
    let claim = claim(&server).await;
    let show = async |shade: u8| {
        let picture = Picture { width: 4, height: 4, channels: 1, pixels: vec![shade; 16] };
        let file = png::encode(&picture).unwrap();
        let records = [10, 20].map(|step| Record::Snapshot { step, png: file.clone() });
        server.store.record(claim.hold, &records).await.unwrap().unwrap();
    };
    let path = format!("/jobs/{id}/timeline");
    show(10).await;
    let first = server.client.get(&path).await.expect(200);
    server.client.get_with(&path, IF_NONE_MATCH, first.header("etag")).await.expect(304);
    // As after a rollback: the same attempt comes to the same steps once more.
    show(200).await;
    let second = server.client.get_with(&path, IF_NONE_MATCH, first.header("etag")).await.expect(200);
    assert_ne!(second.header("etag"), first.header("etag"));
    assert_ne!(second.body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plot_of_scores_with_other_reference_rows_is_another_plot() {
    let server = Server::start(Engine::Sqlite).await;
    let id = submit(&server, &digits()).await;
    // Whoever has seen the dataset knows its digest.
    server.client.get("/datasets/digits/preview?count=1").await.expect(200);
    let digest = server.client.json("/datasets/digits").await["digest"].as_str().unwrap().to_owned();
    // Rows as an earlier process left them.
    let keep = |server: &Server, log_likelihood: f64| {
        let folder = server.data_dir().join("references");
        std::fs::create_dir_all(&folder).unwrap();
        let rows = json!([{
            "name": "training images", "source": "computed", "log_likelihood": log_likelihood, "standard_error": 0.5,
            "bandwidth": 0.1, "samples": 100, "protocol": "goodfellow2014"
        }]);
        std::fs::write(folder.join(format!("{digest}-goodfellow2014.json")), rows.to_string()).unwrap();
    };
    keep(&server, 50.0);
    let path = format!("/jobs/{id}/plots/parzen");
    let first = server.client.get(&path).await.expect(200);
    server.client.get_with(&path, IF_NONE_MATCH, first.header("etag")).await.expect(304);
    assert_eq!(server.client.get(&path).await.expect(200).body, first.body);

    let server = server.restart().await;
    keep(&server, 60.0);
    let second = server.client.get_with(&path, IF_NONE_MATCH, first.header("etag")).await.expect(200);
    assert_ne!(second.header("etag"), first.header("etag"));
}
