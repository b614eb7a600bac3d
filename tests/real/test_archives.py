#!/usr/bin/python3
"""Programs linked with Debian's own static libraries through --archive, and with archives made here: GNU and thin."""

import os
import shutil
import subprocess
import tempfile

import inputs
import tap as tapping

LIBRARIES = {'lua': 'liblua5.4.a', 'zlib': 'libz.a', 'sqlite': 'libsqlite3.a'}
LOAD = ['--load', 'libm.so.6']


def find_library(name):
    argv = ['gcc', '-print-file-name=' + name]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def check_debian(tap, topic, library):
    archive = find_library(library)
    if not os.path.isabs(archive):
        tap.check('archive_%s_installed' % topic, False, library + ' is not installed')
        return
    path = os.path.join(inputs.HERE, 'archives', topic + '.c')
    gcc = inputs.compile_c('gcc', ['-O2', '-fPIE'], path)
    native = inputs.native('archive-' + topic, [gcc], [archive, '-lm', '-ldl', '-lpthread'])
    options = LOAD + ['--archive', archive]
    for level in ('-O0', '-O2'):
        tag = level.replace('-', '')
        nopic = inputs.compile_c('gcc', [level, '-fno-pic', '-fno-pie'], path)
        tapping.compare(tap, 'archive_%s_gcc_nopic_%s' % (topic, tag), native, options, nopic, ['last'])
        for version in ('19', '22'):
            bitcode = inputs.compile_c('clang-' + version, [level], path, bitcode=True)
            tapping.compare(tap, 'archive_%s_clang%s_%s' % (topic, version, tag), native,
                            options + ['--llvm=' + version], bitcode, ['last'])
    tapping.compare(tap, 'archive_%s_gcc' % topic, native, options, gcc, ['last'])
    # The same program without the archive has undefined names, which are listed.
    argv = [tapping.OWNJIT, 'run', *LOAD, gcc]
    missing = tapping.run(argv)
    name = {'lua': b'luaL_newstate', 'zlib': b'compress2', 'sqlite': b'sqlite3_open'}[topic]
    tap.check('archive_%s_missing_is_125' % topic, missing.status == 125 and name in missing.err,
              '%s\n%s' % (missing.status, missing.err.decode(errors='replace')))


def check_made(tap, kind, ar_flags):
    """Lua's files but lua.c in an archive of ours; the thin kind holds paths instead of members."""
    objects = inputs.compile_all('gcc', ['-O2', '-fPIE', *inputs.LUA_FLAGS], inputs.lua_sources())
    native = inputs.native('lua', objects, ['-lm', '-ldl'])
    script = os.path.join(inputs.HERE, 'lua', 'tables.lua')
    with tempfile.TemporaryDirectory() as folder:
        members = [shutil.copy(path, folder) for path in objects[1:]]
        archive = os.path.join(folder, 'libmade.a')
        names = [os.path.basename(path) for path in members]
        subprocess.run(['ar', ar_flags, archive, *names], check=True, cwd=folder, stderr=subprocess.DEVNULL)
        tapping.compare(tap, 'archive_%s_lua' % kind, native, LOAD + ['--archive', archive], objects[0], [script])


def main():
    tap = tapping.Tap()
    for topic, library in LIBRARIES.items():
        check_debian(tap, topic, library)
    check_made(tap, 'gnu', 'rcs')
    check_made(tap, 'thin', 'rcsT')
    tap.end()


if __name__ == '__main__':
    main()
