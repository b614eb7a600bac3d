#!/usr/bin/python3
"""Types, exceptions and inline variables across codes that are linked separately, and their C++ host: codes/*.cpp.

The host is built with GCC and the system's libstdc++; the objects come from every compiler, in every mixture of two."""

import itertools
import os
import subprocess
import tempfile

import inputs
import tap as tapping

FOLDER = os.path.join(inputs.HERE, 'codes')
SOURCE = os.path.dirname(os.path.dirname(inputs.HERE))
COMPILERS = [('gxx_O0', 'g++', ['-O0']), ('gxx_O2', 'g++', ['-O2']), ('clangxx19_O2', 'clang++-19', ['-O2']),
             ('clangxx22_O0', 'clang++-22', ['-O0'])]
EXPECTED = '''%s: casts 23 catches 73
host: puppy 1 0
host caught worse
host caught exception range
host caught 2
counts agree
types 1
'''


def build_host(path):
    """Exported symbols: the host's types are then those that the dynamic linker knows."""
    build = os.environ['OJT_BUILD']
    library = next(p for p in (os.path.join(build, 'src', 'libownjit.a'), os.path.join(build, 'lib', 'libownjit.a'))
                   if os.path.exists(p))
    subprocess.run(['g++', '-std=c++17', '-O1', '-rdynamic', '-I' + os.path.join(SOURCE, 'include'),
                    os.path.join(FOLDER, 'host.cpp'), library, '-o', path, '-lpthread', '-ldl'], check=True)


def main():
    tap = tapping.Tap()
    expected = ''.join(EXPECTED % what for what in ('codes', 'session', 'sessions')).encode()
    with tempfile.TemporaryDirectory() as folder:
        host = os.path.join(folder, 'host')
        build_host(host)
        objects = {name: [inputs.compile_c(compiler, ['-std=c++17', *flags], os.path.join(FOLDER, source + '.cpp'))
                          for source in ('maker', 'user')] for name, compiler, flags in COMPILERS}
        for first, second in itertools.product(objects, objects):
            argv = [host, objects[first][0], objects[second][1]]
            got = tapping.run(argv, timeout=60)
            tap.check('cxx_codes_%s_%s' % (first, second), got == tapping.Outcome(0, expected, b''),
                      tapping.describe(argv, tapping.Outcome(0, expected, b''), got))
    tap.end()


if __name__ == '__main__':
    main()
