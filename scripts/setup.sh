#!/bin/sh
# Install what this machine lacks for the given purposes, through apt, and nothing else.
# Usage: setup.sh build|run|test|bench|fuzz|format...
set -eu

build="gcc libc6-dev binutils meson ninja-build pkg-config python3 libxxhash-dev libjansson-dev"
llvm="clang-22 libllvm22"
sources="dpkg-dev tcl make"

packages_for() {
    case $1 in
    build) echo "$build" ;;
    run) echo "$llvm liblua5.4-dev" ;;
    test)
        echo "$build $llvm $sources libcmocka-dev valgrind gdb lldb linux-perf git clang-14 clang-19 clang-format-14" \
            "llvm-19 llvm-22 llvm-14-dev llvm-15-dev llvm-16-dev llvm-19-dev llvm-22-dev libllvm14 libllvm15 libllvm16 libllvm19" \
            "libclang-rt-19-dev libc++-19-dev libc++abi-19-dev libunwind-19-dev" \
            "liblua5.4-dev libllvm-14-ocaml-dev libctypes-ocaml-dev ocaml-findlib libosmesa6-dev" \
            "libsqlite3-dev zlib1g-dev g++ lld lld-19 binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf binutils-riscv64-linux-gnu procps util-linux" \
            "qemu-user gcc-aarch64-linux-gnu g++-aarch64-linux-gnu gcc-arm-linux-gnueabihf g++-arm-linux-gnueabihf" \
            "gcc-i686-linux-gnu g++-i686-linux-gnu gcc-s390x-linux-gnu g++-s390x-linux-gnu" \
            "gcc-riscv64-linux-gnu g++-riscv64-linux-gnu cmake"
        ;;
    bench) echo "$build $llvm $sources llvm-19-dev llvm-22-dev clang-19 llvm-22 libsqlite3-dev" ;;
    fuzz) echo "$build clang-19 libclang-rt-19-dev llvm-19" ;;
    format) echo "clang-format-14 git" ;;
    *)
        echo "setup.sh: unknown purpose '$1'" >&2
        exit 2
        ;;
    esac
}

is_installed() {
    test "$(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | head -n 1)" = installed
}

wanted=
for purpose in "$@"; do
    wanted="$wanted $(packages_for "$purpose")"
done

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup.sh: no apt here; these Debian packages, or their like, must be installed:$wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    case " $missing " in *" $package "*) continue ;; esac
    is_installed "$package" || missing="$missing $package"
done
test -n "$missing" || exit 0

as_root=
if test "$(id -u)" -ne 0; then
    command -v sudo >/dev/null 2>&1 || {
        echo "setup.sh: as root, run: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "setup.sh: installing$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is meant to be split
if $as_root apt-get -q -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
        install $missing >>"$log" 2>&1 </dev/null; then
    rm -f "$log"
else
    cat "$log" >&2
    rm -f "$log"
    exit 1
fi
