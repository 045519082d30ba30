use gand::data::digits::digits;
use gand::data::synthetic::Synthetic;
use gand::eval::centroids::centroids;
use gand::eval::reference::{Source, published, reference_rows};
use gand::eval::{Protocol, parzen};

#[test]
fn training_images_and_centroids_are_scored_under_the_protocol() {
    let data = digits().unwrap();
    let protocol = Protocol::goodfellow2014();
    let rows = reference_rows(&data, &protocol, 2).unwrap();
    assert_eq!(
        rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
        ["training images", "259 k-means centroids"]
    );
    assert!(rows.iter().all(|row| row.source == Source::Computed && row.protocol == "goodfellow2014"));
    let samples = data.train.to_vec(0..data.train.len);
    let direct = parzen::evaluate(&protocol, &samples, &data.validation, &data.test, 1).unwrap();
    assert_eq!((rows[0].log_likelihood, rows[0].samples), (direct.log_likelihood, 1297));
    assert_eq!(rows, reference_rows(&data, &protocol, 1).unwrap());
    assert_eq!(reference_rows(&Synthetic::Ring2d.dataset(), &protocol, 1).unwrap()[0].name, "training points");
}

#[test]
fn table_1_stands_beside_its_own_protocol_only() {
    let rows = published("mnist", "goodfellow2014");
    let numbers: Vec<(f64, f64)> = rows.iter().map(|row| (row.log_likelihood, row.standard_error)).collect();
    assert_eq!(numbers, [(138.0, 2.0), (121.0, 1.6), (214.0, 1.1), (225.0, 2.0)]);
    let tfd: Vec<f64> = published("tfd", "goodfellow2014").iter().map(|row| row.log_likelihood).collect();
    assert_eq!(tfd, [1909.0, 2110.0, 1890.0, 2057.0]);
    assert!(published("mnist", "fine").is_empty() && published("digits", "goodfellow2014").is_empty());
}

#[test]
fn centroids_settle_on_the_modes_of_a_ring() {
    let data = Synthetic::Ring2d.dataset();
    let density = Synthetic::Ring2d.density();
    let found = centroids(&data.train, 64, 5, 1, 2);
    let mut reached = [false; 8];
    for centroid in found.chunks(2) {
        let (mode, distance) = density.nearest_mode(&[f64::from(centroid[0]), f64::from(centroid[1])]);
        reached[mode] |= distance < 0.3;
    }
    assert_eq!(reached, [true; 8]);
    assert_eq!(found, centroids(&data.train, 64, 5, 1, 1));
}
