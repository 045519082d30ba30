//! Random histories of users, workers that die, and sweeps, each answer held against a model in plain values.

use crate::store::fixture::{Fixture, LAPSED, LONG, checkpoint, fault, file, metrics, new_job, rows};
use gand::job::{Command, Desired, Ending, Job, JobErrorKind, JobId, NewJob, OwnerId, Status};
use gand::store::{Changed, Deleted, Hold, LeaseLost, MAX_ATTEMPTS, Swept};
use std::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 12;
const OPERATIONS: u32 = 150;
const KEEP: u32 = 2;

/// What the model knows of a job.
#[derive(Clone, Debug)]
struct Model {
    status: Status,
    priority: i32,
    attempt: u32,
    fence: i64,
    owner: Option<OwnerId>,
    lapsed: bool,
    last_step: u64,
    steps: u64,
    checkpoints: BTreeSet<u64>,
}

impl Model {
    fn is_held_by(&self, hold: Hold) -> bool {
        self.status.is_leased() && self.owner == Some(hold.owner) && self.fence == hold.fence
    }

    fn is_claimable(&self) -> bool {
        self.attempt < MAX_ATTEMPTS
            && (self.status == Status::Queued || (self.status == Status::Running && self.lapsed))
    }

    fn become_(&mut self, status: Status) {
        self.status = status;
        if !status.is_leased() {
            (self.owner, self.lapsed) = (None, false);
        }
    }
}

struct World {
    fixture: Fixture,
    jobs: BTreeMap<JobId, Model>,
    holds: Vec<Hold>,
    random: u64,
    history: Vec<String>,
}

