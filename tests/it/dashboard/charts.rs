//! What curves and the theory page say is true: live as after a reload, near as from afar.

use super::TURN;
use super::browser::Tab;
use super::site::Site;
use crate::support::server::{Engine, Server};
use gand::gan::Losses;
use gand::job::{MetricChunk, OwnerId};
use gand::store::{Claim, Record};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// What G's curve shows of its first and its last quarter: how far it swings, as shares of the whole swing; and where it
/// ends, as a share of the chart's width.
const SWING: &str = r"(() => {
    const path = document.querySelector('.charts path.line.tone-g:not(.faint)')?.getAttribute('d') ?? '';
    const points = path.slice(1).split('L').map((point) => point.split(' ').map(Number));
    const swing = (part) => Math.max(...part.map(([, y]) => y)) - Math.min(...part.map(([, y]) => y));
    const [first, last] = [points[0][0], points[points.length - 1][0]];
    const quarter = (last - first) / 4;
    const whole = swing(points);
    return [swing(points.filter(([x]) => x <= first + quarter)) / whole, swing(points.filter(([x]) => x >= last - quarter)) / whole,
        last / (document.querySelector('.plot').clientWidth - 46)];
})()";

const NEWEST: &str = "document.querySelector('.legend-item.tone-g .legend-value')?.textContent";
const NOTE: &str = "[...document.querySelectorAll('.chart')].find((chart) => chart.textContent.includes('Value V'))?.querySelector('.chart-note').textContent";

/// A running job, and the claim to tell of its steps by.
async fn running(server: &Server) -> (String, Claim) {
    let spec = json!({"dataset": "digits", "name": "told by hand", "training": {"steps": 1_000_000}});
    let id = server.client.post("/jobs", &spec).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let claim = server.store.claim(OwnerId::new(), "test worker", Duration::from_secs(3600)).await.unwrap().unwrap();
    (id, claim)
}

/// Losses that swing from step to step, but for the last of a hundred, which is calm.
fn swinging(step: u64) -> Losses {
    let g_loss = if step.is_multiple_of(100) { 0.7 } else { 0.7 + (step % 7) as f32 - 3.0 };
    Losses { step, d_loss: 0.6, g_loss, value: -1.2, d_real: 0.5, d_fake: 0.5 }
}

/// As a worker tells it: an event each hundred steps.
async fn tell(server: &Server, claim: &Claim, rows: impl Iterator<Item = Losses>) {
    let rows: Vec<Losses> = rows.collect();
    for rows in rows.chunks(100) {
        let records = [Record::Metrics(MetricChunk { rows: rows.to_vec() })];
        server.store.record(claim.hold, &records).await.unwrap().unwrap();
    }
}

async fn without_smoothing(tab: &Tab) {
    tab.until_usable("#smoothing").await;
    tab.run("(() => { const slider = document.querySelector('#smoothing'); slider.value = 0; slider.dispatchEvent(new Event('input')); })()").await;
}

