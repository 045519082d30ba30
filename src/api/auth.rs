//! Who asks, and whether they may: bearer tokens with two scopes, a cookie for the dashboard, and checks that the
//! request really was meant for this server.

use super::error::ApiError;
use super::state::Api;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq as _;

/// The name of the dashboard's cookie.
pub const COOKIE: &str = "gand_session";

/// What a token allows. Writing includes reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Everything that changes nothing.
    Read,
    /// Everything.
    Write,
}

impl Scope {
    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The tokens that are known, and the hosts that are answered for.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    tokens: Vec<KnownToken>,
    hosts: Hosts,
}

#[derive(Clone, Debug)]
struct KnownToken {
    scope: Scope,
    /// SHA-256 of the token: compared instead of it, so that the time taken tells nothing, its length included.
    digest: [u8; 32],
    /// What the cookie holds instead of the token: known to whoever knows the token, on every server alike.
    session: [u8; 32],
}

/// Which `Host` headers are answered.
#[derive(Clone, Debug, Default)]
pub enum Hosts {
    /// Any.
    #[default]
    Any,
    /// Plain addresses, `localhost` and these: what a rebound domain name can never be.
    Only(Vec<String>),
}

/// A line of the tokens that is not understood.
#[derive(Debug, thiserror::Error)]
#[error("token {0} is not read:TOKEN or write:TOKEN with characters of A-Z a-z 0-9 - . _ ~ + / =")]
pub struct BadToken(usize);

