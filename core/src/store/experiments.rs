//! Experiments that were ended by hand. What they are stands in a file; this is what must hold everywhere at once.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{Row, Tx, sql};
use super::journal::{append, lines};
use super::{Store, StoreError};
use crate::event::{Event, Kind};

/// An experiment that somebody has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub experiment: String,
    /// The arm that everybody gets from now on; the control where there is none.
    pub keeps: Option<String>,
    /// By whom.
    pub who: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// The experiments that are ended. Cheap: it is asked in every turn that could try something.
    pub async fn ended_experiments(&self) -> Result<Vec<Ended>, StoreError> {
        let statement =
            sql("SELECT experiment, keeps, who, at FROM experiment_ends ORDER BY experiment");
        let rows = self.db.fetch(statement).await?;
        let ended = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(Ended {
                experiment: row.get(0)?,
                keeps: row.get(1)?,
                who: row.get(2)?,
                at: row.time(3)?,
            })
        };
        Ok(rows.iter().map(ended).collect::<Result<_, _>>()?)
    }

    /// Ends an experiment, or lets another arm of an ended one hold, and notes it in the journal; `false` where it was so
    /// before.
    pub async fn end_experiment(&self, ended: &Ended) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let statement = sql(
            "INSERT INTO experiment_ends (experiment, keeps, who, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (experiment) DO UPDATE SET keeps = excluded.keeps, who = excluded.who, at = excluded.at \
             WHERE coalesce(experiment_ends.keeps, '') <> coalesce(excluded.keeps, '')",
        );
        let statement = statement.bind(&ended.experiment);
        let statement = statement.bind(ended.keeps.as_deref());
        let statement = statement.bind(&ended.who).bind(ended.at);
        if tx.execute(statement).await? == 0 {
            return Ok(false);
        }
        let told = match &ended.keeps {
            Some(arm) => format!("{}: {arm} for all", ended.experiment),
            None => ended.experiment.clone(),
        };
        note(tx, "experiment_ended", &told, &ended.who, ended.at).await
    }

    /// Lets an ended experiment go on, and notes it in the journal; `false` where it was not ended.
    pub async fn resume_experiment(
        &self,
        experiment: &str,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let statement = sql("DELETE FROM experiment_ends WHERE experiment = $1");
        if tx.execute(statement.bind(experiment)).await? == 0 {
            return Ok(false);
        }
        note(tx, "experiment_resumed", experiment, who, now).await
    }
}

/// Ends the transaction with its line of the journal.
async fn note(
    mut tx: Tx,
    action: &str,
    what: &str,
    who: &str,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut event = Event::new(Uuid::new_v4(), Kind::System, at);
    event.staff_id = Some(who.to_owned());
    event.action = Some(action.to_owned());
    event.reason = Some(what.to_owned());
    event.outcome = Some("done".to_owned());
    let lines = lines(&[event])?;
    append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
    tx.commit().await?;
    Ok(true)
}
