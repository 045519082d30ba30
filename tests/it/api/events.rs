use super::drive::{claim, digits, losses, record_losses, submit};
use crate::support::client::Client;
use crate::support::server::{DEADLINE, Server};
use futures::StreamExt as _;
use gand::job::Ending;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::Value;

/// Reads a stream's events until one is as wished, or the time is up.
async fn events_until(client: &Client, path: &str, last: Option<i64>, done: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut request = client.request(Method::GET, path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut bytes, mut text, mut events) = (response.bytes_stream(), String::new(), Vec::new());
    let read = async {
        while let Some(part) = bytes.next().await {
            text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
            while let Some((event, rest)) = text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let Some(data) = field("data:") {
                    let data: Value = serde_json::from_str(data).unwrap();
                    assert_eq!(field("id:").unwrap(), data["id"].to_string());
                    assert_eq!(field("event:").unwrap(), data["kind"]);
                    events.push(data);
                }
                text = rest.to_owned();
                if events.last().is_some_and(&done) {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("the events come in time");
    events
}

pub(super) async fn the_stream_goes_on_where_it_was_left(server: Server) {
    let id = submit(&server, &digits()).await;
    let path = format!("/jobs/{id}/events");
    let claim = claim(&server).await;
    // The stream is open before the event happens.
    let (seen, ()) = tokio::join!(
        events_until(&server.client, &path, None, |event| event["kind"] == "metrics"),
        record_losses(&server, &claim, vec![losses(1), losses(2)])
    );
    assert_eq!(seen.last().unwrap()["step"], 2);
    let ids: Vec<i64> = seen.iter().map(|event| event["id"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");

    record_losses(&server, &claim, vec![losses(3)]).await;
    server.store.finish(claim.hold, Ending::Succeeded).await.unwrap().unwrap();
    let ended = |event: &Value| event["kind"] == "status" && event["data"]["status"] == "succeeded";
    let rest = events_until(&server.client, &path, ids.last().copied(), ended).await;
    let by_query = events_until(&server.client, &format!("{path}?after={}", ids.last().unwrap()), None, ended).await;
    assert_eq!(rest, by_query);
    let all = events_until(&server.client, &path, None, ended).await;
    assert_eq!([seen, rest].concat(), all, "nothing is missing and nothing comes twice");
}

pub(super) async fn pages_of_the_log_follow_one_another(server: Server) {
    let id = submit(&server, &digits()).await;
    let claim = claim(&server).await;
    for step in 1..=6 {
        record_losses(&server, &claim, vec![losses(step)]).await;
    }
    let path = format!("/jobs/{id}/events");
    let all = server.client.get_with(&path, ACCEPT, "application/json").await.expect(200).json();
    let all = all["items"].as_array().unwrap().clone();
    assert!(all.len() >= 6);
    let (mut found, mut next) = (Vec::new(), format!("{path}?format=json&limit=3"));
    loop {
        let page = server.client.json(&next).await;
        found.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?format=json&limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, all);
    server.client.get(&format!("{path}?after=-1")).await.problem(422, "parameters");
}

pub(super) async fn the_end_of_the_log_comes_without_the_rest(server: Server) {
    let id = submit(&server, &digits()).await;
    let claim = claim(&server).await;
    for step in 1..=30 {
        record_losses(&server, &claim, vec![losses(step)]).await;
    }
    let page = async |query: &str| {
        let items = server.client.json(&format!("/jobs/{id}/events?format=json&{query}")).await["items"].clone();
        let of = |event: &Value| (event["id"].as_u64().unwrap(), event["kind"].as_str().unwrap().to_owned());
        items.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let tail = page("tail=3").await;
    assert_eq!(tail, [30, 31, 32].map(|id| (id, "metrics".to_owned())));
    let status = page("tail=200&kind=status,health").await;
    assert_eq!(status, [1, 2].map(|id| (id, "status".to_owned())), "submitted, started");

    // A stream begins there and goes on.
    let path = format!("/jobs/{id}/events?tail=2");
    let (seen, ()) = tokio::join!(
        events_until(&server.client, &path, None, |event| event["step"] == 31),
        record_losses(&server, &claim, vec![losses(31)])
    );
    let ids: Vec<_> = seen.iter().map(|event| event["id"].as_i64().unwrap()).collect();
    assert!([vec![31, 32, 33], vec![32, 33]].contains(&ids), "{ids:?}");

    for wrong in ["tail=0", "tail=201", "tail=5&after=1", "tail=5&kind=noise", "kind=status"] {
        let answer = server.client.get(&format!("/jobs/{id}/events?format=json&{wrong}")).await;
        answer.problem(422, "parameters");
    }
}

/// Streams lost in `make test`; `GAND_SSE_LOSSES` asks for another number.
const LOSSES: usize = 20;

/// Reads a stream until a random place, which may be the middle of an event, and loses it there. Gives the events that
/// came whole, and whether the job has ended.
async fn read_and_lose(client: &Client, path: &str, last: Option<i64>, bytes_until_lost: usize) -> (Vec<Value>, bool) {
    let mut request = client.request(Method::GET, path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last.to_string());
    }
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < bytes_until_lost && !String::from_utf8_lossy(&bytes).contains("\"status\":\"succeeded\"") {
        match tokio::time::timeout(DEADLINE, stream.next()).await.expect("the events come in time") {
            Some(part) => bytes.extend(part.unwrap()),
            None => break,
        }
    }
    drop(stream);
    bytes.truncate(bytes_until_lost);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    let data = |event: &str| event.lines().find_map(|line| line.strip_prefix("data:").map(str::to_owned));
    let events: Vec<Value> =
        whole.split("\n\n").filter_map(data).map(|data| serde_json::from_str(&data).unwrap()).collect();
    let ended = events.iter().any(|event| event["data"]["status"] == "succeeded");
    (events, ended)
}

pub(super) async fn a_stream_that_is_lost_again_and_again_loses_no_event(server: Server) {
    let losses_wanted = std::env::var("GAND_SSE_LOSSES").map_or(LOSSES, |text| text.parse().unwrap());
    let id = submit(&server, &digits()).await;
    let path = format!("/jobs/{id}/events");
    let claim = claim(&server).await;
    let ended = |event: &Value| event["kind"] == "status" && event["data"]["status"] == "succeeded";
    let lost = std::sync::atomic::AtomicUsize::new(0);
    let train = async {
        // Until the stream has been lost often enough, whenever that is.
        for step in 1.. {
            record_losses(&server, &claim, vec![losses(step)]).await;
            if lost.load(std::sync::atomic::Ordering::Relaxed) >= losses_wanted {
                break;
            }
        }
        server.store.finish(claim.hold, Ending::Succeeded).await.unwrap().unwrap();
    };
    let follow = async {
        let (mut seen, mut last, mut random) = (Vec::new(), None, 0x2545_f491_u64);
        loop {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let enough = lost.load(std::sync::atomic::Ordering::Relaxed) >= losses_wanted;
            let bytes = if enough { usize::MAX } else { 50 + (random >> 33) as usize % 3000 };
            let (events, is_over) = read_and_lose(&server.client, &path, last, bytes).await;
            last = events.last().and_then(|event: &Value| event["id"].as_i64()).or(last);
            seen.extend(events);
            if is_over {
                return seen;
            }
            lost.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let never_lost = events_until(&server.client, &path, None, ended);
    let ((), seen, unbroken) = tokio::join!(train, follow, never_lost);
    assert!(lost.load(std::sync::atomic::Ordering::Relaxed) >= losses_wanted);
    assert_eq!(seen, unbroken, "nothing is missing, nothing comes twice, nothing comes in another order");
}
