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
    #[param(pattern = "^[0-9]{1,15}$")]
    pub cursor: Option<String>,
}

/// Which page of a list that is ordered by identifiers.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IdPageQuery {
    /// How many entries a page holds.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// The `next_cursor` of the page before.
    #[param(format = "uuid", pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    pub cursor: Option<String>,
}

impl IdPageQuery {
    /// The entry that the page begins behind.
    pub fn before_id<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        place(self.limit, self.cursor.as_deref())
    }
}

/// Entries on a page where nothing else is asked for.
pub fn default_limit() -> u32 {
    50
}

impl PageQuery {
    /// The cursor of a list that is ordered by a number.
    pub fn after_number(&self) -> Result<Option<u64>, ApiError> {
        place(self.limit, self.cursor.as_deref())
    }

    /// Cuts the entries after the last page to this one, and says where the next one starts.
    pub fn cut<T>(&self, items: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> Option<String> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        items.last().filter(|_| more).map(cursor)
    }
}

fn place<T: FromStr>(limit: u32, cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let mut checks = Checks::default();
    checks.range("limit", limit, 1..=200);
    let place = cursor
        .map(str::parse::<T>)
        .and_then(|cursor| cursor.map_err(|_| checks.fault("cursor", "is not the next_cursor of a page")).ok());
    checks.finish().map(|()| place)
}
