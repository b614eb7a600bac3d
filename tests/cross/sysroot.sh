#!/bin/sh
# Make a folder of a foreign architecture's libraries and headers from the packages of this machine's own Debian, with
# apt's state in a folder of its own: nothing of the system changes.
# Usage: sysroot.sh ARCHITECTURE DIRECTORY PACKAGE...
set -eu

arch=$1 made=$2 directory=$2.new
shift 2
test ! -f "$made/done" || test "$(cat "$made/done")" != "$*" || exit 0
rm -rf "$directory"
mkdir -p "$directory/lists/partial" "$directory/cache/archives/partial" "$directory/state" "$directory/root"
: >"$directory/status"
apt() {
    apt-get -q -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State="$directory/state" \
        -o Dir::State::lists="$directory/lists" -o Dir::State::status="$directory/status" \
        -o Dir::Cache="$directory/cache" -o APT::Sandbox::User= "$@"
}
# Indexes of one suite may be missing for an architecture; whether the packages are there is told by the next step.
apt update >/dev/null 2>&1 || true
apt -y --no-install-recommends --download-only install "$@" >/dev/null
for package in "$directory"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$directory/root"
done
rm -rf "$directory/cache" "$directory/lists"
echo "$*" >"$directory/done"
rm -rf "$made"
mv "$directory" "$made"
