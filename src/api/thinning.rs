//! Thinning curves to what a screen can show, so that no peak is lost.

use crate::gan::Losses;

/// The numbers of a row that are curves of their own.
const CURVES: [fn(&Losses) -> f32; 5] =
    [|row| row.d_loss, |row| row.g_loss, |row| row.value, |row| row.d_real, |row| row.d_fake];

/// A row that is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Kept {
    /// The row.
    pub row: Losses,
    /// The mean of every curve over the stretch that the row stands for: what is kept of a stretch are its peaks, whose
    /// mean is another.
    pub mean: Losses,
}

/// Takes rows in ascending order, one pass over however many there are, and keeps at most `most` of them: the first,
/// the last and, of each of equally long stretches between them, those where a curve is at its lowest or highest. The
/// highest and lowest value of every curve always stay, as long as `most` has room for them (twelve points).
///
/// Its memory is that of `most` stretches: whenever there are more, each two neighbours become one.
#[derive(Debug)]
pub struct Thinner {
    most: usize,
    /// All rows, as long as they are few.
    few: Vec<Losses>,
    /// Each of `length` rows, but for the last, which has `filled`.
    stretches: Vec<Stretch>,
    length: usize,
    filled: usize,
    last: Option<Losses>,
}

/// The rows of a stretch where a curve is lowest and highest, and what its finite values sum up to, in the order of
/// [`CURVES`].
#[derive(Clone, Copy, Debug)]
struct Stretch {
    extremes: [[Losses; 2]; CURVES.len()],
    sums: [f64; CURVES.len()],
    counts: [u32; CURVES.len()],
}

impl Stretch {
    fn of(row: Losses) -> Self {
        let mut stretch =
            Self { extremes: [[row; 2]; CURVES.len()], sums: Default::default(), counts: Default::default() };
        stretch.count(row);
        stretch
    }

    fn count(&mut self, row: Losses) {
        for (curve, of) in CURVES.iter().enumerate() {
            let value = f64::from(of(&row));
            if value.is_finite() {
                self.sums[curve] += value;
                self.counts[curve] += 1;
            }
        }
    }

    fn take(&mut self, lowest: Losses, highest: Losses, curve: usize) {
        let of = CURVES[curve];
        let [low, high] = &mut self.extremes[curve];
        // What is no number gives way to any that is.
        if of(&lowest) < of(low) || of(low).is_nan() {
            *low = lowest;
        }
        if of(&highest) > of(high) || of(high).is_nan() {
            *high = highest;
        }
    }

    fn add(&mut self, row: Losses) {
        self.count(row);
        for curve in 0..CURVES.len() {
            self.take(row, row, curve);
        }
    }

    fn merged(stretches: &[Self]) -> Option<Self> {
        let (first, others) = stretches.split_first()?;
        let mut merged = *first;
        for other in others {
            for (curve, [lowest, highest]) in other.extremes.into_iter().enumerate() {
                merged.take(lowest, highest, curve);
                merged.sums[curve] += other.sums[curve];
                merged.counts[curve] += other.counts[curve];
            }
        }
        Some(merged)
    }

    /// Its rows, ascending, each once.
    fn rows(&self) -> Vec<Kept> {
        let mut rows: Vec<Losses> = self.extremes.into_iter().flatten().collect();
        rows.sort_unstable_by_key(|row| row.step);
        rows.dedup_by_key(|row| row.step);
        rows.into_iter().map(|row| self.kept(row)).collect()
    }

    /// One of its rows, beside its means.
    fn kept(&self, row: Losses) -> Kept {
        let mean = |curve: usize| (self.sums[curve] / f64::from(self.counts[curve])) as f32;
        let [d_loss, g_loss, value, d_real, d_fake] = [0, 1, 2, 3, 4].map(mean);
        Kept { row, mean: Losses { step: row.step, d_loss, g_loss, value, d_real, d_fake } }
    }
}

