#!/usr/bin/python3
"""The C++ programs of tests/real/cxx on other architectures, under qemu-user: made as every compiler makes programs by
default, by that architecture's GCC and by clang, and linked by `ownjit run` there; output is that of the program linked
by the cross compiler. Types, exceptions and inline variables across codes that are linked separately: tests/real/codes.

Arguments are architectures and parts of programs' names; without any a part, with `make cross` everything."""

import concurrent.futures
import glob
import itertools
import os
import sys
import tempfile

from targets import ARCHITECTURES, EVERYTHING, SOURCE, Target, quiet, tapping
import test_cxx
import test_cxx_codes

PROGRAMS = {os.path.splitext(os.path.basename(path))[0]: path for path in test_cxx.PROGRAMS}
ARGUMENTS = ['first', 'a second one', '']

# What a program needs that a 32-bit architecture does not have, with the reason.
LEFT_OUT_32 = {'int128_floats': 'has types of 128 bits, which 32-bit targets lack'}
BITS_32 = ('armhf', 'i386')

# In `make test`: each part of the language that needs something of a linker, on an architecture of each width.
CHOSEN = ('containers_hashes', 'exception_pointers', 'futures', 'iostream_formats', 'rtti_casts', 'static_order',
          'thread_local_destructors', 'threads_basic', 'threads_once', 'throw_constructors', 'throw_many',
          'throw_nested', 'throw_uncaught', 'virtual_inheritance')
# Compiler, level and the variant of its flags, None: all of them.
CHOSEN_WAYS = {'arm64': [('gcc', '-O2', None), ('clang', '-O2', None)],
               'armhf': [('gcc', '-O2', 'thumb_'), ('clang', '-O2', 'a32_')]}
ALL_WAYS = [('gcc', '-O0', None), ('gcc', '-O2', None), ('clang', '-O0', None), ('clang', '-O2', None)]


def ways_of(target):
    """Tag, compiler and flags of each way to build a program."""
    for which, level, only in ALL_WAYS if EVERYTHING else CHOSEN_WAYS.get(target.name, ALL_WAYS):
        for variant, flags in target.variants.items():
            if only in (None, variant):
                yield variant + which + level.replace('-', '_'), which, [level, *flags]


def compile_program(target, topic):
    """The native program and an object for each way, or what a compiler said."""
    path = PROGRAMS[topic]
    own = ['-std=c++17', *test_cxx.marked(path, 'flags')]
    try:
        native = target.program(topic, [target.object('gcc', ['-O0', *target.plain, *own], path)], is_cxx=True)
        return native, {tag: target.object(which, [*flags, *own], path) for tag, which, flags in ways_of(target)}
    except ValueError as error:
        return None, str(error)


def check_program(tap, target, topic, native, objects):
    """All at one place and of one name: some programs print them."""
    name = '%s_cxx_%s' % (target.name, topic)
    if not tap.check(name + '_compiles', native is not None, '' if native else objects):
        return
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, 'work')
        program = os.path.join(folder, topic + '.o')
        expected = target.emulate(['-0', program, native, *ARGUMENTS], place=place)
        for tag, made in objects.items():
            os.symlink(made, program)
            argv = [target.ownjit(), 'run', program, *ARGUMENTS]
            got = target.emulate(argv, place=place)
            tap.check('%s_%s' % (name, tag), expected == got, tapping.describe([*argv[:2], made], expected, got))
            os.remove(program)


def check_programs(tap, target, topics):
    topics = [topic for topic in topics if target.name not in BITS_32 or topic not in LEFT_OUT_32]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for topic, (native, objects) in zip(topics, pool.map(lambda t: compile_program(target, t), topics)):
            check_program(tap, target, topic, native, objects)


def check_codes(tap, target):
    """A client that links two objects separately, in every mixture of compilers."""
    expected = ''.join(test_cxx_codes.EXPECTED % what for what in ('codes', 'session', 'sessions')).encode()
    with tempfile.TemporaryDirectory() as folder:
        host = os.path.join(folder, 'host')
        status, text = quiet([*target.compiler('gcc', True), *target.plain, '-std=c++17', '-O1', '-rdynamic', '-I',
                              os.path.join(SOURCE, 'include'), os.path.join(test_cxx_codes.FOLDER, 'host.cpp'),
                              os.path.join(target.build, 'out', 'src', 'libownjit.a'), '-o', host, '-lpthread', '-ldl'])
        if not tap.check(target.name + '_codes_host_builds', status == 0, text):
            return
        objects = {tag: [target.object(which, [*flags, '-std=c++17'],
                                       os.path.join(test_cxx_codes.FOLDER, source + '.cpp'))
                         for source in ('maker', 'user')] for tag, which, flags in ways_of(target)}
        for first, second in itertools.product(objects, objects):
            argv = [host, objects[first][0], objects[second][1]]
            got = target.emulate(argv)
            wanted = tapping.Outcome(0, expected, b'')
            tap.check('%s_codes_%s_%s' % (target.name, first, second), got == wanted,
                      tapping.describe(argv, wanted, got))


def main():
    tap = tapping.Tap()
    names = [name for name in sys.argv[1:] if name in ARCHITECTURES]
    parts = [name for name in sys.argv[1:] if name not in ARCHITECTURES]
    topics = sorted(PROGRAMS) if EVERYTHING or parts else CHOSEN
    topics = [topic for topic in topics if not parts or any(part in topic for part in parts)]
    for name in names or (ARCHITECTURES if EVERYTHING else CHOSEN_WAYS):
        target = Target(name)
        why = target.missing()
        if why:
            tap.skip(name, why)
            continue
        why = target.make()
        if tap.check(name + '_builds', why is None, why or ''):
            if not parts or 'codes' in parts:
                check_codes(tap, target)
            check_programs(tap, target, topics)
    tap.end()


if __name__ == '__main__':
    main()
