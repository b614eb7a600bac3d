#!/usr/bin/python3
"""Small C++ programs from several compilers and levels, as objects and as bitcode; output is the native program's.
Every programs/*.cpp is one. A line `// flags: ...` adds flags to a program. Those that throw or start threads are
position-independent: other code names the process's types with 32 bits, which do not reach them. Bitcode is made with
-fPIC: in that for programs (-fPIE), the runtime library's thread-local variables are taken to be in static storage."""

import glob
import os
import re

import inputs
import tap as tapping

PROGRAMS = sorted(glob.glob(os.path.join(inputs.HERE, 'programs', '*.cpp')))
MODELS = {'pic': ['-fPIC'], 'nopic': ['-fno-pic', '-fno-pie']}
SETTINGS = {'env': {'OJT_GREETING': 'hello'}, 'timeout': 60}
ARGUMENTS = ['first', 'a second one', '']
LOAD = ['--load', 'libstdc++.so.6', '--load', 'libm.so.6', '--load', 'libgcc_s.so.1']
# Every version that emits C++ differently; bitcode goes to the LLVM of the same version.
COMPILERS = ('g++', 'clang++-19', 'clang++-22')


def flags_of(program):
    with open(program) as file:
        return sum((line.split() for line in re.findall(r'^// flags: (.*)$', file.read(), re.M)), ['-std=c++17'])


def main():
    tap = tapping.Tap()
    for program in PROGRAMS:
        topic = os.path.splitext(os.path.basename(program))[0]
        own = flags_of(program)
        native = inputs.native(topic + '_cxx', [inputs.compile_c('g++', ['-O1', '-fPIE', *own], program)],
                               ['-lstdc++', '-lm', '-lpthread'])

        def check(name, options, file):
            tapping.compare(tap, 'cxx_%s_%s' % (topic, name), native, LOAD + options, file, ARGUMENTS, **SETTINGS)

        for compiler in COMPILERS:
            for level in ('-O0', '-O2'):
                tag = compiler.replace('++', 'xx').replace('-', '') + level.replace('-', '_')
                for model, flags in MODELS.items():
                    if model == 'nopic' and topic.startswith(('throw_', 'thread_locals')):
                        continue
                    check('%s_%s' % (tag, model), [], inputs.compile_c(compiler, [level, *flags, *own], program))
                if compiler != 'g++':
                    bitcode = inputs.compile_c(compiler, [level, '-fPIC', *own], program, bitcode=True)
                    check(tag + '_bitcode', ['--llvm=' + compiler[8:]], bitcode)
    tap.end()


if __name__ == '__main__':
    main()
