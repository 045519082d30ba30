//! Lists in pages: `limit` and `cursor`.

use super::error::ApiError;
use super::extract::Checks;
use serde::Deserialize;
use std::str::FromStr;
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many entries a page holds.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Entries on a page where nothing else is asked for.
pub fn default_limit() -> u32 {
    50
}

impl PageQuery {
    /// The cursor of a list that is ordered by a number.
    pub fn after_number(&self) -> Result<Option<u64>, ApiError> {
        self.place()
    }

    /// The cursor of a list that is ordered by identifiers.
    pub fn before_id<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        self.place()
    }

    fn place<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        let mut checks = Checks::default();
        checks.range("limit", self.limit, 1..=200);
        let place = self
            .cursor
            .as_deref()
            .map(str::parse::<T>)
            .and_then(|cursor| cursor.map_err(|_| checks.fault("cursor", "is not the next_cursor of a page")).ok());
        checks.finish().map(|()| place)
    }

    /// Cuts the entries after the last page to this one, and says where the next one starts.
    pub fn cut<T>(&self, items: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> Option<String> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        items.last().filter(|_| more).map(cursor)
    }
}
