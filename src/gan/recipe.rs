//! Recipes: named settings that a spec starts from.
//!
//! Those that begin with `paper-` are the published code's, to the letter (goodfeli/adversarial, its yaml files). The others
//! are gand's own, chosen by measurement.

use crate::data::Shape;
use serde_json::{Value, json};

/// Named settings.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Its name in a spec.
    pub name: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
    /// The datasets it was made for; none for any images.
    pub datasets: &'static [&'static str],
    settings: fn() -> Value,
}

impl Recipe {
    /// Its settings in the form of a spec: `model`, `training`, and where it has a say `checkpoint` and `evaluation`.
    #[must_use]
    pub fn settings(&self) -> Value {
        (self.settings)()
    }
}

/// Every recipe.
#[must_use]
pub fn all() -> &'static [Recipe] {
    RECIPES
}

/// The recipe of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.name == name)
}

/// The recipe for a dataset, when its user names none. `shape` is that of its points, if there is such a dataset.
#[must_use]
pub fn suiting(dataset: &str, shape: Option<Shape>) -> &'static Recipe {
    match (dataset, shape) {
        ("digits", _) => &DIGITS,
        ("gaussian-1d" | "mixture-1d", _) => &TOY_1D,
        ("ring-2d" | "grid-2d", _) => &TOY_2D,
        (_, Some(shape)) if !shape.is_image() => &TOY_2D,
        _ => &MODERN,
    }
}

static RECIPES: &[Recipe] = &[
    PAPER_MNIST,
    PAPER_TFD,
    PAPER_TFD_2,
    PAPER_CIFAR10_DENSE,
    PAPER_CIFAR10_CONV,
    MODERN,
    FAST,
    DIGITS,
    TOY_1D,
    TOY_2D,
];

const PAPER_MNIST: Recipe = Recipe {
    name: "paper-mnist",
    title: "The paper's MNIST networks and settings, from the published code",
    datasets: &["mnist"],
    settings: paper_mnist,
};

const PAPER_TFD: Recipe = Recipe {
    name: "paper-tfd",
    title: "The paper's networks for the Toronto Face Database, from the published code (its first stage)",
    datasets: &["tfd"],
    settings: paper_tfd,
};

const PAPER_TFD_2: Recipe = Recipe {
    name: "paper-tfd-2",
    title: "The second stage of paper-tfd: a new bottom of G under that of a job of it, which `from` names",
    datasets: &["tfd"],
    settings: paper_tfd_2,
};

const PAPER_CIFAR10_DENSE: Recipe = Recipe {
    name: "paper-cifar10-dense",
    title: "The paper's dense networks for CIFAR-10, from the published code",
    datasets: &["cifar10"],
    settings: paper_cifar10_dense,
};

const PAPER_CIFAR10_CONV: Recipe = Recipe {
    name: "paper-cifar10-conv",
    title: "The paper's convolutional networks for CIFAR-10, from the published code",
    datasets: &["cifar10"],
    settings: paper_cifar10_conv,
};

const MODERN: Recipe = Recipe {
    name: "modern",
    title: "Small networks, Adam on two time scales, a gradient penalty at the start and a long average of G's weights: the most for a minute of processor",
    datasets: &[],
    settings: modern,
};

const FAST: Recipe = Recipe {
    name: "fast",
    title: "The paper's networks at a third of their width, by gradient descent, with an average of G's weights",
    datasets: &[],
    settings: fast,
};

const DIGITS: Recipe = Recipe {
    name: "digits",
    title: "Small networks for the built-in 8×8 digits: recognisable within a minute",
    datasets: &["digits"],
    settings: digits,
};

const TOY_1D: Recipe = Recipe {
    name: "toy-1d",
    title: "A density on the line, learned in seconds",
    datasets: &["gaussian-1d", "mixture-1d"],
    settings: toy_1d,
};

const TOY_2D: Recipe = Recipe {
    name: "toy-2d",
    title: "A density in the plane, learned in a minute",
    datasets: &["ring-2d", "grid-2d"],
    settings: toy_2d,
};

