//! What a backup takes from `offsite.toml`: each key stands for a flag that was not given.

use zeroize::Zeroizing;

use super::Args;
use crate::cli::config::{DumpFrom, PasswordFrom};
use crate::cli::context::Context;
use crate::cli::exit::Failure;
use crate::cli::secret;
use crate::source::database::DatabaseServer;

impl Args {
    /// The flags, and what the configuration says where there is none.
    ///
    /// # Errors
    /// The configuration has mistakes, or a password cannot be had.
    pub(super) fn completed(&self, context: &Context) -> Result<Self, Failure> {
        let mut args = self.clone();
        let configuration = context.configuration()?;
        let source = &configuration.source;
        args.immich = args.immich.or_else(|| source.immich.clone());
        args.compose_folder = args
            .compose_folder
            .or_else(|| source.compose_folder.clone());
        args.include_config |= source.include_config;
        fill(&mut args.paths, &source.folders);
        fill(&mut args.exclude, &source.exclude);
        fill(&mut args.exclude_file, &source.exclude_files);
        fill(&mut args.tag, &source.tags);
        args.exclude_caches |= source.limits.exclude_caches;
        args.one_file_system |= source.limits.one_file_system;
        args.mounts = args.mounts.completed(source);
        args.host = args.host.or_else(|| source.host.clone());
        args.complete_database(context)?;
        Ok(args)
    }

    fn complete_database(&mut self, context: &Context) -> Result<(), Failure> {
        let database = &context.configuration()?.database;
        let is_given = self.database_command.is_some()
            || self.database_file.is_some()
            || self.database_stdin
            || self.no_database
            || self.dump.is_given();
        let mut server = None;
        match database.from.as_ref().filter(|_| !is_given) {
            Some(DumpFrom::Command(command)) => self.database_command = Some(command.clone()),
            Some(DumpFrom::File(file)) => self.database_file = Some(file.clone()),
            Some(DumpFrom::Nowhere) => self.no_database = true,
            Some(DumpFrom::Server(address)) => {
                let password = database.password.as_ref();
                let password = password
                    .map(|from| password_from(from, context))
                    .transpose()?;
                server = Some(with_password(address.clone(), password));
            }
            None => {}
        }
        self.dump.complete(server, database.timeout);
        Ok(())
    }
}

/// A list of flags goes before the list of the file, and is not added to it.
fn fill<T: Clone>(flags: &mut Vec<T>, file: &[T]) {
    if flags.is_empty() {
        flags.extend_from_slice(file);
    }
}

fn with_password(server: DatabaseServer, password: Option<Zeroizing<String>>) -> DatabaseServer {
    match password {
        Some(password) => server.with_password(password),
        None => server,
    }
}

fn password_from(from: &PasswordFrom, context: &Context) -> Result<Zeroizing<String>, Failure> {
    let password = match from {
        PasswordFrom::Text(text) => Ok(text.clone()),
        PasswordFrom::File(file) => secret::from_file(file, context.progress.as_ref()),
        PasswordFrom::Command(command) => secret::from_command(command, "the password command"),
    };
    password.map_err(|error| {
        Failure::failed(
            error,
            "nothing was committed; check password_file or password_command in [database] of the \
             configuration",
        )
    })
}
