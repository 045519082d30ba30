//! What happened to a job: as a stream that goes on without a gap, or as a page of the log.

use super::error::ApiError;
use super::extract::{Checks, JobPath, Parameters};
use super::followers::{BACK_OFF, BATCH, Tail, Told};
use super::negotiate::{Offers, choose};
use super::openapi::{InvalidParameters, NotAcceptable, NotFound};
use super::state::Api;
use super::words::LARGEST;
use crate::job::event::UnknownEventKind;
use crate::job::{Event, EventKind, JobId};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How often a silent stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
enum Format {
    Stream,
    Json,
}

const FORMATS: &Offers<Format> =
    &[(Format::Stream, "stream", &["text/event-stream"]), (Format::Json, "json", &["application/json"])];

/// From where on.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only events after the one with this id. The header `Last-Event-ID` goes before it.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<i64>,
    /// The `next_cursor` of the page before: the same as `after`.
    #[param(pattern = "^[0-9]{1,15}$")]
    cursor: Option<String>,
    /// How many events a page holds; a stream has no end.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default = "super::page::default_limit")]
    limit: u32,
    /// Only the newest so many events of the log, oldest first, and all that come after them on a stream. Goes with
    /// neither `after` nor `cursor`.
    #[param(minimum = 1, maximum = 200)]
    tail: Option<u32>,
    /// Only events of these kinds, separated by commas: `status`, `metrics`, `snapshot`, `checkpoint`, `evaluation`,
    /// `health`. Goes with `tail` in a page.
    #[param(
        example = "status,health",
        pattern = "^(status|metrics|snapshot|checkpoint|evaluation|health)(,(status|metrics|snapshot|checkpoint|evaluation|health)){0,5}$"
    )]
    kind: Option<String>,
    /// `stream` or `json`.
    #[param(value_type = Option<super::words::EventsFormat>, inline)]
    format: Option<String>,
}

/// Where the answer begins.
enum Beginning {
    After(i64),
    Newest { kinds: Vec<EventKind>, count: u32 },
}

/// A page of a job's log.
#[derive(Serialize, ToSchema)]
pub struct EventList {
    /// The events, oldest first.
    items: Vec<EventView>,
    /// Where the next page starts, or null on the last one.
    next_cursor: Option<String>,
}

/// One entry of a job's log.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Increases within the job.
    id: i64,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// `status`, `metrics`, `snapshot`, `checkpoint`, `evaluation` or `health`.
    #[schema(value_type = super::words::EventKind)]
    kind: &'static str,
    /// The step it belongs to, where it has one.
    step: Option<u64>,
    /// The details.
    #[schema(value_type = Object)]
    data: Value,
}

impl From<Event> for EventView {
    fn from(Event { id, at, kind, step, data }: Event) -> Self {
        Self { id, at, kind: kind.as_str(), step, data }
    }
}

/// What happened to a job.
///
/// By default a stream of server-sent events, which begins after `Last-Event-ID` (or `after`) and goes on as the job
/// does. Each event's `data` is one entry of the log. With `Accept: application/json`, a page of the log; with `tail`,
/// the end of it.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), EventsQuery,
        ("Last-Event-ID" = Option<i64>, Header, minimum = 0, maximum = 9_007_199_254_740_991_u64, description = "The last event that the client has.")),
    responses(
        (status = 200, description = "The events.", content((() = "text/event-stream"), (EventList = "application/json"))),
        NotFound, NotAcceptable, InvalidParameters))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(query): Parameters<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = choose(query.format.as_deref(), &headers, FORMATS)?;
    let beginning = beginning(&query, &headers, format)?;
    api.job(id).await?;
    let (mut events, after) = match beginning {
        Beginning::After(after) => (Vec::new(), after),
        Beginning::Newest { kinds, count } => {
            let events = api.store.newest_events(id, &kinds, count).await?;
            let after = events.last().map_or(0, |event| event.id);
            if matches!(format, Format::Json) {
                let items = events.into_iter().map(EventView::from).collect();
                return Ok(Json(EventList { items, next_cursor: None }).into_response());
            }
            (events, after)
        }
    };
    match format {
        Format::Stream => {
            let permit = api.streams.clone().try_acquire_owned();
            let permit =
                permit.map_err(|_| ApiError::Overloaded("too many event streams are open; try again later"))?;
            let ready = events.into_iter().filter_map(|event| Told::of(id, event)).collect();
            let tail = api.followers.follow(&api.store, &api.stopping, id);
            Ok(stream(Follow { api, id, after, ready, tail, _permit: permit }))
        }
        Format::Json => {
            // One more than asked for tells whether there is a next page.
            events.extend(api.store.events(id, after, query.limit + 1).await?);
            let more = events.len() > query.limit as usize;
            events.truncate(query.limit as usize);
            let next_cursor = events.last().filter(|_| more).map(|event| event.id.to_string());
            Ok(Json(EventList { items: events.into_iter().map(EventView::from).collect(), next_cursor })
                .into_response())
        }
    }
}

