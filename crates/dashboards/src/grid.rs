//! Where each panel lies: from left to right, in rows of 24 columns. No I/O, no clock.

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// The width and height of a panel, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Hands out places.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    x: u32,
    y: u32,
    /// Of the highest panel on the present line.
    height: u32,
}

impl Grid {
    /// The next place for a panel: beside the last one, or below when it does not fit there.
    pub(crate) fn place(&mut self, size: Size) -> (u32, u32) {
        if self.x + size.width > COLUMNS {
            self.break_line();
        }
        let place = (self.x, self.y);
        self.x += size.width;
        self.height = self.height.max(size.height);
        place
    }

    /// The line of a row's title.
    pub(crate) fn title(&mut self) -> u32 {
        self.break_line();
        self.y += 1;
        self.y - 1
    }

    fn break_line(&mut self) {
        (self.x, self.y, self.height) = (0, self.y + self.height, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_that_does_not_fit_goes_below_the_highest_one() {
        let mut grid = Grid::default();
        assert_eq!(grid.place(Size { width: 12, height: 4 }), (0, 0));
        assert_eq!(grid.place(Size { width: 12, height: 9 }), (12, 0));
        assert_eq!(grid.place(Size { width: 8, height: 4 }), (0, 9));
        assert_eq!(grid.title(), 13);
        assert_eq!(grid.place(Size { width: 24, height: 4 }), (0, 14));
    }
}
