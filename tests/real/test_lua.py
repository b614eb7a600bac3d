#!/usr/bin/python3
"""The Lua 5.4 interpreter under `ownjit run`: as one module, as a module for each of its files, and from GCC's objects
of every code model; each script's output is the native interpreter's."""

import glob
import os

import inputs
import tap as tapping

SCRIPTS = sorted(glob.glob(os.path.join(inputs.HERE, 'lua', '*.lua')))
SETTINGS = {'env': {'OJT_GREETING': 'hello'}, 'stdin': b'a line of input\n'}
LOAD = ['--load', 'libm.so.6']
MODELS = {'pie': ['-fPIE'], 'pic': ['-fPIC'], 'nopic': ['-fno-pic', '-fno-pie'],
          'medium': ['-fPIC', '-mcmodel=medium'], 'large': ['-fno-pic', '-fno-pie', '-mcmodel=large']}


def as_modules(files):
    return [option for path in files[1:] for option in ('--module', path)]


def run_scripts(tap, name, native, options, file, scripts):
    for script in scripts:
        topic = os.path.splitext(os.path.basename(script))[0]
        tapping.compare(tap, 'lua_%s_%s' % (name, topic), native, LOAD + options, file, [script, 'one', '3'],
                        **SETTINGS)


def main():
    tap = tapping.Tap()
    sources = inputs.lua_sources()
    flags = inputs.LUA_FLAGS
    tap.check('lua_has_thirty_modules', len(sources) >= 30, str(sources))
    native = inputs.native('lua', inputs.compile_all('gcc', ['-O2', '-fPIE', *flags], sources), ['-lm', '-ldl'])
    for compiler in ('clang-22', 'clang-19'):
        llvm = '--llvm=' + compiler[6:]
        for level in ('-O0', '-O2'):
            modules = inputs.compile_all(compiler, [level, *flags], sources, bitcode=True)
            name = compiler.replace('-', '') + level.replace('-', '_')
            one = inputs.join_bitcode('lua', compiler, modules)
            # Unoptimised code: the fast code generator too, as a JIT's first tier would use it.
            options = [llvm] + (['-O0'] if level == '-O0' else [])
            run_scripts(tap, name + '_one', native, options, one, SCRIPTS)
            run_scripts(tap, name + '_modules', native, options + as_modules(modules), modules[0], SCRIPTS[:2])
    one = inputs.join_bitcode('lua', 'clang-22', inputs.compile_all('clang-22', ['-O0', *flags], sources, bitcode=True))
    for level in ('-O1', '-O2', '-O3'):
        run_scripts(tap, 'clang22_O0_passes' + level.replace('-', '_'), native, ['--llvm=22', level], one, SCRIPTS[1:3])
    for model, model_flags in MODELS.items():
        for level in ('-O0', '-O2'):
            objects = inputs.compile_all('gcc', [level, *model_flags, *flags], sources)
            name = 'gcc_%s%s' % (model, level.replace('-', '_'))
            run_scripts(tap, name, native, as_modules(objects), objects[0], SCRIPTS)
    joined = inputs.join_objects('lua', inputs.compile_all('gcc', ['-O2', '-fPIE', *flags], sources))
    run_scripts(tap, 'gcc_one_object', native, [], joined, SCRIPTS)
    tap.end()


if __name__ == '__main__':
    main()
