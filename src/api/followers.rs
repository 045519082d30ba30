//! One reader of a job's log for all streams of it: what ten thousand people watch is read once.

use super::events::EventView;
use crate::job::{Event, JobId};
use crate::store::{Store, StoreError};
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Events read from the store at a time.
pub const BATCH: u32 = 200;

/// How long the database is left alone after it failed.
pub const BACK_OFF: Duration = Duration::from_secs(2);

/// How long a reader waits for the store's hint before it looks for itself.
const POLL: Duration = Duration::from_secs(1);

/// Events that are kept for streams that have fallen behind a little. Who is further behind reads the store.
const KEPT: usize = 256;

/// An event as streams send it.
#[derive(Debug)]
pub struct Told {
    /// Its id.
    pub id: i64,
    /// Its kind's word.
    pub kind: &'static str,
    /// All of it, as JSON.
    pub json: String,
}

impl Told {
    /// Writes an event down. One that does not serialise is left to the log.
    pub fn of(job: JobId, event: Event) -> Option<Arc<Self>> {
        let (id, kind) = (event.id, event.kind.as_str());
        match serde_json::to_string(&EventView::from(event)) {
            Ok(json) => Some(Arc::new(Self { id, kind, json })),
            Err(error) => {
                tracing::error!(%job, event = id, %error, "an event does not serialise; no stream shows it");
                None
            }
        }
    }
}

/// The end of a job's log, as far as it has been read.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Every event beyond this one is in `events`.
    after: i64,
    events: VecDeque<Arc<Told>>,
    /// The last that was read.
    last: i64,
    /// Whether there is nothing to come: the job was deleted.
    pub ended: bool,
}

impl Tail {
    /// Before the log was looked at: it reaches back to nowhere.
    const UNKNOWN: Self = Self { after: i64::MAX, events: VecDeque::new(), last: 0, ended: false };

    /// What lies beyond an event; nothing if the tail does not reach back so far.
    pub fn beyond(&self, event: i64) -> Option<VecDeque<Arc<Told>>> {
        let from = self.events.partition_point(|told| told.id <= event);
        (event >= self.after).then(|| self.events.range(from..).cloned().collect())
    }

    fn append(&mut self, job: JobId, events: Vec<Event>) {
        self.last = events.last().map_or(self.last, |event| event.id);
        self.events.extend(events.into_iter().filter_map(|event| Told::of(job, event)));
        while self.events.len() > KEPT {
            self.after = self.events.pop_front().map_or(self.after, |told| told.id);
        }
    }
}

type Logs = Arc<Mutex<HashMap<JobId, Arc<watch::Sender<Tail>>>>>;

/// The readers of all jobs that are watched.
#[derive(Debug, Default)]
pub struct Followers {
    logs: Logs,
}

impl Followers {
    /// The tail of a job's log, as it grows; read for as long as somebody watches.
    pub fn follow(&self, store: &Arc<dyn Store>, stopping: &CancellationToken, job: JobId) -> watch::Receiver<Tail> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(&job) {
            return log.subscribe();
        }
        let (log, tail) = watch::channel(Tail::UNKNOWN);
        let log = Arc::new(log);
        logs.insert(job, Arc::clone(&log));
        tokio::spawn(read_while_watched(self.logs.clone(), store.clone(), stopping.clone(), job, log));
        tail
    }
}

async fn read_while_watched(
    logs: Logs,
    store: Arc<dyn Store>,
    stopping: CancellationToken,
    job: JobId,
    log: Arc<watch::Sender<Tail>>,
) {
    loop {
        let over = tokio::select! {
            () = stopping.cancelled() => true,
            () = log.closed() => false,
            () = read(&*store, job, &log) => true,
        };
        let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have come while the last one left.
        if over || log.receiver_count() == 0 {
            logs.remove(&job);
            return;
        }
    }
}

/// Reads on until the job is deleted.
async fn read(store: &dyn Store, job: JobId, log: &watch::Sender<Tail>) {
    loop {
        // Polled once before looking, so that what happens between the look and the wait is not missed.
        let mut hint = pin!(store.changed(POLL));
        let hinted = futures::poll!(&mut hint).is_ready();
        match look(store, job, log).await {
            Ok(true) => {}
            Ok(false) if log.borrow().ended => return,
            Ok(false) if hinted => {}
            Ok(false) => hint.await,
            Err(error) => {
                // Goes on where it stands once the database is back.
                tracing::warn!(%job, %error, "the streams of a job's events wait for the database");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Reads what is new; whether there was anything.
async fn look(store: &dyn Store, job: JobId, log: &watch::Sender<Tail>) -> Result<bool, StoreError> {
    let (known, last) = {
        let tail = log.borrow();
        (tail.after != i64::MAX, tail.last)
    };
    if !known {
        let last = store.newest_events(job, &[], 1).await?.last().map_or(0, |event| event.id);
        log.send_modify(|tail| (tail.after, tail.last) = (last, last));
        return Ok(true);
    }
    let events = store.events(job, last, BATCH).await?;
    if !events.is_empty() {
        log.send_modify(|tail| tail.append(job, events));
        return Ok(true);
    }
    // A job that is gone will never have news.
    if store.job(job).await?.is_none() {
        log.send_modify(|tail| tail.ended = true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn event(id: i64) -> Event {
        let (at, kind) = (time::OffsetDateTime::UNIX_EPOCH, crate::job::EventKind::Metrics);
        Event { id, at, kind, step: None, data: Value::Null }
    }

    #[test]
    fn a_tail_gives_what_is_beyond_an_event_or_says_that_it_does_not_reach_back() {
        let ids = |found: Option<VecDeque<Arc<Told>>>| found.map(|told| told.iter().map(|told| told.id).collect());
        assert_eq!(ids(Tail::UNKNOWN.beyond(5)), None::<Vec<i64>>);
        let mut tail = Tail { after: 10, last: 10, ..Tail::UNKNOWN };
        assert_eq!(ids(tail.beyond(10)), Some(vec![]));
        assert_eq!(ids(tail.beyond(9)), None);
        tail.append(JobId::new(), [11, 13, 14].map(event).into());
        assert_eq!(ids(tail.beyond(10)), Some(vec![11, 13, 14]));
        assert_eq!(ids(tail.beyond(12)), Some(vec![13, 14]));
        assert_eq!(ids(tail.beyond(99)), Some(vec![]));
        tail.append(JobId::new(), (15..15 + 2 * KEPT as i64).map(event).collect());
        assert_eq!((tail.events.len(), tail.last), (KEPT, 14 + 2 * KEPT as i64));
        assert_eq!(ids(tail.beyond(14)), None);
        assert_eq!(tail.beyond(tail.after).unwrap().len(), KEPT);
    }
}
