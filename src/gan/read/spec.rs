//! Reading a whole spec.

use super::fault::{Fault, Faults};
use super::fields::{Fields, describe};
use super::merge::merge;
use super::model::read_model;
use super::plans::{read_checkpoint_plan, read_evaluation_plan};
use super::training::read_training;
use super::{DataFacts, fault};
use crate::data::synthetic::Synthetic;
use crate::gan::recipe::{self, Recipe};
use crate::gan::spec::{
    Activation, CheckpointPlan, EvaluationPlan, LayerSpec, Metric, Model, OnCollapse, OnDivergence, Spec, Training,
};
use serde_json::{Map, Value};

/// What a JSON number holds exactly in every client.
const MAX_SEED: u64 = (1 << 53) - 1;

const ON_DIVERGENCE: &[(&str, OnDivergence)] = &[("fail", OnDivergence::Fail), ("rollback", OnDivergence::Rollback)];

const ON_COLLAPSE: &[(&str, OnCollapse)] =
    &[("continue", OnCollapse::Continue), ("stop", OnCollapse::Stop), ("restart", OnCollapse::Restart)];

/// Reads a spec: the recipe's settings with the user's fields over them. Unknown fields are faults. The fields of the
/// job itself (`name`, `tags`, `priority`, `from`) must have been taken out. `facts_of` knows the datasets by name.
///
/// # Errors
///
/// Every fault of the spec, in the order of its fields.
pub fn read_spec(written: &Value, facts_of: &dyn Fn(&str) -> Option<DataFacts>) -> Result<Spec, Vec<Fault>> {
    let faults = Faults::default();
    let Some(object) = written.as_object() else {
        let detail = format!("expected an object, not {}", describe(written));
        return Err(vec![Fault { pointer: String::new(), detail }]);
    };
    let (dataset, facts) = read_dataset(object, facts_of, &faults);
    let recipe = read_recipe(object, &dataset, facts.as_ref(), &faults);
    let mut settings = recipe.settings();
    forget_generators_optimizer(&mut settings, written);
    let mut settings = merge(settings, written);
    forget_penalty(&mut settings, written);
    if let Some(facts) = facts.filter(|_| written.pointer("/training/batch_size").is_none()) {
        fit_batch(&mut settings, &facts);
    }

    let mut fields = Fields::open(&settings, String::new(), &faults);
    fields.raw("dataset");
    fields.raw("recipe");
    let seed = fields.integer("seed", 0..=MAX_SEED, Some(0));
    let model = read_model(fields.object("model"), facts.as_ref(), &faults);
    let training = read_training(fields.object("training"), facts.as_ref(), &faults);
    check_regularizer(&model, &training, &faults);
    let checkpoint = read_checkpoint_plan(fields.object("checkpoint"), training.steps);
    let evaluation = read_evaluation_plan(fields.object("evaluation"), training.steps, facts.as_ref(), &faults);
    check_metric(&checkpoint, &evaluation, &dataset, &faults);
    let on_divergence = fields.word("on_divergence", ON_DIVERGENCE, OnDivergence::Fail);
    let on_collapse = fields.word("on_collapse", ON_COLLAPSE, OnCollapse::Continue);
    fields.finish();

    let recipe = recipe.name.to_owned();
    faults.unless_any(Spec {
        dataset,
        recipe,
        seed,
        model,
        training,
        checkpoint,
        evaluation,
        on_divergence,
        on_collapse,
    })
}

/// Whether the gradient of a penalty can be computed: of layers that are linear but for kinks.
fn check_regularizer(model: &Model, training: &Training, faults: &Faults) {
    if training.regularizer.is_none() {
        return;
    }
    for (index, layer) in model.discriminator.layers.iter().enumerate() {
        let (field, what) = match layer {
            LayerSpec::Linear { activation, .. }
            | LayerSpec::Conv2d { activation, .. }
            | LayerSpec::ConvTranspose2d { activation, .. }
                if matches!(activation, Activation::Sigmoid | Activation::Tanh) =>
            {
                ("activation", "its slope changes with its input")
            }
            LayerSpec::ConvMaxout { .. } => ("type", "its winners over pools are not followed"),
            _ => continue,
        };
        let detail = format!(
            "training.regularizer needs a discriminator of relu, leaky_relu, linear and maxout layers: {what}; take \
             another, or no regularizer"
        );
        faults.note(format!("/model/discriminator/layers/{index}/{field}"), detail);
    }
}

