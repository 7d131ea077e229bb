//! What a benchmark found: a table, lines for programs, peers and goals. No I/O, no clock.

use std::fmt::Write as _;

/// What one program showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    bench: &'static str,
    /// What tells the programs apart: `peer`, `engine`, `backend`.
    role: &'static str,
    peer: String,
    /// Of what size the world was: `targets`, `resolvers` or the like, and how many.
    size: (&'static str, usize),
    /// Whether the bench has no other size: it is then told last.
    is_only_size: bool,
    /// What else rows must have in common to be compared, name and value.
    alike: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
}

/// One figure of a row; absent when the program does not give it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figure {
    name: &'static str,
    value: Option<f64>,
    /// Digits after the point.
    digits: usize,
}

/// What a figure of ours must be at most (or at least, for a share of answers).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The figure.
    pub figure: &'static str,
    /// The bound.
    pub bound: Bound,
}

/// On which side of a number a figure is good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// It must not be above.
    AtMost(f64),
    /// It must not be below.
    AtLeast(f64),
}

impl Row {
    /// A row without figures.
    pub fn new(bench: &'static str, peer: &str, size: (&'static str, usize)) -> Self {
        let (peer, alike, figures) = (peer.to_owned(), Vec::new(), Vec::new());
        Self { bench, role: "peer", peer, size, is_only_size: false, alike, figures }
    }

    /// Says that the bench is of this size alone, which then stands behind the figures.
    #[must_use]
    pub fn of_only_size(mut self) -> Self {
        self.is_only_size = true;
        self
    }

    /// Says by which word its program is told apart, where that is not `peer`.
    #[must_use]
    pub fn told_by(mut self, role: &'static str) -> Self {
        self.role = role;
        self
    }

    /// Says what else it must have in common with a row that it is compared with.
    #[must_use]
    pub fn alike(mut self, name: &'static str, value: &str) -> Self {
        self.alike.push((name, value.to_owned()));
        self
    }

    /// Adds a figure, to be shown with so many digits after the point.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<f64>, digits: usize) -> Self {
        self.figures.push(Figure { name, value, digits });
        self
    }

    /// Which program it is.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// A figure, where the program gives it.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name)?.value
    }

    /// Whether it has this in common with those that it is compared with.
    pub fn is_alike(&self, name: &str, value: &str) -> bool {
        self.alike.iter().any(|it| (it.0, it.1.as_str()) == (name, value))
    }

    /// How many of what there were.
    pub fn size(&self) -> usize {
        self.size.1
    }

    /// `RESULT <bench> peer=<..> <size>=<n> <figure>=<..> ...`, the size last where there is only one.
    pub fn line(&self) -> String {
        let Self { bench, role, peer, .. } = self;
        let mut line = format!("RESULT {bench} {role}={peer} {}", self.of());
        for figure in &self.figures {
            let _ = write!(line, " {}={}", figure.name, figure.show());
        }
        if self.is_only_size {
            let _ = write!(line, " {}={}", self.size.0, self.size.1);
        }
        line
    }
}

impl Row {
    /// The size and what else it has in common with those that it is compared with, name by name.
    fn of(&self) -> String {
        let (kind, count) = self.size;
        let size = (!self.is_only_size).then(|| format!("{kind}={count}"));
        let alike = self.alike.iter().map(|(name, value)| format!("{name}={value}"));
        size.into_iter().chain(alike).collect::<Vec<_>>().join(" ")
    }

    /// Whether the two measured the same.
    pub fn is_comparable(&self, other: &Self) -> bool {
        (self.size, &self.alike) == (other.size, &other.alike)
    }
}

impl Figure {
    fn show(&self) -> String {
        self.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.*}", self.digits))
    }
}

/// The rows as an aligned table.
pub fn table(rows: &[Row]) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let words =
        [first.role, first.size.0].into_iter().chain(first.alike.iter().map(|(name, _)| *name));
    let head: Vec<&str> = words.chain(first.figures.iter().map(|figure| figure.name)).collect();
    let mut cells: Vec<Vec<String>> = vec![head.iter().map(|it| (*it).to_owned()).collect()];
    for row in rows {
        let words = [row.peer.clone(), row.size.1.to_string()].into_iter();
        let words = words.chain(row.alike.iter().map(|(_, value)| value.clone()));
        let figures = first.figures.iter().map(|wanted| {
            let figure = row.figures.iter().find(|figure| figure.name == wanted.name);
            figure.map_or_else(|| "-".to_owned(), Figure::show)
        });
        cells.push(words.chain(figures).collect());
    }
    let width = |column: usize| {
        cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    let show = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    cells.iter().map(show).collect()
}

