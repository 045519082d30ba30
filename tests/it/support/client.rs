//! An HTTP client that says what it got.

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::net::SocketAddr;

/// Talks to one server.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub http: reqwest::Client,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(super::server::DEADLINE).build().unwrap();
        Self { base: format!("http://{address}"), http }
    }

    /// A request to build upon.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).answer().await
    }

    pub async fn get_with(&self, path: &str, name: HeaderName, value: &str) -> Answer {
        self.request(Method::GET, path).header(name, value).answer().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path).json(body).answer().await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).answer().await
    }

    /// The JSON of a path that must be there.
    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json()
    }
}

/// Sends a request and takes all of its answer.
pub trait Sent {
    fn answer(self) -> impl Future<Output = Answer>;
}

impl Sent for reqwest::RequestBuilder {
    async fn answer(self) -> Answer {
        let response = self.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }
}

impl Answer {
    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    /// The problem that this answer must be: complete, and of this status and type.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        for member in ["title", "detail", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {problem}");
        }
        problem
    }

    /// The pointers of a problem's faults.
    #[track_caller]
    pub fn pointers(&self) -> Vec<String> {
        let problem = self.json();
        let faults = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors in {problem}"));
        faults.iter().map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect()
    }
}
