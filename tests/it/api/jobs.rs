use super::drive::{claim, digits, losses, record_losses, submit, train, train_to, trained};
use super::uploads::{points, put};
use crate::support::client::Sent as _;
use crate::support::server::Server;
use gand::job::{Ending, Finding, Severity};
use gand::store::Record;
use reqwest::Method;
use reqwest::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};

pub(super) async fn only_the_dataset_is_required(server: Server) {
    let answer = server.client.post("/jobs", &json!({"dataset": "digits"})).await.expect(201);
    let job = answer.json();
    assert_eq!(answer.header("location"), format!("/jobs/{}", job["id"].as_str().unwrap()));
    assert_eq!(job["status"], "queued");
    assert_eq!(job["spec"]["recipe"], "digits");
    assert!(job["spec"]["training"]["optimizer"]["learning_rate"].is_number(), "{job}");
    assert_eq!(server.client.json(answer.header("location")).await["id"], job["id"]);
}

pub(super) async fn a_job_shows_everything_the_contract_names(server: Server) {
    let mut body = digits();
    body["name"] = json!("a name");
    body["tags"] = json!(["one", "two"]);
    body["priority"] = json!(3);
    let (first, second) = (submit(&server, &body).await, submit(&server, &digits()).await);
    let waiting = server.client.json(&format!("/jobs/{second}")).await;
    assert_eq!(waiting["queue"], json!({"position": 2, "ahead": 1, "running": 0}));
    assert_eq!(waiting["name"], Value::Null);

    let claim = claim(&server).await;
    record_losses(&server, &claim, (1..=5).map(losses).collect()).await;
    let job = server.client.json(&format!("/jobs/{first}")).await;
    let names = [
        "id",
        "name",
        "tags",
        "status",
        "spec",
        "priority",
        "attempt",
        "worker",
        "created_at",
        "started_at",
        "finished_at",
        "progress",
        "queue",
        "latest",
        "parzen",
        "health",
        "verdict",
        "error",
    ];
    for name in names {
        assert!(job.get(name).is_some(), "{name} is missing in {job}");
    }
    assert_eq!((&job["name"], &job["tags"], &job["priority"]), (&json!("a name"), &json!(["one", "two"]), &json!(3)));
    assert_eq!(
        (&job["status"], &job["worker"], &job["attempt"]),
        (&json!("running"), &json!("test worker"), &json!(1))
    );
    assert_eq!((&job["progress"]["step"], &job["progress"]["steps"]), (&json!(5), &json!(20)));
    assert_eq!(job["queue"], Value::Null);
    assert_eq!(job["latest"]["step"], 5);
    for name in ["created_at", "started_at"] {
        let time = job[name].as_str().unwrap();
        assert!(time.ends_with('Z'), "{name}: {time} is not RFC 3339 in UTC");
    }
    train(&server, claim, &[20]).await;
    let job = server.client.json(&format!("/jobs/{first}")).await;
    assert_eq!((&job["status"], &job["progress"]["step"]), (&json!("succeeded"), &json!(20)));
    assert!(job["finished_at"].is_string());
}

pub(super) async fn the_verdict_is_the_gravest_finding_that_holds(server: Server) {
    let id = submit(&server, &digits()).await;
    let claim = claim(&server).await;
    let tell = async |kind: &str, severity, step, until_step| {
        let (kind, detail) = (kind.to_owned(), "why".to_owned());
        let finding = Record::Finding(Finding { kind, severity, step, until_step, detail });
        server.store.record(claim.hold, &[finding]).await.unwrap().unwrap();
        let job = server.client.json(&format!("/jobs/{id}")).await;
        assert_eq!(server.client.json("/jobs").await["items"][0]["verdict"], job["verdict"]);
        (job["verdict"].clone(), job["health"].as_array().unwrap().last().unwrap().clone())
    };
    let (verdict, few) = tell("few_samples", Severity::Info, 2, None).await;
    assert_eq!((verdict, &few["until_step"]), (Value::Null, &Value::Null));
    let (verdict, _) = tell("memorizing", Severity::Warning, 3, None).await;
    assert_eq!(verdict, json!({"kind": "memorizing", "severity": "warning"}));
    let (verdict, _) = tell("collapse", Severity::Critical, 3, None).await;
    assert_eq!(verdict, json!({"kind": "collapse", "severity": "critical"}));
    let (verdict, ended) = tell("collapse", Severity::Critical, 3, Some(4)).await;
    assert_eq!(verdict["kind"], "memorizing");
    assert_eq!((&ended["kind"], &ended["step"], &ended["until_step"]), (&json!("collapse"), &json!(3), &json!(4)));
    assert_eq!(tell("memorizing", Severity::Warning, 3, Some(5)).await.0, Value::Null);
    let events = server.client.json(&format!("/jobs/{id}/events?format=json&kind=health&tail=1")).await;
    assert_eq!(events["items"][0]["data"]["until_step"], 5);
}

