//! The colours of all pictures: light ground, one hue a meaning.

/// A colour as red, green and blue.
pub type Colour = [u8; 3];

/// The ground.
pub const GROUND: Colour = [255, 255, 255];
/// Thin lines that help the eye.
pub const RULE: Colour = [226, 230, 236];
/// Text and axes.
pub const INK: Colour = [45, 55, 72];
/// The data, as the paper draws it: dotted black.
pub const DATA: Colour = [30, 41, 59];
/// What G makes: green, as in the paper's Figure 1.
pub const GENERATED: Colour = [22, 163, 74];
/// What D says: blue, as in the paper's Figure 1.
pub const DISCRIMINATOR: Colour = [37, 99, 235];
/// What asks for attention.
pub const ALERT: Colour = [220, 38, 38];
/// The gaps between images.
pub const GAP: u8 = 235;
