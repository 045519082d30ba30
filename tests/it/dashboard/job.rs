//! Watching a job, commanding it, and losing the server meanwhile.

use super::TURN;
use super::browser::Tab;
use super::site::Site;

/// A job that outlasts its test, with checkpoints often enough to be watched.
const LONG: &str =
    r#"{"dataset": "digits", "name": "watched", "training": {"steps": 5000000}, "checkpoint": {"every": 100}}"#;

const STATUS: &str = "document.querySelector('.job-head .chip')?.textContent";
const CURVE_LENGTH: &str =
    "document.querySelector('.charts path.line.tone-g:not(.faint)')?.getAttribute('d')?.length ?? 0";
const STEP: &str = "Number(document.querySelector('.tile-value')?.textContent.replaceAll(',', '') || 0)";
const SAMPLES: &str = "document.querySelector('.samples-card img.samples')";

#[tokio::test]
async fn a_job_submitted_by_the_form_is_watched_without_a_reload() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let name = "a_job_submitted_by_the_form_is_watched_without_a_reload";
    let Some(tab) = Tab::open(name, site.url()).await else { return };

    tab.until("an empty server welcomes", "document.querySelector('.welcome')").await;
    tab.click(".welcome a").await;
    tab.paste("#f-settings", LONG).await;
    tab.until("the fields follow the text", "document.querySelector('#f-name').value === 'watched'").await;
    tab.fill("#f-seed", "7").await;
    tab.click("button[type=submit]").await;
    tab.until("the job's page opens", "/^#\\/jobs\\/.+/.test(location.hash)").await;
    tab.run("window.marker = 'never reloaded'").await;

    tab.until("it runs", &format!("{STATUS} === 'running'")).await;
    tab.until("the curve has points", &format!("{CURVE_LENGTH} > 40")).await;
    let before: usize = tab.js(CURVE_LENGTH).await;
    tab.until("the curve grows", &format!("{CURVE_LENGTH} > {before} + 40")).await;
    tab.until("samples appear", &format!("{SAMPLES}?.complete && {SAMPLES}.naturalWidth > 0")).await;
    let first: String = tab.js(&format!("{SAMPLES}.src")).await;
    assert!(first.contains("seed=0"), "{first}");
    tab.until("newer samples take their place", &format!("{SAMPLES}.src !== {first:?} && {SAMPLES}.naturalWidth > 0"))
        .await;
    tab.click(".samples-card .control-row button").await;
    tab.until("another seed draws others", &format!("!{SAMPLES}.src.includes('seed=0&')")).await;
    tab.press_tab("Growth").await;
    tab.until("the newest of the timeline is shown", &format!("/timeline.step=[1-9]/.test({SAMPLES}?.src)")).await;
    tab.run("(() => { const slider = document.querySelector('#growth-step'); slider.value = 0; slider.dispatchEvent(new Event('input')); })()").await;
    tab.until(
        "the first picture is shown",
        &format!("/timeline.step=0$/.test({SAMPLES}?.src) && {SAMPLES}.naturalWidth > 0"),
    )
    .await;
    tab.press_tab("Neighbours").await;
    tab.until("neighbours are shown", &format!("{SAMPLES}?.src.includes('/neighbours') && {SAMPLES}.naturalWidth > 0"))
        .await;
    tab.until("the log says what happened", "document.querySelectorAll('.log .event').length > 1").await;
    assert!(tab.text(".meta").await.contains("seed 7"), "{}", tab.text(".meta").await);

    tab.click("button.danger-text:not([hidden])").await;
    tab.click("dialog button.danger").await;
    tab.until("it is cancelled", &format!("{STATUS} === 'cancelled'")).await;
    assert_eq!(tab.js::<String>("window.marker").await, "never reloaded");
    tab.close().await;
}

#[tokio::test]
async fn a_job_is_paused_resumed_cloned_and_deleted() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let Some(tab) = Tab::open("a_job_is_paused_resumed_cloned_and_deleted", &format!("{}/#/new", site.url())).await
    else {
        return;
    };
    let button = |word: &str| {
        format!("[...document.querySelectorAll('.job-head button')].find((button) => button.textContent === '{word}')")
    };
    let press = async |word: &str| {
        tab.until(&format!("{word} is offered"), &format!("{}?.hidden === false", button(word))).await;
        tab.run(&format!("{}.click()", button(word))).await;
    };

    tab.paste("#f-settings", LONG).await;
    tab.click("button[type=submit]").await;
    tab.until("it runs", &format!("{STATUS} === 'running' && {STEP} > 0")).await;
    press("Pause").await;
    tab.until("it pauses", &format!("{STATUS} === 'paused'")).await;
    press("Resume").await;
    let paused_at: u64 = tab.js(STEP).await;
    tab.until("it goes on", &format!("{STATUS} === 'running' && {STEP} > {paused_at}")).await;
    press("Cancel").await;
    tab.click("dialog button.danger").await;
    tab.until("it is cancelled", &format!("{STATUS} === 'cancelled'")).await;

    tab.click(".job-head a.button").await;
    tab.until("the copy has the whole spec", "document.querySelector('#f-settings')?.value.includes('discriminator')")
        .await;
    tab.run("history.back()").await;
    press("Delete").await;
    tab.click("dialog button.danger").await;
    tab.until("the list is empty again", "location.hash === '#/jobs' && document.querySelector('.welcome')").await;
    tab.close().await;
}

#[tokio::test]
async fn a_lost_server_is_said_and_its_return_needs_no_hand() {
    let _turn = TURN.lock().await;
    // No lease need lapse: the next server on the same file knows that the one before is dead.
    let mut site = Site::start(&[]);
    let name = "a_lost_server_is_said_and_its_return_needs_no_hand";
    let Some(tab) = Tab::open(name, &format!("{}/#/new", site.url())).await else { return };

    tab.paste("#f-settings", LONG).await;
    tab.click("button[type=submit]").await;
    tab.until("it has a checkpoint", &format!("{SAMPLES}?.naturalWidth > 0")).await;
    tab.run("window.marker = 'never reloaded'").await;
    site.kill();
    tab.until("the page says so", "!document.getElementById('banner').hidden").await;
    assert!(tab.text("#banner").await.contains("Disconnected"));
    let lost_at: u64 = tab.js(STEP).await;

    site.start_again();
    tab.until("the banner goes", "document.getElementById('banner').hidden").await;
    tab.until("the job goes on", &format!("{STATUS} === 'running' && {STEP} > {lost_at}")).await;
    assert_eq!(tab.js::<String>("window.marker").await, "never reloaded");
    tab.close().await;
}
