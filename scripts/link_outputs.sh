#!/bin/sh
# Give a build directory a bin/ and a lib/ that a client can use: links to where Meson puts its outputs. They dangle
# until the first compile.
# Usage: link_outputs.sh BUILD
set -eu
cd "$1"
mkdir -p bin lib tools/ownjit
ln -sfn ../tools/ownjit/ownjit bin/ownjit
ln -sfn ../src/ownjit-worker bin/ownjit-worker
# Where ownjit looks, whatever link it was started through.
ln -sfn ../../src/ownjit-worker tools/ownjit/ownjit-worker
for name in libownjit.a libownjit.so libownjit.so.0 libownjit.so.0.1.0; do
    ln -sfn "../src/$name" "lib/$name"
done
for name in libownjit-mcjit.so libownjit-mcjit.so.0 libownjit-mcjit.so.0.1.0; do
    ln -sfn "../src/llvm-c/$name" "lib/$name"
done
ln -sfn ../meson-uninstalled lib/pkgconfig
