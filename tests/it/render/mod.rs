//! Pictures, decoded again.

mod animation;
mod plot;

use gand::data::Shape;
use gand::data::synthetic::Synthetic;
use gand::render::grid::natural_scale;
use gand::render::{GridStyle, Picture, grid, png, samples_picture};

fn decoded(picture: &Picture) -> image::DynamicImage {
    image::load_from_memory(&png::encode(picture).unwrap()).unwrap()
}

#[test]
fn a_png_holds_exactly_the_picture() {
    let grey = Picture { width: 3, height: 2, channels: 1, pixels: vec![0, 50, 100, 150, 200, 255] };
    assert_eq!(decoded(&grey).as_luma8().unwrap().as_raw(), &grey.pixels);
    let rgb = Picture { width: 2, height: 1, channels: 3, pixels: vec![1, 2, 3, 250, 251, 252] };
    assert_eq!(decoded(&rgb).as_rgb8().unwrap().as_raw(), &rgb.pixels);
    assert_eq!(png::encode(&grey).unwrap(), png::encode(&grey).unwrap());
}

#[test]
fn an_empty_picture_is_refused() {
    assert!(png::encode(&Picture { width: 0, height: 0, channels: 1, pixels: Vec::new() }).is_err());
}

#[test]
fn images_stand_in_order_with_gaps_between() {
    let shape = Shape { height: 1, width: 2, channels: 1 };
    let style = GridStyle { columns: 2, scale: 1, gap: 1 };
    let picture = grid(&[0.0, 1.0, 0.5, -3.0, 9.0, 0.2], shape, style);
    assert_eq!((picture.width, picture.height), (7, 5));
    let gap = gand::render::colour::GAP;
    assert_eq!(picture.pixels[7..14], [gap, 0, 255, gap, 128, 0, gap]);
    assert_eq!(picture.pixels[21..28], [gap, 255, 51, gap, gap, gap, gap]);
}

#[test]
fn scaled_images_repeat_each_pixel() {
    let shape = Shape { height: 1, width: 1, channels: 3 };
    let picture = grid(&[1.0, 0.0, 0.5], shape, GridStyle { columns: 0, scale: 3, gap: 0 });
    assert_eq!((picture.width, picture.height, picture.channels), (3, 3, 3));
    assert!(picture.pixels.chunks(3).all(|pixel| pixel == [255, 0, 128]));
}

#[test]
fn a_grid_without_columns_is_about_square() {
    let style = GridStyle::new(0, 1);
    let columns = [1, 2, 3, 4, 5, 64, 65, 100, 10_000].map(|count| style.columns_for(count));
    assert_eq!(columns, [1, 2, 2, 2, 3, 8, 9, 10, 100]);
    assert_eq!(GridStyle::new(10, 1).columns_for(3), 3);
    assert_eq!(natural_scale(Shape { height: 28, width: 28, channels: 1 }), 2);
}

#[test]
fn numbers_that_are_none_are_drawn_as_black_not_as_a_fault() {
    let shape = Shape { height: 1, width: 1, channels: 1 };
    let picture = grid(&[f32::NAN], shape, GridStyle { columns: 1, scale: 1, gap: 0 });
    assert_eq!(picture.pixels, [0]);
    for synthetic in Synthetic::ALL {
        let shape = synthetic.shape();
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 0.0];
        let picture = samples_picture(&values, shape, Some(&synthetic.density()), 0, 0);
        assert!(png::encode(&picture).is_ok());
    }
}

#[test]
fn points_of_the_data_are_drawn_where_its_density_is() {
    for synthetic in Synthetic::ALL {
        let data = synthetic.dataset();
        let values = data.train.to_vec(0..2000);
        let density = synthetic.density();
        let drawn = samples_picture(&values, data.shape, Some(&density), 0, 1);
        let blank = samples_picture(&[], data.shape, Some(&density), 0, 1);
        assert_eq!((drawn.width, drawn.height, drawn.channels), (256, 256, 3));
        assert_ne!(drawn, blank, "{synthetic:?}");
        assert_ne!(blank, samples_picture(&[], data.shape, None, 0, 1), "{synthetic:?} shows no density");
    }
}
