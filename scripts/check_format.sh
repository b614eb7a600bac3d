#!/bin/sh
# Check that the C files are as clang-format 14 writes them; --fix rewrites them. Other versions differ in details.
# Comments it leaves alone, so their width is looked at here.
# Usage: check_format.sh [--fix]
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files '*.c' '*.h')
if test "${1:-}" = --fix; then
    # shellcheck disable=SC2086 # names without spaces, meant to be split
    exec clang-format-14 --style=file -i $files
fi
bad=0
for file in $files; do
    test -f "$file" || continue
    clang-format-14 --style=file "$file" | diff -u --label "$file" --label "$file (formatted)" "$file" - ||
        bad=$((bad + 1))
done
test "$bad" -eq 0 || echo "$bad files are not formatted: run make format"
# shellcheck disable=SC2086 # names without spaces, meant to be split
wide=$(awk 'length > 120 { print FILENAME ":" FNR ": " length " columns, above 120" }' $files)
test -z "$wide" || echo "$wide"
test "$bad" -eq 0 && test -z "$wide"
