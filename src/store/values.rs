//! Single values, as the databases hold them and as `job` has them.

use super::StoreError;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Postgres, Sqlite, Type};
use std::str::FromStr;
use std::time::Duration;
use time::OffsetDateTime;

/// A moment: `timestamptz` in PostgreSQL, whole milliseconds since 1970 in SQLite.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(pub(super) OffsetDateTime);

impl Type<Postgres> for At {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for At {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        <OffsetDateTime as Decode<'r, Postgres>>::decode(value).map(Self)
    }
}

impl Type<Sqlite> for At {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

impl<'r> Decode<'r, Sqlite> for At {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let milliseconds = <i64 as Decode<'r, Sqlite>>::decode(value)?;
        Ok(Self(OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)?))
    }
}

/// Text that both databases take: PostgreSQL refuses the character U+0000.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A count as databases can hold it.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count that was [`signed`].
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// A lease in whole milliseconds; none is longer than a year, so that adding it to a moment cannot overflow.
pub(super) fn milliseconds(lease: Duration) -> i64 {
    const YEAR: i64 = 365 * 24 * 60 * 60 * 1000;
    i64::try_from(lease.as_millis()).unwrap_or(YEAR).min(YEAR)
}

/// A small count as databases can hold it.
pub(super) fn signed_32(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A count that was [`signed_32`].
pub(super) fn unsigned_32(count: i32) -> u32 {
    u32::try_from(count).unwrap_or(0)
}

/// A word of a closed set.
pub(super) fn word<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::Corrupt(error.to_string()))
}