/// `mnist.yaml`: uniform noise, two rectified layers of 1,200, two maxout layers of 240 × 5; simultaneous updates.
/// The published run has no last step and keeps no average of the weights.
fn paper_mnist() -> Value {
    let rectified = json!({"type": "linear", "units": 1200, "activation": "relu", "init": 0.05});
    let maxout = json!({"type": "maxout", "units": 240, "pieces": 5, "init": 0.005, "dropout": 0.5});
    json!({
        "model": {
            "latent": {"dim": 100, "prior": "uniform"},
            "generator": {
                "layers": [rectified, rectified],
                "output": "sigmoid", "output_init": {"type": "uniform", "range": 0.05}, "output_bias": "data_mean"
            },
            "discriminator": {
                "input_dropout": 0.2,
                "layers": [maxout, maxout],
                "output_init": {"type": "uniform", "range": 0.005}
            }
        },
        "training": {
            "steps": 50_000, "batch_size": 100, "discriminator_steps": 1,
            "update": "simultaneous", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": published_sgd(0.1),
            "ema": null
        }
    })
}

/// `tfd_pretrain/pretrain.yaml`: 50 epochs of its unlabelled faces, some 98,000.
fn paper_tfd() -> Value {
    let limit = 1.9365;
    let maxout =
        json!({"type": "maxout", "units": 1200, "pieces": 5, "init": 0.005, "dropout": 0.5, "max_norm": limit});
    json!({
        "model": {
            "latent": {"dim": 100, "prior": "gaussian"},
            "generator": {
                "layers": [
                    {"type": "linear", "units": 8000, "activation": "relu", "init": 0.05, "max_norm": limit},
                    {"type": "linear", "units": 8000, "activation": "sigmoid", "init": 0.05, "bias": -2.0,
                        "max_norm": limit}
                ],
                "output": "sigmoid", "output_init": {"type": "sparse", "nonzero": 100}, "output_bias": "data_mean",
                "output_max_norm": limit
            },
            "discriminator": {
                "input_dropout": 0.2,
                "layers": [maxout, maxout],
                "output_init": {"type": "uniform", "range": 0.005}, "output_max_norm": limit
            }
        },
        "training": {
            "steps": 49_000, "batch_size": 100, "discriminator_steps": 1,
            "update": "simultaneous", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": published_sgd(0.05),
            "ema": null
        }
    })
}

/// `tfd_pretrain/train.yaml`: 22 epochs with two new layers of G under all of the first stage's, and a new D. To be forked
/// from a job of `paper-tfd`, whose weights the upper layers take.
fn paper_tfd_2() -> Value {
    let limit = 1.9365;
    let mut settings = paper_tfd();
    if let Some(layers) = settings["model"]["generator"]["layers"].as_array_mut() {
        let bottom = [
            json!({"type": "linear", "units": 8000, "activation": "relu", "init": 0.05, "max_norm": limit}),
            json!({"type": "linear", "units": 100, "activation": "sigmoid", "init": 0.05, "bias": -2.0, "max_norm": limit}),
        ];
        layers.splice(0..0, bottom);
    }
    settings["training"]["steps"] = json!(21_560);
    settings
}

/// `cifar10_fully_connected.yaml`. The published run has no last step; this one has a hundred epochs.
fn paper_cifar10_dense() -> Value {
    let maxout = json!({"type": "maxout", "units": 1600, "pieces": 5, "init": 0.005, "dropout": 0.5});
    json!({
        "model": {
            "contrast": published_contrast(),
            "latent": {"dim": 100, "prior": "gaussian"},
            "generator": {
                "layers": [
                    {"type": "linear", "units": 8000, "activation": "relu", "init": 0.05},
                    {"type": "linear", "units": 8000, "activation": "sigmoid", "init": 0.05}
                ],
                "output": "linear", "output_init": {"type": "uniform", "range": 0.5}, "output_bias": "zero"
            },
            "discriminator": {
                "input_dropout": 0.2,
                "layers": [maxout, maxout],
                "output_init": {"type": "uniform", "range": 0.005}
            }
        },
        "training": {
            "steps": 40_000, "batch_size": 100, "discriminator_steps": 1,
            "update": "simultaneous", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": published_sgd(0.025),
            "ema": null
        }
    })
}

