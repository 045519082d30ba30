use super::{failure, gand, stdout};

#[test]
fn proposition_2_the_criterion_falls_to_minus_log_4_and_never_rises() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("curve.svg");
    let output = gand(&["theory", "--density", "ring-2d", "--svg", svg.to_str().unwrap()]);
    let text = stdout(&output);
    let criteria: Vec<f64> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!((text.lines().next(), criteria.len()), (Some("step,criterion,divergence"), 301));
    assert!(criteria.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9), "{criteria:?}");
    assert!((criteria[300] + 4.0_f64.ln()).abs() < 1e-6, "{}", criteria[300]);
    assert!(std::fs::read_to_string(svg).unwrap().contains("Proposition 2"));
    assert!(failure(3, &gand(&["theory", "--density", "mnist"])).contains("no known density"));
}
