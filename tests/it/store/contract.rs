//! The one list of what a store promises. Every case runs on SQLite and on PostgreSQL.

mod checkpoints;
mod claims;
mod commands;
mod evaluations;
mod fencing;
mod jobs;
mod records;
mod simulation;

macro_rules! contract {
    ($($topic:ident { $($case:ident)* })*) => {
        mod sqlite {
            $(mod $topic {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let fixture = crate::store::fixture::Fixture::sqlite().await;
                    super::super::$topic::$case(fixture).await;
                })*
            })*
        }
        mod postgres {
            $(mod $topic {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let fixture = crate::store::fixture::Fixture::postgres().await;
                    super::super::$topic::$case(fixture).await;
                })*
            })*
        }
    };
}

contract! {
    jobs {
        a_job_comes_back_as_it_was_submitted
        a_key_makes_a_submission_repeatable
        of_simultaneous_submissions_with_one_key_one_makes_a_job
        jobs_are_listed_newest_first_by_page_and_filter
        a_patch_applies_to_the_version_it_was_meant_for
        every_visible_change_makes_a_new_version
        deleting_takes_everything_with_it
        a_job_that_another_starts_from_is_not_deleted
        a_dataset_is_in_use_until_its_jobs_are_over
        jobs_are_counted_by_status
    }
    claims {
        the_oldest_of_the_highest_priority_goes_first
        waiting_raises_priority_so_that_nothing_starves
        concurrent_claims_never_take_a_job_twice
        a_claim_counts_attempt_and_fence_and_says_who_started_what
        a_lapsed_job_is_claimed_again_from_its_checkpoint
        a_job_that_killed_too_many_workers_is_not_claimed_but_failed
        only_workers_that_died_count_as_attempts
        a_queued_job_knows_its_place
        a_claim_reads_an_index_however_many_wait
    }
    commands {
        every_command_in_every_status_does_what_the_table_says
        a_command_that_changes_nothing_changes_no_row
        no_command_waits_for_a_dead_worker
        a_pause_withdrawn_before_it_took_effect_leaves_the_job_queued
        a_cancellation_that_overtakes_a_pause_wins
        the_heartbeat_tells_what_is_wanted
        a_lapsed_lease_settles_as_was_asked
        extending_adds_steps_and_starts_a_new_count_of_attempts
        an_extension_is_counted_from_the_newest_checkpoint
    }
    fencing {
        a_stale_hold_can_write_nothing
        a_job_that_is_over_has_no_holder
        a_lapsed_lease_that_nobody_took_can_be_renewed
        the_second_hold_of_one_owner_fences_off_its_first
    }
    records {
        metrics_come_back_to_the_bit_whatever_their_batches
        small_batches_share_a_row_and_checkpoints_close_it
        steps_told_twice_are_kept_once
        events_have_no_gaps_and_say_what_happened
        concurrent_writers_leave_no_gap_in_the_events
        a_finding_ends_and_comes_back
        snapshots_are_kept_by_step
        a_change_wakes_those_who_wait
    }
    checkpoints {
        a_checkpoint_comes_back_whole
        records_and_checkpoint_are_published_together
        equal_content_is_stored_once
        only_the_newest_the_best_and_the_named_are_kept
        damage_of_any_kind_is_corruption_never_other_bytes
        publishing_the_same_content_again_heals_it
        a_discarded_checkpoint_leaves_the_job_at_the_one_before
        a_resume_cuts_metrics_at_the_checkpoint_even_within_a_row
        jobs_that_share_content_publish_and_prune_at_once
        a_rollback_takes_the_job_back_to_its_newest_checkpoint
        a_restart_leaves_nothing_of_what_was_before
    }
    evaluations {
        an_evaluation_is_asked_for_taken_and_finished
        an_evaluation_whose_worker_died_is_taken_over
        an_evaluation_that_kills_its_workers_is_given_up
        evaluations_in_training_are_kept_by_step
        a_result_that_is_no_number_fails_the_evaluation_not_the_job
        evaluations_go_with_their_job
    }
    simulation {
        any_history_agrees_with_the_model
    }
}
