//! Anki's scheduler, the third, as client 26.09.3 has it: what becomes of a card when it is answered.
//!
//! A [`Question`] is a card with its present [`State`] and those that the four ratings lead to; [`Question::answer`] takes one of them and
//! says what has to be written. Nothing here asks for the time or for chance: the time is handed in, and chance follows from the card's
//! id and from how often it was answered, as on every device. That all of it comes to what a real client comes to, to the last digit, is
//! what `e2e/test_answers.py` and the tables in `tests` check.

mod answer;
mod balance;
mod card_data;
mod dice;
mod fuzz;
mod history;
mod label;
mod memory;
mod settings;
mod state;
mod steps;
mod studied;

pub use answer::{Answered, Circumstances, Fsrs, Question, needs_reviews, seed, unbury};
pub use balance::{Balance, DAYS as BALANCED_DAYS, Load};
pub use memory::Memory;
pub use settings::{Bury, Settings, StudiedDeck};
pub use state::{Rating, State, Wait};
pub use studied::{Studied, count_studied};

/// Why a card cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotStudy {
    #[error("it has the type {0} and the queue {1}, which no scheduler knows")]
    Kind(i64, i64),
    #[error("it is in a filtered deck without a normal deck to return to, or the other way round; Anki's database check mends that")]
    NoHome,
    #[error("the FSRS parameters of its preset cannot be used")]
    Parameters,
    #[error("FSRS cannot work with its memory state")]
    Memory,
    #[error("its preset ignores reviews before something that is no date")]
    Date,
    #[error("its preset has easy days that are not seven")]
    EasyDays,
}

impl Bury {
    /// Those siblings of a card in `queue` that wait until tomorrow: none that would have come before it.
    pub fn takes(self, queue: i64, sibling: i64) -> bool {
        let order = |queue: i64| match queue {
            1 | 4 => 0,
            3 => 1,
            2 => 2,
            0 => 3,
            _ => i64::MAX,
        };
        match sibling {
            0 => self.new,
            2 => self.reviews && order(queue) <= order(2),
            3 => self.interday_learning && order(queue) <= order(3),
            _ => false,
        }
    }
}
