use super::drive::{claim, submit, train, trained};
use crate::support::server::Server;
use gand::data::{npy, npz};
use reqwest::header::{ACCEPT, IF_NONE_MATCH};
use serde_json::json;

pub(super) async fn every_format_shows_the_same_samples(server: Server) {
    let id = trained(&server).await;
    let path = format!("/jobs/{id}/samples?count=5&seed=3");
    let from_npy = server.client.get(&format!("{path}&format=npy")).await.expect(200);
    let array = npy::parse(&from_npy.body).unwrap();
    assert_eq!(array.shape, [5, 8, 8, 1]);
    let values = array.to_f32();
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));

    let from_npz = server.client.get(&format!("{path}&format=npz")).await.expect(200);
    let arrays = npz::parse(&from_npz.body, 1 << 20).unwrap();
    let (z, x) = (&arrays[0], &arrays[1]);
    assert_eq!((z.0.as_str(), z.1.shape.as_slice()), ("z", [5, 8].as_slice()));
    assert_eq!((x.0.as_str(), x.1.to_f32()), ("x", values.clone()));

    let from_json = server.client.get(&format!("{path}&format=json")).await.expect(200).json();
    assert_eq!((&from_json["job"], &from_json["step"], &from_json["seed"]), (&json!(id), &json!(20), &json!(3)));
    assert_eq!((&from_json["count"], &from_json["shape"]), (&json!(5), &json!([8, 8, 1])));
    let nested: Vec<Vec<Vec<Vec<f32>>>> = serde_json::from_value(from_json["samples"].clone()).unwrap();
    assert_eq!(nested.into_iter().flatten().flatten().flatten().collect::<Vec<_>>(), values);

    let picture = server.client.get(&format!("{path}&format=png&columns=5&scale=1")).await.expect(200);
    let picture = gand::render::png::decode(&picture.body).unwrap();
    assert_eq!(picture.channels, 1);
    for (accept, content_type) in [
        ("image/png", "image/png"),
        ("application/json", "application/json"),
        ("application/x-npy", "application/x-npy"),
        ("application/zip", "application/x-npz"),
        ("*/*", "image/png"),
    ] {
        let answer = server.client.get_with(&path, ACCEPT, accept).await.expect(200);
        assert_eq!(answer.header("content-type"), content_type);
    }
}

pub(super) async fn a_sample_does_not_depend_on_the_count(server: Server) {
    let id = trained(&server).await;
    let draw = async |query: &str| {
        let answer = server.client.get(&format!("/jobs/{id}/samples?format=npy&{query}")).await.expect(200);
        npy::parse(&answer.body).unwrap().to_f32()
    };
    let many = draw("count=1000").await;
    let few = draw("count=3").await;
    assert_eq!(many[..few.len()], few[..]);
    // Requests at the same time share passes, and get what they would alone.
    let together =
        futures::future::join_all((1..=20).map(|count| draw(Box::leak(format!("count={count}").into_boxed_str()))))
            .await;
    for (index, values) in together.iter().enumerate() {
        assert_eq!(values.len(), (index + 1) * 64);
        assert_eq!(many[..values.len()], values[..]);
    }
    assert_ne!(draw("count=3&seed=1").await, few);
    assert_ne!(draw("count=3&checkpoint=10").await, few);
    assert_ne!(draw("count=3&weights=raw").await, few);
    assert_eq!(draw("count=3&weights=ema&checkpoint=final").await, few);
}

pub(super) async fn the_same_query_gives_the_same_bytes_and_no_second_copy(server: Server) {
    let id = trained(&server).await;
    let named = format!("/jobs/{id}/samples?checkpoint=20&format=png");
    let first = server.client.get(&named).await.expect(200);
    assert!(first.header("cache-control").contains("immutable"));
    assert_eq!(first.header("gand-checkpoint-step"), "20");
    assert_eq!(server.client.get(&named).await.expect(200).body, first.body);
    let newest = server.client.get(&format!("/jobs/{id}/samples?format=png")).await.expect(200);
    assert_eq!(newest.header("cache-control"), "no-cache");
    assert_eq!((newest.header("etag"), &newest.body), (first.header("etag"), &first.body));
    let unchanged = server.client.get_with(&named, IF_NONE_MATCH, first.header("etag")).await.expect(304);
    assert_eq!((unchanged.header("gand-checkpoint-step"), unchanged.header("vary")), ("20", "accept"));
    let other = server.client.get(&format!("{named}&seed=1")).await.expect(200);
    assert_ne!(other.header("etag"), first.header("etag"));
}

