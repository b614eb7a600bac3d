#!/usr/bin/python3
"""Run every tests/run/*.ll by `ownjit run`, with each LLVM and at each level; what it must print and return stands in
its own comments: `; expect: LINE`, `; expect-status: N`, and `; skip-llvm: 14 15` where it needs a later one."""

import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'real'))
sys.dont_write_bytecode = True
import tap as tapping  # noqa: E402

VARIANTS = [('22', []), ('22', ['-O0']), ('22', ['-O2']), ('19', []), ('19', ['-O0']), ('19', ['-O3'])]


def main():
    tap = tapping.Tap()
    for path in sorted(glob.glob(os.path.join(HERE, '*.ll'))):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        lines = re.findall(r'^; expect: ?(.*)$', text, re.M)
        status = int((re.findall(r'^; expect-status: (\d+)', text, re.M) or ['0'])[0])
        skipped = ' '.join(re.findall(r'^; skip-llvm: (.*)$', text, re.M)).split()
        expected = tapping.Outcome(status, ''.join(line + '\n' for line in lines).encode(), b'')
        for version, options in VARIANTS:
            name = 'ir_%s_llvm%s%s' % (os.path.basename(path)[:-3], version, ''.join(options).replace('-', '_'))
            if version in skipped:
                tap.skip(name, 'needs a later LLVM')
                continue
            argv = [tapping.OWNJIT, 'run', '--llvm=' + version, *options, path]
            got = tapping.run(argv, timeout=60)
            detail = tapping.describe(argv, expected, got) + '\n' + got.err.decode(errors='replace')
            tap.check(name, got == expected, detail)
    tap.end()


if __name__ == '__main__':
    main()