/// Loads the page again, and waits until it is another.
async fn reload(tab: &Tab) {
    tab.run("(() => { window.before = true; location.reload(); })()").await;
    tab.until("the page is loaded again", "window.before === undefined && document.querySelector('h1')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_end_of_a_curve_swings_as_it_does_after_a_reload() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "the_live_end_of_a_curve_swings_as_it_does_after_a_reload";
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let (job, claim) = running(&server).await;
    tell(&server, &claim, (1..=3000).map(swinging)).await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    without_smoothing(&tab).await;
    tab.until("the curve is there", &format!("{SWING}[0] > 0.9")).await;

    tell(&server, &claim, (3001..=4000).map(swinging)).await;
    let marked = Losses { g_loss: 0.7777, ..swinging(4001) };
    tell(&server, &claim, std::iter::once(marked)).await;
    tab.until("the newest step is known", &format!("{NEWEST} === '0.7777'")).await;
    tab.until("and drawn", &format!("{SWING}[2] > 0.99")).await;
    let live: [f64; 3] = tab.js(SWING).await;
    let asked: f64 = tab
        .js("performance.getEntriesByType('resource').filter(({ name }) => name.includes('/metrics')).length / (1 + performance.now() / 1000)")
        .await;
    assert!(live[1] > 0.9, "the live end is as wild as what is behind it: {live:?}");
    assert!(asked < 1.0, "{asked} requests a second");

    reload(&tab).await;
    tab.until("all of it is there again", &format!("{NEWEST} === '0.7777' && {SWING}[2] > 0.99")).await;
    let loaded: [f64; 3] = tab.js(SWING).await;
    assert!((live[1] - loaded[1]).abs() < 0.05, "{live:?}, {loaded:?}");
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_on_the_divergence_says_how_it_was_found_and_when_it_bounds_nothing() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "the_bound_on_the_divergence_says_how_it_was_found_and_when_it_bounds_nothing";
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let (job, claim) = running(&server).await;
    // A single step beyond all others, as a minibatch gives it.
    tell(&server, &claim, (1..1000).map(swinging)).await;
    tell(&server, &claim, std::iter::once(Losses { value: -0.4, ..swinging(1000) })).await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    let words = "divergence at least 0.095 ± 0.002, mean of steps 801 to 1,000";
    tab.until("the bound is there", &format!("{NOTE} === {words:?}")).await;
    assert!(!tab.text(".tiles-card").await.contains("divergence"), "not from one minibatch");

    tell(&server, &claim, (1001..=1200).map(|step| Losses { value: -1.5, ..swinging(step) })).await;
    let words = "(V + log 4)/2 = −0.057 ± 0.000, mean of steps 1,001 to 1,200: below 0, so it bounds nothing";
    tab.until("it bounds nothing", &format!("{NOTE} === {words:?}")).await;
    tab.close().await;
}

#[tokio::test]
async fn smoothing_goes_by_distance_in_steps() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let Some(tab) = Tab::open("smoothing_goes_by_distance_in_steps", site.url()).await else { return };
    // A curve that is level between some steps, by its last step of each level, by all of them, in part by all of them, as
    // in a zoom, and as the beginning of a longer one; and a scattered one by all steps and by peaks with their means.
    let curves = r"(async () => {
        const { smoothed, spliced } = await import('/static/chart.js');
        const ends = { step: [1, 10, 40, 100, 130, 300, 310, 1000], y: [1, 5, -2, 3, 3, 0, 8, 1] };
        const between = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
        const curve = (step) => ({ step, y: step.map((step) => ends.y[ends.step.findIndex((end) => end >= step)]) });
        const at = ({ step, y }, smoothing) => ends.step.map((end) => smoothed(step, y, smoothing)[step.indexOf(end)]);
        return [0.5, 0.8, 0.98].map((smoothing) => [at(ends, smoothing), at(curve(between(1, 1000)), smoothing),
            at(spliced(ends, curve(between(101, 300))), smoothing), at({ step: [...ends.step, 2000], y: [...ends.y, 7] }, smoothing)]);
    })()";
    let curves: Vec<[Vec<f64>; 4]> = tab.js(curves).await;
    for [ends, all, zoomed, longer] in &curves {
        for other in [all, zoomed, longer] {
            for (a, b) in ends.iter().zip(other) {
                assert!((a - b).abs() < 1e-9, "{ends:?}, {other:?}");
            }
        }
    }
    assert!(curves[0][0].iter().zip(&curves[2][0]).skip(1).all(|(little, much)| (little - much).abs() > 1e-3));

    // Two points, the first for one step, the second for twenty, smoothed by a half, so that what was twenty steps ago
    // counts half.
    let half: Vec<f64> = tab.js("(await import('/static/chart.js')).smoothed([0, 20], [0, 1], 0.5)").await;
    let one_step = 1.0 - 0.5_f64.powf(1.0 / 20.0);
    assert!((half[1] - 0.5 / (0.5 + 0.5 * one_step)).abs() < 1e-9, "{half:?}");
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smoothed_curve_is_the_same_whatever_is_left_out() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "a_smoothed_curve_is_the_same_whatever_is_left_out";
    let Some(tab) = Tab::open(name, &server.client.base).await else { return };
    let (job, claim) = running(&server).await;
    // Level, but for one step in ten, which is far above.
    let spiked = |step: u64| Losses { g_loss: if step.is_multiple_of(10) { 5.0 } else { 1.0 }, ..swinging(step) };
    tell(&server, &claim, (1..=20_000).map(spiked)).await;
    let means: Vec<f64> = tab
        .js(&format!(
            "await (async () => {{
                const {{ smoothed }} = await import('/static/chart.js');
                const found = [];
                for (const points of [100, 800, 20000]) {{
                    const {{ step, g_loss, means }} = await (await fetch(`/jobs/{job}/metrics?means=true&max_points=${{points}}`)).json();
                    const smooth = smoothed(step, g_loss, 0.98, means?.g_loss);
                    found.push(Math.min(...smooth.slice(smooth.length / 2)), Math.max(...smooth.slice(smooth.length / 2)));
                }}
                return found;
            }})()"
        ))
        .await;
    // The peaks alone would have it about 3; a hundred points stand for two thousand steps at a time.
    assert!(means.iter().all(|mean| (mean - 1.4).abs() < 0.06), "{means:?}");
    assert!(means[2..].iter().all(|mean| (mean - 1.4).abs() < 0.01), "{means:?}");
    tab.close().await;
}

