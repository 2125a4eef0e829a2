//! Chance that can be repeated.

/// Numbers that look random and are the same for the same seed (`SplitMix64`).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let limit = u64::try_from(from.len()).expect("a short list");
        from[usize::try_from(self.below(limit)).expect("a short list")]
    }
}
