//! A generator that is seldom drawn from.

use std::convert::Infallible;

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

/// The numbers of a [`ChaCha8Rng`] without its store of numbers made in advance: 40 bytes instead of 320, and a draw takes
/// 0.1 µs. For what each of thousands of hosts has, and draws from once a message or less.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdleRng {
    seed: [u8; 32],
    /// Words of 32 bits drawn so far.
    drawn: u64,
}

impl IdleRng {
    /// The same numbers from the first one on.
    pub fn from_start(&self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.seed)
    }

    fn draw<T>(&mut self, draw: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
        let mut rng = self.from_start();
        rng.set_word_pos(u128::from(self.drawn));
        let drawn = draw(&mut rng);
        // 2^64 words are more than a run of 584 years draws.
        self.drawn = rng.get_word_pos() as u64;
        drawn
    }
}

impl From<ChaCha8Rng> for IdleRng {
    /// Goes on where `rng` stands.
    ///
    /// # Panics
    ///
    /// If it is another of its seed's streams than the first: here each seed has one.
    fn from(rng: ChaCha8Rng) -> Self {
        assert_eq!(rng.get_stream(), 0, "generators differ by their seeds");
        Self { seed: rng.get_seed(), drawn: rng.get_word_pos() as u64 }
    }
}

impl TryRng for IdleRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.draw(|rng| rng.next_u32()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.draw(|rng| rng.next_u64()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.draw(|rng| rng.fill_bytes(bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_numbers_are_those_of_the_generator_that_it_stands_for() {
        for seed in 0..50 {
            let mut busy = ChaCha8Rng::seed_from_u64(seed);
            for _ in 0..seed {
                busy.next_u32();
            }
            let mut idle = IdleRng::from(busy.clone());
            for step in 0..400_u64 {
                match (step + seed) % 3 {
                    0 => assert_eq!(idle.next_u32(), busy.next_u32(), "{seed} {step}"),
                    1 => assert_eq!(idle.next_u64(), busy.next_u64(), "{seed} {step}"),
                    _ => {
                        let (mut one, mut other) = ([0; 7], [0; 7]);
                        idle.fill_bytes(&mut one);
                        busy.fill_bytes(&mut other);
                        assert_eq!(one, other, "{seed} {step}");
                    }
                }
            }
        }
    }
}
