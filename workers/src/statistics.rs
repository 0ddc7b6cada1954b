//! How sure shares are, and differences of shares.

/// The quantile of the normal distribution for 95 % confidence, two-sided.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// The same of one to three comparisons that are to hold together (Bonferroni).
const Z_OF: [f64; 3] = [Z, 2.241_402_727_604_945, 2.393_979_800_104_437];
/// The quantile for a power of 80 %.
const POWER: f64 = 0.841_621_233_572_914;
/// What chi-square of one to three degrees of freedom exceeds in one of a thousand cases.
const RARE: [f64; 3] = [
    10.827_566_170_662_733,
    13.815_510_557_964_274,
    16.266_236_196_238_13,
];

/// A number of things, to be calculated with.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 of anything")]
pub(crate) fn size(count: usize) -> f64 {
    count as f64
}

/// The interval in which a share lies with 95 % confidence; nothing of nothing. Wilson, Journal of the American
/// Statistical Association 22 (1927): it holds for few, and for shares near 0 and 1, too.
pub(crate) fn wilson(hits: f64, of: f64) -> Option<(f64, f64)> {
    wilson_at(Z, hits, of)
}

fn wilson_at(z: f64, hits: f64, of: f64) -> Option<(f64, f64)> {
    if of <= 0.0 {
        return None;
    }
    let square = z * z;
    let middle = (hits + square / 2.0) / (of + square);
    let half = z / (of + square) * (hits * (of - hits) / of + square / 4.0).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// The quantile for so many comparisons that hold together with 95 % confidence.
fn z_of(comparisons: usize) -> f64 {
    Z_OF[comparisons.clamp(1, Z_OF.len()) - 1]
}

/// The interval in which the difference of two shares (the second less the first, each as hits and of how many) lies with
/// 95 % confidence, so many comparisons together. The hybrid score interval, method 10 of Newcombe, Statistics in Medicine
/// 17 (1998), 873–890.
pub(crate) fn newcombe(
    (hits, of): (f64, f64),
    (other_hits, other_of): (f64, f64),
    comparisons: usize,
) -> Option<(f64, f64)> {
    let z = z_of(comparisons);
    let (one, other) = (wilson_at(z, hits, of)?, wilson_at(z, other_hits, other_of)?);
    Some(apart((hits / of, one), (other_hits / other_of, other)))
}

/// The interval of the difference of two values (the second less the first), put together from the intervals of both:
/// Zou and Donner, Statistics in Medicine 27 (2008), 1693–1702.
pub(crate) fn apart(
    (value, (low, high)): (f64, (f64, f64)),
    (other, (other_low, other_high)): (f64, (f64, f64)),
) -> (f64, f64) {
    let difference = other - value;
    (
        difference - (other - other_low).hypot(high - value),
        difference + (other_high - other).hypot(value - low),
    )
}

/// How many are needed on each side to find a difference from an expected share with a power of 80 %, at 95 % confidence
/// of so many comparisons together. Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003), chapter
/// 4, without the correction for continuity.
pub(crate) fn needed(expected: f64, difference: f64, comparisons: usize) -> f64 {
    // Towards one half, where shares spread the most.
    let other = if expected <= 0.5 {
        expected + difference
    } else {
        expected - difference
    };
    let spread = |share: f64| share * (1.0 - share);
    let middle = f64::midpoint(expected, other);
    let both = z_of(comparisons) * (2.0 * spread(middle)).sqrt()
        + POWER * (spread(expected) + spread(other)).sqrt();
    (both / difference).powi(2).ceil()
}

/// Whether counts are so far from these parts of their sum that it is no chance (chi-square, one of a thousand); `false`
/// where there are too few to tell.
pub(crate) fn is_uneven(counts: &[f64], parts: &[f64]) -> bool {
    let (sum, whole) = (counts.iter().sum::<f64>(), parts.iter().sum::<f64>());
    let expected = parts.iter().map(|part| sum * part / whole);
    let pairs: Vec<(f64, f64)> = counts.iter().copied().zip(expected).collect();
    let rare = counts.len().checked_sub(2).and_then(|n| RARE.get(n));
    let enough = pairs.iter().all(|(_, expected)| *expected >= 5.0);
    let chi: f64 = pairs
        .iter()
        .map(|(count, expected)| (count - expected).powi(2) / expected)
        .sum();
    enough && rare.is_some_and(|rare| chi > *rare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_differences_are_those_of_the_paper() {
        // Newcombe's table II, method 10, rows (a), (c), (d) and (f) of its examples.
        for (one, other, low, high) in [
            ((56.0, 70.0), (48.0, 80.0), 0.0524, 0.3339),
            ((9.0, 10.0), (3.0, 10.0), 0.1705, 0.8090),
            ((6.0, 7.0), (2.0, 7.0), 0.0582, 0.8062),
            ((10.0, 10.0), (0.0, 10.0), 0.6075, 1.0),
        ] {
            let (found_low, found_high) = newcombe(other, one, 1).unwrap();
            assert!((found_low - low).abs() < 5e-5, "{one:?}: {found_low}");
            assert!((found_high - high).abs() < 5e-5, "{one:?}: {found_high}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_formula_and_uneven_counts_are_told() {
        // By hand: (1.96·√(2·0.225·0.775) + 0.8416·√(0.16 + 0.1875))² / 0.05² = 1093.7
        assert!((needed(0.2, 0.05, 1) - 1_094.0).abs() < 0.5);
        assert!((needed(0.5, 0.05, 1) - 1_565.0).abs() < 0.5);
        assert!(needed(0.2, 0.05, 2) > 1_300.0);
        assert!(!is_uneven(&[520.0, 480.0], &[1.0, 1.0]), "chi-square 1.6");
        assert!(is_uneven(&[560.0, 440.0], &[1.0, 1.0]), "chi-square 14.4");
        assert!(!is_uneven(&[750.0, 250.0], &[3.0, 1.0]));
        assert!(!is_uneven(&[8.0, 0.0], &[1.0, 1.0]), "too few");
    }
}
