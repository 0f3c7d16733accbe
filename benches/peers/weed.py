"""A SeaweedFS of one measurement, with an S3 interface on the loopback interface."""
import os
import shutil
import socket
import subprocess
import time

KEY = "only-for-this-measurement"
# Ports that the server would else take by default, where another may listen.
FLAGS = ["s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance", "master.port", "master.port.grpc",
         "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
IDENTITIES = """{"identities": [{"name": "admin", "credentials": [{"accessKey": "%s", "secretKey": "%s"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"""


def program():
    """The `weed` to start, or none."""
    named = os.environ.get("OFFSITE_TEST_WEED", "target/test-servers/venv/bin/weed")
    return shutil.which(named) or shutil.which("weed")


class Weed:
    """Runs from `with` to its end. Whoever measures gives each tool a bucket of its own and drops it."""

    def __init__(self, folder):
        os.makedirs(f"{folder}/data")
        with open(f"{folder}/s3.json", "w") as file:
            file.write(IDENTITIES % (KEY, KEY))
        self.ports = dict(zip(FLAGS, free_ports(len(FLAGS))))
        self.address = f"http://127.0.0.1:{self.ports['s3.port']}"
        self.log = f"{folder}/log"
        self.command = [
            program(), "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.peers=none",
            "-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.max=1000", "-s3",
            f"-s3.config={folder}/s3.json", f"-filer.localSocket={folder}/filer.sock",
            f"-s3.localSocket={folder}/s3.sock", *(f"-{flag}={port}" for flag, port in self.ports.items())]
        # Nothing here speaks TLS, and Debian's rclone stumbles over a bundle of certificates.
        self.environment = {key: value for key, value in os.environ.items() if key != "AWS_CA_BUNDLE"}
        self.environment.update(
            AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=KEY, AWS_REGION="us-east-1", AWS_ENDPOINT_URL=self.address,
            RCLONE_CONFIG=f"{folder}/rclone.conf", RCLONE_CONFIG_WEED_TYPE="s3", RCLONE_CONFIG_WEED_PROVIDER="Other",
            RCLONE_CONFIG_WEED_ENDPOINT=self.address, RCLONE_CONFIG_WEED_ENV_AUTH="true",
            RCLONE_CONFIG_WEED_FORCE_PATH_STYLE="true")

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        try:
            # Until an object comes back: the interface answers long before.
            self.drop(self.bucket("ready"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        # Sockets that it puts there wherever it is told to work.
        for part in ("s3", "master", "volume", "filer"):
            for number in (self.ports[f"{part}.port"], self.ports[f"{part}.port.grpc"]):
                for path in (f"/tmp/seaweedfs-{part}-grpc-{number}.sock", f"/tmp/seaweedfs-{part}-{number}.sock"):
                    if os.path.exists(path):
                        os.remove(path)

    def bucket(self, name):
        """A new bucket that has taken an object and given it back: the server makes room when the first comes,
        and nobody is to be measured while it does."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if self.rclone("mkdir", f"weed:{name}") and self.rclone("rcat", f"weed:{name}/ready", typed=b"ready") \
                    and self.rclone("cat", f"weed:{name}/ready") and self.rclone("deletefile", f"weed:{name}/ready"):
                return name
            time.sleep(0.3)
        with open(self.log) as log:
            raise RuntimeError(f"SeaweedFS does not take objects:\n{log.read()[-2000:]}")

    def drop(self, name):
        """Removes a bucket and all that is in it; its room is free at once."""
        self.rclone("purge", f"weed:{name}")

    def rclone(self, *words, typed=b""):
        command = ["rclone", *words, "--retries=1", "--low-level-retries=1"]
        return subprocess.run(command, env=self.environment, input=typed, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in held]
    for it in held:
        it.close()
    return ports
