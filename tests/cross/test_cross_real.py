#!/usr/bin/python3
"""Lua's and SQLite's own scripts on other architectures, under qemu-user: objects of that architecture's GCC and of
clang, linked by `ownjit run` there; output is that of the program linked by the cross compiler. In a build with calls
cut short every call goes through a stub or a veneer, and counts of both show it."""

import concurrent.futures
import glob
import json
import os
import sys
import tempfile

from targets import ARCHITECTURES, EVERYTHING, Target, inputs, tapping

LUA_SCRIPTS = sorted(glob.glob(os.path.join(inputs.HERE, 'lua', '*.lua')))
SQLITE_SCRIPTS = sorted(glob.glob(os.path.join(inputs.HERE, 'sqlite', '*.sql')))
LOAD = ['--load=libm.so.6', '--load=libgcc_s.so.1']
SETTINGS = {'stdin': b'a line of input\n', 'timeout': 300}


class Program:
    """A program's sources on one architecture, and what it says natively, each script run once."""

    def __init__(self, target, name, sources, flags, arguments):
        self.target = target
        self.name = name
        self.sources = sources
        self.flags = flags
        self.arguments = arguments
        self.native = target.program(name, self.objects('gcc', '-O2', target.plain))
        self.expected = {}
        self.folder = tempfile.TemporaryDirectory()

    def objects(self, which, level, variant):
        flags = ['-fPIC', level, *variant, *self.flags]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda path: self.target.object(which, flags, path), self.sources))

    def run(self, argv, script):
        """At the same place each time: some programs print it."""
        return self.target.emulate([*argv, *self.arguments(script)], place=os.path.join(self.folder.name, 'work'),
                                   **SETTINGS)

    def check(self, tap, tag, which, level, variant, scripts, build='out'):
        files = self.objects(which, level, variant)
        modules = [option for path in files[1:] for option in ('--module', path)]
        for script in scripts:
            topic = os.path.splitext(os.path.basename(script))[0]
            stats = os.path.join(self.folder.name, 'stats.json')
            argv = [self.target.ownjit(build), 'run', '--stats-file=' + stats, *LOAD, *modules, files[0]]
            expected = self.expected.get(script) or self.run(['-0', files[0], self.native], script)
            self.expected[script] = expected
            got = self.run(argv, script)
            tap.check('%s_%s_%s_%s' % (self.target.name, self.name, tag, topic), expected == got,
                      tapping.describe(argv[:6], expected, got))
        check_counts(tap, self.target, '%s_%s_%s' % (self.target.name, self.name, tag), build, stats)


def check_counts(tap, target, tag, build, path):
    """With calls cut short no call is direct; with branches cut short some need veneers as well. Otherwise a program of
    a megabyte needs none."""
    try:
        with open(path, encoding='utf-8') as file:
            counts = json.load(file)['counts']
        os.remove(path)
    except (OSError, ValueError, KeyError) as error:
        tap.check(tag + '_counts', False, str(error))
        return
    veneers, others = counts['veneers'], counts['stubs'] - counts['veneers']
    if build != 'stress':
        passed = veneers == 0
    else:
        passed = (others > 100) == target.has_stubs and (veneers > 100) == target.has_veneers
        passed = passed and (counts['direct'] == 0 or target.has_labels)
    tap.check(tag + '_counts', passed, '%d veneers, %d other stubs, %d direct' % (veneers, others, counts['direct']))


def write_multiarch(folder, name):
    os.mkdir(folder)
    with open(os.path.join(folder, 'lua5.4-deb-multiarch.h'), 'w', encoding='utf-8') as file:
        file.write('#define DEB_HOST_MULTIARCH "%s"\n' % name)


def lua(target):
    """Debian's Lua includes a header that an architecture's packages have."""
    folder = inputs.keep('lua-multiarch', [target.prefix], lambda out: write_multiarch(out, target.prefix))
    return Program(target, 'lua', inputs.lua_sources(), inputs.LUA_FLAGS + ['-I' + folder],
                   lambda script: [script, 'one', '3'])


def sqlite(target):
    return Program(target, 'sqlite', inputs.sqlite_sources(), inputs.SQLITE_FLAGS,
                   lambda script: ['-batch', '-init', '/dev/null', 'main.db', '.read ' + script])


# Of each architecture one compiler and level, and of those with veneers a build with calls cut short; `make cross` does
# all.
CHOSEN = {'arm64': [('stress', 'gcc', '-O2')], 'armhf': [('stress', 'gcc', '-O2')],
          'riscv64': [('out', 'clang', '-O2')]}
ALL = [(build, which, level) for which in ('gcc', 'clang') for build, level in (('out', '-O0'), ('out', '-O2'),
                                                                                ('stress', '-O2'))]


def check_programs(tap, target, ways):
    for program, scripts in ((lua, LUA_SCRIPTS), (sqlite, SQLITE_SCRIPTS if EVERYTHING else [])):
        program = program(target) if scripts else None
        for build, which, level in ways if scripts else []:
            for variant, flags in target.variants.items():
                tag = '%s%s%s%s' % ('' if build == 'out' else build + '_', variant, which, level.replace('-', '_'))
                program.check(tap, tag, which, level, flags, scripts, build)


def main():
    tap = tapping.Tap()
    for name in sys.argv[1:] or (ARCHITECTURES if EVERYTHING else CHOSEN):
        target = Target(name)
        ways = ALL if EVERYTHING or name not in CHOSEN else CHOSEN[name]
        why = target.missing()
        if why:
            tap.skip(name, why)
            continue
        builds = {build for build, _, _ in ways}
        why = target.make() if 'out' in builds else None
        if 'stress' in builds:
            why = why or target.make(['-Dstress=true'], 'stress', ['tools/ownjit/ownjit'])
        if tap.check(name + '_builds', why is None, why or ''):
            check_programs(tap, target, ways)
    tap.end()


if __name__ == '__main__':
    main()