fn beginning(query: &EventsQuery, headers: &HeaderMap, format: Format) -> Result<Beginning, ApiError> {
    let mut checks = Checks::default();
    checks.range("limit", query.limit, 1..=200);
    let mut read = |name: &str, text: Option<&str>| {
        let number = text?.trim().parse::<i64>().ok().filter(|number| (0..=LARGEST.cast_signed()).contains(number));
        if number.is_none() {
            checks.fault(name, "is not the id of an event");
        }
        number
    };
    let last = read("Last-Event-ID", headers.get(&LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?")));
    let cursor = read("cursor", query.cursor.as_deref());
    if query.after.is_some_and(|after| !(0..=LARGEST.cast_signed()).contains(&after)) {
        checks.fault("after", "is not the id of an event");
    }
    let mut kinds = Vec::new();
    for word in query.kind.as_deref().into_iter().flat_map(|words| words.split(',')) {
        match word.trim().parse() {
            Ok(kind) => kinds.push(kind),
            Err(error) => checks.fault("kind", UnknownEventKind::to_string(&error)),
        }
    }
    if query.kind.is_some() && (query.tail.is_none() || matches!(format, Format::Stream)) {
        checks.fault("kind", "goes with tail, in a page (format=json)");
    }
    if let Some(count) = query.tail {
        checks.range("tail", count, 1..=200);
        if query.after.is_some() || query.cursor.is_some() {
            checks.fault("tail", "goes with neither after nor cursor");
        }
    }
    checks.finish()?;
    // A stream that is taken up again goes on where it was, whatever it began with.
    Ok(match (last, query.tail) {
        (None, Some(count)) => Beginning::Newest { kinds, count },
        _ => Beginning::After(last.or(cursor).or(query.after).unwrap_or(0)),
    })
}

fn stream(from: Follow) -> Response {
    let events = Sse::new(follow(from)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = events.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather answers before they pass them on would hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The state of a stream between two events.
struct Follow {
    api: Api,
    id: JobId,
    after: i64,
    ready: VecDeque<Arc<Told>>,
    tail: watch::Receiver<Tail>,
    _permit: OwnedSemaphorePermit,
}

fn follow(from: Follow) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    futures::stream::unfold(from, async |mut state| {
        let told = state.next().await?;
        Some((Ok(sse::Event::default().id(told.id.to_string()).event(told.kind).data(&told.json)), state))
    })
}

impl Follow {
    /// The next event, however long it takes; `None` once the server stops or the job is deleted.
    async fn next(&mut self) -> Option<Arc<Told>> {
        let stopping = self.api.stopping.clone();
        loop {
            if let Some(told) = self.ready.pop_front() {
                self.after = told.id;
                return Some(told);
            }
            tokio::select! {
                () = stopping.cancelled() => return None,
                more = self.look() => {
                    if !more {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes what is new, or waits for something; false where there is nothing to come.
    async fn look(&mut self) -> bool {
        let (recent, ended) = {
            let tail = self.tail.borrow_and_update();
            (tail.beyond(self.after), tail.ended)
        };
        self.ready = match recent {
            Some(recent) => recent,
            None => match self.api.store.events(self.id, self.after, BATCH).await {
                Ok(events) => events.into_iter().filter_map(|event| Told::of(self.id, event)).collect(),
                Err(error) => {
                    // The stream goes on where it stands once the database is back.
                    tracing::warn!(job = %self.id, %error, "an event stream waits for the database");
                    tokio::time::sleep(BACK_OFF).await;
                    return true;
                }
            },
        };
        !self.ready.is_empty() || (!ended && self.tail.changed().await.is_ok())
    }
}
