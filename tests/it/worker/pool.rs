use super::fixture::{Fixture, endless, outclassed, short};
use gand::gan::{Checkpoint, Losses, Sampler, Trainer};
use gand::job::{
    Command, Ending, Evaluation, EvaluationState, EventKind, Extension, Finding, Job, JobErrorKind, JobId, MetricChunk,
    Origin, OwnerId, Status,
};
use gand::store::{NewCheckpoint, Record};
use gand::worker::{Pool, WorkerConfig};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long another process may hold a job.
const PATIENCE: Duration = Duration::from_secs(600);

/// Each case on both databases.
macro_rules! on_both_databases {
    ($($case:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(super::Fixture::sqlite().await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(super::Fixture::postgres().await).await;
                }
            )*
        }
    };
}

on_both_databases! {
    a_job_trains_to_its_end_and_leaves_everything_it_should
    a_cancelled_job_stops_at_a_checkpoint_of_the_step_it_is_at
    a_paused_and_resumed_job_goes_on_in_the_same_bits
    a_stopped_pool_gives_its_job_back_and_no_attempt_is_counted
    a_damaged_checkpoint_is_discarded_for_the_one_before
    a_job_whose_dataset_is_gone_fails
    a_dataset_whose_files_come_late_is_waited_for_after_a_start
    a_job_that_diverges_fails_with_the_step_and_the_reason
    a_job_that_rolls_back_goes_on_also_when_interrupted_in_the_same_bits
    a_job_that_no_rollback_helps_fails
    a_job_that_begins_again_goes_on_also_when_interrupted_in_the_same_bits
    a_job_that_no_restart_helps_fails
    an_evaluation_is_computed_while_every_slot_trains
    an_evaluation_that_somebody_asks_for_does_not_count_for_training
    a_fork_begins_with_the_other_jobs_weights
    an_extended_job_trains_on
    a_job_that_stopped_early_trains_all_the_steps_of_its_extension
    a_resumed_jobs_speed_counts_only_the_steps_trained_since
    a_job_whose_lease_is_lost_is_left_alone
}

async fn a_job_trains_to_its_end_and_leaves_everything_it_should(fixture: Fixture) {
    let pool = fixture.pool(1);
    let id = fixture.submit(short(400)).await;
    let job = fixture.until_succeeded(id).await;
    assert_eq!((job.last_step, job.attempt), (400, 1));
    assert_eq!(job.latest.unwrap().step, 400);
    assert_eq!(job.parzen.unwrap().step, 400);

    let metrics = fixture.store.metrics(id, 1, 400).await.unwrap();
    assert_eq!(metrics.len(), 400);
    assert!(metrics.iter().zip(1..).all(|(row, step)| row.step == step));

    let steps: Vec<_> = fixture.store.evaluations(id).await.unwrap().iter().map(|one| one.step).collect();
    assert_eq!(steps, [0, 200, 400], "the untrained generator is evaluated, too");
    let snapshots = fixture.store.snapshot_steps(id).await.unwrap();
    assert_eq!(snapshots, (0..=100).map(|index| index * 4).collect::<Vec<_>>());
    let png = fixture.store.snapshot(id, 400).await.unwrap().unwrap();
    assert!(png.starts_with(b"\x89PNG"));

    let kept = fixture.checkpoint_steps(id).await;
    assert!(kept.ends_with(&[200, 300, 400]), "the last three: {kept:?}");
    let bytes = fixture.store.checkpoint_bytes(id, 400).await.unwrap().unwrap();
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    assert_eq!((checkpoint.step, &checkpoint.spec), (400, &job.spec));
    pool.stop().await;
}

