//! Layouts of convolutions against plain loops in PyTorch's order, and what else only they have.

use super::{coloured, conv_model, spec};
use gand::gan::checkpoint::NamedTensor;
use gand::gan::{Checkpoint, Sampler, Spec, Trainer};
use serde_json::json;

/// A checkpoint's tensor as an array of any dimension.
struct Array<'a>(&'a NamedTensor);

impl Array<'_> {
    fn at(&self, indices: &[usize]) -> f32 {
        assert_eq!(indices.len(), self.0.shape.len());
        let index = indices.iter().zip(&self.0.shape).fold(0, |index, (i, side)| {
            assert!(i < side);
            index * side + i
        });
        self.0.values[index]
    }
}

fn tensor<'a>(checkpoint: &'a Checkpoint, name: &str) -> Array<'a> {
    Array(checkpoint.tensors.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no tensor {name}")))
}

/// A picture, N of one: height, width, channels.
#[derive(Clone)]
struct Picture {
    sides: [usize; 3],
    values: Vec<f32>,
}

impl Picture {
    fn at(&self, y: usize, x: usize, c: usize) -> f32 {
        self.values[(y * self.sides[1] + x) * self.sides[2] + c]
    }

    fn of(sides: [usize; 3], mut value: impl FnMut(usize, usize, usize) -> f32) -> Self {
        let mut values = Vec::new();
        for y in 0..sides[0] {
            for x in 0..sides[1] {
                values.extend((0..sides[2]).map(|c| value(y, x, c)));
            }
        }
        Self { sides, values }
    }
}

/// A batch norm by its running statistics.
fn normal(checkpoint: &Checkpoint, layer: usize, a: f32, channel: usize) -> f32 {
    let number = |part: &str| tensor(checkpoint, &format!("generator.{layer}.norm.{part}")).at(&[channel]);
    let deviation = (number("running_var") + 1e-5).sqrt();
    (a - number("running_mean")) / deviation * number("weight") + number("bias")
}

/// A transposed convolution, out(y, x, o) = Σ in(i, j, c) · w(c, o, y + p − i·s, x + p − j·s).
fn transposed(x: &Picture, weight: &Array<'_>, sides: [usize; 3], stride: usize, padding: usize) -> Picture {
    let kernel = weight.0.shape[2];
    Picture::of(sides, |y, x_out, o| {
        let mut sum = 0.0;
        for i in 0..x.sides[0] {
            for j in 0..x.sides[1] {
                let (ky, kx) = ((y + padding).wrapping_sub(i * stride), (x_out + padding).wrapping_sub(j * stride));
                if ky < kernel && kx < kernel {
                    sum += (0..x.sides[2]).map(|c| x.at(i, j, c) * weight.at(&[c, o, ky, kx])).sum::<f32>();
                }
            }
        }
        sum
    })
}

fn trained(spec: &Spec, steps: usize) -> Checkpoint {
    let mut trainer = Trainer::new(spec, coloured(6, 10, 2, 100), 1).unwrap();
    for _ in 0..steps {
        trainer.step().unwrap();
    }
    trainer.checkpoint().unwrap()
}

