//! The yardstick: one step of the paper's MNIST networks written straight over the `gemm` crate. Nothing general, no
//! checks, no counter-based masks that could be drawn again: what a patient programmer gets by hand.

use gemm::Parallelism;

const BATCH: usize = 100;
const LATENT: usize = 100;
const HIDDEN: usize = 1200;
const DATA: usize = 784;
const UNITS: usize = 240;
const PIECES: usize = 5;
const RATE: f32 = 0.1;
const MOMENTUM: f32 = 0.5;

struct Layer {
    inputs: usize,
    outputs: usize,
    weights: Vec<f32>,
    velocity: Vec<f32>,
    bias: Vec<f32>,
    bias_velocity: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Pointer(*mut f32);
// SAFETY: the two halves of a split write disjoint columns or rows.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}
impl Pointer {
    fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// A matrix: its first number, from row to row, from column to column.
type Matrix = (*const f32, usize, usize);

#[allow(clippy::too_many_arguments)]
fn multiply(m: usize, n: usize, k: usize, to: (*mut f32, usize), keep: f32, scale: f32, a: Matrix, b: Matrix) {
    // SAFETY: the callers below pass matrices that lie within their buffers.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            to.0,
            1,
            to.1 as isize,
            keep != 0.0,
            a.0,
            a.2 as isize,
            a.1 as isize,
            b.0,
            b.2 as isize,
            b.1 as isize,
            keep,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

fn halves(len: usize, threads: usize, work: &(impl Fn(usize, usize) + Sync)) {
    if threads == 1 {
        return work(0, len);
    }
    let border = (len / 2).next_multiple_of(16);
    rayon::join(|| work(0, border), || work(border, len));
}

impl Layer {
    fn new(inputs: usize, outputs: usize, span: f32, random: &mut Random) -> Self {
        let weights = (0..inputs * outputs).map(|_| (random.unit() * 2.0 - 1.0) * span).collect();
        let zeros = |len: usize| vec![0.0; len];
        let (velocity, bias, bias_velocity) = (zeros(inputs * outputs), zeros(outputs), zeros(outputs));
        Self { inputs, outputs, weights, velocity, bias, bias_velocity }
    }

    fn forward(&self, rows: usize, x: &[f32], y: &mut [f32], threads: usize, activate: impl Fn(f32) -> f32 + Sync) {
        let (to, n, x) = (Pointer(y.as_mut_ptr()), self.outputs, Pointer(x.as_ptr().cast_mut()));
        halves(n, threads, &|from, until| {
            let b = (self.weights[from..].as_ptr(), n, 1);
            let a = (x.at(0).cast_const(), self.inputs, 1);
            multiply(rows, until - from, self.inputs, (to.at(from), n), 0.0, 1.0, a, b);
            for row in 0..rows {
                // SAFETY: this half's columns of one row.
                let y = unsafe { std::slice::from_raw_parts_mut(to.at(row * n + from), until - from) };
                y.iter_mut().zip(&self.bias[from..]).for_each(|(y, b)| *y = activate(*y + b));
            }
        });
    }

    fn to_input(&self, rows: usize, delta: &[f32], dx: &mut [f32], threads: usize) {
        let (to, delta) = (Pointer(dx.as_mut_ptr()), Pointer(delta.as_ptr().cast_mut()));
        halves(self.inputs, threads, &|from, until| {
            let b = (self.weights[from * self.outputs..].as_ptr(), 1, self.outputs);
            let a = (delta.at(0).cast_const(), self.outputs, 1);
            multiply(rows, until - from, self.outputs, (to.at(from), self.inputs), 0.0, 1.0, a, b);
        });
    }

    fn descend(&mut self, rows: usize, delta: &[f32], x: &[f32], threads: usize) {
        let (n, inputs) = (self.outputs, self.inputs);
        let mut sums = vec![0.0f32; n];
        for row in delta.chunks_exact(n).take(rows) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        for ((bias, velocity), sum) in self.bias.iter_mut().zip(&mut self.bias_velocity).zip(&sums) {
            *velocity = MOMENTUM * *velocity - RATE * sum;
            *bias += *velocity;
        }
        let (velocity, weights) = (Pointer(self.velocity.as_mut_ptr()), Pointer(self.weights.as_mut_ptr()));
        let (x, delta) = (Pointer(x.as_ptr().cast_mut()), Pointer(delta.as_ptr().cast_mut()));
        halves(inputs, threads, &|from, until| {
            for from in (from..until).step_by(96) {
                let until = (from + 96).min(until);
                let (a, b) = ((x.at(from).cast_const(), 1, inputs), (delta.at(0).cast_const(), n, 1));
                multiply(until - from, n, rows, (velocity.at(from * n), n), MOMENTUM, -RATE, a, b);
                for index in from * n..until * n {
                    // SAFETY: this half's rows of both.
                    unsafe { *weights.at(index) += *velocity.at(index) };
                }
            }
        });
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Masks by sixteen-bit parts of a word.
    fn mask(&mut self, mask: &mut [f32], drop: f32) {
        let (threshold, scale) = ((drop * 65536.0) as u64, 1.0 / (1.0 - drop));
        for values in mask.chunks_mut(4) {
            let word = self.next();
            for (index, value) in values.iter_mut().enumerate() {
                *value = if (word >> (16 * index)) & 0xFFFF < threshold { 0.0 } else { scale };
            }
        }
    }
}

/// One run.
pub(crate) struct Run {
    alternating: bool,
    threads: usize,
    random: Random,
    g: [Layer; 3],
    d: [Layer; 3],
    data: Vec<f32>,
    latents: Vec<f32>,
    hidden: [Vec<f32>; 2],
    hidden_delta: [Vec<f32>; 2],
    points: Vec<f32>,
    dropped: Vec<f32>,
    pieces: [Vec<f32>; 2],
    piece_delta: [Vec<f32>; 2],
    units: [Vec<f32>; 2],
    unit_delta: [Vec<f32>; 2],
    masks: [Vec<f32>; 3],
    logits: Vec<f32>,
    logit_delta: Vec<f32>,
    sample_delta: Vec<f32>,
}

impl Run {
    /// A run at its start.
    pub(crate) fn new(alternating: bool, threads: usize) -> Self {
        let mut random = Random(88_172_645_463_325_252);
        let g = [(LATENT, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, DATA)].map(|(i, o)| Layer::new(i, o, 0.05, &mut random));
        let d = [(DATA, UNITS * PIECES), (UNITS, UNITS * PIECES), (UNITS, 1)]
            .map(|(i, o)| Layer::new(i, o, 0.005, &mut random));
        let data = (0..5000 * DATA).map(|_| random.unit()).collect();
        let zeros = |rows: usize, width: usize| vec![0.0f32; rows * width];
        let two = |rows: usize, width: usize| [zeros(rows, width), zeros(rows, width)];
        Self {
            alternating,
            threads,
            random,
            g,
            d,
            data,
            latents: zeros(BATCH, LATENT),
            hidden: two(BATCH, HIDDEN),
            hidden_delta: two(BATCH, HIDDEN),
            points: zeros(2 * BATCH, DATA),
            dropped: zeros(2 * BATCH, DATA),
            pieces: two(2 * BATCH, UNITS * PIECES),
            piece_delta: two(2 * BATCH, UNITS * PIECES),
            units: two(2 * BATCH, UNITS),
            unit_delta: two(2 * BATCH, UNITS),
            masks: [zeros(2 * BATCH, DATA), zeros(2 * BATCH, UNITS), zeros(2 * BATCH, UNITS)],
            logits: zeros(2 * BATCH, 1),
            logit_delta: zeros(2 * BATCH, 1),
            sample_delta: zeros(BATCH, DATA),
        }
    }

    /// One step; D's loss.
    pub(crate) fn step(&mut self) -> f32 {
        for row in 0..BATCH {
            let index = (self.random.next() % 5000) as usize * DATA;
            self.points[row * DATA..][..DATA].copy_from_slice(&self.data[index..index + DATA]);
        }
        self.generate();
        self.judge(0);
        let loss = self.discriminator_loss();
        if self.alternating {
            self.update_discriminator();
            self.generate();
            self.judge(BATCH);
            self.blame_samples();
        } else {
            self.blame_samples();
            self.discriminator_loss();
            self.update_discriminator();
        }
        self.update_generator();
        loss
    }

    fn generate(&mut self) {
        let root = 3f32.sqrt();
        for value in &mut self.latents {
            *value = (self.random.unit() * 2.0 - 1.0) * root;
        }
        let [first, second] = &mut self.hidden;
        self.g[0].forward(BATCH, &self.latents, first, self.threads, |a| a.max(0.0));
        self.g[1].forward(BATCH, first, second, self.threads, |a| a.max(0.0));
        let samples = &mut self.points[BATCH * DATA..];
        self.g[2].forward(BATCH, second, samples, self.threads, gand::gan::ops::elementwise::sigmoid);
    }

    fn judge(&mut self, from: usize) {
        let rows = 2 * BATCH - from;
        for (mask, drop) in self.masks.iter_mut().zip([0.2, 0.5, 0.5]) {
            let width = mask.len() / (2 * BATCH);
            self.random.mask(&mut mask[from * width..], drop);
        }
        let range = from * DATA..;
        let dropped = self.dropped[range.clone()].iter_mut().zip(&self.points[range.clone()]);
        dropped.zip(&self.masks[0][range]).for_each(|((y, x), mask)| *y = x * mask);
        for layer in 0..2 {
            let wide = from * UNITS * PIECES..;
            let (below, above) = self.units.split_at_mut(layer);
            let x = if layer == 0 { &self.dropped[from * DATA..] } else { &below[0][from * UNITS..] };
            self.d[layer].forward(rows, x, &mut self.pieces[layer][wide.clone()], self.threads, |a| a);
            let units = above[0][from * UNITS..].chunks_exact_mut(UNITS);
            let masks = self.masks[layer + 1][from * UNITS..].chunks_exact(UNITS);
            for ((units, pieces), mask) in units.zip(self.pieces[layer][wide].chunks_exact(UNITS * PIECES)).zip(masks) {
                units.copy_from_slice(&pieces[..UNITS]);
                for piece in pieces.chunks_exact(UNITS).skip(1) {
                    units.iter_mut().zip(piece).for_each(|(y, a)| *y = if *a > *y { *a } else { *y });
                }
                units.iter_mut().zip(mask).for_each(|(y, mask)| *y *= mask);
            }
        }
        self.d[2].forward(rows, &self.units[1][from * UNITS..], &mut self.logits[from..], 1, |a| a);
    }

    fn discriminator_loss(&mut self) -> f32 {
        let mut loss = 0.0;
        for (row, (a, delta)) in self.logits.iter().zip(&mut self.logit_delta).enumerate() {
            let (sign, label) = if row < BATCH { (-1.0, 1.0) } else { (1.0, 0.0) };
            loss += ((sign * a).max(0.0) + (-a.abs()).exp().ln_1p()) / (2 * BATCH) as f32;
            *delta = (1.0 / (1.0 + (-a).exp()) - label) / (2 * BATCH) as f32;
        }
        loss
    }

    /// From the logits' deltas to those of both maxout layers' maps.
    fn back(&mut self, from: usize) {
        let rows = 2 * BATCH - from;
        let narrow = from * UNITS..;
        let logit_delta = &self.logit_delta[from..];
        self.d[2].to_input(rows, logit_delta, &mut self.unit_delta[1][narrow.clone()], 1);
        for layer in (0..2).rev() {
            let wide = from * UNITS * PIECES..;
            let deltas = self.piece_delta[layer][wide.clone()].chunks_exact_mut(UNITS * PIECES);
            let pieces = self.pieces[layer][wide.clone()].chunks_exact(UNITS * PIECES);
            let masks = self.masks[layer + 1][narrow.clone()].chunks_exact(UNITS);
            let units = self.unit_delta[layer][narrow.clone()].chunks_exact_mut(UNITS);
            for (((delta, pieces), mask), dy) in deltas.zip(pieces).zip(masks).zip(units) {
                let mut best = [f32::NEG_INFINITY; UNITS];
                for piece in pieces.chunks_exact(UNITS) {
                    best.iter_mut().zip(piece).for_each(|(best, a)| *best = if *a > *best { *a } else { *best });
                }
                dy.iter_mut().zip(mask).for_each(|(dy, mask)| *dy *= mask);
                for (delta, piece) in delta.chunks_exact_mut(UNITS).zip(pieces.chunks_exact(UNITS)) {
                    for (((delta, a), best), dy) in delta.iter_mut().zip(piece).zip(&best).zip(&*dy) {
                        *delta = if a == best { *dy } else { 0.0 };
                    }
                }
            }
            if layer == 1 {
                let dx = &mut self.unit_delta[0][narrow.clone()];
                self.d[1].to_input(rows, &self.piece_delta[1][wide], dx, self.threads);
            }
        }
    }

    fn update_discriminator(&mut self) {
        self.back(0);
        let Self { d, logit_delta, piece_delta, units, dropped, threads, .. } = self;
        d[2].descend(2 * BATCH, logit_delta, &units[1], 1);
        d[1].descend(2 * BATCH, &piece_delta[1], &units[0], *threads);
        d[0].descend(2 * BATCH, &piece_delta[0], dropped, *threads);
    }

    fn blame_samples(&mut self) {
        for (a, delta) in self.logits[BATCH..].iter().zip(&mut self.logit_delta[BATCH..]) {
            *delta = (1.0 / (1.0 + (-a).exp()) - 1.0) / BATCH as f32;
        }
        self.back(BATCH);
        let delta = &self.piece_delta[0][BATCH * UNITS * PIECES..];
        self.d[0].to_input(BATCH, delta, &mut self.sample_delta, self.threads);
        let masks = &self.masks[0][BATCH * DATA..];
        let samples = self.points[BATCH * DATA..].iter().zip(masks);
        self.sample_delta.iter_mut().zip(samples).for_each(|(delta, (y, mask))| *delta *= mask * y * (1.0 - y));
    }

    fn update_generator(&mut self) {
        let Self { g, hidden, hidden_delta, latents, sample_delta, threads, .. } = self;
        let [first, second] = hidden_delta;
        let rectify = |delta: &mut [f32], y: &[f32]| {
            delta.iter_mut().zip(y).for_each(|(delta, y)| *delta = if *y > 0.0 { *delta } else { 0.0 });
        };
        g[2].to_input(BATCH, sample_delta, second, *threads);
        rectify(second, &hidden[1]);
        g[2].descend(BATCH, sample_delta, &hidden[1], *threads);
        g[1].to_input(BATCH, second, first, *threads);
        rectify(first, &hidden[0]);
        g[1].descend(BATCH, second, &hidden[0], *threads);
        g[0].descend(BATCH, first, latents, *threads);
    }
}
