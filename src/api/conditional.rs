//! Entity tags, `If-None-Match`, `If-Match` and ranges (RFC 9110).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::ops::Range;

/// A strong entity tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ETag(String);

impl ETag {
    /// A tag of these characters, which must be plain.
    pub fn new(opaque: impl Into<String>) -> Self {
        let opaque: String = opaque.into();
        debug_assert!(opaque.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
        Self(format!("\"{opaque}\""))
    }

    /// As it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the client's `If-None-Match` says that it has this already (weak comparison).
    pub fn is_fresh(&self, headers: &HeaderMap) -> bool {
        listed(headers, &header::IF_NONE_MATCH).any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.0)
    }

    /// The answer 304 with this tag and the given caching.
    pub fn not_modified(&self, cache_control: &'static str) -> Response {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        self.put(response.headers_mut(), cache_control);
        response
    }

    /// Adds the tag and the caching to an answer.
    pub fn put(&self, headers: &mut HeaderMap, cache_control: &'static str) {
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    }
}

/// The tags that a header lists.
pub fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
}

/// What a `Range` header asks of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// All of it: there is no range, or none that is understood.
    Whole,
    /// A part.
    Part(Range<u64>),
    /// Nothing that is there.
    Outside,
}

/// Reads the `Range` header for a file of `size` bytes. Several ranges at once are answered with the whole file, as
/// the standard allows.
pub fn wanted(headers: &HeaderMap, etag: &ETag, size: u64) -> Wanted {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    // If-Range: the part is wanted only of the same file.
    if headers.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_str().as_bytes()) {
        return Wanted::Whole;
    }
    let Some((unit, range)) = range.split_once('=') else { return Wanted::Whole };
    // A sign before a number would be parsed with it.
    if !unit.eq_ignore_ascii_case("bytes") || range.contains('+') {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.split_once('-') else { return Wanted::Whole };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => part(first, last.saturating_add(1).min(size), size),
        (Ok(first), Err(_)) if last.trim().is_empty() => part(first, size, size),
        (Err(_), Ok(0)) if first.trim().is_empty() => Wanted::Outside,
        (Err(_), Ok(length)) if first.trim().is_empty() => part(size.saturating_sub(length), size, size),
        _ => Wanted::Whole,
    }
}

fn part(from: u64, to: u64, size: u64) -> Wanted {
    if from < size { Wanted::Part(from..to) } else { Wanted::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(range: &'static str) -> Wanted {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        wanted(&headers, &ETag::new("a"), 100)
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(ask("bytes=0-9"), Wanted::Part(0..10));
        assert_eq!(ask("bytes=90-"), Wanted::Part(90..100));
        assert_eq!(ask("bytes=-10"), Wanted::Part(90..100));
        assert_eq!(ask("bytes=-1000"), Wanted::Part(0..100));
        assert_eq!(ask("bytes=50-1000"), Wanted::Part(50..100));
        assert_eq!(ask("bytes=100-"), Wanted::Outside);
        assert_eq!(ask("bytes=-0"), Wanted::Outside);
        assert_eq!(ask("Bytes=0-9"), Wanted::Part(0..10));
        for ignored in ["bytes=9-0", "bytes=0-1,5-6", "pages=1-2", "bytes=a-b", "bytes=-", "bytes=+0-9", "bytes 0-9"] {
            assert_eq!(ask(ignored), Wanted::Whole, "{ignored}");
        }
        assert_eq!(ask("bytes=0-18446744073709551615"), Wanted::Part(0..100));
    }

    #[test]
    fn a_tag_is_fresh_when_it_is_listed() {
        let tag = ETag::new("abc");
        let with = |value| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
        assert!(tag.is_fresh(&with("\"x\", \"abc\"")));
        assert!(tag.is_fresh(&with("W/\"abc\"")));
        assert!(tag.is_fresh(&with("*")));
        assert!(!tag.is_fresh(&with("\"abcd\"")));
        assert!(!tag.is_fresh(&HeaderMap::new()));
    }
}