async fn a_cancelled_job_stops_at_a_checkpoint_of_the_step_it_is_at(fixture: Fixture) {
    let pool = fixture.pool(1);
    let id = fixture.submit(endless()).await;
    fixture.until(id, "under way", |job| job.last_step > 200).await;
    fixture.command(id, Command::Cancel).await;
    let job = fixture.until(id, "cancelled", |job| job.status == Status::Cancelled).await;
    assert_eq!(fixture.checkpoint_steps(id).await.pop(), Some(job.last_step));
    assert_eq!(fixture.store.metrics(id, 1, u64::MAX >> 1).await.unwrap().len() as u64, job.last_step);
    pool.stop().await;
}

/// Steps between two checkpoints of the runs that are disturbed here, and of the others.
const EVERY: u64 = 100;

/// A run without an end, so that it is not over before the test has disturbed it; it keeps its checkpoints until they
/// are compared.
fn without_end(mut spec: Value) -> Value {
    spec["training"]["steps"] = json!(100_000_000);
    spec["checkpoint"]["every"] = json!(EVERY);
    spec["checkpoint"]["keep"] = json!(1000);
    spec["evaluation"]["every"] = json!(2 * EVERY);
    spec
}

/// Lets a job that was disturbed at `step` go on beyond the second checkpoint after it, and another of the same spec go
/// straight there: what they leave until then is the same, bit for bit. Gives both as they were seen beyond it.
async fn goes_on_in_the_same_bits(fixture: &Fixture, spec: Value, disturbed: JobId, step: u64) -> [Job; 2] {
    let end = (step / EVERY + 2) * EVERY;
    let is_beyond = |job: &Job| job.last_step > end;
    let one = fixture.until(disturbed, "beyond where it was disturbed", is_beyond).await;
    // The other needs the slot.
    fixture.command(disturbed, Command::Cancel).await;
    let straight = fixture.submit(spec).await;
    let other = fixture.until(straight, "as far", is_beyond).await;
    fixture.traces_to(straight, end).await.assert_equal(&fixture.traces_to(disturbed, end).await);
    let steps = fixture.store.metrics(disturbed, 0, end).await.unwrap();
    assert_eq!(steps.len() as u64, end, "each step once");
    [one, other]
}

async fn a_paused_and_resumed_job_goes_on_in_the_same_bits(fixture: Fixture) {
    let pool = fixture.pool(1);
    let spec = without_end(short(1));
    let paused = fixture.submit(spec.clone()).await;
    fixture.until(paused, "under way", |job| job.last_step > 100).await;
    fixture.command(paused, Command::Pause).await;
    let job = fixture.until_status(paused, Status::Paused).await;
    assert_eq!(job.status, Status::Paused);
    assert_eq!(fixture.checkpoint_steps(paused).await.pop(), Some(job.last_step));
    fixture.command(paused, Command::Resume).await;
    goes_on_in_the_same_bits(&fixture, spec, paused, job.last_step).await;
    pool.stop().await;
}

async fn a_stopped_pool_gives_its_job_back_and_no_attempt_is_counted(fixture: Fixture) {
    let pool = fixture.pool(1);
    let spec = without_end(short(1));
    let stopped = fixture.submit(spec.clone()).await;
    fixture.until(stopped, "under way", |job| job.last_step > 100).await;
    pool.stop().await;
    let job = fixture.job(stopped).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0), "at step {}", job.last_step);
    assert_eq!(fixture.checkpoint_steps(stopped).await.pop(), Some(job.last_step));

    let pool = fixture.pool(1);
    let [job, _] = goes_on_in_the_same_bits(&fixture, spec, stopped, job.last_step).await;
    assert_eq!(job.attempt, 1);
    pool.stop().await;
}

async fn a_damaged_checkpoint_is_discarded_for_the_one_before(fixture: Fixture) {
    let pool = fixture.pool(1);
    let spec = without_end(short(1));
    let damaged = fixture.submit(spec.clone()).await;
    fixture.until(damaged, "under way", |job| job.last_step > 300).await;
    pool.stop().await;
    let steps = fixture.checkpoint_steps(damaged).await;
    let newest = *steps.last().unwrap();
    fixture.damage(damaged, newest).await;

    let pool = fixture.pool(1);
    goes_on_in_the_same_bits(&fixture, spec, damaged, newest).await;
    let health = fixture.events(damaged, EventKind::Health).await;
    assert!(health.iter().any(|event| event.step == Some(newest)), "{health:?}");
    pool.stop().await;
}

