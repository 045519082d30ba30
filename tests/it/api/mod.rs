//! The API over a real socket; the same cases on both databases.

mod access;
mod attacks;
mod caching;
mod checkpoints;
mod datasets;
mod document;
mod drive;
mod errors;
mod events;
mod figures;
mod flat;
mod jobs;
mod metrics;
mod observed;
mod parzen;
mod pictures;
mod recipes;
mod samples;
mod schemathesis;
mod stopping;
mod sweeps;
mod uploads;

macro_rules! on_both {
    ($($topic:ident { $($case:ident)* })*) => {
        mod sqlite {
            $(mod $topic {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let server = crate::support::server::Server::start(crate::support::server::Engine::Sqlite).await;
                    super::super::$topic::$case(server).await;
                })*
            })*
        }
        mod postgres {
            $(mod $topic {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let server = crate::support::server::Server::start(crate::support::server::Engine::Postgres).await;
                    super::super::$topic::$case(server).await;
                })*
            })*
        }
    };
}

on_both! {
    jobs {
        only_the_dataset_is_required
        a_job_shows_everything_the_contract_names
        the_verdict_is_the_gravest_finding_that_holds
        the_same_key_and_body_give_the_same_job
        a_submission_has_its_answer_also_when_its_dataset_is_gone
        lists_are_pages_newest_first
        lists_are_filtered
        an_unchanged_job_is_not_sent_again
        commands_are_idempotent_and_refused_where_they_make_no_sense
        an_extension_trains_so_many_steps_more_or_to_a_step
        changes_respect_if_match
        only_finished_jobs_are_deleted
        a_fork_needs_a_checkpoint_that_is_there
    }
    metrics {
        columns_keep_their_peaks
        csv_is_exact
        means_stand_beside_the_peaks_where_steps_were_left_out
        the_divergence_is_bounded_by_many_steps_and_not_by_one
    }
    events {
        the_stream_goes_on_where_it_was_left
        a_stream_that_is_lost_again_and_again_loses_no_event
        pages_of_the_log_follow_one_another
        the_end_of_the_log_comes_without_the_rest
    }
    sweeps {
        lists_make_a_job_for_each_combination
        the_table_tells_what_each_job_came_to
        every_fault_of_every_combination_is_told_at_its_value
        the_same_key_and_body_give_the_same_sweep
        a_grid_has_its_answer_also_when_its_dataset_is_gone
    }
    parzen {
        an_evaluation_is_asked_for_and_found
    }
    checkpoints {
        a_file_comes_whole_or_in_parts
    }
    caching {
        only_a_named_steps_picture_stays
        a_film_of_other_pictures_is_another_film
    }
    uploads {
        a_dataset_is_uploaded_used_replaced_and_removed
    }
    samples {
        every_format_shows_the_same_samples
        a_sample_does_not_depend_on_the_count
        the_same_query_gives_the_same_bytes_and_no_second_copy
        interpolations_neighbours_and_timelines_are_pictures
        a_job_on_a_known_density_is_held_against_it
    }
}
