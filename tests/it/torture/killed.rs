//! kill -9 at random moments, under load.

use super::{Random, report, size};
use crate::support::client::Client;
use crate::support::process::Process;
use crate::support::server::DEADLINE;
use crate::worker::fixture::{Fixture, Traces, short};
use gand::job::{Event, EventKind, Job, JobFilter, JobId, Status};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

const LEASE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(3600);
/// Jobs that differ, each with a run that nobody disturbs to be held against.
const SEEDS: u64 = 4;
const STEPS: u64 = 6000;
const EVERY: u64 = 300;

fn spec(seed: u64) -> Value {
    let mut spec = short(STEPS);
    spec["seed"] = json!(seed);
    spec["checkpoint"]["every"] = json!(EVERY);
    spec["evaluation"]["every"] = json!(3000);
    spec
}

/// A worker process that is started again under another name each time it is killed.
struct Worker {
    number: usize,
    life: usize,
    process: Process,
}

impl Worker {
    fn start(fixture: &Fixture, number: usize, life: usize) -> Self {
        let folder = fixture.datasets().display().to_string();
        let name = format!("worker-{number}.{life}");
        let own = ["worker", "--worker-name", &name, "--database-url", &fixture.url, "--data-dir", &folder];
        let more = ["--slots", "1", "--threads", "1", "--lease", "3s", "--log", "error"];
        Self { number, life, process: Process::start(own.into_iter().chain(more)) }
    }

    fn name(&self) -> String {
        format!("worker-{}.{}", self.number, self.life)
    }
}

