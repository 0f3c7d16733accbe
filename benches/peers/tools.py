"""The tools as their manuals say to run them, with their defaults and a passphrase. Each gets a folder of its own
for repository, keys and caches, and a source; a bucket instead of the folder's repository where there is one."""
import os
import re
import shutil
import subprocess

SECRET = "only for this measurement"
OBJECT_BYTES = 16 << 20


class Tool:
    """Subclasses say how. A step is a row and a column of the table, a command, an environment, and the folder that
    must hold all of the source after it, if any."""

    name = None
    program = None

    def __init__(self, place, source, server=None, bucket=None):
        self.place, self.source, self.server, self.bucket = place, source, server, bucket
        self.environment = dict(server.environment if server else os.environ, HOME=place,
                                XDG_CACHE_HOME=f"{place}/cache", XDG_CONFIG_HOME=f"{place}/config")
        self.url = f"{place}/repository"

    @classmethod
    def version(cls):
        said = subprocess.run([cls.program or cls.name, "--version"], capture_output=True, text=True).stdout
        return (said.splitlines() or ["?"])[0]

    def prepare(self):
        """Commands that make the repository; not measured."""
        return []

    def steps(self, can_wait):
        """In order. `can_wait` is called where a moment must pass: careful tools read an unchanged file again that is
        younger than some seconds."""
        yield self.step("first backup", self.backup())
        can_wait()
        yield self.step("unchanged", self.backup())
        if command := self.verify():
            yield self.step("verify", command)
        target = self.target("restored")
        yield self.step("restore", self.restore(target), target)

    def verify(self):
        return None

    def step(self, column, command, target=None):
        return self.name, column, command, self.environment, target

    def target(self, name):
        path = f"{self.place}/{name}"
        os.makedirs(path)
        return path


class Offsite(Tool):
    """Once more without a passphrase, of which the key takes 256 MiB to derive: by the 24 words of the kit."""

    name = "offsite"
    by_words = "offsite, 24 words"
    program = os.environ.get("OFFSITE_BINARY", "offsite")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        if self.server:
            self.url = f"s3://{self.bucket}"
        self.without = dict(self.environment)
        self.environment["OFFSITE_PASSPHRASE"] = SECRET
        self.common = ["--quiet", "--repo", self.url, "--state-dir", f"{self.place}/state"]

    def run(self, *words):
        return [self.program, *words, *self.common]

    def prepare(self):
        return [self.run("init", "--recovery-kit", f"{self.place}/kit.txt")]

    def backup(self):
        return self.run("backup", self.source)

    def verify(self):
        return self.run("verify", "--data")

    def restore(self, target):
        return self.run("restore", "--target", target)

    def steps(self, can_wait):
        yield from super().steps(can_wait)
        words = ["--words-file", self.words()]
        yield self.by_words, "verify", self.verify() + words, self.without, None
        target = self.target("by-words")
        yield self.by_words, "restore", self.restore(target) + words, self.without, target
        if self.server:
            one = self.restore(self.target("one")) + ["--include", "00007.jpg"] + words
            yield self.by_words, "one photo", one, self.without, None

    def words(self):
        with open(f"{self.place}/kit.txt") as file:
            kit = file.read().partition("\n------------")[2]
        path = f"{self.place}/words"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            # Printed in columns, each word with its number.
            numbered = sorted((int(it), word) for it, word in re.findall(r"(\d+)  ([a-z]{3,8})\b", kit)[:24])
            file.write(" ".join(word for _, word in numbered))
        return path


class Restic(Tool):
    name = "restic"

    @classmethod
    def version(cls):
        return subprocess.run(["restic", "version"], capture_output=True, text=True).stdout.split(" compiled")[0]

    def __init__(self, *arguments):
        super().__init__(*arguments)
        if self.server:
            self.url = f"s3:{self.server.address}/{self.bucket}"
        self.environment.update(RESTIC_REPOSITORY=self.url, RESTIC_PASSWORD=SECRET)

    def prepare(self):
        return [["restic", "--quiet", "init"]]

    def backup(self):
        return ["restic", "--quiet", "backup", self.source]

    def verify(self):
        return ["restic", "--quiet", "check", "--read-data"]

    def restore(self, target):
        return ["restic", "--quiet", "restore", "latest", "--target", target]


