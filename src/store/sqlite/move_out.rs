//! Checkpoints that earlier versions wrote into the database: on their way into files.

use super::files::Files;
use crate::store::StoreError;
use crate::store::blob::{self, SHA256};
use crate::store::values::unsigned;
use sqlx::SqlitePool;
use uuid::Uuid;

/// Moves every checkpoint whose bytes are in the database into a file. One that is damaged keeps its row and has no file:
/// whoever reads it is told, as before.
pub(super) async fn move_out(writer: &SqlitePool, files: &Files) -> Result<(), StoreError> {
    let inside: Vec<(Uuid, i64, String, i64)> = sqlx::query_as(
        "SELECT job_id, step, digest, size_bytes FROM checkpoints c WHERE EXISTS
             (SELECT 1 FROM checkpoint_chunks WHERE job_id = c.job_id AND step = c.step)",
    )
    .fetch_all(writer)
    .await?;
    let moved = inside.len();
    for (job, step, digest, size_bytes) in inside {
        debug_assert!(digest.starts_with(SHA256));
        let chunks: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT sha256, bytes FROM checkpoint_chunks JOIN chunks USING (sha256)
             WHERE job_id = $1 AND step = $2 ORDER BY position",
        )
        .bind(job)
        .bind(step)
        .fetch_all(writer)
        .await?;
        let digest = match blob::join(unsigned(step), digest.clone(), unsigned(size_bytes), chunks).await {
            Ok(bytes) => files.write(bytes.into()).await?,
            Err(StoreError::Corrupt(what)) => {
                tracing::warn!(%job, "{what}");
                digest
            }
            Err(error) => return Err(error),
        };
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        for statement in [
            "UPDATE checkpoints SET digest = $3 WHERE job_id = $1 AND step = $2",
            "DELETE FROM checkpoint_chunks WHERE job_id = $1 AND step = $2",
        ] {
            sqlx::query(statement).bind(job).bind(step).bind(&digest).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    if moved > 0 {
        sqlx::query("DELETE FROM chunks").execute(writer).await?;
        sqlx::query("VACUUM").execute(writer).await?;
        tracing::info!(moved, "moved checkpoints out of the database into files beside it");
    }
    Ok(())
}
