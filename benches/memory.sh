#!/usr/bin/env bash
# Peak resident memory (VmHWM of the real process) of backup, restore and verify, in the cases that
# are known to hurt: 2 GB of photos, 200,000 small files, one 10 GB file, a store at 1 MB/s.
#
#   benches/memory.sh [FOLDER]      FOLDER has about 40 GB free; default: a temporary folder
#
# The bound is 150 MiB. Restore and verify --data are run with the 24 words, so that the 256 MiB of
# the passphrase's key derivation do not hide what the rest takes. Prints a Markdown table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/offsite-memory.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Another binary than that of this tree can be given.
[ -n "${OFFSITE_BINARY:-}" ] || cargo build --release --quiet
offsite=${OFFSITE_BINARY:-$PWD/target/release/offsite}
export OFFSITE_PASSPHRASE='only for this measurement'

# Runs the program and prints a row: what, seconds, peak in MiB.
measure() {
    local what=$1
    shift
    python3 - "$what" "$offsite" "$@" <<'PYTHON'
import os, subprocess, sys, time
what, command = sys.argv[1], sys.argv[2:]
begin = time.monotonic()
process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
took = time.monotonic() - begin
if os.waitstatus_to_exitcode(status) != 0:
    sys.exit(f"{' '.join(command)} failed")
cpu = usage.ru_utime + usage.ru_stime
print(f"| {what} | {took:.1f} s | {cpu:.1f} s | {usage.ru_maxrss / 1024:.0f} MiB |", flush=True)
PYTHON
}

# Photos of a few megabytes that nothing compresses.
photos() {
    python3 - "$1" "$2" <<'PYTHON'
import os, random, sys
folder, total = sys.argv[1], int(sys.argv[2])
dice, written, number = random.Random(7), 0, 0
while written < total:
    size = dice.randint(20_000_000, 80_000_000) if dice.random() < 0.03 else int(3e6 * dice.lognormvariate(0, 0.5))
    place = f"{folder}/{number // 50:03}"
    os.makedirs(place, exist_ok=True)
    with open(f"{place}/{number:05}.jpg", "wb") as file:
        file.write(os.urandom(size))
    written, number = written + size, number + 1
PYTHON
}

small_files() {
    python3 - "$1" <<'PYTHON'
import os, sys
for number in range(200_000):
    place = f"{sys.argv[1]}/{number // 1000:03}"
    os.makedirs(place, exist_ok=True)
    with open(f"{place}/{number:06}", "wb") as file:
        file.write(os.urandom(2048))
PYTHON
}

# One case: first backup, unchanged backup, verify of every byte, restore.
story() {
    local name=$1 source=$2
    shift 2
    local repository=$work/$name state=$work/$name.state
    local common=(--repo "$repository" --state-dir "$state" --quiet)
    "$offsite" init "${common[@]}" --recovery-kit "$work/$name.txt" >/dev/null
    sed -n '/^------------/,$p' "$work/$name.txt" | grep -oE '[0-9]+  [a-z]{3,8}' | head -24 >"$work/$name.words"
    chmod 600 "$work/$name.words"
    measure "$name: first backup" backup "${common[@]}" "$@" "$source"
    measure "$name: unchanged" backup "${common[@]}" "$source"
    measure "$name: verify --data" verify "${common[@]}" --words-file "$work/$name.words" --data
    measure "$name: restore" restore "${common[@]}" --words-file "$work/$name.words" --target "$work/$name.back"
    rm -rf "$work/$name.back" "$repository"
}

echo "| case | wall | CPU | peak |"
echo "|---|---|---|---|"
mkdir "$work/photos" "$work/small" "$work/large" "$work/slow"
photos "$work/photos" 2000000000
story "2 GB of photos" "$work/photos"
photos "$work/slow" 60000000
story "60 MB sent at 1 MB/s" "$work/slow" --upload-limit 1M
rm -rf "$work/photos" "$work/slow"
small_files "$work/small"
story "200,000 small files" "$work/small"
rm -rf "$work/small"
head -c 10000000000 /dev/urandom >"$work/large/video.mov"
story "one 10 GB file" "$work/large"
