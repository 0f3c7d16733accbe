//! `status`: does the rule of 3-2-1 hold today, and is each copy cared for?
//!
//! `facts` looks at one copy, cheaply, and remembers what it saw for the day on which the copy is out
//! of reach; `board` judges all of them together; `meter` counts what the look cost. The words are
//! the command line's.

mod board;
#[cfg(test)]
mod board_tests;
mod facts;
mod meter;

pub use board::{
    Ages, Board, COPIES_WANTED, Check, Checked, CopyStatus, MEDIA_WANTED, OFFSITE_WANTED,
    Unreachable,
};
pub use facts::{
    Facts, GROWTH, Newest, NextPrune, Proven, Remembered, Word, gather, remembered, shown_lock,
};
