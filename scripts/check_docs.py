#!/usr/bin/python3
"""Check README.md and docs/*.md against the build in $OJT_BUILD, so that what they show works.

- Every ```c block is compiled: as a file where it can be one, else as the body of a function. A block with a main is
  linked and run too, and must end with status 0. What a block takes for granted stands in an HTML comment right before
  it: <!-- given: const void *bitcode; size_t size; -->
- Every ```sh test block is run by sh -e in an empty folder, with the build's ownjit in PATH.
- Links to files of the tree lead somewhere, and docs/README.md names every page beside it.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('OJT_BUILD') or os.path.join(SOURCE, 'build')
BLOCK = re.compile(r'(?:<!--\s*given:(?P<given>.*?)-->\s*\n)?^```(?P<kind>c|sh test)\n(?P<text>.*?)^```$', re.M | re.S)
LINK = re.compile(r'\]\(([^)#]+)(?:#[^)]*)?\)')
HEADERS = '#include <ownjit/ownjit.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n'
FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-Wno-unused',
         '-I' + os.path.join(SOURCE, 'include')]


def run(argv, folder):
    env = {**os.environ, 'LD_LIBRARY_PATH': os.path.join(BUILD, 'lib'),
           'PKG_CONFIG_PATH': os.path.join(BUILD, 'lib', 'pkgconfig'),
           'PATH': os.path.join(BUILD, 'bin') + os.pathsep + os.environ['PATH']}
    done = subprocess.run(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=100, check=False)
    return done.returncode, done.stdout.decode(errors='replace')


def compile_text(text, folder, *more):
    path = os.path.join(folder, 'block.c')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return run(['gcc', *FLAGS, path, *more], folder)


def check_c(text, given, folder):
    if re.search(r'\bmain\s*\(', text):
        status, output = compile_text(text, folder, '-o', 'block', '-L' + os.path.join(BUILD, 'lib'), '-lownjit',
                                      '-ldl')
        return run(['./block'], folder) if status == 0 else (status, output)
    as_file = compile_text(HEADERS + text, folder, '-c', '-o', 'block.o')
    if as_file[0] == 0:
        return as_file
    body = '%s\nvoid block(void);\nvoid block(void)\n{\n%s\n%s}\n' % (HEADERS, given or '', text)
    # Declared above, used below: a snippet says nothing of how its variables got their values.
    return compile_text(body, folder, '-Wno-uninitialized', '-Wno-maybe-uninitialized', '-c', '-o', 'block.o')


def check_page(path):
    problems, blocks = [], 0
    with open(path, encoding='utf-8') as file:
        page = file.read()
    name = os.path.relpath(path, SOURCE)
    for match in BLOCK.finditer(page):
        blocks += 1
        with tempfile.TemporaryDirectory() as folder:
            if match['kind'] == 'c':
                status, output = check_c(match['text'], match['given'], folder)
            else:
                status, output = run(['sh', '-e', '-c', match['text']], folder)
        if status != 0:
            line = page.count('\n', 0, match.start('text'))
            problems.append('%s:%d: status %s\n%s' % (name, line, status, output))
    for target in LINK.findall(page):
        if '://' not in target and not os.path.exists(os.path.join(os.path.dirname(path), target)):
            problems.append('%s: no file %s' % (name, target))
    return problems, blocks


def main():
    pages = sorted(glob.glob(os.path.join(SOURCE, '*.md')) + glob.glob(os.path.join(SOURCE, 'docs', '*.md')))
    problems, blocks = [], 0
    for path in pages:
        found, count = check_page(path)
        problems, blocks = problems + found, blocks + count
    with open(os.path.join(SOURCE, 'docs', 'README.md'), encoding='utf-8') as file:
        index = file.read()
    for path in sorted(glob.glob(os.path.join(SOURCE, 'docs', '*'))):
        if os.path.basename(path) not in ('README.md',) and '(%s)' % os.path.basename(path) not in index:
            problems.append('docs/README.md does not name ' + os.path.basename(path))
    print('\n'.join(problems) or '%d pages, %d blocks' % (len(pages), blocks))
    return 1 if problems or blocks == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
