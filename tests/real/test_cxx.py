#!/usr/bin/python3
"""One small C++ program for each part of the language and its library, as every compiler makes programs by default:
output is the native program's. No option tells where the runtime library is.

Every cxx/*.cpp is one; `// flags: ...` adds flags, `// not: TEXT` leaves out what has TEXT in its name. With arguments
only the programs that they name."""

import concurrent.futures
import glob
import os
import re
import sys

import inputs
import tap as tapping

PROGRAMS = sorted(glob.glob(os.path.join(inputs.HERE, 'cxx', '*.cpp')))
# Name, compiler, flags. The first is the native program's, too.
BUILDS = [('gxx_O0', 'g++', ['-O0']), ('gxx_O2', 'g++', ['-O2']),
          ('clangxx19_O0', 'clang++-19', ['-O0']), ('clangxx19_O2', 'clang++-19', ['-O2']),
          ('clangxx22_O0', 'clang++-22', ['-O0']), ('clangxx22_O2', 'clang++-22', ['-O2']),
          ('libcxx_O2', 'clang++-19', ['-O2', '-stdlib=libc++'])]
SETTINGS = {'env': {'OJT_GREETING': 'hello'}, 'timeout': 60}


def marked(program, mark):
    with open(program) as file:
        return sum((line.split() for line in re.findall(r'^// %s: (.*)$' % mark, file.read(), re.M)), [])


def builds(program):
    refused = marked(program, 'not')
    return [build for build in BUILDS if not any(text in build[0] for text in refused)]


def build_all(program):
    flags = ['-std=c++17', *marked(program, 'flags')]
    return [inputs.compile_c(compiler, [*own, *flags], program) for _, compiler, own in builds(program)]


def main():
    tap = tapping.Tap()
    programs = [path for path in PROGRAMS if len(sys.argv) == 1 or any(name in path for name in sys.argv[1:])]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for program, objects in zip(programs, pool.map(build_all, programs)):
            topic = os.path.splitext(os.path.basename(program))[0]
            native = inputs.native(topic + '_cxx', objects[:1], ['-lstdc++', '-lm', '-lpthread'])
            for (name, _, _), path in zip(builds(program), objects):
                tapping.compare(tap, 'cxx_%s_%s' % (topic, name), native, [], path, ['first', 'a second one', ''],
                                **SETTINGS)
    tap.end()


if __name__ == '__main__':
    main()
