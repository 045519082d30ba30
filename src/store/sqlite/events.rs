//! Events and snapshots, as they are read.

use super::SqliteStore;
use crate::job::{Event, EventKind, JobId};
use crate::store::StoreError;
use crate::store::rows::EventRow;
use crate::store::values::{signed, unsigned};
use sqlx::types::Json;

impl SqliteStore {
    pub(super) async fn select_events(&self, id: JobId, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(
            "SELECT id, at, kind, step, data FROM events WHERE job_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(id.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(EventRow::event).collect()
    }

    pub(super) async fn select_newest_events(
        &self,
        id: JobId,
        kinds: &[EventKind],
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let rows: Vec<EventRow> = sqlx::query_as(
            "SELECT id, at, kind, step, data FROM events
             WHERE job_id = $1 AND (json_array_length($2) = 0 OR kind IN (SELECT value FROM json_each($2)))
             ORDER BY id DESC LIMIT $3",
        )
        .bind(id.0)
        .bind(Json(&kinds))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().rev().map(EventRow::event).collect()
    }

    pub(super) async fn select_snapshot_steps(&self, id: JobId) -> Result<Vec<u64>, StoreError> {
        let steps: Vec<(i64,)> = sqlx::query_as("SELECT step FROM snapshots WHERE job_id = $1 ORDER BY step")
            .bind(id.0)
            .fetch_all(&self.readers)
            .await?;
        Ok(steps.into_iter().map(|(step,)| unsigned(step)).collect())
    }

    pub(super) async fn select_snapshot(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let png: Option<(Vec<u8>,)> = sqlx::query_as("SELECT png FROM snapshots WHERE job_id = $1 AND step = $2")
            .bind(id.0)
            .bind(signed(step))
            .fetch_optional(&self.readers)
            .await?;
        Ok(png.map(|(png,)| png))
    }
}