/// Each figure of ours, divided by the peer's from the same run; of the peers, all that are not ours
/// in any of the rows.
pub fn ratios(rows: &[Row], ours: &[&str]) -> Vec<String> {
    let is_own = |row: &&Row| ours.contains(&row.peer.as_str());
    let pairs = rows.iter().filter(is_own).flat_map(|own| {
        let others = rows.iter().filter(|row| !is_own(row) && row.is_comparable(own));
        others.map(move |other| (own, other))
    });
    pairs.map(|(own, other)| ratio(own, other)).collect()
}

fn ratio(own: &Row, other: &Row) -> String {
    let mut line = format!("RATIO {} {}/{} {}", own.bench, own.peer, other.peer, own.of());
    for figure in &own.figures {
        if let (Some(own), Some(other)) = (figure.value, other.figure(figure.name))
            && other > 0.0
        {
            let _ = write!(line, " {}={:.4}", figure.name, own / other);
        }
    }
    line
}

/// Whether a row of ours reaches each goal.
pub fn verdicts(own: &Row, goals: &[Goal]) -> Vec<String> {
    let line = |goal: &Goal| {
        let (relation, bound) = match goal.bound {
            Bound::AtMost(bound) => ("<=", bound),
            Bound::AtLeast(bound) => (">=", bound),
        };
        let verdict = match (own.figure(goal.figure), goal.bound) {
            (None, _) => "unknown",
            (Some(value), Bound::AtMost(bound)) if value <= bound => "reached",
            (Some(value), Bound::AtLeast(bound)) if value >= bound => "reached",
            _ => "MISSED",
        };
        let (Row { bench, role, peer, .. }, of, figure) = (own, own.of(), goal.figure);
        format!("GOAL {bench} {role}={peer} {of} {figure}{relation}{bound} {verdict}")
    };
    goals.iter().map(line).collect()
}

/// The value below which the share `q` of the sorted values lies, by nearest rank.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is between 0 and the number of values"
    )]
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |peer, cpu, rss| {
            Row::new("latency", peer, ("targets", 10)).with("cpu", cpu, 1).with("rss", rss, 0)
        };
        vec![row("ours", Some(2.0), Some(8.0)), row("theirs", Some(20.0), None)]
    }

    #[test]
    fn a_line_has_every_figure_and_a_dash_for_what_is_not_known() {
        assert_eq!(rows()[1].line(), "RESULT latency peer=theirs targets=10 cpu=20.0 rss=-");
    }

    #[test]
    fn the_only_size_of_a_bench_stands_behind_the_figures() {
        let row = Row::new("probe", "ours", ("clients", 1)).of_only_size();
        let row = row.alike("module", "icmp").with("cpu_ms", Some(0.2), 1);
        assert_eq!(row.line(), "RESULT probe peer=ours module=icmp cpu_ms=0.2 clients=1");
        let goal = Goal { figure: "cpu_ms", bound: Bound::AtMost(1.0) };
        let wanted = "GOAL probe peer=ours module=icmp cpu_ms<=1 reached";
        assert_eq!(verdicts(&row, &[goal]), [wanted]);
    }

    #[test]
    fn a_table_is_aligned() {
        assert_eq!(
            table(&rows()),
            [
                "peer    targets   cpu  rss",
                "ours         10   2.0    8",
                "theirs       10  20.0    -"
            ]
        );
    }

    #[test]
    fn a_ratio_needs_both_figures() {
        assert_eq!(ratios(&rows(), &["ours"]), ["RATIO latency ours/theirs targets=10 cpu=0.1000"]);
    }

    #[test]
    fn only_like_is_compared_with_like() {
        let row = |peer, count, parts| {
            let row = Row::new("ipmi", peer, ("bmcs", count)).alike("collectors", parts);
            row.with("cpu", Some(2.0), 1)
        };
        let rows = [
            row("theirs", 100, "ipmi"),
            row("ours", 100, "ipmi"),
            row("ours", 100, "bmc,ipmi"),
            row("ours", 9, "ipmi"),
        ];
        assert_eq!(
            ratios(&rows, &["ours"]),
            ["RATIO ipmi ours/theirs bmcs=100 collectors=ipmi cpu=1.0000"]
        );
    }

    #[test]
    fn a_goal_is_reached_or_missed_or_not_known() {
        let goal = |figure, bound| Goal { figure, bound };
        let goals = [
            goal("cpu", Bound::AtMost(3.0)),
            goal("rss", Bound::AtLeast(9.0)),
            goal("answered", Bound::AtLeast(1.0)),
        ];
        let said = verdicts(&rows()[0], &goals);
        let ends: Vec<_> = said.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(ends, ["reached", "MISSED", "unknown"]);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.5), Some(50.0));
        assert_eq!(quantile(&values, 0.99), Some(99.0));
        assert_eq!(quantile(&values, 1.0), Some(100.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
