#!/usr/bin/python3
"""Small programs for what is hard on a linker (computed goto, jump tables, variadic calls, setjmp, signals, threads,
every kind of data), from several compilers, levels and code models; output is the native program's."""

import glob
import os

import inputs
import tap as tapping

PROGRAMS = sorted(glob.glob(os.path.join(inputs.HERE, 'programs', '*.c')))
MODELS = {'pic': ['-fPIC'], 'pie': ['-fPIE'], 'nopic': ['-fno-pic', '-fno-pie'], 'medium': ['-fPIC', '-mcmodel=medium'],
          'large': ['-fno-pic', '-fno-pie', '-mcmodel=large']}
SETTINGS = {'env': {'OJT_GREETING': 'hello'}, 'timeout': 60}
ARGUMENTS = ['first', 'a second one', '']
# The compiler's own helpers (128-bit division, complex products) are in its runtime library.
LOAD = ['--load', 'libm.so.6', '--load', 'libgcc_s.so.1']


def main():
    tap = tapping.Tap()
    for program in PROGRAMS:
        topic = os.path.splitext(os.path.basename(program))[0]
        native = inputs.native(topic, [inputs.compile_c('gcc', ['-O1', '-fPIE'], program)], ['-lm', '-lpthread'])

        def check(name, options, file):
            tapping.compare(tap, 'program_%s_%s' % (topic, name), native, LOAD + options, file, ARGUMENTS, **SETTINGS)

        for level in ('-O0', '-O2'):
            for compiler in ('gcc', 'clang-14', 'clang-19', 'clang-22'):
                tag = compiler.replace('-', '') + level.replace('-', '_')
                for model, flags in MODELS.items():
                    check('%s_%s' % (tag, model), [], inputs.compile_c(compiler, [level, *flags], program))
                if compiler != 'gcc':
                    bitcode = inputs.compile_c(compiler, [level, '-fPIE'], program, bitcode=True)
                    check(tag + '_bitcode', ['--llvm=' + compiler[6:]], bitcode)
                if compiler in ('clang-14', 'clang-19'):
                    check(tag + '_bitcode_in_22', ['--llvm=22', '-O2'], bitcode)
    tap.end()


if __name__ == '__main__':
    main()
