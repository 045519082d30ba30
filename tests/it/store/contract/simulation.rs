//! Random histories of users, workers that die, and sweeps, each answer held against the rules of
//! `gand::job::schedule` in plain values, and against books that know whose a job is without them.

use crate::store::fixture::{Fixture, LAPSED, LONG, checkpoint, fault, file, metrics, new_job, rows};
use gand::job::schedule::{Applied, turn};
use gand::job::{Command, Ending, Extension, Hold, Job, JobErrorKind, JobId, Lapse, NewJob, OwnerId, Standing, Status};
use gand::store::{Changed, Deleted, LeaseLost, Swept};
use std::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 12;
const OPERATIONS: u32 = 150;
const KEEP: u32 = 2;
/// Few, so that one process claims a job that it has lost before: then nothing but the fence tells its holds apart.
const PROCESSES: usize = 3;

/// What is known of a job.
#[derive(Clone, Debug)]
struct Model {
    /// How the history calls it.
    number: usize,
    standing: Standing,
    priority: i32,
    last_step: u64,
    steps: u64,
    checkpoints: BTreeSet<u64>,
    /// Whose it is by the books: the last that was given it and has not left it or lost it since.
    holder: Option<Hold>,
}

impl Model {
    /// The books follow the status.
    fn settle(&mut self) {
        if !self.standing.status.is_leased() {
            self.holder = None;
        }
    }
}

struct World {
    fixture: Fixture,
    jobs: BTreeMap<JobId, Model>,
    made: usize,
    processes: [OwnerId; PROCESSES],
    holds: Vec<Hold>,
    random: u64,
    history: Vec<String>,
}

impl World {
    fn new(fixture: Fixture) -> Self {
        Self {
            fixture,
            jobs: BTreeMap::new(),
            made: 0,
            processes: [OwnerId::new(), OwnerId::new(), OwnerId::new()],
            holds: Vec::new(),
            random: 0,
            history: Vec::new(),
        }
    }

