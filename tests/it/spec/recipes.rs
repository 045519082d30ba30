use super::{facts_of, read};
use gand::gan::recipe;
use gand::gan::spec::{
    Activation, Init, Latent, LayerSpec, Momentum, Objective, OptimizerSpec, Output, OutputBias, OutputLayer, Prior,
    Training, Update,
};
use gand::gan::{discriminator, generator};
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

/// What `mnist.yaml` and the others have in common.
fn assert_published(training: &Training, batch_size: usize, learning_rate: f32) {
    assert_eq!((training.batch_size, training.discriminator_steps), (batch_size, 1));
    assert_eq!((training.update, training.objective), (Update::Simultaneous, Objective::NonSaturating));
    assert_eq!((training.real_label, training.ema, training.instance_noise), (1.0, None, None));
    let momentum = Momentum { start: 0.5, end: 0.7, from_epoch: 1, until_epoch: 250 };
    let sgd = OptimizerSpec::Sgd { learning_rate, decay: 1.000_004, min_learning_rate: 1e-6, momentum };
    assert_eq!(training.optimizer, sgd);
}

fn uniform(range: f32) -> Init {
    Init::Uniform { range }
}

fn linear(units: usize, activation: Activation, bias: f32, max_norm: Option<f32>) -> LayerSpec {
    LayerSpec::Linear { units, activation, init: uniform(0.05), bias, dropout: 0.0, max_norm, batch_norm: false }
}

fn maxout(units: usize, max_norm: Option<f32>) -> LayerSpec {
    LayerSpec::Maxout { units, pieces: 5, init: uniform(0.005), dropout: 0.5, max_norm }
}

/// goodfeli/adversarial, `tfd_pretrain/pretrain.yaml`.
#[test]
fn paper_tfd_is_the_published_recipe_to_the_letter() {
    let spec = read(json!({"dataset": "tfd", "recipe": "paper-tfd"})).unwrap();
    assert_published(&spec.training, 100, 0.05);
    let (generator, discriminator) = (&spec.model.generator, &spec.model.discriminator);
    assert_eq!(spec.model.latent, Latent { dim: 100, prior: Prior::Gaussian });
    let limit = Some(1.9365);
    let layers = [linear(8000, Activation::Relu, 0.0, limit), linear(8000, Activation::Sigmoid, -2.0, limit)];
    assert_eq!(generator.layers, layers);
    assert_eq!((generator.output, generator.output_init), (Output::Sigmoid, Init::Sparse { nonzero: 100 }));
    assert_eq!((generator.output_bias, generator.output_max_norm), (OutputBias::DataMean, limit));
    assert_eq!(generator.output_layer, OutputLayer::Linear);
    assert_eq!(discriminator.input_dropout, 0.2);
    assert_eq!(discriminator.layers, [maxout(1200, limit), maxout(1200, limit)]);
    assert_eq!((discriminator.output_init, discriminator.output_max_norm), (uniform(0.005), limit));
}

/// goodfeli/adversarial, `tfd_pretrain/train.yaml`.
#[test]
fn paper_tfd_2_puts_a_new_bottom_under_the_first_stage() {
    let first = read(json!({"dataset": "tfd", "recipe": "paper-tfd"})).unwrap();
    let spec = read(json!({"dataset": "tfd", "recipe": "paper-tfd-2"})).unwrap();
    assert_published(&spec.training, 100, 0.05);
    let layers = &spec.model.generator.layers;
    let limit = Some(1.9365);
    let bottom = [linear(8000, Activation::Relu, 0.0, limit), linear(100, Activation::Sigmoid, -2.0, limit)];
    assert_eq!(layers[..2], bottom);
    assert_eq!(layers[2..], first.model.generator.layers);
    assert_eq!(spec.model.discriminator, first.model.discriminator);
    assert_eq!(spec.model.latent, first.model.latent);
}

/// goodfeli/adversarial, `cifar10_fully_connected.yaml`.
#[test]
fn paper_cifar10_dense_is_the_published_recipe_to_the_letter() {
    let spec = read(json!({"dataset": "cifar10", "recipe": "paper-cifar10-dense"})).unwrap();
    assert_published(&spec.training, 100, 0.025);
    assert_eq!(spec.model.contrast.map(|contrast| contrast.scale), Some(55.0));
    let (generator, discriminator) = (&spec.model.generator, &spec.model.discriminator);
    assert_eq!(spec.model.latent, Latent { dim: 100, prior: Prior::Gaussian });
    let layers = [linear(8000, Activation::Relu, 0.0, None), linear(8000, Activation::Sigmoid, 0.0, None)];
    assert_eq!(generator.layers, layers);
    assert_eq!((generator.output, generator.output_init), (Output::Linear, uniform(0.5)));
    assert_eq!((generator.output_bias, generator.output_max_norm), (OutputBias::Zero, None));
    assert_eq!(generator.output_layer, OutputLayer::Linear);
    assert_eq!(discriminator.input_dropout, 0.2);
    assert_eq!(discriminator.layers, [maxout(1600, None), maxout(1600, None)]);
    assert_eq!((discriminator.output_init, discriminator.output_max_norm), (uniform(0.005), None));
}

/// goodfeli/adversarial, `cifar10_convolutional.yaml`; the shapes are pylearn2's.
#[test]
fn paper_cifar10_conv_is_the_published_recipe_to_the_letter() {
    let spec = read(json!({"dataset": "cifar10", "recipe": "paper-cifar10-conv"})).unwrap();
    assert_published(&spec.training, 128, 0.004);
    assert_eq!(spec.model.contrast.map(|contrast| contrast.scale), Some(55.0));
    let (generator, discriminator) = (&spec.model.generator, &spec.model.discriminator);
    assert_eq!(spec.model.latent, Latent { dim: 100, prior: Prior::Gaussian });
    let layers = [linear(8000, Activation::Relu, 0.0, None), linear(8000, Activation::Sigmoid, 0.0, None)];
    assert_eq!(generator.layers, layers);
    let deconv = OutputLayer::ConvTranspose2d {
        kernel: 5,
        stride: 3,
        padding: 0,
        input_shape: Some([10, 10, 80]),
        untied_bias: true,
    };
    assert_eq!(generator.output_layer, deconv);
    assert_eq!((generator.output, generator.output_init), (Output::Linear, uniform(0.05)));
    assert_eq!((generator.output_bias, generator.output_max_norm), (OutputBias::Zero, None));

    let conv = |channels, kernel, padding, pool| LayerSpec::ConvMaxout {
        channels,
        pieces: 2,
        kernel,
        padding,
        pool,
        pool_stride: 2,
        init: uniform(0.005),
        dropout: 0.5,
        max_norm: None,
    };
    assert_eq!(discriminator.input_dropout, 0.2);
    assert_eq!(discriminator.layers, [conv(32, 8, 4, 4), conv(32, 8, 3, 4), conv(192, 5, 3, 2), maxout(500, None)]);
    assert_eq!((discriminator.output_init, discriminator.output_max_norm), (uniform(0.005), None));

    let shape = facts_of("cifar10").unwrap().shape;
    let sides = |layers: Vec<gand::gan::layers::Layer>| layers.iter().map(|layer| layer.output).collect::<Vec<_>>();
    assert_eq!(
        sides(discriminator::layers(&spec.model, shape).unwrap()),
        [[16, 16, 32], [7, 7, 32], [5, 5, 192], [1, 1, 500], [1, 1, 1]]
    );
    assert_eq!(sides(generator::layers(&spec.model, shape).unwrap()), [[1, 1, 8000], [1, 1, 8000], [32, 32, 3]]);
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
