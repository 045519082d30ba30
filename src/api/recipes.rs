//! What a spec can start from.

use super::extract::NoParameters;
use crate::gan::recipe::{self, Recipe};
use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

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
    /// Its settings in the form of a spec; what it leaves out depends on the dataset or has a common default.
    #[schema(value_type = Object)]
    settings: Value,
}

impl From<&Recipe> for RecipeView {
    fn from(recipe: &Recipe) -> Self {
        Self { name: recipe.name, title: recipe.title, datasets: recipe.datasets, settings: recipe.settings() }
    }
}

/// List the recipes.
#[utoipa::path(get, path = "/recipes", tag = "datasets",
    responses((status = 200, description = "The recipes with their settings.", body = RecipeList)))]
pub async fn list(_: NoParameters) -> Json<RecipeList> {
    Json(RecipeList { items: recipe::all().iter().map(RecipeView::from).collect(), next_cursor: None })
}
