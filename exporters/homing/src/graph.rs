//! Pairs of vantages whose round trips no single place explains, as a graph. No I/O, no clock.

/// The edges between vantages, by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Graph {
    edges: Vec<(usize, usize)>,
}

impl Graph {
    /// Adds a pair, which is not there yet.
    pub(crate) fn add(&mut self, one: usize, other: usize) {
        self.edges.push((one.min(other), one.max(other)));
    }

    /// How many pairs contradict each other.
    pub(crate) fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether none does.
    pub(crate) fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Whether two vantages contradict each other.
    #[cfg(test)]
    pub(crate) fn has(&self, one: usize, other: usize) -> bool {
        self.edges.contains(&(one, other)) || self.edges.contains(&(other, one))
    }

    /// The vantages that are in every pair: if one of them is wrong, it alone explains all.
    pub(crate) fn centres(&self) -> Vec<usize> {
        let Some((one, other)) = self.edges.first() else { return Vec::new() };
        let is_in_all =
            |vantage: &usize| self.edges.iter().all(|(a, b)| a == vantage || b == vantage);
        [*one, *other].into_iter().filter(is_in_all).collect()
    }

    /// Whether the pairs prove several sites: there are some, and no single wrong vantage explains all.
    pub(crate) fn is_proof(&self) -> bool {
        !self.is_empty() && self.centres().is_empty()
    }

    /// The size of a matching, taken greedily from those with the fewest pairs on: that many vantages at
    /// least must be wrong for there to be one site after all.
    pub(crate) fn matching(&self) -> usize {
        let top = self.edges.iter().map(|(a, b)| a.max(b) + 1).max().unwrap_or(0);
        let mut degrees = vec![0; top];
        for (a, b) in &self.edges {
            degrees[*a] += 1;
            degrees[*b] += 1;
        }
        let mut edges = self.edges.clone();
        edges.sort_unstable_by_key(|(a, b)| (degrees[*a] + degrees[*b], *a, *b));
        let mut taken = vec![false; top];
        let mut size = 0;
        for (a, b) in edges {
            if !taken[a] && !taken[b] {
                (taken[a], taken[b], size) = (true, true, size + 1);
            }
        }
        size
    }

    /// Vantages of which each two contradict each other, taken greedily in the order that is given: that
    /// many sites there are at least.
    /// Beside them, how many are left at least where any one vantage is left out, as it may be wrong: leaving out
    /// one that is not chosen changes nothing.
    pub(crate) fn independent(&self, in_order: &[usize]) -> (Vec<usize>, usize) {
        let against = self.neighbours(in_order);
        let all = chosen(&against, in_order, None);
        let without = |it: &usize| chosen(&against, in_order, Some(*it)).len();
        let without_one = all.iter().map(without).min().unwrap_or(0);
        (all, without_one)
    }

    /// Neighbours as a table, with the length of its lines: this is asked for each address, each minute.
    fn neighbours(&self, in_order: &[usize]) -> (Vec<bool>, usize) {
        let top = self.edges.iter().map(|(a, b)| a.max(b) + 1).max().unwrap_or(0);
        let top = top.max(in_order.iter().max().map_or(0, |it| it + 1));
        let mut against = vec![false; top * top];
        for (a, b) in &self.edges {
            against[a * top + b] = true;
            against[b * top + a] = true;
        }
        (against, top)
    }
}

fn chosen(
    (against, top): &(Vec<bool>, usize),
    in_order: &[usize],
    without: Option<usize>,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for vantage in in_order.iter().filter(|it| Some(**it) != without) {
        if chosen.iter().all(|it| against[vantage * top + it]) {
            chosen.push(*vantage);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::default();
        for (one, other) in edges {
            graph.add(*one, *other);
        }
        graph
    }

    #[test]
    fn one_pair_and_a_star_prove_nothing() {
        assert!(!graph(&[]).is_proof());
        let pair = graph(&[(1, 4)]);
        assert_eq!((pair.is_proof(), pair.centres(), pair.matching()), (false, vec![1, 4], 1));
        let star = graph(&[(2, 1), (2, 5), (2, 7)]);
        assert_eq!((star.is_proof(), star.centres(), star.matching()), (false, vec![2], 1));
    }

    #[test]
    fn a_triangle_and_two_pairs_prove_several_sites() {
        let triangle = graph(&[(0, 1), (1, 2), (0, 2)]);
        assert_eq!((triangle.is_proof(), triangle.matching()), (true, 1));
        assert_eq!(triangle.independent(&[2, 1, 0]), (vec![2, 1, 0], 2));
        let pairs = graph(&[(0, 1), (2, 3)]);
        assert_eq!((pairs.is_proof(), pairs.matching(), pairs.len()), (true, 2, 2));
        assert_eq!(pairs.independent(&[0, 2, 1, 3]), (vec![0, 1], 1));
    }

    #[test]
    fn a_path_of_three_pairs_needs_two_wrong_vantages() {
        // Greedy from the middle would find one.
        assert_eq!(graph(&[(1, 2), (0, 1), (2, 3)]).matching(), 2);
    }

    #[test]
    fn many_pairs_are_counted_as_few_are() {
        let all: Vec<usize> = (0..40).collect();
        let pairs = (0..20).flat_map(|a| (20..40).map(move |b| (a, b)));
        let graph = graph(&pairs.collect::<Vec<_>>());
        assert_eq!((graph.len(), graph.matching(), graph.is_proof()), (400, 20, true));
        assert_eq!(graph.independent(&all), (vec![0, 20], 2));
        assert!(graph.has(3, 30) && !graph.has(3, 4));
    }
}
