use super::{facts_of, read};
use gand::gan::recipe;
use gand::gan::spec::{
    Activation, Init, Latent, LayerSpec, Momentum, Objective, OptimizerSpec, Output, OutputBias, Prior, Update,
};
use serde_json::json;

/// Each fact as the published code has it: goodfeli/adversarial, `mnist.yaml` and `__init__.py`.
#[test]
fn paper_mnist_is_the_published_recipe_to_the_letter() {
    let spec = read(json!({"dataset": "mnist", "recipe": "paper-mnist"})).unwrap();

    let (model, training) = (&spec.model, &spec.training);
    assert_eq!(model.latent, Latent { dim: 100, prior: Prior::Uniform }, "noise: uniform(−√3, √3), dim 100");

    // G: RectifiedLinear 1200, irange .05, twice; Sigmoid 784, irange .05, bias from the pixel means.
    let rectified = LayerSpec::Linear {
        units: 1200,
        activation: Activation::Relu,
        init: Init::Uniform { range: 0.05 },
        bias: 0.0,
        dropout: 0.0,
        max_norm: None,
        batch_norm: false,
    };
    assert_eq!(model.generator.layers, [rectified.clone(), rectified]);
    assert_eq!(model.generator.output, Output::Sigmoid);
    assert_eq!(model.generator.output_init, Init::Uniform { range: 0.05 });
    assert_eq!(model.generator.output_bias, OutputBias::DataMean);

    // D: Maxout 240 units of 5 pieces, irange .005, twice; Sigmoid 1, irange .005. Dropout: the input is kept with
    // probability .8, the inputs of both later layers with .5.
    let maxout =
        LayerSpec::Maxout { units: 240, pieces: 5, init: Init::Uniform { range: 0.005 }, dropout: 0.5, max_norm: None };
    assert_eq!(model.discriminator.layers, [maxout.clone(), maxout]);
    assert_eq!(model.discriminator.input_dropout, 0.2);
    assert_eq!(model.discriminator.output_init, Init::Uniform { range: 0.005 });

    assert_eq!(training.batch_size, 100);
    assert_eq!(training.discriminator_steps, 1);
    assert_eq!(training.update, Update::Simultaneous, "one SGD call takes both gradients at the old parameters");
    assert_eq!(training.objective, Objective::NonSaturating);
    assert_eq!(training.real_label, 1.0, "hard labels");
    assert_eq!(training.ema, None);
    let momentum = Momentum { start: 0.5, end: 0.7, from_epoch: 1, until_epoch: 250 };
    let sgd = OptimizerSpec::Sgd { learning_rate: 0.1, decay: 1.000_004, min_learning_rate: 1e-6, momentum };
    assert_eq!(training.optimizer, sgd);

    // parzen_ll.py: 10,000 samples, the first 1,000 validation images, ten bandwidths of logspace(−1, 0).
    let parzen = &spec.evaluation.parzen;
    assert_eq!((parzen.samples, parzen.validation_points), (10_000, 1000));
    assert_eq!(parzen.bandwidth_grid.len(), 10);
    for (index, bandwidth) in (0..10).zip(&parzen.bandwidth_grid) {
        let expected = 10.0_f64.powf(f64::from(index) / 9.0 - 1.0);
        assert!((bandwidth / expected - 1.0).abs() < 1e-12, "{bandwidth} is not {expected}");
    }
}

#[test]
fn every_recipe_reads_for_the_datasets_it_was_made_for() {
    for recipe in recipe::all() {
        assert!(!recipe.title.is_empty());
        for dataset in recipe.datasets.iter().filter(|name| facts_of(name).is_some()).chain(&["mnist"]).take(1) {
            let spec = read(json!({"dataset": dataset, "recipe": recipe.name})).unwrap();
            assert_eq!(spec.recipe, recipe.name);
        }
    }
}

#[test]
fn names_of_recipes_are_unique() {
    let mut names: Vec<_> = recipe::all().iter().map(|recipe| recipe.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), recipe::all().len());
}
