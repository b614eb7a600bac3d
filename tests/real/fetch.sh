#!/bin/sh
# Fetch Debian source packages into the cache and unpack them there; print each one's folder.
# Usage: fetch.sh PACKAGE...
#
# Source entries are derived from what apt knows already, whichever format its configuration has, and live in a
# directory of their own: the machine's configuration is not touched. dpkg-source checks every file against the
# package's description, and apt checked that against the archive's signature. What is there already is used again.
set -eu

cache=${OWNJIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ownjit}/sources
apt=$cache/apt
mkdir -p "$cache"

# Keyrings that the machine's own entries name, and those that it trusts for all.
collect_keys() {
    rm -rf "$apt/trusted"
    mkdir -p "$apt/trusted"
    named=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -nE 's/^[Ss]igned-[Bb]y:[[:space:]]*(\/.*)$/\1/p; s/^deb .*\[.*signed-by=([^] ]*).*$/\1/p' | tr ',' ' ')
    for key in $named /etc/apt/trusted.gpg.d/*.gpg /etc/apt/trusted.gpg.d/*.asc; do
        test ! -f "$key" || cp "$key" "$apt/trusted/"
    done
}

# run_apt LIST ARGUMENT...
run_apt() {
    list=$1
    shift
    apt-get -q -o Dir::Etc::SourceList="$list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::TrustedParts="$apt/trusted" -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 "$@"
}

prepare_apt() {
    test -e "$apt/ready" && return 0
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    collect_keys
    # shellcheck disable=SC2016 # apt expands these
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sort -u >"$apt/sources.list"
    # An entry without sources is no reason to stop: what matters is whether the package is found.
    run_apt "$apt/sources.list" update >"$apt/log" 2>&1 || cat "$apt/log" >&2
    : >"$apt/ready"
}

# All entries together first: that gives the newest version. Then each alone, since an archive may list a package that
# another one carries too, and not have its files.
download() {
    run_apt "$apt/sources.list" source --download-only --only-source "$1" >log 2>&1 && return 0
    while read -r entry; do
        echo "$entry" >"$apt/one.list"
        rm -f ./*.dsc ./*.tar.*
        run_apt "$apt/one.list" source --download-only --only-source "$1" >>log 2>&1 </dev/null && return 0
    done <"$apt/sources.list"
    return 1
}

fetch() {
    folder=$cache/$1
    if test ! -e "$folder/unpacked/.complete"; then
        prepare_apt >&2
        rm -rf "$folder.new"
        mkdir -p "$folder.new"
        (cd "$folder.new" && download "$1") || {
            cat "$folder.new/log" >&2
            exit 1
        }
        dpkg-source --no-check -x "$folder.new"/*.dsc "$folder.new/unpacked" >>"$folder.new/log"
        : >"$folder.new/unpacked/.complete"
        rm -rf "$folder"
        mv "$folder.new" "$folder"
    fi
    echo "$folder/unpacked"
}

# Lists grow old: they are read again in each run that must fetch anything.
rm -f "$apt/ready"
for package in "$@"; do
    fetch "$package"
done
