#!/usr/bin/python3
"""Check that every public function is called in some test program, accessors too."""

import glob
import os
import re
import sys

sys.dont_write_bytecode = True
import api  # noqa: E402  (the line above keeps it from leaving files)


def main():
    called = set()
    for path in glob.glob(os.path.join(api.SOURCE, 'tests', '*', 'test_*.c')):
        with open(path, encoding='utf-8') as file:
            called |= set(re.findall(r'\b(oj_\w+)\s*\(', file.read()))
    names = api.functions() + api.functions(of_drop_in=True)
    missing = [name for name in names if name not in called]
    print('\n'.join('no test calls ' + name for name in missing) or '%d functions, each in a test' % len(names))
    return 1 if missing or not names else 0


if __name__ == '__main__':
    sys.exit(main())
