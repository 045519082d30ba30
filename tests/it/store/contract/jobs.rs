//! Jobs as their users submit, find, change and delete them.

use crate::store::fixture::{Fixture, LONG, file, metrics, new_job, result, spec};
use gand::job::{Command, Ending, JobFilter, JobId, JobPatch, NewJob, Origin, Status};
use gand::store::{Changed, Created, Deleted, IdempotencyKey, Record};

pub(super) async fn a_job_comes_back_as_it_was_submitted(fixture: Fixture) {
    let origin = Origin { job: JobId::new(), step: 1_000_000_007 };
    let mut spec = spec();
    spec.seed = (1 << 53) - 1;
    spec.model.discriminator.input_dropout = 0.1;
    spec.evaluation.parzen.bandwidth_grid = vec![0.1, 0.129_154_966_501_488_4, 1.0 / 3.0, 5e-324, 1.797e308];
    let new = NewJob {
        name: Some("naïve “名前” 'quoted' \\ %".into()),
        tags: vec!["a".into(), "b \"c\"".into()],
        priority: -7,
        spec,
        from: Some(origin),
    };
    let Created::New(job) = fixture.store.create_job(new.clone(), None).await.unwrap() else { panic!() };
    assert_eq!((job.name, job.tags, job.priority), (new.name, new.tags, new.priority));
    assert_eq!((job.spec, job.from), (new.spec, new.from));
    assert_eq!((job.status, job.version > 0, job.queued_at), (Status::Queued, true, job.created_at));
    let age = time::OffsetDateTime::now_utc() - job.created_at;
    assert!(age.abs() < time::Duration::minutes(10), "{age}");
    assert_eq!(fixture.store.job(JobId::new()).await.unwrap(), None);
}

pub(super) async fn a_key_makes_a_submission_repeatable(fixture: Fixture) {
    let key = |body: &str| Some(IdempotencyKey { key: "k-1".into(), body_sha256: body.into() });
    let store = &fixture.store;
    let look = async |body: &str| store.job_of_key(&key(body).unwrap()).await.unwrap();
    assert_eq!(look("aa").await, None);
    let Created::New(first) = store.create_job(new_job("one"), key("aa")).await.unwrap() else { panic!() };
    fixture.claim(LONG).await.unwrap();
    assert_eq!(look("aa").await, Some(Created::Replayed(fixture.job(first.id).await)));
    assert_eq!(look("bb").await, Some(Created::KeyReused));
    match store.create_job(new_job("one"), key("aa")).await.unwrap() {
        Created::Replayed(again) => assert_eq!((again.id, again.status), (first.id, Status::Running)),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.create_job(new_job("two"), key("bb")).await.unwrap(), Created::KeyReused);
    assert_eq!(fixture.count("jobs").await, 1);
}

pub(super) async fn of_simultaneous_submissions_with_one_key_one_makes_a_job(fixture: Fixture) {
    let submissions: Vec<_> = (0..8)
        .map(|_| {
            let store = std::sync::Arc::clone(&fixture.store);
            let key = Some(IdempotencyKey { key: "k-1".into(), body_sha256: "aa".into() });
            tokio::spawn(async move { store.create_job(new_job("one"), key).await.unwrap() })
        })
        .collect();
    let (mut new, mut ids) = (0, std::collections::HashSet::new());
    for submission in submissions {
        match submission.await.unwrap() {
            Created::New(job) => {
                new += 1;
                ids.insert(job.id);
            }
            Created::Replayed(job) => drop(ids.insert(job.id)),
            Created::KeyReused => panic!("the body is the same"),
        }
    }
    assert_eq!((new, ids.len(), fixture.count("jobs").await), (1, 1, 1));
}