pub(super) async fn the_same_key_and_body_give_the_same_job(server: Server) {
    let send = |key: &'static str, body: Value| {
        let request = server.client.request(Method::POST, "/jobs").header("Idempotency-Key", key).json(&body);
        request.answer()
    };
    let first = send("a", digits()).await.expect(201).json();
    let again = send("a", digits()).await.expect(200);
    assert_eq!(again.json()["id"], first["id"]);
    assert_eq!(again.header("location"), format!("/jobs/{}", first["id"].as_str().unwrap()));
    // White space and the order of fields do not make another body.
    let turned: serde_json::Map<_, _> = digits().as_object().unwrap().clone().into_iter().rev().collect();
    assert_eq!(send("a", Value::Object(turned)).await.expect(200).json()["id"], first["id"]);

    let mut other = digits();
    other["seed"] = json!(99);
    send("a", other.clone()).await.problem(422, "idempotency-key-reused");
    let second = send("b", other).await.expect(201).json();
    assert_ne!(second["id"], first["id"]);
    send("", digits()).await.problem(422, "parameters");
    assert_eq!(server.client.json("/jobs").await["items"].as_array().unwrap().len(), 2);

    // Of several at once one is the first.
    let (one, two, three) = tokio::join!(send("c", digits()), send("c", digits()), send("c", digits()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16(), three.status.as_u16()];
    statuses.sort();
    assert_eq!(statuses, [200, 200, 201]);
    assert!(one.json()["id"] == two.json()["id"] && two.json()["id"] == three.json()["id"]);
}

pub(super) async fn a_submission_has_its_answer_also_when_its_dataset_is_gone(server: Server) {
    put(&server, "/datasets/mine", points()).await.expect(201);
    let body = json!({"dataset": "mine", "training": {"steps": 5}});
    let send =
        |body: &Value| server.client.request(Method::POST, "/jobs").header("Idempotency-Key", "k1").json(body).answer();
    let first = send(&body).await.expect(201).json();
    assert_eq!(send(&body).await.expect(200).json()["id"], first["id"]);
    let path = format!("/jobs/{}", first["id"].as_str().unwrap());
    server.client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    server.client.delete("/datasets/mine").await.expect(204);

    let again = send(&body).await.expect(200);
    assert_eq!((&again.json()["id"], again.header("location")), (&first["id"], path.as_str()));
    assert_eq!((&again.json()["status"], again.header("idempotency-replayed")), (&json!("cancelled"), "true"));
    // What is no spec at all is another body, too.
    send(&json!({"dataset": 5})).await.problem(422, "idempotency-key-reused");
    server.client.post("/jobs", &body).await.problem(422, "validation");
    // The key goes with its job.
    server.client.delete(&path).await.expect(204);
    send(&body).await.problem(422, "validation");
}

pub(super) async fn lists_are_pages_newest_first(server: Server) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(submit(&server, &digits()).await);
    }
    ids.reverse();
    let (mut found, mut path) = (Vec::new(), "/jobs?limit=2".to_owned());
    loop {
        let page = server.client.json(&path).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(items.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/jobs?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    let wrong = server.client.get("/jobs?limit=0&cursor=here&status=lost").await;
    wrong.problem(422, "parameters");
    assert_eq!(wrong.pointers(), ["/limit", "/status", "/cursor"]);
}

pub(super) async fn lists_are_filtered(server: Server) {
    let mut body = digits();
    body["name"] = json!("Run of 100% luck");
    body["tags"] = json!(["table-1"]);
    let named = submit(&server, &body).await;
    let other = submit(&server, &json!({"dataset": "ring-2d"})).await;
    server.client.post(&format!("/jobs/{other}/cancel"), &json!({})).await.expect(200);
    for (query, expected) in [
        ("status=queued", &named),
        ("status=cancelled", &other),
        ("dataset=ring-2d", &other),
        ("dataset=digits", &named),
        ("name=luck", &named),
        ("name=100%25", &named),
        ("tag=table-1", &named),
    ] {
        let page = server.client.json(&format!("/jobs?{query}")).await;
        let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [expected], "{query}");
    }
    assert_eq!(server.client.json("/jobs?tag=table").await["items"], json!([]));
}

