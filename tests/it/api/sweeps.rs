use super::drive::{claim, digits, losses, record_losses};
use super::uploads::{points, put};
use crate::support::client::Sent as _;
use crate::support::server::Server;
use gand::eval::quality::{Frechet, PairwiseDistance};
use gand::eval::{Coverage, ParzenResult, Quality};
use gand::job::{Ending, Finding, JobError, JobErrorKind, Severity};
use gand::store::Record;
use reqwest::Method;
use serde_json::{Value, json};

fn grid() -> Value {
    // Axes come in the order of the body.
    let mut body = json!({"name": "rates", "tags": ["table"], "seed": [1, 2]});
    body.as_object_mut().unwrap().extend(digits().as_object().unwrap().clone());
    body["training"]["optimizer"] = json!({"type": "adam", "learning_rate": [1e-3, 2e-4, 1e-4]});
    body
}

pub(super) async fn lists_make_a_job_for_each_combination(server: Server) {
    let answer = server.client.post("/sweeps", &grid()).await.expect(201);
    let table = answer.json();
    let id = table["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/sweeps/{id}"));
    assert_eq!(server.client.json(&format!("/sweeps/{id}")).await, table);
    assert_eq!((&table["name"], &table["tags"]), (&json!("rates"), &json!(["table"])));
    assert_eq!(table["tag"], format!("sweep:{id}"));
    assert_eq!(
        table["axes"],
        json!([
            {"pointer": "/seed", "name": "seed", "values": [1, 2]},
            {"pointer": "/training/optimizer/learning_rate", "name": "learning_rate", "values": [1e-3, 2e-4, 1e-4]},
        ])
    );
    assert_eq!((&table["counts"], &table["best_job"]), (&json!({"queued": 6}), &Value::Null));
    let rows = table["rows"].as_array().unwrap();
    let values: Vec<_> = rows.iter().map(|row| row["values"].clone()).collect();
    let expected = [[1.0, 1e-3], [1.0, 2e-4], [1.0, 1e-4], [2.0, 1e-3], [2.0, 2e-4], [2.0, 1e-4]];
    assert!(values.iter().zip(expected).all(|(a, b)| a[0].as_f64() == Some(b[0]) && a[1] == json!(b[1])), "{values:?}");

    // Each is a job like any other.
    let job = server.client.json(&format!("/jobs/{}", rows[4]["job"].as_str().unwrap())).await;
    assert_eq!((&job["spec"]["seed"], &job["sweep"]), (&json!(2), &json!(id)));
    assert_eq!(job["spec"]["training"]["optimizer"]["learning_rate"], 2e-4);
    assert_eq!((&job["name"], &job["name"]), (&rows[4]["name"], &json!("rates: seed 2, learning_rate 0.0002")));
    assert_eq!(job["tags"], json!(["table", table["tag"]]));
    let tagged = server.client.json(&format!("/jobs?tag=sweep:{id}")).await;
    assert_eq!(tagged["items"].as_array().unwrap().len(), 6);
    let list = server.client.json("/sweeps").await;
    assert_eq!((&list["items"][0]["id"], &list["next_cursor"]), (&json!(id), &Value::Null));
    assert_eq!(list["items"][0]["counts"], table["counts"]);
}

fn quality() -> Quality {
    Quality {
        coverage: Some(Coverage { density: 1.25, coverage: 0.75, neighbours: 5, samples: 10, points: 10 }),
        pairwise_distance: PairwiseDistance { samples: 2.0, data: 3.0 },
        labels: None,
        frechet: Some(Frechet { distance: 6.5, floor: 0.5, classifier_accuracy: 0.9 }),
        copies: None,
        seconds: 0.1,
    }
}

pub(super) async fn the_table_tells_what_each_job_came_to(server: Server) {
    let table = server.client.post("/sweeps", &grid()).await.expect(201).json();
    let path = format!("/sweeps/{}", table["id"].as_str().unwrap());
    for (index, scores) in [(0, vec![5.0, 9.0, 7.0]), (1, vec![]), (2, vec![-3.5])] {
        let claim = claim(&server).await;
        assert_eq!(table["rows"][index]["job"], json!(claim.job.id));
        record_losses(&server, &claim, (1..=4).map(losses).collect()).await;
        for (log_likelihood, step) in scores.into_iter().zip(2..) {
            let result = ParzenResult {
                bandwidth: 0.2,
                bandwidth_grid: vec![0.2],
                validation_curve: vec![1.0],
                log_likelihood,
                standard_error: 0.5,
                samples: 10,
                test_points: 10,
                protocol: "custom".to_owned(),
                seconds: 0.1,
                theory: None,
                quality: Some(Box::new(quality())),
            };
            let record = Record::Evaluation { step, protocol: "custom".to_owned(), result, best: false };
            server.store.record(claim.hold, &[record]).await.unwrap().unwrap();
        }
        if index == 2 {
            let (kind, severity, detail) = ("collapse".to_owned(), Severity::Critical, String::new());
            let finding = Record::Finding(Finding { kind, severity, step: 4, until_step: None, detail });
            server.store.record(claim.hold, &[finding]).await.unwrap().unwrap();
        }
        let detail = "d_loss is inf".to_owned();
        let ending = match index {
            1 => Ending::Failed(JobError { kind: JobErrorKind::Diverged, step: Some(5), detail }),
            _ => Ending::Succeeded,
        };
        server.store.finish(claim.hold, ending).await.unwrap().unwrap();
    }
    let table = server.client.json(&path).await;
    assert_eq!(table["counts"], json!({"queued": 3, "succeeded": 2, "failed": 1}));
    let score = |step: u64, log_likelihood: f64| {
        json!({"step": step, "log_likelihood": log_likelihood, "standard_error": 0.5,
            "coverage": 0.75, "density": 1.25, "frechet": {"distance": 6.5, "floor": 0.5}})
    };
    let rows = &table["rows"];
    assert_eq!((&rows[0]["best_score"], &rows[0]["newest_score"]), (&score(3, 9.0), &score(4, 7.0)));
    assert_eq!((&rows[1]["status"], &rows[1]["error"]["kind"]), (&json!("failed"), &json!("diverged")));
    assert_eq!((&rows[1]["best_score"], &rows[1]["progress"]["step"]), (&Value::Null, &json!(4)));
    assert_eq!((&rows[2]["best_score"], &rows[2]["latest"]["step"]), (&score(2, -3.5), &json!(4)));
    assert_eq!((&rows[3]["status"], &rows[3]["latest"]), (&json!("queued"), &Value::Null));
    assert_eq!(rows[2]["verdict"], json!({"kind": "collapse", "severity": "critical"}));
    assert!(rows[0].as_object().unwrap()["verdict"].is_null());
    assert_eq!(table["best_job"], rows[0]["job"]);

    // A job that is deleted leaves the table; the last one takes it along.
    let delete = async |row: &Value| {
        let path = format!("/jobs/{}", row["job"].as_str().unwrap());
        server.client.post(&format!("{path}/cancel"), &json!({})).await;
        server.client.delete(&path).await.expect(204);
    };
    delete(&rows[1]).await;
    let left = server.client.json(&path).await;
    assert_eq!((left["rows"].as_array().unwrap().len(), &left["rows"][1]), (5, &rows[2]));
    for index in [0, 2, 3, 4, 5] {
        delete(&rows[index]).await;
    }
    server.client.get(&path).await.problem(404, "not-found");
    assert_eq!(server.client.json("/sweeps").await["items"], json!([]));
}

