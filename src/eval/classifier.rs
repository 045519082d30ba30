//! A small classifier of a labelled dataset, trained once and kept: it tells which classes samples fall into, and its
//! features are what Fréchet distances are measured in. Distances in the features of different classifiers must not be
//! compared, so each is printed with its own floor: the distance of the training images from the test images.

use super::frechet::Moments;
use crate::data::random::Stream;
use crate::data::{Dataset, Split, npy, npz};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, loss, ops};

/// Units of the two hidden layers; the second's are the features.
const UNITS: [usize; 2] = [256, 64];
const BATCH: usize = 128;
const LEARNING_RATE: f64 = 1e-3;
/// Examples seen in training, over some epochs.
const EXAMPLES: usize = 150_000;
const MIN_EPOCHS: usize = 2;
const MAX_EPOCHS: usize = 40;
const SEED: u64 = 2014;
/// Points whose moments are taken, and by which the floor is found.
const POINTS: usize = 10_000;
/// Points that go through it at a time.
const ROWS: usize = 1000;

/// Why there is no classifier.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// candle cannot compute it.
    #[error("the classifier cannot be computed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// What was kept is none.
    #[error("what was kept is no classifier: {0}")]
    Kept(String),
}

/// A trained classifier.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// Weight and bias of each layer.
    layers: Vec<(Tensor, Tensor)>,
    classes: usize,
    /// The share of test points that it names right.
    pub accuracy: f64,
    /// The Fréchet distance of training points from test points.
    pub floor: f64,
    /// The moments of the test points' features.
    test: Moments,
}

/// What it says of some points.
#[derive(Clone, PartialEq, Debug)]
pub struct Classified {
    /// The share of points in each class.
    pub shares: Vec<f64>,
    /// The moments of their features.
    pub moments: Moments,
}

impl Classifier {
    /// Trains one; `None` for data without at least two classes.
    ///
    /// # Errors
    ///
    /// If candle cannot compute it.
    pub fn train(data: &Dataset) -> Result<Option<Self>, ClassifierError> {
        let (classes, dim) = (data.label_names.len(), data.shape.len());
        let (Some(labels), true) = (&data.train.labels, classes > 1) else { return Ok(None) };
        let sizes = [dim, UNITS[0], UNITS[1], classes];
        let mut vars = Vec::new();
        for (layer, pair) in sizes.windows(2).enumerate() {
            let (weight, bias) = start(pair[0], pair[1], layer)?;
            vars.extend([weight, bias]);
        }
        let layers = || vars.chunks(2).map(|pair| (pair[0].as_tensor().clone(), pair[1].as_tensor().clone())).collect();
        let mut classifier =
            Self { layers: layers(), classes, accuracy: 0.0, floor: 0.0, test: Moments::of(&[], UNITS[1]) };
        let settings = ParamsAdamW { lr: LEARNING_RATE, weight_decay: 1e-4, ..ParamsAdamW::default() };
        let mut optimizer = AdamW::new(vars.clone(), settings)?;
        let epochs = (EXAMPLES / data.train.len.max(1)).clamp(MIN_EPOCHS, MAX_EPOCHS);
        for epoch in 0..epochs {
            let order = Stream::new(SEED, 10 + u32::try_from(epoch).unwrap_or(0)).permutation(data.train.len);
            for chosen in order.chunks(BATCH) {
                let mut points = vec![0.0; chosen.len() * dim];
                data.train.gather(chosen.iter().copied(), &mut points);
                let targets: Vec<u32> = chosen.iter().map(|point| u32::from(labels[*point])).collect();
                let (_, logits) = classifier.forward(&points, dim)?;
                let targets = Tensor::from_vec(targets, chosen.len(), &Device::Cpu)?;
                optimizer.backward_step(&loss::cross_entropy(&logits, &targets)?)?;
            }
        }
        // Without the graph that training leaves behind.
        for (weight, bias) in &mut classifier.layers {
            (*weight, *bias) = (weight.detach(), bias.detach());
        }
        classifier.accuracy = classifier.accuracy_on(&data.test, dim)?;
        let test = data.test.to_vec(0..data.test.len.min(POINTS));
        classifier.test = classifier.classify(&test, dim)?.moments;
        let train = data.train.to_vec(0..data.train.len.min(POINTS));
        classifier.floor = classifier.classify(&train, dim)?.moments.distance(&classifier.test);
        Ok(Some(classifier))
    }

    /// Classes and features of points, row by row.
    ///
    /// # Errors
    ///
    /// If candle cannot compute them.
    pub fn classify(&self, points: &[f32], dim: usize) -> Result<Classified, ClassifierError> {
        let mut counts = vec![0_usize; self.classes];
        let mut features = Vec::new();
        for points in points.chunks(ROWS * dim) {
            let (hidden, logits) = self.forward(points, dim)?;
            features.extend(hidden.flatten_all()?.to_vec1::<f32>()?);
            for class in logits.argmax(1)?.to_vec1::<u32>()? {
                counts[class as usize] += 1;
            }
        }
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let shares = counts.into_iter().map(|count| count as f64 / total).collect();
        Ok(Classified { shares, moments: Moments::of(&features, UNITS[1]) })
    }

    /// The Fréchet distance of points with these moments from the test points.
    #[must_use]
    pub fn distance(&self, moments: &Moments) -> f64 {
        moments.distance(&self.test)
    }

