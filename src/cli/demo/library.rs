//! A small Immich upload location drawn by code: for `offsite demo` and for tests.
//!
//! The same seed and size give the same files, to the byte. [`draw`] makes the library,
//! [`month::change`](super::month::change) lets a month pass, and
//! [`dump::write_dump`](super::dump::write_dump) writes the database that belongs to it.

use std::fs;
use std::io;
use std::path::Path;

pub use super::catalogue::{Asset, DRAWN_AT, Kind, Library, Sidecar, Size, User};
use super::dice::Dice;
use super::originals::make_all;
use super::plan::first_roll;
use super::surroundings::{write_avatars, write_generated, write_markers};

/// Draws a library into `folder`, which must be empty or absent.
///
/// # Errors
/// `AlreadyExists` when the folder holds something; otherwise what the file system says.
pub fn draw(folder: &Path, seed: u64, size: Size) -> io::Result<Library> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        let text = "the folder for the demo library is not empty";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let mut library = Library {
        folder: folder.to_owned(),
        seed,
        size,
        users: users(seed),
        assets: Vec::new(),
        months: 0,
        thrown: 0,
    };
    write_markers(&library)?;
    let plans = first_roll(&mut library);
    library.assets = make_all(&library, &plans)?;
    write_avatars(&library)?;
    write_generated(&mut library)?;
    Ok(library)
}

fn users(seed: u64) -> Vec<User> {
    let mut dice = Dice::new(seed, "users", 0);
    let (anna, ben, avatar) = (dice.uuid(), dice.uuid(), dice.uuid());
    let avatar = Some(format!("profile/{anna}/{avatar}.jpg"));
    vec![
        User {
            id: anna,
            name: "Anna",
            email: "anna@example.org",
            label: Some("anna"),
            avatar,
        },
        User {
            id: ben,
            name: "Ben",
            email: "ben@example.org",
            label: None,
            avatar: None,
        },
    ]
}

#[cfg(test)]
#[path = "library_tests.rs"]
mod tests;
