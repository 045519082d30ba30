//! Every page, at the sizes and in the themes that it is made for. `make screenshots` keeps the pictures.

use super::TURN;
use super::browser::Tab;
use super::picture::small;
use super::site::{Site, http};
use crate::support::machine::{axe, say};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Where pictures are kept, when they are.
pub const PICTURES: &str = "GAND_SCREENSHOTS";

/// A run of the length that its recipe has, for the pictures, takes longer than any one condition may.
const PATIENCE: Duration = Duration::from_secs(900);

/// Controls and pictures without a name for those who cannot see them.
const NAMELESS: &str = r#"[...document.querySelectorAll("button, input, select, textarea, a, img, progress")].filter((node) =>
    node.checkVisibility() && !(node.labels?.length || node.getAttribute("aria-label") || node.alt || node.textContent.trim() || node.title)
        && node.getAttribute("alt") !== ""
).map((node) => node.outerHTML)"#;

/// What was sent for the page and everything in it, in bytes.
const TRANSFERRED: &str = r#"[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, entry) => sum + entry.transferSize, 0)"#;

/// What a page may have in front of it: nothing that loads any more.
const READY: &str = "document.querySelector('.page, #sign-in') && !document.querySelector('.loading, [aria-busy=true]') \
                     && [...document.images].every((image) => image.complete)";

/// What axe-core calls serious or worse, each with the elements that it is about.
pub const FAULTS: &str = r#"(await axe.run(document, { resultTypes: ["violations"] })).violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`)"#;

/// A page, how to come to it, and how to tell that it is all there.
struct Shown {
    name: &'static str,
    hash: String,
    /// An expression that brings the page into the state that is looked at; done again, it changes nothing.
    prepare: &'static str,
    there: &'static str,
}

/// A server with jobs of every kind.
struct Gallery {
    site: Site,
    pages: Vec<Shown>,
    digits: String,
}

impl Gallery {
    /// `whole`: with runs as long as their recipes', for pictures that show what comes of them.
    async fn open(whole: bool) -> Self {
        let site = Site::start(&[]);
        let training = |steps: u64| if whole { json!({}) } else { json!({"steps": steps}) };
        let mut jobs = Vec::new();
        for spec in [
            json!({"dataset": "digits", "name": "handwritten digits", "tags": ["demo"], "training": training(400)}),
            json!({"dataset": "digits", "name": "without an average", "seed": 2, "training": {"steps": 400, "ema": null}}),
            json!({"dataset": "ring-2d", "name": "eight modes on a ring", "training": training(400)}),
            json!({"dataset": "gaussian-1d", "tags": ["toy"], "model": {"latent": {"dim": 1}}, "training": training(400)}),
        ] {
            jobs.push(site.submit(&spec).await);
        }
        let sweep = site
            .post(
                "/sweeps",
                &json!({"name": "rates and seeds", "dataset": "digits", "seed": [1, 2],
                    "training": {"steps": 100, "optimizer": {"type": "adam", "learning_rate": [0.0002, 0.002], "beta1": 0.5, "beta2": 0.999}}}),
            )
            .await;
        for row in sweep["rows"].as_array().unwrap() {
            jobs.push(row["job"].as_str().unwrap().to_owned());
        }
        for job in &jobs {
            site.until_succeeded(job, PATIENCE).await;
        }
        let pages = pages(&jobs, &sweep);
        Self { site, pages, digits: jobs.swap_remove(0) }
    }

    /// Brings a page into a tab, all of it.
    async fn show(&self, tab: &Tab, page: &Shown, (width, theme): (u32, &str)) {
        let Shown { name, hash, prepare, there } = page;
        tab.looks(width, 900, theme).await;
        tab.go_to(hash).await;
        tab.until(&format!("{name} is opened"), &format!("location.hash === {hash:?} && document.querySelector('h1')"))
            .await;
        if !prepare.is_empty() {
            tab.until(&format!("{name} is prepared"), prepare).await;
        }
        tab.until(&format!("{name} is shown"), &format!("({there}) && {READY}")).await;
    }
}

fn pages(jobs: &[String], sweep: &Value) -> Vec<Shown> {
    let [digits, other, ring, gaussian, ..] = jobs else { panic!("four jobs at least") };
    let between = "(() => { const tab = [...document.querySelectorAll('.tab')].find((tab) => tab.textContent === 'Between'); \
                   if (tab?.ariaPressed === 'false') tab.click(); return tab; })()";
    let shown = |name, hash: String, there| Shown { name, hash, prepare: "", there };
    vec![
        shown("jobs", "#/jobs".into(), "document.querySelectorAll('.jobs tbody tr').length === 8"),
        shown(
            "job",
            format!("#/jobs/{digits}"),
            "document.querySelector('.samples-card img.samples')?.naturalWidth > 0 && document.querySelectorAll('.charts path.line').length >= 5 \
             && document.querySelector('.log .event')",
        ),
        Shown {
            name: "between",
            hash: format!("#/jobs/{other}"),
            prepare: between,
            there: "document.querySelector('.between-board img')?.naturalWidth > 0 \
                    && document.querySelector('.between-stage').dataset.frame",
        },
        shown("new", "#/new".into(), "document.querySelectorAll('#f-dataset option').length > 2"),
        shown(
            "compare",
            format!("#/compare?jobs={digits},{other}"),
            "document.querySelectorAll('.compared-sample img').length === 3 \
             && document.querySelectorAll('.charts path.line').length >= 4",
        ),
        shown("choose", "#/compare".into(), "document.querySelectorAll('.choices input').length === 8"),
        shown(
            "sweep",
            format!("#/sweeps/{}", sweep["id"].as_str().unwrap()),
            "document.querySelectorAll('.sweep tbody tr').length === 4",
        ),
        shown(
            "theory",
            format!("#/theory?job={gaussian}"),
            "document.querySelector('.line-figure') && document.querySelectorAll('.charts path.line').length >= 2",
        ),
        shown(
            "theory-plane",
            format!("#/theory?job={ring}"),
            "document.querySelector('.plane-figure') && document.querySelectorAll('.charts path.line').length >= 2",
        ),
        shown("datasets", "#/datasets".into(), "document.querySelectorAll('.dataset-card').length > 2"),
        shown("dataset", "#/datasets/digits".into(), "document.querySelector('.facts')"),
        shown("upload", "#/upload".into(), "document.querySelector('#u-name')"),
    ]
}