    fn random(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    fn any<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.random(of.len())]) }
    }

    fn any_job(&mut self) -> Option<JobId> {
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        self.any(&ids)
    }

    fn any_hold(&mut self) -> Option<Hold> {
        // Mostly recent ones; now and then one that is long lost.
        let from = if self.random(4) == 0 { 0 } else { self.holds.len().saturating_sub(3) };
        let holds = self.holds[from..].to_vec();
        self.any(&holds)
    }

    /// A job as the history calls it: the same in both databases.
    fn number(&self, id: JobId) -> String {
        self.jobs.get(&id).map_or_else(|| "deleted".to_owned(), |model| format!("job {}", model.number))
    }

    fn told(&self, hold: Hold) -> String {
        let process = self.processes.iter().position(|process| *process == hold.owner).unwrap();
        format!("{} by process {process}, fence {}", self.number(hold.job), hold.fence)
    }

    /// The job that a guarded write must be let through to, or none if it must be refused. Rules and books agree.
    fn held(&self, hold: Hold) -> Option<JobId> {
        let model = self.jobs.get(&hold.job)?;
        let by_the_books = model.holder == Some(hold);
        assert_eq!(model.standing.is_held_by(hold), by_the_books, "{hold:?} after {:#?}", self.history);
        by_the_books.then_some(hold.job)
    }

    async fn operate(&mut self) {
        match self.random(100) {
            0..=11 => self.create().await,
            12..=31 => self.claim().await,
            32..=41 => self.renew().await,
            42..=56 => self.train().await,
            57..=66 => self.finish().await,
            67..=84 => self.command().await,
            85..=89 => self.extend().await,
            90..=95 => self.sweep().await,
            _ => self.delete().await,
        }
        for (id, model) in &self.jobs {
            let job = self.fixture.job(*id).await;
            let Standing { status, attempt, fence, owner, .. } = model.standing;
            let seen = (job.status, job.attempt, job.fence, job.lease_owner, job.last_step, job.spec.training.steps);
            let expected = (status, attempt, fence, owner, model.last_step, model.steps);
            assert_eq!(seen, expected, "job {} after {:#?}", model.number, self.history);
        }
    }

    async fn create(&mut self) {
        let priority = self.random(3) as i32;
        let job = self.fixture.create(NewJob { priority, ..new_job("simulated") }).await;
        self.made += 1;
        self.history.push(format!("create job {} at priority {priority}", self.made));
        let model = Model {
            number: self.made,
            standing: Standing::SUBMITTED,
            priority,
            last_step: 0,
            steps: job.spec.training.steps,
            checkpoints: BTreeSet::new(),
            holder: None,
        };
        self.jobs.insert(job.id, model);
    }

    async fn claim(&mut self) {
        let lapsed = self.random(3) == 0;
        let owner = self.processes[self.random(PROCESSES)];
        let mut claimable = Vec::new();
        for (id, model) in self.jobs.iter().filter(|(_, model)| model.standing.is_claimable()) {
            let queued_at = self.fixture.job(*id).await.queued_at;
            let microseconds = (queued_at.unix_timestamp_nanos() / 1000) as i64;
            claimable.push((turn(model.priority, microseconds / 1000), microseconds, *id));
        }
        let lease = if lapsed { LAPSED } else { LONG };
        let claim = self.fixture.store.claim(owner, "w", lease).await.unwrap();
        let told = claim.as_ref().map(|claim| self.told(claim.hold));
        self.history.push(format!("claim, lapsed {lapsed}: {told:?}"));
        let expected = claimable.into_iter().min().map(|(.., id)| id);
        assert_eq!(claim.as_ref().map(|claim| claim.job.id), expected, "{:#?}", self.history);
        let Some(claim) = claim else { return };
        let model = self.jobs.get_mut(&claim.job.id).unwrap();
        let former = model.standing.fence;
        model.standing.claim(owner);
        model.standing.lapsed = lapsed;
        assert!(claim.hold.fence > former, "{:#?}", self.history);
        model.holder = Some(claim.hold);
        model.last_step = model.checkpoints.last().copied().unwrap_or(0);
        self.holds.push(claim.hold);
    }

    async fn renew(&mut self) {
        let lapsed = self.random(2) == 0;
        let Some(hold) = self.any_hold() else { return };
        let lease = if lapsed { LAPSED } else { LONG };
        let renewed = self.fixture.store.renew(hold, lease, Default::default()).await.unwrap();
        self.history.push(format!("renew {}, lapsed {lapsed}: {renewed:?}", self.told(hold)));
        match self.held(hold) {
            None => assert_eq!(renewed, Err(LeaseLost), "{:#?}", self.history),
            Some(id) => {
                let model = self.jobs.get_mut(&id).unwrap();
                model.standing.lapsed = lapsed;
                let wanted = model.standing.desired;
                assert_eq!(renewed.map(|renewal| renewal.desired), Ok(wanted), "{:#?}", self.history);
            }
        }
    }

    async fn train(&mut self) {
        let steps = 1 + self.random(40) as u64;
        let publishes = self.random(2) == 0;
        let Some(hold) = self.any_hold() else { return };
        let known = self.jobs.get(&hold.job).map_or(0, |model| model.last_step);
        let records = [metrics(known + 1..=known + steps)];
        let step = known + steps;
        let store = &self.fixture.store;
        let outcome = if publishes {
            store.publish_checkpoint(hold, checkpoint(step, file(step as u8, 64), KEEP), &records).await.unwrap()
        } else {
            store.record(hold, &records).await.unwrap()
        };
        self.history.push(format!("train to {step}: {}, publishing {publishes}: {outcome:?}", self.told(hold)));
        match self.held(hold) {
            None => assert_eq!(outcome, Err(LeaseLost), "{:#?}", self.history),
            Some(id) => {
                assert_eq!(outcome, Ok(()), "{:#?}", self.history);
                let model = self.jobs.get_mut(&id).unwrap();
                model.last_step = step;
                if publishes {
                    model.checkpoints.insert(step);
                    while model.checkpoints.len() > KEEP as usize {
                        model.checkpoints.pop_first();
                    }
                }
            }
        }
    }

    async fn finish(&mut self) {
        let endings = [Ending::Succeeded, Ending::Failed(fault()), Ending::Paused, Ending::Cancelled, Ending::Released];
        let ending = endings[self.random(endings.len())].clone();
        let Some(hold) = self.any_hold() else { return };
        let outcome = self.fixture.store.finish(hold, ending.clone()).await.unwrap();
        self.history.push(format!("finish {} by {ending:?}: {outcome:?}", self.told(hold)));
        match self.held(hold) {
            None => assert_eq!(outcome, Err(LeaseLost), "{:#?}", self.history),
            Some(id) => {
                let model = self.jobs.get_mut(&id).unwrap();
                model.standing.end(&ending);
                model.settle();
                assert_eq!(outcome, Ok(model.standing.status), "{:#?}", self.history);
            }
        }
    }

    async fn command(&mut self) {
        let command = [Command::Cancel, Command::Pause, Command::Resume][self.random(3)];
        let Some(id) = self.any_job() else { return };
        let changed = self.fixture.store.command(id, command).await.unwrap();
        self.history.push(format!("{command} {}", self.number(id)));
        let model = self.jobs.get_mut(&id).unwrap();
        match (model.standing.apply(command), changed) {
            (Err(refused), changed) => assert_eq!(changed, Changed::Refused(refused), "{:#?}", self.history),
            (Ok(_), Changed::Done(job)) => {
                assert_eq!((job.status, job.desired), (model.standing.status, model.standing.desired));
            }
            (Ok(_), other) => panic!("{other:?} after {:#?}", self.history),
        }
        model.settle();
    }

    async fn extend(&mut self) {
        let Some(id) = self.any_job() else { return };
        let changed = self.fixture.store.extend(id, Extension::By(7)).await.unwrap();
        self.history.push(format!("extend {}", self.number(id)));
        let model = self.jobs.get_mut(&id).unwrap();
        match model.standing.apply(Command::Extend) {
            Err(refused) => assert_eq!(changed, Changed::Refused(refused), "{:#?}", self.history),
            Ok(applied) => {
                assert_eq!(applied, Applied::Requeued);
                // From where it will go on: a worker that died may have told of steps beyond its last checkpoint.
                model.last_step = model.checkpoints.last().copied().unwrap_or(0);
                model.steps = model.last_step + 7;
            }
        }
        model.settle();
    }

    async fn sweep(&mut self) {
        let swept = self.fixture.store.sweep().await.unwrap();
        self.history.push(format!("sweep: {swept:?}"));
        let mut expected = Swept::default();
        for model in self.jobs.values_mut().filter(|model| model.standing.is_adrift()) {
            match model.standing.lapse() {
                Lapse::Requeued => expected.requeued += 1,
                Lapse::Settled => expected.settled += 1,
                Lapse::Failed => expected.failed += 1,
            }
            model.settle();
        }
        assert_eq!(swept, expected, "{:#?}", self.history);
    }

    async fn delete(&mut self) {
        let Some(id) = self.any_job() else { return };
        let deleted = self.fixture.store.delete_job(id).await.unwrap();
        self.history.push(format!("delete {}: {deleted:?}", self.number(id)));
        let status = self.jobs[&id].standing.status;
        if status.is_terminal() {
            assert_eq!(deleted, Deleted::Done, "{:#?}", self.history);
            self.jobs.remove(&id);
        } else {
            assert_eq!(deleted, Deleted::Active(status), "{:#?}", self.history);
        }
    }

    async fn agrees_to_the_end(&self) {
        let store = &self.fixture.store;
        for (id, model) in &self.jobs {
            let metrics = store.metrics(*id, 0, u64::MAX).await.unwrap();
            let expected = if model.last_step == 0 { vec![] } else { rows(1..=model.last_step) };
            assert_eq!(metrics, expected, "{:#?}", self.history);
            assert_eq!(self.fixture.checkpoint_steps(*id).await, Vec::from_iter(model.checkpoints.iter().copied()));
            for step in &model.checkpoints {
                let bytes = store.checkpoint_bytes(*id, *step).await.unwrap();
                assert_eq!(bytes, Some(file(*step as u8, 64)));
            }
            let events = self.fixture.events(*id).await;
            assert!(events.iter().map(|event| event.id).eq(1..=events.len() as i64), "{:#?}", self.history);
            let job: Job = self.fixture.job(*id).await;
            assert_eq!(job.error.is_some(), job.status == Status::Failed, "{:#?}", self.history);
            if let Some(error) = job.error {
                assert!(matches!(error.kind, JobErrorKind::WorkerLost | JobErrorKind::Diverged));
            }
        }
        let kept: BTreeSet<u8> =
            self.jobs.values().flat_map(|model| &model.checkpoints).map(|step| *step as u8).collect();
        assert_eq!(self.fixture.pieces().await, kept.len() as i64, "{:#?}", self.history);
    }

    /// One random history from an empty database, checked at every operation and at its end.
    async fn live(&mut self, seed: u64) {
        self.random = seed;
        self.history = vec![format!("seed {seed}")];
        for _ in 0..OPERATIONS {
            self.operate().await;
        }
        self.agrees_to_the_end().await;
        self.fixture.start_over().await;
        self.jobs.clear();
        self.holds.clear();
        self.made = 0;
    }
}

pub(super) async fn any_history_agrees_with_the_model(fixture: Fixture) {
    let mut world = World::new(fixture);
    for seed in 0..crate::torture::size("GAND_TORTURE_SEEDS", SEEDS) {
        world.live(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_tell_the_same_story() {
    let mut sqlite = World::new(Fixture::sqlite().await);
    let mut postgres = World::new(Fixture::postgres().await);
    let seeds = crate::torture::size("GAND_TORTURE_SEEDS", SEEDS);
    let mut operations = 0;
    for seed in 1000..1000 + seeds {
        sqlite.live(seed).await;
        postgres.live(seed).await;
        assert_eq!(sqlite.history, postgres.history);
        operations += sqlite.history.len() - 1;
    }
    crate::torture::report(
        "SQLite beside PostgreSQL",
        &format!("{seeds} histories, {operations} operations, every answer the same, and as the rules say"),
    );
}
