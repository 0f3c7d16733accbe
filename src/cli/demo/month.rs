//! A month passes in a drawn library: the changes a backup should find cheap, and those it must
//! not miss.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

use sha1::{Digest, Sha1};

use super::catalogue::{Kind, Library, moment, write_file};
use super::originals::{make_all, xmp};
use super::photo::{exif, with_exif};
use super::plan::next_photo;

/// What happened, as paths below the upload location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// New photos and their sidecars.
    pub added: Vec<String>,
    /// A sidecar with a new title.
    pub retitled: String,
    /// From, to: the same bytes in another folder.
    pub moved: (String, String),
    /// A new EXIF block of another length before the same image data.
    pub rewritten: String,
    /// Gone from disk and database.
    pub deleted: String,
}

/// Lets a month pass: `new_photos` more photos, one title changed, one photo moved, one with its
/// EXIF rewritten, one deleted. The database follows every change.
///
/// # Errors
/// What the file system says; `NotFound` when too few photos are left to change.
pub fn change(library: &mut Library, new_photos: u32) -> io::Result<Change> {
    library.months += 1;
    let retitled = retitle(library)?;
    let moved = move_one(library)?;
    let mut others = plain_photos(library).filter(|place| library.assets[*place].path != moved.1);
    let (rewritten, deleted) = others.next().zip(others.next()).ok_or_else(too_few)?;
    drop(others);
    let rewritten = rewrite_exif(library, rewritten)?;
    // Last: it shifts the places of the others.
    let deleted = delete(library, deleted)?;
    let plans: Vec<_> = (0..new_photos).map(|_| next_photo(library)).collect();
    let added = make_all(library, &plans)?;
    let sidecars = added.iter().filter_map(|asset| asset.sidecar.as_ref());
    let mut paths: Vec<String> = sidecars.map(|sidecar| sidecar.path.clone()).collect();
    paths.extend(added.iter().map(|asset| asset.path.clone()));
    library.assets.extend(added);
    Ok(Change {
        added: paths,
        retitled,
        moved,
        rewritten,
        deleted,
    })
}

/// A disk loses a byte of one photo that the month left alone, and the database knows nothing of
/// it. Gives its path below the upload location.
///
/// # Errors
/// What the file system says; `NotFound` when no photo is left.
pub fn decay(library: &Library, change: &Change) -> io::Result<String> {
    let touched = |path: &String| {
        path == &change.moved.1 || path == &change.rewritten || change.added.contains(path)
    };
    let mut photos = plain_photos(library).filter_map(|place| library.assets.get(place));
    let asset = photos.find(|asset| !touched(&asset.path));
    let path = asset.ok_or_else(too_few)?.path.clone();
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(library.folder.join(&path))?;
    let middle = file.metadata()?.len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle)?;
    file.write_all_at(&[!byte[0]], middle)?;
    Ok(path)
}

fn retitle(library: &mut Library) -> io::Result<String> {
    let titled = |library: &Library| {
        let place = library
            .assets
            .iter()
            .position(|asset| asset.sidecar.is_some())?;
        Some((place, library.assets.get(place)?.sidecar.clone()?))
    };
    let (place, mut sidecar) = titled(library).ok_or_else(too_few)?;
    sidecar.title = format!("{} ({})", sidecar.title, moment(library.now(), "%B"));
    write_file(
        library,
        &sidecar.path,
        xmp(&sidecar.title).as_bytes(),
        library.now(),
    )?;
    let path = sidecar.path.clone();
    library.assets[place].sidecar = Some(sidecar);
    Ok(path)
}

/// Anna corrects a date, and the storage template moves the photo to the next day's folder.
fn move_one(library: &mut Library) -> io::Result<(String, String)> {
    let place = plain_photos(library).find(|place| library.assets[*place].owner == 0);
    let place = place.ok_or_else(too_few)?;
    let asset = &library.assets[place];
    let label = library.users[0].label.unwrap_or("anna");
    let taken = asset.taken + 86_400;
    let to = format!(
        "library/{label}/{}/{}",
        moment(taken, "%Y/%Y-%m-%d"),
        asset.name
    );
    let from = asset.path.clone();
    let target = library.folder.join(&to);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(library.folder.join(&from), target)?;
    let asset = &mut library.assets[place];
    asset.taken = taken;
    asset.path.clone_from(&to);
    Ok((from, to))
}

fn rewrite_exif(library: &mut Library, place: usize) -> io::Result<String> {
    let asset = &library.assets[place];
    let path = asset.path.clone();
    let jpeg = fs::read(library.folder.join(&path))?;
    let taken = moment(asset.taken, "%Y:%m:%d %H:%M:%S");
    let software = format!("Darkroom 4.6, tidied up after {} months", library.months);
    let changed = with_exif(&jpeg, &exif(&taken, &software))?;
    write_file(library, &path, &changed, library.now())?;
    let asset = &mut library.assets[place];
    asset.sha1 = Sha1::digest(&changed).into();
    asset.size = changed.len() as u64;
    Ok(path)
}

fn delete(library: &mut Library, place: usize) -> io::Result<String> {
    let asset = library.assets.remove(place);
    fs::remove_file(library.folder.join(&asset.path))?;
    Ok(asset.path)
}

/// The places of the photos that have nothing beside them.
fn plain_photos(library: &Library) -> impl Iterator<Item = usize> + '_ {
    let plain = library.assets.iter().enumerate().filter(|(_, asset)| {
        asset.kind == Kind::Photo && asset.sidecar.is_none() && asset.generated.is_none()
    });
    plain.map(|(place, _)| place)
}

fn too_few() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the demo library has too few photos left to change",
    )
}
