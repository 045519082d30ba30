//! A run's whole state at a step, and its file: safetensors with the run's metadata.

use super::{GanError, Spec, Weights};
use crate::data::Shape;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

/// Everything needed to go on from a step as if nothing had happened, and to draw samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoint {
    /// The run.
    pub spec: Spec,
    /// Steps trained.
    pub step: u64,
    /// The shape of a point.
    pub shape: Shape,
    /// The digest of the data it was trained on.
    pub dataset_digest: String,
    /// gand's version.
    pub version: String,
    /// How many threads computed it.
    pub threads: usize,
    /// The processor features that its kernels used.
    pub processor: String,
    /// How often the run has gone back from a loss that was not finite: each time its numbers are drawn anew and its
    /// learning rate is halved.
    pub rollbacks: u32,
    /// How often the run has begun again from step 0: each time all its numbers are drawn anew.
    pub restarts: u32,
    /// Named tensors: `generator.0.weight`, ..., `ema.generator.…`, `optimizer.…`.
    pub tensors: Vec<NamedTensor>,
}

/// A tensor with its name and shape.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

impl Checkpoint {
    /// The safetensors file; the same state gives the same bytes.
    ///
    /// # Errors
    ///
    /// If the spec cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GanError> {
        let entries = self.tensors.iter().map(|tensor| Entry {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            fill: Box::new(|bytes| {
                for (bytes, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(&tensor.values) {
                    *bytes = value.to_le_bytes();
                }
                Ok(())
            }),
        });
        let mut bytes = Vec::new();
        write(&self.head(), entries.collect(), &mut bytes)?;
        Ok(bytes)
    }

    /// All but the tensors.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        Head {
            spec: &self.spec,
            step: self.step,
            shape: self.shape,
            dataset_digest: &self.dataset_digest,
            version: &self.version,
            threads: self.threads,
            processor: self.processor.clone(),
            rollbacks: self.rollbacks,
            restarts: self.restarts,
        }
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`GanError::Checkpoint`] if the bytes are no checkpoint of gand's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GanError> {
        Self::read(bytes, |_| true)
    }

    /// The same with no more tensors than a [`super::Sampler`] of these weights takes, which are a part of the file.
    ///
    /// # Errors
    ///
    /// As [`Self::from_bytes`].
    pub fn generator_from_bytes(bytes: &[u8], weights: Weights) -> Result<Self, GanError> {
        let prefix = format!("{}.", weights.generator());
        Self::read(bytes, |name| name.starts_with(&prefix))
    }

    fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Self, GanError> {
        let broken = |what: &str| GanError::Checkpoint(format!("not a checkpoint of gand's: {what}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| broken(&error.to_string()))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| broken(&error.to_string()))?;
        let metadata = header.metadata().as_ref().ok_or_else(|| broken("it has no metadata"))?;
        let field = |name: &str| metadata.get(name).ok_or_else(|| broken(&format!("its metadata lacks {name}")));
        let number = |name: &str| -> Result<u64, GanError> {
            field(name)?.parse().map_err(|_| broken(&format!("its {name} is no number")))
        };
        let count = |name: &str| metadata.get(name).and_then(|count| count.parse().ok()).unwrap_or(0);
        let sides: Vec<usize> = field("shape")?.split(',').filter_map(|side| side.parse().ok()).collect();
        let [height, width, channels] = sides[..] else { return Err(broken("its shape is not three numbers")) };
        let mut tensors = Vec::new();
        for (name, view) in file.iter().filter(|(name, _)| wanted(name)) {
            if view.dtype() != Dtype::F32 {
                return Err(broken(&format!("{name} is not of f32")));
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            tensors.push(NamedTensor { name: name.to_owned(), shape: view.shape().to_vec(), values });
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            spec: serde_json::from_str(field("spec")?).map_err(|error| broken(&format!("its spec: {error}")))?,
            step: number("step")?,
            shape: Shape { height, width, channels },
            dataset_digest: field("dataset_digest")?.clone(),
            version: field("gand_version")?.clone(),
            threads: usize::try_from(number("threads")?).map_err(|_| broken("its threads are no number"))?,
            processor: field("processor")?.clone(),
            rollbacks: count("rollbacks"),
            restarts: count("restarts"),
            tensors,
        })
    }
}

/// What a checkpoint says of its run: all but the tensors.
#[derive(Clone, PartialEq, Debug)]
pub struct Head<'a> {
    /// The run.
    pub spec: &'a Spec,
    /// Steps trained.
    pub step: u64,
    /// The shape of a point.
    pub shape: Shape,
    /// The digest of the data it was trained on.
    pub dataset_digest: &'a str,
    /// gand's version.
    pub version: &'a str,
    /// How many threads computed it.
    pub threads: usize,
    /// The processor features that its kernels used.
    pub processor: String,
    /// How often the run has gone back from a loss that was not finite.
    pub rollbacks: u32,
    /// How often the run has begun again from step 0.
    pub restarts: u32,
}

/// Writes a tensor's numbers, row by row, to its place in the file.
type Fill<'a> = Box<dyn Fn(&mut [u8]) -> Result<(), GanError> + 'a>;

/// A tensor on its way into a file.
pub(super) struct Entry<'a> {
    /// Its name in the file.
    pub(super) name: String,
    /// Its shape.
    pub(super) shape: Vec<usize>,
    /// What it holds.
    pub(super) fill: Fill<'a>,
}

/// Writes the file in place of what `bytes` holds, whose memory is used again.
///
/// The header is written here because the `safetensors` crate keeps metadata in a hash map, whose order differs from
/// run to run; [`Checkpoint::from_bytes`] reads with the crate.
///
/// # Errors
///
/// If the spec cannot be written as JSON, or a tensor cannot be read.
pub(super) fn write(head: &Head<'_>, mut entries: Vec<Entry<'_>>, bytes: &mut Vec<u8>) -> Result<(), GanError> {
    let not_json = |error: serde_json::Error| GanError::Checkpoint(format!("the header is no JSON: {error}"));
    let spec = serde_json::to_string(head.spec).map_err(not_json)?;
    let shape = [head.shape.height, head.shape.width, head.shape.channels].map(|side| side.to_string()).join(",");
    let mut header = Map::new();
    let mut metadata = json!({
        "format": "gand",
        "spec": spec,
        "step": head.step.to_string(),
        "shape": shape,
        "dataset_digest": head.dataset_digest,
        "gand_version": head.version,
        "threads": head.threads.to_string(),
        "processor": head.processor,
    });
    for (name, count) in [("rollbacks", head.rollbacks), ("restarts", head.restarts)] {
        if count > 0 {
            metadata[name] = json!(count.to_string());
        }
    }
    header.insert("__metadata__".to_owned(), metadata);
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut ends = Vec::with_capacity(entries.len());
    let mut offset = 0;
    for Entry { name, shape, .. } in &entries {
        let end = offset + 4 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}));
        ends.push(end);
        offset = end;
    }
    let mut header = serde_json::to_vec(&Value::Object(header)).map_err(not_json)?;
    // The format asks for data that starts at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let start = 8 + header.len();
    // No clearing of what is written over.
    bytes.resize(start + offset, 0);
    bytes[..8].copy_from_slice(&(header.len() as u64).to_le_bytes());
    bytes[8..start].copy_from_slice(&header);
    let mut data = &mut bytes[start..];
    let mut from = 0;
    for (entry, end) in entries.iter().zip(ends) {
        let (tensor, rest) = std::mem::take(&mut data).split_at_mut(end - from);
        (entry.fill)(tensor)?;
        (data, from) = (rest, end);
    }
    Ok(())
}
