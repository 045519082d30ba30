//! The watch, fed with what runs measured.

use super::*;
use crate::eval::quality::{Labels, PairwiseDistance};
use crate::eval::{Copies, Coverage, Quality};

const STEPS: u64 = 20_000;
/// Of a run of so many steps.
const WINDOW: u64 = 400;

fn training() -> Training {
    let facts = crate::gan::DataFacts {
        shape: crate::data::Shape { height: 1, width: 2, channels: 1 },
        train: 1000,
        validation: 100,
        unit_interval: false,
    };
    let spec = serde_json::json!({"dataset": "ring-2d", "training": {"steps": STEPS}});
    crate::gan::read_spec(&spec, &|_| Some(facts)).unwrap().training
}

fn watch() -> Watch {
    Watch::new(&training(), &Past::default())
}

/// What an evaluation says of samples that are as good as data.
fn sound() -> ParzenResult {
    let quality = Quality {
        coverage: Some(Coverage { density: 1.0, coverage: 0.9, neighbours: 5, samples: 1000, points: 1000 }),
        copies: Some(Copies { share: 0.0, distance: 0.5, samples: 500 }),
        pairwise_distance: PairwiseDistance { samples: 1.0, data: 1.0 },
        labels: Some(Labels {
            names: Vec::new(),
            samples: Vec::new(),
            data: Vec::new(),
            entropy: 2.3,
            data_entropy: 2.3,
        }),
        frechet: None,
        seconds: 0.0,
    };
    ParzenResult {
        bandwidth: 0.2,
        bandwidth_grid: vec![0.1, 0.2, 0.3],
        validation_curve: vec![1.0, 2.0, 1.0],
        log_likelihood: 100.0,
        standard_error: 1.0,
        samples: 10_000,
        test_points: 10_000,
        protocol: "custom".to_owned(),
        seconds: 0.0,
        theory: None,
        quality: Some(Box::new(quality)),
    }
}

fn with(change: impl FnOnce(&mut Quality)) -> ParzenResult {
    let mut result = sound();
    change(result.quality.as_mut().unwrap());
    result
}

fn narrow() -> ParzenResult {
    with(|quality| quality.pairwise_distance.samples = 0.1)
}

/// Of an untrained G, and of one that has learned nothing.
fn poor() -> ParzenResult {
    let mut result = with(|quality| quality.coverage.as_mut().unwrap().coverage = 0.05);
    result.log_likelihood = -50.0;
    result
}

/// Feeds steps with these answers of D.
fn answers(watch: &mut Watch, steps: std::ops::RangeInclusive<u64>, d_real: f32, d_fake: f32) -> Vec<Finding> {
    let mut found = Vec::new();
    for step in steps {
        if watch.step(&Losses { step, d_loss: 0.5, g_loss: 1.0, value: -1.0, d_real, d_fake }) {
            found.extend(watch.findings(step));
        }
    }
    found
}

fn evaluated(watch: &mut Watch, step: u64, result: &ParzenResult) -> Vec<Finding> {
    watch.evaluation(step, result);
    watch.findings(step)
}

/// Kind, beginning and end.
fn facts(findings: &[Finding]) -> Vec<(&str, u64, Option<u64>)> {
    findings.iter().map(|finding| (&*finding.kind, finding.step, finding.until_step)).collect()
}

#[test]
fn a_discriminator_that_is_hardly_ever_wrong_has_won_until_it_is_contested() {
    let mut watch = watch();
    let found = answers(&mut watch, 1..=4 * WINDOW, 0.99, 0.01);
    assert_eq!(facts(&found), [("discriminator_wins", 2 * WINDOW, None)]);
    assert_eq!(found[0].severity, Severity::Critical);
    assert!(found[0].detail.contains("D(x) is 0.990 and D(G(z)) 0.010"), "{}", found[0].detail);
    // At the edge nothing is taken back, so nothing has to be said again.
    assert_eq!(answers(&mut watch, 4 * WINDOW + 1..=6 * WINDOW, 0.96, 0.03), []);
    let found = answers(&mut watch, 6 * WINDOW + 1..=9 * WINDOW, 0.8, 0.2);
    assert_eq!(facts(&found), [("discriminator_wins", 2 * WINDOW, Some(8 * WINDOW))]);
    // What comes back begins anew.
    let found = answers(&mut watch, 9 * WINDOW + 1..=12 * WINDOW, 0.99, 0.01);
    assert_eq!(facts(&found), [("discriminator_wins", 11 * WINDOW, None)]);
}

