//! Metrics as the tables hold them: a row for consecutive steps, each column a little-endian 32-bit float a step.

use super::StoreError;
use super::values::{signed, unsigned};
use crate::gan::Losses;

/// A row is filled up to so many steps, or until a checkpoint starts the next one.
pub(super) const STEPS_A_ROW: usize = 1024;

/// Consecutive steps in packed columns.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct MetricRow {
    pub(super) first_step: i64,
    pub(super) d_loss: Vec<u8>,
    pub(super) g_loss: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) d_real: Vec<u8>,
    pub(super) d_fake: Vec<u8>,
}

impl MetricRow {
    /// Packs steps, which must be consecutive.
    pub(super) fn pack(steps: &[Losses]) -> Self {
        let column = |of: fn(&Losses) -> f32| steps.iter().flat_map(|losses| of(losses).to_le_bytes()).collect();
        Self {
            first_step: steps.first().map_or(0, |losses| signed(losses.step)),
            d_loss: column(|losses| losses.d_loss),
            g_loss: column(|losses| losses.g_loss),
            value: column(|losses| losses.value),
            d_real: column(|losses| losses.d_real),
            d_fake: column(|losses| losses.d_fake),
        }
    }

    /// The steps again.
    pub(super) fn unpack(&self) -> Result<Vec<Losses>, StoreError> {
        let columns = [&self.d_loss, &self.g_loss, &self.value, &self.d_real, &self.d_fake];
        let len = self.d_loss.len();
        if !len.is_multiple_of(4) || columns.iter().any(|column| column.len() != len) {
            return Err(StoreError::Corrupt(format!("the metrics from step {} on are torn", self.first_step)));
        }
        let first = unsigned(self.first_step);
        let [d_loss, g_loss, value, d_real, d_fake] = columns.map(|column| floats(column));
        Ok((first..)
            .zip(d_loss.zip(g_loss).zip(value.zip(d_real).zip(d_fake)))
            .map(|(step, ((d_loss, g_loss), ((value, d_real), d_fake)))| Losses {
                step,
                d_loss,
                g_loss,
                value,
                d_real,
                d_fake,
            })
            .collect())
    }
}

fn floats(column: &[u8]) -> impl Iterator<Item = f32> {
    column.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// One step in 20 bytes, as the jobs table keeps the newest.
pub(super) fn pack_one(losses: &Losses) -> Vec<u8> {
    [losses.d_loss, losses.g_loss, losses.value, losses.d_real, losses.d_fake]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect()
}

/// The step again.
pub(super) fn unpack_one(step: u64, bytes: &[u8]) -> Result<Losses, StoreError> {
    match *floats(bytes).collect::<Vec<_>>() {
        [d_loss, g_loss, value, d_real, d_fake] if bytes.len() == 20 => {
            Ok(Losses { step, d_loss, g_loss, value, d_real, d_fake })
        }
        _ => Err(StoreError::Corrupt(format!("the newest metrics, of step {step}, are torn"))),
    }
}

/// Steps in runs without gaps, none longer than a row.
pub(super) fn runs(steps: &[Losses]) -> impl Iterator<Item = &[Losses]> {
    steps.chunk_by(|a, b| a.step + 1 == b.step).flat_map(|run| run.chunks(STEPS_A_ROW))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(step: u64) -> Losses {
        let x = step as f32;
        Losses { step, d_loss: x, g_loss: -x, value: 1.0 / x, d_real: x * 0.1, d_fake: f32::MIN_POSITIVE }
    }

    #[test]
    fn packed_steps_unpack_to_the_bit() {
        let steps: Vec<_> = (5..900).map(losses).collect();
        assert_eq!(MetricRow::pack(&steps).unpack().unwrap(), steps);
        assert_eq!(unpack_one(5, &pack_one(&steps[0])).unwrap(), steps[0]);
    }

    #[test]
    fn numbers_that_are_not_finite_survive() {
        let odd = Losses { d_loss: f32::NAN, g_loss: f32::INFINITY, ..losses(3) };
        let back = MetricRow::pack(&[odd]).unpack().unwrap();
        assert!(back[0].d_loss.is_nan() && back[0].g_loss == f32::INFINITY);
    }

    #[test]
    fn torn_columns_are_refused() {
        let mut row = MetricRow::pack(&[losses(1), losses(2)]);
        row.value.pop();
        assert!(matches!(row.unpack(), Err(StoreError::Corrupt(_))));
        assert!(matches!(unpack_one(1, &[0; 19]), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn runs_break_at_gaps_and_at_a_full_row() {
        let steps: Vec<_> = (1..=3).chain(10..=10 + STEPS_A_ROW as u64).map(losses).collect();
        let runs: Vec<_> = runs(&steps).map(|run| (run[0].step, run.len())).collect();
        assert_eq!(runs, [(1, 3), (10, STEPS_A_ROW), (10 + STEPS_A_ROW as u64, 1)]);
    }
}
