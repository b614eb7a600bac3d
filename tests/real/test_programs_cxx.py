#!/usr/bin/python3
"""Small C++ programs from several compilers and levels, as objects and as bitcode; output is the native program's.
Every programs/*.cpp is one. A line `// flags: ...` adds flags to a program. Bitcode is made with -fPIC, and as clang
makes it for programs by default (-fPIE). With arguments only the programs that they name."""

import glob
import os
import re
import sys

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
        if len(sys.argv) > 1 and not any(name in program for name in sys.argv[1:]):
            continue
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
                    check('%s_%s' % (tag, model), [], inputs.compile_c(compiler, [level, *flags, *own], program))
                if compiler != 'g++':
                    # One model at each level: compiling is most of this test's time.
                    model = '-fPIC' if level == '-O0' else '-fPIE'
                    bitcode = inputs.compile_c(compiler, [level, model, *own], program, bitcode=True)
                    check(tag + '_bitcode', ['--llvm=' + compiler[8:]], bitcode)
    tap.end()


if __name__ == '__main__':
    main()
