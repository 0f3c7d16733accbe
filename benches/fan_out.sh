#!/usr/bin/env bash
# What a second copy costs: a backup to two folders, held against a backup to one and a plain copy
# of what that stored, each file fsynced. In pairs, because machines have good and bad minutes.
#
#   benches/fan_out.sh [FOLDER] [PAIRS] [MB]      FOLDER has room for four times MB (default: 5 pairs
#                                                 of 1000 MB in a temporary folder)
#
# The promise: at most the CPU of the one run and 1.15 times the CPU of the copy; the same is printed
# of the wall clock. Prints a Markdown table; the last line is the median of each quotient, which is to
# be at most 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/offsite-fan-out.XXXXXX")
trap 'rm -rf "$work"' EXIT
pairs=${2:-5}
megabytes=${3:-1000}
# Another binary than that of this tree can be given.
[ -n "${OFFSITE_BINARY:-}" ] || cargo build --release --quiet
offsite=${OFFSITE_BINARY:-$PWD/target/release/offsite}
export OFFSITE_PASSPHRASE='only for this measurement'

python3 - "$work" "$offsite" "$pairs" "$megabytes" <<'PYTHON'
import os, random, shutil, statistics, subprocess, sys, time
work, offsite, pairs, megabytes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def photos(folder):
    dice, written = random.Random(7), 0
    os.makedirs(folder)
    while written < megabytes * 1_000_000:
        size = int(3e6 * dice.lognormvariate(0, 0.5))
        with open(f"{folder}/{written:012}.jpg", "wb") as file:
            file.write(os.urandom(size))
        written += size

def run(*arguments):
    """Wall and CPU seconds of a program."""
    os.sync()
    begin = time.monotonic()
    process = subprocess.Popen([offsite, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(arguments)} failed")
    return took, usage.ru_utime + usage.ru_stime

def copy(source, target):
    """Wall and CPU seconds of a copy, every file fsynced."""
    os.sync()
    begin, cpu = time.monotonic(), time.process_time()
    for folder, _, names in os.walk(source):
        there = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(there)
        for name in names:
            with open(f"{folder}/{name}", "rb") as old, open(f"{there}/{name}", "wb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fsync(new.fileno())
    return time.monotonic() - begin, time.process_time() - cpu

def fresh(*names):
    """Repositories that share their keys, and a state folder that knows the writer key only."""
    for name in [*names, "state"]:
        shutil.rmtree(f"{work}/{name}", ignore_errors=True)
    first, *others = names
    run("init", "--quiet", "--repo", f"{work}/{first}", "--state-dir", f"{work}/state",
        "--recovery-kit", f"{work}/kit-{time.monotonic_ns()}.txt")
    for other in others:
        shutil.copytree(f"{work}/{first}", f"{work}/{other}")

def backup(*names):
    repositories = [word for name in names for word in ("--repo", f"{work}/{name}")]
    return run("backup", "--quiet", "--state-dir", f"{work}/state", *repositories, f"{work}/photos")

photos(f"{work}/photos")
print("| one run | CPU | copy | CPU | two copies in one run | CPU | wall / bound | CPU / bound |")
print("|---|---|---|---|---|---|---|---|")
quotients = []
for number in range(pairs):
    def single():
        fresh("one")
        measured = backup("one"), copy(f"{work}/one", f"{work}/plain")
        for name in ("one", "plain"):
            shutil.rmtree(f"{work}/{name}")
        return measured
    def double():
        fresh("left", "right")
        measured = backup("left", "right")
        for name in ("left", "right"):
            shutil.rmtree(f"{work}/{name}")
        return measured
    # Neither is always the one that finds the files in memory first.
    if number % 2 == 0:
        (one, plain), two = single(), double()
    else:
        two, (one, plain) = double(), single()
    quotient = [two[it] / (one[it] + 1.15 * plain[it]) for it in (0, 1)]
    quotients.append(quotient)
    cells = [f"{seconds:.2f} s" for pair in (one, plain, two) for seconds in pair]
    print("|", " | ".join(cells), "|", " | ".join(f"{it:.2f}" for it in quotient), "|", flush=True)
wall, cpu = (statistics.median(column) for column in zip(*quotients))
print(f"\nmedian: wall {wall:.2f}, CPU {cpu:.2f} of the bound")
PYTHON
