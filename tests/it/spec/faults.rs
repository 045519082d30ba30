use super::read;
use serde_json::{Value, json};

/// The pointers of all faults, in order.
fn pointers(written: Value) -> Vec<String> {
    match read(written) {
        Ok(spec) => panic!("no fault found in {spec:?}"),
        Err(faults) => faults.into_iter().map(|fault| fault.pointer).collect(),
    }
}

/// The one fault's detail.
fn detail(written: Value, pointer: &str) -> String {
    match read(written) {
        Ok(spec) => panic!("no fault found in {spec:?}"),
        Err(faults) => {
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert_eq!(faults[0].pointer, pointer);
            faults[0].detail.clone()
        }
    }
}

#[test]
fn every_fault_is_named_at_once_with_its_pointer() {
    let written = json!({
        "dataset": "mnist", "recipe": "paper-mnist", "seed": -1, "colour": "red",
        "model": {
            "latent": {"dim": 0, "prior": "cauchy"},
            "generator": {"layers": [{"type": "linear", "units": 20000}, {"type": "dense"}], "output": "softmax"},
            "discriminator": {"input_dropout": 1.0, "layers": [{"type": "maxout", "units": 5, "pieces": 0, "glue": 1}]}
        },
        "training": {"steps": 0, "batch_size": "many", "optimizer": {"learning_rate": -0.1}, "ema": 1.0},
        "checkpoint": {"every": 0, "keep_best": "yes"},
        "evaluation": {"parzen": {"samples": 0, "validation_points": 10001, "bandwidth_grid": [0.1, 0.1, -1]}},
        "on_divergence": "explode", "on_collapse": "shrug"
    });
    assert_eq!(
        pointers(written),
        [
            "/seed",
            "/model/latent/dim",
            "/model/latent/prior",
            "/model/generator/layers/0/units",
            "/model/generator/layers/1/type",
            "/model/generator/output",
            "/model/discriminator/input_dropout",
            "/model/discriminator/layers/0/pieces",
            "/model/discriminator/layers/0/glue",
            "/training/steps",
            "/training/batch_size",
            "/training/optimizer/learning_rate",
            "/training/ema",
            "/checkpoint/every",
            "/checkpoint/keep_best",
            "/evaluation/parzen/samples",
            "/evaluation/parzen/validation_points",
            "/evaluation/parzen/bandwidth_grid/1",
            "/evaluation/parzen/bandwidth_grid/2",
            "/on_divergence",
            "/on_collapse",
            "/colour",
        ]
    );
}

#[test]
fn what_is_no_object_is_one_fault() {
    assert_eq!(pointers(json!([])), [""]);
    assert_eq!(detail(json!({"dataset": "mnist", "training": 5}), "/training"), "expected an object, not 5");
    assert_eq!(
        pointers(json!({"dataset": "mnist", "model": {"generator": {"layers": [3]}}})),
        ["/model/generator/layers/0"]
    );
}

#[test]
fn the_dataset_is_required_and_must_exist() {
    assert_eq!(pointers(json!({})), ["/dataset"]);
    assert_eq!(pointers(json!({"dataset": 5})), ["/dataset"]);
    assert!(detail(json!({"dataset": "nist"}), "/dataset").contains("no dataset \"nist\""));
}

#[test]
fn an_unknown_recipe_lists_those_there_are_and_the_rest_is_still_read() {
    let written = json!({"dataset": "mnist", "recipe": "paper", "training": {"steps": 0}});
    assert_eq!(pointers(written), ["/recipe", "/training/steps"]);
    assert!(detail(json!({"dataset": "mnist", "recipe": "paper"}), "/recipe").contains("paper-mnist"));
}

#[test]
fn an_unknown_word_lists_those_allowed() {
    let written = json!({"dataset": "mnist", "training": {"update": "sometimes"}});
    assert_eq!(
        detail(written, "/training/update"),
        "\"sometimes\" is not known; expected one of alternating, simultaneous"
    );
    let written = json!({"dataset": "mnist", "training": {"optimizer": {"type": "adamw"}}});
    assert!(detail(written, "/training/optimizer/type").ends_with("sgd, adam"));
}