impl Auth {
    /// Reads tokens, separated by commas or line ends. Empty lines and lines that begin with # are left out.
    ///
    /// # Errors
    ///
    /// If one is malformed. Its place is told, never its text.
    pub fn new(tokens: &str, hosts: Hosts) -> Result<Self, BadToken> {
        let entries =
            tokens.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
        let mut known = Vec::new();
        for (index, entry) in entries.enumerate() {
            let (scope, token) = match entry.split_once(':') {
                Some(("read", token)) => (Scope::Read, token),
                Some(("write", token)) => (Scope::Write, token),
                Some(_) => return Err(BadToken(index + 1)),
                None => (Scope::Write, entry),
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            if token.is_empty() || !token.bytes().all(plain) {
                return Err(BadToken(index + 1));
            }
            if token.len() < GUESSABLE_LENGTH {
                tracing::warn!(place = index + 1, "this token is so short that it could be guessed");
            }
            known.push(KnownToken { scope, digest: sha256(&[b"token", token.as_bytes()]), session: session(token) });
        }
        Ok(Self { tokens: known, hosts })
    }

    /// Whether tokens are asked for at all.
    pub fn is_required(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// What a token allows, and the value of the cookie that stands for it.
    pub fn sign_in(&self, token: &str) -> Option<(Scope, String)> {
        let digest = sha256(&[b"token", token.as_bytes()]);
        self.find(|known| known.digest.ct_eq(&digest)).map(|scope| (scope, hex::encode(session(token))))
    }

    /// What the request's token or cookie allows.
    pub fn scope_of(&self, headers: &HeaderMap) -> Option<Scope> {
        if !self.is_required() {
            return Some(Scope::Write);
        }
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let text = authorization.to_str().ok()?;
            let (scheme, token) = text.split_once(' ')?;
            return scheme.eq_ignore_ascii_case("bearer").then(|| self.sign_in(token.trim()))?.map(|(scope, _)| scope);
        }
        let jar = axum_extra::extract::CookieJar::from_headers(headers);
        let presented = sha256(&[b"cookie", jar.get(COOKIE)?.value().as_bytes()]);
        self.find(|known| sha256(&[b"cookie", hex::encode(known.session).as_bytes()]).ct_eq(&presented))
    }

    /// Looks at every token, whichever it is.
    fn find(&self, is: impl Fn(&KnownToken) -> subtle::Choice) -> Option<Scope> {
        self.tokens.iter().fold(None, |found, known| if bool::from(is(known)) { Some(known.scope) } else { found })
    }

    fn answers_for(&self, host: &str) -> bool {
        let Hosts::Only(names) = &self.hosts else { return true };
        let name = host_name(host);
        name.eq_ignore_ascii_case("localhost")
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Shorter tokens are worth a warning.
const GUESSABLE_LENGTH: usize = 16;

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn session(token: &str) -> [u8; 32] {
    sha256(&[b"gand session", token.as_bytes()])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length keeps the parts apart.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Whether an address can be reached from this machine alone.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Refuses requests that were not meant for this server: a rebound domain name, or another site's page that writes.
pub async fn check_origin(State(api): State<Api>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str))
        .unwrap_or("")
        .to_owned();
    if !api.auth.answers_for(&host) {
        return ApiError::Misdirected(host).into_response();
    }
    if !is_safe(request.method()) && is_cross_site(headers, &host) {
        return ApiError::Forbidden("pages of other sites may not change anything here").into_response();
    }
    next.run(request).await
}

/// Lets reads through with either scope and writes with the scope to write.
pub async fn require_scope(State(api): State<Api>, request: Request, next: Next) -> Response {
    let needed = if is_safe(request.method()) { Scope::Read } else { Scope::Write };
    match api.auth.scope_of(request.headers()) {
        Some(scope) if scope >= needed => next.run(request).await,
        Some(_) => ApiError::Forbidden("this token may read but not write").into_response(),
        None if request.headers().contains_key(header::AUTHORIZATION) => {
            ApiError::Unauthorized("the token is not known here").into_response()
        }
        None => ApiError::Unauthorized("send a token: Authorization: Bearer TOKEN, or sign in on the dashboard")
            .into_response(),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Browsers name the page that a request comes from; other clients do not, and carry no cookies by themselves.
fn is_cross_site(headers: &HeaderMap, host: &str) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let Ok(origin) = origin.to_str() else { return true };
        return origin.split_once("://").is_none_or(|(_, origin_host)| !origin_host.eq_ignore_ascii_case(host));
    }
    headers
        .get("sec-fetch-site")
        .and_then(|site| site.to_str().ok())
        .is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const READ: &str = "read-0123456789abcdef";
    const WRITE: &str = "write-0123456789abcdef";

    fn auth() -> Auth {
        Auth::new(&format!("read:{READ}, write:{WRITE}\n# a comment\n"), Hosts::Only(vec!["gand.example".into()]))
            .unwrap()
    }

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn a_token_gives_its_scope() {
        assert_eq!(auth().scope_of(&bearer(READ)), Some(Scope::Read));
        assert_eq!(auth().scope_of(&bearer(WRITE)), Some(Scope::Write));
        assert_eq!(auth().scope_of(&bearer("another-0123456789")), None);
        assert_eq!(auth().scope_of(&HeaderMap::new()), None);
        assert_eq!(Auth::default().scope_of(&HeaderMap::new()), Some(Scope::Write));
    }

    #[test]
    fn the_cookie_stands_for_its_token_and_does_not_hold_it() {
        let (scope, cookie) = auth().sign_in(READ).unwrap();
        assert_eq!(scope, Scope::Read);
        assert!(!cookie.contains(READ));
        let headers =
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&format!("{COOKIE}={cookie}")).unwrap())]);
        assert_eq!(auth().scope_of(&headers), Some(Scope::Read));
        let forged =
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&format!("{COOKIE}={READ}")).unwrap())]);
        assert_eq!(auth().scope_of(&forged), None);
    }

    #[test]
    fn malformed_tokens_are_refused_by_place() {
        for wrong in ["umläut", "admin:0123456789abcdef", "write:", "write:white space 0123456789"] {
            let message = Auth::new(wrong, Hosts::Any).unwrap_err().to_string();
            assert!(message.starts_with("token 1 "), "{message}");
        }
    }

    #[test]
    fn only_hosts_that_cannot_be_rebound_are_answered_for() {
        for good in ["localhost:8080", "127.0.0.1:1", "127.0.0.1", "[::1]:80", "[::1]", "GAND.example:443", "10.0.0.1"]
        {
            assert!(auth().answers_for(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:8080"] {
            assert!(!auth().answers_for(bad), "{bad}");
        }
    }

    #[test]
    fn another_sites_page_is_told_by_its_origin() {
        let with = |name, value| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        assert!(!is_cross_site(&HeaderMap::new(), "a:1"));
        assert!(!is_cross_site(&with(header::ORIGIN, "http://a:1"), "a:1"));
        for other in ["http://b:1", "http://a:2", "null"] {
            assert!(is_cross_site(&with(header::ORIGIN, other), "a:1"), "{other}");
        }
        let site = axum::http::HeaderName::from_static("sec-fetch-site");
        assert!(is_cross_site(&with(site.clone(), "cross-site"), "a:1"));
        assert!(!is_cross_site(&with(site, "same-origin"), "a:1"));
    }
}