/// `cifar10_convolutional.yaml`. The published run has no last step; this one has a hundred epochs.
fn paper_cifar10_conv() -> Value {
    let maxout = |channels: usize, kernel: usize, padding: usize, pool: usize| {
        json!({
            "type": "conv_maxout", "channels": channels, "pieces": 2, "kernel": kernel, "padding": padding,
            "pool": pool, "pool_stride": 2, "init": 0.005, "dropout": 0.5
        })
    };
    json!({
        "model": {
            "contrast": published_contrast(),
            "latent": {"dim": 100, "prior": "gaussian"},
            "generator": {
                "layers": [
                    {"type": "linear", "units": 8000, "activation": "relu", "init": 0.05},
                    {"type": "linear", "units": 8000, "activation": "sigmoid", "init": 0.05}
                ],
                "output_layer": {
                    "type": "conv_transpose2d", "kernel": 5, "stride": 3, "padding": 0, "input_shape": [10, 10, 80],
                    "untied_bias": true
                },
                "output": "linear", "output_init": {"type": "uniform", "range": 0.05}, "output_bias": "zero"
            },
            "discriminator": {
                "input_dropout": 0.2,
                "layers": [
                    maxout(32, 8, 4, 4),
                    maxout(32, 8, 3, 4),
                    maxout(192, 5, 3, 2),
                    {"type": "maxout", "units": 500, "pieces": 5, "init": 0.005, "dropout": 0.5}
                ],
                "output_init": {"type": "uniform", "range": 0.005}
            }
        },
        "training": {
            "steps": 31_200, "batch_size": 128, "discriminator_steps": 1,
            "update": "simultaneous", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": published_sgd(0.004),
            "ema": null
        }
    })
}

/// pylearn2's `gcn: 55.`; the mean and the deviation that samples are shown with are those of CIFAR-10's training images.
fn published_contrast() -> Value {
    json!({"scale": 55.0, "mean": 0.474, "deviation": 0.211})
}

/// The published schedules: the learning rate falls by 1.000004 a minibatch, momentum grows over 250 epochs.
fn published_sgd(learning_rate: f64) -> Value {
    json!({
        "type": "sgd", "learning_rate": learning_rate, "decay": 1.000_004, "min_learning_rate": 1e-6,
        "momentum": {"start": 0.5, "end": 0.7, "from_epoch": 1, "until_epoch": 250}
    })
}