class Rustic(Tool):
    name = "rustic"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        options = ""
        if self.server:
            self.url = "opendal:s3"
            named = {"bucket": self.bucket, "root": "/", "endpoint": self.server.address,
                     "region": self.environment["AWS_REGION"],
                     "access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
                     "secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"]}
            options = "[repository.options]\n" + "".join(f'{key} = "{value}"\n' for key, value in named.items())
        os.makedirs(f"{self.place}/config/rustic")
        with open(f"{self.place}/config/rustic/rustic.toml", "w") as file:
            file.write(f'[global]\nno-progress = true\nlog-level = "warn"\n'
                       f'[repository]\nrepository = "{self.url}"\npassword = "{SECRET}"\n{options}')

    def prepare(self):
        return [["rustic", "init"]]

    def backup(self):
        return ["rustic", "backup", self.source]

    def verify(self):
        return ["rustic", "check", "--read-data"]

    def restore(self, target):
        return ["rustic", "restore", "latest", target]


class Borg(Tool):
    name = "borg"
    backups = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment.update(BORG_REPO=self.url, BORG_PASSPHRASE=SECRET, BORG_BASE_DIR=self.place)

    def prepare(self):
        return [["borg", "init", "--encryption", "repokey-blake2"]]

    def backup(self):
        self.backups += 1
        return ["borg", "create", f"::night-{self.backups}", self.source]

    def verify(self):
        return ["borg", "check", "--verify-data"]

    def restore(self, target):
        return ["sh", "-c", 'cd "$0" && exec borg extract ::night-1', target]


class Bupstash(Tool):
    """Has no command that verifies every byte."""

    name = "bupstash"
    backups = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment.update(BUPSTASH_REPOSITORY=self.url, BUPSTASH_KEY=f"{self.place}/key")

    def prepare(self):
        return [["bupstash", "new-key", "-o", f"{self.place}/key"], ["bupstash", "init"]]

    def backup(self):
        self.backups += 1
        return ["bupstash", "put", "--quiet", f"name=night-{self.backups}", self.source]

    def restore(self, target):
        return ["bupstash", "restore", "--quiet", "--into", target, "name=night-1"]


class Find(Tool):
    """The floor of an unchanged run: asks for size and times of all there is, and does nothing with them."""

    name = "find"

    def steps(self, can_wait):
        yield self.step("unchanged", ["find", self.source, "-printf", "%s %T@ %C@ %i\n"])


class Rclone(Tool):
    """The floor of a server: moves as many bytes there and back, in objects of 16 MiB that are there already."""

    name = "rclone"

    def prepare(self):
        self.objects = f"{os.path.dirname(self.place)}/objects"
        if not os.path.exists(self.objects):
            total = sum(os.stat(f"{folder}/{name}").st_size
                        for folder, _, names in os.walk(self.source) for name in names)
            os.makedirs(self.objects)
            for number in range(-(-total // OBJECT_BYTES)):
                with open(f"{self.objects}/{number:05}", "wb") as file:
                    file.write(os.urandom(OBJECT_BYTES))
        return []

    def steps(self, can_wait):
        yield self.step("first backup", ["rclone", "copy", self.objects, f"weed:{self.bucket}"])
        yield self.step("restore", ["rclone", "copy", f"weed:{self.bucket}", self.target("restored")])


ALL = [Offsite, Restic, Rustic, Borg, Bupstash, Find, Rclone]
# Which of them take part in which case.
OF_CASE = {
    "photos": [Offsite, Restic, Rustic, Borg, Bupstash],
    "small": [Offsite, Restic, Rustic, Borg, Bupstash, Find],
    "large": [Offsite],
    "s3": [Offsite, Restic, Rustic, Rclone],
}


def is_there(tool):
    return shutil.which(tool.program or tool.name) is not None