pub(super) async fn an_unchanged_job_is_not_sent_again(server: Server) {
    let path = format!("/jobs/{}", submit(&server, &digits()).await);
    let tag = server.client.get(&path).await.expect(200).header("etag").to_owned();
    let same = server.client.get_with(&path, IF_NONE_MATCH, &tag).await.expect(304);
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), tag);
    let claim = claim(&server).await;
    let changed = server.client.get_with(&path, IF_NONE_MATCH, &tag).await.expect(200);
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(changed.headers.get_all(ETAG).iter().count(), 1);
    server.store.finish(claim.hold, Ending::Succeeded).await.unwrap().unwrap();
}

pub(super) async fn commands_are_idempotent_and_refused_where_they_make_no_sense(server: Server) {
    let id = submit(&server, &digits()).await;
    let command = async |word: &str| server.client.post(&format!("/jobs/{id}/{word}"), &json!({})).await;
    for _ in 0..2 {
        assert_eq!(command("pause").await.expect(200).json()["status"], "paused");
    }
    for _ in 0..2 {
        assert_eq!(command("resume").await.expect(200).json()["status"], "queued");
    }
    let claim = claim(&server).await;
    assert_eq!(command("pause").await.expect(200).json()["status"], "pausing");
    for _ in 0..2 {
        assert_eq!(command("cancel").await.expect(200).json()["status"], "cancelling");
    }
    command("resume").await.problem(409, "status-conflict");
    server.store.finish(claim.hold, Ending::Cancelled).await.unwrap().unwrap();
    command("pause").await.problem(409, "status-conflict");
    assert_eq!(command("cancel").await.expect(200).json()["status"], "cancelled");

    // It had not done any of its 20 steps.
    let extended = server.client.post(&format!("/jobs/{id}/extend"), &json!({"steps": 5})).await.expect(200).json();
    assert_eq!((&extended["status"], &extended["progress"]["steps"]), (&json!("queued"), &json!(5)));
    let wrong = server.client.post(&format!("/jobs/{id}/extend"), &json!({"step": 5})).await;
    wrong.problem(422, "validation");
    assert_eq!(wrong.pointers(), ["/steps", "/step"]);
    // A command takes no body, or an empty one.
    server.client.request(Method::POST, &format!("/jobs/{id}/cancel")).answer().await.expect(200);
    server.client.post(&format!("/jobs/{id}/cancel"), &json!({"now": true})).await.problem(422, "validation");
}

pub(super) async fn an_extension_trains_so_many_steps_more_or_to_a_step(server: Server) {
    let id = submit(&server, &digits()).await;
    let path = format!("/jobs/{id}/extend");
    let extend = async |body: Value| server.client.post(&path, &body).await;
    extend(json!({"steps": 5})).await.problem(409, "status-conflict");
    // Cancelled at step 10 of 20.
    let mut claimed = claim(&server).await;
    claimed.job.spec.training.steps = 10;
    server.client.post(&format!("/jobs/{id}/cancel"), &json!({})).await.expect(200);
    train_to(&server, claimed, &[10], Ending::Cancelled).await;

    let end = |job: &Value| (job["progress"].clone(), job["spec"]["training"]["steps"].clone());
    let extended = extend(json!({"steps": 5})).await.expect(200).json();
    assert_eq!(extended["status"], "queued");
    let unknown = |steps: u64| json!({"step": 10, "steps": steps, "steps_per_second": null, "eta_seconds": null});
    assert_eq!(end(&extended), (unknown(15), json!(15)));
    server.client.post(&format!("/jobs/{id}/cancel"), &json!({})).await.expect(200);
    let extended = extend(json!({"to_step": 12})).await.expect(200).json();
    assert_eq!(end(&extended), (unknown(12), json!(12)));
    server.client.post(&format!("/jobs/{id}/cancel"), &json!({})).await.expect(200);

    for (body, pointers) in [
        (json!({}), vec!["/steps"]),
        (json!({"steps": 1, "to_step": 30}), vec!["/to_step"]),
        (json!({"to_step": 10}), vec!["/to_step"]),
        (json!({"to_step": 0, "stop": true}), vec!["/to_step", "/stop"]),
        (json!({"steps": 0}), vec!["/steps"]),
        (json!({"steps": 99_999_991}), vec!["/steps"]),
        (json!({"to_step": 100_000_001}), vec!["/to_step"]),
    ] {
        let wrong = extend(body.clone()).await;
        wrong.problem(422, "validation");
        assert_eq!(wrong.pointers(), pointers, "{body}");
    }
    let reached = extend(json!({"to_step": 10})).await.json();
    assert_eq!(reached["errors"][0]["detail"], "must lie beyond step 10, which the job has reached");
    assert_eq!(end(&server.client.json(&format!("/jobs/{id}")).await), (unknown(12), json!(12)));
}

