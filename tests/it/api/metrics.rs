use super::drive::{claim, digits, losses, record_losses, submit};
use crate::support::server::Server;
use gand::gan::Losses;
use reqwest::header::{ACCEPT, IF_NONE_MATCH};
use serde_json::{Value, json};

async fn long_job(server: &Server) -> (String, Vec<Losses>) {
    let mut body = digits();
    body["training"]["steps"] = json!(50_000);
    let id = submit(server, &body).await;
    let claim = claim(server).await;
    let mut rows: Vec<Losses> = (1..=20_000).map(losses).collect();
    rows[12_345].d_loss = 50.0;
    rows[12_346].g_loss = -60.0;
    for chunk in rows.chunks(5000) {
        record_losses(server, &claim, chunk.to_vec()).await;
    }
    (id, rows)
}

pub(super) async fn columns_keep_their_peaks(server: Server) {
    let (id, rows) = long_job(&server).await;
    let column = |metrics: &Value, name: &str| metrics[name].as_array().unwrap().clone();
    let answer = server.client.get(&format!("/jobs/{id}/metrics")).await.expect(200);
    let metrics = answer.json();
    let steps = column(&metrics, "step");
    assert!(steps.len() <= 1000 && steps.len() > 400, "{}", steps.len());
    for name in ["d_loss", "g_loss", "value", "d_real", "d_fake"] {
        assert_eq!(column(&metrics, name).len(), steps.len());
    }
    assert_eq!((&steps[0], &steps[steps.len() - 1]), (&json!(1), &json!(20_000)));
    let at = steps.iter().position(|step| *step == json!(12_346)).expect("the peak of d_loss stays");
    assert_eq!(column(&metrics, "d_loss")[at], json!(50.0));
    let at = steps.iter().position(|step| *step == json!(12_347)).expect("the peak of g_loss stays");
    assert_eq!(column(&metrics, "g_loss")[at], json!(-60.0));

    let part = server.client.json(&format!("/jobs/{id}/metrics?from_step=101&to_step=200")).await;
    let expected: Vec<f32> = rows[100..200].iter().map(|row| row.d_loss).collect();
    assert_eq!(serde_json::from_value::<Vec<f32>>(part["d_loss"].clone()).unwrap(), expected);
    server.client.get(&format!("/jobs/{id}/metrics?from_step=5&to_step=4")).await.problem(422, "parameters");

    let tag = answer.header("etag").to_owned();
    server.client.get_with(&format!("/jobs/{id}/metrics"), IF_NONE_MATCH, &tag).await.expect(304);
}

pub(super) async fn csv_is_exact(server: Server) {
    let (id, rows) = long_job(&server).await;
    let answer = server.client.get(&format!("/jobs/{id}/metrics?format=csv")).await.expect(200);
    assert!(answer.header("content-type").starts_with("text/csv"));
    let text = answer.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("step,d_loss,g_loss,value,d_real,d_fake"));
    let mut count = 0;
    for (line, row) in lines.zip(&rows) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0].parse::<u64>().unwrap(), row.step);
        for (cell, value) in cells[1..].iter().zip([row.d_loss, row.g_loss, row.value, row.d_real, row.d_fake]) {
            assert_eq!(cell.parse::<f32>().unwrap().to_bits(), value.to_bits());
        }
        count += 1;
    }
    assert_eq!((count, text.lines().count()), (rows.len(), rows.len() + 1));
    let by_header = server.client.get_with(&format!("/jobs/{id}/metrics"), ACCEPT, "text/csv").await.expect(200);
    assert_eq!(by_header.body, answer.body);
}
