//! What stands around the originals of a drawn library: Immich's markers, profile pictures, and
//! files it can make again.

use std::io::{self, Write};

use super::catalogue::{Kind, Library, two_folders, write_file};
use super::originals::video;
use super::photo::photo;

/// The six folders with the files by which Immich knows that they are mounted.
pub(super) fn write_markers(library: &Library) -> io::Result<()> {
    for folder in [
        "upload",
        "library",
        "thumbs",
        "encoded-video",
        "profile",
        "backups",
    ] {
        let marker = format!("{folder}/.immich");
        let started = format!("{}", library.now() * 1000);
        write_file(library, &marker, started.as_bytes(), library.now())?;
    }
    Ok(())
}

pub(super) fn write_avatars(library: &Library) -> io::Result<()> {
    for (number, user) in library.users.iter().enumerate() {
        let Some(path) = &user.avatar else { continue };
        let side = library.size.width_max.min(256);
        let jpeg = photo(&mut library.dice("avatar", number as u64), side, side, &[])?;
        write_file(library, path, &jpeg, library.now())?;
    }
    Ok(())
}

/// What Immich can make again: a preview for the first photo of each user, a transcoded video, and
/// a nightly dump.
pub(super) fn write_generated(library: &mut Library) -> io::Result<()> {
    let mut written = Vec::new();
    for (place, asset) in library.assets.iter().enumerate() {
        let mut photos = library
            .assets
            .iter()
            .filter(|other| other.kind == Kind::Photo);
        let first = photos
            .find(|photo| photo.owner == asset.owner)
            .map(|photo| &photo.id);
        let (kind, folder, end) = match asset.kind {
            Kind::Video => ("encoded_video", "encoded-video", ".mp4"),
            Kind::Photo if first == Some(&asset.id) => ("preview", "thumbs", "_preview.jpeg"),
            Kind::Photo => continue,
        };
        let owner = &library.users[asset.owner].id;
        let path = format!(
            "{folder}/{owner}/{}/{}{end}",
            two_folders(&asset.id),
            asset.id
        );
        let mut dice = library.dice("generated", place as u64);
        let bytes = match asset.kind {
            Kind::Video => video(&mut dice, library.size.video_bytes / 100),
            Kind::Photo => photo(
                &mut dice,
                library.size.width_max / 8,
                library.size.width_max / 8,
                &[],
            )?,
        };
        write_file(library, &path, &bytes, library.now())?;
        written.push((place, (kind, path)));
    }
    for (place, generated) in written {
        library.assets[place].generated = Some(generated);
    }
    let mut dump = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    dump.write_all(b"--\n-- PostgreSQL database dump\n--\n")?;
    let dump = dump.finish()?;
    let name = "backups/immich-db-backup-20240831T020000-v3.0.3-pg14.19.sql.gz";
    write_file(library, name, &dump, library.now() - 86_400)
}
