#!/usr/bin/python3
"""The SQLite shell under `ownjit run`, from clang's bitcode and GCC's objects; each script's output is the native
shell's."""

import glob
import os

import inputs
import tap as tapping

SCRIPTS = sorted(glob.glob(os.path.join(inputs.HERE, 'sqlite', '*.sql')))
LOAD = ['--load', 'libm.so.6']
MODELS = {'pie_O2': ['-O2', '-fPIE'], 'pic_O0': ['-O0', '-fPIC'], 'nopic_O2': ['-O2', '-fno-pic', '-fno-pie'],
          'large_O0': ['-O0', '-fno-pic', '-fno-pie', '-mcmodel=large']}


def run_scripts(tap, name, native, options, files, scripts):
    for script in scripts:
        topic = os.path.splitext(os.path.basename(script))[0]
        arguments = ['-batch', '-init', '/dev/null', 'main.db', '.read ' + script]
        tapping.compare(tap, 'sqlite_%s_%s' % (name, topic), native, LOAD + options + ['--module', files[1]], files[0],
                        arguments)


def main():
    tap = tapping.Tap()
    sources = inputs.sqlite_sources()
    flags = inputs.SQLITE_FLAGS
    native = inputs.native('sqlite3', inputs.compile_all('gcc', ['-O2', '-fPIE', *flags], sources),
                           ['-lm', '-ldl', '-lpthread'])
    for model, model_flags in MODELS.items():
        objects = inputs.compile_all('gcc', [*model_flags, *flags], sources)
        run_scripts(tap, 'gcc_' + model, native, [], objects, SCRIPTS)
    for compiler in ('clang-22', 'clang-19'):
        for level in ('-O0', '-O2'):
            modules = inputs.compile_all(compiler, [level, *flags], sources, bitcode=True)
            name = compiler.replace('-', '') + level.replace('-', '_')
            options = ['--llvm=' + compiler[6:]] + (['-O0'] if level == '-O0' else [])
            # Compiled once to objects for all scripts; one script straight from bitcode.
            run_scripts(tap, name + '_bitcode', native, options, modules, SCRIPTS[:1])
            objects = [compile_object(tap, name, options, path) for path in modules]
            if all(objects):
                run_scripts(tap, name + '_object', native, [], objects, SCRIPTS[1:])
    tap.end()


def compile_object(tap, name, options, bitcode):
    """The object beside its bitcode in the cache; made anew each time, as the compiler is what is tested."""
    out = os.path.join(inputs.BUILT, 'sqlite-%d-%s.o' % (os.getpid(), os.path.basename(bitcode)))
    result = tapping.run([tapping.OWNJIT, 'compile', *options, bitcode, '-o', out])
    part = os.path.basename(bitcode).split('-')[0]
    if tap.check('sqlite_%s_compile_%s' % (name, part), result.status == 0 and os.path.exists(out),
                 result.err.decode(errors='replace')):
        TEMPORARY.append(out)
        return out
    return None


TEMPORARY = []

if __name__ == '__main__':
    try:
        main()
    finally:
        for temporary in TEMPORARY:
            os.remove(temporary)