impl World {
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
            let seen = (job.status, job.attempt, job.fence, job.lease_owner, job.last_step, job.spec.training.steps);
            let expected = (model.status, model.attempt, model.fence, model.owner, model.last_step, model.steps);
            assert_eq!(seen, expected, "job {id} after {:#?}", self.history);
        }
    }

    async fn create(&mut self) {
        let priority = self.random(3) as i32;
        let job = self.fixture.create(NewJob { priority, ..new_job("simulated") }).await;
        self.history.push(format!("create {} at priority {priority}", job.id));
        let model = Model {
            status: Status::Queued,
            priority,
            attempt: 0,
            fence: 0,
            owner: None,
            lapsed: false,
            last_step: 0,
            steps: job.spec.training.steps,
            checkpoints: BTreeSet::new(),
        };
        self.jobs.insert(job.id, model);
    }

    async fn claim(&mut self) {
        let lapsed = self.random(3) == 0;
        let owner = OwnerId::new();
        let mut claimable = Vec::new();
        for (id, model) in self.jobs.iter().filter(|(_, model)| model.is_claimable()) {
            claimable.push((-model.priority, self.fixture.job(*id).await.queued_at, *id));
        }
        let lease = if lapsed { LAPSED } else { LONG };
        let claim = self.fixture.store.claim(owner, "w", lease).await.unwrap();
        self.history.push(format!("claim, lapsed {lapsed}: {:?}", claim.as_ref().map(|claim| claim.hold)));
        let expected = claimable.into_iter().min().map(|(_, _, id)| id);
        assert_eq!(claim.as_ref().map(|claim| claim.job.id), expected, "{:#?}", self.history);
        let Some(claim) = claim else { return };
        let model = self.jobs.get_mut(&claim.job.id).unwrap();
        model.status = Status::Running;
        model.attempt += 1;
        model.fence += 1;
        model.owner = Some(owner);
        model.lapsed = lapsed;
        model.last_step = model.checkpoints.last().copied().unwrap_or(0);
        self.holds.push(claim.hold);
    }

    async fn renew(&mut self) {
        let lapsed = self.random(2) == 0;
        let Some(hold) = self.any_hold() else { return };
        let lease = if lapsed { LAPSED } else { LONG };
        let renewed = self.fixture.store.renew(hold, lease, Default::default()).await.unwrap();
        self.history.push(format!("renew {hold:?}, lapsed {lapsed}: {renewed:?}"));
        match self.jobs.get_mut(&hold.job).filter(|model| model.is_held_by(hold)) {
            None => assert_eq!(renewed, Err(LeaseLost), "{:#?}", self.history),
            Some(model) => {
                model.lapsed = lapsed;
                let wanted = match model.status {
                    Status::Pausing => Desired::Pause,
                    Status::Cancelling => Desired::Cancel,
                    _ => Desired::Run,
                };
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
        self.history.push(format!("train to {step} by {hold:?}, publishing {publishes}: {outcome:?}"));
        match self.jobs.get_mut(&hold.job).filter(|model| model.is_held_by(hold)) {
            None => assert_eq!(outcome, Err(LeaseLost), "{:#?}", self.history),
            Some(model) => {
                assert_eq!(outcome, Ok(()), "{:#?}", self.history);
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
        self.history.push(format!("finish {hold:?} by {ending:?}: {outcome:?}"));
        match self.jobs.get_mut(&hold.job).filter(|model| model.is_held_by(hold)) {
            None => assert_eq!(outcome, Err(LeaseLost), "{:#?}", self.history),
            Some(model) => {
                let wanted = match (&ending, model.status) {
                    (Ending::Succeeded, _) => Status::Succeeded,
                    (Ending::Failed(_), _) => Status::Failed,
                    (_, Status::Pausing) => Status::Paused,
                    (_, Status::Cancelling) => Status::Cancelled,
                    _ => Status::Queued,
                };
                assert_eq!(outcome, Ok(wanted), "{:#?}", self.history);
                if matches!(wanted, Status::Queued | Status::Paused) {
                    model.attempt -= 1;
                }
                model.become_(wanted);
            }
        }
    }

    async fn command(&mut self) {
        let command = [Command::Cancel, Command::Pause, Command::Resume][self.random(3)];
        let Some(id) = self.any_job() else { return };
        let changed = self.fixture.store.command(id, command).await.unwrap();
        self.history.push(format!("{command} {id}"));
        let model = self.jobs.get_mut(&id).unwrap();
        match model.status.apply(command) {
            Err(refused) => assert_eq!(changed, Changed::Refused(refused), "{:#?}", self.history),
            Ok((mut status, _)) => {
                if model.lapsed && command != Command::Resume {
                    status = status.after_lapse();
                }
                model.become_(status);
            }
        }
    }

    async fn extend(&mut self) {
        let Some(id) = self.any_job() else { return };
        let changed = self.fixture.store.extend(id, 7).await.unwrap();
        self.history.push(format!("extend {id}"));
        let model = self.jobs.get_mut(&id).unwrap();
        match model.status.apply(Command::Extend) {
            Err(refused) => assert_eq!(changed, Changed::Refused(refused), "{:#?}", self.history),
            Ok((status, _)) => {
                model.become_(status);
                model.steps += 7;
                model.attempt = 0;
            }
        }
    }

    async fn sweep(&mut self) {
        let swept = self.fixture.store.sweep().await.unwrap();
        self.history.push(format!("sweep: {swept:?}"));
        let mut expected = Swept::default();
        for model in self.jobs.values_mut() {
            let spent = model.attempt >= MAX_ATTEMPTS && matches!(model.status, Status::Queued | Status::Running);
            if spent && (model.lapsed || model.status == Status::Queued) {
                expected.failed += 1;
                model.become_(Status::Failed);
            } else if model.lapsed {
                let settled = model.status.after_lapse();
                *(if settled == Status::Queued { &mut expected.requeued } else { &mut expected.settled }) += 1;
                model.become_(settled);
            }
        }
        assert_eq!(swept, expected, "{:#?}", self.history);
    }

    async fn delete(&mut self) {
        let Some(id) = self.any_job() else { return };
        let deleted = self.fixture.store.delete_job(id).await.unwrap();
        self.history.push(format!("delete {id}: {deleted:?}"));
        let status = self.jobs[&id].status;
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
        assert_eq!(self.fixture.count("chunks").await, kept.len() as i64, "{:#?}", self.history);
    }
}

pub(super) async fn any_history_agrees_with_the_model(fixture: Fixture) {
    let mut world = World { fixture, jobs: BTreeMap::new(), holds: Vec::new(), random: 0, history: Vec::new() };
    let seeds = std::env::var("GAND_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        world.random = seed;
        world.history = vec![format!("seed {seed}")];
        for _ in 0..OPERATIONS {
            world.operate().await;
        }
        world.agrees_to_the_end().await;
        world.fixture.sql("DELETE FROM jobs").await;
        world.fixture.sql("DELETE FROM chunks").await;
        world.jobs.clear();
        world.holds.clear();
    }
}
