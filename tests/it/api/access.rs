use super::drive::digits;
use crate::support::client::Sent as _;
use crate::support::server::{Engine, Server};
use clap::Parser;
use gand::app::App;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use serde_json::json;

const READ: &str = "read-0123456789abcdef";
const WRITE: &str = "write-0123456789abcdef";

async fn guarded() -> Server {
    let tokens = format!("read:{READ},write:{WRITE}");
    Server::with(Engine::Sqlite, &["--slots", "0", "--tokens", &tokens]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_what_their_scope_says() {
    let server = guarded().await;
    let client = &server.client;
    let bearer = |method: Method, token: &str| {
        client.request(method, "/jobs").header(AUTHORIZATION, format!("Bearer {token}")).json(&digits())
    };
    let refused = client.get("/jobs").await;
    refused.problem(401, "unauthorized");
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
    client.get("/metrics").await.problem(401, "unauthorized");
    bearer(Method::GET, "wrong-0123456789abcdef").answer().await.problem(401, "unauthorized");
    bearer(Method::GET, READ).answer().await.expect(200);
    bearer(Method::POST, READ).answer().await.problem(403, "forbidden");
    bearer(Method::POST, WRITE).answer().await.expect(201);
    for open in ["/healthz", "/readyz", "/openapi.json", "/session"] {
        client.get(open).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_signs_in_to_a_cookie() {
    let server = guarded().await;
    let client = &server.client;
    assert_eq!(client.json("/session").await, json!({"required": true, "scope": null}));
    client.post("/session", &json!({"token": "wrong"})).await.problem(401, "unauthorized");
    let signed_in = client.post("/session", &json!({"token": READ})).await.expect(200);
    let cookie = signed_in.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(READ), "{cookie}");
    let value = cookie.split(';').next().unwrap();
    client.get_with("/jobs", COOKIE, value).await.expect(200);
    let write = client.request(Method::POST, "/jobs").header(COOKIE, value).json(&digits());
    write.answer().await.problem(403, "forbidden");
    let session = client.get_with("/session", COOKIE, value).await.json();
    assert_eq!(session, json!({"required": true, "scope": "read"}));
    let signed_out = client.request(Method::DELETE, "/session").header(COOKIE, value).answer().await.expect(204);
    assert!(signed_out.header("set-cookie").contains("Max-Age=0"), "{}", signed_out.header("set-cookie"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_meant_for_another_site_are_refused() {
    let server = Server::start(Engine::Sqlite).await;
    let client = &server.client;
    client.get_with("/jobs", HOST, "evil.example").await.problem(421, "misdirected");
    client.get_with("/jobs", HOST, "localhost:8080").await.expect(200);
    let from = |origin: &str| client.request(Method::POST, "/jobs").header(ORIGIN, origin.to_owned()).json(&digits());
    from("http://evil.example").answer().await.problem(403, "forbidden");
    from("null").answer().await.problem(403, "forbidden");
    from(&client.base).answer().await.expect(201);
    // What a form of another page could send is not read as JSON.
    let form = client.request(Method::POST, "/jobs").header("content-type", "text/plain").body(digits().to_string());
    form.answer().await.problem(415, "unsupported-media-type");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_safety_headers() {
    let server = Server::start(Engine::Sqlite).await;
    for path in ["/", "/jobs", "/nothing"] {
        let answer = server.client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    serve: gand::config::Serve,
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_served_beyond_this_machine_without_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let build = async |options: &[&str]| {
        let folder = folder.path().display().to_string();
        let url = format!("sqlite://{folder}/gand.db");
        let own = ["gand", "--listen", "0.0.0.0:0", "--data-dir", &folder, "--database-url", &url, "--slots", "0"];
        App::build(CommandLine::parse_from(own.iter().chain(options)).serve).await.map(|app| app.local_addr())
    };
    let refused = build(&[]).await.unwrap_err().to_string();
    assert!(refused.contains("--no-auth") && refused.contains("GAND_TOKENS"), "{refused}");
    build(&["--no-auth", "--tokens", WRITE]).await.unwrap_err();
    build(&["--tokens", "a b"]).await.unwrap_err();
    build(&["--no-auth"]).await.unwrap();
}
