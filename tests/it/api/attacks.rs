//! Attacks, each tried and refused: the page `docs/security.md` names these tests one by one.

use super::drive::{digits, submit};
use crate::support::client::Sent as _;
use crate::support::machine;
use crate::support::process::Process;
use crate::support::server::{DEADLINE, Engine, Server};
use futures::StreamExt as _;
use gand::store::Record;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HOST, ORIGIN};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const READ: &str = "read-0123456789abcdef";

/// Every operation that changes something.
fn writes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(gand::api::document()).unwrap();
    let id = "00000000-0000-7000-8000-000000000000";
    let mut writes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|method| *method != "get") {
            // Signing in and out is what somebody without a token does.
            if path != "/session" {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                writes.push((method, path.replace("{id}", id).replace("{name}", "digits")));
            }
        }
    }
    assert!(writes.len() >= 11, "{writes:?}");
    writes
}

/// Everything that may be read, besides what is open to all.
fn reads() -> Vec<String> {
    let document = serde_json::to_value(gand::api::document()).unwrap();
    let open = ["/", "/docs", "/healthz", "/openapi.json", "/readyz", "/session", "/static/{name}"];
    let guarded = |path: &&String| !open.contains(&path.as_str());
    let paths = document["paths"].as_object().unwrap();
    let reads = paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path).filter(guarded);
    let reads: Vec<String> = reads.cloned().collect();
    assert!(reads.len() >= 21, "{reads:?}");
    reads
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_read_or_written() {
    let server = Server::with(Engine::Sqlite, &["--slots", "0", "--tokens", &format!("read:{READ}")]).await;
    for path in reads() {
        server.client.get(&path).await.problem(401, "unauthorized");
    }
    for (method, path) in writes() {
        server.client.request(method, &path).json(&json!({})).answer().await.problem(401, "unauthorized");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_to_read_writes_nothing() {
    let server = Server::with(Engine::Sqlite, &["--slots", "0", "--tokens", &format!("read:{READ}")]).await;
    for (method, path) in writes() {
        let request = server.client.request(method, &path).header(AUTHORIZATION, format!("Bearer {READ}"));
        request.json(&json!({})).answer().await.problem(403, "forbidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebound_host_name_and_another_sites_page_reach_nothing() {
    let server = Server::start(Engine::Sqlite).await;
    for path in reads() {
        server.client.get_with(&path, HOST, "gand.evil.example").await.problem(421, "misdirected");
    }
    for (method, path) in writes() {
        let request = server.client.request(method, &path).header(ORIGIN, "http://evil.example");
        request.json(&json!({})).answer().await.problem(403, "forbidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_submits_nothing() {
    let server = Server::start(Engine::Sqlite).await;
    // What a form can send without asking first; browsers that name no origin still name no JSON.
    for declared in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = server.client.request(Method::POST, "/jobs").header("content-type", declared);
        form.body(digits().to_string()).answer().await.problem(415, "unsupported-media-type");
    }
    let site = reqwest::header::HeaderName::from_static("sec-fetch-site");
    let cross = server.client.request(Method::POST, "/jobs").header(site, "cross-site").json(&digits());
    cross.answer().await.problem(403, "forbidden");
    assert!(server.client.json("/jobs").await["items"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_oversized_is_refused() {
    let server = Server::start(Engine::Sqlite).await;
    let client = &server.client;
    let layer = |units: u32| json!({"type": "linear", "units": units});
    let with =
        |layers: Vec<serde_json::Value>| json!({"dataset": "digits", "model": {"generator": {"layers": layers}}});
    client.post("/jobs", &json!({"dataset": "x".repeat(2 << 20)})).await.problem(413, "too-large");
    // Deeper than any spec, and than any stack should go.
    let deep = format!("{{\"dataset\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = client.request(Method::POST, "/jobs").header("content-type", "application/json").body(deep);
    deep.answer().await.problem(400, "malformed-json");
    for (what, body) in [
        ("too many layers", with(vec![layer(2); 17])),
        ("too many units", with(vec![layer(1 << 20)])),
        ("more memory than a job may need", with(vec![layer(16_384); 16])),
        ("too large a batch", json!({"dataset": "digits", "training": {"batch_size": 1 << 20}})),
        ("too many steps", json!({"dataset": "digits", "training": {"steps": 1_u64 << 40}})),
        ("too long a name", json!({"dataset": "digits", "name": "x".repeat(201)})),
        ("too many labels", json!({"dataset": "digits", "tags": vec!["x"; 33]})),
        (
            "too many samples in an evaluation",
            json!({"dataset": "digits", "evaluation": {"parzen": {"samples": 1 << 30}}}),
        ),
    ] {
        let answer = client.post("/jobs", &body).await;
        assert_eq!(answer.status.as_u16(), 422, "{what}: {}", answer.text());
    }
    let grid: Vec<u32> = (1..2000).collect();
    client.post("/sweeps", &json!({"dataset": "digits", "seed": grid})).await.problem(422, "validation");
    let id = submit(&server, &digits()).await;
    for query in [
        "samples?count=10001",
        "samples?scale=17",
        "samples?columns=1001",
        "interpolations?pairs=65",
        "interpolations?frames=129",
        "neighbours?count=201",
        "timeline?frames=501",
        "metrics?max_points=100001",
        "events?limit=201&format=json",
    ] {
        client.get(&format!("/jobs/{id}/{query}")).await.problem(422, "parameters");
    }
    // A path beyond what any route needs.
    let long = client.get(&format!("/jobs?name={}", "x".repeat(60_000))).await;
    assert!(long.status.as_u16() < 500, "{}", long.status);
    client.get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_too_much_hears_why() {
    const BODY: usize = 6 << 20;
    let server = Server::start(Engine::Sqlite).await;
    for (start, declared, expected) in [
        ("POST /jobs", "application/json", "413"),
        ("POST /jobs", "text/plain", "415"),
        ("POST /nowhere", "application/json", "404"),
        ("PUT /datasets/NO", "application/octet-stream", "422"),
        ("PUT /datasets/no", "application/octet-stream", "422"),
    ] {
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        let head = format!(
            "{start} HTTP/1.1\r\nhost: {}\r\ncontent-type: {declared}\r\ncontent-length: {BODY}\r\n\r\n",
            address(&server)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // As a client that does not listen before it has said all.
        for part in vec![b' '; BODY].chunks(1 << 16) {
            stream.write_all(part).await.unwrap_or_else(|error| panic!("{start}, {declared}: {error}"));
        }
        let status = status_line(&mut stream).await;
        assert!(status.starts_with(&format!("HTTP/1.1 {expected} ")), "{start}, {declared}: {status:?}");
    }
}

fn address(server: &Server) -> String {
    server.client.base.strip_prefix("http://").unwrap().to_owned()
}

/// Waits until the server has closed a connection; gives what it said.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut said)).await;
    // Closed by a reset is closed as well.
    let _ = read.expect("the server does not wait for ever");
    String::from_utf8_lossy(&said).into_owned()
}

/// What the server says to these bytes, until it closes or has said all of one answer's head.
async fn say(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(server)).await.unwrap();
    // A server that has heard enough may close before all is said.
    let _ = stream.write_all(bytes).await;
    status_line(&mut stream).await
}

/// The first line of an answer, when all of its head is there.
async fn status_line(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    while !said.windows(4).any(|window| window == b"\r\n\r\n") {
        match tokio::time::timeout(DEADLINE, stream.read_buf(&mut said)).await.expect("it does not wait for ever") {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    String::from_utf8_lossy(&said).lines().next().unwrap_or("").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_nowhere_else() {
    let server = Server::start(Engine::Sqlite).await;
    for path in [
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/Cargo.toml",
        "/static//etc/passwd",
        "/../../../../etc/passwd",
        "/datasets/..%2f..%2fetc%2fpasswd",
        "/datasets/%00",
        "/jobs/..%2f..%2fgand.db",
    ] {
        // As it stands: a client's library would tidy it up.
        let get = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", address(&server));
        let status = say(&server, get.as_bytes()).await;
        assert!(status.starts_with("HTTP/1.1 404 "), "{path}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_end_or_sense_are_refused() {
    let server = Server::start(Engine::Sqlite).await;
    let with = |headers: &str| format!("POST /jobs HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", address(&server));
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    for (what, head, expected) in [
        ("a header of a megabyte", with(&format!("x-long: {}\r\n", "y".repeat(1 << 20))), &["431"][..]),
        ("five hundred headers", with(&many), &["431"]),
        ("two lengths", with("content-length: 2\r\ncontent-length: 3\r\n"), &["400"]),
        ("a length that is none", with("content-length: -1\r\n"), &["400"]),
        ("a folded header", with("x-a: b\r\n c: d\r\n"), &["400"]),
        ("no host", "GET /jobs HTTP/1.1\r\n\r\n".to_owned(), &["400", "421"]),
        ("no HTTP", "\u{16}\u{3}\u{1} hello\r\n\r\n".to_owned(), &["400"]),
    ] {
        let status = say(&server, head.as_bytes()).await;
        assert!(expected.iter().any(|code| status.starts_with(&format!("HTTP/1.1 {code} "))), "{what}: {status:?}");
    }
    server.client.get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_never_sql() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = Server::start(engine).await;
        let mut spec = digits();
        let name = "x'); DROP TABLE jobs; --";
        spec["name"] = name.into();
        spec["tags"] = json!(["' OR '1'='1"]);
        let id = submit(&server, &spec).await;
        let found = async |filter: &str, text: &str| -> Vec<String> {
            let text: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let jobs = server.client.json(&format!("/jobs?{filter}={text}")).await;
            jobs["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(found("name", name).await, [id.as_str()]);
        assert_eq!(found("tag", "' OR '1'='1").await, [id.as_str()]);
        for (filter, text) in [("tag", "x' OR '1'='1"), ("dataset", "' OR 1=1 --"), ("name", "%"), ("name", "_")] {
            assert_eq!(found(filter, text).await, Vec::<String>::new(), "{filter}={text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_slowly_are_left() {
    let server =
        Server::with(Engine::Sqlite, &["--slots", "0", "--client-timeout", "1s", "--request-timeout", "2s"]).await;
    let address = address(&server);
    // A head that does not end; a body that does not come, of a job and of a dataset.
    let mut head = TcpStream::connect(&address).await.unwrap();
    head.write_all(b"GET /jobs HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await.unwrap();
    let mut silent = TcpStream::connect(&address).await.unwrap();
    let mut body = TcpStream::connect(&address).await.unwrap();
    let post = format!(
        "POST /jobs HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    body.write_all(post.as_bytes()).await.unwrap();
    let mut upload = TcpStream::connect(&address).await.unwrap();
    let put = format!("PUT /datasets/x HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100000\r\n\r\n\u{1}");
    upload.write_all(put.as_bytes()).await.unwrap();
    let begun = Instant::now();
    until_closed(&mut head).await;
    until_closed(&mut silent).await;
    let said = until_closed(&mut body).await;
    assert!(said.contains(" 408 ") && said.contains("/problems/slow-body"), "{said}");
    let said = until_closed(&mut upload).await;
    assert!(said.contains(" 408 ") && said.contains("/problems/slow-body"), "{said}");
    machine::say(&format!("clients that send slowly were left within {:?}", begun.elapsed()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_of_its_stream_loses_its_place() {
    let options = ["--slots", "0", "--client-timeout", "1s", "--max-streams", "1"];
    let server = Server::with(Engine::Sqlite, &options).await;
    let id = submit(&server, &digits()).await;
    let claim = super::drive::claim(&server).await;
    let mut reader = TcpStream::connect(address(&server)).await.unwrap();
    let get = format!("GET /jobs/{id}/events HTTP/1.1\r\nhost: {}\r\n\r\n", address(&server));
    reader.write_all(get.as_bytes()).await.unwrap();
    let mut first = [0; 64];
    reader.read_exact(&mut first).await.unwrap();
    let path = format!("/jobs/{id}/events");
    // Events until the reader's buffers are full, and then until its place is free for somebody else. Large ones, some at
    // a time: buffers take megabytes, and each commit waits for the disk.
    let message = "x".repeat(1 << 16);
    let records = [(); 4].map(|()| Record::Message { step: 0, message: message.clone() });
    let deadline = Instant::now() + DEADLINE;
    loop {
        server.store.record(claim.hold, &records).await.unwrap().unwrap();
        let other = server.client.request(Method::GET, &path).send().await.unwrap();
        if other.status().is_success() {
            break;
        }
        assert_eq!(other.status().as_u16(), 503);
        assert!(Instant::now() < deadline, "the reader keeps its place");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_streams_are_too_many() {
    const STREAMS: usize = 10_000;
    let server = Server::start(Engine::Sqlite).await;
    let id = submit(&server, &digits()).await;
    let path = format!("/jobs/{id}/events");
    let mut open = Vec::new();
    for _ in 0..256 {
        let stream = server.client.request(Method::GET, &path).send().await.unwrap();
        assert!(stream.status().is_success());
        open.push(stream);
    }
    let asked = futures::stream::iter(256..STREAMS).map(|_| async {
        let answer = server.client.get(&path).await;
        answer.problem(503, "overloaded");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    });
    let refused = asked.buffer_unordered(100).count().await;
    assert_eq!(refused, STREAMS - 256);
    // Everything else goes on, and a place that becomes free is given again.
    server.client.get(&format!("/jobs/{id}")).await.expect(200);
    drop(open.pop());
    let deadline = Instant::now() + DEADLINE;
    while !server.client.request(Method::GET, &path).send().await.unwrap().status().is_success() {
        assert!(Instant::now() < deadline, "no place becomes free");
        tokio::task::yield_now().await;
    }
}

/// Raises this process's limit of open files to what it may be; gives that.
fn most_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    maximum.unwrap_or(u64::MAX)
}

/// Asks for a stream and reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut said = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&said).contains(end) {
            assert!(stream.read_buf(&mut said).await.unwrap() > 0, "ended: {}", String::from_utf8_lossy(&said));
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("the answer comes in time");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_streams_that_are_allowed_leave_room_for_the_rest() {
    const STREAMS: usize = 10_000;
    let allowed = most_open_files();
    if allowed < STREAMS as u64 + 500 {
        let why = format!("needs {} open files, and this machine allows {allowed} (ulimit -Hn)", STREAMS + 500);
        return machine::did_not_run("ten_thousand_streams_that_are_allowed_leave_room_for_the_rest", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let options = ["--data-dir", &data, "--slots", "0", "--max-streams", "10000", "--max-connections", "10200"];
    let (process, base) = Process::serve(options);
    let address = base.trim_start_matches("http://").to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let job: serde_json::Value =
        http.post(format!("{base}/jobs")).json(&digits()).send().await.unwrap().json().await.unwrap();
    let id = job["id"].as_str().unwrap();
    let get = format!("GET /jobs/{id}/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let opened = futures::stream::iter(0..STREAMS).map(|_| async {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(get.as_bytes()).await.unwrap();
        let said = read_until(&mut stream, "\"status\":\"queued\"").await;
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        stream
    });
    let mut open: Vec<TcpStream> = opened.buffer_unordered(100).collect().await;
    machine::say(&format!("{} streams are open; the server holds {:.0} MiB", open.len(), process.resident_mib()));
    // One more is refused, with the time to come again; everything else goes on.
    let one_more = http.get(format!("{base}/jobs/{id}/events")).send().await.unwrap();
    assert_eq!(one_more.status().as_u16(), 503);
    assert!(one_more.headers().contains_key("retry-after"));
    for path in ["/healthz", "/readyz", "/jobs", &format!("/jobs/{id}"), "/datasets", "/metrics"] {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
    }
    // And everybody hears what happens.
    let cancelled = http.post(format!("{base}/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(cancelled.status().as_u16(), 200);
    for stream in &mut open {
        read_until(stream, "\"status\":\"cancelled\"").await;
    }
    drop(open);
    process.signal(rustix::process::Signal::TERM);
    assert!(process.wait().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_shut_nobody_out_for_long() {
    // Time enough to open all of them before the first is gone.
    let options = ["--slots", "0", "--client-timeout", "5s", "--max-connections", "20"];
    let server = Server::with(Engine::Sqlite, &options).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(address(&server)).await.unwrap());
    }
    // One too many is told so.
    let mut late = TcpStream::connect(address(&server)).await.unwrap();
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let said = until_closed(&mut late).await;
    assert!(
        said.starts_with("HTTP/1.1 503 ") && said.contains("retry-after: ") && said.contains("/problems/overloaded"),
        "{said}"
    );
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(!id.is_empty() && problem["request_id"] == id, "{said}");
    // Those that say nothing are gone after their time.
    let deadline = Instant::now() + DEADLINE;
    loop {
        match server.client.request(Method::GET, "/healthz").send().await {
            Ok(answer) if answer.status().is_success() => break,
            _ => assert!(Instant::now() < deadline, "idle connections keep their places"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_logged_or_shown() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let token = "write-very-secret-0123456789";
    let options = ["--data-dir", &data, "--slots", "0", "--tokens", token, "--log", "trace", "--log-format", "json"];
    let (process, base) = Process::serve(options);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{base}/jobs")).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let session = http.post(format!("{base}/session")).json(&json!({"token": token})).send().await.unwrap();
    assert_eq!(session.status(), 200);
    http.get(format!("{base}/jobs")).bearer_auth(format!("{token}-wrong")).send().await.unwrap();
    process.signal(rustix::process::Signal::TERM);
    let (status, log) = process.wait();
    assert!(status.success());
    assert!(log.contains("\"path\":\"/jobs\""), "requests are in the log: {}", &log[..log.len().min(2000)]);
    assert!(!log.contains("very-secret"), "a token is in the log");
}