pub(super) async fn interpolations_neighbours_and_timelines_are_pictures(server: Server) {
    let id = trained(&server).await;
    let begins = |bytes: &[u8], magic: &[u8]| assert!(bytes.starts_with(magic), "{:?}", &bytes[..8]);
    let png: &[u8] = b"\x89PNG";
    for (path, magic) in [
        ("interpolations?pairs=2&frames=5", png),
        ("interpolations?pairs=2&frames=5&path=spherical&format=gif", b"GIF89a"),
        ("interpolations?pairs=3&frames=4&format=apng", png),
        ("neighbours?count=4", png),
        ("timeline", b"GIF89a"),
        ("timeline?format=apng", png),
        ("timeline?step=10", png),
        ("plots/losses", b"<svg"),
        ("plots/losses?format=png", png),
    ] {
        let answer = server.client.get(&format!("/jobs/{id}/{path}")).await.expect(200);
        begins(&answer.body, magic);
        server.client.get_with(&format!("/jobs/{id}/{path}"), IF_NONE_MATCH, answer.header("etag")).await.expect(304);
    }
    let found = server.client.json(&format!("/jobs/{id}/neighbours?count=4&format=json")).await;
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert!(items.iter().all(|item| item["distance"].as_f64().unwrap() > 0.0 && item["label"].is_string()), "{found}");
    let steps = server.client.json(&format!("/jobs/{id}/timeline?format=json")).await;
    assert_eq!(steps["steps"], json!([10, 20]));
    server.client.get(&format!("/jobs/{id}/timeline?step=11")).await.problem(404, "not-found");
    begins(&server.client.get(&format!("/jobs/{id}/plots/parzen")).await.expect(200).body, b"<svg");
    server.client.get(&format!("/jobs/{id}/plots/theory")).await.problem(404, "not-found");
    server.client.get(&format!("/jobs/{id}/theory")).await.problem(404, "not-found");
    // Of two samples the path begins and ends with their own pictures, whichever way.
    let path = async |query: &str| {
        let path = format!("/jobs/{id}/interpolations?frames=4&scale=1&{query}");
        gand::render::png::decode(&server.client.get(&path).await.expect(200).body).unwrap()
    };
    let (there, back) = (path("between=1,6").await, path("between=6,1").await);
    let image = |picture: &gand::render::Picture, place: usize| {
        let pitch = (picture.width - 2) / 4;
        let row = |y: usize| (0..8).map(move |x| picture.pixels[(2 + y) * picture.width + 2 + place * pitch + x]);
        (0..8).flat_map(row).collect::<Vec<u8>>()
    };
    for place in 0..4 {
        assert_eq!(image(&there, place), image(&back, 3 - place));
    }
    assert_ne!(image(&there, 0), image(&there, 3));
    let wrong = server.client.get(&format!("/jobs/{id}/interpolations?between=1")).await;
    assert_eq!(wrong.pointers(), ["/between"]);
    let wrong = server.client.get(&format!("/jobs/{id}/interpolations?pairs=0&frames=1&path=up")).await;
    assert_eq!(wrong.pointers(), ["/pairs", "/frames", "/path"]);
}

pub(super) async fn a_job_on_a_known_density_is_held_against_it(server: Server) {
    for (dataset, dimensions, modes) in [("gaussian-1d", "1", 1), ("ring-2d", "2", 8)] {
        let body = json!({"dataset": dataset, "training": {"steps": 20}});
        let id = submit(&server, &body).await;
        let claimed = claim(&server).await;
        train(&server, claimed, &[20]).await;
        let path = format!("/jobs/{id}/theory");
        let answer = server.client.get(&path).await.expect(200);
        let found = answer.json();
        let number = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name} of {found}"));
        let divergence = number("divergence");
        assert!(divergence > number("divergence_floor") && divergence <= 2.0_f64.ln(), "{divergence}");
        assert!((number("criterion") - (2.0 * divergence - 4.0_f64.ln())).abs() < 1e-12);
        // Theorem 1: no discriminator gets a higher value than the best one, but for what lies outside the cells.
        assert!(number("value") <= number("criterion") + 0.05, "{found}");
        assert_eq!((&found["step"], &found["modes"]), (&json!(20), &json!(modes)));
        let figure = &found["figure"];
        assert_eq!(figure["dimensions"], dimensions);
        let field = figure["discriminator"].as_array().unwrap();
        assert!(field.iter().all(|value| (0.0..=1.0).contains(&value.as_f64().unwrap())));
        if dimensions == "2" {
            assert_eq!(field.len(), 48 * 48);
            server.client.get(&format!("/jobs/{id}/plots/theory")).await.problem(404, "not-found");
        } else {
            // p_data integrates to one over the places.
            let column = |name: &str| -> Vec<f64> { serde_json::from_value(figure[name].clone()).unwrap() };
            let x = column("x");
            assert_eq!(field.len(), x.len());
            let mass: f64 = column("data").iter().sum::<f64>() * (x[1] - x[0]);
            assert!((mass - 1.0).abs() < 1e-3, "{mass}");
            let svg = server.client.get(&format!("/jobs/{id}/plots/theory")).await.expect(200);
            assert!(svg.text().contains("<svg"));
        }
        server.client.get_with(&path, IF_NONE_MATCH, answer.header("etag")).await.expect(304);
    }
}
