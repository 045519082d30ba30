//! Evaluations: asked for, taken on, finished.

use crate::store::fixture::{Fixture, LAPSED, LONG, file, result};
use gand::job::{Ending, EvaluationState, EventKind, OwnerId};
use gand::store::{MAX_ATTEMPTS, Record};

pub(super) async fn an_evaluation_is_asked_for_taken_and_finished(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    assert_eq!(store.request_evaluation(id, 10, "fine").await.unwrap(), None);
    fixture.publish(hold, 10, file(1, 10), 3).await;
    let asked = store.request_evaluation(id, 10, "fine").await.unwrap().unwrap();
    assert_eq!((asked.state, asked.step, asked.result.clone()), (EvaluationState::Queued, 10, None));
    let twice = store.request_evaluation(id, 10, "fine").await.unwrap().unwrap();
    assert_eq!(twice.id, asked.id, "while it waits, asking again is the same request");

    let taken = store.claim_evaluation(fixture.owner, LONG).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.job, taken.step, taken.protocol.as_str()), (asked.id, id, 10, "fine"));
    assert_eq!(store.claim_evaluation(fixture.owner, LONG).await.unwrap(), None);
    store.finish_evaluation(fixture.owner, &taken, Ok(result(42.5))).await.unwrap();
    let done = store.evaluation(id, asked.id).await.unwrap().unwrap();
    assert_eq!((done.state, done.result), (EvaluationState::Succeeded, Some(result(42.5))));
    assert_eq!(fixture.job(id).await.parzen.unwrap().id, asked.id);
    let event = fixture.events(id).await.pop().unwrap();
    assert_eq!((event.kind, event.step), (EventKind::Evaluation, Some(10)));
    assert_eq!(event.data["log_likelihood"], 42.5);
    assert_eq!(store.evaluation(gand::job::JobId::new(), asked.id).await.unwrap(), None);
}

pub(super) async fn an_evaluation_whose_worker_died_is_taken_over(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    fixture.publish(hold, 10, file(1, 10), 3).await;
    store.request_evaluation(id, 10, "fine").await.unwrap().unwrap();
    let (dead, alive) = (OwnerId::new(), OwnerId::new());
    let first = store.claim_evaluation(dead, LAPSED).await.unwrap().unwrap();
    let second = store.claim_evaluation(alive, LONG).await.unwrap().unwrap();
    assert_eq!(first, second);
    let events = fixture.events(id).await.len();
    store.finish_evaluation(dead, &first, Err("from the grave".into())).await.unwrap();
    assert_eq!(store.evaluation(id, first.id).await.unwrap().unwrap().state, EvaluationState::Running);
    assert_eq!(fixture.events(id).await.len(), events);
    store.finish_evaluation(alive, &second, Err("no such dataset".into())).await.unwrap();
    let failed = store.evaluation(id, first.id).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.error.as_deref()), (EvaluationState::Failed, Some("no such dataset")));
}

pub(super) async fn an_evaluation_that_kills_its_workers_is_given_up(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    fixture.publish(hold, 10, file(1, 10), 3).await;
    let asked = store.request_evaluation(id, 10, "fine").await.unwrap().unwrap();
    for _ in 0..MAX_ATTEMPTS {
        assert!(store.claim_evaluation(OwnerId::new(), LAPSED).await.unwrap().is_some());
    }
    assert_eq!(store.claim_evaluation(fixture.owner, LONG).await.unwrap(), None);
    store.sweep().await.unwrap();
    let given_up = store.evaluation(id, asked.id).await.unwrap().unwrap();
    assert_eq!(given_up.state, EvaluationState::Failed);
    assert!(given_up.error.unwrap().contains("died"));
}

pub(super) async fn evaluations_in_training_are_kept_by_step(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    let evaluation = |step, log_likelihood: f64| Record::Evaluation {
        step,
        protocol: "goodfellow2014".into(),
        result: result(log_likelihood),
        best: false,
    };
    for (step, log_likelihood) in [(20, 2.0), (10, 1.0), (20, 2.5)] {
        store.record(hold, &[evaluation(step, log_likelihood)]).await.unwrap().unwrap();
    }
    let kept: Vec<_> = store.evaluations(id).await.unwrap().into_iter().map(|one| (one.step, one.result)).collect();
    assert_eq!(kept, [(10, Some(result(1.0))), (20, Some(result(2.5)))]);
    assert_eq!(fixture.job(id).await.parzen.unwrap().step, 20, "the newest by step");
}

pub(super) async fn a_result_that_is_no_number_fails_the_evaluation_not_the_job(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    let broken = result(f64::NEG_INFINITY);
    let record = Record::Evaluation { step: 5, protocol: "fine".into(), result: broken.clone(), best: true };
    store.record(hold, &[record]).await.unwrap().unwrap();
    fixture.publish(hold, 10, file(1, 10), 3).await;
    store.request_evaluation(id, 10, "fine").await.unwrap().unwrap();
    let taken = store.claim_evaluation(fixture.owner, LONG).await.unwrap().unwrap();
    store.finish_evaluation(fixture.owner, &taken, Ok(broken)).await.unwrap();
    let evaluations = store.evaluations(id).await.unwrap();
    assert_eq!(evaluations.iter().map(|one| one.step).collect::<Vec<_>>(), [5, 10]);
    for evaluation in evaluations {
        assert_eq!((evaluation.state, evaluation.result), (EvaluationState::Failed, None));
        assert!(evaluation.error.unwrap().contains("not finite"));
    }
    assert_eq!(fixture.job(id).await.parzen, None);
}

pub(super) async fn evaluations_go_with_their_job(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    fixture.publish(hold, 10, file(1, 10), 3).await;
    fixture.store.request_evaluation(hold.job, 10, "fine").await.unwrap().unwrap();
    let taken = fixture.store.claim_evaluation(fixture.owner, LONG).await.unwrap().unwrap();
    fixture.store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    fixture.store.delete_job(hold.job).await.unwrap();
    fixture.store.finish_evaluation(fixture.owner, &taken, Ok(result(1.0))).await.unwrap();
    assert_eq!(fixture.count("evaluations").await, 0);
}
