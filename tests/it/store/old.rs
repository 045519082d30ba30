//! Databases as the version before wrote them: checkpoints' bytes in chunks of a mebibyte named by their SHA-256.

use super::fixture::{file, spec};
use gand::job::JobId;
use gand::store::{Store, StoreError};
use sha2::{Digest as _, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{PgPool, SqlitePool};
use std::path::Path;
use uuid::Uuid;

/// The step of each checkpoint in them.
pub(super) const OLD_STEP: u64 = 10;

/// Its bytes.
pub(super) fn bytes() -> Vec<u8> {
    file(7, 2 << 20 | 77)
}

/// The finished jobs in such a database, a checkpoint each.
pub(super) struct Ids {
    pub(super) whole: JobId,
    /// With the same content.
    pub(super) twin: JobId,
    /// With damaged content.
    pub(super) damaged: JobId,
}

/// The migrations that the version before knew.
fn earlier(mut migrator: Migrator) -> Migrator {
    migrator.migrations.to_mut().retain(|migration| migration.version <= 2);
    migrator
}

macro_rules! fill {
    ($pool:expr, $now:literal) => {{
        let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        for (job, bytes) in ids.into_iter().zip([bytes(), bytes(), file(8, 100)]) {
            sqlx::query(concat!(
                "INSERT INTO jobs (id, tags, status, desired, dataset, spec, priority, created_at, queued_at,
                     finished_at, last_step)
                 VALUES ($1, '[]', 'succeeded', 'run', 'digits', $2, 0, ",
                $now,
                ", ",
                $now,
                ", ",
                $now,
                ", 10)"
            ))
            .bind(job)
            .bind(sqlx::types::Json(spec()))
            .execute($pool)
            .await
            .unwrap();
            sqlx::query(concat!(
                "INSERT INTO checkpoints (job_id, step, sha256, size_bytes, created_at) VALUES ($1, 10, $2, $3, ",
                $now,
                ")"
            ))
            .bind(job)
            .bind(hex::encode(Sha256::digest(&bytes)))
            .bind(bytes.len() as i64)
            .execute($pool)
            .await
            .unwrap();
            for (position, chunk) in (0_i32..).zip(bytes.chunks(1 << 20)) {
                let digest = Sha256::digest(chunk).to_vec();
                sqlx::query("INSERT INTO chunks (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(&digest)
                    .bind(chunk)
                    .execute($pool)
                    .await
                    .unwrap();
                sqlx::query("INSERT INTO checkpoint_chunks (job_id, step, position, sha256) VALUES ($1, 10, $2, $3)")
                    .bind(job)
                    .bind(position)
                    .bind(&digest)
                    .execute($pool)
                    .await
                    .unwrap();
            }
        }
        let damage = "UPDATE chunks SET bytes = $1 WHERE length(bytes) = 100";
        sqlx::query(damage).bind(file(9, 100)).execute($pool).await.unwrap();
        let [whole, twin, damaged] = ids.map(JobId);
        Ids { whole, twin, damaged }
    }};
}

pub(super) async fn sqlite(path: &Path) -> Ids {
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    earlier(sqlx::migrate!("migrations/sqlite")).run(&pool).await.unwrap();
    let ids = fill!(&pool, "1000");
    pool.close().await;
    ids
}

pub(super) async fn postgres(url: &str) -> Ids {
    let pool = PgPool::connect(url).await.unwrap();
    earlier(sqlx::migrate!("migrations/postgres")).run(&pool).await.unwrap();
    let ids = fill!(&pool, "now()");
    pool.close().await;
    ids
}

/// What was whole is, and what was damaged is told.
pub(super) async fn reads_as_it_was(store: &dyn Store, ids: &Ids) {
    for id in [ids.whole, ids.twin] {
        assert!(store.checkpoint_bytes(id, OLD_STEP).await.unwrap() == Some(bytes()));
    }
    let damaged = store.checkpoint_bytes(ids.damaged, OLD_STEP).await;
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");
}
