//! Which words may name a dataset. A name becomes part of a path, so it can hold nothing that has a meaning there.

const LONGEST: usize = 64;

/// Whether `name` may name a dataset: lower-case letters, digits, `.`, `_` and `-`, the first a letter or digit, 64 at
/// most.
#[must_use]
pub fn is_dataset_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() <= LONGEST
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.iter().all(|byte| plain(*byte) || b"._-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::is_dataset_name;

    #[test]
    fn names_that_mean_something_in_a_path_are_refused() {
        for good in ["mnist", "ring-2d", "my_set.v2", "0"] {
            assert!(is_dataset_name(good), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", ".", "..", "../mnist", "a/b", "a\\b", "C:", "-x", ".hidden", "Mnist", "a b", "é", "a\0", &long]
        {
            assert!(!is_dataset_name(bad), "{bad:?}");
        }
    }
}
