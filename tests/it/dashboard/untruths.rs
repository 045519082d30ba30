//! What the pages once said that was not so.

use super::TURN;
use super::browser::Tab;
use super::evaluated::{Scored, begun, digits, succeeded, train};
use super::site::Site;
use crate::support::server::{Engine, Server};
use gand::job::Ending;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_score_and_its_error_are_whole_at_every_width() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let Some(tab) = Tab::open("a_score_and_its_error_are_whole_at_every_width", &server.client.base).await else {
        return;
    };
    let scored = Scored { step: 4, log_likelihood: 916.2, standard_error: 54.3, coverage: 0.5 };
    let job = succeeded(&server, "wide", &[scored]).await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    let tile = "document.querySelector('.tile:last-child')";
    tab.until("the score is there", &format!("{tile}?.innerText.includes('916.2')")).await;
    assert!(tab.js::<String>(&format!("{tile}.innerText")).await.contains("± 54.3"));
    for width in [1440, 1180, 900, 700, 360] {
        tab.looks(width, 900, "light").await;
        let cut: Vec<String> = tab
            .js("[...document.querySelectorAll('.tile > *')].filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.innerText)")
            .await;
        assert!(cut.is_empty(), "cut at {width}: {cut:?}");
    }
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_jobs_samples_are_loading_until_they_are_known() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "a_finished_jobs_samples_are_loading_until_they_are_known";
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", server.client.base)).await else { return };
    let job = succeeded(&server, "finished", &[]).await;
    // The list of checkpoints is on its way until the test lets it in.
    tab.define(
        "{ const asked = window.fetch; const held = new Promise((resolve) => { window.letIn = resolve; }); \
         window.held = 0; \
         window.fetch = async (path, options) => { if (path.includes('/checkpoints')) { window.held += 1; await held; } return asked(path, options); }; }",
    )
    .await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("the page waits", "window.held > 0 && document.querySelector('.samples-card .picture')").await;
    assert_eq!(tab.text(".samples-card .picture").await, "Loading…");
    tab.run("window.letIn()").await;
    tab.until("they come", "document.querySelector('.samples-card .picture img')?.naturalWidth > 0").await;
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extending_says_the_step_it_ends_at_and_asks_for_that() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "extending_says_the_step_it_ends_at_and_asks_for_that";
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", server.client.base)).await else { return };
    let (job, claim) = begun(&server, &digits("cancelled early", 20_000)).await;
    train(&server, &claim, 6).await;
    server.client.post(&format!("/jobs/{job}/cancel"), &json!({})).await.expect(200);
    server.store.finish(claim.hold, Ending::Cancelled).await.unwrap().unwrap();
    tab.define(
        "{ const asked = window.fetch; window.sent = []; \
         window.fetch = (path, options) => { if (path.endsWith('/extend')) window.sent.push(JSON.parse(options.body)); return asked(path, options); }; }",
    )
    .await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("it was cancelled", "document.querySelector('.job-head .chip')?.textContent === 'cancelled'").await;
    tab.run(
        "[...document.querySelectorAll('.job-head button')].find((button) => button.textContent === 'Extend').click()",
    )
    .await;
    tab.fill("#more-steps", "500").await;
    assert_eq!(tab.text(".extend-end").await, "Trains from step 6 to step 506.");
    tab.click("dialog button[type=submit]").await;
    tab.until("it is asked for", "window.sent.length === 1").await;
    assert_eq!(tab.js::<Value>("window.sent[0]").await, json!({"to_step": 506}));
    tab.close().await;
}

#[tokio::test]
async fn a_forks_speed_is_that_of_its_own_steps() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let name = "a_forks_speed_is_that_of_its_own_steps";
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", site.url())).await else { return };
    let origin =
        site.submit(&json!({"dataset": "digits", "training": {"steps": 40}, "evaluation": {"every": 0}})).await;
    site.until_succeeded(&origin, PATIENCE).await;
    let fork = json!({"dataset": "digits", "training": {"steps": 10}, "evaluation": {"every": 0}, "from": {"job": origin, "step": 40}});
    let fork = site.submit(&fork).await;
    site.until_succeeded(&fork, PATIENCE).await;
    tab.go_to(&format!("#/jobs/{fork}")).await;
    let speed = "Number(document.querySelector('.tile:nth-child(2) .tile-value')?.innerText.replaceAll(',', ''))";
    tab.until("its speed is known", &format!("!Number.isNaN({speed})")).await;
    assert!(tab.js::<f64>(speed).await > 0.0, "{}", tab.text(".tile:nth-child(2)").await);
    tab.close().await;
}

#[tokio::test]
async fn a_job_that_changed_nothing_is_as_its_recipe_has_it() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let name = "a_job_that_changed_nothing_is_as_its_recipe_has_it";
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", site.url())).await else { return };
    for (dataset, recipe) in [("digits", "digits"), ("digits", "modern"), ("digits", "fast"), ("ring-2d", "toy-2d")] {
        let job = site.submit(&json!({"dataset": dataset, "recipe": recipe})).await;
        tab.go_to(&format!("#/jobs/{job}")).await;
        tab.until(
            "the page is the job's",
            &format!("document.querySelector('.meta')?.innerText.includes({:?})", &job[28..]),
        )
        .await;
        tab.until("it is compared", "document.querySelector('.changes')?.textContent").await;
        let said: String = tab.js("document.querySelector('.changes').textContent").await;
        assert_eq!(said, format!("As the recipe {recipe} has it."));
    }
    tab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn published_scores_are_marked_and_have_the_digits_that_were_published() {
    let _turn = TURN.lock().await;
    let server = Server::start(Engine::Sqlite).await;
    let name = "published_scores_are_marked_and_have_the_digits_that_were_published";
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", server.client.base)).await else { return };
    let job = succeeded(&server, "digits", &[]).await;
    let published: Vec<Value> = gand::eval::reference::published("mnist", "goodfellow2014")
        .iter()
        .map(|row| serde_json::to_value(row).unwrap())
        .collect();
    assert_eq!(published[0]["source"], "published", "as the API has it");
    // The digits have none of their own; MNIST's stand for them.
    tab.define(&format!(
        "{{ const asked = window.fetch; const reference = {}; \
         window.fetch = async (path, options) => {{ const answer = await asked(path, options); \
         return path.endsWith('/parzen') ? new Response(JSON.stringify({{ ...await answer.json(), reference }}), answer) : answer; }}; }}",
        Value::from(published)
    ))
    .await;
    tab.go_to(&format!("#/jobs/{job}")).await;
    tab.until("they are there", "document.querySelectorAll('tbody.reference tr').length === 4").await;
    let rows: Vec<String> = tab
        .js("[...document.querySelectorAll('tbody.reference tr')].map((row) => [...row.cells].slice(0, 3).map((cell) => cell.innerText).join(' '))")
        .await;
    let squeezed: Vec<String> = rows.iter().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(squeezed[3].contains("published 225 2"), "{squeezed:?}");
    assert!(squeezed[1].contains("published 121 1.6"), "{squeezed:?}");
    assert!(squeezed.iter().all(|row| row.contains("published")), "{squeezed:?}");
    tab.close().await;
}
