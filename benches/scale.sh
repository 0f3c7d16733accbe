#!/usr/bin/env bash
# Memory and time of the verbs at 10 million chunks and 2 million files, on repositories that
# `benches/scale/` makes without the data. Prints a Markdown table of wall time, processor time and VmHWM.
#
#   benches/scale.sh [FOLDER]      FOLDER has about 30 GB and 8 million inodes free; default: a temporary folder
#
# The bound is 150 MiB each. Everything runs with the 24 words, so that the 256 MiB of the
# passphrase's key derivation do not hide what the rest takes. FILES=200000 in the environment makes a tenth of it;
# STORIES="hollow whole tree snapshots" names what is run, ROWS="^prune|^forget" those of its rows; KEEP=1 leaves the folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export FILES=${FILES:-2000000}
work=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/offsite-scale.XXXXXX")
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
[ -n "${OFFSITE_BINARY:-}" ] || cargo build --release --quiet
offsite=${OFFSITE_BINARY:-$PWD/target/release/offsite}
maker=${OFFSITE_SCALE:-$(cargo bench --bench scale --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*scale[^"]*\)".*/\1/p')}

# Runs the program on the repository of this story and prints a row: what, wall, CPU, peak. An exit code can
# be allowed for with CODE.
measure() {
    local what=$1
    shift
    [[ $what =~ ${ROWS:-} ]] || return 0
    python3 - "$what" "${CODE:-0}" "$offsite" --repo "$place/repository" --state-dir "$place/state" \
        --words-file "$place/words" --quiet "$@" <<'PYTHON'
import os, subprocess, sys, time
what, code, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
begin = time.monotonic()
process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
said = process.stderr.read()
_, status, usage = os.wait4(process.pid, 0)
took = time.monotonic() - begin
if os.waitstatus_to_exitcode(status) not in (0, code):
    sys.exit(f"{' '.join(command)} failed: {said}")
print(f"| {what} | {took:.1f} s | {usage.ru_utime:.1f} + {usage.ru_stime:.1f} s | {usage.ru_maxrss / 1024:.0f} MiB |", flush=True)
PYTHON
}

# Begins a story on a repository of its own.
begin() {
    place=$work/$1
    mkdir -p "$place"
    "$maker" repository "$place" >&2
    chmod 600 "$place/words"
    echo
    echo "**$2** ($(du -sh "$place/repository" | cut -f1) on disk)"
    echo
    echo "| verb | wall | user + system | peak |"
    echo "|---|---|---|---|"
}

# 16 chunks a pack, as photos have them: what the number of packs costs. Nothing here reads contents.
hollow() {
    CHUNKS_PER_PACK=16 begin hollow "$((FILES * 5)) chunks in $((FILES * 5 / 16)) packs, $FILES files, 1,000 snapshots"
    measure "first look (snapshots)" snapshots
    measure "snapshots" snapshots
    measure "index rebuild" index rebuild
    measure "ls of a folder" ls latest srv/photos/00100
    measure "ls of all" ls latest --recursive
    measure "find of one name" find 'IMG_0012345.jpg'
    measure "diff, one file" diff latest~1 latest
    measure "diff, first and last" diff latest~999 latest
    measure "stats" stats
    measure "stats of a snapshot" stats latest
    CODE=6 measure "status" status
    measure "estimate restore" estimate restore latest
    measure "estimate verify" estimate verify --data
    measure "estimate prune" estimate prune
    measure "verify" verify
    # The one pack that it reads has a hole.
    CODE=4 measure "verify --budget" verify --budget 1
    measure "forget" forget --keep-last 900
    measure "prune, dry run" prune --dry-run --repack-above 100
    measure "prune, mark" prune --repack-above 100
    measure "prune, sweep" prune --repack-above 100 --exclusive --grace 0s
    measure "prune, sweep again" prune --repack-above 100 --exclusive --grace 0s
}

# 16,384 small chunks a pack: contents are there.
whole() {
    CHUNKS_PER_PACK=16384 SNAPSHOTS=20 begin whole "$((FILES * 5)) chunks in whole packs, $FILES files"
    measure "restore of a folder" restore --target "$place/part" --include '**/00100/**'
    measure "restore of all" restore --target "$place/all"
    rm -rf "$place/all" "$place/part"
    measure "verify --budget" verify --budget 1GB
    measure "verify --data" verify --data
    measure "index rebuild --from-footers" index rebuild --from-footers
    "$offsite" init --repo "$place/second" --replica-of "$place/repository" --state-dir "$place/state" \
        --words-file "$place/words" --quiet
    # What is named after the verb replaces what was named before it.
    both=(--repo "$place/repository" --repo "$place/second")
    measure "sync to an empty copy" sync "${both[@]}"
    measure "sync, nothing to do" sync "${both[@]}"
    measure "forget" forget --keep-last 19
    measure "prune, rewriting" prune
    measure "prune, sweep" prune --exclusive --grace 0s
    measure "prune, sweep again" prune --exclusive --grace 0s
}

# Files to be backed up: a tree that takes no room, into a repository that has as many chunks already.
tree() {
    CHUNKS_PER_PACK=16384 SNAPSHOTS=1 NIGHTS=1 begin tree "$FILES new files beside $((FILES * 5)) chunks"
    "$maker" tree "$place/photos"
    measure "backup" backup "$place/photos"
    measure "backup, unchanged" backup "$place/photos"
    rm -rf "$place/state"
    measure "backup, state lost" backup "$place/photos"
    measure "diff, equal" diff latest~1 latest
    measure "restore of all" restore --target "$place/all"
    measure "restore again" restore --target "$place/all"
}

# A small library with very many snapshots.
snapshots() {
    FILES=10000 SNAPSHOTS=100000 begin snapshots "100,000 snapshots of a small library"
    measure "first look (snapshots)" snapshots
    measure "snapshots" snapshots
    measure "snapshots --last 10" snapshots --last 10
    measure "ls" ls latest srv/photos/00001
    measure "find of one name" find 'IMG_0012345.jpg'
    CODE=6 measure "status" status
    measure "stats" stats
    measure "verify" verify
    measure "forget, dry run" forget --keep-daily 10000 --dry-run
    measure "forget" forget --keep-daily 10000
    measure "prune" prune
}

for story in ${STORIES:-hollow whole tree snapshots}; do
    "$story"
    [ -n "${KEEP:-}" ] || rm -rf "$place"
done
