"""The tools as their manuals say to run them. Each gets a folder of its own for repository, keys and caches."""
import os
import shutil


class Tool:
    """`place` is a folder; `url` where the repository is when it is not in there."""

    def __init__(self, place, source, url=None):
        self.place, self.source, self.url = place, source, url or f"{place}/repository"
        self.environment = dict(os.environ, HOME=place, XDG_CACHE_HOME=f"{place}/cache")

    def prepare(self):
        """Commands that make the repository; not measured."""
        return []

    def after_backup(self):
        pass

    def verify(self):
        return None


class Offsite(Tool):
    name = "offsite"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment["OFFSITE_PASSPHRASE"] = "only for this measurement"
        self.common = ["--quiet", "--repo", self.url, "--state-dir", f"{self.place}/state"]

    def run(self, *words):
        return [os.environ["OFFSITE_BINARY"], *words, *self.common]

    def prepare(self):
        return [self.run("init", "--recovery-kit", f"{self.place}/kit.txt")]

    def backup(self):
        return self.run("backup", self.source)

    def verify(self):
        return self.run("verify", "--data")

    def restore(self, target):
        return self.run("restore", "--target", target)


class Restic(Tool):
    name = "restic"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment.update(RESTIC_REPOSITORY=self.url, RESTIC_PASSWORD="only for this measurement")

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
        self.environment.update(
            RUSTIC_REPOSITORY=self.url, RUSTIC_PASSWORD="only for this measurement",
            RUSTIC_NO_PROGRESS="true", RUSTIC_LOG_LEVEL="warn")

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
        self.environment.update(BORG_REPO=self.url, BORG_PASSPHRASE="only for this measurement", BORG_BASE_DIR=self.place)

    def prepare(self):
        return [["borg", "init", "--encryption", "repokey-blake2"]]

    def backup(self):
        self.backups += 1
        return ["borg", "create", f"::night-{self.backups}", self.source]

    def verify(self):
        return ["borg", "check", "--verify-data"]

    def restore(self, target):
        os.makedirs(target)
        return ["sh", "-c", f"cd {target} && exec borg extract ::night-1"]


class Bupstash(Tool):
    name = "bupstash"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.environment.update(BUPSTASH_REPOSITORY=self.url, BUPSTASH_KEY=f"{self.place}/key")

    def prepare(self):
        return [["bupstash", "new-key", "-o", f"{self.place}/key"], ["bupstash", "init"]]

    def backup(self):
        return ["bupstash", "put", "--quiet", "name=night", self.source]

    def restore(self, target):
        os.makedirs(target)
        return ["sh", "-c", f"exec bupstash restore --quiet --into {target} id=$(bupstash list --query-encryption=false --format=jsonl1 2>/dev/null | tail -1 | sed 's/.*\"id\":\"\\([0-9a-f]*\\)\".*/\\1/')"]


def there():
    """Which of them are installed."""
    tools = [Offsite, Restic, Rustic, Borg, Bupstash]
    return [it for it in tools if it is Offsite or shutil.which(it.name)]