#[test]
fn an_unknown_field_lists_those_known() {
    let written = json!({"dataset": "mnist", "checkpoint": {"evry": 5}});
    assert_eq!(detail(written, "/checkpoint/evry"), "unknown field; expected one of every, keep, keep_best, best_by");
    let written = json!({"dataset": "mnist", "a/b~c": 1});
    assert!(detail(written, "/a~1b~0c").starts_with("unknown field"));
}

#[test]
fn a_range_is_told_in_words() {
    let written = json!({"dataset": "mnist", "training": {"optimizer": {"learning_rate": 0}}});
    assert_eq!(detail(written, "/training/optimizer/learning_rate"), "0 is not above 0 and at most 10");
    let written = json!({"dataset": "mnist", "training": {"batch_size": 2.5}});
    assert_eq!(detail(written, "/training/batch_size"), "2.5 is not a whole number from 1 to 4096");
}

#[test]
fn a_number_must_also_fit_as_a_32_bit_float() {
    let rate =
        |rate: f64| json!({"dataset": "mnist", "training": {"optimizer": {"type": "adam", "learning_rate": rate}}});
    assert_eq!(pointers(rate(1e-60)), ["/training/optimizer/learning_rate"]);
    let dropout = json!({"dataset": "mnist", "model": {"discriminator": {"input_dropout": 0.999_999_999_999}}});
    assert_eq!(pointers(dropout), ["/model/discriminator/input_dropout"]);
}

#[test]
fn combinations_that_cannot_work_are_faults() {
    let written = json!({"dataset": "tiny", "training": {"batch_size": 31}});
    assert_eq!(detail(written, "/training/batch_size"), "31 is more than the 30 training examples");

    let written = json!({"dataset": "ring-2d", "model": {"generator": {"output": "sigmoid"}}});
    assert!(detail(written, "/model/generator/output").contains("linear"));

    let layer = json!({"type": "linear", "units": 5, "dropout": 0.5});
    let written = json!({"dataset": "mnist", "model": {"generator": {"layers": [layer]}}});
    assert!(detail(written, "/model/generator/layers/0/dropout").contains("latents"));

    let written = json!({"dataset": "mnist", "recipe": "fast", "training": {"optimizer": {"learning_rate": 1e-8}}});
    assert!(detail(written, "/training/optimizer/min_learning_rate").contains("above the learning rate"));

    let momentum = json!({"start": 0.5, "end": 0.7, "from_epoch": 9, "until_epoch": 3});
    let written = json!({"dataset": "mnist", "recipe": "fast", "training": {"optimizer": {"momentum": momentum}}});
    assert!(detail(written, "/training/optimizer/momentum/until_epoch").contains("before"));

    let written = json!({"dataset": "tiny", "evaluation": {"parzen": {"validation_points": 6}}});
    assert!(detail(written, "/evaluation/parzen/validation_points").contains("5 points"));
}

#[test]
fn a_penalty_that_cannot_be_computed_is_a_fault_of_the_layer() {
    let with = |layer: Value, regularizer: Value| json!({"dataset": "mnist", "recipe": "fast", "model": {"discriminator": {"layers": [layer]}}, "training": {"regularizer": regularizer}});
    let exact = || json!({"type": "r1_r2", "gamma": 0.1, "every": 4, "method": "exact"});
    let layer = |activation: &str| json!({"type": "linear", "units": 5, "activation": activation});
    let at = "/model/discriminator/layers/0";
    for activation in ["sigmoid", "tanh"] {
        assert!(detail(with(layer(activation), exact()), &format!("{at}/activation")).contains("regularizer"));
    }
    for activation in ["relu", "leaky_relu", "linear"] {
        assert!(read(with(layer(activation), exact())).is_ok(), "{activation}");
    }
    let pooled = json!({"type": "conv_maxout", "channels": 2, "kernel": 3});
    assert_eq!(pointers(with(pooled.clone(), exact())), [format!("{at}/type")]);
    assert!(read(with(pooled, Value::Null)).is_ok());
    let wrong = json!({"type": "r1", "gamma": 0, "every": 0, "method": "difference"});
    let fields = ["gamma", "every", "method"].map(|field| format!("/training/regularizer/{field}"));
    assert_eq!(pointers(with(layer("relu"), wrong)), fields);
    assert_eq!(pointers(with(layer("relu"), json!({"gamma": 1}))), ["/training/regularizer/type"]);
    let endless = json!({"type": "r1", "gamma": 1, "gamma_end": 0.1});
    assert!(detail(with(layer("relu"), endless), "/training/regularizer/gamma_end").contains("until_step"));
}

