//! The audit's end of the dump reader: keeps what matters of each row.

use std::io;
use std::sync::{Arc, Mutex};

use super::{State, lock};
use crate::index::audit::{AssetRow, flags};
use crate::source::immich::rows::{Asset, AssetFile, Checksum, FileKind, Row, RowSink, Status};

/// Takes the rows in.
pub struct Sink {
    state: Arc<Mutex<State>>,
}

impl Sink {
    pub(super) fn new(state: Arc<Mutex<State>>) -> Self {
        Self { state }
    }
}

impl RowSink for Sink {
    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        let mut state = lock(&self.state);
        let tables = &mut state.tables;
        let kept = match row {
            Row::Asset(asset) => tables.add_asset(&kept(&asset)),
            Row::Size { asset, bytes } => tables.add_size(&asset, bytes),
            Row::File(file) if is_of_interest(&file) => {
                tables.add_file(&file.asset, file.kind == FileKind::Sidecar, file.path)
            }
            Row::User(user) => tables.add_user(&user.id, user.name, user.profile_image),
            Row::ImportPath { library, path } => tables.add_import_path(&library, path),
            Row::MediaLocation(path) => tables.set_media_location(path),
            Row::Move { old, new } => tables.add_move(old, new),
            Row::File(_) => Ok(()),
        };
        kept.map_err(io::Error::other)
    }

    fn start_over(&mut self) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.tables.clear_rows().map_err(io::Error::other)
    }

    fn remember(&mut self) -> io::Result<bool> {
        let mut state = lock(&self.state);
        let remembered = state.tables.remember_rows();
        remembered.map(|()| true).map_err(io::Error::other)
    }

    fn go_back(&mut self) -> io::Result<()> {
        let mut state = lock(&self.state);
        let back = state.tables.go_back_to_remembered_rows();
        back.map_err(io::Error::other)
    }
}

/// Of the generated files, of which there are three an asset, only those that may lie among the
/// originals.
fn is_of_interest(file: &AssetFile<'_>) -> bool {
    let generated = |folder: &[u8]| memchr::memmem::find(file.path, folder).is_some();
    match file.kind {
        FileKind::Sidecar => !file.path.is_empty(),
        FileKind::Generated => !(generated(b"thumbs/") || generated(b"encoded-video/")),
    }
}

fn kept<'r>(asset: &Asset<'r>) -> AssetRow<'r> {
    let mut bits = 0;
    for (set, bit) in [
        (asset.is_external, flags::EXTERNAL),
        (asset.is_offline, flags::OFFLINE),
        (asset.status == Status::Deleted, flags::DELETED),
        (asset.checksum == Checksum::Path, flags::NO_CONTENT),
        (
            matches!(asset.checksum, Checksum::Unknown(_)),
            flags::UNKNOWN,
        ),
    ] {
        if set {
            bits |= bit;
        }
    }
    AssetRow {
        id: asset.id,
        owner: asset.owner,
        path: asset.path,
        sha1: match asset.checksum {
            Checksum::Content(sha1) => Some(sha1),
            Checksum::Path | Checksum::Unknown(_) => None,
        },
        flags: bits,
    }
}
