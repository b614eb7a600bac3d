#!/bin/sh
# Print the folder of a libgcc_s.so.1 from a newer Debian release, whose unwinder keeps a search tree.
# Usage: newer_libgcc.sh RELEASE
#
# The mirror and the keys are those that apt knows already; nothing is installed, and the machine's configuration is
# not touched. Where there is none to be had, the reason is printed on stderr and the status is 1. glibc is the
# machine's own: a library that needs a newer one is none to be had either.
set -eu

release=$1
cache=${OWNJIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ownjit}/libgcc-$release
library=$cache/usr/lib/$(gcc -print-multiarch)

refuse() {
    echo "no libgcc of $release: $*" >&2
    exit 1
}

run_apt() {
    apt-get -q -o Dir::Etc::SourceList="$work/list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Retries=1 "$@" >>"$work/log" 2>&1
}

if test ! -e "$library/libgcc_s.so.1"; then
    command -v apt-get >/dev/null || refuse "no apt here"
    mkdir -p "$(dirname "$cache")"
    work=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    # shellcheck disable=SC2016 # apt expands these
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian main //p' | grep -v security | head -n 1)
    test -n "$mirror" || refuse "apt knows no Debian mirror"
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$key] $mirror $release main" >"$work/list"
    run_apt update || refuse "$(tail -n 1 "$work/log")"
    (cd "$work" && run_apt download libgcc-s1) || refuse "$(tail -n 1 "$work/log")"
    mkdir "$work/unpacked"
    dpkg-deb -x "$work"/libgcc-s1_*.deb "$work/unpacked" || refuse "the package cannot be unpacked"
    # Where systems merge /lib into /usr/lib, older packages have it in /lib.
    test ! -d "$work/unpacked/lib" || cp -a "$work/unpacked/lib" "$work/unpacked/usr/"
    mv -T "$work/unpacked" "$cache" 2>/dev/null || test -e "$library/libgcc_s.so.1" || refuse "it has another layout"
fi
LD_LIBRARY_PATH=$library LD_BIND_NOW=1 sh -c ':' 2>/dev/null || refuse "it does not load here"
echo "$library"
