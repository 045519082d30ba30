//! What a spec can start from.

use super::extract::NoParameters;
use crate::data::Shape;
use crate::gan::recipe::{self, Recipe};
use crate::gan::{DataFacts, read_spec};
use axum::Json;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Shapes for which recipes are read here. No spelling depends on the shape, but some networks fit only some.
const SHAPES: [Shape; 3] = [
    Shape { height: 28, width: 28, channels: 1 },
    Shape { height: 32, width: 32, channels: 3 },
    Shape { height: 1, width: 2, channels: 1 },
];

/// More points than any minibatch has.
const POINTS: usize = 50_000;

/// Recipes by name.
#[derive(Serialize, ToSchema)]
pub struct RecipeList {
    /// All of them.
    items: Vec<RecipeView>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// Named settings.
#[derive(Serialize, ToSchema)]
#[schema(as = Recipe)]
pub struct RecipeView {
    /// Its name in a spec.
    #[schema(example = "paper-mnist")]
    name: &'static str,
    /// What it is, in a line.
    title: &'static str,
    /// The datasets it was made for; none for any images.
    datasets: &'static [&'static str],
    /// Its settings, spelled as in the spec of a job; what it leaves out depends on the dataset or has a common default.
    #[schema(value_type = Object)]
    settings: Value,
}

impl From<&Recipe> for RecipeView {
    fn from(recipe: &Recipe) -> Self {
        Self { name: recipe.name, title: recipe.title, datasets: recipe.datasets, settings: spelled_out(recipe) }
    }
}

/// A recipe's settings as a job's spec spells them, so that the two can be compared: a recipe may write `"he"` for
/// `{"type": "he"}`.
fn spelled_out(recipe: &Recipe) -> Value {
    let settings = recipe.settings();
    match SHAPES.into_iter().find_map(|shape| read_for(recipe, shape)) {
        Some(spec) => spelled_as(settings, &spec),
        None => {
            tracing::error!(recipe = recipe.name, "a recipe reads for no shape, and is shown as it is written");
            settings
        }
    }
}

/// The spec that a recipe makes for data of this shape.
fn read_for(recipe: &Recipe, shape: Shape) -> Option<Value> {
    let request = json!({"dataset": recipe.datasets.first().unwrap_or(&"images"), "recipe": recipe.name});
    let facts = DataFacts { shape, train: POINTS, validation: POINTS, unit_interval: shape.is_image() };
    let spec = read_spec(&request, &|_| Some(facts)).ok()?;
    // By way of text, as a job's spec is shown.
    serde_json::from_str(&serde_json::to_string(&spec).ok()?).ok()
}

/// `written`, with what it says for short as `spec` has it.
fn spelled_as(written: Value, spec: &Value) -> Value {
    match (written, spec) {
        (Value::Object(fields), Value::Object(full)) => {
            let spelled = fields.into_iter().map(|(name, value)| match full.get(&name) {
                Some(full) => (name, spelled_as(value, full)),
                None => (name, value),
            });
            Value::Object(spelled.collect())
        }
        (Value::Array(items), Value::Array(full)) if items.len() == full.len() => {
            items.into_iter().zip(full).map(|(value, full)| spelled_as(value, full)).collect()
        }
        (Value::String(_) | Value::Number(_), full @ (Value::Object(_) | Value::Array(_))) => full.clone(),
        (value, _) => value,
    }
}

/// List the recipes.
#[utoipa::path(get, path = "/recipes", tag = "datasets",
    responses((status = 200, description = "The recipes with their settings.", body = RecipeList)))]
pub async fn list(_: NoParameters) -> Json<RecipeList> {
    Json(RecipeList { items: recipe::all().iter().map(RecipeView::from).collect(), next_cursor: None })
}
