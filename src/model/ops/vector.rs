//! Functions of single numbers, written so that the compiler turns loops of them into vector instructions.

/// 1.5 · 2^23: added to a small number, it leaves the nearest whole number in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `e^x` to a few units in the last place; below -87 it stays at `e^-87`, above 88 at `e^88`.
///
/// `x = n·ln 2 + r`, `e^r` by a polynomial whose coefficients were fitted for the least relative error.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first with few bits, so that the product is exact.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let tail = 0.499_999_94 + r * (0.166_665_21 + r * (0.041_668_39 + r * (0.008_368_71 + r * 0.001_381_461)));
    let scale = f32::from_bits((shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23);
    (1.0 + r + r * r * tail) * scale
}

/// `Φ(x)`, the normal distribution up to `x`, and `e^(-x²/2)`.
///
/// The complementary error function is `e^(-z²)` times a polynomial in `t = 1 / (1 + 0.4 z)` (the form is Hastings',
/// 1955; the coefficients were fitted for the least relative error).
#[inline(always)]
pub fn normal(x: f32) -> (f32, f32) {
    let bell = exp(-0.5 * x * x);
    let t = 1.0 / (1.0 + (0.4 * std::f32::consts::FRAC_1_SQRT_2) * x.abs());
    let mut tail = 0.040_250_91;
    for coefficient in
        [-0.135_389_3, 0.073_670_48, 0.099_929_31, 0.071_367_76, 0.197_024_12, 0.200_942_6, 0.226_578, 0.225_626_16]
    {
        tail = tail * t + coefficient;
    }
    let upper = 0.5 * bell * tail * t;
    (if x < 0.0 { upper } else { 1.0 - upper }, bell)
}

/// `x · Φ(x)` (Hendrycks and Gimpel 2016).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    x * normal(x).0
}

/// The derivative of [`gelu`].
#[inline(always)]
pub fn gelu_slope(x: f32) -> f32 {
    let (below, bell) = normal(x);
    below + x * bell * 0.398_942_3
}

/// A number that looks random, from any number (the multipliers and shifts are Wellons' "lowbias32", 2018).
#[inline(always)]
pub fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_a_few_last_places() {
        let worst = (-870_000..880_000)
            .map(|step| step as f32 * 1e-4)
            .map(|x| (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 3e-7, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
    }

    /// Φ by its series (Abramowitz and Stegun 26.2.10) in 64 bits.
    fn series(x: f64) -> f64 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term.abs() > 1e-18 {
            n += 1.0;
            term *= -x * x / (2.0 * n);
            sum += term / (2.0 * n + 1.0);
        }
        0.5 + sum / std::f64::consts::TAU.sqrt()
    }

    #[test]
    fn gelu_and_its_slope_are_right() {
        for step in -50_000..=50_000 {
            let x = step as f32 * 1e-4;
            let (below, wide) = (series(x.into()), f64::from(x));
            let bell = (-0.5 * wide * wide).exp() / std::f64::consts::TAU.sqrt();
            assert!((f64::from(gelu(x)) - wide * below).abs() < 3e-7 * wide.abs().max(1.0), "{x}");
            assert!((f64::from(gelu_slope(x)) - (below + wide * bell)).abs() < 5e-7, "{x}");
        }
        assert_eq!(gelu(20.0), 20.0);
        assert!(gelu(-20.0).abs() < 1e-30);
    }
}