#[test]
fn a_recipes_penalty_goes_with_the_layers_that_it_was_chosen_for() {
    let of = |layer: Value| {
        let written = json!({"dataset": "mnist", "recipe": "modern", "model": {"discriminator": {"layers": [layer]}}});
        read(written).unwrap().training.regularizer
    };
    assert_eq!(of(json!({"type": "linear", "units": 5, "activation": "sigmoid"})), None);
    assert_eq!(of(json!({"type": "conv_maxout", "channels": 2, "kernel": 3})), None);
    assert!(of(json!({"type": "linear", "units": 5, "activation": "relu"})).is_some());
    let asked = json!({"dataset": "mnist", "recipe": "modern",
        "model": {"discriminator": {"layers": [{"type": "linear", "units": 5, "activation": "tanh"}]}},
        "training": {"regularizer": {"type": "r1"}}});
    assert_eq!(pointers(asked), ["/model/discriminator/layers/0/activation"]);
}

#[test]
fn pairs_have_no_labels_to_smooth() {
    let training = json!({"objective": "relativistic", "real_label": 0.9});
    assert_eq!(pointers(json!({"dataset": "mnist", "training": training})), ["/training/real_label"]);
}

#[test]
fn a_grid_must_have_points_and_ascend() {
    let grid = |grid: Value| json!({"dataset": "mnist", "evaluation": {"parzen": {"bandwidth_grid": grid}}});
    assert_eq!(pointers(grid(json!([]))), ["/evaluation/parzen/bandwidth_grid"]);
    assert_eq!(pointers(grid(json!("coarse"))), ["/evaluation/parzen/bandwidth_grid"]);
    assert_eq!(pointers(grid(json!([0.2, 0.1]))), ["/evaluation/parzen/bandwidth_grid/1"]);
    assert_eq!(pointers(grid(json!(vec![0.1; 201]))), ["/evaluation/parzen/bandwidth_grid"]);
}

#[test]
fn sizes_are_limited() {
    let layers = vec![json!({"type": "linear", "units": 4}); 17];
    let written = json!({"dataset": "mnist", "model": {"generator": {"layers": layers}}});
    assert_eq!(detail(written, "/model/generator/layers"), "17 items; at most 16 are allowed");
    let written = json!({"dataset": "mnist", "training": {"steps": 100_000_001_u64}});
    assert_eq!(pointers(written), ["/training/steps"]);
    let written = json!({"dataset": "mnist", "seed": 9_007_199_254_740_992_u64});
    assert_eq!(pointers(written), ["/seed"]);
}

#[test]
fn a_bad_layer_is_read_to_its_end() {
    let layer =
        json!({"type": "linear", "activation": "swish", "init": {"type": "uniform"}, "bias": true, "dropout": 2});
    let written = json!({"dataset": "mnist", "model": {"generator": {"layers": [layer]}}});
    let layer = "/model/generator/layers/0";
    assert_eq!(
        pointers(written),
        ["units", "activation", "init/range", "bias", "dropout"].map(|field| format!("{layer}/{field}"))
    );
}

