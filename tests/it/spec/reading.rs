use super::read;
use gand::eval::Protocol;
use gand::gan::spec::{Activation, Init, LayerSpec, Momentum, OptimizerSpec, Update};
use gand::gan::{Spec, recipe};
use serde_json::json;

#[test]
fn a_dataset_alone_is_a_whole_spec() {
    let spec = read(json!({"dataset": "digits"})).unwrap();
    assert_eq!(spec.recipe, "digits");
    assert_eq!(spec.seed, 0);
    assert_eq!(spec.evaluation.parzen.validation_points, 150, "no more than the split has");
    assert_eq!(read(json!({"dataset": "gaussian-1d"})).unwrap().recipe, "toy-1d");
    assert_eq!(read(json!({"dataset": "ring-2d"})).unwrap().recipe, "toy-2d");
    assert_eq!(read(json!({"dataset": "mnist"})).unwrap().recipe, "modern");
}

#[test]
fn what_is_written_goes_over_the_recipe() {
    let written = json!({
        "dataset": "mnist", "recipe": "paper-mnist", "seed": 7,
        "training": {"steps": 5000, "optimizer": {"learning_rate": 0.05}},
        "model": {"discriminator": {"layers": [{"type": "maxout", "units": 10}]}}
    });
    let spec = read(written).unwrap();
    assert_eq!((spec.seed, spec.training.steps, spec.training.update), (7, 5000, Update::Simultaneous));
    let OptimizerSpec::Sgd { learning_rate, decay, .. } = spec.training.optimizer else { panic!("{spec:?}") };
    assert_eq!((learning_rate, decay), (0.05, 1.000_004), "an object's other fields stay the recipe's");
    let layer = LayerSpec::Maxout { units: 10, pieces: 5, init: Init::Glorot, dropout: 0.0, max_norm: None };
    assert_eq!(spec.model.discriminator.layers, [layer], "arrays are replaced whole");
    assert_eq!(spec.model.generator.layers.len(), 2);
}

#[test]
fn another_type_of_optimizer_inherits_nothing() {
    let written = json!({"dataset": "mnist", "recipe": "fast", "training": {"optimizer": {"type": "adam", "learning_rate": 0.001}}});
    let adam = OptimizerSpec::adam(0.001);
    assert_eq!(read(written).unwrap().training.optimizer, adam);
}

#[test]
fn the_generator_may_descend_in_a_way_of_its_own() {
    let adam = OptimizerSpec::adam;
    let written = |own: serde_json::Value| json!({"dataset": "mnist", "recipe": "fast", "training": {"optimizer": {"type": "adam"}, "generator_optimizer": own}});
    let both = read(written(json!(null))).unwrap().training;
    assert_eq!((both.generator_optimizer, *both.optimizer_of_generator()), (None, adam(2e-4)));
    let own = read(written(json!({"type": "adam", "learning_rate": 1e-3}))).unwrap().training;
    assert_eq!((own.optimizer, *own.optimizer_of_generator()), (adam(2e-4), adam(1e-3)));
    let faults = read(written(json!({"learning_rate": 0}))).unwrap_err();
    assert_eq!(faults[0].pointer, "/training/generator_optimizer/type");

    let modern = read(json!({"dataset": "mnist", "recipe": "modern"})).unwrap().training;
    assert!(matches!(modern.optimizer, OptimizerSpec::Adam { learning_rate: 5e-4, min_learning_rate: 2e-4, .. }));
    assert_eq!(*modern.optimizer_of_generator(), adam(1e-3));
    let shown = serde_json::to_value(&modern).unwrap();
    assert_eq!(shown["generator_optimizer"]["learning_rate"], json!(0.001));
    // What the recipe has for G alone goes with the optimiser that it was chosen for.
    let sgd = json!({"type": "sgd", "learning_rate": 0.1});
    let both = read(json!({"dataset": "mnist", "recipe": "modern", "training": {"optimizer": sgd}})).unwrap().training;
    assert_eq!(both.generator_optimizer, None);
}

