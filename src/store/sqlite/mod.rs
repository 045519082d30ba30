//! SQLite: to be written.
