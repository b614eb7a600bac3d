#!/bin/sh
# What `make run` runs: a Lua host as bitcode, linked with the system's Lua archive, drawing. Argument: the build folder.
set -eu
build=${1:-build}
here=$(dirname "$0")
ownjit=$build/bin/ownjit

# The clang of the LLVM that ownjit uses, or an older one: bitcode is read by its own version and by later ones.
llvm=$("$ownjit" info | sed -n 's/^LLVM  *\([0-9]*\)\..*/\1/p')
clang=
version=${llvm:-22}
while [ "$version" -ge 14 ] && [ -z "$clang" ]; do
    if command -v "clang-$version" >/dev/null 2>&1; then clang=clang-$version; fi
    version=$((version - 1))
done
if [ -z "$clang" ] && command -v clang >/dev/null 2>&1; then clang=clang; fi
if [ -z "$clang" ]; then
    echo "run.sh: no clang found; on Debian: apt install clang" >&2
    exit 1
fi

archive=
for folder in /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib /usr/local/lib; do
    if [ -z "$archive" ] && [ -f "$folder/liblua5.4.a" ]; then archive=$folder/liblua5.4.a; fi
done
if [ -z "$archive" ]; then
    echo "run.sh: no liblua5.4.a found; on Debian: apt install liblua5.4-dev" >&2
    exit 1
fi

mkdir -p "$build/show"
"$clang" -O2 -emit-llvm -c "$here/host.c" -o "$build/show/host.bc"
exec "$ownjit" run -O2 --archive="$archive" --stats "$build/show/host.bc" "$here/show.lua"
