#!/usr/bin/python3
"""Check the sizes that CONTRIBUTING.md sets: functions and files. Prints the figures and whatever is unusual; fails
for a function over 100 lines that is not listed below, for a file over 1,500, and where half of the functions are not
under 15 lines or nine in ten not under 60."""

import os
import re
import statistics
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRICT = ('src', 'tools', 'examples')
LONGEST = 100
LONG = 60
LONGEST_FILE = 1500

# One switch over one closed set, each; with the reason.
ALLOWED = {}

SIGNATURE = re.compile(r'^[A-Za-z_].*?\b(\w+)\s*\(')


def functions(lines):
    """Yield (name, first line, count) of each definition: braces of functions are in the first column, or the whole
    function is on one line."""
    start, name = None, None
    for number, line in enumerate(lines, 1):
        if line[:1].isalpha() or line[:1] == '_':
            match = SIGNATURE.match(line)
            if match and not line.rstrip().endswith(';'):
                start, name = number, match.group(1)
                if line.rstrip().endswith('}') and '{' in line:
                    yield name, number, 1
                    start = None
        elif line.startswith('}'):
            if start and line.rstrip() == '}':
                yield name, start, number - start + 1
            start = None


def count_lines(lines):
    """Return (lines with code, lines with a comment); a line may have both."""
    code = comment = 0
    inside = False
    for line in lines:
        text = line.strip()
        has_comment = inside or '/*' in text
        comment += has_comment
        code += bool(text) and not inside and not text.startswith('/*')
        if has_comment:
            inside = text.rfind('*/') < text.rfind('/*') if '/*' in text else '*/' not in text
    return code, comment


def main():
    listed = subprocess.run(['git', '-C', SOURCE, 'ls-files', '-z', *STRICT, 'tests', 'bench'], check=True,
                            stdout=subprocess.PIPE).stdout.decode().split('\0')
    lengths, failures, notes = [], [], []
    library_code = library_comment = 0
    for path in listed:
        if not path.endswith(('.c', '.h')) or not os.path.exists(os.path.join(SOURCE, path)):
            continue
        with open(os.path.join(SOURCE, path), encoding='utf-8') as file:
            lines = file.read().split('\n')
        strict = path.startswith(STRICT)
        if len(lines) > LONGEST_FILE and strict:
            failures.append('%s: %d lines' % (path, len(lines)))
        elif len(lines) > 900:
            notes.append('%s: %d lines' % (path, len(lines)))
        if path.startswith('src/'):
            code, comment = count_lines(lines)
            library_code, library_comment = library_code + code, library_comment + comment
        for name, number, count in functions(lines):
            if strict:
                lengths.append(count)
            if count > LONGEST and strict and name not in ALLOWED:
                failures.append('%s:%d: %s has %d lines' % (path, number, name, count))
            elif count > LONG:
                notes.append('%s:%d: %s has %d lines' % (path, number, name, count))
    lengths.sort()
    median, ninth = statistics.median(lengths), lengths[len(lengths) * 9 // 10]
    print('%d functions: median %g lines, ninth decile %d, longest %d' % (len(lengths), median, ninth, lengths[-1]))
    print('comment lines per code line in src: %.2f' % (library_comment / max(library_code, 1)))
    if median >= 15 or ninth >= LONG:
        failures.append('functions are too long: median %g, ninth decile %d' % (median, ninth))
    print('\n'.join(['note: ' + note for note in notes] + ['too long: ' + failure for failure in failures]))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
