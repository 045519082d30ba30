//! The way between two samples, under the pointer and under the keys.

use super::TURN;
use super::browser::Tab;
use super::site::Site;
use serde_json::json;
use std::time::Duration;

/// What the stage shows, as pixels.
const SHOWN: &str = "document.querySelector('.between-stage canvas').toDataURL()";
const FRAME: &str = "Number(document.querySelector('.between-stage').dataset.frame)";

/// What of the way and of its samples was asked for since then; the page goes on asking how the job is.
fn asked_since(then: f64) -> String {
    format!(
        "performance.getEntriesByType('resource').filter(({{ name, startTime }}) =>
            startTime > {then} && /\\/(interpolations|samples)/.test(name)).map(({{ name }}) => name)"
    )
}

/// A sample of the seed that the page shows, drawn by itself, as pixels.
fn sample(index: usize) -> String {
    format!(
        "await (async () => {{
            const job = location.hash.split('/')[2];
            const {{ items }} = await (await fetch(`/jobs/${{job}}/checkpoints`)).json();
            const step = Math.max(...items.map((item) => item.step));
            const image = new Image();
            image.src = `/jobs/${{job}}/samples?count=24&columns=24&scale=1&seed=0&checkpoint=${{step}}`;
            await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [8, 8];
            canvas.getContext('2d').drawImage(image, 2 + {index} * 10, 2, 8, 8, 0, 0, 8, 8);
            return canvas.toDataURL();
        }})()"
    )
}

#[tokio::test]
async fn the_image_between_two_samples_follows_the_pointer() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let name = "the_image_between_two_samples_follows_the_pointer";
    let Some(tab) = Tab::open(name, site.url()).await else { return };
    let spec = json!({"dataset": "digits", "training": {"steps": 300}, "evaluation": {"every": 0}});
    let job = site.submit(&spec).await;
    site.until_succeeded(&job, Duration::from_secs(60)).await;

    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.press_tab("Between").await;
    tab.until("the way is there", "document.querySelector('.between-stage').ariaBusy === 'false'").await;
    tab.until("the samples are there", "document.querySelector('.between-board img').naturalWidth > 0").await;
    tab.point_at(".between-stage", 0.0).await;
    tab.until("the pointer is at one end", &format!("{FRAME} === 0")).await;
    let set_out: f64 = tab.js("performance.now()").await;
    let from: String = tab.js(SHOWN).await;
    tab.point_at(".between-stage", 0.5).await;
    tab.until("the pointer is half way", &format!("{FRAME} > 25 && {FRAME} < 38")).await;
    let half: String = tab.js(SHOWN).await;
    tab.point_at(".between-stage", 1.0).await;
    tab.until("the pointer is at the other end", &format!("{FRAME} === 63")).await;
    let to: String = tab.js(SHOWN).await;
    assert_eq!(tab.js::<Vec<String>>(&asked_since(set_out)).await, [""; 0], "nothing is asked for along the way");
    assert!(from != half && half != to && from != to);
    assert_eq!(from, tab.js::<String>(&sample(0)).await, "it begins with the one");
    assert_eq!(to, tab.js::<String>(&sample(1)).await, "it ends with the other");

    // By keys alone: another end, and along the way.
    tab.press(".between-cell:nth-child(1)", "ArrowDown").await;
    tab.until("the arrows move in the grid", "document.activeElement.ariaLabel === 'Sample 9'").await;
    tab.press(".between-cell:nth-child(9)", "Enter").await;
    tab.until("it is an end now", "document.querySelector('.between-cell:nth-child(9)').ariaPressed === 'true'").await;
    assert_eq!(tab.js::<usize>("document.querySelectorAll('.between-cell[aria-pressed=true]').length").await, 2);
    tab.press("#between-place", "Home").await;
    let ninth: String = tab.js(&sample(8)).await;
    tab.until("the way begins there", &format!("{FRAME} === 0 && {SHOWN} === {ninth:?}")).await;
    tab.press("#between-place", "PageUp").await;
    tab.until("keys lead along it", &format!("{FRAME} > 0")).await;
    let words: String = tab.js("document.querySelector('#between-place').ariaValueText").await;
    assert!(words.ends_with("% of the way from sample 9 to 2"), "{words}");
    tab.close().await;
}
