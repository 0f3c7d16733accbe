//! The fuse in SQLite, for every connection of the process: a commit that is turned into a rollback, a
//! commit that happened and whose answer is an error (which a WAL hook may say), a write to one of
//! its files that fails as a disk does that is full or broken.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, Once, OnceLock};

use rusqlite::ffi;

use crate::fuse::{self, Layer, Way};

/// The methods of files as SQLite has them.
static PLAIN: OnceLock<&'static ffi::sqlite3_io_methods> = OnceLock::new();
type Open = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    ffi::sqlite3_filename,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;
static OPEN: OnceLock<Open> = OnceLock::new();

/// Puts the fuse in, once a process, before any database is opened.
pub fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite is initialised, no database is open yet, and the file system layer that it
        // was built with lives as long as the process. The hooks have the types that SQLite asks for
        // and touch nothing but a value of their own thread.
        unsafe {
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
            let files = ffi::sqlite3_vfs_find(std::ptr::null());
            OPEN.set((*files).xOpen.unwrap()).unwrap();
            (*files).xOpen = Some(open);
            rusqlite::auto_extension::register_auto_extension(connected).unwrap();
        }
    });
}

unsafe extern "C" fn connected(
    connection: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite hands over the connection that it is opening.
    unsafe { ffi::sqlite3_commit_hook(connection, Some(before_commit), connection.cast()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn before_commit(connection: *mut c_void) -> c_int {
    // A setting of the connection may have taken the hook out, so it is put in each time.
    // SAFETY: it was given to `sqlite3_commit_hook` with its connection.
    unsafe { ffi::sqlite3_wal_hook(connection.cast(), Some(after_commit), std::ptr::null_mut()) };
    c_int::from(fuse::before(Layer::Commit, true).is_some())
}

unsafe extern "C" fn after_commit(
    _: *mut c_void,
    _: *mut ffi::sqlite3,
    _: *const c_char,
    _pages: c_int,
) -> c_int {
    code(fuse::after(Layer::Commit)).unwrap_or(ffi::SQLITE_OK)
}

unsafe extern "C" fn open(
    files: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    found: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are passed on as they came; a file that was opened has methods, which
    // live as long as the process.
    unsafe {
        let opened = OPEN.get().unwrap()(files, name, file, flags, found);
        if let Some(methods) = (*file).pMethods.as_ref() {
            (*file).pMethods = sick(methods);
        }
        opened
    }
}

/// The same methods, but for those that change a file. SQLite has a few tables of them, for files of
/// different kinds, which are written in one way.
fn sick(methods: &'static ffi::sqlite3_io_methods) -> &'static ffi::sqlite3_io_methods {
    static SICK: Mutex<BTreeMap<usize, &ffi::sqlite3_io_methods>> = Mutex::new(BTreeMap::new());
    PLAIN.get_or_init(|| methods);
    let mut made = SICK.lock().unwrap();
    made.entry(std::ptr::from_ref(methods).addr())
        .or_insert_with(|| {
            Box::leak(Box::new(ffi::sqlite3_io_methods {
                xWrite: Some(write),
                xTruncate: Some(truncate),
                xSync: Some(sync),
                ..*methods
            }))
        })
}

fn code(way: Option<Way>) -> Option<c_int> {
    way.map(|way| match way {
        Way::Full => ffi::SQLITE_FULL,
        _ => ffi::SQLITE_IOERR_WRITE,
    })
}

fn change(takes_room: bool, change: impl FnOnce(&ffi::sqlite3_io_methods) -> c_int) -> c_int {
    code(fuse::before(Layer::Page, takes_room)).unwrap_or_else(|| {
        let done = change(PLAIN.wait());
        code(fuse::after(Layer::Page)).unwrap_or(done)
    })
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: what SQLite said about one of its files is passed on, here and below.
    change(true, |plain| unsafe {
        plain.xWrite.unwrap()(file, bytes, length, offset)
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    change(false, |plain| unsafe {
        plain.xTruncate.unwrap()(file, size)
    })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    change(false, |plain| unsafe { plain.xSync.unwrap()(file, flags) })
}
