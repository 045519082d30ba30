//! Changing bytes as a fuzzer does.

/// A small generator of random numbers (xorshift64*), the same for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(word).unwrap() % bound.max(1)
    }

    pub(super) fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len());
        &items[index]
    }
}

/// Numbers at which parsers break.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    1000,
    32_767,
    32_768,
    65_535,
    65_536,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 53) - 1,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// Texts at which parsers of texts break.
const TEXTS: &[&str] = &[
    "0",
    "-1",
    "1e309",
    "99999999999999999999",
    "null",
    "\"\"",
    "[]",
    "{}",
    "true",
    "../",
    "\\u0000",
    "18446744073709551615",
    "NaN",
    "'",
    "\"",
    ",",
    "(",
    ")",
    ":",
    "[[[[[[[[",
    "{\"a\":",
    "é",
    "\u{202e}",
];

/// The longest input that is tried.
const LONGEST: usize = 1 << 16;

/// One to six changes of `bytes`; `other` is another input to take pieces from.
pub(super) fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(6) {
        change(random, bytes, other);
    }
    bytes.truncate(LONGEST);
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len());
    if bytes.is_empty() {
        bytes.extend_from_slice(other);
        return;
    }
    match random.below(11) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.below(256) as u8,
        2 => {
            let width = *random.of(&[1, 2, 4, 8]);
            let number = *random.of(NUMBERS);
            let number = if random.below(2) == 0 {
                number.to_le_bytes()
            } else {
                number.rotate_left(64 - 8 * width).to_be_bytes()
            };
            let end = (at + width as usize).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..(at + 1 + random.below(16)).min(bytes.len()))),
        5 => {
            let piece: Vec<u8> = bytes[at..(at + 1 + random.below(64)).min(bytes.len())].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        6 => {
            let filler = vec![random.below(256) as u8; 1 + random.below(300)];
            bytes.splice(at..at, filler);
        }
        7 if !other.is_empty() => {
            let from = random.below(other.len());
            let to = (from + 1 + random.below(128)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        8 if !other.is_empty() => {
            let from = random.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        9 => {
            let text = random.of(TEXTS).as_bytes();
            let end = if random.below(2) == 0 { at } else { (at + text.len()).min(bytes.len()) };
            bytes.splice(at..end, text.iter().copied());
        }
        _ => {
            // A digit becomes another: headers in words change their sizes.
            if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                *digit = b'0' + random.below(10) as u8;
            }
        }
    }
}