/// Fails where a page is wider than its window.
async fn assert_fits(tab: &Tab, name: &str) {
    let (content, window): (u32, u32) =
        tab.js("[document.documentElement.scrollWidth, document.documentElement.clientWidth]").await;
    assert!(content <= window, "{name} is {content} wide in a window of {window}");
}

#[tokio::test]
async fn every_page_fits_its_window_in_both_themes() {
    let _turn = TURN.lock().await;
    let name = "every_page_fits_its_window_in_both_themes";
    let kept = std::env::var_os(PICTURES).map(PathBuf::from);
    let keep = async |tab: &Tab, name: &str, (width, theme): (u32, &str)| {
        assert_fits(tab, name).await;
        if let Some(folder) = kept.as_ref().filter(|_| width < 3840) {
            std::fs::write(folder.join(format!("{name}-{width}-{theme}.png")), small(&tab.picture().await)).unwrap();
        }
    };
    let looks = [360, 1440, 3840].into_iter().flat_map(|width| [(width, "light"), (width, "dark")]);

    let locked = Site::start(&["--slots", "0", "--tokens", "write:correct-horse-battery"]);
    let Some(tab) = Tab::open(name, locked.url()).await else { return };
    for look in looks.clone() {
        tab.looks(look.0, 900, look.1).await;
        tab.until("it asks for a token", READY).await;
        keep(&tab, "sign-in", look).await;
    }

    let mut gallery = Gallery::open(kept.is_some()).await;
    for page in &gallery.pages {
        for look in looks.clone() {
            if page.name == "jobs" && look == (360, "light") {
                tab.leave_for(gallery.site.url()).await;
            }
            gallery.show(&tab, page, look).await;
            keep(&tab, page.name, look).await;
        }
        let nameless: Vec<String> = tab.js(NAMELESS).await;
        assert!(nameless.is_empty(), "{} has controls without a name: {nameless:#?}", page.name);
    }
    if let Some(folder) = &kept {
        let samples = format!("{}/jobs/{}/samples?count=100&columns=20&scale=4", gallery.site.url(), gallery.digits);
        let samples = http().get(samples).send().await.unwrap().error_for_status().unwrap();
        std::fs::write(folder.join("samples.png"), samples.bytes().await.unwrap()).unwrap();
    }

    gallery.show(&tab, &gallery.pages[1], (1440, "light")).await;
    gallery.site.kill();
    tab.until("the page says that the server is gone", "!document.getElementById('banner').hidden").await;
    for look in looks {
        tab.looks(look.0, 900, look.1).await;
        keep(&tab, "disconnected", look).await;
    }
    tab.close().await;
}

#[tokio::test]
async fn the_first_load_is_light() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let Some(tab) = Tab::open("the_first_load_is_light", site.url()).await else { return };
    tab.until("the first page is there", "document.querySelector('.welcome')").await;
    let first_load: u64 = tab.js(TRANSFERRED).await;
    let (files, drawn): (u64, f64) =
        tab.js("[1 + performance.getEntriesByType('resource').length, window.drawnAt]").await;
    say(&format!("first load: {first_load} bytes in {files} answers; can be used after {drawn:.0} ms"));
    assert!(first_load < 150_000, "the first load takes {first_load} bytes");
    tab.close().await;
}

#[tokio::test]
async fn no_page_has_serious_faults_of_accessibility() {
    let _turn = TURN.lock().await;
    let name = "no_page_has_serious_faults_of_accessibility";
    let Some(axe) = axe(name) else { return };
    let locked = Site::start(&["--slots", "0", "--tokens", "write:correct-horse-battery"]);
    let Some(tab) = Tab::open(name, locked.url()).await else { return };
    // By the debugger, not by the page: its own policy lets in no script from elsewhere.
    let look_for_faults = async |name: &str| {
        if !tab.js::<bool>("typeof axe === 'object'").await {
            tab.define(&axe).await;
        }
        let faults: Vec<String> = tab.js(FAULTS).await;
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    };
    for theme in ["light", "dark"] {
        tab.looks(1440, 900, theme).await;
        tab.until("it asks for a token", READY).await;
        look_for_faults("sign-in").await;
    }
    let mut gallery = Gallery::open(false).await;
    tab.leave_for(gallery.site.url()).await;
    for page in &gallery.pages {
        for look in [(1440, "light"), (1440, "dark"), (360, "dark")] {
            gallery.show(&tab, page, look).await;
            look_for_faults(page.name).await;
        }
    }
    gallery.show(&tab, &gallery.pages[1], (1440, "light")).await;
    tab.run("document.querySelector('.job-head .danger-text:not([hidden])').click()").await;
    tab.until("a dialog asks", "document.querySelector('dialog[open]')").await;
    look_for_faults("the dialog").await;
    tab.click("dialog .button").await;
    gallery.site.kill();
    tab.until("the page says that the server is gone", "!document.getElementById('banner').hidden").await;
    for theme in ["light", "dark"] {
        tab.looks(1440, 900, theme).await;
        look_for_faults("disconnected").await;
    }
    tab.close().await;
}
