//! Random numbers as Anki's clients draw them.
//!
//! An interval is spread a little by chance, but the same card gets the same chance on every device: the generator is seeded with the
//! card's id and how often it was answered. So the numbers themselves are part of how a card is scheduled. They are those of the standard
//! generator of the crate `rand` 0.9, which that crate may change with any version: ChaCha with twelve rounds, a key that comes from the
//! seed by a permuted congruential generator (PCG-XSH-RR), and its ways to make fractions and ranges of words.

/// "expand 32-byte k", the constant of ChaCha.
const CONSTANT: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
const ROUNDS: usize = 12;
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 11_634_580_027_462_260_723;

/// A generator, which gives the same numbers for the same seed.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    key: [u32; 8],
    block: [u32; 16],
    /// The number of the next block.
    counter: u64,
    /// How many words of the block are used.
    used: usize,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut state = seed;
        let key = std::array::from_fn(|_| {
            state = state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
            #[expect(clippy::cast_possible_truncation, reason = "these are the bits that the generator takes")]
            let (shifted, turn) = ((((state >> 18) ^ state) >> 27) as u32, (state >> 59) as u32);
            shifted.rotate_right(turn)
        });
        Self { key, block: [0; 16], counter: 0, used: 16 }
    }

    fn word(&mut self) -> u32 {
        if self.used >= self.block.len() {
            self.block = block(&self.key, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let word = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        word
    }

    /// From 0 to below 1, in steps of 2⁻²³.
    pub(super) fn fraction(&mut self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "23 bits fit")]
        let bits = (self.word() >> 9) as f32;
        bits / 8_388_608.0
    }

    /// From `low` to below `end`; `low` itself where there is nothing between.
    pub(super) fn between(&mut self, low: u32, end: u32) -> u32 {
        let Some(width) = end.checked_sub(low).filter(|width| *width > 0) else { return low };
        let (mut offset, rest) = parts(u64::from(self.word()) * u64::from(width));
        // The rest decides whether the next word would carry over.
        if rest > width.wrapping_neg() {
            let (more, _) = parts(u64::from(self.word()) * u64::from(width));
            offset += u32::from(rest.checked_add(more).is_none());
        }
        low.wrapping_add(offset)
    }
}

/// The upper and the lower half.
#[expect(clippy::cast_possible_truncation, reason = "halves fit")]
fn parts(product: u64) -> (u32, u32) {
    ((product >> 32) as u32, product as u32)
}

fn block(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let (high, low) = parts(counter);
    let [c0, c1, c2, c3] = CONSTANT;
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let start = [c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, k6, k7, low, high, 0, 0];
    let [
        [mut a0, mut a1, mut a2, mut a3],
        [mut b0, mut b1, mut b2, mut b3],
        [mut d0, mut d1, mut d2, mut d3],
        [mut e0, mut e1, mut e2, mut e3],
    ] = [[c0, c1, c2, c3], [k0, k1, k2, k3], [k4, k5, k6, k7], [low, high, 0, 0]];
    for _ in 0..ROUNDS / 2 {
        quarter(&mut a0, &mut b0, &mut d0, &mut e0);
        quarter(&mut a1, &mut b1, &mut d1, &mut e1);
        quarter(&mut a2, &mut b2, &mut d2, &mut e2);
        quarter(&mut a3, &mut b3, &mut d3, &mut e3);
        quarter(&mut a0, &mut b1, &mut d2, &mut e3);
        quarter(&mut a1, &mut b2, &mut d3, &mut e0);
        quarter(&mut a2, &mut b3, &mut d0, &mut e1);
        quarter(&mut a3, &mut b0, &mut d1, &mut e2);
    }
    let mixed = [a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, e0, e1, e2, e3];
    let mut sums = start;
    sums.iter_mut().zip(mixed).for_each(|(sum, word)| *sum = sum.wrapping_add(word));
    sums
}

fn quarter(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) {
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(16);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(12);
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(8);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(7);
}