#[tokio::test]
async fn every_chart_names_its_axes() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let Some(tab) = Tab::open("every_chart_names_its_axes", site.url()).await else { return };
    let job = site.submit(&json!({"dataset": "gaussian-1d", "training": {"steps": 200}})).await;
    site.until_succeeded(&job, PATIENCE).await;
    let names = "[...document.querySelectorAll('.charts .axis-name')].map((name) => name.textContent).join()";
    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("the job's charts name them", &format!("{names} === 'nats,step,nats,step,probability,step'")).await;
    tab.run("(() => { const axis = document.querySelector('#axis'); axis.value = 'time'; axis.dispatchEvent(new Event('change')); })()").await;
    tab.until("also by time", &format!("{names} === 'nats,time,nats,time,probability,time'")).await;
    tab.go_to(&format!("#/theory?job={job}")).await;
    tab.until("the theory's chart names them", &format!("{names} === 'nats,step'")).await;
    tab.close().await;
}

#[tokio::test]
async fn c_of_g_of_every_evaluation_is_there_and_in_sight_after_a_reload() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let name = "c_of_g_of_every_evaluation_is_there_and_in_sight_after_a_reload";
    let Some(tab) = Tab::open(name, site.url()).await else { return };
    let spec = json!({"dataset": "ring-2d", "name": "modes", "training": {"steps": 1000},
        "checkpoint": {"every": 50, "keep": 1}, "evaluation": {"every": 50}});
    let job = site.submit(&spec).await;
    tab.go_to(&format!("#/theory?job={job}")).await;
    site.until_succeeded(&job, PATIENCE).await;
    let evaluations = site.get(&format!("/jobs/{job}/parzen")).await["items"].as_array().unwrap().len();
    assert!(evaluations > 20, "{evaluations}");
    assert!(site.get(&format!("/jobs/{job}/checkpoints")).await["items"].as_array().unwrap().len() < 4);
    let dots = "[...document.querySelectorAll('.charts circle.dot.tone-d')]";
    tab.until("each has its point, live", &format!("{dots}.length === {evaluations}")).await;
    reload(&tab).await;
    tab.until("and after a reload", &format!("{dots}.length === {evaluations}")).await;
    let frame: (f64, f64, f64, f64) = tab
        .js(&format!(
            "(() => {{ const clip = document.querySelector('.charts clipPath rect'); const at = {dots}.map((dot) => Number(dot.getAttribute('cy')));
                const top = Number(clip.getAttribute('y')); return [top, top + Number(clip.getAttribute('height')), Math.min(...at), Math.max(...at)]; }})()"
        ))
        .await;
    assert!(frame.0 <= frame.2 && frame.3 <= frame.1, "all within the frame: {frame:?}");
    let list = tab.text("#theory-job").await;
    assert!(list.contains("modes") && !list.contains("running"), "{list}");
    tab.close().await;
}