impl Thinner {
    /// One that keeps at most so many rows.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, few: Vec::new(), stretches: Vec::new(), length: 1, filled: 1, last: None }
    }

    /// Takes the rows that come next.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = Losses>) {
        for row in rows {
            self.last = Some(row);
            if self.stretches.is_empty() {
                self.few.push(row);
                if self.few.len() > self.most {
                    self.stretches = self.few.iter().copied().map(Stretch::of).collect();
                }
                continue;
            }
            match self.stretches.last_mut() {
                Some(open) if self.filled < self.length => {
                    open.add(row);
                    self.filled += 1;
                }
                _ => {
                    if self.stretches.len() > self.most && self.stretches.len().is_multiple_of(2) {
                        self.stretches = self.stretches.chunks(2).filter_map(Stretch::merged).collect();
                        self.length *= 2;
                    }
                    self.stretches.push(Stretch::of(row));
                    self.filled = 1;
                }
            }
        }
    }

    /// What is kept, ascending.
    #[must_use]
    pub fn finish(self) -> Vec<Kept> {
        let (Some(first), Some(last)) = (self.few.first().copied(), self.last) else { return Vec::new() };
        if self.stretches.is_empty() {
            return self.few.into_iter().map(|row| Kept { row, mean: row }).collect();
        }
        // As few neighbours become one as the limit allows; extremes of several curves often coincide.
        let mut kept = Vec::new();
        for together in 1..=self.stretches.len() {
            kept.clear();
            let mut newest = None;
            for group in self.stretches.chunks(together) {
                let Some(stretch) = Stretch::merged(group) else { continue };
                if kept.is_empty() {
                    kept.push(stretch.kept(first));
                }
                kept.extend(stretch.rows());
                newest = Some(stretch);
                if kept.len() > self.most.saturating_add(2) {
                    break;
                }
            }
            kept.extend(newest.map(|stretch| stretch.kept(last)));
            kept.dedup_by_key(|kept| kept.row.step);
            if kept.len() <= self.most {
                return kept;
            }
        }
        // Fewer points than there are extremes: keep some of them, evenly.
        (0..self.most).map(|point| kept[point * kept.len() / self.most]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u64) -> Vec<Losses> {
        let wave = |step: u64, period: f32| (step as f32 / period).sin();
        (1..=count)
            .map(|step| Losses {
                step,
                d_loss: wave(step, 3.0),
                g_loss: wave(step, 5.0),
                value: wave(step, 7.0),
                d_real: wave(step, 11.0),
                d_fake: wave(step, 13.0),
            })
            .collect()
    }

    fn thin(rows: Vec<Losses>, most: usize) -> Vec<Losses> {
        let mut thinner = Thinner::new(most);
        // In pieces, as the store gives them.
        for piece in rows.chunks(777) {
            thinner.extend(piece.iter().copied());
        }
        thinner.finish().into_iter().map(|kept| kept.row).collect()
    }

    #[test]
    fn means_are_those_of_the_rows_and_not_of_the_peaks() {
        // Mostly a slow slope; one step in twenty far above it.
        let slope = |step: u64| step as f32 / 100_000.0;
        let mut all = rows(100_000);
        for row in &mut all {
            row.g_loss = slope(row.step) + if row.step.is_multiple_of(20) { 10.0 } else { 0.0 };
        }
        all[777].g_loss = f32::NAN;
        let mut thinner = Thinner::new(500);
        thinner.extend(all);
        let kept = thinner.finish();
        assert!(kept.iter().filter(|kept| kept.row.g_loss > 5.0).count() > kept.len() / 15, "peaks are kept");
        for Kept { row, mean } in &kept {
            assert!((mean.g_loss - slope(row.step) - 0.5).abs() < 0.1, "{row:?}, {mean:?}");
        }
        let mut few = Thinner::new(200);
        few.extend(rows(200));
        assert!(few.finish().iter().all(|kept| kept.mean == kept.row));
    }

    #[test]
    fn few_rows_stay_as_they_are() {
        assert_eq!(thin(rows(1000), 1000), rows(1000));
        assert_eq!(thin(Vec::new(), 10), []);
    }

    #[test]
    fn peaks_of_every_curve_stay() {
        let mut all = rows(100_000);
        all[31_337].d_loss = 50.0;
        all[31_338].g_loss = 60.0;
        all[77_777].value = -70.0;
        all[5].d_real = 1.5;
        all[99_998].d_fake = -1.5;
        let kept = thin(all, 1000);
        assert!(kept.len() <= 1000 && kept.len() > 500, "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0].step < pair[1].step));
        assert_eq!((kept[0].step, kept[kept.len() - 1].step), (1, 100_000));
        assert!(kept.iter().any(|row| row.d_loss == 50.0));
        assert!(kept.iter().any(|row| row.g_loss == 60.0));
        assert!(kept.iter().any(|row| row.value == -70.0));
        assert!(kept.iter().any(|row| row.d_real == 1.5));
        assert!(kept.iter().any(|row| row.d_fake == -1.5));
    }

    #[test]
    fn the_limit_holds_however_small() {
        for max_points in 1..40 {
            let kept = thin(rows(5000), max_points);
            assert!(kept.len() <= max_points && !kept.is_empty(), "{max_points}: {}", kept.len());
        }
    }

    #[test]
    fn numbers_that_are_none_do_not_hide_the_others() {
        let mut all = rows(5000);
        for row in &mut all[..4000] {
            row.d_loss = f32::NAN;
        }
        all[2500].d_loss = -9.0;
        all[2501].d_loss = 9.0;
        let kept = thin(all, 100);
        assert!(kept.len() <= 100);
        assert!([-9.0, 9.0].iter().all(|peak| kept.iter().any(|row| row.d_loss == *peak)));
    }

    #[test]
    fn every_stretch_has_its_points() {
        let kept = thin(rows(1_000_000), 800);
        assert!(kept.len() > 600 && kept.len() <= 800, "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[1].step - pair[0].step < 20_000), "no part of the curve is left out");
    }
}
