//! A store of its own for each test, values to put into it, and a back door to the database behind it.

use gand::data::Shape;
use gand::eval::ParzenResult;
use gand::gan::{DataFacts, Losses, Spec};
use gand::job::{Ending, Event, Job, JobId, MetricChunk, NewJob, OwnerId, Status};
use gand::store::{self, Claim, Created, Hold, NewCheckpoint, Record, Store};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any test takes.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// A lease that has lapsed by the time that it is given.
pub(super) const LAPSED: Duration = Duration::ZERO;

pub(super) struct Fixture {
    pub(super) store: Arc<dyn Store>,
    pub(super) owner: OwnerId,
    door: Door,
    _folder: Option<tempfile::TempDir>,
}

enum Door {
    /// The database, and the folder of checkpoints' files beside it.
    Sqlite(SqlitePool, PathBuf),
    Postgres(PgPool),
}

impl Fixture {
    pub(super) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gand.sqlite");
        let store = store::open(&format!("sqlite://{}", path.display())).await.unwrap();
        let door = Door::Sqlite(sqlite_pool(&path).await, folder.path().join("gand.sqlite-checkpoints"));
        Self { store, owner: OwnerId::new(), door, _folder: Some(folder) }
    }

    pub(super) async fn postgres() -> Self {
        let url = crate::support::postgres::database().await;
        let store = store::open(&url).await.unwrap();
        let door = Door::Postgres(PgPool::connect(&url).await.unwrap());
        Self { store, owner: OwnerId::new(), door, _folder: None }
    }

    /// Runs a statement behind the store's back; both databases must understand it.
    pub(super) async fn sql(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        match &self.door {
            Door::Sqlite(pool, _) => sqlx::query(statement).execute(pool).await.unwrap().rows_affected(),
            Door::Postgres(pool) => sqlx::query(statement).execute(pool).await.unwrap().rows_affected(),
        }
    }

    /// Counts rows behind the store's back: `from` is a table with its conditions.
    pub(super) async fn count(&self, from: &str) -> i64 {
        let statement = AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
        match &self.door {
            Door::Sqlite(pool, _) => sqlx::query_scalar(statement).fetch_one(pool).await.unwrap(),
            Door::Postgres(pool) => sqlx::query_scalar(statement).fetch_one(pool).await.unwrap(),
        }
    }

    /// The moment `seconds` ago in the database's own words.
    pub(super) fn ago(&self, seconds: u32) -> String {
        match &self.door {
            Door::Sqlite(..) => format!("(unixepoch() - {seconds}) * 1000"),
            Door::Postgres(_) => format!("now() - interval '{seconds} seconds'"),
        }
    }

    /// What is expected on SQLite, or on PostgreSQL.
    pub(super) fn engine<T>(&self, on_sqlite: T, on_postgres: T) -> T {
        match &self.door {
            Door::Sqlite(..) => on_sqlite,
            Door::Postgres(_) => on_postgres,
        }
    }

    /// In how many pieces checkpoints' bytes are stored: files, or rows.
    pub(super) async fn pieces(&self) -> i64 {
        match &self.door {
            Door::Sqlite(_, folder) => std::fs::read_dir(folder).unwrap().count() as i64,
            Door::Postgres(_) => self.count("chunks").await,
        }
    }

    /// Changes all of these pieces behind the store's back.
    pub(super) async fn spoil(&self, spoil: impl Fn(&mut Vec<u8>)) {
        match &self.door {
            Door::Sqlite(_, folder) => {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    let mut bytes = std::fs::read(&path).unwrap();
                    spoil(&mut bytes);
                    std::fs::write(path, bytes).unwrap();
                }
            }
            Door::Postgres(pool) => {
                let chunks: Vec<(Vec<u8>, Vec<u8>)> =
                    sqlx::query_as("SELECT digest, bytes FROM chunks").fetch_all(pool).await.unwrap();
                for (digest, mut bytes) in chunks {
                    spoil(&mut bytes);
                    let update = sqlx::query("UPDATE chunks SET bytes = $2 WHERE digest = $1");
                    update.bind(digest).bind(bytes).execute(pool).await.unwrap();
                }
            }
        }
    }

    /// Takes a piece of every checkpoint away.
    pub(super) async fn lose_a_piece(&self) {
        match &self.door {
            Door::Sqlite(_, folder) => {
                for entry in std::fs::read_dir(folder).unwrap() {
                    std::fs::remove_file(entry.unwrap().path()).unwrap();
                }
            }
            Door::Postgres(_) => assert!(self.sql("DELETE FROM checkpoint_chunks WHERE position = 1").await > 0),
        }
    }

    /// Puts so many jobs of priority 0 into the queue, as they are made of the first one, and lets the database look at
    /// them.
    pub(super) async fn multiply_queue(&self, count: u32) {
        let (id, series) = self.engine(
            (
                "randomblob(16)",
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < COUNT) SELECT i FROM n)",
            ),
            ("gen_random_uuid()", "generate_series(1, COUNT) AS n(i)"),
        );
        let series = series.replace("COUNT", &count.to_string());
        let insert = format!(
            "INSERT INTO jobs (id, tags, status, desired, dataset, spec, priority, created_at, queued_at)
             SELECT {id}, tags, status, desired, dataset, spec, 0, created_at, queued_at FROM jobs, {series}"
        );
        assert_eq!(self.sql(&insert).await, u64::from(count));
        self.sql("ANALYZE").await;
    }

    /// Removes all jobs and all that they stored.
    pub(super) async fn start_over(&self) {
        self.sql("DELETE FROM jobs").await;
        match &self.door {
            Door::Sqlite(..) => self.lose_a_piece().await,
            Door::Postgres(_) => drop(self.sql("DELETE FROM chunks").await),
        }
    }

    pub(super) async fn create(&self, job: NewJob) -> Job {
        match self.store.create_job(job, None).await.unwrap() {
            Created::New(job) => job,
            other => panic!("expected a new job, not {other:?}"),
        }
    }

    pub(super) async fn job(&self, id: JobId) -> Job {
        self.store.job(id).await.unwrap().expect("the job is there")
    }

    pub(super) async fn status(&self, id: JobId) -> Status {
        self.job(id).await.status
    }

    pub(super) async fn claim(&self, lease: Duration) -> Option<Claim> {
        self.store.claim(self.owner, "w-1", lease).await.unwrap()
    }

    /// A job that a worker has just taken.
    pub(super) async fn running(&self) -> Claim {
        self.create(new_job("running")).await;
        self.claim(LONG).await.expect("a job to claim")
    }

    /// A job in `status`, and the last hold on it.
    pub(super) async fn job_in(&self, status: Status) -> (JobId, Option<Hold>) {
        use gand::job::Command::{Cancel, Pause};
        if status == Status::Queued {
            return (self.create(new_job("queued")).await.id, None);
        }
        let Claim { job, hold } = self.running().await;
        let store = &self.store;
        match status {
            Status::Queued | Status::Running => {}
            Status::Pausing | Status::Paused => drop(store.command(job.id, Pause).await.unwrap()),
            Status::Cancelling | Status::Cancelled => drop(store.command(job.id, Cancel).await.unwrap()),
            Status::Succeeded => drop(store.finish(hold, Ending::Succeeded).await.unwrap().unwrap()),
            Status::Failed => drop(store.finish(hold, Ending::Failed(fault())).await.unwrap().unwrap()),
        }
        match status {
            Status::Paused => drop(store.finish(hold, Ending::Paused).await.unwrap().unwrap()),
            Status::Cancelled => drop(store.finish(hold, Ending::Cancelled).await.unwrap().unwrap()),
            _ => {}
        }
        assert_eq!(self.status(job.id).await, status);
        (job.id, Some(hold))
    }

    pub(super) async fn events(&self, id: JobId) -> Vec<Event> {
        self.store.events(id, 0, 10_000).await.unwrap()
    }

    /// The words of the job's `status` events.
    pub(super) async fn messages(&self, id: JobId) -> Vec<String> {
        let events = self.events(id).await;
        events.iter().filter_map(|event| event.data["message"].as_str().map(str::to_owned)).collect()
    }

    /// Publishes a checkpoint together with metrics up to its step.
    pub(super) async fn publish(&self, hold: Hold, step: u64, bytes: Vec<u8>, keep: u32) {
        let last = self.job(hold.job).await.last_step;
        let records = if last < step { vec![metrics(last + 1..=step)] } else { vec![] };
        self.store.publish_checkpoint(hold, checkpoint(step, bytes, keep), &records).await.unwrap().unwrap();
    }

    pub(super) async fn checkpoint_steps(&self, id: JobId) -> Vec<u64> {
        self.store.checkpoints(id).await.unwrap().iter().map(|info| info.step).collect()
    }
}

