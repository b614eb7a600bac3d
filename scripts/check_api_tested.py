#!/usr/bin/python3
"""Check that every public function is called in some test program, accessors too, and those that tell of failures in
one of tests/fault, where all that they call fails in turn."""

import glob
import os
import re
import sys

sys.dont_write_bytecode = True
import api  # noqa: E402  (the line above keeps it from leaving files)


# Whose failures come of their arguments alone: they call nothing.
ARGUMENTS_ALONE = {'oj_stackmap_patch_range', 'oj_stackmap_statepoint'}


def called_in(*patterns):
    called = set()
    for pattern in patterns:
        for path in glob.glob(os.path.join(api.SOURCE, 'tests', pattern)):
            with open(path, encoding='utf-8') as file:
                called |= set(re.findall(r'\b(oj_\w+)\s*\(', file.read()))
    return called


def main():
    names = api.functions() + api.functions(of_drop_in=True)
    failing = [name for name in api.functions(that_tell='oj_error *') if name not in ARGUMENTS_ALONE]
    called, failed = called_in('*/test_*.c'), called_in('fault/*.[ch]')
    missing = ['no test calls ' + name for name in names if name not in called]
    missing += ['no test in tests/fault calls ' + name for name in failing if name not in failed]
    print('\n'.join(missing) or '%d functions, each in a test, %d in one of failing calls' % (len(names), len(failing)))
    return 1 if missing or not names or not failing else 0


if __name__ == '__main__':
    sys.exit(main())
