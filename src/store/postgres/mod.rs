//! PostgreSQL: to be written.
