//! What the slots tell Prometheus. Without a recorder, as in `gand train`, all of it is nothing.

use crate::job::Status;
use crate::store::Swept;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

/// Says what each figure is.
pub(super) fn describe() {
    describe_counter!("gand_steps_total", "Training steps whose metrics were stored");
    describe_histogram!(
        "gand_step_seconds",
        "Time of a training step, the mean of each stretch whose metrics were stored"
    );
    describe_histogram!("gand_checkpoint_bytes", "Sizes of published checkpoints");
    describe_counter!("gand_jobs_claimed_total", "Jobs taken on by this process");
    describe_counter!("gand_jobs_left_total", "Jobs left by this process, by the status they were left in");
    describe_counter!("gand_leases_lost_total", "Jobs given up because another worker may have them");
    describe_counter!("gand_leases_swept_total", "Lapsed leases settled by this process, by what became of the job");
    describe_histogram!("gand_checkpoint_seconds", "Time to serialise and publish a checkpoint");
    describe_histogram!("gand_evaluation_seconds", "Time to draw and score the samples of an evaluation");
    describe_counter!("gand_jobs_rescued_total", "Jobs taken on by this process whose last worker was lost");
    describe_gauge!("gand_slots_busy", "Slots of this process that train");
    // There from the beginning, so that the first loss is an increase and not a new name.
    steps(0);
    swept(Swept { requeued: 0, settled: 0, failed: 0 });
    for name in ["gand_jobs_claimed_total", "gand_jobs_rescued_total", "gand_leases_lost_total"] {
        counter!(name).increment(0);
    }
    gauge!("gand_slots_busy").increment(0.0);
}

pub(super) fn steps(count: usize) {
    counter!("gand_steps_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
}

pub(super) fn stretch(steps: usize, time: Duration) {
    if steps > 0 {
        histogram!("gand_step_seconds").record(time.as_secs_f64() / steps as f64);
    }
}

pub(super) fn checkpoint_has(bytes: usize) {
    histogram!("gand_checkpoint_bytes").record(bytes as f64);
}

/// A job was taken on. Starts that ended otherwise than in the loss of their worker count as no attempt.
pub(super) fn claimed(attempt: u32) {
    counter!("gand_jobs_claimed_total").increment(1);
    if attempt > 1 {
        counter!("gand_jobs_rescued_total").increment(1);
    }
    gauge!("gand_slots_busy").increment(1.0);
}

/// Nobody trains in the slot any more, however it ended.
pub(super) fn free() {
    gauge!("gand_slots_busy").decrement(1.0);
}

pub(super) fn left(status: Status) {
    counter!("gand_jobs_left_total", "status" => status.as_str()).increment(1);
}

pub(super) fn lease_lost() {
    counter!("gand_leases_lost_total").increment(1);
}

pub(super) fn swept(Swept { requeued, settled, failed }: Swept) {
    for (outcome, count) in [("requeued", requeued), ("settled", settled), ("failed", failed)] {
        counter!("gand_leases_swept_total", "outcome" => outcome).increment(count);
    }
}

pub(super) fn checkpoint_took(time: Duration) {
    histogram!("gand_checkpoint_seconds").record(time);
}

pub(super) fn evaluation_took(seconds: f64) {
    histogram!("gand_evaluation_seconds").record(seconds);
}
