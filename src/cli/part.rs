//! Which part of a snapshot is to be restored, as `restore` and `estimate restore` are told.

use std::ffi::OsString;

use clap::Args as ClapArgs;

use crate::format::entry::DATABASE_PATH;
use crate::ops::RestoreOptions;

#[derive(ClapArgs, Debug)]
pub struct Part {
    /// Only this folder or file of the snapshot
    #[arg(long, value_name = "SUBFOLDER", conflicts_with = "database_only")]
    pub path: Option<OsString>,
    /// Only what this pattern matches, and what is beneath it: '*.jpg' at any depth, a path from the
    /// top of the snapshot; may be repeated
    #[arg(long, value_name = "GLOB", conflicts_with = "database_only")]
    include: Vec<String>,
    /// Not what this pattern matches; may be repeated
    #[arg(long, value_name = "GLOB", conflicts_with = "database_only")]
    exclude: Vec<String>,
    /// Files, but not the database dump
    #[arg(long, conflicts_with = "database_only")]
    files_only: bool,
    /// The database dump alone, as DIR/database.sql
    #[arg(long)]
    database_only: bool,
}

impl Part {
    /// What is asked for, with what the typed path means; the rest is as by default.
    pub fn options(&self, path: &[u8]) -> RestoreOptions {
        RestoreOptions {
            files: !self.database_only,
            database: !self.files_only && (path.is_empty() || path == DATABASE_PATH),
            path: path.to_vec(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            ..RestoreOptions::default()
        }
    }
}
