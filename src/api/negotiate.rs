//! Which format an answer takes: the query's `format`, or else the best that `Accept` allows.

use super::error::ApiError;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Formats that one route can answer in: names as `format` gives them, and media types as `Accept` does, the
/// preferred one first. Several media types may stand for one format.
pub type Offers<T> = [(T, &'static str, &'static [&'static str])];

/// Chooses the format of an answer.
///
/// # Errors
///
/// 422 for an unknown `format`, 406 where `Accept` allows none.
pub fn choose<T: Copy>(format: Option<&str>, headers: &HeaderMap, offers: &Offers<T>) -> Result<T, ApiError> {
    if let Some(format) = format {
        return offers.iter().find(|(_, name, _)| *name == format).map(|(offer, ..)| *offer).ok_or_else(|| {
            let names: Vec<_> = offers.iter().map(|(_, name, _)| *name).collect();
            ApiError::parameter("format", format!("{format:?} is not one of {}", names.join(", ")))
        });
    }
    let accept: Vec<&str> =
        headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = if accept.is_empty() { "*/*".to_owned() } else { accept.join(",") };
    let mut best: Option<(f32, T)> = None;
    for (offer, _, types) in offers {
        let quality = types.iter().map(|media| quality(&accept, media)).fold(0.0, f32::max);
        if quality > 0.0 && best.is_none_or(|(best, _)| quality > best) {
            best = Some((quality, *offer));
        }
    }
    best.map(|(_, offer)| offer).ok_or_else(|| {
        ApiError::NotAcceptable(
            offers.iter().filter_map(|(.., types)| types.first().copied()).collect::<Vec<_>>().join(", "),
        )
    })
}

/// Says of every answer of a route that it depends on `Accept`, also of those that say that nothing has changed and of
/// refusals: whatever a cache keeps, it gives to nobody who accepts something else.
pub async fn vary(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// How much `accept` likes a media type: the most specific range that covers it decides.
fn quality(accept: &str, media: &str) -> f32 {
    let main = media.split('/').next().unwrap_or("");
    let mut best = (0, 0.0);
    for entry in accept.split(',') {
        let mut parts = entry.split(';').map(str::trim);
        let range = parts.next().unwrap_or("").to_ascii_lowercase();
        let specificity = match range.as_str() {
            range if range == media => 3,
            "*/*" => 1,
            range if range.strip_suffix("/*") == Some(main) => 2,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        if specificity > best.0 {
            best = (specificity, quality);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERS: &Offers<char> = &[('p', "png", &["image/png"]), ('j', "json", &["application/json"])];

    fn ask(accept: &'static str) -> Option<char> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        choose(None, &headers, OFFERS).ok()
    }

    #[test]
    fn the_best_acceptable_format_is_chosen() {
        assert_eq!(ask("*/*"), Some('p'));
        assert_eq!(ask("application/json"), Some('j'));
        assert_eq!(ask("image/*;q=0.2, application/json;q=0.8"), Some('j'));
        assert_eq!(ask("image/png;q=0, */*"), Some('j'));
        assert_eq!(ask("text/html,application/xhtml+xml,*/*;q=0.8"), Some('p'));
        assert_eq!(ask("text/plain"), None);
        assert_eq!(choose(None, &HeaderMap::new(), OFFERS).ok(), Some('p'));
    }

    #[test]
    fn the_query_goes_before_the_header() {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("image/png"))]);
        assert_eq!(choose(Some("json"), &headers, OFFERS).ok(), Some('j'));
        assert!(matches!(choose(Some("bmp"), &headers, OFFERS), Err(ApiError::Parameters(_))));
    }
}