#[test]
fn a_stored_spec_reads_as_itself() {
    for recipe in recipe::all() {
        let dataset = recipe.datasets.first().copied().unwrap_or("mnist");
        if super::facts_of(dataset).is_none() {
            continue;
        }
        let spec = read(json!({"dataset": dataset, "recipe": recipe.name})).unwrap();
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec, "serde");
        assert_eq!(read(serde_json::from_str(&text).unwrap()).unwrap(), spec, "read_spec");
    }
}

#[test]
fn numbers_are_shown_as_they_were_typed() {
    let spec = read(json!({"dataset": "mnist", "recipe": "paper-mnist"})).unwrap();
    let shown = serde_json::to_value(&spec).unwrap();
    assert_eq!(shown["training"]["optimizer"]["learning_rate"], json!(0.1));
    assert_eq!(shown["training"]["optimizer"]["min_learning_rate"], json!(1e-6));
    assert_eq!(shown["model"]["discriminator"]["layers"][0]["init"]["range"], json!(0.005));
}

#[test]
fn short_forms_stand_for_the_long_ones() {
    let layers = json!([
        {"type": "linear", "units": 4, "init": "he"},
        {"type": "linear", "units": 4, "init": 0.05, "activation": "tanh"},
        {"type": "linear", "units": 4, "init": {"type": "glorot"}, "bias": -2}
    ]);
    let written = json!({
        "dataset": "mnist", "recipe": "paper-mnist",
        "model": {"generator": {"layers": layers, "output_init": "glorot"}},
        "training": {"optimizer": {"momentum": 0.9}},
        "evaluation": {"parzen": {"bandwidth_grid": "fine"}}
    });
    let spec = read(written).unwrap();
    let linear = |activation, init, bias| LayerSpec::Linear {
        units: 4,
        activation,
        init,
        bias,
        dropout: 0.0,
        max_norm: None,
        batch_norm: false,
    };
    assert_eq!(
        spec.model.generator.layers,
        [
            linear(Activation::Relu, Init::He, 0.0),
            linear(Activation::Tanh, Init::Uniform { range: 0.05 }, 0.0),
            linear(Activation::Relu, Init::Glorot, -2.0),
        ]
    );
    assert_eq!(spec.model.generator.output_init, Init::Glorot);
    let OptimizerSpec::Sgd { momentum, .. } = spec.training.optimizer else { panic!("{spec:?}") };
    assert_eq!(momentum, Momentum { start: 0.9, end: 0.9, from_epoch: 1, until_epoch: 1 });
    assert_eq!(spec.evaluation.parzen.bandwidth_grid.len(), 40);
}

#[test]
fn a_grids_name_stands_for_the_protocols_bandwidths() {
    for protocol in [Protocol::goodfellow2014(), Protocol::fine()] {
        let written = json!({"dataset": "mnist", "evaluation": {"parzen": {"bandwidth_grid": protocol.name}}});
        assert_eq!(read(written).unwrap().evaluation.parzen.bandwidth_grid, protocol.bandwidth_grid);
    }
}

#[test]
fn whole_numbers_may_be_written_as_floats() {
    let spec = read(json!({"dataset": "mnist", "training": {"steps": 2e3, "batch_size": 50.0}})).unwrap();
    assert_eq!((spec.training.steps, spec.training.batch_size), (2000, 50));
}

#[test]
fn plans_follow_the_number_of_steps() {
    let spec = |steps: u64| read(json!({"dataset": "mnist", "training": {"steps": steps}})).unwrap();
    assert_eq!(spec(200).checkpoint.every, 200);
    assert_eq!(spec(200).evaluation.every, 40);
    assert_eq!(spec(50_000).checkpoint.every, 1000);
    assert_eq!(spec(50_000).evaluation.every, 5000);
}

#[test]
fn a_recipe_takes_a_minibatch_that_a_small_dataset_has() {
    assert_eq!(read(json!({"dataset": "tiny"})).unwrap().training.batch_size, 30);
}