pub(super) async fn changes_respect_if_match(server: Server) {
    let path = format!("/jobs/{}", submit(&server, &digits()).await);
    let tag = server.client.get(&path).await.header("etag").to_owned();
    let patch =
        |body: Value, tag: &str| server.client.request(Method::PATCH, &path).header(IF_MATCH, tag).json(&body).answer();
    let job = patch(json!({"name": "new", "priority": -7}), &tag).await.expect(200).json();
    assert_eq!((&job["name"], &job["priority"], &job["tags"]), (&json!("new"), &json!(-7), &json!([])));
    patch(json!({"name": "newer"}), &tag).await.problem(412, "precondition-failed");
    let job = patch(json!({"name": null, "tags": ["x"]}), "*").await.expect(200).json();
    assert_eq!((&job["name"], &job["tags"]), (&Value::Null, &json!(["x"])));
    let wrong = patch(json!({"status": "succeeded", "priority": 1000}), "*").await;
    wrong.problem(422, "validation");
    assert_eq!(wrong.pointers(), ["/priority", "/status"]);

    // A tag is one that the server made, whatever the job's place in the queue has become since.
    let tag = server.client.get(&path).await.header("etag").to_owned();
    let version = tag.trim_matches('"').split('-').next().unwrap();
    for wrong in ["\"V-zork\"", "\"V-\"", "\"V-1\"", "\"0V\"", "V", "W/\"V\"", "\"*\""] {
        let wrong = wrong.replace('V', version);
        patch(json!({"priority": 1}), &wrong).await.problem(412, "precondition-failed");
    }
    for right in ["\"V\"", "\"V-9.9\"", "\"x\", \"V\""] {
        patch(json!({}), &right.replace('V', version)).await.expect(200);
    }
    // A running job has a new version with every step that is written down, and a star means any.
    let claim = claim(&server).await;
    let steps = async {
        for step in 1..=200 {
            record_losses(&server, &claim, vec![losses(step)]).await;
        }
    };
    let changes = async {
        for priority in 0..100 {
            patch(json!({"priority": priority}), "*").await.expect(200);
        }
    };
    tokio::join!(steps, changes);
    let missing = server.client.request(Method::PATCH, "/jobs/00000000-0000-7000-8000-000000000000");
    missing.header(IF_MATCH, "*").json(&json!({"priority": 1})).answer().await.problem(404, "not-found");
}

pub(super) async fn only_finished_jobs_are_deleted(server: Server) {
    let id = submit(&server, &digits()).await;
    let path = format!("/jobs/{id}");
    server.client.delete(&path).await.problem(409, "job-active");
    server.client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    assert!(server.client.delete(&path).await.expect(204).body.is_empty());
    server.client.get(&path).await.problem(404, "not-found");
    server.client.delete(&path).await.problem(404, "not-found");
}

pub(super) async fn a_fork_needs_a_checkpoint_that_is_there(server: Server) {
    let id = trained(&server).await;
    let mut body = digits();
    body["from"] = json!({"job": id, "step": 10});
    let job = server.client.post("/jobs", &body).await.expect(201).json();
    assert_eq!(job["from"], body["from"]);
    body["from"] = json!({"job": id, "step": 11});
    let wrong = server.client.post("/jobs", &body).await;
    wrong.problem(422, "validation");
    assert_eq!(wrong.pointers(), ["/from"]);
    // A whole number is one however it is written.
    body["from"] = json!({"job": id, "step": 10.0});
    let job = server.client.post("/jobs", &body).await.expect(201).json();
    assert_eq!(job["from"], json!({"job": id, "step": 10}));
    for step in [json!(5), json!(5.0)] {
        body["from"] = json!({"job": "00000000-0000-7000-8000-000000000000", "step": step});
        let wrong = server.client.post("/jobs", &body).await;
        wrong.problem(422, "validation");
        assert_eq!(wrong.pointers(), ["/from"]);
        let mut grid = body.clone();
        grid["seed"] = json!([1, 2]);
        let wrong = server.client.post("/sweeps", &grid).await;
        wrong.problem(422, "validation");
        assert_eq!(wrong.pointers(), ["/from"]);
    }
    body["from"] = json!({"job": "me", "stop": 11});
    body["priority"] = json!("high");
    let wrong = server.client.post("/jobs", &body).await;
    assert_eq!(wrong.pointers(), ["/priority", "/from/job", "/from/step", "/from/stop"]);
}
