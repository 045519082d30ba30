use gand::render::plot::{self, Figure1, Losses, Reference, Score};

fn losses(title: &str, of: Losses<'_>) -> Result<String, gand::render::PictureError> {
    plot::losses(title, of).svg()
}

fn parzen(title: &str, scores: &[Score], references: &[Reference<'_>]) -> Result<String, gand::render::PictureError> {
    plot::parzen(title, scores, references).svg()
}

fn figure_1(title: &str, figure: Figure1<'_>) -> Result<String, gand::render::PictureError> {
    plot::figure_1(title, figure).svg()
}

/// Every tag that is opened is closed, and no number is none.
fn assert_well_formed(svg: &str) {
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.trim().to_owned()), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap().to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn losses_are_drawn_with_the_line_at_ln_2() {
    let columns = Losses { step: &[1, 2, 3], discriminator: &[0.6, 0.65, 0.69], generator: &[1.2, 0.9, 0.7] };
    let svg = losses("a run", columns).unwrap();
    assert_well_formed(&svg);
    assert!(svg.contains("a run") && svg.contains("ln 2") && svg.contains("generator"));
    assert_eq!(svg, losses("a run", columns).unwrap());
}

#[test]
fn every_axis_has_its_name_and_unit() {
    let flat = [0.5; 3];
    let figure = Figure1 { x: &[-1.0, 0.0, 1.0], data: &flat, generated: &flat, discriminator: None, mapping: &[] };
    let columns = Losses { step: &[1, 2], discriminator: &[0.6, 0.7], generator: &[1.2, 0.9] };
    for (svg, names) in [
        (losses("a", columns).unwrap(), ["step", "loss, nats"]),
        (parzen("b", &[], &[]).unwrap(), ["step", "log-likelihood, nats"]),
        (plot::criterion("c", &[-1.0, -1.2]).svg().unwrap(), ["step", "C(G), nats"]),
        (figure_1("d", figure).unwrap(), ["x", "density; D(x)"]),
    ] {
        assert_well_formed(&svg);
        let texts: Vec<&str> = svg.split("</text>").filter_map(|text| Some(text.rsplit_once('>')?.1.trim())).collect();
        for name in names {
            assert!(texts.contains(&name), "{name} in {texts:?}");
        }
    }
}

#[test]
fn titles_cannot_break_out_of_their_text() {
    let svg = losses("</svg><script>&", Losses { step: &[], discriminator: &[], generator: &[] }).unwrap();
    assert_well_formed(&svg);
    assert!(!svg.contains("<script") && svg.contains("no steps yet"));
}

#[test]
fn losses_that_are_no_numbers_leave_a_gap() {
    let d = [0.6, f32::NAN, f32::INFINITY, 0.69];
    let svg =
        losses("x", Losses { step: &[1, 2, 3, 4], discriminator: &d, generator: &[1e30, 0.9, 0.7, 0.7] }).unwrap();
    assert_well_formed(&svg);
}

#[test]
fn scores_stand_beside_their_references() {
    let score = |step, log_likelihood| Score { step, log_likelihood, standard_error: 2.0 };
    let references = [
        Reference { name: "training images", log_likelihood: 241.0 },
        Reference { name: "k-means centroids", log_likelihood: 323.0 },
    ];
    let svg = parzen("scores", &[score(1, -1e9), score(2, 100.0), score(3, 200.0)], &references).unwrap();
    assert_well_formed(&svg);
    assert!(svg.contains("training images 241") && svg.contains("k-means centroids 323"));
    assert_well_formed(&parzen("none", &[], &[]).unwrap());
    assert_well_formed(&parzen("one", &[score(5, 1.0)], &[]).unwrap());
}

#[test]
fn figure_1_shows_the_densities_the_discriminator_and_the_mapping() {
    let (x, flat) = ([-1.0, 0.0, 1.0], [0.5; 3]);
    let figure = Figure1 { x: &x, data: &flat, generated: &flat, discriminator: Some(&flat), mapping: &[(0.0, 0.5)] };
    let svg = figure_1("step 5", figure).unwrap();
    assert_well_formed(&svg);
    for name in ["p_data", "p_g", "D"] {
        assert!(svg.contains(name));
    }
    let empty = Figure1 { x: &[], data: &[], generated: &[], discriminator: None, mapping: &[] };
    assert_well_formed(&figure_1("nothing", empty).unwrap());
}

#[test]
fn a_plot_as_a_picture_has_its_lines_and_its_letters() {
    let columns = Losses { step: &[1, 2, 3], discriminator: &[0.6, 0.65, 0.69], generator: &[1.2, 0.9, 0.7] };
    let picture = |title: &str| plot::losses(title, columns).picture().unwrap();
    let named = picture("a run");
    assert_eq!((named.width, named.height, named.channels), (760, 420, 3));
    assert_eq!(named, picture("a run"), "the same chart, the same pixels");
    // The title is drawn, and nowhere but at the top.
    let other = picture("another");
    let rows = |picture: &gand::render::Picture| -> Vec<Vec<u8>> {
        picture.pixels.chunks_exact(760 * 3).map(<[u8]>::to_vec).collect()
    };
    let differ: Vec<usize> =
        rows(&named).iter().zip(rows(&other)).enumerate().filter(|(_, (a, b))| **a != *b).map(|(row, _)| row).collect();
    assert!(!differ.is_empty() && differ.iter().all(|row| *row < 40), "{differ:?}");
    let colours: std::collections::BTreeSet<&[u8]> = named.pixels.chunks_exact(3).collect();
    assert!(colours.len() > 20, "anti-aliased letters have many shades: {}", colours.len());
}
