//! Thinning curves to what a screen can show, so that no peak is lost.

use crate::gan::Losses;

/// The numbers of a row that are curves of their own.
const CURVES: [fn(&Losses) -> f32; 5] =
    [|row| row.d_loss, |row| row.g_loss, |row| row.value, |row| row.d_real, |row| row.d_fake];

/// At most `max_points` of the rows: the first, the last and, of each of equally long stretches between them, those
/// where a curve is at its lowest or highest. The highest and lowest value of every curve always stay, as long as
/// `max_points` has room for them (twelve points).
#[must_use]
pub fn thin(rows: Vec<Losses>, max_points: usize) -> Vec<Losses> {
    if rows.len() <= max_points {
        return rows;
    }
    // As many stretches as surely fit; then as many more as happen to, for extremes of several curves often coincide.
    let surely = (max_points.saturating_sub(2) / (2 * CURVES.len())).max(1);
    let mut kept = extremes(&rows, surely);
    let mut stretches = surely;
    while stretches < max_points {
        stretches += stretches.div_ceil(2);
        let more = extremes(&rows, stretches);
        if more.len() > max_points {
            break;
        }
        kept = more;
    }
    if kept.len() > max_points {
        // Fewer points than there are extremes: keep some of them, evenly.
        kept = (0..max_points).map(|point| kept[point * kept.len() / max_points]).collect();
    }
    kept.into_iter().map(|index| rows[index]).collect()
}

/// The indices of the first and last row and of every curve's lowest and highest in each stretch, ascending.
fn extremes(rows: &[Losses], stretches: usize) -> Vec<usize> {
    let length = rows.len().div_ceil(stretches);
    let mut kept = vec![0, rows.len() - 1];
    for (stretch, part) in rows.chunks(length).enumerate() {
        for curve in CURVES {
            let (mut lowest, mut highest) = (0, 0);
            for (index, row) in part.iter().enumerate() {
                if curve(row) < curve(&part[lowest]) {
                    lowest = index;
                }
                if curve(row) > curve(&part[highest]) {
                    highest = index;
                }
            }
            kept.extend([stretch * length + lowest, stretch * length + highest]);
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
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
    fn numbers_that_are_none_do_not_disturb() {
        let mut all = rows(5000);
        all[0].d_loss = f32::NAN;
        assert!(thin(all, 100).len() <= 100);
    }
}
