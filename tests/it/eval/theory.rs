use gand::data::random::Stream;
use gand::data::synthetic::Synthetic;
use gand::eval::theory::{
    Cells, descend, divergence_bound, jensen_shannon, optimal_discriminator, value, value_at_best_discriminator,
};

const LOG_4: f64 = 2.0 * std::f64::consts::LN_2;

/// The masses of N(mean, 1) in narrow cells over [−12, 16].
fn gaussian(mean: f64) -> Vec<f64> {
    let cells = 28_000;
    let width = 28.0 / f64::from(cells);
    let scale = width / std::f64::consts::TAU.sqrt();
    let at = |cell| -12.0 + (f64::from(cell) + 0.5) * width - mean;
    (0..cells).map(|cell| scale * (-0.5 * at(cell) * at(cell)).exp()).collect()
}

#[test]
fn divergences_of_gaussians_are_the_known_ones() {
    for (mean, divergence, criterion) in [
        (0.0, 0.0, -1.386_294),
        (0.5, 0.030_311, -1.325_672),
        (1.0, 0.111_421, -1.163_451),
        (2.0, 0.336_831, -0.712_633),
        (3.0, 0.526_777, -0.332_740),
        (4.0, 0.632_720, -0.120_854),
    ] {
        let found = jensen_shannon(&gaussian(0.0), &gaussian(mean));
        assert!((found - divergence).abs() < 1e-6, "{mean}: {found}");
        assert!((value_at_best_discriminator(found) - criterion).abs() < 1e-6, "{mean}");
    }
}

#[test]
fn proposition_1_the_best_discriminator_is_the_share_of_the_data() {
    let (p, q) = ([0.5, 0.5], [0.9, 0.1]);
    let best = [0, 1].map(|cell| optimal_discriminator(p[cell], q[cell]));
    assert!((best[0] - 0.357_143).abs() < 1e-6 && (best[1] - 0.833_333).abs() < 1e-6, "{best:?}");
    assert!((jensen_shannon(&p, &q) - 0.101_749).abs() < 1e-6);
    let criterion = value_at_best_discriminator(jensen_shannon(&p, &q));
    assert!((criterion - -1.182_796).abs() < 1e-6);
    assert!((value(&p, &q, &best) - criterion).abs() < 1e-12);
    // Any other discriminator is worse, and its value bounds the divergence from below.
    for step in 1..100 {
        for other in [[f64::from(step) / 100.0, best[1]], [best[0], f64::from(step) / 100.0]] {
            let lower = value(&p, &q, &other);
            assert!(lower <= criterion + 1e-12 && divergence_bound(lower) <= jensen_shannon(&p, &q) + 1e-12);
        }
    }
    assert_eq!(optimal_discriminator(0.0, 0.0), 0.5);
}

#[test]
fn theorem_1_the_value_is_lowest_where_the_distributions_agree() {
    let p = gaussian(0.0);
    assert!((value_at_best_discriminator(jensen_shannon(&p, &p)) + LOG_4).abs() < 1e-12);
    assert!((value(&[1.0], &[1.0], &[0.5]) + LOG_4).abs() < 1e-12);
    assert!((jensen_shannon(&[1.0, 0.0], &[0.0, 1.0]) - std::f64::consts::LN_2).abs() < 1e-12);
    assert!(value_at_best_discriminator(std::f64::consts::LN_2).abs() < 1e-12);
}

#[test]
fn proposition_2_descending_the_criterion_leads_to_the_data() {
    let data = Cells::new(Synthetic::Mixture1d.density()).data().to_vec();
    let uniform = vec![1.0 / data.len() as f64; data.len()];
    let (curve, reached) = descend(&data, &uniform, 1.0, 200);
    assert!(curve.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12), "{curve:?}");
    assert!((curve[200] + LOG_4).abs() < 1e-6, "{}", curve[200]);
    assert!(reached.iter().zip(&data).all(|(q, p)| (q - p).abs() < 1e-3));
    assert!((reached.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn cells_hold_all_of_a_densitys_mass() {
    for synthetic in Synthetic::ALL {
        let cells = Cells::new(synthetic.density());
        let total: f64 = cells.data().iter().sum();
        assert!((total - 1.0).abs() < 1e-6, "{synthetic:?}: {total}");
        assert!(*cells.data().last().unwrap() < 1e-6);
        assert_eq!(cells.centres().len(), (cells.len() - 1) * synthetic.shape().len());
        // The middle of a cell lies in that cell.
        let shares = cells.generated(&cells.centres());
        let each = 1.0 / (cells.len() - 1) as f64;
        assert!(shares[..cells.len() - 1].iter().all(|share| (share - each).abs() < 1e-12));
    }
}

#[test]
fn draws_of_the_data_itself_are_at_the_optimum() {
    for synthetic in Synthetic::ALL {
        let density = synthetic.density();
        let (samples, _) = density.draw(&Stream::new(5, 0), &Stream::new(5, 1), 10_000);
        let cells = Cells::new(density);
        let half = vec![0.5; cells.len() - 1];
        let found = cells.compare(&samples, Some(&half));
        let limit = if synthetic.shape().len() == 1 { 0.003 } else { 0.02 };
        assert!(found.divergence < limit, "{synthetic:?}: {found:?}");
        assert!((found.divergence / found.divergence_floor - 1.0).abs() < 0.3, "{synthetic:?}: {found:?}");
        assert!((found.criterion + LOG_4 - 2.0 * found.divergence).abs() < 1e-12);
        assert_eq!((found.modes_covered, found.samples), (found.modes, 10_000));
        assert!(found.near_a_mode > 0.98 && found.distance_to_half == Some(0.0), "{found:?}");
        assert!(found.distance_to_optimal.unwrap() < 0.08, "{found:?}");
        assert!((found.value.unwrap() + LOG_4).abs() < 1e-3, "{found:?}");
    }
}

#[test]
fn a_collapsed_generator_is_far_from_it() {
    let density = Synthetic::Ring2d.density();
    let cells = Cells::new(density.clone());
    let mode = density.modes[3];
    let samples: Vec<f32> = [mode[0] as f32, mode[1] as f32].repeat(1000);
    let found = cells.compare(&samples, None);
    assert_eq!((found.modes_covered, found.modes, found.near_a_mode), (1, 8, 1.0));
    assert!(found.divergence > 0.5 && found.value.is_none(), "{found:?}");
    let nowhere = cells.compare(&[f32::NAN, 0.0, 1e30, 1e30], None);
    assert_eq!(nowhere.modes_covered, 0);
    assert!((nowhere.divergence - std::f64::consts::LN_2).abs() < 1e-6);
}