/// Submits a job on a dataset of files, and takes them away; gives where they were, and what they hold.
async fn submit_on_files_that_go(fixture: &Fixture) -> (JobId, PathBuf, Vec<u8>) {
    let mut written = short(100);
    let (folder, images) = (fixture.datasets().join("shapes"), idx_images(200, 4));
    let file = folder.join("train-images-idx3-ubyte");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(&file, &images).unwrap();
    written["dataset"] = json!("shapes");
    written["evaluation"]["parzen"]["validation_points"] = json!(5);
    let id = fixture.submit(written).await;
    std::fs::remove_file(&file).unwrap();
    fixture.library.forget("shapes");
    (id, file, images)
}

async fn a_dataset_whose_files_come_late_is_waited_for_after_a_start(fixture: Fixture) {
    let (id, file, images) = submit_on_files_that_go(&fixture).await;
    let config = WorkerConfig::new("test", 1, 1, Duration::from_secs(30));
    let config = WorkerConfig { files_until: Instant::now() + Duration::from_secs(600), ..config };
    let pool = Pool::start(fixture.store.clone(), fixture.library.clone(), config);
    fixture.until_status(id, Status::Running).await;
    // Whoever waits hears what is wanted of it.
    fixture.command(id, Command::Pause).await;
    fixture.until_status(id, Status::Paused).await;
    fixture.command(id, Command::Resume).await;
    fixture.until_status(id, Status::Running).await;
    std::fs::write(file, images).unwrap();
    assert_eq!(fixture.until_succeeded(id).await.last_step, 100);
    pool.stop().await;
}

async fn a_job_whose_dataset_is_gone_fails(fixture: Fixture) {
    let (id, _, _) = submit_on_files_that_go(&fixture).await;
    let pool = fixture.pool(1);
    let job = fixture.until(id, "at its end", |job| job.status.is_terminal()).await;
    let error = job.error.unwrap();
    assert_eq!((job.status, error.kind), (Status::Failed, JobErrorKind::Dataset));
    assert!(error.detail.contains("shapes"), "{}", error.detail);
    pool.stop().await;
}

async fn a_job_that_diverges_fails_with_the_step_and_the_reason(fixture: Fixture) {
    let pool = fixture.pool(1);
    let written = json!({
        "dataset": "gaussian-1d",
        "training": {"steps": 100_000, "optimizer": {"type": "sgd", "learning_rate": 10.0, "momentum": 0.99}},
        "evaluation": {"every": 0}
    });
    let id = fixture.submit(written).await;
    let job = fixture.until(id, "at its end", |job| job.status.is_terminal()).await;
    let error = job.error.expect("an error");
    assert_eq!((job.status, error.kind), (Status::Failed, JobErrorKind::Diverged));
    assert_eq!(error.step, Some(job.last_step + 1), "every step before it left its metrics");
    assert!(error.detail.contains("loss"), "{}", error.detail);
    // The slot lives on.
    let next = fixture.submit(short(50)).await;
    fixture.until_succeeded(next).await;
    pool.stop().await;
}

/// A run on a line that diverges within a few steps at this learning rate, and not at half of it.
fn hot(learning_rate: f64) -> serde_json::Value {
    json!({
        "dataset": "gaussian-1d", "on_divergence": "rollback",
        "training": {
            "steps": 1500, "optimizer": {"type": "sgd", "learning_rate": learning_rate, "momentum": 0.5}
        },
        "checkpoint": {"every": 100},
        "evaluation": {"every": 500, "parzen": {"samples": 200, "validation_points": 50}}
    })
}

