//! One diagnosis of D's answers and G's samples, and the advice that follows from it.

use super::duel::Duel;
use super::spread::Spread;
use crate::gan::spec::Training;
use crate::job::Diagnosis;

/// Where samples are narrow, D is what keeps G from more if D(x) − D(G(z)) is above this.
const STRONG: f64 = 0.8;
/// The same while another diagnosis of the two holds: a run between them keeps the one that it has.
const STRONG_FROM_COLLAPSE: f64 = 0.9;
const STRONG_STILL: f64 = 0.5;
/// D lags behind G where it is below this.
const LAGGING: f64 = 0.5;

/// What is wrong, if anything, where `held` was wrong before.
///
/// The gravest cause first. A D that has won leaves G nothing to learn from, whatever the samples look like; one that
/// tells nothing apart leads G nowhere, and that G makes little then says nothing new; a narrow G is a collapse unless a
/// strong D explains it; and only a G that has the data's spread can be said to copy it.
pub(super) fn of(duel: &Duel, spread: &Spread, held: Option<Diagnosis>) -> Option<Diagnosis> {
    if duel.is_won() {
        return Some(Diagnosis::DiscriminatorWins);
    }
    if duel.is_blind() && spread.is_poor() {
        return Some(Diagnosis::DiscriminatorWeak);
    }
    if spread.is_narrow() {
        let limit = match held {
            Some(Diagnosis::DiscriminatorWins) => STRONG_STILL,
            Some(Diagnosis::Collapse) => STRONG_FROM_COLLAPSE,
            _ => STRONG,
        };
        let strong = duel.last().is_some_and(|answers| answers.gap > limit);
        return Some(if strong { Diagnosis::DiscriminatorWins } else { Diagnosis::Collapse });
    }
    spread.copies().map(|_| Diagnosis::Memorizing)
}

/// The evidence for a diagnosis, and what to change.
pub(super) fn detail(diagnosis: Diagnosis, duel: &Duel, spread: &Spread, training: &Training) -> String {
    let answers = duel.in_words().unwrap_or_else(|| "D's answers are not known yet".to_owned());
    match diagnosis {
        Diagnosis::DiscriminatorWins => {
            let fewer = if training.discriminator_steps > 1 { "fewer discriminator_steps, " } else { "" };
            let narrow = if spread.is_narrow() { format!(" ({})", spread.signs()) } else { String::new() };
            format!(
                "G learns next to nothing: {answers}{narrow}. Give D less: {fewer}a lower learning rate, smaller initial \
                 weights, more dropout or instance_noise; or fork from an earlier checkpoint"
            )
        }
        Diagnosis::Collapse => {
            let lags = duel.last().is_some_and(|answers| answers.gap < LAGGING);
            let advice = if training.generator_steps > 1 {
                "G moves generator_steps times for each of D's, which makes it collapse: set it to 1"
            } else if lags {
                "D lags behind G: more discriminator_steps, a lower learning rate of G, or a larger batch_size"
            } else {
                "A larger batch_size, lower learning rates, or another seed may help"
            };
            format!(
                "G makes only a part of what there is (the paper's \"Helvetica scenario\"): {}; {answers}. {advice}; or \
                 fork from an earlier checkpoint",
                spread.signs()
            )
        }
        Diagnosis::DiscriminatorWeak => format!(
            "D tells nothing apart: {answers}, and yet {} and score no more than the untrained G's. Give D more: a higher \
             learning rate, larger initial weights, more discriminator_steps, less dropout or instance_noise",
            spread.reached()
        ),
        Diagnosis::Memorizing => {
            let (share, distance) = spread.copies().map_or((0.0, 0.0), |copies| (copies.share, copies.distance));
            format!(
                "{:.0} % of the samples lie within {distance:.3} of a training example, nearer than data that was held out: \
                 G copies what D has learned by heart. More training examples, more dropout in D, a smaller D, or an \
                 earlier end (evaluation.stop_when)",
                100.0 * share
            )
        }
    }
}
