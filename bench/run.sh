#!/bin/sh
# Build the benchmarks for one LLVM, build their inputs, and measure.
# Usage: run.sh BUILD
#   BENCH=NAME[,NAME...]  only these measurements
#   BENCH_LLVM=19         that libLLVM instead of 22
#   BENCH_CLOCK=cpu       processor time instead of wall time, for a machine that does other work as well
#   BENCH_RECORD=1        write the sizes into bench/expected.csv instead of comparing them
set -eu

here=$(cd "$(dirname "$0")" && pwd)
major=${BENCH_LLVM:-22}
mkdir -p "$1"
build=$(cd "$1" && pwd)
meson=/usr/bin/meson
test -x "$meson" || meson=meson

test -f "$build/bench/build.ninja" ||
    "$meson" setup "$build/bench" "$here/.." --buildtype=release -Dbench=true -Dtools=false -Dexamples=false
"$meson" compile -C "$build/bench"
inputs=$("$here/inputs.sh" "$major")

set -- --inputs "$inputs" --json "$build/bench.json" --expected "$here/expected.csv"
test -z "${BENCH:-}" || set -- "$@" --only "$BENCH"
test -z "${BENCH_CLOCK:-}" || set -- "$@" --clock "$BENCH_CLOCK"
test -z "${BENCH_RECORD:-}" || set -- "$@" --record
"$build/bench/bench/ownjit-bench-$major" "$@"