#[test]
fn samples_are_what_plain_loops_over_the_checkpoint_give() {
    let data = coloured(6, 10, 2, 100);
    let spec = spec(&data, conv_model(), json!({"steps": 60, "batch_size": 30, "ema": null}));
    let checkpoint = trained(&spec, 5);
    let mut sampler = Sampler::new(&checkpoint, None, 1).unwrap();
    let latents = sampler.latents(3, 0..1);
    let found = sampler.generate(&latents).unwrap();

    // Dense, batch norm, ReLU; taken as 2 × 4 × 3.
    let weight = tensor(&checkpoint, "generator.0.weight");
    assert_eq!(weight.0.shape, [24, 7]);
    let dense: Vec<f32> = (0..24)
        .map(|unit| (0..7).map(|input| weight.at(&[unit, input]) * latents[input]).sum::<f32>())
        .enumerate()
        .map(|(unit, a)| normal(&checkpoint, 0, a, unit).max(0.0))
        .collect();
    let x = Picture { sides: [2, 4, 3], values: dense };

    let weight = tensor(&checkpoint, "generator.1.weight");
    assert_eq!(weight.0.shape, [3, 6, 2, 2]);
    let a = transposed(&x, &weight, [3, 5, 6], 1, 0);
    let x = Picture::of(a.sides, |i, j, o| normal(&checkpoint, 1, a.at(i, j, o), o).tanh());

    let weight = tensor(&checkpoint, "generator.2.weight");
    assert_eq!(weight.0.shape, [5, 6, 3, 3]);
    let x = Picture::of([3, 5, 5], |i, j, o| {
        let mut sum = 0.0;
        for ky in 0..3 {
            for kx in 0..3 {
                let (y, x_in) = ((i + ky).wrapping_sub(1), (j + kx).wrapping_sub(1));
                if y < 3 && x_in < 5 {
                    sum += (0..6).map(|c| x.at(y, x_in, c) * weight.at(&[o, c, ky, kx])).sum::<f32>();
                }
            }
        }
        let a = normal(&checkpoint, 2, sum, o);
        if a > 0.0 { a } else { 0.2 * a }
    });

    let (weight, bias) = (tensor(&checkpoint, "generator.3.weight"), tensor(&checkpoint, "generator.3.bias"));
    assert_eq!((&weight.0.shape[..], &bias.0.shape[..]), (&[5, 2, 4, 4][..], &[6, 10, 2][..]));
    let a = transposed(&x, &weight, [6, 10, 2], 2, 1);
    let expected = Picture::of(a.sides, |i, j, o| 1.0 / (1.0 + (-a.at(i, j, o) - bias.at(&[i, j, o])).exp()));

    assert_eq!(found.len(), expected.values.len());
    for (found, expected) in found.iter().zip(&expected.values) {
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}

#[test]
fn a_convolutional_checkpoint_reads_back_and_samples_alone_as_in_company() {
    let data = coloured(6, 10, 2, 100);
    let spec = spec(&data, conv_model(), json!({"steps": 60, "batch_size": 30, "ema": 0.9}));
    let checkpoint = Checkpoint::from_bytes(&trained(&spec, 5).to_bytes().unwrap()).unwrap();
    let names: Vec<&str> = checkpoint.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    for name in ["ema.generator.1.norm.running_var", "optimizer.generator.1.norm.weight.velocity", "generator.3.bias"] {
        assert!(names.contains(&name), "{name} is missing among {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("running_mean.") || name.contains("running_var.")), "{names:?}");
    let mut sampler = Sampler::new(&checkpoint, None, 1).unwrap();
    let latents = sampler.latents(3, 0..200);
    let all = sampler.generate(&latents).unwrap();
    let one = sampler.generate(&latents[7 * 150..7 * 151]).unwrap();
    assert_eq!(one, all[120 * 150..120 * 151]);
}

#[test]
fn a_sparse_start_has_so_many_weights_an_output() {
    let data = coloured(6, 10, 2, 100);
    let mut model = conv_model();
    let sparse = json!({"type": "sparse", "nonzero": 4});
    for player in ["generator", "discriminator"] {
        for layer in 0..3 {
            model[player]["layers"][layer]["init"] = sparse.clone();
        }
    }
    let spec = spec(&data, model, json!({"steps": 60, "batch_size": 30}));
    let checkpoint = trained(&spec, 0);
    for name in ["generator.0", "generator.2", "discriminator.0", "discriminator.1", "discriminator.2"] {
        let weight = tensor(&checkpoint, &format!("{name}.weight")).0;
        for (row, values) in weight.values.chunks(weight.values.len() / weight.shape[0]).enumerate() {
            assert_eq!(values.iter().filter(|value| **value != 0.0).count(), 4, "row {row} of {name}");
        }
    }
    let weight = tensor(&checkpoint, "generator.1.weight");
    let [inputs, outputs, rows, columns] = weight.0.shape[..] else { panic!("{:?}", weight.0.shape) };
    for output in 0..outputs {
        let mut count = 0;
        for input in 0..inputs {
            for place in 0..rows * columns {
                count += usize::from(weight.at(&[input, output, place / columns, place % columns]) != 0.0);
            }
        }
        assert_eq!(count, 4, "output {output} of the transposed convolution");
    }
    let values: Vec<f32> = checkpoint.tensors.iter().flat_map(|tensor| tensor.values.clone()).collect();
    assert!(values.iter().any(|value| *value > 1.0) && values.iter().any(|value| *value < -1.0));
}
