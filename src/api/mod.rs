//! The REST API: HTTP words around the store's verbs.
//!
//! It writes what users want and reads what workers left; it never trains. `router` has every route on one page,
//! each resource has a file of its own, and `error` alone knows which error is which status.

pub mod admission;
pub mod animations;
pub mod auth;
pub mod checkpoints;
pub mod conditional;
pub mod dashboard;
pub mod datasets;
pub mod error;
pub mod events;
pub mod extract;
pub mod followers;
pub mod health;
pub mod interpolations;
pub mod job_view;
pub mod jobs;
pub mod limits;
pub mod metrics;
pub mod negotiate;
pub mod neighbours;
pub mod observe;
pub mod openapi;
pub mod page;
pub mod parzen;
pub mod pictures;
pub mod plots;
pub mod read_on;
pub mod recipes;
pub mod references;
pub mod request_id;
pub mod router;
pub mod samples;
pub mod serve;
pub mod session;
pub mod spec_schema;
pub mod state;
pub mod subjects;
pub mod submission;
pub mod sweeps;
pub mod theory;
pub mod thinning;
pub mod timeline;
#[cfg(feature = "otel")]
pub mod trace;
pub mod uploads;
pub mod words;

pub use error::ApiError;
pub use router::{document, router};
pub use state::Api;
