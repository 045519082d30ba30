//! Every page, at the sizes and in the themes that it is made for. `make screenshots` keeps the pictures.

use super::TURN;
use super::browser::Tab;
use super::site::Site;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Where pictures are kept, when they are.
const PICTURES: &str = "GAND_SCREENSHOTS";

/// Controls and pictures without a name for those who cannot see them.
const NAMELESS: &str = r#"[...document.querySelectorAll("button, input, select, textarea, a, img, progress")].filter((node) =>
    node.checkVisibility() && !(node.labels?.length || node.getAttribute("aria-label") || node.alt || node.textContent.trim() || node.title)
).map((node) => node.outerHTML)"#;

/// What was sent for the page and everything in it, in bytes.
const TRANSFERRED: &str = r#"[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, entry) => sum + entry.transferSize, 0)"#;

#[tokio::test]
async fn every_page_fits_its_window_in_both_themes() {
    let _turn = TURN.lock().await;
    let folder = TempDir::new().unwrap();
    let site = Site::start(&[]);
    let Some(tab) = Tab::open("every_page_fits_its_window_in_both_themes", site.url()).await else { return };
    tab.until("the first page is there", "document.querySelector('.welcome')").await;
    let first_load: u64 = tab.js(TRANSFERRED).await;
    assert!(first_load < 150_000, "the first load takes {first_load} bytes");

    // For the README's pictures a whole run; for the test, one that is quickly done.
    let kept = std::env::var_os(PICTURES).map(PathBuf::from);
    let training = if kept.is_some() { serde_json::json!({}) } else { serde_json::json!({"steps": 1200}) };
    let pictures = kept.unwrap_or_else(|| folder.path().to_owned());
    let digits =
        serde_json::json!({"dataset": "digits", "name": "handwritten digits", "tags": ["demo"], "training": training});
    let job = site.submit(&digits).await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    // A whole run takes longer than any one condition may.
    site.until_succeeded(&job, Duration::from_secs(600)).await;
    site.submit(&serde_json::json!({"dataset": "ring-2d", "name": "eight modes on a ring"})).await;
    site.submit(&serde_json::json!({"dataset": "gaussian-1d", "tags": ["toy"]})).await;

    let ready = "document.querySelector('.page') && !document.querySelector('.loading, [aria-busy=true]') && \
                 [...document.images].every((image) => image.complete)";
    for (page, hash, shown) in [
        ("jobs", "#/jobs".to_owned(), "document.querySelectorAll('.jobs tbody tr').length === 3"),
        (
            "job",
            format!("#/jobs/{job}"),
            "document.querySelector('.samples-card img') && document.querySelector('.charts path.line')",
        ),
        ("new", "#/new".to_owned(), "document.querySelectorAll('#f-dataset option').length > 2"),
        ("datasets", "#/datasets".to_owned(), "document.querySelectorAll('.dataset-card').length > 2"),
        ("dataset", "#/datasets/digits".to_owned(), "document.querySelector('.facts')"),
    ] {
        for width in [360, 1440, 3840] {
            for theme in ["light", "dark"] {
                tab.looks(width, 900, theme).await;
                tab.go_to(&hash).await;
                tab.until(&format!("{page} is shown"), &format!("{shown} && {ready}")).await;
                let (content, window): (u32, u32) =
                    tab.js("[document.documentElement.scrollWidth, document.documentElement.clientWidth]").await;
                assert!(content <= window, "{page} is {content} wide in a window of {window}");
                if width < 3840 {
                    tab.picture(&pictures.join(format!("{page}-{width}-{theme}.png"))).await;
                }
            }
        }
        let nameless: Vec<String> = tab.js(NAMELESS).await;
        assert!(nameless.is_empty(), "{page} has controls without a name: {nameless:#?}");
    }
    if std::env::var_os(PICTURES).is_some() {
        let samples =
            reqwest::get(format!("{}/jobs/{job}/samples?count=100&columns=20&scale=4", site.url())).await.unwrap();
        assert_eq!(samples.status(), 200);
        std::fs::write(pictures.join("samples.png"), samples.bytes().await.unwrap()).unwrap();
    }
    tab.close().await;
}
