//! The store's promises, kept by both databases.

mod contract;
mod fixture;
mod old;
mod postgres;
mod sqlite;