#[test]
fn smoothed_labels_hide_no_victory_and_feign_none() {
    let smoothed = Training { real_label: 0.9, ..training() };
    let mut watch = Watch::new(&smoothed, &Past::default());
    assert_eq!(answers(&mut watch, 1..=4 * WINDOW, 0.89, 0.01).len(), 1);
    let mut watch = Watch::new(&smoothed, &Past::default());
    assert_eq!(answers(&mut watch, 1..=4 * WINDOW, 0.8, 0.1), []);
}

#[test]
fn one_window_of_victory_among_others_is_nothing() {
    let mut watch = watch();
    for window in 0..STEPS / WINDOW {
        let d_real = if window.is_multiple_of(2) { 0.999 } else { 0.7 };
        assert_eq!(answers(&mut watch, window * WINDOW + 1..=(window + 1) * WINDOW, d_real, 0.001), []);
    }
}

#[test]
fn a_generator_that_has_not_yet_begun_to_spread_has_not_collapsed() {
    let mut watch = watch();
    // The swings of a beginning: spread at one look, one kind of sample at the next.
    for (step, result) in [(200, narrow()), (400, sound()), (600, narrow()), (900, narrow()), (4_900, narrow())] {
        assert_eq!(evaluated(&mut watch, step, &result), [], "step {step}");
    }
    assert_eq!(facts(&evaluated(&mut watch, 5_000, &narrow())), [("collapse", 5_000, None)]);
}

#[test]
fn a_loss_of_spread_is_a_collapse_and_is_withdrawn_when_evaluations_are_sound_again() {
    let mut watch = watch();
    let looks = [sound(), sound(), narrow(), narrow(), narrow(), sound(), sound(), narrow(), narrow()];
    let mut said = Vec::new();
    for (step, result) in (1..).map(|look| 1_000 * look).zip(&looks) {
        said.extend(evaluated(&mut watch, step, result));
    }
    let expected = [("collapse", 4_000, None), ("collapse", 4_000, Some(6_000)), ("collapse", 9_000, None)];
    assert_eq!(facts(&said), expected);
    assert!(said[0].detail.contains("samples are 0.100 from one another"), "{}", said[0].detail);
}

#[test]
fn a_run_that_is_evaluated_only_at_its_end_is_judged_by_that() {
    let found = evaluated(&mut watch(), STEPS, &narrow());
    assert_eq!(facts(&found), [("collapse", STEPS, None)]);
    // But not a short one.
    let short = Training { steps: 300, ..training() };
    assert_eq!(evaluated(&mut Watch::new(&short, &Past::default()), 300, &narrow()), []);
}

#[test]
fn a_narrow_generator_before_a_strong_discriminator_is_one_finding_not_two() {
    let mut watch = watch();
    answers(&mut watch, 1..=6_000, 0.958, 0.032);
    evaluated(&mut watch, 5_000, &narrow());
    let found = evaluated(&mut watch, 6_000, &narrow());
    assert_eq!(facts(&found), [("discriminator_wins", 6_000, None)]);
    assert!(found[0].detail.contains("Give D less") && !found[0].detail.contains("more discriminator_steps"));
    // A little less strong changes nothing; much less is another cause, and the one takes the other's place.
    assert_eq!(answers(&mut watch, 6_001..=8_000, 0.85, 0.15), []);
    let found = answers(&mut watch, 8_001..=9_000, 0.6, 0.4);
    assert_eq!(facts(&found), [("discriminator_wins", 6_000, Some(8_400)), ("collapse", 8_400, None)]);
    assert!(found[1].detail.contains("more discriminator_steps") && !found[1].detail.contains("Give D less"));
}

#[test]
fn a_discriminator_that_tells_nothing_apart_is_too_weak_where_samples_are_bad() {
    let mut watch = watch();
    assert_eq!(evaluated(&mut watch, 0, &poor()), []);
    assert_eq!(answers(&mut watch, 1..=4_000, 0.501, 0.5), []);
    let found = evaluated(&mut watch, 4_000, &poor());
    assert_eq!(facts(&found), [("discriminator_weak", 4_000, None)]);
    assert_eq!(found[0].severity, Severity::Warning);
    let found = answers(&mut watch, 4_001..=5_000, 0.6, 0.4);
    assert_eq!(facts(&found), [("discriminator_weak", 4_000, Some(4_400))]);
}

#[test]
fn a_discriminator_at_one_half_before_good_samples_is_what_the_paper_promises() {
    let mut watch = watch();
    evaluated(&mut watch, 0, &poor());
    answers(&mut watch, 1..=10_000, 0.5, 0.5);
    assert_eq!(evaluated(&mut watch, 10_000, &sound()), []);
}

