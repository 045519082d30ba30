//! Fragments that many statements share. Macros, because statements are checked to be literals.

/// The database's clock.
macro_rules! now {
    () => {
        "statement_timestamp()"
    };
}

/// Selects jobs as `JobRow`s; conditions follow, the job being `j`.
macro_rules! select_jobs {
    ($rest:expr) => {
        concat!(
            "SELECT j.id, j.name, j.tags, j.status, j.desired, j.spec, j.from_job, j.from_step, j.sweep_id,
                    j.sweep_position, j.priority, j.attempt, j.fence, j.lease_owner, j.lease_until, j.worker,
                    j.created_at, j.queued_at, j.started_at,
                    j.finished_at, j.last_step, j.steps_per_second, j.latest, j.health, j.error, j.version,
                    e.id AS evaluation_id, e.step AS evaluation_step, e.protocol AS evaluation_protocol,
                    e.state AS evaluation_state, e.requested AS evaluation_requested,
                    e.created_at AS evaluation_created_at, e.result AS evaluation_result
             FROM jobs j LEFT JOIN evaluations e ON e.id =
                 (SELECT id FROM evaluations WHERE job_id = j.id AND state = 'succeeded'
                  ORDER BY step DESC, created_at DESC, id DESC LIMIT 1) ",
            $rest
        )
    };
}

/// Selects the changing parts of jobs as `StateRow`s; conditions follow.
macro_rules! select_states {
    ($rest:expr) => {
        concat!(
            "SELECT id, status, desired, attempt, fence, lease_owner, COALESCE(lease_until <= ",
            now!(),
            ", false) AS lapsed, worker, last_step, latest, health, error, last_event FROM jobs ",
            $rest
        )
    };
}

/// Which jobs, named `j`, a worker may take: those that wait, and those whose worker is gone, as long as not too many
/// of them have died. It begins as the condition of the index `jobs_turn`.
macro_rules! claimable {
    () => {
        concat!(
            "j.status IN ('queued', 'running') AND j.attempt < 5 AND (j.status = 'queued' OR j.lease_until <= ",
            now!(),
            ")"
        )
    };
}

/// Selects the job that a worker is to take.
macro_rules! next_job {
    () => {
        concat!(
            "SELECT j.id, j.status = 'running' AS lapsed, j.worker FROM jobs j WHERE ",
            claimable!(),
            " ORDER BY j.turn, j.id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
    };
}

pub(super) use {claimable, next_job, now, select_jobs, select_states};

#[cfg(test)]
mod tests {
    #[test]
    fn the_literals_in_statements_are_the_documented_constants() {
        use crate::store::{AGING, MAX_ATTEMPTS};
        let turns = include_str!("../../../migrations/postgres/0004_turns.sql");
        assert!(turns.contains(&format!(" - priority * {}::bigint)", AGING.as_micros())));
        assert!(turns.contains(&format!("attempt < {MAX_ATTEMPTS};")));
        assert!(claimable!().contains(&format!("j.attempt < {MAX_ATTEMPTS} ")));
    }
}