pub(super) async fn jobs_are_listed_newest_first_by_page_and_filter(fixture: Fixture) {
    let store = &fixture.store;
    let mut ids = Vec::new();
    for (name, tags) in [("alpha", vec!["x"]), ("beta", vec!["x", "y"]), ("alphabet", vec![]), ("100%", vec!["z"])] {
        let tags = tags.into_iter().map(str::to_owned).collect();
        ids.push(fixture.create(NewJob { tags, ..new_job(name) }).await.id);
    }
    let unnamed = fixture.create(NewJob { name: None, ..new_job("") }).await.id;
    store.command(ids[1], Command::Cancel).await.unwrap();
    let find = async |filter: JobFilter| {
        let page = store.jobs(&filter, None, 100).await.unwrap();
        assert!(!page.more);
        page.items.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let all = || JobFilter::default();
    assert_eq!(find(all()).await, [unnamed, ids[3], ids[2], ids[1], ids[0]]);
    assert_eq!(find(JobFilter { status: Some(Status::Cancelled), ..all() }).await, [ids[1]]);
    assert_eq!(find(JobFilter { name: Some("alpha".into()), ..all() }).await, [ids[2], ids[0]]);
    assert_eq!(find(JobFilter { name: Some("%".into()), ..all() }).await, [ids[3]]);
    assert_eq!(find(JobFilter { tag: Some("x".into()), ..all() }).await, [ids[1], ids[0]]);
    assert_eq!(find(JobFilter { dataset: Some("mnist".into()), ..all() }).await, []);
    assert_eq!(find(JobFilter { dataset: Some("digits".into()), tag: Some("z".into()), ..all() }).await, [ids[3]]);

    let page = store.jobs(&all(), None, 2).await.unwrap();
    assert_eq!((page.items.len(), page.more), (2, true));
    let page = store.jobs(&all(), Some(page.items[1].id), 3).await.unwrap();
    assert_eq!((page.items[0].id, page.items.len(), page.more), (ids[2], 3, false));
}

pub(super) async fn a_patch_applies_to_the_version_it_was_meant_for(fixture: Fixture) {
    let job = fixture.create(new_job("old")).await;
    let patch = JobPatch { name: Some(Some("new".into())), tags: Some(vec!["t".into()]), priority: Some(3) };
    let Changed::Done(patched) = fixture.store.patch_job(job.id, patch, Some(job.version)).await.unwrap() else {
        panic!()
    };
    assert_eq!((patched.name.as_deref(), &patched.tags[..], patched.priority), (Some("new"), &["t".into()][..], 3));
    assert!(patched.version > job.version);
    let late = JobPatch { name: Some(None), ..JobPatch::default() };
    let refused = fixture.store.patch_job(job.id, late.clone(), Some(job.version)).await.unwrap();
    assert_eq!(refused, Changed::VersionMismatch(patched.clone()));
    let Changed::Done(unnamed) = fixture.store.patch_job(job.id, late, None).await.unwrap() else { panic!() };
    assert_eq!((unnamed.name, unnamed.tags), (None, patched.tags));
    let nobody = fixture.store.patch_job(JobId::new(), JobPatch::default(), None).await.unwrap();
    assert_eq!(nobody, Changed::NotFound);
}

pub(super) async fn every_visible_change_makes_a_new_version(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let mut version = fixture.job(hold.job).await.version;
    let mut grew = async |what: &str| {
        let now = fixture.job(hold.job).await.version;
        assert!(now > version, "{what}");
        version = now;
    };
    fixture.store.record(hold, &[metrics(1..=2)]).await.unwrap().unwrap();
    grew("metrics").await;
    let progress = gand::store::ProgressReport { steps_per_second: Some(2.0) };
    fixture.store.renew(hold, LONG, progress).await.unwrap().unwrap();
    grew("speed").await;
    fixture.publish(hold, 3, file(1, 1), 1).await;
    grew("checkpoint").await;
    fixture.store.command(hold.job, Command::Pause).await.unwrap();
    grew("command").await;
    fixture.store.finish(hold, Ending::Paused).await.unwrap().unwrap();
    grew("ending").await;
}

pub(super) async fn deleting_takes_everything_with_it(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let store = &fixture.store;
    let records = [
        metrics(1..=5),
        Record::Snapshot { step: 5, png: vec![1] },
        Record::Evaluation { step: 5, protocol: "fine".into(), result: result(1.0), best: true },
    ];
    store.record(hold, &records).await.unwrap().unwrap();
    fixture.publish(hold, 10, file(1, 3 << 20), 3).await;
    let key = IdempotencyKey { key: "k".into(), body_sha256: "aa".into() };
    let Created::New(other) = store.create_job(new_job("other"), Some(key.clone())).await.unwrap() else { panic!() };
    assert_eq!(store.delete_job(hold.job).await.unwrap(), Deleted::Active(Status::Running));
    store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    store.command(other.id, Command::Cancel).await.unwrap();
    for id in [hold.job, other.id] {
        assert_eq!(store.delete_job(id).await.unwrap(), Deleted::Done);
        assert_eq!(store.delete_job(id).await.unwrap(), Deleted::NotFound);
    }
    assert_eq!(store.job_of_key(&key).await.unwrap(), None);
    for table in [
        "jobs",
        "events",
        "metrics",
        "snapshots",
        "evaluations",
        "checkpoints",
        "checkpoint_chunks",
        "idempotency_keys",
    ] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
    assert_eq!(fixture.pieces().await, 0);
}

pub(super) async fn a_job_that_another_starts_from_is_not_deleted(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    fixture.publish(hold, 10, file(1, 10), 3).await;
    fixture.store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    let fork = NewJob { from: Some(Origin { job: hold.job, step: 10 }), ..new_job("fork") };
    let fork = fixture.create(fork).await.id;
    assert_eq!(fixture.store.delete_job(hold.job).await.unwrap(), Deleted::NeededBy(fork));
    let forked = fixture.claim(LONG).await.unwrap().hold;
    fixture.publish(forked, 1, file(2, 10), 3).await;
    assert_eq!(fixture.store.delete_job(hold.job).await.unwrap(), Deleted::Done);
}

pub(super) async fn a_dataset_is_in_use_until_its_jobs_are_over(fixture: Fixture) {
    let store = &fixture.store;
    assert!(!store.dataset_in_use("digits").await.unwrap());
    let hold = fixture.running().await.hold;
    assert!(store.dataset_in_use("digits").await.unwrap());
    assert!(!store.dataset_in_use("mnist").await.unwrap());
    store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    assert!(!store.dataset_in_use("digits").await.unwrap());
}

pub(super) async fn jobs_are_counted_by_status(fixture: Fixture) {
    fixture.job_in(Status::Succeeded).await;
    fixture.job_in(Status::Running).await;
    fixture.job_in(Status::Queued).await;
    fixture.job_in(Status::Queued).await;
    let counts = fixture.store.count_by_status().await.unwrap();
    assert_eq!(counts.len(), Status::ALL.len());
    for (status, count) in counts {
        let expected = match status {
            Status::Queued => 2,
            Status::Running => 1,
            Status::Succeeded => 1,
            _ => 0,
        };
        assert_eq!(count, expected, "{status}");
    }
}
