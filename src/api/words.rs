//! The closed sets of words that queries take, as the OpenAPI document shows them.

use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The largest whole number that every client reads exactly: the bound of seeds, steps and ids.
pub const LARGEST: u64 = (1 << 53) - 1;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $($word:literal)+;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$($word),+])).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )* };
}

words! {
    /// How samples are written.
    SamplesFormat "png" "npy" "npz" "json";
    /// Whose weights draw.
    WeightsWord "raw" "ema";
    /// How a path between latents runs.
    PathWord "linear" "spherical";
    /// How a picture or a film is written.
    FilmFormat "png" "gif" "apng";
    /// How a timeline is written.
    TimelineFormat "gif" "apng" "png" "json";
    /// How neighbours are written.
    NeighboursFormat "png" "json";
    /// How metrics are written.
    MetricsFormat "json" "csv";
    /// How events are written.
    EventsFormat "stream" "json";
    /// How a plot is written.
    PlotFormat "svg" "png";
    /// Which plot.
    PlotName "losses" "parzen" "theory";
    /// What happened.
    EventKind "status" "metrics" "snapshot" "checkpoint" "evaluation" "health";
}
