//! A run's whole state at a step, and its file: safetensors with the run's metadata.

use super::{GanError, Spec};
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
    /// The header is written here because the `safetensors` crate keeps metadata in a hash map, whose order differs from
    /// run to run; [`Self::from_bytes`] reads with the crate.
    ///
    /// # Errors
    ///
    /// If the spec cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GanError> {
        let not_json = |error: serde_json::Error| GanError::Checkpoint(format!("the header is no JSON: {error}"));
        let spec = serde_json::to_string(&self.spec).map_err(not_json)?;
        let shape = [self.shape.height, self.shape.width, self.shape.channels].map(|side| side.to_string()).join(",");
        let mut header = Map::new();
        header.insert(
            "__metadata__".to_owned(),
            json!({
                "format": "gand",
                "spec": spec,
                "step": self.step.to_string(),
                "shape": shape,
                "dataset_digest": self.dataset_digest,
                "gand_version": self.version,
                "threads": self.threads.to_string(),
                "processor": self.processor,
            }),
        );
        let mut tensors: Vec<&NamedTensor> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let mut offset = 0;
        for tensor in &tensors {
            let end = offset + 4 * tensor.values.len();
            let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end]});
            header.insert(tensor.name.clone(), entry);
            offset = end;
        }
        let mut header = serde_json::to_vec(&Value::Object(header)).map_err(not_json)?;
        // The format asks for data that starts at a multiple of 8.
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + header.len() + offset);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
        for tensor in tensors {
            bytes.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        }
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`GanError::Checkpoint`] if the bytes are no checkpoint of gand's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GanError> {
        let broken = |what: &str| GanError::Checkpoint(format!("not a checkpoint of gand's: {what}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| broken(&error.to_string()))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| broken(&error.to_string()))?;
        let metadata = header.metadata().as_ref().ok_or_else(|| broken("it has no metadata"))?;
        let field = |name: &str| metadata.get(name).ok_or_else(|| broken(&format!("its metadata lacks {name}")));
        let number = |name: &str| -> Result<u64, GanError> {
            field(name)?.parse().map_err(|_| broken(&format!("its {name} is no number")))
        };
        let sides: Vec<usize> = field("shape")?.split(',').filter_map(|side| side.parse().ok()).collect();
        let [height, width, channels] = sides[..] else { return Err(broken("its shape is not three numbers")) };
        let mut tensors = Vec::new();
        for (name, view) in file.iter() {
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
            tensors,
        })
    }
}
