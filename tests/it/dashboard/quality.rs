//! What samples are like, on every page; and which of several scores is the best.

use super::TURN;
use super::browser::Tab;
use super::evaluated::{Scored, claim, score, succeeded, train};
use crate::support::server::{Engine, Server};
use gand::job::Ending;
use serde_json::json;

const ROW: &str =
    "[...document.querySelector('section[aria-label=Scores] tbody tr').cells].map((cell) => cell.innerText)";

fn scored(step: u64, log_likelihood: f64, standard_error: f64, coverage: f64) -> Scored {
    Scored { step, log_likelihood, standard_error, coverage }
}

#[tokio::test(flavor = "multi_thread")]
async fn quality_over_the_steps_is_on_the_page_of_a_job_and_in_the_list_and_the_comparison() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "quality_over_the_steps_is_on_the_page_of_a_job_and_in_the_list_and_the_comparison";
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let first = succeeded(&server, "first", &[scored(2, 10.0, 0.5, 0.25), scored(4, 20.0, 0.5, 0.75)]).await;
    let second = succeeded(&server, "second", &[scored(4, 19.0, 0.5, 0.5)]).await;

    tab.until("the list has the newest coverage", "document.querySelectorAll('.c-parzen .under').length === 2").await;
    tab.until("with its number", "document.querySelector('.jobs').innerText.includes('coverage 0.75')").await;

    tab.go_to(&format!("#/jobs/{first}")).await;
    tab.until("both evaluations are points", "document.querySelectorAll('.quality circle.dot.tone-d').length === 2")
        .await;
    let quality = tab.text("section[aria-label=Quality]").await;
    for words in ["Coverage and density", "Fréchet distance", "Entropy of the labels"] {
        assert!(quality.contains(words), "{words}: {quality}");
    }
    let floors: Vec<String> =
        tab.js("[...document.querySelectorAll('.quality .references text')].map((text) => text.textContent)").await;
    assert_eq!(floors, ["data", "floor", "data"], "each beside what the data itself has");
    let shares: Vec<String> = tab
        .js("[...document.querySelectorAll('.histogram tbody tr')].map((row) => [...row.cells].slice(2).map((cell) => cell.innerText).join(' '))")
        .await;
    assert_eq!((shares.len(), shares[0].as_str(), shares[9].as_str()), (10, "50.0 % 10.0 %", "0.0 % 10.0 %"));
    let rows: Vec<String> = tab
        .js("[...document.querySelectorAll('[aria-label=\"Table of quality\"] tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText).join(' '))")
        .await;
    assert_eq!(rows, ["4 0.75 1.25 6.54 0.93 0.69 2.30 2.50 3.00", "2 0.25 1.25 6.54 0.93 0.69 2.30 2.50 3.00"]);

    tab.go_to(&format!("#/compare?jobs={first},{second}")).await;
    tab.press_tab("Coverage").await;
    tab.until("coverage is a curve", "document.querySelectorAll('.charts circle.dot.tone-c0').length === 2").await;
    tab.until(
        "and has a number",
        "[...document.querySelectorAll('.legend-value')].some((value) => value.textContent === '0.75')",
    )
    .await;
    let row: Vec<String> = tab.js(ROW).await;
    assert_eq!(row[4..10], ["0.75", "1.25", "6.54", "0.93", "0.69", "2.30"], "{row:?}");
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_examples_stand_below_the_samples_at_the_same_scale() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "real_examples_stand_below_the_samples_at_the_same_scale";
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let job = succeeded(&server, "digits", &[]).await;

    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("both are there", "document.querySelector('.real img')?.naturalWidth > 0").await;
    for width in [1440, 900, 360] {
        tab.looks(width, 900, "light").await;
        let scales: Vec<f64> = tab
            .js("['.picture img', '.real img'].map((image) => document.querySelector(`.samples-card ${image}`)).map((image) => image.clientWidth / image.naturalWidth)")
            .await;
        assert!((scales[0] / scales[1] - 1.0).abs() < 0.01, "{scales:?} at {width}");
    }
    let kinds: Vec<String> =
        tab.js("[...document.querySelectorAll('.samples-card .kind')].map((kind) => kind.innerText)").await;
    assert_eq!(kinds, ["generated", "real"]);
    tab.press_tab("Growth").await;
    tab.until("they belong to the samples", "!document.querySelector('.real').checkVisibility()").await;
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_that_the_best_cannot_be_told_from_are_all_marked() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "scores_that_the_best_cannot_be_told_from_are_all_marked";
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let grid = json!({"dataset": "digits", "seed": [1, 2, 3], "training": {"steps": 4}});
    let sweep = server.client.post("/sweeps", &grid).await.expect(201).json();
    // The second is within the first one's error, the third is not.
    for log_likelihood in [20.0, 19.6, 19.4] {
        let claim = claim(&server).await;
        train(&server, &claim, 4).await;
        score(&server, &claim, &[scored(2, log_likelihood - 0.3, 0.1, 0.5), scored(4, log_likelihood, 0.5, 0.5)]).await;
        server.store.finish(claim.hold, Ending::Succeeded).await.unwrap().unwrap();
    }

    tab.go_to(&format!("#/sweeps/{}", sweep["id"].as_str().unwrap())).await;
    tab.until(
        "all are scored",
        "[...document.querySelectorAll('.sweep tbody tr')].filter((row) => row.innerText.includes('±')).length === 3",
    )
    .await;
    let marks: Vec<String> = tab
        .js("[...document.querySelectorAll('.sweep tbody tr')].map((row) => row.querySelector('.tag:not([hidden])')?.innerText ?? '')")
        .await;
    assert_eq!(marks, ["best within error", "best within error", ""]);
    let cells: Vec<String> =
        tab.js("[...document.querySelector('.sweep tbody tr').cells].map((cell) => cell.innerText)").await;
    assert_eq!(cells[5..9], ["0.50", "1.25", "6.54", "0.93"], "{cells:?}");

    let jobs: Vec<&str> = sweep["rows"].as_array().unwrap().iter().map(|row| row["job"].as_str().unwrap()).collect();
    tab.go_to(&format!("#/compare?jobs={}", jobs.join(","))).await;
    tab.until("they are compared", "document.querySelectorAll('section[aria-label=Scores] tbody tr').length === 3")
        .await;
    assert_eq!(tab.js::<usize>("document.querySelectorAll('section[aria-label=Scores] td.is-best').length").await, 2);

    tab.go_to(&format!("#/jobs/{}", jobs[0])).await;
    tab.until("its scores are there", "document.querySelector('section[aria-label=Evaluations] td.is-best')").await;
    let marks: Vec<String> =
        tab.js("[...document.querySelectorAll('section[aria-label=Evaluations] td.is-best')].map((cell) => cell.innerText.replace(/\\s+/g, ' '))").await;
    assert_eq!(marks, ["best within error 20.0", "best within error 19.7"]);
    tab.close().await;
}
