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

pub(super) async fn means_stand_beside_the_peaks_where_steps_were_left_out(server: Server) {
    let (id, _) = long_job(&server).await;
    let path = format!("/jobs/{id}/metrics");
    let metrics = server.client.json(&format!("{path}?means=true&max_points=200")).await;
    let column = |of: &Value| serde_json::from_value::<Vec<f32>>(of.clone()).unwrap();
    let (peaks, means) = (column(&metrics["d_loss"]), column(&metrics["means"]["d_loss"]));
    assert_eq!(peaks.len(), means.len());
    // Waves around 0, with one step of 50 among some hundred.
    assert!(peaks.contains(&50.0) && peaks.iter().any(|peak| *peak < -0.99));
    assert!(means.iter().all(|mean| mean.abs() < 1.0), "{means:?}");
    for whole in ["?means=true&to_step=100", "?max_points=200"] {
        assert_eq!(server.client.json(&format!("{path}{whole}")).await["means"], Value::Null, "{whole}");
    }
    server.client.get(&format!("{path}?means=true&format=csv")).await.problem(422, "parameters");
}

pub(super) async fn the_divergence_is_bounded_by_many_steps_and_not_by_one(server: Server) {
    let id = submit(&server, &digits()).await;
    let path = format!("/jobs/{id}/metrics");
    assert_eq!(server.client.json(&path).await["divergence_bound"], Value::Null);
    let claim = claim(&server).await;
    // As minibatches scatter: far apart, and one in two below −log 4, which no divergence is.
    let value = |step: u64| if step.is_multiple_of(2) { -0.9 } else { -1.5 };
    let rows: Vec<Losses> = (1..=1000).map(|step| Losses { value: value(step), ..losses(step) }).collect();
    record_losses(&server, &claim, rows).await;
    let bound = |metrics: Value| {
        let bound = &metrics["divergence_bound"];
        let number = |name: &str| bound[name].as_f64().unwrap();
        (
            bound["from_step"].as_u64().unwrap(),
            bound["to_step"].as_u64().unwrap(),
            number("value"),
            number("standard_error"),
        )
    };
    let half = |value: f64| 0.5 * (value + 4_f64.ln());
    // The standard deviation of 200 numbers, half of them 0.15 above and half below their mean.
    let error = 0.15 * (200.0_f64 / 199.0).sqrt() / 200_f64.sqrt();
    for (query, from_step, to_step) in
        [("", 801, 1000), ("?max_points=2", 801, 1000), ("?from_step=990", 801, 1000), ("?to_step=300", 101, 300)]
    {
        let (from, to, value, standard_error) = bound(server.client.json(&format!("{path}{query}")).await);
        assert_eq!((from, to), (from_step, to_step), "{query}");
        assert!(
            (value - half(-1.2)).abs() < 1e-6 && (standard_error - error).abs() < 1e-6,
            "{value} ± {standard_error}"
        );
    }
    let first = server.client.json(&format!("{path}?to_step=1")).await;
    let bound = &first["divergence_bound"];
    assert_eq!((&bound["from_step"], &bound["standard_error"]), (&json!(1), &Value::Null));
    assert!((bound["value"].as_f64().unwrap() - half(-1.5)).abs() < 1e-6, "below 0, and shown as it is: {bound}");
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
