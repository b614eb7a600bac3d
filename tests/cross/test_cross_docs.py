#!/usr/bin/python3
"""What docs/cross.md shows of building OwnJIT for another machine: its `sh cross` blocks, one after the other in an
empty folder that has the sources in `ownjit`."""

import os
import re
import shutil
import tempfile

from targets import BUILD, SOURCE, quiet, tapping

PAGE = os.path.join(SOURCE, 'docs', 'cross.md')
TOOLS = ('aarch64-linux-gnu-gcc', 'qemu-aarch64', 'meson', 'ninja')


def main():
    tap = tapping.Tap()
    with open(PAGE, encoding='utf-8') as file:
        blocks = re.findall(r'^```sh cross\n(.*?)^```$', file.read(), re.M | re.S)
    tap.check('cross_docs_blocks', len(blocks) == 2, '%d blocks' % len(blocks))
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        tap.skip('cross_docs', missing[0] + ' is not installed')
        blocks = []
    command = os.path.dirname(os.path.abspath(tapping.OWNJIT))
    environment = {**os.environ, 'PATH': command + os.pathsep + os.environ['PATH']}
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        os.symlink(SOURCE, os.path.join(folder, 'ownjit'))
        for number, block in enumerate(blocks, 1):
            status, text = quiet(['sh', '-e', '-c', block], cwd=folder, env=environment)
            if not tap.check('cross_docs_block_%d' % number, status == 0, text):
                break
    tap.end()


if __name__ == '__main__':
    main()
