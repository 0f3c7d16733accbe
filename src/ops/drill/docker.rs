//! A Postgres in a container without a network, which is removed, with its volume, when it is
//! dropped. `docker` is found as the shell would find it.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::server::{Server, named, query, run, tell_plainly};
use crate::ops::Result;
use crate::seams::Clock;
use crate::seams::Interrupt;

/// Images of a first start may be slow on a small machine.
const START_PATIENCE: Duration = Duration::from_secs(300);
const STEP: Duration = Duration::from_millis(500);
const DATABASE: &str = "offsite_drill";

pub(super) struct Container {
    name: String,
    clock: Arc<dyn Clock>,
}

impl Container {
    /// `name` is nobody else's.
    pub fn start(
        image: &str,
        name: String,
        clock: &Arc<dyn Clock>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        // Made first: a container that starts while this is interrupted is removed all the same.
        let container = Self {
            name,
            clock: Arc::clone(clock),
        };
        let mut docker = Command::new("docker");
        docker
            .args(["run", "--rm", "--detach", "--network=none", "--name"])
            .arg(&container.name)
            .args(["--env", "POSTGRES_HOST_AUTH_METHOD=trust"])
            .args(["--env", "POSTGRES_USER=postgres", "--"])
            .arg(image);
        run(&mut docker, "starting the container with docker", interrupt)?;
        let deadline = container.clock.since_boot() + START_PATIENCE;
        while let Err(error) = query(&container, "postgres", "SELECT 1", interrupt) {
            interrupt.check()?;
            if container.clock.since_boot() > deadline {
                return Err(error);
            }
            container.clock.sleep(STEP);
        }
        let make = format!("CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'");
        query(&container, "postgres", &make, interrupt)?;
        Ok(container)
    }
}

impl Server for Container {
    fn psql(&self, database: &str) -> Command {
        let mut docker = Command::new("docker");
        // Never with a terminal, which would change line ends. Over TCP: while an image sets itself
        // up it answers on the socket alone, and then starts again.
        docker
            .args(["exec", "--interactive", "--env", "LC_ALL=C"])
            .args(["--env", "PGCLIENTENCODING=UTF8"])
            .arg(&self.name)
            .arg("psql");
        tell_plainly(&mut docker);
        docker.args(["--host=127.0.0.1", "--username=postgres"]);
        docker.args(["--dbname", &named(database)]);
        docker
    }

    fn database(&self) -> &str {
        DATABASE
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn description(&self) -> &'static str {
        "in a container started for this"
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut docker = Command::new("docker");
        docker.args(["rm", "--force", "--volumes"]).arg(&self.name);
        // Interrupted or not. A container that is gone already is what was wanted.
        let _ = run(&mut docker, "removing the container", &Interrupt::default());
    }
}
