//! The file of a checkpoint, and samples from it.

use super::{pictures, small_model, spec};
use gand::gan::{Checkpoint, GanError, Sampler, Trainer, Weights};
use serde_json::json;

fn trained() -> Checkpoint {
    let data = pictures(6, 6, 100);
    let spec = spec(&data, small_model(), json!({"steps": 60, "batch_size": 30, "ema": 0.99}));
    let mut trainer = Trainer::new(&spec, data, 1).unwrap();
    for _ in 0..10 {
        trainer.step().unwrap();
    }
    trainer.checkpoint().unwrap()
}

#[test]
fn a_checkpoint_reads_back_as_it_was_written() {
    let checkpoint = trained();
    let mut sorted = checkpoint.clone();
    sorted.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap(), sorted);
    let names: Vec<&str> = sorted.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    for name in [
        "generator.0.weight",
        "generator.1.bias",
        "discriminator.0.weight",
        "ema.generator.0.weight",
        "optimizer.generator.0.weight.velocity",
        "optimizer.discriminator.1.bias.velocity",
    ] {
        assert!(names.contains(&name), "{name} is missing among {names:?}");
    }
}

#[test]
fn missing_and_extra_tensors_are_refused() {
    let (whole, data) = (trained(), pictures(6, 6, 100));
    let resume = |checkpoint: &Checkpoint| Trainer::resume(checkpoint, &whole.spec, data.clone(), 1).err();
    assert!(resume(&whole).is_none());
    for index in 0..whole.tensors.len() {
        let mut lacking = whole.clone();
        let name = lacking.tensors.remove(index).name;
        let error = resume(&lacking).expect("a missing tensor is not noticed").to_string();
        assert!(error.contains(&name), "{error:?} does not name {name}");
    }
    let mut extra = whole.clone();
    extra.tensors.push(gand::gan::checkpoint::NamedTensor {
        name: "generator.9.weight".into(),
        shape: vec![1],
        values: vec![0.0],
    });
    assert!(resume(&extra).expect("an extra tensor is not noticed").to_string().contains("generator.9.weight"));
}

#[test]
fn bytes_that_are_no_checkpoint_are_refused_without_a_panic() {
    let bytes = trained().to_bytes().unwrap();
    for length in (0..bytes.len()).step_by(97) {
        assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "cut at {length} of {}", bytes.len());
    }
    assert!(Checkpoint::from_bytes(b"").is_err());
}

#[test]
fn a_sample_does_not_depend_on_how_many_are_drawn() {
    let checkpoint = trained();
    let mut sampler = Sampler::new(&checkpoint, None, 1).unwrap();
    let dim = sampler.shape().len();
    let latents = sampler.latents(3, 0..300);
    let all = sampler.generate(&latents).unwrap();
    for range in [0..1u64, 5..6, 100..129, 127..129, 250..300] {
        let latents = sampler.latents(3, range.clone());
        let (start, end) = (range.start as usize * dim, range.end as usize * dim);
        assert_eq!(sampler.generate(&latents).unwrap(), all[start..end], "{range:?}");
    }
    assert!(all.iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn the_average_is_sampled_by_default_and_refused_where_none_is_kept() {
    let checkpoint = trained();
    let draw = |weights: Option<Weights>| {
        let mut sampler = Sampler::new(&checkpoint, weights, 1).unwrap();
        let latents = sampler.latents(0, 0..4);
        sampler.generate(&latents).unwrap()
    };
    assert_eq!(draw(None), draw(Some(Weights::Ema)));
    assert_ne!(draw(None), draw(Some(Weights::Raw)));
    let mut plain = checkpoint.clone();
    plain.spec.training.ema = None;
    assert!(matches!(Sampler::new(&plain, Some(Weights::Ema), 1), Err(GanError::NoAverage)));
}
