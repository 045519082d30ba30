//! A window that moves over a picture: the geometry of convolutions and their transposes.
//!
//! Pictures lie as (height, width, channels). A window at a grid's position covers a patch of the picture: `kernel` runs
//! of `kernel · channels` numbers, in the order (y, x, channel). A convolution maps patches to the grid; its transpose
//! maps the grid to patches and adds up where they overlap.

/// A window's ways over a picture.
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    /// Height, width and channels of the picture.
    pub picture: [usize; 3],
    /// Height and width of the grid of positions.
    pub grid: [usize; 2],
    /// The window's height and width.
    pub kernel: usize,
    /// From one position to the next.
    pub stride: usize,
    /// Rows and columns of zeros around the picture.
    pub padding: usize,
    /// Where the patch of each position begins in a padded picture; those of [`Self::pictures`] pictures.
    positions: Vec<u32>,
    /// Where each number of a patch lies from its beginning on.
    taps: Vec<u32>,
    pictures: usize,
}

/// Positions worth a pass over a panel.
const POSITIONS: usize = 256;
/// Numbers of padded pictures that a second-level cache holds beside others.
const CACHED: usize = 128 * 1024;

impl Window {
    /// A window over a picture. The grid's last position must lie within the padded picture.
    ///
    /// # Panics
    ///
    /// If it does not, or the picture is larger than 2³² numbers.
    #[must_use]
    pub fn new(picture: [usize; 3], grid: [usize; 2], kernel: usize, stride: usize, padding: usize) -> Self {
        let [height, width, channels] = [picture[0] + 2 * padding, picture[1] + 2 * padding, picture[2]];
        let last = [(grid[0] - 1) * stride + kernel, (grid[1] - 1) * stride + kernel];
        assert!(last[0] <= height && last[1] <= width, "the window leaves the picture");
        let padded = height * width * channels;
        let pictures = POSITIONS.div_ceil(grid[0] * grid[1]).min(CACHED / padded).max(1);
        assert!(u32::try_from(pictures * padded).is_ok(), "the picture is too large");
        let offset = |y: usize, x: usize| ((y * width + x) * channels) as u32;
        let one = (0..grid[0]).flat_map(|y| (0..grid[1]).map(move |x| (y * stride, x * stride)));
        let positions = (0..pictures)
            .flat_map(|picture| one.clone().map(move |(y, x)| (picture * padded) as u32 + offset(y, x)))
            .collect();
        let run = kernel * channels;
        let taps = (0..kernel).flat_map(|y| (0..run).map(move |index| offset(y, 0) + index as u32)).collect();
        Self { picture, grid, kernel, stride, padding, positions, taps, pictures }
    }

    /// Numbers of a picture.
    #[must_use]
    pub fn picture_len(&self) -> usize {
        self.picture.iter().product()
    }

    /// Positions on the grid.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Numbers of a patch.
    #[must_use]
    pub fn patch(&self) -> usize {
        self.taps.len()
    }

    /// Numbers of a patch's run.
    #[must_use]
    pub fn run(&self) -> usize {
        self.kernel * self.picture[2]
    }

    /// From one row of a padded picture to the next.
    #[must_use]
    pub fn row_stride(&self) -> usize {
        (self.picture[1] + 2 * self.padding) * self.picture[2]
    }

    /// Numbers of a padded picture.
    #[must_use]
    pub fn padded_len(&self) -> usize {
        (self.picture[0] + 2 * self.padding) * self.row_stride()
    }

    /// How many pictures are worth taking at a time.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// Where the patches of so many padded pictures, one after another, begin.
    #[must_use]
    pub fn starts(&self, pictures: usize) -> &[u32] {
        &self.positions[..pictures * self.positions()]
    }

    /// Where each number of a patch lies from its beginning on.
    #[must_use]
    pub fn taps(&self) -> &[u32] {
        &self.taps
    }

    /// Copies a picture into the middle of zeros.
    pub fn pad(&self, picture: &[f32], padded: &mut [f32]) {
        let (row, stride) = (self.picture[1] * self.picture[2], self.row_stride());
        let (above, left) = (self.padding * stride, self.padding * self.picture[2]);
        let (top, rest) = padded.split_at_mut(above);
        let (middle, bottom) = rest.split_at_mut(self.picture[0] * stride);
        top.fill(0.0);
        bottom.fill(0.0);
        for (to, from) in middle.chunks_exact_mut(stride).zip(picture.chunks_exact(row)) {
            to[..left].fill(0.0);
            to[left..left + row].copy_from_slice(from);
            to[left + row..].fill(0.0);
        }
    }

    /// Copies the middle of a padded picture.
    pub fn crop(&self, padded: &[f32], picture: &mut [f32]) {
        let (row, stride) = (self.picture[1] * self.picture[2], self.row_stride());
        let (above, left) = (self.padding * stride, self.padding * self.picture[2]);
        for (to, from) in picture.chunks_exact_mut(row).zip(padded[above..].chunks_exact(stride)) {
            to.copy_from_slice(&from[left..left + row]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn patches_lie_where_a_plain_loop_finds_them() {
        let window = Window::new([5, 7, 2], [3, 4], 3, 2, 1);
        let picture: Vec<f32> = (1..=70u8).map(f32::from).collect();
        let mut padded = vec![f32::NAN; window.padded_len()];
        window.pad(&picture, &mut padded);
        for (position, start) in window.starts(1).iter().enumerate() {
            for (index, tap) in window.taps().iter().enumerate() {
                let (y, x) = (position / 4 * 2 + index / 6, position % 4 * 2 + index / 2 % 3);
                let inside = (1..6).contains(&y) && (1..8).contains(&x);
                let expected = if inside { picture[((y - 1) * 7 + x - 1) * 2 + index % 2] } else { 0.0 };
                assert_eq!(padded[(start + tap) as usize], expected, "position {position}, number {index}");
            }
        }
        let mut cropped = vec![0.0; 70];
        window.crop(&padded, &mut cropped);
        assert_eq!(cropped, picture);
    }
}
