//! Keeping, leaving and losing a job.

use super::sql::{now, select_states};
use super::{SqliteStore, rows};
use crate::job::{Ending, Lapse, Status};
use crate::store::rows::StateRow;
use crate::store::values::{milliseconds, word};
use crate::store::{Guarded, Hold, LeaseLost, ProgressReport, Renewal, StoreError, Swept};
use std::time::Duration;

impl SqliteStore {
    pub(super) async fn renew_lease(&self, hold: Hold, lease: Duration, progress: ProgressReport) -> Guarded<Renewal> {
        let mut transaction = self.begin().await?;
        let desired: Option<(String,)> = sqlx::query_as(concat!(
            "UPDATE jobs SET lease_until = ",
            now!(),
            " + $4, version = version + (steps_per_second IS NOT $5), steps_per_second = $5
             WHERE id = $1 AND lease_owner = $2 AND fence = $3 AND status IN ('running', 'pausing', 'cancelling')
             RETURNING desired"
        ))
        .bind(hold.job.0)
        .bind(hold.owner.0)
        .bind(hold.fence)
        .bind(milliseconds(lease))
        .bind(progress.steps_per_second)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((desired,)) = desired else { return Ok(Err(LeaseLost)) };
        transaction.commit().await?;
        Ok(Ok(Renewal { desired: word(&desired)? }))
    }

    pub(super) async fn leave(&self, hold: Hold, ending: &Ending) -> Guarded<Status> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        state.end(ending);
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(state.standing.status))
    }

    pub(super) async fn settle_lapsed(&self) -> Result<Swept, StoreError> {
        let mut transaction = self.begin().await?;
        let mut lapsed: Vec<StateRow> = sqlx::query_as(select_states!(concat!(
            "WHERE status IN ('running', 'pausing', 'cancelling') AND lease_until <= ",
            now!()
        )))
        .fetch_all(&mut *transaction)
        .await?;
        // Two statements: for both conditions in one, SQLite would read all jobs.
        let spent: Vec<StateRow> = sqlx::query_as(select_states!("WHERE status = 'queued' AND attempt >= 5"))
            .fetch_all(&mut *transaction)
            .await?;
        lapsed.extend(spent);
        let mut swept = Swept::default();
        for row in lapsed {
            let mut state = row.state()?;
            match state.lapse() {
                Lapse::Requeued => swept.requeued += 1,
                Lapse::Settled => swept.settled += 1,
                Lapse::Failed => swept.failed += 1,
            }
            rows::save(&mut transaction, &state).await?;
        }
        let evaluations = super::evaluations::fail_exhausted(&mut transaction).await?;
        if swept != Swept::default() || evaluations > 0 {
            self.commit(transaction).await?;
        }
        Ok(swept)
    }
}