#[test]
fn samples_that_are_copies_are_named_and_no_longer_when_they_are_not() {
    let mut watch = watch();
    let copies = |share| with(|quality| quality.copies.as_mut().unwrap().share = share);
    assert_eq!(evaluated(&mut watch, 1_000, &copies(0.1)), []);
    let found = evaluated(&mut watch, 2_000, &copies(0.6));
    assert_eq!(facts(&found), [("memorizing", 2_000, None)]);
    assert!(found[0].detail.contains("60 % of the samples lie within 0.500"), "{}", found[0].detail);
    assert_eq!(facts(&evaluated(&mut watch, 3_000, &copies(0.0))), [("memorizing", 2_000, Some(3_000))]);
}

#[test]
fn a_bandwidth_at_an_end_of_the_grid_and_a_score_of_few_samples_are_good_to_know() {
    let mut watch = watch();
    let at_the_end = ParzenResult { bandwidth: 0.1, ..sound() };
    assert_eq!(evaluated(&mut watch, 1_000, &at_the_end), []);
    let found = evaluated(&mut watch, 2_000, &at_the_end);
    assert_eq!(facts(&found), [("bandwidth_edge", 2_000, None)]);
    assert!(found[0].severity == Severity::Info && found[0].detail.contains("smallest"), "{:?}", found[0]);
    let found = evaluated(&mut watch, 3_000, &ParzenResult { samples: 100, ..sound() });
    assert_eq!(facts(&found), [("bandwidth_edge", 2_000, Some(3_000)), ("few_samples", 3_000, None)]);
}

#[test]
fn a_run_that_is_gone_on_with_says_nothing_twice_and_forgets_nothing() {
    let results: Vec<(u64, ParzenResult)> = (1..)
        .map(|look| 1_000 * look)
        .zip([sound(), sound(), narrow(), narrow(), sound(), sound(), sound(), sound()])
        .collect();
    // D wins from 5,600 on, and is contested from 7,200 on.
    let losses = |step: u64| {
        let (d_real, d_fake) = if (4_801..=6_400).contains(&step) { (0.99, 0.01) } else { (0.6, 0.4) };
        Losses { step, d_loss: 0.5, g_loss: 1.0, value: -1.0, d_real, d_fake }
    };
    let go = |watch: &mut Watch, steps: std::ops::RangeInclusive<u64>| {
        let mut said = Vec::new();
        for step in steps {
            let news = watch.step(&losses(step));
            let due = results.iter().find(|(at, _)| *at == step);
            if let Some((_, result)) = due {
                watch.evaluation(step, result);
            }
            if news || due.is_some() {
                said.extend(watch.findings(step));
            }
        }
        said
    };
    let whole = go(&mut watch(), 1..=8_000);
    let expected = [
        ("collapse", 4_000, None),
        ("collapse", 4_000, Some(5_000)),
        ("discriminator_wins", 5_600, None),
        ("discriminator_wins", 5_600, Some(7_200)),
    ];
    assert_eq!(facts(&whole), expected);
    // Taken over at any step, with what had been said when the first worker died, here or further on.
    for (said, died) in [(0, 3_500), (1, 4_500), (2, 5_300), (3, 6_000), (4, 8_000)] {
        for checkpoint in [1_500, 3_900, 4_700, 5_100, 5_900, 7_000] {
            if checkpoint > died {
                continue;
            }
            let mut findings = Vec::new();
            whole[..said].iter().for_each(|finding| health::note(&mut findings, finding.clone()));
            let past = Past {
                findings,
                evaluations: results.iter().filter(|(step, _)| *step <= checkpoint).cloned().collect(),
                losses: (Past::losses_from(&training(), checkpoint)..=checkpoint).map(losses).collect(),
            };
            let mut second = Watch::new(&training(), &past);
            assert_eq!(go(&mut second, checkpoint + 1..=8_000), whole[said..], "from {checkpoint}, died at {died}");
        }
    }
}

#[test]
fn what_a_takeover_does_not_find_again_is_withdrawn() {
    let finding = |step| Finding {
        kind: "collapse".to_owned(),
        severity: Severity::Critical,
        step,
        until_step: None,
        detail: String::new(),
    };
    let past = Past { findings: vec![finding(3_000)], ..Past::default() };
    let mut watch = Watch::new(&training(), &past);
    assert_eq!(evaluated(&mut watch, 2_000, &sound()), [], "it lies ahead");
    assert_eq!(facts(&evaluated(&mut watch, 3_000, &sound())), [("collapse", 3_000, Some(3_000))]);
    // After a rollback the steps ahead are others.
    let mut watch = Watch::new(&training(), &past);
    watch.forget_beyond(2_000);
    assert_eq!(evaluated(&mut watch, 3_000, &sound()), []);
}
