//! How sure a share is.

/// The quantile of the normal distribution for 95 % confidence, two-sided.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// The interval in which a share lies with 95 % confidence; nothing of nothing. Wilson, Journal of the American
/// Statistical Association 22 (1927): it holds for few, and for shares near 0 and 1, too.
pub(crate) fn wilson(hits: f64, of: f64) -> Option<(f64, f64)> {
    if of <= 0.0 {
        return None;
    }
    let square = Z * Z;
    let middle = (hits + square / 2.0) / (of + square);
    let half = Z / (of + square) * (hits * (of - hits) / of + square / 4.0).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}