#[test]
fn layers_that_do_not_fit_each_other_are_faults() {
    let generator = |layers: Value| json!({"dataset": "mnist", "model": {"generator": {"layers": layers}}});
    let conv = |kernel: usize, stride: usize| json!({"type": "conv2d", "channels": 4, "kernel": kernel, "stride": stride, "padding": 1});
    let discriminator = |layers: Value| json!({"dataset": "mnist", "model": {"discriminator": {"layers": layers}}});
    let first = "/model/discriminator/layers/0";
    let found = detail(discriminator(json!([conv(31, 1)])), &format!("{first}/kernel"));
    assert_eq!(found, "31 is larger than the padded input, 28 × 28 with 1 around");
    let found = detail(discriminator(json!([conv(3, 2)])), &format!("{first}/stride"));
    assert_eq!(found, "(28 + 2·1 − 3) / 2 + 1 positions are no whole number along a side");
    // 28 -> 14 -> 7: the third has an odd side.
    let halves = json!([conv(4, 2), conv(4, 2), conv(4, 2), {"type": "maxout", "units": 5}]);
    let found = detail(discriminator(halves), "/model/discriminator/layers/2/stride");
    assert!(found.starts_with("(7 + 2·1 − 4) / 2"), "{found}");
    let pool = json!([{"type": "conv_maxout", "channels": 4, "kernel": 25, "pool": 5, "pool_stride": 2}]);
    assert!(detail(discriminator(pool), &format!("{first}/pool")).contains("4 × 4 positions"));
    let gaps = json!([{"type": "conv_maxout", "channels": 4, "kernel": 5, "pool": 2, "pool_stride": 3}]);
    assert!(detail(discriminator(gaps), &format!("{first}/pool_stride")).contains("gaps"));
    let normal = json!([{"type": "linear", "units": 4, "batch_norm": true}]);
    assert!(detail(discriminator(normal), &format!("{first}/batch_norm")).contains("one minibatch"));
    let sparse = json!([{"type": "linear", "units": 4, "init": {"type": "sparse", "nonzero": 1000}}]);
    assert!(detail(discriminator(sparse), &format!("{first}/init")).contains("784"));

    let reshaped = json!([{"type": "linear", "units": 100},
        {"type": "conv_transpose2d", "channels": 4, "kernel": 4, "input_shape": [5, 5, 5]}]);
    let found = detail(generator(reshaped), "/model/generator/layers/1/input_shape");
    assert_eq!(found, "5 × 5 × 5 are 125 numbers; the layer before gives 100");
    let output = json!({"dataset": "mnist", "model": {
        "latent": {"dim": 49},
        "generator": {"layers": [], "output_layer": {"type": "conv_transpose2d", "kernel": 4, "stride": 2,
            "padding": 1, "input_shape": [7, 7, 1]}}}});
    let found = detail(output, "/model/generator/output_layer/kernel");
    assert_eq!(found, "the output is 14 × 14; the data's points are 28 × 28");
}

#[test]
fn instance_noise_has_a_start_above_0() {
    let noise = |noise: Value| json!({"dataset": "mnist", "training": {"instance_noise": noise}});
    assert_eq!(pointers(noise(json!({"start": 0.0}))), ["/training/instance_noise/start"]);
    assert_eq!(pointers(noise(json!(0.1))), ["/training/instance_noise"]);
    assert!(read(noise(json!(null))).unwrap().training.instance_noise.is_none());
}

#[test]
fn plans_that_cannot_be_met_are_faults() {
    let fault = |written, pointer| detail(written, pointer);
    let simultaneous = json!({"update": "simultaneous", "generator_steps": 2});
    let written = json!({"dataset": "mnist", "recipe": "paper-mnist", "training": simultaneous});
    assert!(fault(written, "/training/generator_steps").contains("alternating"));
    let best_by = |dataset: &str, word: &str| json!({"dataset": dataset, "checkpoint": {"best_by": word}});
    assert!(fault(best_by("mnist", "divergence"), "/checkpoint/best_by").contains("density is known"));
    let mut off = best_by("mnist", "coverage");
    off["evaluation"] = json!({"quality": false});
    assert!(fault(off, "/checkpoint/best_by").contains("is off"));
    let never = json!({"dataset": "mnist", "evaluation": {"every": 0, "stop_when": {"evaluations": 3}}});
    assert!(fault(never, "/evaluation/stop_when").contains("\"every\" is 0"));
    let bounded = json!({"dataset": "mnist", "recipe": "paper-mnist", "model": {"contrast": {}}});
    assert!(fault(bounded, "/model/contrast").contains("linear"));
}