async fn a_job_that_rolls_back_goes_on_also_when_interrupted_in_the_same_bits(fixture: Fixture) {
    let pool = fixture.pool(1);
    let spec = without_end(hot(0.3));
    let stopped = fixture.submit(spec.clone()).await;
    fixture.until(stopped, "under way", |job| job.last_step > 150).await;
    pool.stop().await;
    let job = fixture.job(stopped).await;
    assert_eq!(job.status, Status::Queued);

    // That it has rolled back is in the checkpoint: it goes on with the same numbers and the same learning rate.
    let pool = fixture.pool(1);
    let jobs = goes_on_in_the_same_bits(&fixture, spec, stopped, job.last_step).await;
    // What else is said of so short a run is another matter.
    let rollbacks = |job: &Job| -> Vec<Finding> {
        job.health.iter().filter(|finding| finding.kind == "rolled_back").cloned().collect()
    };
    let (interrupted, straight) = (rollbacks(&jobs[0]), rollbacks(&jobs[1]));
    let [finding] = &straight[..] else { panic!("{:?}", jobs[1].health) };
    assert_eq!(finding.step, 0);
    assert!(finding.detail.contains("loss is ") && finding.detail.contains("rollback 1 of 3"), "{finding:?}");
    assert_eq!(interrupted, straight);
    assert_eq!(jobs.map(|job| job.attempt), [1, 1]);
    pool.stop().await;
}

async fn a_job_that_no_rollback_helps_fails(fixture: Fixture) {
    let pool = fixture.pool(1);
    let id = fixture.submit(hot(10.0)).await;
    let job = fixture.until(id, "at its end", |job| job.status.is_terminal()).await;
    let error = job.error.expect("an error");
    assert_eq!((job.status, error.kind), (Status::Failed, JobErrorKind::Diverged));
    assert!(error.step.is_some() && error.detail.contains("3 rollbacks did not help"), "{error:?}");
    assert_eq!(fixture.events(id, EventKind::Health).await.len(), 3);
    pool.stop().await;
}

async fn a_job_that_begins_again_goes_on_also_when_interrupted_in_the_same_bits(fixture: Fixture) {
    let is_restarted = |job: &Job| job.health.iter().any(|finding| finding.kind == "restarted") && job.last_step > 50;
    let pool = fixture.pool(1);
    // Of so many units that it takes seconds.
    let spec = outclassed(512, "restart");
    let stopped = fixture.submit(spec.clone()).await;
    let before = fixture.until(stopped, "begun", |job| job.last_step > 0).await.latest.unwrap();
    fixture.until(stopped, "begun again", is_restarted).await;
    pool.stop().await;
    let job = fixture.job(stopped).await;
    assert_eq!(job.status, Status::Queued);
    let finding = job.health.iter().find(|finding| finding.kind == "restarted").unwrap();
    assert!(finding.detail.contains("(restart ") && finding.detail.contains("D has won"), "{finding:?}");
    assert!(job.health.iter().all(|finding| finding.kind != "discriminator_wins"), "{:?}", job.health);

    // How often it has begun again is in the checkpoint: it goes on as one that nobody interrupted.
    let pool = fixture.pool(1);
    let ended = fixture.until(stopped, "at its end", |job| job.status.is_terminal()).await;
    let again = fixture.store.metrics(stopped, before.step, before.step).await.unwrap();
    assert!(again.len() == 1 && again != [before], "the same numbers as before: {again:?}");
    let straight = fixture.submit(spec).await;
    let other = fixture.until(straight, "at its end", |job| job.status.is_terminal()).await;
    assert_eq!((ended.status, ended.last_step, &ended.error), (other.status, other.last_step, &other.error));
    fixture.traces_to(straight, other.last_step).await.assert_equal(&fixture.traces_to(stopped, ended.last_step).await);
    pool.stop().await;
}

