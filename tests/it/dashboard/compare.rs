//! Jobs side by side, and sweeps.

use super::TURN;
use super::browser::Tab;
use super::site::Site;
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const PICTURES: &str = "[...document.querySelectorAll('.compared-sample:not(.is-real) img')]";

#[tokio::test]
async fn two_jobs_are_compared_curve_by_curve_and_sample_by_sample() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let name = "two_jobs_are_compared_curve_by_curve_and_sample_by_sample";
    let Some(tab) = Tab::open(name, site.url()).await else { return };
    for (name, seed) in [("first", 1), ("second", 2)] {
        let spec = json!({"dataset": "digits", "name": name, "seed": seed, "training": {"steps": 300}});
        site.until_succeeded(&site.submit(&spec).await, PATIENCE).await;
    }

    tab.until("both are listed", "document.querySelectorAll('.jobs tbody tr').length === 2").await;
    tab.click(".jobs tbody tr:nth-child(1) .pick input").await;
    tab.click(".jobs tbody tr:nth-child(2) .pick input").await;
    tab.click(".filters a.button").await;
    tab.until("their page opens", "location.hash.startsWith('#/compare?jobs=')").await;
    for tone in ["c0", "c1"] {
        let curve = format!("document.querySelector('.charts path.line.tone-{tone}:not(.faint)')?.getAttribute('d')");
        // A path of no numbers is long as well.
        tab.until("each has its curve", &format!("{curve}?.length > 100 && !{curve}.includes('NaN')")).await;
        let score = format!("document.querySelectorAll('.charts circle.dot.tone-{tone}').length");
        tab.until("each has its scores", &format!("{score} >= 2")).await;
    }
    let before: String = tab.js("document.querySelector('.charts path.line.tone-c0').getAttribute('d')").await;
    tab.press_tab("D(x)").await;
    tab.until(
        "another curve is shown",
        &format!("document.querySelector('.charts path.line.tone-c0').getAttribute('d') !== {before:?}"),
    )
    .await;

    let same = |seed: &str| {
        format!(
            "{PICTURES}.length === 2 && {PICTURES}.every((image) => image.naturalWidth > 0 && \
             new URL(image.src).searchParams.get('seed') === '{seed}')"
        )
    };
    tab.until("samples of one seed stand side by side", &same("0")).await;
    tab.fill("#compare-seed", "5").await;
    tab.run("document.querySelector('#compare-seed').blur()").await;
    tab.until("both draw another seed", &same("5")).await;
    let specs = tab.text("section[aria-label='Spec differences']").await;
    assert!(specs.contains("seed") && !specs.contains("training"), "only the seed differs: {specs}");
    assert_eq!(tab.js::<usize>("document.querySelectorAll('section[aria-label=Scores] tbody tr').length").await, 2);
    // Which of them is marked depends on their scores; tests of their own say how.
    assert!(tab.js::<bool>("document.querySelector('td.is-best') !== null").await);
    tab.close().await;
}
