//! A real browser on one page: what a person can do there, and conditions to wait for.

use crate::support::machine::did_not_run;
use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchDragEventParams, DispatchDragEventType, DragData, DragDataItem,
};
use chromiumoxide::cdp::browser_protocol::page::CaptureScreenshotFormat;
use chromiumoxide::error::CdpError;
use chromiumoxide::layout::Point;
use chromiumoxide::page::{Page, ScreenshotParams};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How long anything may take that a page is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(40);

/// The protocol's code for a server's fault; Chromium answers with it where a page has gone in the middle of a look.
const NO_CONTEXT: i64 = -32000;

/// Runs before the page's own scripts: remembers what went wrong in it, which no person would see, and when its first
/// heading was there, by when all of it can be used.
const WITNESS: &str = r#"
    window.faults = [];
    new MutationObserver((_, observer) => {
        if (!document.querySelector("main h1")) return;
        window.drawnAt = performance.now();
        observer.disconnect();
    }).observe(document, { subtree: true, childList: true });
    addEventListener("error", (event) => window.faults.push(`error: ${event.message}`));
    addEventListener("unhandledrejection", (event) => window.faults.push(`rejection: ${event.reason}`));
    addEventListener("securitypolicyviolation", (event) => window.faults.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"#;

pub struct Tab {
    page: Page,
    browser: Browser,
    handler: JoinHandle<()>,
    _profile: TempDir,
}

/// The browser, if the machine has one.
fn executable() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("GAND_CHROMIUM") {
        return Some(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
}

impl Tab {
    /// Opens a browser of its own on a page; `None`, and a note, where the machine has no Chromium.
    pub async fn open(test: &str, url: &str) -> Option<Self> {
        let Some(executable) = executable() else {
            did_not_run(test, "needs Chromium (make test installs it)");
            return None;
        };
        let profile = TempDir::new().unwrap();
        // chromiumoxide puts the dashes before them.
        let quiet = [
            "disable-gpu",
            "disable-quic",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "hide-scrollbars",
        ];
        // No sandbox within a sandbox: as root, and in containers, Chromium's own cannot be set up.
        let config = BrowserConfig::builder()
            .chrome_executable(executable)
            .user_data_dir(profile.path())
            .no_sandbox()
            .viewport(None)
            .window_size(1440, 900)
            .args(quiet)
            .launch_timeout(DEADLINE)
            .build()
            .unwrap();
        let (browser, mut events) = Browser::launch(config).await.unwrap();
        let handler = tokio::spawn(async move { while events.next().await.is_some() {} });
        let page = browser.new_page("about:blank").await.unwrap();
        page.evaluate_on_new_document(WITNESS).await.unwrap();
        page.goto(url).await.unwrap();
        Some(Self { page, browser, handler, _profile: profile })
    }

    /// The value of a JavaScript expression; promises are waited for.
    pub async fn js<T: DeserializeOwned>(&self, expression: &str) -> T {
        let value = self.page.evaluate(format!("(async () => ({expression}))()")).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}")).into_value().unwrap()
    }

    /// Runs a JavaScript expression for what it does.
    pub async fn run(&self, expression: &str) {
        self.js::<bool>(&format!("(async () => {{ await ({expression}); return true; }})()")).await;
    }

    /// Runs a script of its own in the page.
    pub async fn define(&self, script: &str) {
        self.page.evaluate_expression(script).await.unwrap();
    }

    /// Waits until an expression holds.
    pub async fn until(&self, what: &str, expression: &str) {
        let started = Instant::now();
        while !self.holds(expression).await {
            if started.elapsed() > DEADLINE {
                let text: String = self.js("document.body.innerText").await;
                let faults: Vec<String> = self.js("window.faults").await;
                panic!("waited in vain until {what} ({expression})\nfaults: {faults:#?}\nthe page reads:\n{text}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether an expression holds; it does not in a page that is just being replaced, as by a reload.
    async fn holds(&self, expression: &str) -> bool {
        match self.page.evaluate(format!("(async () => Boolean({expression}))()")).await {
            Ok(value) => value.into_value().unwrap(),
            Err(CdpError::Chrome(error)) if error.code == NO_CONTEXT => false,
            Err(error) => panic!("{expression}: {error}"),
        }
    }

    /// Waits until an element is there, can be seen and can be used.
    pub async fn until_usable(&self, selector: &str) {
        let expression = format!(
            "(() => {{ const node = document.querySelector({selector:?}); return node && node.checkVisibility() && !node.disabled; }})()"
        );
        self.until(&format!("{selector} can be used"), &expression).await;
    }

    /// Clicks as a mouse would, once the element can be used.
    pub async fn click(&self, selector: &str) {
        self.until_usable(selector).await;
        let element = self.page.find_element(selector).await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("cannot click {selector}: {error}"));
    }

    /// Replaces what stands in a field by typing.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.until_usable(selector).await;
        let element = self.page.find_element(selector).await.unwrap();
        element.focus().await.unwrap();
        self.run(&format!("document.querySelector({selector:?}).select()")).await;
        element.type_str(text).await.unwrap();
    }

    /// Puts a text into a field at once and tells the page, as pasting does.
    pub async fn paste(&self, selector: &str, text: &str) {
        self.until_usable(selector).await;
        let text = serde_json::to_string(text).unwrap();
        self.run(&format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.value = {text}; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
        ))
        .await;
    }

    pub async fn text(&self, selector: &str) -> String {
        self.js(&format!("document.querySelector({selector:?})?.innerText ?? ''")).await
    }

    /// Goes to another of the dashboard's pages.
    pub async fn go_to(&self, hash: &str) {
        self.run(&format!("location.hash = {hash:?}")).await;
    }

    /// Leaves the dashboard for another page; fails if anything went wrong in the one before.
    pub async fn leave_for(&self, url: &str) {
        self.assert_faultless().await;
        self.page.goto(url).await.unwrap();
    }

    async fn assert_faultless(&self) {
        let faults: Vec<String> = self.js("window.faults").await;
        assert!(faults.is_empty(), "in the page: {faults:#?}");
    }

    /// Moves the mouse over an element, to a part of its width.
    pub async fn point_at(&self, selector: &str, across: f64) {
        self.until_usable(selector).await;
        let element = self.page.find_element(selector).await.unwrap();
        element.scroll_into_view().await.unwrap();
        let place = element.bounding_box().await.unwrap();
        // The last pixel is the element's, the place after it is not.
        let x = place.x + (across * place.width).min(place.width - 0.5);
        self.page.move_mouse(Point::new(x, place.y + place.height / 2.0)).await.unwrap();
    }

    /// Presses a key with the focus on an element.
    pub async fn press(&self, selector: &str, key: &str) {
        self.until_usable(selector).await;
        let element = self.page.find_element(selector).await.unwrap();
        element.focus().await.unwrap();
        element.press_key(key).await.unwrap();
    }

    /// Chooses a file for an input, as the system's dialog would.
    pub async fn choose_file(&self, selector: &str, file: &Path) {
        let element = self.page.find_element(selector).await.unwrap();
        let file = file.display().to_string();
        let choice = SetFileInputFilesParams::builder().file(file).backend_node_id(element.backend_node_id).build();
        self.page.execute(choice.unwrap()).await.unwrap();
    }

    /// Drags a file from elsewhere over an element and lets go.
    pub async fn drop_file(&self, selector: &str, file: &Path) {
        self.until_usable(selector).await;
        let element = self.page.find_element(selector).await.unwrap();
        let Point { x, y } = element.clickable_point().await.unwrap();
        // Chromium wants a list of items, which would not be sent empty.
        let items = vec![DragDataItem::new("text/plain", "")];
        let data = DragData { files: Some(vec![file.display().to_string()]), ..DragData::new(items, 1) };
        for kind in [DispatchDragEventType::DragEnter, DispatchDragEventType::DragOver, DispatchDragEventType::Drop] {
            self.page.execute(DispatchDragEventParams::new(kind, x, y, data.clone())).await.unwrap();
        }
    }

    /// Presses the button of a group that has these words.
    pub async fn press_tab(&self, words: &str) {
        let tab = format!("[...document.querySelectorAll('.tab')].find((tab) => tab.textContent === {words:?})");
        self.until(&format!("{words} can be chosen"), &format!("{tab}?.checkVisibility()")).await;
        self.run(&format!("{tab}.click()")).await;
    }

    /// The window's size, and the system's theme.
    pub async fn looks(&self, width: u32, height: u32, theme: &str) {
        let size = SetDeviceMetricsOverrideParams::new(i64::from(width), i64::from(height), 1.0, false);
        self.page.execute(size).await.unwrap();
        self.page.emulate_media_features(vec![MediaFeature::new("prefers-color-scheme", theme)]).await.unwrap();
    }

    /// A picture of the whole page, as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let whole = ScreenshotParams::builder().format(CaptureScreenshotFormat::Png).full_page(true).build();
        self.page.screenshot(whole).await.unwrap()
    }

    /// Ends the browser; fails if anything went wrong in the page that nobody looked at.
    pub async fn close(mut self) {
        self.assert_faultless().await;
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
        self.handler.abort();
    }
}
