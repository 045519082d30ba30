//! Laying what was written over a recipe's settings.

use serde_json::{Map, Value};

/// `over` on top of `base`: objects are merged field by field; arrays, and objects whose `type` differs, are replaced
/// whole, for half of one layer or optimiser makes no sense in another.
pub(super) fn merge(base: Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if same_type(&base, over) => {
            let mut merged = base;
            for (name, value) in over {
                let below = merged.remove(name).unwrap_or(Value::Null);
                merged.insert(name.clone(), merge(below, value));
            }
            Value::Object(merged)
        }
        (_, over) => over.clone(),
    }
}

fn same_type(base: &Map<String, Value>, over: &Map<String, Value>) -> bool {
    over.get("type").is_none_or(|over| base.get("type") == Some(over))
}

#[cfg(test)]
mod tests {
    use super::merge;
    use serde_json::json;

    #[test]
    fn fields_of_objects_are_merged_and_arrays_replaced() {
        let base = json!({"a": {"b": 1, "c": 2}, "list": [1, 2, 3]});
        let merged = merge(base, &json!({"a": {"c": 3}, "list": [9]}));
        assert_eq!(merged, json!({"a": {"b": 1, "c": 3}, "list": [9]}));
    }

    #[test]
    fn an_object_of_another_type_is_replaced_whole() {
        let base = json!({"type": "sgd", "learning_rate": 0.1, "decay": 1.000004});
        assert_eq!(merge(base.clone(), &json!({"type": "adam"})), json!({"type": "adam"}));
        let same = merge(base, &json!({"type": "sgd", "decay": 1.0}));
        assert_eq!(same, json!({"type": "sgd", "learning_rate": 0.1, "decay": 1.0}));
    }

    #[test]
    fn null_is_written_over_a_setting() {
        assert_eq!(merge(json!({"ema": 0.999}), &json!({"ema": null})), json!({"ema": null}));
    }
}
