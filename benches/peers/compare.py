"""Runs the rounds and prints the tables; called by peers.sh, which says what its arguments are."""
import argparse
import contextlib
import datetime
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import sources
import targets
import tools
import weed
from measure import Failed, measure

# Twice in one case, and it is not asked again.
FAILURES_MAX = 2
# Of other programs, before anything is measured.
BUSY_MAX = 0.2


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def main():
    # So that everything is cleaned up then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = arguments()
    if wanted.check:
        return check(wanted)
    failed = False
    with tempfile.TemporaryDirectory(prefix="offsite-peers.", dir=wanted.folder, ignore_cleanup_errors=True) as work:
        for case in wanted.cases:
            text, ours_failed = told(case, wanted, f"{work}/{case}")
            failed |= ours_failed
            print(text, flush=True)
            if wanted.to:
                with open(wanted.to, "a") as file:
                    file.write(f"\n{text}")
    return 1 if failed else 0


def arguments():
    def size(text):
        units = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
        number = text.rstrip("KMGiBk")
        return int(float(number) * units.get(text[len(number):], 1))

    parser = argparse.ArgumentParser(prog="benches/peers.sh")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(tools.OF_CASE))
    for flag, kind, default in [("--rounds", int, 5), ("--size", size, "2GB"), ("--large", size, "10GB"),
                                ("--files", int, 200_000), ("--limit", int, 3600), ("--folder", str, None),
                                ("--to", os.path.abspath, None), ("--tools", lambda it: it.split(","), None)]:
        parser.add_argument(flag, type=kind, default=default)
    parser.add_argument("--check", action="store_true", help="only look whether these arguments make sense")
    wanted = parser.parse_args()
    wanted.cases = wanted.cases or ["photos"]
    for what, given, known in [("case", wanted.cases, tools.OF_CASE),
                               ("tool", wanted.tools or [], [it.name for it in tools.ALL])]:
        if unknown := set(given) - set(known):
            parser.error(f"there is no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    if min(wanted.rounds, wanted.size, wanted.large, wanted.files) < 1:
        parser.error("rounds, sizes and files are at least 1")
    wanted.folder = os.path.abspath(wanted.folder or tempfile.gettempdir())
    if not os.path.isdir(wanted.folder):
        parser.error(f"{wanted.folder} is not a folder")
    return wanted


def check(wanted):
    """Says what is missing or will make the figures worth little."""
    for case in wanted.cases:
        for tool in tools.OF_CASE[case]:
            if is_wanted(tool, wanted) and tool is not tools.Offsite and not tools.is_there(tool):
                say(f"{case}: {tool.name} is not installed (benches/peers.sh --install) and is left out")
        if case == "s3" and not (weed.program() and shutil.which("rclone")):
            sys.exit("peers: s3 needs SeaweedFS and rclone: benches/peers.sh --install, or OFFSITE_TEST_WEED")
        # A file of 2 kB takes 4, and some for its inode and the name; what was restored stays to the end.
        trees = 1 + wanted.rounds * (1 + sum(is_wanted(it, wanted) for it in tools.OF_CASE["small"]))
        needed = {"photos": 4 * wanted.size, "s3": 7 * wanted.size, "large": 4 * wanted.large,
                  "small": 2 * trees * 5_000 * wanted.files}[case]
        free = shutil.disk_usage(wanted.folder).free
        if free < needed:
            say(f"{case}: {wanted.folder} has {free / 1e9:.1f} GB free, and this takes up to {needed / 1e9:.1f} GB")
        inodes = os.statvfs(wanted.folder).f_favail
        if case == "small" and 0 < inodes < trees * wanted.files:
            say(f"{case}: {wanted.folder} has {inodes} inodes free, and this takes up to {trees * wanted.files}")
    if (busy := processors_busy()) > BUSY_MAX:
        say(f"others are at work on this machine ({busy:.1f} processors): the times will say little")


def processors_busy():
    """How many are at work while this program waits."""
    def idle():
        with open("/proc/stat") as file:
            # The fourth and fifth: idle, and idle while a disk is waited for.
            return sum(map(int, file.readline().split()[4:6])) / os.sysconf("SC_CLK_TCK")

    os.sync()
    before, begin = idle(), time.monotonic()
    time.sleep(3)
    return max(0, os.cpu_count() - (idle() - before) / (time.monotonic() - begin))


def is_wanted(tool, wanted):
    is_floor = tool in (tools.Find, tools.Rclone)
    return wanted.tools is None or tool is tools.Offsite or is_floor or tool.name in wanted.tools


def told(case, wanted, work):
    """All there is to say of a case, and whether offsite failed in it."""
    kinds = [it for it in tools.OF_CASE[case] if is_wanted(it, wanted) and tools.is_there(it)]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        source = f"{work}/source"
        kind, number = {"photos": ("photos", wanted.size), "s3": ("photos", wanted.size),
                        "small": ("small", wanted.files), "large": ("large", wanted.large)}[case]
        say(f"{case}: making what is backed up")
        # In a process of its own: what this one takes counts in the peak of each that it measures.
        subprocess.run([sys.executable, sources.__file__, kind, source, str(number)], check=True)
        files, total = extent(source)
        busy = processors_busy()
        server = stack.enter_context(weed.Weed(f"{work}/weed")) if case == "s3" else None
        figures, failures = rounds(case, kinds, wanted, work, server)
    missing = [it.name for it in tools.OF_CASE[case] if it not in kinds]
    lines = [f"## {case}: {total / 1e9:.2f} GB; files: {files:,}; rounds: {wanted.rounds}", machine(busy),
             "; ".join(it.version() for it in kinds) + (f"; left out: {', '.join(missing)}" if missing else "") + ".",
             targets.tables(case, figures)]
    if failures:
        lines.append("Failed:\n\n" + "\n".join(f"- {it}" for _, it in failures))
    return "\n\n".join(lines) + "\n", any(it is tools.Offsite for it, _ in failures)


def machine(busy):
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    quiet = "" if busy < BUSY_MAX else f", **not quiet: others kept {busy:.1f} processors busy**"
    return (f"{datetime.date.today()}, {model}, {os.cpu_count()} cores, {memory:.0f} GiB, "
            f"Linux {platform.release()}{quiet}.")


def rounds(case, kinds, wanted, work, server):
    """Figures by row, column and round; and who failed, with what was said."""
    figures, failures = {it.name: {} for it in kinds}, []
    drop = dropper(case, work)
    for number in range(wanted.rounds):
        # Nobody is always the first, nor always behind the same.
        shift = number % len(kinds)
        for kind in kinds[shift:] + kinds[:shift]:
            if [it for it, _ in failures].count(kind) >= FAILURES_MAX:
                continue
            say(f"{case}: round {number + 1} of {wanted.rounds}: {kind.name}")
            place = f"{work}/{kind.name}"
            bucket = f"{kind.name}-{number}" if server else None
            try:
                os.makedirs(place)
                if server:
                    server.bucket(bucket)
                tool = kind(place, f"{work}/source", server, bucket)
                story(tool, wanted.limit, drop, lambda row, column, taken:
                      figures.setdefault(row, {}).setdefault(column, {}).update({number: taken}))
            except (Failed, OSError) as failure:
                say(f"{case}: {kind.name} failed, the others go on: {failure}")
                failures.append((kind, f"round {number + 1}, {kind.name}: {failure}"))
            finally:
                if server:
                    server.drop(bucket)
                drop(place)
    # Without what nobody measured; the second row of offsite beneath the first.
    names = sorted(filter(figures.get, figures), key=lambda it: not it.startswith("offsite"))
    return {it: figures[it] for it in names}, failures


def dropper(case, work):
    """How a folder is done with. ext4 passes over the inodes of removed files for five minutes, and looks at
    each of them for every file that it makes: after 200,000 of them whoever restores next pays up to ten times
    the system time. Such trees stay until the case is over."""
    if case != "small":
        return lambda folder: shutil.rmtree(folder, ignore_errors=True)
    done = f"{work}/done"
    os.makedirs(done)
    return lambda folder: os.path.isdir(folder) and os.rename(folder, f"{done}/{len(os.listdir(done))}")


def story(tool, seconds_max, drop, note):
    """One tool from an empty repository to a restored source."""
    for command in tool.prepare():
        measure(command, tool.environment, seconds_max)
    for row, column, command, environment, target in tool.steps(lambda: time.sleep(4)):
        taken = measure(command, environment, seconds_max)
        if target and extent(target) != extent(tool.source):
            raise Failed(f"{column} brought {extent(target)} files and bytes back, not {extent(tool.source)}")
        note(row, column, taken)
        if target:
            drop(target)


def extent(folder):
    """How many files are below it, and their bytes."""
    sizes = [os.lstat(f"{place}/{name}").st_size for place, _, names in os.walk(folder) for name in names]
    return len(sizes), sum(sizes)


if __name__ == "__main__":
    sys.exit(main())
