//! A dataset of the user's own: from a file on the desk to a trained job.

use super::TURN;
use super::browser::Tab;
use super::site::Site;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;

const STATUS: &str = "document.querySelector('.job-head .chip')?.textContent";

/// Forty pictures of 12 × 12, in a folder for each of two classes.
fn zipped_images() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (class, slope) in [("falling", 5_usize), ("rising", 9)] {
        for image in 0..20 {
            let pixels = (0..144).map(|pixel| ((pixel * slope + image * 11) % 256) as u8).collect();
            let picture = gand::render::Picture { width: 12, height: 12, channels: 1, pixels };
            archive.start_file(format!("{class}/{image}.png"), SimpleFileOptions::default()).unwrap();
            archive.write_all(&gand::render::png::encode(&picture).unwrap()).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_zip_that_is_dropped_becomes_a_dataset_and_is_trained_on() {
    let _turn = TURN.lock().await;
    let site = Site::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Two Slopes.zip");
    std::fs::write(&file, zipped_images()).unwrap();
    let name = "a_zip_that_is_dropped_becomes_a_dataset_and_is_trained_on";
    let Some(tab) = Tab::open(name, &format!("{}/#/datasets", site.url())).await else { return };

    tab.click(".page-head a[href='#/upload']").await;
    tab.drop_file(".drop", &file).await;
    tab.until("the file's name suggests one", "document.querySelector('#u-name').value === 'two-slopes'").await;
    tab.fill("#u-name", "Two Slopes").await;
    tab.fill("#u-size", "0x5").await;
    tab.click(".upload button[type=submit]").await;
    for field in ["u-name", "u-size"] {
        tab.until("each fault stands at its field", &format!("document.querySelector('#{field}-error').textContent"))
            .await;
        assert!(tab.js::<bool>(&format!("document.querySelector('#{field}').ariaInvalid === 'true'")).await);
    }
    assert!(tab.js::<bool>("document.activeElement.id === 'u-name'").await, "the first bad field has the focus");
    assert_eq!(tab.text("#u-channels-error").await, "");

    tab.fill("#u-name", "two-slopes").await;
    tab.fill("#u-size", "10x10").await;
    tab.run(
        "(() => { window.said = []; const words = document.querySelector('.upload-progress .hint'); \
         new MutationObserver(() => window.said.push(words.textContent)).observe(words, { childList: true, characterData: true, subtree: true }); })()",
    )
    .await;
    tab.click(".upload button[type=submit]").await;
    tab.until("its examples are shown", "document.querySelector('.upload-result img')?.naturalWidth > 0").await;
    let said: Vec<String> = tab.js("window.said").await;
    assert!(said.iter().any(|words| words.contains(" of ") && words.contains('%')), "how far it is: {said:?}");
    assert!(said.iter().any(|words| words.starts_with("All sent")), "that the server reads it: {said:?}");
    let facts = tab.text(".upload-result .facts").await;
    let set = site.get("/datasets/two-slopes").await;
    assert_eq!(set["shape"]["height"], 10);
    for (word, count) in [("Train", &set["counts"]["train"]), ("Test", &set["counts"]["test"])] {
        assert!(facts.contains(&format!("{word}\n{count}")), "{facts}");
    }
    assert!(facts.contains("10 × 10") && facts.contains("falling, rising"), "{facts}");

    tab.click(".upload-result a.primary").await;
    tab.until("the form knows it", "document.querySelector('#f-dataset')?.value === 'two-slopes'").await;
    let spec = r#"{"dataset": "two-slopes", "training": {"steps": 40}, "evaluation": {"every": 0}}"#;
    tab.paste("#f-settings", spec).await;
    tab.click("button[type=submit]").await;
    tab.until("it is trained on to the end", &format!("{STATUS} === 'succeeded'")).await;
    tab.until("and has samples", "document.querySelector('.samples-card img.samples')?.naturalWidth > 0").await;

    tab.go_to("#/datasets/two-slopes").await;
    tab.click(".page-head button.danger-text").await;
    tab.click("dialog button.danger").await;
    tab.until("it is gone again", "location.hash === '#/datasets' && document.querySelector('.dataset-card')").await;
    assert!(!tab.text("main").await.contains("two-slopes"));
    tab.close().await;
}

#[tokio::test]
async fn what_is_no_dataset_is_refused_at_the_file() {
    let _turn = TURN.lock().await;
    let site = Site::start(&["--slots", "0"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.zip");
    std::fs::write(&file, b"milk, eggs, flour").unwrap();
    let name = "what_is_no_dataset_is_refused_at_the_file";
    let Some(tab) = Tab::open(name, &format!("{}/#/upload", site.url())).await else { return };

    tab.click(".upload button[type=submit]").await;
    tab.until("a file is asked for", "document.querySelector('#u-file-error').textContent").await;
    tab.choose_file("#u-file", &file).await;
    tab.until("it is taken", "document.querySelector('.drop-name').textContent.startsWith('notes.zip')").await;
    assert_eq!(tab.text("#u-file-error").await, "", "the fault before is no more");
    tab.fill("#u-name", "digits").await;
    tab.click(".upload button[type=submit]").await;
    tab.until("a name that is taken is refused", "document.querySelector('#u-name-error').textContent").await;
    tab.fill("#u-name", "notes").await;
    tab.click(".upload button[type=submit]").await;
    tab.until("the file is refused", "document.querySelector('#u-file-error').textContent").await;
    tab.until_usable(".upload button[type=submit]").await;
    assert_eq!(
        site.get("/datasets").await["items"].as_array().unwrap().iter().filter(|set| set["name"] == "notes").count(),
        0
    );
    tab.close().await;
}
