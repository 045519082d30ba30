//! The form: what is wrong stands where it is wrong.

use super::TURN;
use super::browser::Tab;
use super::site::Site;

#[tokio::test]
async fn each_fault_of_a_spec_stands_at_its_field() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let Some(tab) = Tab::open("each_fault_of_a_spec_stands_at_its_field", &format!("{}/#/new", site.url())).await
    else {
        return;
    };

    tab.fill("#f-steps", "0").await;
    tab.click("button[type=submit]").await;
    tab.until("the fault stands at the steps", "document.querySelector('#f-steps-error').textContent").await;
    assert!(tab.js::<bool>("document.querySelector('#f-steps').getAttribute('aria-invalid') === 'true'").await);
    assert!(tab.js::<bool>("document.activeElement.id === 'f-steps'").await, "the first bad field has the focus");
    assert!(tab.js::<bool>("!document.querySelector('#f-seed').hasAttribute('aria-invalid')").await);

    tab.paste("#f-settings", r#"{"dataset": "digits", "training": {"batch_size": 0}, "colour": "blue"}"#).await;
    tab.click("button[type=submit]").await;
    tab.until("faults without a field are listed", "document.querySelectorAll('.errors li').length === 2").await;
    tab.click(".errors li:first-child button").await;
    let selected: String = tab
        .js("(() => { const text = document.querySelector('#f-settings'); return text.value.slice(text.selectionStart, text.selectionEnd).trim(); })()")
        .await;
    assert!(selected == r#""batch_size": 0"# || selected == r#""colour": "blue""#, "{selected}");

    tab.paste("#f-settings", "{").await;
    tab.click("button[type=submit]").await;
    tab.until("what is no JSON is said", "document.querySelector('#f-settings-error').textContent").await;

    tab.paste("#f-settings", r#"{"dataset": "digits", "training": {"steps": 10}}"#).await;
    tab.click("button[type=submit]").await;
    tab.until("what is right is taken", "/^#\\/jobs\\/.+/.test(location.hash)").await;
    tab.until("it waits", "document.querySelector('.job-head .chip')?.textContent === 'queued'").await;
    tab.close().await;
}
