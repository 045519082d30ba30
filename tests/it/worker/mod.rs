//! Worker slots: on a real database, with real training, in this process and in others that are killed.

pub(crate) mod fixture;
mod foreground;
mod health;
mod killed;
mod outage;
mod pool;
mod scores;
mod taken_over;