    /// It as a file, to be kept.
    ///
    /// # Errors
    ///
    /// If its tensors cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ClassifierError> {
        let mut arrays: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
        for (place, (weight, bias)) in self.layers.iter().enumerate() {
            for (name, tensor) in [("weight", weight), ("bias", bias)] {
                let values = tensor.flatten_all()?.to_vec1::<f32>()?;
                arrays.push((format!("{place}.{name}"), tensor.dims().to_vec(), values));
            }
        }
        arrays.push(("accuracy".to_owned(), vec![1], vec![self.accuracy as f32]));
        arrays.push(("floor".to_owned(), vec![1], vec![self.floor as f32]));
        let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<f32>>();
        arrays.push(("test_mean".to_owned(), vec![UNITS[1]], narrow(&self.test.mean)));
        arrays.push(("test_covariance".to_owned(), vec![UNITS[1], UNITS[1]], narrow(&self.test.covariance)));
        let parts: Vec<(&str, &[usize], &[f32])> =
            arrays.iter().map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice())).collect();
        npz::encode(&parts).map_err(|error| ClassifierError::Kept(error.to_string()))
    }

    /// What [`Self::to_bytes`] gave, for points of `dim` numbers and so many classes.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn from_bytes(bytes: &[u8], dim: usize, classes: usize) -> Result<Self, ClassifierError> {
        const MAX_BYTES: usize = 1 << 30;
        let arrays = npz::parse(bytes, MAX_BYTES).map_err(|error| ClassifierError::Kept(error.to_string()))?;
        let find = |name: &str, shape: &[usize]| -> Result<Vec<f32>, ClassifierError> {
            let found = arrays.iter().find(|(found, _)| found == name).map(|(_, array)| array);
            let fitting = found.filter(|array: &&npy::Array| array.shape == shape);
            fitting.map(npy::Array::to_f32).ok_or_else(|| ClassifierError::Kept(format!("no {name} of {shape:?}")))
        };
        let sizes = [dim, UNITS[0], UNITS[1], classes];
        let mut layers = Vec::new();
        for (place, pair) in sizes.windows(2).enumerate() {
            let weight = find(&format!("{place}.weight"), &[pair[0], pair[1]])?;
            let bias = find(&format!("{place}.bias"), &[pair[1]])?;
            let weight = Tensor::from_vec(weight, (pair[0], pair[1]), &Device::Cpu)?;
            layers.push((weight, Tensor::from_vec(bias, pair[1], &Device::Cpu)?));
        }
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
        let test = Moments {
            mean: wide(find("test_mean", &[UNITS[1]])?),
            covariance: wide(find("test_covariance", &[UNITS[1], UNITS[1]])?),
        };
        let one = |name: &str| find(name, &[1]).map(|values| f64::from(values[0]));
        Ok(Self { layers, classes, accuracy: one("accuracy")?, floor: one("floor")?, test })
    }

    /// The features and the logits of points.
    fn forward(&self, points: &[f32], dim: usize) -> Result<(Tensor, Tensor), ClassifierError> {
        // Around 0, where [0, 1] lies better for the start of the weights.
        let points: Vec<f32> = points.iter().map(|value| value - 0.5).collect();
        let rows = points.len() / dim;
        let mut hidden = Tensor::from_vec(points, (rows, dim), &Device::Cpu)?;
        let Some(((weight, bias), below)) = self.layers.split_last() else {
            return Err(ClassifierError::Kept("no layers".to_owned()));
        };
        for (weight, bias) in below {
            hidden = hidden.matmul(weight)?.broadcast_add(bias)?.relu()?;
        }
        let logits = hidden.matmul(weight)?.broadcast_add(bias)?;
        Ok((hidden, logits))
    }

    fn accuracy_on(&self, split: &Split, dim: usize) -> Result<f64, ClassifierError> {
        let Some(labels) = &split.labels else { return Ok(0.0) };
        let mut right = 0.0;
        for first in (0..split.len).step_by(ROWS) {
            let range = first..split.len.min(first + ROWS);
            let (_, logits) = self.forward(&split.to_vec(range.clone()), dim)?;
            let said = ops::softmax(&logits, 1)?.argmax(1)?.to_vec1::<u32>()?;
            right +=
                said.iter().zip(&labels[range]).filter(|(said, label)| **said == u32::from(**label)).count() as f64;
        }
        Ok(right / split.len.max(1) as f64)
    }
}

/// A layer's weight and bias at their start (He et al., 2015), the same in every process.
fn start(inputs: usize, outputs: usize, layer: usize) -> Result<(Var, Var), ClassifierError> {
    let stream = Stream::new(SEED, u32::try_from(layer).unwrap_or(0));
    let deviation = (2.0 / inputs as f64).sqrt();
    let count = inputs * outputs;
    let numbers = (0..count.div_ceil(2) as u64).flat_map(|index| stream.normal_pair(index));
    let weight: Vec<f32> = numbers.take(count).map(|number| (deviation * number) as f32).collect();
    let weight = Var::from_tensor(&Tensor::from_vec(weight, (inputs, outputs), &Device::Cpu)?)?;
    Ok((weight, Var::zeros(outputs, DType::F32, &Device::Cpu)?))
}
