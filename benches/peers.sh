#!/usr/bin/env bash
# offsite beside its peers, in one run on one machine: wall clock, CPU and peak memory of a first
# backup, an unchanged one, a verify of every byte and a restore, and the quotients of each round.
#
#   benches/peers.sh --install [PEERS]              restic and rclone from Debian, borg from PyPI,
#                                                   rustic and bupstash from crates.io (half an hour)
#   benches/peers.sh [CASE] [ROUNDS] [FOLDER]       CASE: photos, small, s3 (default photos); 5 rounds;
#                                                   FOLDER has 20 GB free (default: a temporary one)
#
# PEERS (default: ~/.cache/offsite-peers) holds what was built. `s3` needs `weed`, the server of the
# tests (OFFSITE_TEST_WEED, or on the PATH). Every tool runs as its manual says, with its defaults and
# a passphrase; the page cache is warm for all; the order of the tools turns from round to round.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
peers=${OFFSITE_PEERS:-$HOME/.cache/offsite-peers}

if [ "${1:-}" = --install ]; then
    peers=${2:-$peers}
    apt-get install -y --no-install-recommends restic rclone libsodium-dev libacl1-dev libssl-dev \
        liblz4-dev libzstd-dev libxxhash-dev pkg-config python3-venv
    python3 -m venv "$peers/venv"
    "$peers/venv/bin/pip" install --quiet 'borgbackup==1.4.*'
    cargo install --quiet --locked --root "$peers" rustic-rs bupstash
    exit
fi

work=$(mktemp -d "${3:-${TMPDIR:-/tmp}}/offsite-peers.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Another binary than that of this tree can be given.
[ -n "${OFFSITE_BINARY:-}" ] || cargo build --release --quiet
export OFFSITE_BINARY=${OFFSITE_BINARY:-$PWD/target/release/offsite}
PATH=$peers/bin:$peers/venv/bin:$PATH python3 benches/peers/compare.py "${1:-photos}" "${2:-5}" "$work"