async fn a_job_that_no_restart_helps_fails(fixture: Fixture) {
    let pool = fixture.pool(1);
    let id = fixture.submit(outclassed(64, "restart")).await;
    let job = fixture.until(id, "at its end", |job| job.status.is_terminal()).await;
    let error = job.error.expect("an error");
    assert_eq!((job.status, error.kind, error.step), (Status::Failed, JobErrorKind::Unsound, Some(job.last_step)));
    assert!(error.detail.contains("D has won") && error.detail.contains("3 restarts did not help"), "{error:?}");
    let kinds: Vec<_> = fixture.events(id, EventKind::Health).await;
    let kinds: Vec<_> = kinds.iter().map(|event| event.data["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, [["discriminator_wins", "restarted"].repeat(3), vec!["discriminator_wins"]].concat());
    assert_eq!(fixture.checkpoint_steps(id).await.last(), Some(&job.last_step));
    pool.stop().await;
}

async fn an_evaluation_is_computed_while_every_slot_trains(fixture: Fixture) {
    let pool = fixture.pool(1);
    let finished = fixture.submit(short(200)).await;
    fixture.until_succeeded(finished).await;
    let busy = fixture.submit(endless()).await;
    fixture.until(busy, "under way", |job| job.last_step > 0).await;

    let evaluation = evaluated(&fixture, finished, 200, "fine").await;
    assert_eq!(evaluation.state, EvaluationState::Succeeded, "{:?}", evaluation.error);
    let result = evaluation.result.unwrap();
    assert_eq!((result.protocol.as_str(), result.bandwidth_grid.len()), ("fine", 40));
    assert_eq!(fixture.job(busy).await.status, Status::Running);
    pool.stop().await;
}

/// Asks for an evaluation and waits for it.
async fn evaluated(fixture: &Fixture, id: JobId, step: u64, protocol: &str) -> Evaluation {
    let asked = fixture.store.request_evaluation(id, step, protocol).await.unwrap().unwrap();
    let begun = Instant::now();
    loop {
        let evaluation = fixture.store.evaluation(id, asked.id).await.unwrap().unwrap();
        if !matches!(evaluation.state, EvaluationState::Queued | EvaluationState::Running) {
            return evaluation;
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
        fixture.store.changed(Duration::from_millis(50)).await;
    }
}

async fn an_evaluation_that_somebody_asks_for_does_not_count_for_training(fixture: Fixture) {
    let pool = fixture.pool(1);
    let mut written = short(300);
    written["evaluation"]["stop_when"] = json!({"evaluations": 4, "min_gain": 1e6});
    let id = fixture.submit(written).await;
    fixture.until_succeeded(id).await;
    let evaluation = evaluated(&fixture, id, 100, "custom").await;
    assert_eq!((evaluation.state, evaluation.requested), (EvaluationState::Succeeded, true));

    // Training's own are those of steps 0, 200 and 300; the fourth without a gain after the first is that of step 600.
    fixture.store.extend(id, Extension::By(700)).await.unwrap();
    let job = fixture.until(id, "stopped early", |job| job.status == Status::Succeeded && job.last_step > 300).await;
    assert_eq!(job.last_step, 600);
    pool.stop().await;
}

async fn a_fork_begins_with_the_other_jobs_weights(fixture: Fixture) {
    let pool = fixture.pool(1);
    let origin = fixture.submit(short(200)).await;
    fixture.until_succeeded(origin).await;
    let from = Some(Origin { job: origin, step: 200 });
    let fork = fixture.submit_from(short(100), from).await;
    fixture.until_succeeded(fork).await;
    let picture = |id, step| {
        let store = &fixture.store;
        async move {
            let bytes = store.checkpoint_bytes(id, step).await.unwrap().unwrap();
            let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
            let mut sampler = Sampler::new(&checkpoint, Some(gand::gan::Weights::Raw), 1).unwrap();
            let latents = sampler.latents(0, 0..4);
            sampler.generate(&latents).unwrap()
        }
    };
    assert_eq!(picture(origin, 200).await, picture(fork, 0).await);
    pool.stop().await;
}

async fn an_extended_job_trains_on(fixture: Fixture) {
    let pool = fixture.pool(1);
    let id = fixture.submit(short(200)).await;
    fixture.until_succeeded(id).await;
    fixture.store.extend(id, Extension::By(100)).await.unwrap();
    let job = fixture.until(id, "extended", |job| job.status == Status::Succeeded && job.last_step == 300).await;
    assert_eq!(job.spec.training.steps, 300);
    assert_eq!(fixture.store.metrics(id, 1, 1000).await.unwrap().len(), 300);
    pool.stop().await;
}

async fn a_job_that_stopped_early_trains_all_the_steps_of_its_extension(fixture: Fixture) {
    let pool = fixture.pool(1);
    let mut written = short(2000);
    written["evaluation"] = json!({"every": 100, "stop_when": {"evaluations": 2, "min_gain": 1e6}});
    let id = fixture.submit(written).await;
    let job = fixture.until_succeeded(id).await;
    assert_eq!(job.last_step, 200, "the second evaluation without a gain after that of step 0");
    // The one at step 300, too, gains nothing over those before it.
    fixture.store.extend(id, Extension::By(150)).await.unwrap();
    let job = fixture.until(id, "extended", |job| job.status == Status::Succeeded && job.last_step > 200).await;
    assert_eq!((job.last_step, job.spec.training.steps), (350, 350));
    pool.stop().await;
}

async fn a_resumed_jobs_speed_counts_only_the_steps_trained_since(fixture: Fixture) {
    // So far no process comes between two renewals.
    const FAR: u64 = 90_000_000;
    let id = fixture.submit(endless()).await;
    // Another process has trained it until there, and gives it back.
    let hold = fixture.store.claim(OwnerId::new(), "another", PATIENCE).await.unwrap().unwrap().hold;
    let job = fixture.job(id).await;
    let mut checkpoint =
        Trainer::new(&job.spec, fixture.library.get("digits").unwrap(), 1).unwrap().checkpoint().unwrap();
    checkpoint.step = FAR;
    let checkpoint = NewCheckpoint { step: FAR, bytes: checkpoint.to_bytes().unwrap().into(), keep: 1 };
    let row = Losses { step: FAR, d_loss: 0.7, g_loss: 0.7, value: -1.4, d_real: 0.5, d_fake: 0.5 };
    let records = [Record::Metrics(MetricChunk { rows: vec![row] })];
    fixture.store.publish_checkpoint(hold, checkpoint, &records).await.unwrap().unwrap();
    fixture.store.finish(hold, Ending::Released).await.unwrap().unwrap();

    // A short lease is renewed soon.
    let config = WorkerConfig::new("test", 1, 1, Duration::from_secs(3));
    let pool = Pool::start(Arc::clone(&fixture.store), Arc::clone(&fixture.library), config);
    let job = fixture.until(id, "renewed", |job| job.steps_per_second.is_some_and(|speed| speed > 0.0)).await;
    assert!(job.last_step > FAR, "{}", job.last_step);
    assert!(job.steps_per_second.unwrap() < FAR as f64 / 100.0, "{:?}", job.steps_per_second);
    pool.stop().await;
}

async fn a_job_whose_lease_is_lost_is_left_alone(fixture: Fixture) {
    let pool = fixture.pool(1);
    let id = fixture.submit(endless()).await;
    fixture.until(id, "under way", |job| job.last_step > 0).await;
    // As another worker would: the fence moves on, and the one that trains must see it.
    fixture.steal(id).await;
    let next = fixture.submit(short(50)).await;
    fixture.until_succeeded(next).await;
    let job = fixture.job(id).await;
    assert_eq!(job.status, Status::Running, "nothing was written by the worker that lost it");
    pool.stop().await;
    assert_eq!(fixture.job(id).await.status, Status::Running);
}

/// A file of random-looking images in IDX format.
fn idx_images(count: u32, side: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    for size in [count, side, side] {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend((0..count * side * side).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes
}
