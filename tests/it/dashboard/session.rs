//! Signing in, where the server asks for tokens.

use super::TURN;
use super::browser::Tab;
use super::site::Site;

#[tokio::test]
async fn a_token_opens_the_dashboard_and_a_wrong_one_does_not() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0", "--tokens", "write:correct-horse-battery,read:only-looking-around"]);
    let Some(tab) = Tab::open("a_token_opens_the_dashboard_and_a_wrong_one_does_not", site.url()).await else {
        return;
    };

    tab.fill("#token", "wrong").await;
    tab.click("#sign-in button").await;
    tab.until("the wrong one is refused", "document.querySelector('#token-error').textContent").await;
    tab.fill("#token", "correct-horse-battery").await;
    tab.click("#sign-in button").await;
    tab.until("the jobs are shown", "document.querySelector('.welcome')").await;
    assert_eq!(tab.js::<String>("document.cookie").await, "", "no script can read the cookie");
    // Signing out loads the page anew, and it is the new one that is wanted.
    tab.run("window.marker = 'before'").await;
    tab.click("#session button").await;
    tab.until("signed out again", "!window.marker && document.querySelector('#token')").await;
    tab.close().await;
}
