//! What the audit needs of Immich's tables, one row at a time, whatever generation of the schema
//! the dump is of.
//!
//! They are found in the dump while it streams by; whoever takes them in is a [`RowSink`]. They come
//! in the order of the dump, which promises nothing: a file may come before its asset.

/// A UUID as its 16 bytes.
pub type Uuid = [u8; 16];

/// Takes rows in. Called many millions of times: must be cheap.
pub trait RowSink: Send {
    /// # Errors
    /// When the row cannot be kept, such as for a full disk: the backup fails with it.
    fn row(&mut self, row: Row<'_>) -> std::io::Result<()>;

    /// What came so far was of another database of the cluster, without Immich's assets: it is to
    /// be forgotten.
    ///
    /// # Errors
    /// As for [`RowSink::row`].
    fn start_over(&mut self) -> std::io::Result<()>;

    /// A second database of the cluster has Immich's tables too: what came so far may be wanted
    /// again. [`RowSink::start_over`] follows, then the rows of the second. `false` from a sink that
    /// cannot do this: then the first database stays, and no rows of the second come.
    ///
    /// What was remembered before this may be forgotten.
    ///
    /// # Errors
    /// As for [`RowSink::row`].
    fn remember(&mut self) -> std::io::Result<bool> {
        Ok(false)
    }

    /// The second database had no more assets than the first: the sink is to be as it was when it
    /// was told to remember.
    ///
    /// # Errors
    /// As for [`RowSink::row`].
    fn go_back(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<S: RowSink + ?Sized> RowSink for &mut S {
    fn row(&mut self, row: Row<'_>) -> std::io::Result<()> {
        (**self).row(row)
    }

    fn start_over(&mut self) -> std::io::Result<()> {
        (**self).start_over()
    }

    fn remember(&mut self) -> std::io::Result<bool> {
        (**self).remember()
    }

    fn go_back(&mut self) -> std::io::Result<()> {
        (**self).go_back()
    }
}

/// One row; texts are raw bytes after COPY unescaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row<'r> {
    Asset(Asset<'r>),
    File(AssetFile<'r>),
    /// `asset_exif.fileSizeInByte`.
    Size {
        asset: Uuid,
        bytes: u64,
    },
    User(User<'r>),
    /// One import path of an external library.
    ImportPath {
        library: Uuid,
        path: &'r [u8],
    },
    /// `system_metadata`, key `MediaLocation`.
    MediaLocation(&'r [u8]),
    /// A file move that Immich has not finished (`move_history`).
    Move {
        old: &'r [u8],
        new: &'r [u8],
    },
}

/// An asset: one original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset<'r> {
    pub id: Uuid,
    pub owner: Uuid,
    pub library: Option<Uuid>,
    /// As the database has it, in the container's terms.
    pub path: &'r [u8],
    pub checksum: Checksum<'r>,
    pub is_external: bool,
    pub is_offline: bool,
    pub status: Status,
}

/// What `checksum` is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum<'r> {
    /// SHA-1 of the content.
    Content([u8; 20]),
    /// SHA-1 of `path:` and the path: says nothing of the content.
    Path,
    /// Of a length or an algorithm that is not known.
    Unknown(&'r [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    /// In the trash: its file is still there.
    Trashed,
    /// Being deleted: its file may be gone.
    Deleted,
}

/// A file that belongs to an asset, from its own table or from a column of older generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetFile<'r> {
    pub asset: Uuid,
    pub kind: FileKind,
    pub path: &'r [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Sidecar,
    /// Preview, thumbnail, full size, encoded video: Immich makes them again.
    Generated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'r> {
    pub id: Uuid,
    pub name: &'r [u8],
    /// Empty: none.
    pub profile_image: &'r [u8],
}
