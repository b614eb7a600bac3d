#!/bin/sh
# Build the benchmarks' inputs with one clang and print their folder. Nothing is built twice: the folder's name holds
# the compiler's version and a hash of the sources and of this script.
# Usage: inputs.sh LLVM_MAJOR
set -eu

major=$1
here=$(cd "$(dirname "$0")" && pwd)
cache=${OWNJIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ownjit}
clang=clang-$major

command -v "$clang" >/dev/null || {
    echo "inputs.sh: $clang is not installed" >&2
    exit 1
}
version=$("$clang" -dumpversion)
sources=$("$here/../tests/real/fetch.sh" lua5.4 sqlite3)
lua=$(echo "$sources" | sed -n 1p)
sqlite=$(echo "$sources" | sed -n 2p)

key=$({
    cat "$here/inputs.sh" "$here/add.ll" "$here/pass.ll" "$here/throw.cpp" "$here/lua_one.c"
    head -n 1 "$lua/debian/changelog" "$sqlite/debian/changelog"
} | sha256sum | cut -c 1-16)
out=$cache/bench/clang-$version-$key
if test -e "$out/compiler.txt"; then
    echo "$out"
    exit 0
fi

work=$out.$$
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

# Debian's source package holds SQLite's separate files; its own makefile joins them.
amalgamate() {
    amalgamation=$cache/bench/sqlite-$key
    test -e "$amalgamation/sqlite3.c" && return 0
    mkdir -p "$work/sqlite"
    (cd "$work/sqlite" && "$sqlite/configure" --disable-tcl && make sqlite3.c) >"$work/log" 2>&1 </dev/null || {
        cat "$work/log" >&2
        exit 1
    }
    mkdir -p "$amalgamation"
    cp "$work/sqlite/sqlite3.c" "$amalgamation/sqlite3.c.new"
    mv "$amalgamation/sqlite3.c.new" "$amalgamation/sqlite3.c"
    rm -rf "$work/sqlite"
}

# compile NAME ARGUMENT...: bitcode as the optimiser leaves it, and an object from that very bitcode. Run from a folder
# of fixed name, so that objects do not differ by where the cache is.
compile() {
    name=$1
    shift
    "$clang" -O2 -fPIC -w "$@" -emit-llvm -c -o "$name.bc"
    "$clang" -O2 -fPIC -w -Xclang -disable-llvm-passes -c "$name.bc" -o "$name.o"
}

echo "inputs.sh: building with $clang $version" >&2
amalgamate
cd "$work"
cp "$here/add.ll" "$here/pass.ll" "$here/throw.cpp" "$here/lua_one.c" .
compile add -Xclang -disable-llvm-passes add.ll
compile pass -Xclang -disable-llvm-passes pass.ll
# The C++ library comes with libLLVM.
"$clang" -O2 -fPIC -shared -nostdlib++ throw.cpp -o throw.so
compile lua -DLUA_USE_POSIX "-I$lua/src" lua_one.c
compile sqlite "$amalgamation/sqlite3.c"
objcopy --remove-section .eh_frame sqlite.o sqlite-nounwind.o
objcopy --remove-section .eh_frame pass.o pass-plain.o
echo "$version" >compiler.txt
rm -f add.ll pass.ll throw.cpp lua_one.c log
cd /
if mv -T "$work" "$out" 2>/dev/null; then
    trap - EXIT
else
    test -e "$out/compiler.txt" # another run was quicker
fi
echo "$out"
