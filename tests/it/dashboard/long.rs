//! A job with a million rows of metrics: a page of it takes no more than one of any other.

use super::TURN;
use super::browser::Tab;
use crate::support::machine::say;
use crate::support::server::{Engine, Server};
use gand::data::Dataset;
use gand::gan::{Losses, Trainer};
use gand::job::{MetricChunk, OwnerId};
use gand::library::Library;
use gand::store::{NewCheckpoint, Record};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const ROWS: u64 = 1_000_000;
/// Where a loss runs away for a single step.
const PEAK: u64 = 654_321;

/// What a page may take, without the files of the dashboard, which the browser keeps.
const DATA: &str = r#"performance.getEntriesByType("resource").filter(({ name }) => !name.includes("/static/"))
    .reduce((sum, { transferSize }) => sum + transferSize, 0)"#;

const CURVE: &str = "document.querySelector('.charts path.line.tone-g:not(.faint)')?.getAttribute('d')";

/// Losses of a game that goes on for long: slow waves, and chance from step to step.
fn losses(step: u64) -> Losses {
    let chance = |salt: u64| {
        let mixed = (step.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 40) as f32 / (1_u64 << 24) as f32
    };
    let wave = (step as f32 / 70_000.0).sin();
    Losses {
        step,
        d_loss: 0.65 + 0.05 * wave + 0.1 * chance(1),
        g_loss: if step == PEAK { 25.0 } else { 0.8 - 0.1 * wave + 0.2 * chance(2) },
        value: -1.3 + 0.1 * chance(3),
        d_real: 0.55 + 0.1 * chance(4),
        d_fake: 0.45 + 0.1 * chance(5),
    }
}

/// A running job that has made so many steps, with one checkpoint early on, as a worker would leave it.
async fn long_job(server: &Server) -> String {
    let spec = json!({"dataset": "digits", "name": "a million steps", "training": {"steps": 2 * ROWS}});
    let id = server.client.post("/jobs", &spec).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let claim = loop {
        // PostgreSQL passes over a row that somebody else looks at just now; a worker, too, would ask again.
        let claim = server.store.claim(OwnerId::new(), "test worker", Duration::from_secs(3600)).await.unwrap();
        if let Some(claim) = claim {
            break claim;
        }
    };
    let data: Arc<Dataset> = Library::new(Vec::new()).get("digits").unwrap();
    let mut trainer = Trainer::new(&claim.job.spec, data, 1).unwrap();
    let rows = vec![trainer.step().unwrap()];
    let bytes = trainer.checkpoint().unwrap().to_bytes().unwrap().into();
    let checkpoint = NewCheckpoint { step: 1, bytes, keep: 3 };
    let records = [Record::Metrics(MetricChunk { rows })];
    server.store.publish_checkpoint(claim.hold, checkpoint, &records).await.unwrap().unwrap();
    let mut next = 2;
    while next <= ROWS {
        let rows: Vec<Losses> = (next..(next + 20_000).min(ROWS + 1)).map(losses).collect();
        next += rows.len() as u64;
        server.store.record(claim.hold, &[Record::Metrics(MetricChunk { rows })]).await.unwrap().unwrap();
    }
    id
}

async fn a_million_rows_are_a_light_page(name: &str, engine: Engine) {
    let _turn = TURN.lock().await;
    let server = Server::start(engine).await;
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let job = long_job(&server).await;

    let whole = server.client.json(&format!("/jobs/{job}/metrics?max_points=800")).await;
    let steps: Vec<u64> = serde_json::from_value(whole["step"].clone()).unwrap();
    assert!(steps.len() <= 800 && steps.contains(&PEAK) && steps.last() == Some(&ROWS), "{}", steps.len());

    tab.until("the list shows it", "document.querySelector('.jobs tbody tr')").await;
    tab.run("performance.clearResourceTimings()").await;
    let opened: f64 = tab
        .js(&format!(
            "await (async () => {{
                const start = performance.now();
                location.hash = '#/jobs/{job}';
                while (!({CURVE}?.length > 2000)) await new Promise(requestAnimationFrame);
                return performance.now() - start;
            }})()"
        ))
        .await;
    tab.until("its samples are there", "document.querySelector('.samples-card img.samples')?.naturalWidth > 0").await;
    let data: u64 = tab.js(DATA).await;
    say(&format!(
        "a million rows on {engine:?}: the page has its curves after {opened:.0} ms, with {data} bytes of data"
    ));
    assert!(data < 200_000, "the page takes {data} bytes");

    for _ in 0..6 {
        let before: String = tab.js(CURVE).await;
        tab.run("performance.clearResourceTimings()").await;
        tab.press(".plot", "+").await;
        let range = "performance.getEntriesByType('resource').find(({ name }) => name.includes('to_step='))";
        tab.until("what the window shows is asked for", &format!("{range}?.responseEnd > 0")).await;
        tab.until("and drawn", &format!("{CURVE} !== {before:?}")).await;
        let (bytes, milliseconds): (u64, f64) = tab.js(&format!("[{range}.transferSize, {range}.duration]")).await;
        say(&format!("a million rows on {engine:?}: zooming in takes {bytes} bytes and {milliseconds:.0} ms"));
        assert!(bytes < 100_000, "a zoom takes {bytes} bytes");
    }
    tab.press(".plot", "Escape").await;
    tab.until("all is shown again", "document.querySelector('.chart .ghost').hidden").await;
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_a_light_page_on_sqlite() {
    a_million_rows_are_a_light_page("a_million_rows_are_a_light_page_on_sqlite", Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_a_light_page_on_postgres() {
    a_million_rows_are_a_light_page("a_million_rows_are_a_light_page_on_postgres", Engine::Postgres).await;
}