pub(super) async fn sqlite_pool(path: &Path) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap()
}

pub(super) fn spec() -> Spec {
    let written = serde_json::json!({ "dataset": "digits", "training": { "steps": 1000 } });
    let digits = |name: &str| (name == "digits").then(facts);
    gand::gan::read_spec(&written, &digits).unwrap()
}

fn facts() -> DataFacts {
    DataFacts { shape: Shape { height: 8, width: 8, channels: 1 }, train: 1000, validation: 400, unit_interval: true }
}

pub(super) fn new_job(name: &str) -> NewJob {
    NewJob { name: Some(name.to_owned()), tags: vec![], priority: 0, spec: spec(), from: None }
}

pub(super) fn losses(step: u64) -> Losses {
    let x = step as f32;
    Losses { step, d_loss: 1.0 / x, g_loss: x.sqrt(), value: -x, d_real: 0.5 + 0.1 / x, d_fake: 0.5 - 0.1 / x }
}

pub(super) fn rows(steps: RangeInclusive<u64>) -> Vec<Losses> {
    steps.map(losses).collect()
}

pub(super) fn metrics(steps: RangeInclusive<u64>) -> Record {
    Record::Metrics(MetricChunk { rows: rows(steps) })
}

pub(super) fn checkpoint(step: u64, bytes: Vec<u8>, keep: u32) -> NewCheckpoint {
    NewCheckpoint { step, bytes: bytes.into(), keep }
}

/// A file of `len` bytes that differs in every chunk from that of any other seed.
pub(super) fn file(seed: u8, len: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

pub(super) fn fault() -> gand::job::JobError {
    gand::job::JobError {
        kind: gand::job::JobErrorKind::Diverged,
        step: Some(3),
        detail: "d_loss is inf in step 3".to_owned(),
    }
}

pub(super) fn result(log_likelihood: f64) -> ParzenResult {
    ParzenResult {
        bandwidth: 0.2,
        bandwidth_grid: vec![0.1, 0.129_154_966_501_488_4, 0.2],
        validation_curve: vec![-1.5, 3.25, 10.125],
        log_likelihood,
        standard_error: 1.75,
        samples: 10_000,
        test_points: 397,
        protocol: "goodfellow2014".to_owned(),
        seconds: 0.25,
        theory: None,
        quality: None,
    }
}
