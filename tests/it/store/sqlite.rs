//! What holds for SQLite alone: one process a file.

use super::fixture::{LONG, checkpoint, file, new_job, sqlite_pool};
use super::old::{self, OLD_STEP};
use gand::job::{Ending, OwnerId};
use gand::store::{self, Store, StoreError};
use std::path::Path;
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

/// The names of the files of checkpoints, sorted.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("gand.sqlite-checkpoints")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_a_killed_process_left_beside_its_checkpoints_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.create_job(new_job("one"), None).await.unwrap();
    let hold = store.claim(OwnerId::new(), "w", LONG).await.unwrap().unwrap().hold;
    store.publish_checkpoint(hold, checkpoint(10, file(1, 100), 3), &[]).await.unwrap().unwrap();
    let mut kept = files(folder.path());
    assert_eq!(kept, [format!("{}.safetensors", blake3::hash(&file(1, 100)))]);
    drop(store);
    // Killed while it wrote; killed when it had written, and not yet published or not yet removed.
    let of = |name: &str| folder.path().join("gand.sqlite-checkpoints").join(name);
    std::fs::write(of("0.part"), file(2, 50)).unwrap();
    std::fs::write(of(&format!("{}.safetensors", blake3::hash(&file(2, 100)))), file(2, 100)).unwrap();
    // What is not named as gand names files is not gand's to remove.
    for name in ["README", "mine.safetensors", "notes.part"] {
        std::fs::write(of(name), "somebody else's").unwrap();
        kept.push(name.to_owned());
    }
    std::fs::create_dir(of("a-folder")).unwrap();
    kept.push("a-folder".to_owned());
    kept.sort();
    let store = open(folder.path()).await.unwrap();
    assert_eq!(files(folder.path()), kept);
    assert_eq!(store.checkpoint_bytes(hold.job, 10).await.unwrap(), Some(file(1, 100)));
}

#[tokio::test]
async fn a_refused_checkpoint_leaves_no_file_and_takes_none_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.create_job(new_job("one"), None).await.unwrap();
    let hold = store.claim(OwnerId::new(), "w", LONG).await.unwrap().unwrap().hold;
    store.publish_checkpoint(hold, checkpoint(10, file(1, 100), 3), &[]).await.unwrap().unwrap();
    store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    for seed in [1, 2] {
        let refused = store.publish_checkpoint(hold, checkpoint(20, file(seed, 100), 3), &[]).await.unwrap();
        assert!(refused.is_err());
        assert_eq!(files(folder.path()).len(), 1);
    }
    assert_eq!(store.checkpoint_bytes(hold.job, 10).await.unwrap(), Some(file(1, 100)));
}

#[tokio::test]
async fn checkpoints_of_earlier_versions_become_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gand.sqlite");
    let ids = old::sqlite(&path).await;
    let store = open(folder.path()).await.unwrap();
    old::reads_as_it_was(&*store, &ids).await;
    for id in [ids.whole, ids.twin] {
        let digest = &store.checkpoints(id).await.unwrap()[0].digest;
        assert_eq!(*digest, format!("blake3:{}", blake3::hash(&old::bytes())));
    }
    assert_eq!(files(folder.path()), [format!("{}.safetensors", blake3::hash(&old::bytes()))]);
    drop(store);
    let door = sqlite_pool(&path).await;
    for table in ["chunks", "checkpoint_chunks"] {
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&door)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
    door.close().await;
    assert!(std::fs::metadata(&path).unwrap().len() < old::bytes().len() as u64, "the space is given back");
    // Nothing changes with the next opening.
    let store = open(folder.path()).await.unwrap();
    old::reads_as_it_was(&*store, &ids).await;
    store.delete_job(ids.whole).await.unwrap();
    assert_eq!(files(folder.path()).len(), 1, "its twin has it still");
    assert_eq!(store.checkpoint_bytes(ids.twin, OLD_STEP).await.unwrap(), Some(old::bytes()));
    store.delete_job(ids.twin).await.unwrap();
    assert_eq!(files(folder.path()).len(), 0);
}
