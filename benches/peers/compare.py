"""Runs the rounds and prints the tables: `compare.py CASE ROUNDS FOLDER`, called by peers.sh."""
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

import sources
import tools

STEPS = ["first backup", "unchanged", "verify", "restore"]


def measure(command, environment):
    """Wall and CPU seconds and peak resident MiB of a program with its children."""
    os.sync()
    begin = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(command)} failed:\n{said.decode(errors='replace')}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def files_below(folder):
    return sum(len(names) for _, _, names in os.walk(folder))


def story(tool):
    """One tool from an empty repository to a restored source."""
    for command in tool.prepare():
        measure(command, tool.environment)
    figures = {"first backup": measure(tool.backup(), tool.environment)}
    # An unchanged file that is younger than some seconds is read again by careful tools.
    time.sleep(4)
    figures["unchanged"] = measure(tool.backup(), tool.environment)
    if command := tool.verify():
        figures["verify"] = measure(command, tool.environment)
    target = f"{tool.place}/restored"
    figures["restore"] = measure(tool.restore(target), tool.environment)
    if files_below(target) < files_below(tool.source):
        sys.exit(f"{tool.name} did not restore every file")
    return figures


class Weed:
    """A SeaweedFS of this measurement alone, with room for what each tool stores."""

    def __init__(self, folder):
        self.port, *others = free_ports(5)
        os.makedirs(folder)
        master, volume, filer, metrics = others
        self.process = subprocess.Popen(
            [os.environ.get("OFFSITE_TEST_WEED", "weed"), "server", f"-dir={folder}", "-ip=127.0.0.1",
             "-master.volumeSizeLimitMB=1024", "-volume.max=100", f"-master.port={master}",
             f"-master.port.grpc={master + 10000}", f"-volume.port={volume}", f"-volume.port.grpc={volume + 10000}",
             f"-filer.port={filer}", f"-filer.port.grpc={filer + 10000}", "-filer", "-s3", f"-s3.port={self.port}",
             f"-s3.port.grpc={self.port + 10000}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            with socket.socket() as it:
                if it.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.1)
        time.sleep(5)
        # Nothing here speaks TLS, and this version of rclone stumbles over a bundle of certificates.
        os.environ.pop("AWS_CA_BUNDLE", None)
        os.environ.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_REGION="us-east-1",
                          RCLONE_CONFIG_WEED_TYPE="s3", RCLONE_CONFIG_WEED_PROVIDER="Other",
                          RCLONE_CONFIG_WEED_ENDPOINT=self.address, RCLONE_CONFIG_WEED_ENV_AUTH="true",
                          RCLONE_CONFIG_WEED_FORCE_PATH_STYLE="true", AWS_ENDPOINT_URL=self.address)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, name):
        subprocess.run(["rclone", "mkdir", f"weed:{name}"], check=True)
        return name

    def drop(self, name):
        subprocess.run(["rclone", "purge", f"weed:{name}"], check=True)


def free_ports(count):
    """Ports whose neighbour 10,000 above exists as well, for the server's second protocol."""
    held = []
    while len(held) < count:
        it = socket.socket()
        it.bind(("127.0.0.1", 0))
        if it.getsockname()[1] < 50_000:
            held.append(it)
    ports = [it.getsockname()[1] for it in held]
    for it in held:
        it.close()
    return ports


def remote(kind, place, source, weed, bucket):
    """A tool whose repository is a bucket."""
    url = {"offsite": f"s3://{bucket}", "restic": f"s3:{weed.address}/{bucket}", "rustic": "opendal:s3"}[kind.name]
    tool = kind(place, source, url)
    if kind is tools.Rustic:
        # Its own names for what the standard variables say to the others.
        for key, value in {"bucket": bucket, "endpoint": weed.address, "region": "us-east-1", "root": "/",
                           "access_key_id": "any", "secret_access_key": "any"}.items():
            tool.environment[f"OPENDAL_S3_{key.upper()}"] = value
            tool.environment[f"OPENDAL_{key.upper()}"] = value
    return tool


def floor_of_copies(weed, work):
    """What it takes rclone to move 2 GB of objects of 16 MiB to the server and back."""
    objects = f"{work}/objects"
    if not os.path.exists(objects):
        os.makedirs(objects)
        for number in range(120):
            subprocess.run(f"head -c 16M /dev/urandom >{objects}/{number}", shell=True, check=True)
    name = weed.bucket("floor")
    up = measure(["rclone", "copy", objects, f"weed:{name}"], os.environ)
    down = measure(["rclone", "copy", f"weed:{name}", f"{work}/back"], os.environ)
    shutil.rmtree(f"{work}/back")
    weed.drop(name)
    return {"first backup": up, "restore": down}


def floor_of_find(source):
    return {"unchanged": measure(["find", source, "-printf", "%s %T@\n"], os.environ)}


def rounds(case, count, work):
    """Figures by tool: a list of one dictionary a round."""
    source = f"{work}/source"
    # In a process of its own: what a measured program inherits by fork counts in its peak.
    made = "small" if case == "small" else "photos"
    subprocess.run([sys.executable, sources.__file__, made, source], check=True)
    weed = Weed(f"{work}/weed") if case == "s3" else None
    kinds = [it for it in tools.there() if not weed or it.name in ("offsite", "restic", "rustic")]
    figures = {it.name: [] for it in kinds}
    for number in range(count):
        for kind in kinds[number % len(kinds):] + kinds[: number % len(kinds)]:
            place = f"{work}/{kind.name}"
            os.makedirs(place)
            if weed:
                bucket = weed.bucket(f"{kind.name}-{number}")
                figures[kind.name].append(story(remote(kind, place, source, weed, bucket)))
                weed.drop(bucket)
            else:
                figures[kind.name].append(story(kind(place, source)))
            shutil.rmtree(place)
        if weed:
            figures.setdefault("rclone", []).append(floor_of_copies(weed, work))
        if case == "small":
            figures.setdefault("find", []).append(floor_of_find(source))
        print(f"round {number + 1} of {count} done", file=sys.stderr, flush=True)
    if weed:
        weed.process.terminate()
    return figures


def table(figures):
    """Medians of the figures, then medians of each round's quotient of wall clocks."""
    middle = statistics.median
    print("| wall / CPU / peak |", " | ".join(STEPS), "|\n|---|" + "---|" * len(STEPS))
    for name, runs in figures.items():
        cells = []
        for step in STEPS:
            seen = [it[step] for it in runs if step in it]
            cells.append("{:.2f} s / {:.1f} / {:.0f} MiB".format(*map(middle, zip(*seen))) if seen else "–")
        print(f"| {name} |", " | ".join(cells), "|")
    print("\n| offsite / | " + " | ".join(STEPS), "|\n|---|" + "---|" * len(STEPS))
    for name, runs in figures.items():
        if name == "offsite":
            continue
        cells = []
        for step in STEPS:
            pairs = [(ours[step][0], it[step][0]) for ours, it in zip(figures["offsite"], runs) if step in it]
            cells.append(f"{middle(a / b for a, b in pairs):.2f}" if pairs else "–")
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    table(rounds(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