struct Kill {
    job: JobId,
    at: OffsetDateTime,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_are_killed_at_random_and_every_job_ends_in_the_same_bits() {
    let kills_wanted = size("GAND_TORTURE_KILLS", 5);
    let begun = Instant::now();
    let fixture = Fixture::postgres().await;
    let mut workers: Vec<Worker> = (0..3).map(|number| Worker::start(&fixture, number, 0)).collect();
    let mut references: BTreeMap<u64, Traces> = BTreeMap::new();
    for seed in 0..SEEDS {
        let id = fixture.submit(spec(seed)).await;
        fixture.until_succeeded(id).await;
        references.insert(seed, fixture.traces(id).await);
    }

    let mut random = Random::seeded();
    let (mut jobs, mut kills): (Vec<(JobId, u64)>, Vec<Kill>) = (Vec::new(), Vec::new());
    while (kills.len() as u64) < kills_wanted {
        assert!(begun.elapsed() < PATIENCE, "{} kills in {PATIENCE:?}", kills.len());
        let queued = fixture.store.jobs(&in_status(Status::Queued), None, 10).await.unwrap().items.len();
        if queued < 3 {
            let seed = jobs.len() as u64 % SEEDS;
            jobs.push((fixture.submit(spec(seed)).await, seed));
            continue;
        }
        let running = fixture.store.jobs(&in_status(Status::Running), None, 10).await.unwrap().items;
        // Five dead workers fail a job, as promised; here none is to come to that.
        let patient = |job: &Job, random: &mut Random| job.attempt == 1 || (job.attempt < 4 && random.below(4) == 0);
        let mut victims = running;
        victims.retain(|job| job.last_step > 0 && patient(job, &mut random));
        if victims.is_empty() {
            fixture.store.changed(Duration::from_millis(50)).await;
            continue;
        }
        let victim = &victims[random.below(victims.len() as u64) as usize];
        // The moment is what is random here.
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        let job = fixture.job(victim.id).await;
        let worker = workers.iter_mut().find(|worker| Some(worker.name()) == job.worker);
        let (Some(worker), Status::Running, true) = (worker, job.status, job.fence == victim.fence) else { continue };
        // Killed before its successor is started: meanwhile the job might end.
        let at = OffsetDateTime::now_utc();
        worker.process.signal(Signal::KILL);
        kills.push(Kill { job: job.id, at });
        let next = Worker::start(&fixture, worker.number, worker.life + 1);
        std::mem::replace(worker, next).process.kill();
    }
    for (id, _) in &jobs {
        let job = fixture.until(*id, "at its end", |job| job.status.is_terminal()).await;
        assert_eq!(job.status, Status::Succeeded, "{:?}", job.error);
    }

    let mut lost_beyond = 0;
    let mut events: HashMap<JobId, Vec<Event>> = HashMap::new();
    for (id, seed) in &jobs {
        references[seed].assert_equal(&fixture.traces(*id).await);
        let log = fixture.store.events(*id, 0, 100_000).await.unwrap();
        lost_beyond += steps_lost_beyond_the_last_checkpoint(&log);
        events.insert(*id, log);
    }
    assert_eq!(lost_beyond, 0);
    let mut waits: Vec<Duration> = kills
        .iter()
        .filter_map(|kill| {
            let free = events[&kill.job].iter().find(|event| event.at >= kill.at && says(event, "lapsed"))?;
            Some((free.at - kill.at).unsigned_abs())
        })
        .collect();
    // One that had just written its last word when it died lost nothing.
    assert!(kills.len() - waits.len() <= (kills.len() / 10).max(1), "{} of {}", waits.len(), kills.len());
    waits.sort_unstable();
    // Told, not asserted: beyond the lease and the sweep it is as long as the machine is busy.
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    report(
        "kill -9, PostgreSQL",
        &format!(
            "{} kills of 3 workers, {} jobs: 0 lost, 0 stuck, {lost_beyond} steps lost beyond the last checkpoint, {}/{} \
             final weights equal; free again after {:.2} s (median), {:.2} s (longest; lease {} s + sweep {} s); {:.0} s",
            kills.len(),
            jobs.len(),
            jobs.len(),
            jobs.len(),
            median.as_secs_f64(),
            longest.as_secs_f64(),
            LEASE.as_secs_f64(),
            LEASE.as_secs_f64() / 2.0,
            begun.elapsed().as_secs_f64(),
        ),
    );
}

fn in_status(status: Status) -> JobFilter {
    JobFilter { status: Some(status), ..JobFilter::default() }
}

fn says(event: &Event, word: &str) -> bool {
    event.kind == EventKind::Status && event.data["message"].as_str().is_some_and(|message| message.contains(word))
}

/// Every start but the first goes on from the newest checkpoint that had been published: how far any fell short of it.
fn steps_lost_beyond_the_last_checkpoint(log: &[Event]) -> u64 {
    let (mut newest, mut lost) = (0, 0);
    for event in log {
        if event.kind == EventKind::Checkpoint {
            newest = newest.max(event.step.unwrap());
        } else if says(event, "continued from step") || says(event, "started by") {
            lost += newest.saturating_sub(event.step.unwrap_or(0));
        }
    }
    lost
}

fn serve(folder: &Path) -> (Process, Client) {
    let folder = folder.display().to_string();
    let options = ["--data-dir", &folder, "--slots", "2", "--threads", "1", "--lease", "3s", "--log", "error"];
    let (process, url) = Process::serve(options);
    (process, Client::new(url.trim_start_matches("http://").parse().unwrap()))
}

async fn until_ended(client: &Client, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let job = client.json(&format!("/jobs/{id}")).await;
        if job["finished_at"].is_string() {
            return job;
        }
        assert!(begun.elapsed() < Duration::from_secs(600), "{job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The digest of the last checkpoint, and every step's metrics.
async fn traces(client: &Client, id: &str) -> (Value, Vec<u8>) {
    let checkpoints = client.json(&format!("/jobs/{id}/checkpoints?limit=200")).await;
    let last = checkpoints["items"].as_array().unwrap().iter().max_by_key(|item| item["step"].as_u64()).unwrap();
    assert_eq!(last["step"], STEPS);
    (last["digest"].clone(), client.get(&format!("/jobs/{id}/metrics?format=csv")).await.expect(200).body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_sqlite_is_killed_at_random_and_every_job_ends_in_the_same_bits() {
    let kills_wanted = size("GAND_TORTURE_KILLS", 5);
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let (mut process, mut client) = serve(folder.path());
    let submit = async |client: &Client, seed: u64| {
        client.post("/jobs", &spec(seed)).await.expect(201).json()["id"].as_str().unwrap().to_owned()
    };
    let mut references = Vec::new();
    for seed in 0..SEEDS {
        let id = submit(&client, seed).await;
        assert_eq!(until_ended(&client, &id).await["status"], "succeeded");
        references.push(traces(&client, &id).await);
    }

    let mut random = Random::seeded();
    let (mut jobs, mut kills, mut longest): (Vec<String>, u64, Duration) = (Vec::new(), 0, Duration::ZERO);
    while kills < kills_wanted {
        assert!(begun.elapsed() < PATIENCE, "{kills} kills in {PATIENCE:?}");
        if client.json("/jobs?status=queued").await["items"].as_array().unwrap().len() < 3 {
            jobs.push(submit(&client, jobs.len() as u64 % SEEDS).await);
            continue;
        }
        let running = client.json("/jobs?status=running").await["items"].as_array().unwrap().clone();
        // One kill takes both jobs that run; none is to lose five workers.
        let ready = running.len() == 2
            && running
                .iter()
                .all(|job| job["progress"]["step"].as_u64() > Some(0) && job["attempt"].as_u64() < Some(4));
        tokio::time::sleep(Duration::from_millis(if ready { random.below(300) } else { 20 })).await;
        if ready {
            process.kill();
            kills += 1;
            let down = Instant::now();
            (process, client) = serve(folder.path());
            while client.json("/jobs?status=running").await["items"].as_array().unwrap().len() < 2 {
                assert!(down.elapsed() < DEADLINE, "nothing is taken up again");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            longest = longest.max(down.elapsed());
        }
    }
    let mut lost_beyond = 0;
    for (index, id) in jobs.iter().enumerate() {
        let job = until_ended(&client, id).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        assert!(traces(&client, id).await == references[index % SEEDS as usize], "job {id} differs");
        lost_beyond += lost_in_pages(&client, id).await;
    }
    assert_eq!(lost_beyond, 0);
    report(
        "kill -9, SQLite",
        &format!(
            "{kills} kills of the server, 2 jobs running each time, {} jobs: 0 lost, 0 stuck, {lost_beyond} steps lost \
             beyond the last checkpoint, {}/{} final weights equal; both taken up again at most {:.2} s after the kill; \
             {:.0} s",
            jobs.len(),
            jobs.len(),
            jobs.len(),
            longest.as_secs_f64(),
            begun.elapsed().as_secs_f64(),
        ),
    );
    process.kill();
}

async fn lost_in_pages(client: &Client, id: &str) -> u64 {
    let (mut log, mut after) = (Vec::new(), 0);
    loop {
        let page = client.json(&format!("/jobs/{id}/events?format=json&limit=200&after={after}")).await;
        for item in page["items"].as_array().unwrap() {
            after = item["id"].as_i64().unwrap();
            log.push(serde_json::from_value::<Event>(item.clone()).unwrap());
        }
        if page["next_cursor"].is_null() {
            return steps_lost_beyond_the_last_checkpoint(&log);
        }
    }
}
