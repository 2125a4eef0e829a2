//! Distributions made from uniform draws alone. Functions beyond the four operations and the square root come from a
//! portable library, and callers round what they write, so that the bytes are the same on every platform.

use super::random::Entity;

/// Exponential with mean 1.
#[must_use]
pub fn exponential(u: f64) -> f64 {
    -libm::log(1.0 - u)
}

/// Gamma with a whole shape and scale 1; takes `shape` draws from `draw` on.
#[must_use]
pub fn gamma(entity: Entity, draw: u64, shape: u64) -> f64 {
    (0..shape).map(|k| exponential(entity.uniform(draw + k))).sum()
}

/// Beta with whole parameters; takes `a + b` draws from `draw` on.
#[must_use]
pub fn beta(entity: Entity, draw: u64, a: u64, b: u64) -> f64 {
    let left = gamma(entity, draw, a);
    let right = gamma(entity, draw + a, b);
    left / (left + right)
}

/// Standard normal by Box-Muller; takes `draw` and `draw + 1`.
#[must_use]
pub fn normal(entity: Entity, draw: u64) -> f64 {
    let radius = (2.0 * exponential(entity.uniform(draw))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * entity.uniform(draw + 1))
}

/// Log-normal by its median and the deviation of its logarithm; takes `draw` and `draw + 1`.
#[must_use]
pub fn log_normal(entity: Entity, draw: u64, median: f64, sigma: f64) -> f64 {
    median * libm::exp(sigma * normal(entity, draw))
}

/// Zipf-like on `1..=most`: the bounded Pareto's inverse, rounded down. `exponent` must not be 1.
#[must_use]
pub fn zipf(u: f64, most: i64, exponent: f64) -> i64 {
    let power = 1.0 - exponent;
    let top = libm::pow(float(most + 1), power);
    whole(libm::pow(1.0 - u * (1.0 - top), 1.0 / power).floor()).clamp(1, most)
}

/// Poisson, by walking up the distribution function; for means up to a few dozen.
#[must_use]
pub fn poisson(u: f64, mean: f64) -> i64 {
    let mut term = libm::exp(-mean);
    let mut below = term;
    let mut count = 0_i64;
    while u >= below && count < 1000 {
        count += 1;
        term *= mean / float(count);
        below += term;
    }
    count
}

/// How many failures come before the first success.
#[must_use]
pub fn geometric(u: f64, success: f64) -> i64 {
    whole((libm::log(1.0 - u) / libm::log(1.0 - success)).floor())
}

/// Binomial, by walking up the distribution function; for small `trials`.
#[must_use]
pub fn binomial(u: f64, trials: i64, success: f64) -> i64 {
    let mut term = (0..trials).fold(1.0, |product, _| product * (1.0 - success));
    let mut below = term;
    let mut count = 0;
    while u >= below && count < trials {
        term *= float(trials - count) / float(count + 1) * (success / (1.0 - success));
        count += 1;
        below += term;
    }
    count
}

/// The logistic function.
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[allow(clippy::cast_precision_loss, reason = "counts and microseconds stay below 2^53")]
#[must_use]
pub fn float(value: i64) -> f64 {
    value as f64
}

/// Nearest whole number, halves away from zero.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and values are small"
)]
#[must_use]
pub fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// Rounded to so many decimal places.
#[must_use]
pub fn rounded(value: f64, places: u32) -> f64 {
    let scale = float(10_i64.pow(places));
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::super::random::Stream;
    use super::*;

    const N: u64 = 40_000;

    fn moments(sample: impl Fn(Entity) -> f64) -> (f64, f64) {
        let stream = Stream::new(11, "moments");
        let values: Vec<f64> = (0..N).map(|i| sample(stream.entity(i))).collect();
        let n = float(i64::try_from(N).unwrap());
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        (mean, variance)
    }

    fn close(sample: impl Fn(Entity) -> f64, mean: f64, variance: f64) {
        let (m, v) = moments(sample);
        let tolerance = 5.0 * (variance / 40_000.0).sqrt();
        assert!((m - mean).abs() < tolerance, "mean {m}, not {mean}");
        assert!((v / variance - 1.0).abs() < 0.1, "variance {v}, not {variance}");
    }

    /// Against the textbook mean and variance of each.
    #[test]
    fn moments_are_the_textbook_ones() {
        close(|e| exponential(e.uniform(0)), 1.0, 1.0);
        close(|e| gamma(e, 0, 2), 2.0, 2.0);
        close(|e| beta(e, 0, 6, 2), 0.75, 6.0 * 2.0 / (64.0 * 9.0));
        close(|e| beta(e, 0, 5, 2), 5.0 / 7.0, 10.0 / (49.0 * 8.0));
        close(|e| normal(e, 0), 0.0, 1.0);
        close(|e| float(poisson(e.uniform(0), 1.7)), 1.7, 1.7);
        close(|e| float(poisson(e.uniform(0), 12.5)), 12.5, 12.5);
        close(|e| float(geometric(e.uniform(0), 0.25)), 3.0, 12.0);
        close(|e| float(binomial(e.uniform(0), 11, 0.5)), 5.5, 2.75);
        close(|e| float(binomial(e.uniform(0), 5, 0.1)), 0.5, 0.45);
    }

    #[test]
    fn zipf_is_bounded_and_falls() {
        let stream = Stream::new(5, "zipf");
        let mut counts = [0_u32; 6];
        for i in 0..N {
            let value = zipf(stream.entity(i).uniform(0), 5, 1.5);
            counts[usize::try_from(value).unwrap()] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(
            counts[1..].windows(2).all(|pair| pair[0] > pair[1] && pair[1] > 0),
            "{counts:?}"
        );
    }

    #[test]
    fn medians() {
        let stream = Stream::new(6, "median");
        let below = (0..N)
            .filter(|i| log_normal(stream.entity(*i), 0, 600.0, 0.5) < 600.0)
            .count();
        assert!((19_400..20_600).contains(&below), "{below}");
        assert!((logistic(0.0) - 0.5).abs() < 1e-15);
        assert!((logistic(1.0) - 0.731_058_578_630_004_9).abs() < 1e-15);
    }
}
