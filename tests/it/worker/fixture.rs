//! A database, a library and jobs for the slots.

use gand::gan::{DataFacts, read_spec};
use gand::job::{CheckpointInfo, Command, Event, EventKind, Job, JobId, NewJob, Origin, OwnerId, Status};
use gand::library::Library;
use gand::store::{self, Changed, Created, Store};
use gand::worker::{Pool, WorkerConfig};
use serde_json::{Value, json};
use sqlx::{PgPool, SqlitePool};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run in which D wins within a few hundred steps, whatever the seed: G hardly moves. How long that takes is up to the
/// units of D's layers.
pub(crate) fn outclassed(units: usize, on_collapse: &str) -> Value {
    let layer = json!({"type": "linear", "units": units, "activation": "leaky_relu", "init": "he"});
    json!({
        "dataset": "digits", "seed": 1, "on_collapse": on_collapse,
        "model": {
            "generator": {"layers": [{"type": "linear", "units": 16, "activation": "relu"}]},
            "discriminator": {"input_dropout": 0.0, "layers": [layer, layer]}
        },
        "training": {
            "steps": 2000, "generator_optimizer": {"type": "sgd", "learning_rate": 1e-6, "momentum": 0.0},
            "optimizer": {"type": "adam", "learning_rate": 1e-3, "beta1": 0.5, "beta2": 0.999}
        },
        "checkpoint": {"every": 100},
        "evaluation": {"every": 0, "quality": false, "parzen": {"samples": 100, "validation_points": 50}}
    })
}

pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) library: Arc<Library>,
    pub(crate) url: String,
    folder: tempfile::TempDir,
    /// Ways to the database behind the store's back, opened when first used.
    doors: (OnceCell<SqlitePool>, OnceCell<PgPool>),
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("gand.db").display());
        Self::at(url, folder).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::at(crate::support::postgres::database().await, tempfile::tempdir().unwrap()).await
    }

    async fn at(url: String, folder: tempfile::TempDir) -> Self {
        let store = store::open(&url).await.unwrap();
        let library = Arc::new(Library::new(vec![folder.path().join("datasets")]));
        Self { store, library, url, folder, doors: Default::default() }
    }

    /// Where uploaded datasets would lie.
    pub(crate) fn datasets(&self) -> PathBuf {
        self.folder.path().join("datasets")
    }

    /// A pool with so many slots of one thread each.
    pub(crate) fn pool(&self, slots: usize) -> Pool {
        let config = WorkerConfig::new("test", slots, 1, Duration::from_secs(30));
        Pool::start(Arc::clone(&self.store), Arc::clone(&self.library), config)
    }

    pub(crate) async fn submit(&self, written: Value) -> JobId {
        self.submit_from(written, None).await
    }

    pub(crate) async fn submit_from(&self, written: Value, from: Option<Origin>) -> JobId {
        let facts_of = |name: &str| self.library.get(name).ok().map(|data| DataFacts::from(&*data));
        let spec = read_spec(&written, &facts_of).unwrap();
        let job = NewJob { name: None, tags: Vec::new(), priority: 0, spec, from };
        match self.store.create_job(job, None).await.unwrap() {
            Created::New(job) => job.id,
            other => panic!("not a new job: {other:?}"),
        }
    }

    pub(crate) async fn command(&self, id: JobId, command: Command) {
        match self.store.command(id, command).await.unwrap() {
            Changed::Done(_) => {}
            other => panic!("{command} was refused: {other:?}"),
        }
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.job(id).await.unwrap().unwrap()
    }

    /// Waits until the job is as wanted.
    pub(crate) async fn until(&self, id: JobId, what: &str, wanted: impl Fn(&Job) -> bool) -> Job {
        let begun = Instant::now();
        loop {
            let job = self.job(id).await;
            if wanted(&job) {
                return job;
            }
            assert!(begun.elapsed() < PATIENCE, "the job is not {what}: {job:?}");
            self.store.changed(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn until_status(&self, id: JobId, status: Status) -> Job {
        self.until(id, status.as_str(), |job| job.status == status || job.status.is_terminal()).await
    }

    /// Waits for the job's end, which must be a success.
    pub(crate) async fn until_succeeded(&self, id: JobId) -> Job {
        let job = self.until(id, "at its end", |job| job.status.is_terminal()).await;
        assert_eq!(job.status, Status::Succeeded, "{:?}", job.error);
        job
    }

    /// Overwrites a checkpoint's bytes behind the store's back.
    pub(crate) async fn damage(&self, id: JobId, step: u64) {
        self.damage_with(id, step, |_| b"noise".to_vec()).await;
    }

    /// Changes the bytes of a checkpoint of one piece behind the store's back.
    pub(crate) async fn damage_with(&self, id: JobId, step: u64, damage: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let checkpoints = self.store.checkpoints(id).await.unwrap();
        let digest = &checkpoints.iter().find(|checkpoint| checkpoint.step == step).unwrap().digest;
        let hexadecimal = digest.strip_prefix("blake3:").unwrap();
        if self.url.starts_with("sqlite") {
            let path = self.folder.path().join(format!("gand.db-checkpoints/{hexadecimal}.safetensors"));
            std::fs::write(&path, damage(std::fs::read(&path).unwrap())).unwrap();
            return;
        }
        let door = self.postgres_door().await;
        let of_one = "digest = decode($1, 'hex')";
        let select = sqlx::AssertSqlSafe(format!("SELECT bytes FROM chunks WHERE {of_one}"));
        let update = sqlx::AssertSqlSafe(format!("UPDATE chunks SET bytes = $2 WHERE {of_one}"));
        let bytes: Vec<u8> = sqlx::query_scalar(select).bind(hexadecimal).fetch_one(&door).await.unwrap();
        let updated = sqlx::query(update).bind(hexadecimal).bind(damage(bytes)).execute(&door).await.unwrap();
        assert_eq!(updated.rows_affected(), 1, "one chunk is damaged");
    }

    async fn sqlite_door(&self) -> SqlitePool {
        self.doors.0.get_or_init(async || SqlitePool::connect(&self.url).await.unwrap()).await.clone()
    }

    async fn postgres_door(&self) -> PgPool {
        self.doors.1.get_or_init(async || PgPool::connect(&self.url).await.unwrap()).await.clone()
    }

    /// Gives a running job to another worker behind the store's back.
    pub(crate) async fn steal(&self, id: JobId) {
        let statement = "UPDATE jobs SET fence = fence + 1, lease_owner = $2 WHERE id = $1";
        let thief = OwnerId::new();
        let changed = match self.url.strip_prefix("sqlite") {
            Some(_) => {
                let door = self.sqlite_door().await;
                sqlx::query(statement).bind(id.0).bind(thief.0).execute(&door).await.unwrap().rows_affected()
            }
            None => {
                let door = self.postgres_door().await;
                sqlx::query(statement).bind(id.0).bind(thief.0).execute(&door).await.unwrap().rows_affected()
            }
        };
        assert_eq!(changed, 1);
    }

    pub(crate) async fn checkpoint_steps(&self, id: JobId) -> Vec<u64> {
        self.store.checkpoints(id).await.unwrap().iter().map(|info| info.step).collect()
    }

    /// Everything that a run leaves and that must not depend on how often it was interrupted.
    pub(crate) async fn traces(&self, id: JobId) -> Traces {
        let last = self.store.checkpoints(id).await.unwrap().pop().unwrap();
        self.traces_within(id, last, u64::MAX >> 1).await
    }

    /// The same of a run that goes on, as far as the checkpoint of this step.
    pub(crate) async fn traces_to(&self, id: JobId, step: u64) -> Traces {
        let checkpoints = self.store.checkpoints(id).await.unwrap();
        let last = checkpoints.into_iter().find(|info| info.step == step).expect("a checkpoint there");
        self.traces_within(id, last, step).await
    }

    async fn traces_within(&self, id: JobId, last: CheckpointInfo, end: u64) -> Traces {
        let metrics = self.store.metrics(id, 0, end).await.unwrap();
        let mut snapshots = Vec::new();
        for step in self.store.snapshot_steps(id).await.unwrap().into_iter().filter(|step| *step <= end) {
            snapshots.push((step, self.store.snapshot(id, step).await.unwrap().unwrap()));
        }
        let evaluations = self.store.evaluations(id).await.unwrap();
        let evaluations = evaluations.into_iter().filter(|evaluation| evaluation.step <= end).map(|evaluation| {
            let result = evaluation.result.unwrap();
            (evaluation.step, result.log_likelihood, result.standard_error)
        });
        Traces {
            last_checkpoint: (last.step, last.digest),
            metrics: metrics.iter().map(|row| format!("{row:?}")).collect(),
            snapshots,
            evaluations: evaluations.collect(),
        }
    }

    pub(crate) async fn events(&self, id: JobId, kind: EventKind) -> Vec<Event> {
        let events = self.store.events(id, 0, 100_000).await.unwrap();
        events.into_iter().filter(|event| event.kind == kind).collect()
    }
}

#[derive(PartialEq)]
pub(crate) struct Traces {
    last_checkpoint: (u64, String),
    metrics: Vec<String>,
    snapshots: Vec<(u64, Vec<u8>)>,
    evaluations: Vec<(u64, f64, f64)>,
}

impl Traces {
    /// Compares part by part: a difference is to be named, not printed in full.
    pub(crate) fn assert_equal(&self, other: &Self) {
        assert_eq!(self.last_checkpoint, other.last_checkpoint);
        assert_eq!(self.metrics.len(), other.metrics.len());
        for (one, two) in self.metrics.iter().zip(&other.metrics) {
            assert_eq!(one, two);
        }
        let steps = |traces: &Self| traces.snapshots.iter().map(|(step, _)| *step).collect::<Vec<_>>();
        assert_eq!(steps(self), steps(other));
        assert!(self.snapshots == other.snapshots, "a picture differs");
        assert_eq!(self.evaluations, other.evaluations);
    }
}

/// A run of a few hundred steps on the digits that does a bit of everything.
pub(crate) fn short(steps: u64) -> Value {
    let rectified = json!({"type": "linear", "units": 32, "init": "he"});
    let maxout = json!({"type": "maxout", "units": 16, "pieces": 3, "dropout": 0.5});
    json!({
        "dataset": "digits", "seed": 5,
        "model": {
            "latent": {"dim": 8},
            "generator": {"layers": [rectified]},
            "discriminator": {"layers": [maxout]}
        },
        "training": {"steps": steps, "batch_size": 32},
        "checkpoint": {"every": 100},
        "evaluation": {"every": 200, "parzen": {"samples": 200, "validation_points": 50}}
    })
}

/// A run that no test waits for the end of.
pub(crate) fn endless() -> Value {
    let mut spec = short(100_000_000);
    spec["evaluation"]["every"] = json!(0);
    spec["checkpoint"]["every"] = json!(500);
    spec
}
