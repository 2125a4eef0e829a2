//! Counter-based random numbers: entity `i` is the same whatever the total size, order or number of threads.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const STEP: u64 = 0xD1B5_4A32_D192_ED03;

/// The output function of `SplitMix64`.
#[must_use]
pub fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 64-bit FNV-1a hash.
#[must_use]
pub fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// The random numbers of one kind of entity, such as `exp.session`.
#[derive(Clone, Copy, Debug)]
pub struct Stream(u64);

impl Stream {
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        Self(mix(seed ^ fnv1a64(name)))
    }

    #[must_use]
    pub fn entity(self, index: u64) -> Entity {
        Entity(self.0.wrapping_add(index.wrapping_mul(GOLDEN)))
    }
}

/// The draws of one entity, addressed by draw index. A new field takes a new index; none is ever inserted.
#[derive(Clone, Copy, Debug)]
pub struct Entity(u64);

impl Entity {
    #[must_use]
    pub fn bits(self, draw: u64) -> u64 {
        mix(self.0.wrapping_add(draw.wrapping_mul(STEP)))
    }

    /// In [0, 1), with 53 bits.
    #[must_use]
    pub fn uniform(self, draw: u64) -> f64 {
        unit_interval(self.bits(draw))
    }

    #[must_use]
    pub fn chance(self, draw: u64, probability: f64) -> bool {
        self.uniform(draw) < probability
    }

    /// A whole number in `0..bound`.
    #[must_use]
    pub fn below(self, draw: u64, bound: u64) -> u64 {
        // The high half of a 128-bit product, which keeps the arithmetic in whole numbers.
        u64::try_from((u128::from(self.bits(draw)) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A whole number in `low..=high`.
    #[must_use]
    pub fn between(self, draw: u64, low: i64, high: i64) -> i64 {
        low.saturating_add_unsigned(self.below(draw, high.abs_diff(low) + 1))
    }

    /// One of the weighted choices; the weights need not add up to 1.
    #[must_use]
    pub fn pick<T: Copy>(self, draw: u64, choices: &[(T, f64)]) -> T {
        let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut rest = self.uniform(draw) * total;
        for (choice, weight) in choices {
            if rest < *weight {
                return *choice;
            }
            rest -= weight;
        }
        choices[choices.len() - 1].0
    }

    /// A version 4 UUID out of two draws, `draw` and `draw + 1`.
    #[must_use]
    pub fn uuid(self, draw: u64) -> u128 {
        let bits = (u128::from(self.bits(draw)) << 64) | u128::from(self.bits(draw + 1));
        (bits & !(0xF_u128 << 76) & !(0x3_u128 << 62)) | (0x4_u128 << 76) | (0x2_u128 << 62)
    }
}

#[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
fn unit_interval(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniform(seed: u64, stream: &str, index: u64, draw: u64) -> f64 {
        Stream::new(seed, stream).entity(index).uniform(draw)
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "the vectors are exact")]
    fn published_vectors() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(fnv1a64("rasa.session"), 0xd234_ce31_1e6b_97a2);
        assert_eq!(Stream::new(42, "rasa.session").entity(0).bits(0), 0x458f_4b94_12f9_1793);
        assert_eq!(uniform(42, "rasa.session", 0, 0), 0.271_717_761_660_486_67);
        assert_eq!(uniform(42, "rasa.session", 0, 1), 0.754_032_071_029_028_7);
        assert_eq!(uniform(42, "rasa.session", 1, 0), 0.836_934_710_625_968_4);
        assert_eq!(uniform(42, "exp.session", 99_999_999, 3), 0.379_774_129_956_398_7);
        assert_eq!(uniform(7, "voice.turn", 123_456, 2), 0.114_014_832_447_463_91);
    }

    #[test]
    fn uuids_are_version_4() {
        for index in 0..100 {
            let id = uuid::Uuid::from_u128(Stream::new(1, "x").entity(index).uuid(0));
            assert_eq!(id.get_version_num(), 4);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        }
    }

    #[test]
    fn bounded_draws_stay_in_bounds_and_reach_them() {
        let entities = || (0..2000).map(|i| Stream::new(3, "b").entity(i));
        assert_eq!(entities().map(|e| e.between(0, -2, 3)).min(), Some(-2));
        assert_eq!(entities().map(|e| e.between(0, -2, 3)).max(), Some(3));
        let picked = entities().filter(|e| e.pick(1, &[(true, 3.0), (false, 1.0)])).count();
        assert!((1400..1600).contains(&picked), "{picked}");
    }
}
