//! What lies in a repository, seen and spoilt behind the program's back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;

use crate::harness::seaweedfs::{SeaweedFs, wait_for};

/// The objects of one repository, by their names, such as `packs/0a/0a…`.
#[derive(Debug, Clone)]
pub struct Objects(Place);

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Bucket { bucket: String, prefix: String },
}

impl Objects {
    pub fn in_folder(folder: &Path) -> Self {
        Self(Place::Folder(folder.to_owned()))
    }

    /// `prefix` ends with a slash.
    pub fn in_bucket(bucket: &str, prefix: &str) -> Self {
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        Self(Place::Bucket { bucket, prefix })
    }

    /// Name and size in bytes of all objects whose name begins with `beginning`.
    pub fn list(&self, beginning: &str) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        match &self.0 {
            Place::Folder(folder) => collect(folder, folder, &mut found),
            Place::Bucket { bucket, prefix } => wait_for(async {
                let client = SeaweedFs::shared().client();
                let request = client.list_objects_v2().bucket(bucket).prefix(prefix);
                let mut pages = request.into_paginator().send();
                while let Some(page) = pages.next().await {
                    for object in page.expect("a page of the list").contents() {
                        let key = object.key().expect("a name");
                        let name = key
                            .strip_prefix(prefix.as_str())
                            .expect("what was asked for");
                        let bytes = u64::try_from(object.size().expect("a size"));
                        found.insert(name.to_owned(), bytes.expect("a size"));
                    }
                }
            }),
        }
        found.retain(|name, _| name.starts_with(beginning));
        found
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        match &self.0 {
            Place::Folder(folder) => std::fs::read(folder.join(name)).expect("an object"),
            Place::Bucket { bucket, prefix } => wait_for(async {
                let client = SeaweedFs::shared().client();
                let key = format!("{prefix}{name}");
                let answer = client.get_object().bucket(bucket).key(key).send().await;
                let body = answer.expect("an object").body.collect().await;
                body.expect("an object's bytes").to_vec()
            }),
        }
    }

    /// Puts bytes under a name, in the place of an object if there is one, as no honest store would.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        match &self.0 {
            Place::Folder(folder) => {
                let path = folder.join(name);
                let above = path.parent().expect("a folder");
                std::fs::create_dir_all(above).expect("a folder");
                // Objects may be read-only.
                let _ = std::fs::remove_file(&path);
                std::fs::write(&path, bytes).expect("an object");
            }
            Place::Bucket { bucket, prefix } => wait_for(async {
                let client = SeaweedFs::shared().client();
                let put = client.put_object().bucket(bucket);
                let put = put.key(format!("{prefix}{name}"));
                let put = put.body(ByteStream::from(bytes)).send().await;
                put.expect("an object is put");
            }),
        }
    }

    /// Removes all objects whose name begins with `beginning`; there must be one.
    pub fn remove(&self, beginning: &str) {
        let names = self.list(beginning);
        assert!(!names.is_empty(), "there is nothing called {beginning}…");
        for name in names.keys() {
            match &self.0 {
                Place::Folder(folder) => {
                    std::fs::remove_file(folder.join(name)).expect("an object");
                }
                Place::Bucket { bucket, prefix } => wait_for(async {
                    let client = SeaweedFs::shared().client();
                    let delete = client.delete_object().bucket(bucket);
                    let delete = delete.key(format!("{prefix}{name}")).send().await;
                    delete.expect("an object is deleted");
                }),
            }
        }
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, u64>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a name").path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("beneath it");
            match path.metadata() {
                Ok(metadata) => _ = found.insert(name.display().to_string(), metadata.len()),
                // A program that is at work has just given it its name.
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{path:?}"),
            }
        }
    }
}
