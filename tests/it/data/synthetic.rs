use gand::data::synthetic::{COUNTS, Synthetic};

#[test]
fn every_density_integrates_to_one() {
    for synthetic in Synthetic::ALL {
        let density = synthetic.density();
        let (cells, bounds) = (400, density.bounds());
        let axis = |place: usize, (low, high): (f64, f64)| low + (high - low) * (place as f64 + 0.5) / cells as f64;
        let cell: f64 = bounds.iter().map(|(low, high)| (high - low) / cells as f64).product();
        let total: f64 = if density.dim == 1 {
            (0..cells).map(|x| density.density(&[axis(x, bounds[0])])).sum()
        } else {
            let pairs =
                (0..cells * cells).map(|place| [axis(place % cells, bounds[0]), axis(place / cells, bounds[1])]);
            pairs.map(|point| density.density(&point)).sum()
        };
        assert!((total * cell - 1.0).abs() < 1e-6, "{synthetic:?}: {}", total * cell);
    }
}

#[test]
fn draws_follow_their_density() {
    for synthetic in Synthetic::ALL {
        let (data, density) = (synthetic.dataset(), synthetic.density());
        assert_eq!([data.train.len, data.validation.len, data.test.len], COUNTS);
        let points: Vec<f64> = data.train.to_vec(0..data.train.len).iter().map(|value| f64::from(*value)).collect();
        let mut counts = vec![0_usize; density.modes.len()];
        let mut squares = 0.0;
        for point in points.chunks(density.dim) {
            let (mode, distance) = density.nearest_mode(point);
            counts[mode] += 1;
            squares += distance * distance;
        }
        let expected = COUNTS[0] as f64 / counts.len() as f64;
        for count in &counts {
            let spread = 5.0 * expected.sqrt();
            assert!((*count as f64 - expected).abs() <= spread, "{synthetic:?}: {counts:?}");
        }
        let deviation = (squares / (COUNTS[0] * density.dim) as f64).sqrt();
        assert!((deviation / density.deviation - 1.0).abs() < 0.03, "{synthetic:?}: {deviation}");
    }
}

#[test]
fn labels_are_the_modes_that_points_were_drawn_around() {
    let (data, density) = (Synthetic::Ring2d.dataset(), Synthetic::Ring2d.density());
    assert_eq!(data.label_names.len(), 8);
    let labels = data.test.labels.as_ref().unwrap();
    for (point, label) in data.test.to_vec(0..data.test.len).chunks(2).zip(labels.iter()) {
        let point = [f64::from(point[0]), f64::from(point[1])];
        assert_eq!(density.nearest_mode(&point).0, usize::from(*label));
    }
}

#[test]
fn the_same_points_are_drawn_every_time_and_no_two_splits_share_them() {
    let (once, again) = (Synthetic::Gaussian1d.dataset(), Synthetic::Gaussian1d.dataset());
    assert_eq!(once.digest, again.digest);
    let points = |split: &gand::data::Split| split.to_vec(0..1000);
    assert_ne!(points(&once.train), points(&once.validation));
    assert_ne!(points(&once.train), points(&once.test));
}