/// Whether evaluations will have the number that the best is best by.
fn check_metric(checkpoint: &CheckpointPlan, evaluation: &EvaluationPlan, dataset: &str, faults: &Faults) {
    let known_density = Synthetic::by_name(dataset).is_some();
    let missing = match checkpoint.best_by {
        Metric::LogLikelihood => None,
        Metric::Divergence if known_density => None,
        Metric::Divergence => {
            Some("the divergence can be computed where the data's density is known, and nowhere else")
        }
        Metric::Coverage | Metric::Density | Metric::Frechet if !evaluation.quality => {
            Some("it is part of an evaluation's \"quality\", which is off")
        }
        Metric::Frechet if known_density => Some("there is no classifier for points that are no images"),
        Metric::Coverage | Metric::Density | Metric::Frechet => None,
    };
    if let Some(detail) = missing {
        faults.note("/checkpoint/best_by", detail);
    }
}

fn read_dataset(
    written: &Map<String, Value>,
    facts_of: &dyn Fn(&str) -> Option<DataFacts>,
    faults: &Faults,
) -> (String, Option<DataFacts>) {
    let pointer = fault::join("", "dataset");
    match written.get("dataset") {
        Some(Value::String(name)) => {
            let facts = facts_of(name);
            if facts.is_none() {
                faults.note(pointer, format!("there is no dataset {name:?}; GET /datasets lists those there are"));
            }
            (name.clone(), facts)
        }
        Some(other) => {
            faults.note(pointer, format!("expected the name of a dataset, not {}", describe(other)));
            (String::new(), None)
        }
        None => {
            faults.note(pointer, "missing: the name of the dataset to train on");
            (String::new(), None)
        }
    }
}

/// The recipe asked for, or the one that suits the dataset.
fn read_recipe(
    written: &Map<String, Value>,
    dataset: &str,
    facts: Option<&DataFacts>,
    faults: &Faults,
) -> &'static Recipe {
    let suiting = recipe::suiting(dataset, facts.map(|facts| facts.shape));
    let pointer = fault::join("", "recipe");
    match written.get("recipe") {
        None => suiting,
        Some(Value::String(name)) => recipe::find(name).unwrap_or_else(|| {
            let names: Vec<_> = recipe::all().iter().map(|recipe| recipe.name).collect();
            faults.note(pointer, format!("there is no recipe {name:?}; expected one of {}", names.join(", ")));
            suiting
        }),
        Some(other) => {
            faults.note(pointer, format!("expected the name of a recipe, not {}", describe(other)));
            suiting
        }
    }
}

/// An optimiser of another type than the recipe's is for both players: what the recipe has for G alone went with its own.
fn forget_generators_optimizer(settings: &mut Value, written: &Value) {
    const TYPE: &str = "/training/optimizer/type";
    let replaced = written.pointer(TYPE).is_some_and(|written| settings.pointer(TYPE) != Some(written));
    if let Some(training) = settings.get_mut("training").and_then(Value::as_object_mut).filter(|_| replaced) {
        training.remove("generator_optimizer");
    }
}

/// A recipe's penalty goes with its own layers of D: where others are written that cannot have it, it is not asked for.
fn forget_penalty(settings: &mut Value, written: &Value) {
    let cannot = |layer: &Value| {
        layer["type"] == "conv_maxout" || matches!(layer["activation"].as_str(), Some("sigmoid" | "tanh"))
    };
    let layers = written.pointer("/model/discriminator/layers").and_then(Value::as_array);
    let asked = written.pointer("/training/regularizer").is_some();
    if !asked
        && layers.is_some_and(|layers| layers.iter().any(cannot))
        && let Some(training) = settings.get_mut("training").and_then(Value::as_object_mut)
    {
        training.remove("regularizer");
    }
}

/// A recipe's minibatch is no larger than a small dataset.
fn fit_batch(settings: &mut Value, facts: &DataFacts) {
    if let Some(batch) = settings.pointer_mut("/training/batch_size")
        && batch.as_u64().and_then(|batch| usize::try_from(batch).ok()).is_some_and(|batch| batch > facts.train)
    {
        *batch = facts.train.max(1).into();
    }
}
