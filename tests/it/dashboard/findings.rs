//! What health has found stands where one looks.
//!
//! The findings are put into the server's answers on their way into the page: what the page makes of each is looked at
//! here, and that the server finds them elsewhere.

use super::TURN;
use super::browser::Tab;
use super::site::Site;
use crate::support::machine::axe;
use serde_json::json;

/// Makes the first job of all answers collapsed, and the second one's discriminator win.
const FOUND: &str = r#"{
    const asked = window.fetch;
    const collapse = { kind: "collapse", severity: "critical" };
    const wins = { kind: "discriminator_wins", severity: "warning" };
    const health = [
        { kind: "few_samples", severity: "info", step: 100, until_step: null, detail: "of 500 samples" },
        { ...wins, step: 400, until_step: 1200, detail: "D(x) was 0.99" },
        { ...collapse, step: 900, until_step: null, detail: "coverage 0.03" },
    ];
    const seen = [];
    const mark = (job) => {
        const id = job.job ?? job.id;
        if (!seen.includes(id)) seen.push(id);
        seen.sort();
        job.verdict = [collapse, wins][seen.indexOf(id)] ?? null;
        job.health = job.verdict === collapse ? health : [];
    };
    window.fetch = async (path, options) => {
        const answer = await asked(path, options);
        if (!/^\/(jobs|sweeps)/.test(path) || !answer.headers.get("content-type")?.includes("json")) return answer;
        const document = await answer.json();
        for (const job of [document, ...(document.items ?? []), ...(document.rows ?? [])]) {
            if (job.status && (job.spec || job.job)) mark(job);
        }
        return new Response(JSON.stringify(document), answer);
    };
}"#;

#[tokio::test]
async fn the_gravest_finding_stands_beside_every_status() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let name = "the_gravest_finding_stands_beside_every_status";
    let grid = json!({"dataset": "digits", "seed": [1, 2, 3], "training": {"steps": 10}});
    let sweep = site.post("/sweeps", &grid).await;
    let jobs: Vec<&str> = sweep["rows"].as_array().unwrap().iter().map(|row| row["job"].as_str().unwrap()).collect();
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", site.url())).await else { return };
    tab.define(FOUND).await;
    let said = |within: &str| {
        // As a screen reader has it: the comma between the two is not seen.
        format!(
            "[...document.querySelectorAll('{within} .state')].map((state) => [...state.children].filter((part) => !part.hidden).map((part) => part.textContent).join('')).sort()"
        )
    };
    let all = ["queued", "queued, D has won", "queued, collapsed"];
    let axe = axe(name);

    let compared = format!("#/compare?jobs={}", jobs.join(","));
    let pages = [
        ("#/jobs".to_owned(), ".jobs", &all[..]),
        (compared, ".compared", &all[..]),
        ("#/compare".to_owned(), ".choices", &all[..]),
        (format!("#/sweeps/{}", sweep["id"].as_str().unwrap()), ".sweep", &all[..]),
        (format!("#/jobs/{}", jobs[0]), ".job-head", &all[2..]),
    ];
    for (hash, within, expected) in &pages {
        tab.go_to(hash).await;
        let wanted = serde_json::to_string(expected).unwrap();
        tab.until(&format!("{hash} has them"), &format!("JSON.stringify({}) === {wanted:?}", said(within))).await;
        for (width, theme) in [(1440, "light"), (360, "dark")] {
            tab.looks(width, 900, theme).await;
            let wide: Vec<u32> =
                tab.js("[document.documentElement.scrollWidth, document.documentElement.clientWidth]").await;
            assert!(wide[0] <= wide[1], "{hash} is {} wide in a window of {}", wide[0], wide[1]);
            if let Some(axe) = &axe {
                tab.define(axe).await;
                let faults: Vec<String> = tab.js(super::pages::FAULTS).await;
                assert!(faults.is_empty(), "{hash}, {width}, {theme}: {faults:#?}");
            }
        }
        tab.looks(1440, 900, "light").await;
    }

    tab.go_to("#/jobs").await;
    tab.click(".jobs .chip.critical").await;
    tab.until("the chip leads to the findings", "document.activeElement.id === 'findings'").await;
    assert!(tab.js::<String>("location.hash").await.ends_with(jobs[0]), "and the address is the job's");
    tab.close().await;
}

#[tokio::test]
async fn findings_that_hold_come_first_and_ended_ones_are_folded() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let name = "findings_that_hold_come_first_and_ended_ones_are_folded";
    let job = site.submit(&json!({"dataset": "digits"})).await;
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", site.url())).await else { return };
    tab.define(FOUND).await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("they are listed", "document.querySelectorAll('#findings > div > .findings > li').length === 2").await;
    let holding = tab.text("#findings .findings").await;
    let (grave, light) = (holding.find("Since step 900").unwrap(), holding.find("Since step 100").unwrap());
    assert!(grave < light && holding.contains("coverage 0.03") && !holding.contains("1,200"), "{holding}");
    assert!(!tab.text("#findings").await.contains("Steps 400"), "what ended is folded");
    tab.click("#findings summary").await;
    tab.until("it can be unfolded", "document.querySelector('.ended').innerText.includes('Steps 400 to 1,200')").await;
    tab.close().await;
}