pub(super) async fn every_fault_of_every_combination_is_told_at_its_value(server: Server) {
    let mut body = grid();
    body["seed"] = json!([1, -2, "x"]);
    body["training"]["steps"] = json!(0);
    body["training"]["colour"] = json!("blue");
    body["dataset"] = json!(["digits", "nothing"]);
    body["priority"] = json!([1, 2]);
    let answer = server.client.post("/sweeps", &body).await;
    answer.problem(422, "validation");
    let mut pointers = answer.pointers();
    pointers.sort();
    let expected = ["/dataset/1", "/priority", "/seed/1", "/seed/2", "/training/colour", "/training/steps"];
    assert_eq!(pointers, expected, "{}", answer.text());

    let wrong = |seed: Value| {
        let mut body = digits();
        body["seed"] = seed;
        body
    };
    let many: Vec<_> = (0..257).collect();
    for (body, pointer) in [
        (wrong(json!(5)), ""),
        (wrong(json!([])), "/seed"),
        (wrong(json!([1, 1])), "/seed/1"),
        (wrong(json!(many)), ""),
        (json!({"seed": [1, 2]}), "/dataset"),
    ] {
        let answer = server.client.post("/sweeps", &body).await;
        answer.problem(422, "validation");
        assert_eq!(answer.pointers(), [pointer], "{}", answer.text());
    }
    let mut tagged = grid();
    tagged["tags"] = (0..32).map(|index| json!(format!("t{index}"))).collect();
    assert_eq!(server.client.post("/sweeps", &tagged).await.expect(422).pointers(), ["/tags"]);
    assert_eq!(server.client.json("/jobs").await["items"], json!([]), "all jobs or none");
    server.client.get("/sweeps/nonsense").await.problem(404, "not-found");
    server.client.get("/sweeps/00000000-0000-7000-8000-000000000000").await.problem(404, "not-found");
    server.client.get("/sweeps?limit=0").await.problem(422, "parameters");
}

pub(super) async fn the_same_key_and_body_give_the_same_sweep(server: Server) {
    let send = |body: Value| {
        server.client.request(Method::POST, "/sweeps").header("Idempotency-Key", "a").json(&body).answer()
    };
    let (one, two, three) = tokio::join!(send(grid()), send(grid()), send(grid()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16(), three.status.as_u16()];
    statuses.sort();
    assert_eq!(statuses, [200, 200, 201]);
    assert!(one.json()["id"] == two.json()["id"] && two.json()["id"] == three.json()["id"]);
    send(digits()).await.problem(422, "idempotency-key-reused");
    let mut other = grid();
    other["seed"] = json!([7, 8]);
    send(other).await.problem(422, "idempotency-key-reused");
    assert_eq!(server.client.json("/jobs?limit=200").await["items"].as_array().unwrap().len(), 6);
    let pages = server.client.json("/sweeps?limit=1").await;
    assert_eq!((pages["items"].as_array().unwrap().len(), &pages["next_cursor"]), (1, &Value::Null));
}

pub(super) async fn a_grid_has_its_answer_also_when_its_dataset_is_gone(server: Server) {
    put(&server, "/datasets/mine", points()).await.expect(201);
    let body = json!({"dataset": "mine", "seed": [1, 2], "training": {"steps": 5}});
    let send = || server.client.request(Method::POST, "/sweeps").header("Idempotency-Key", "k1").json(&body).answer();
    let first = send().await.expect(201).json();
    assert_eq!(send().await.expect(200).json()["id"], first["id"]);
    for row in first["rows"].as_array().unwrap() {
        let path = format!("/jobs/{}", row["job"].as_str().unwrap());
        server.client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    }
    server.client.delete("/datasets/mine").await.expect(204);
    let again = send().await.expect(200);
    assert_eq!((&again.json()["id"], &again.json()["counts"]), (&first["id"], &json!({"cancelled": 2})));
    server.client.post("/sweeps", &body).await.problem(422, "validation");
}