#[tokio::test]
async fn a_forks_speed_is_that_of_its_own_steps() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let Some(tab) = Tab::open("a_forks_speed_is_that_of_its_own_steps", site.url()).await else { return };
    let origin = site.submit(&json!({"dataset": "digits", "training": {"steps": 400}})).await;
    site.until_succeeded(&origin, PATIENCE).await;
    let fork = json!({"dataset": "digits", "from": {"job": origin, "step": 400}, "training": {"steps": 100}});
    let fork = site.submit(&fork).await;
    site.until_succeeded(&fork, PATIENCE).await;
    tab.go_to(&format!("#/jobs/{fork}")).await;
    let speed = "[...document.querySelectorAll('.tile')].find((tile) => tile.textContent.startsWith('Speed'))?.querySelector('.tile-value').textContent";
    tab.until("its speed is known", &format!("/[0-9]/.test({speed})")).await;
    let speed: String = tab.js(speed).await;
    assert!(speed.replace(',', "").parse::<f64>().is_ok_and(|speed| speed > 0.0), "{speed}");
    tab.close().await;
}

/// A proxy whose server is gone: it answers whatever comes by a page of its own, until it is stopped.
struct Proxy {
    stopped: Arc<AtomicBool>,
    address: SocketAddr,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    fn start(address: &str) -> Self {
        let begun = std::time::Instant::now();
        let listener = loop {
            match TcpListener::bind(address) {
                Ok(listener) => break listener,
                // The killed server's connections may have the address for a while.
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{address}: {error}"),
            }
        };
        let (address, stopped) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let stopped = Arc::clone(&stopped);
            move || {
                for stream in listener.incoming() {
                    if stopped.load(Ordering::Acquire) {
                        return;
                    }
                    let mut stream = stream.unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    let page = "<h1>502 Bad Gateway</h1>";
                    let head = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close";
                    // A browser that hangs up meanwhile is no fault.
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
                }
            }
        });
        Self { stopped, address, thread: Some(thread) }
    }

    fn stop(mut self) {
        self.stopped.store(true, Ordering::Release);
        // One more connection, for it to look.
        drop(std::net::TcpStream::connect(self.address).unwrap());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[tokio::test]
async fn a_proxys_answer_is_no_sign_of_life() {
    let _turn = TURN.lock().await;
    let mut site = Site::start(&["--slots", "0"]);
    let Some(tab) = Tab::open("a_proxys_answer_is_no_sign_of_life", site.url()).await else { return };
    let job = site.submit(&json!({"dataset": "digits"})).await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("the page is there", "document.querySelector('.job-head')").await;
    site.kill();
    let proxy = Proxy::start(site.url().trim_start_matches("http://"));
    tab.until("the page says that gand is gone", "!document.getElementById('banner').hidden").await;
    let counting = "(() => { const ask = fetch; window.answers = 0; \
                    window.fetch = async (...request) => { const answer = await ask(...request); window.answers += 1; return answer; }; })()";
    tab.run(counting).await;
    tab.until("the proxy has answered again and again", "window.answers > 2").await;
    assert!(tab.js::<bool>("!document.getElementById('banner').hidden").await, "and gand is still gone");
    proxy.stop();
    site.start_again();
    tab.until("the banner goes", "document.getElementById('banner').hidden").await;
    tab.close().await;
}
