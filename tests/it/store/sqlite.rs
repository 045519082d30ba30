//! What holds for SQLite alone: one process a file.

use super::fixture::{new_job, sqlite_pool};
use gand::store::{self, Store, StoreError};
use std::sync::Arc;

async fn open(folder: &std::path::Path) -> Result<Arc<dyn Store>, StoreError> {
    store::open(&format!("sqlite://{}", folder.join("gand.sqlite").display())).await
}

#[tokio::test]
async fn a_file_that_is_in_use_is_refused_under_any_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await.unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for name in [folder.path(), &link] {
        assert!(matches!(open(name).await, Err(StoreError::InUse(_))), "{}", name.display());
    }
    drop(first);
    open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn the_file_and_its_folders_are_made_and_what_was_kept_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("not/yet there");
    let first = open(&deep).await.unwrap();
    first.create_job(new_job("kept"), None).await.unwrap();
    drop(first);
    let again = open(&deep).await.unwrap();
    let page = again.jobs(&Default::default(), None, 10).await.unwrap();
    assert_eq!(page.items[0].name.as_deref(), Some("kept"));
}

#[tokio::test]
async fn a_database_of_a_newer_gand_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).await.unwrap());
    let pool = sqlite_pool(&folder.path().join("gand.sqlite")).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    assert!(matches!(open(folder.path()).await, Err(StoreError::Migration(_))));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gand.sqlite"), "this is no database, but a text of some length".repeat(99))
        .unwrap();
    assert!(open(folder.path()).await.is_err());
}

#[tokio::test]
async fn urls_of_other_kinds_are_refused() {
    for url in ["mysql://localhost/x", "sqlite::memory:", "sqlite:", "gand.sqlite", ""] {
        assert!(matches!(store::open(url).await, Err(StoreError::UnknownScheme)), "{url}");
    }
}
