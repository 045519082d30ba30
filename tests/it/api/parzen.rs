use super::drive::{digits, submit, trained};
use crate::support::client::Sent as _;
use crate::support::server::Server;
use gand::eval::ParzenResult;
use gand::job::OwnerId;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

pub(super) async fn an_evaluation_is_asked_for_and_found(server: Server) {
    let untrained = submit(&server, &digits()).await;
    server.client.post(&format!("/jobs/{untrained}/parzen"), &json!({})).await.problem(409, "conflict");
    server.client.post(&format!("/jobs/{untrained}/cancel"), &json!({})).await.expect(200);

    let id = trained(&server).await;
    let path = format!("/jobs/{id}/parzen");
    let wrong = server.client.post(&path, &json!({"checkpoint": "newest", "protocol": "inception", "x": 1})).await;
    wrong.problem(422, "validation");
    assert_eq!(wrong.pointers(), ["/checkpoint", "/protocol", "/x"]);

    server.client.post(&path, &json!({"checkpoint": 15})).await.problem(409, "conflict");

    let asked = server.client.request(Method::POST, &path).answer().await.expect(202);
    let waiting = asked.json();
    assert_eq!((&waiting["state"], &waiting["step"]), (&json!("queued"), &json!(20)));
    assert_eq!(waiting["protocol"], "goodfellow2014");
    let location = asked.header("location").to_owned();
    assert_eq!(server.client.json(&location).await, waiting);

    let owner = OwnerId::new();
    let request = server.store.claim_evaluation(owner, Duration::from_secs(600)).await.unwrap().unwrap();
    let result = ParzenResult {
        bandwidth: 0.2,
        bandwidth_grid: vec![0.1, 0.2],
        validation_curve: vec![-3.0, -2.0],
        log_likelihood: -1.5,
        standard_error: 0.25,
        samples: 100,
        test_points: 50,
        protocol: "goodfellow2014".to_owned(),
        seconds: 0.5,
        theory: None,
        quality: None,
    };
    server.store.finish_evaluation(owner, &request, Ok(result)).await.unwrap();
    let list = server.client.json(&path).await;
    let found = &list["items"][0];
    for (name, value) in [
        ("state", json!("succeeded")),
        ("step", json!(20)),
        ("bandwidth", json!(0.2)),
        ("bandwidth_grid", json!([0.1, 0.2])),
        ("validation_curve", json!([-3.0, -2.0])),
        ("log_likelihood", json!(-1.5)),
        ("standard_error", json!(0.25)),
        ("samples", json!(100)),
        ("test_points", json!(50)),
        ("protocol", json!("goodfellow2014")),
        ("seconds", json!(0.5)),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    assert!(list["reference"].is_array());
    assert_eq!(&server.client.json(&location).await, found);
    server.client.get(&format!("{path}/nothing")).await.problem(404, "not-found");
}
