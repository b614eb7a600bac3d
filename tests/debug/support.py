"""What the tests with debuggers and profilers share: compilers, the host program, and TAP."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'real'))
from tap import Tap  # noqa: E402,F401

BUILD = os.environ['OJT_BUILD']
OWNJIT = os.environ['OJT_OWNJIT']
DEBUGGER, PERF_MAP, JITDUMP = 128, 256, 512
COMPILERS = [name for name in ('gcc', 'clang-19', 'clang-22') if shutil.which(name)]


def line_of(text, file='linked.c'):
    """The number of the line that has the text."""
    with open(os.path.join(HERE, file), encoding='utf-8') as lines:
        return next(number for number, line in enumerate(lines, 1) if text in line)


def run(argv, env=None, timeout=100, cwd=None):
    """Status and everything that was written."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd,
                              timeout=timeout, env={**os.environ, **(env or {})}, check=False)
    except subprocess.TimeoutExpired as error:
        return 'no end after %d s' % timeout, (error.output or b'').decode(errors='replace')
    return done.returncode, done.stdout.decode(errors='replace')


def compile_object(folder, compiler, *flags):
    out = os.path.join(folder, 'linked-%s.o' % re.sub(r'\W+', '', compiler + ''.join(flags)))
    subprocess.run([compiler, '-c', *flags, os.path.join(HERE, 'linked.c'), '-o', out], check=True)
    return out


def build_host(folder, kind='shared'):
    """The host program, by the shared library, by a stripped copy of it, or by the static library."""
    host = os.path.join(folder, 'host-' + kind)
    library = os.path.join(BUILD, 'lib')
    if kind == 'stripped':
        library = os.path.join(folder, 'stripped')
        os.mkdir(library)
        shutil.copy(os.path.realpath(os.path.join(BUILD, 'lib', 'libownjit.so')),
                    os.path.join(library, 'libownjit.so.0'))
        subprocess.run(['strip', os.path.join(library, 'libownjit.so.0')], check=True)
        os.symlink('libownjit.so.0', os.path.join(library, 'libownjit.so'))
    link = ([os.path.join(BUILD, 'lib', 'libownjit.a'), '-lpthread', '-ldl'] if kind == 'static'
            else ['-L' + library, '-lownjit', '-Wl,-rpath,' + library])
    subprocess.run(['gcc', '-g', '-O0', os.path.join(HERE, 'host.c'), '-I' + os.path.join(SOURCE, 'include'), '-rdynamic',
                    '-o', host, *link], check=True)
    return host


def lacks(output, patterns):
    """The first pattern that the output has not, in this order; None where it has all."""
    at = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(output, at)
        if not match:
            return pattern
        at = match.end()
    return None


def folder():
    return tempfile.TemporaryDirectory(prefix='ownjit-debug-')