/// Adam with the β₁ that GANs are trained with (Radford et al., 2016).
fn gan_adam(learning_rate: f64) -> Value {
    json!({"type": "adam", "learning_rate": learning_rate, "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-8})
}

/// Found by search on MNIST (docs/results.md). What matters: D keeps up with G while both are young, for where it lags G makes
/// a few things only, and then D wins for good; so its rate begins at half of G's and falls to a fifth, and until step 3,000 a
/// gradient penalty that fades keeps it from winning at the start. Little dropout; an average over five times as many updates as
/// the other recipes'. D's leaks let its gradient reach G from everywhere.
fn modern() -> Value {
    let rectified = json!({"type": "linear", "units": 512, "activation": "relu", "init": "he"});
    let leaky = |units: usize| json!({"type": "linear", "units": units, "activation": "leaky_relu", "init": "he", "dropout": 0.1});
    let mut falling = gan_adam(5e-4);
    (falling["decay"], falling["min_learning_rate"]) = (json!(1.0001), json!(2e-4));
    json!({
        "model": {
            "latent": {"dim": 100, "prior": "uniform"},
            "generator": {
                "layers": [rectified, rectified],
                "output": "sigmoid", "output_init": {"type": "uniform", "range": 0.05}, "output_bias": "data_mean"
            },
            "discriminator": {
                "input_dropout": 0.0,
                "layers": [leaky(512), leaky(256)],
                "output_init": {"type": "uniform", "range": 0.05}
            }
        },
        "training": {
            "steps": 20_000, "batch_size": 100, "discriminator_steps": 1,
            "update": "alternating", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": falling, "generator_optimizer": gan_adam(1e-3),
            "regularizer": {"type": "r1_r2", "gamma": 1.0, "gamma_end": 0.001, "until_step": 3000, "every": 4},
            "ema": 0.9998
        }
    })
}

/// The paper's networks at a third of their width. Every layer starts as narrowly as the paper's: with wider starts
/// (0.07 and 0.01, even of the output layers alone) D wins outright on MNIST.
fn fast() -> Value {
    let rectified = json!({"type": "linear", "units": 400, "activation": "relu", "init": 0.05});
    let maxout = json!({"type": "maxout", "units": 120, "pieces": 4, "init": 0.005, "dropout": 0.5});
    json!({
        "model": {
            "latent": {"dim": 64, "prior": "uniform"},
            "generator": {
                "layers": [rectified, rectified],
                "output": "sigmoid", "output_init": {"type": "uniform", "range": 0.05}, "output_bias": "data_mean"
            },
            "discriminator": {
                "input_dropout": 0.2,
                "layers": [maxout, maxout],
                "output_init": {"type": "uniform", "range": 0.005}
            }
        },
        "training": {
            "steps": 10_000, "batch_size": 100, "discriminator_steps": 1,
            "update": "simultaneous", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": published_sgd(0.1),
            "ema": 0.999
        }
    })
}

/// The paper's recipe scaled to 64 pixels. Half its dropout: on so few pixels more of it blurs the samples, none at all
/// lets D learn the examples by heart and G collapse.
fn digits() -> Value {
    let rectified = json!({"type": "linear", "units": 400, "activation": "relu", "init": 0.1});
    let maxout = json!({"type": "maxout", "units": 128, "pieces": 4, "init": 0.05, "dropout": 0.3});
    json!({
        "model": {
            "latent": {"dim": 32, "prior": "uniform"},
            "generator": {
                "layers": [rectified, rectified],
                "output": "sigmoid", "output_init": {"type": "uniform", "range": 0.1}, "output_bias": "data_mean"
            },
            "discriminator": {
                "input_dropout": 0.1,
                "layers": [maxout, maxout],
                "output_init": {"type": "uniform", "range": 0.05}
            }
        },
        "training": {
            "steps": 15_000, "batch_size": 100, "discriminator_steps": 1,
            "update": "simultaneous", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": published_sgd(0.1),
            "ema": 0.999
        }
    })
}

fn toy_1d() -> Value {
    toy(8, 32, 2, [12_000, 256], 5e-4)
}

/// With a little noise on D's input, which never quite goes: without it the modes of the grid look apart to D, and G loses
/// those it had (15 to 18 of 25 at the end; with it 25).
fn toy_2d() -> Value {
    let mut settings = toy(16, 128, 3, [20_000, 256], 1e-3);
    settings["training"]["instance_noise"] = json!({"start": 0.15, "until_step": 100_000});
    settings
}

/// Adam and alternating updates. D is leaky: where it is far from both densities its gradient still tells G the way,
/// which decides whether all modes are found.
fn toy(latent_dim: usize, units: usize, layers: usize, [steps, batch_size]: [u64; 2], learning_rate: f64) -> Value {
    let layer = |activation: &str| json!({"type": "linear", "units": units, "activation": activation, "init": "he"});
    json!({
        "model": {
            "latent": {"dim": latent_dim, "prior": "gaussian"},
            "generator": {
                "layers": vec![layer("relu"); layers],
                "output": "linear", "output_init": {"type": "glorot"}, "output_bias": "zero"
            },
            "discriminator": {
                "input_dropout": 0.0,
                "layers": vec![layer("leaky_relu"); layers],
                "output_init": {"type": "glorot"}
            }
        },
        "training": {
            "steps": steps, "batch_size": batch_size, "discriminator_steps": 1,
            "update": "alternating", "objective": "non_saturating", "real_label": 1.0,
            "optimizer": gan_adam(learning_rate),
            "ema": 0.999
        },
        "evaluation": {"parzen": {"bandwidth_grid": [0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8]}}
    })
}
