#!/usr/bin/python3
"""OwnJIT built for other architectures and run under qemu-user: small C and C++ programs, from that architecture's GCC
and from clang, linked by `ownjit run` there; output is that of the same program linked by the cross compiler."""

import glob
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = os.path.join(SOURCE, 'tests', 'real', 'programs')
UNWIND = os.path.join(SOURCE, 'tests', 'unwind')
sys.path.insert(0, UNWIND)

from targets import ARCHITECTURES, EVERYTHING, Target, inputs, quiet, tapping  # noqa: E402
import test_programs_cxx  # noqa: E402
import test_unwinders  # noqa: E402

# What a program needs that an architecture or qemu-user does not have, with the reason.
LEFT_OUT = {
    'wide.c': 'has types of 128 bits, which 32-bit targets lack',
    'numbers.c': 'has types of 128 bits, which 32-bit targets lack',
    'cpu_features.c': 'asks for features of x86-64',
    'throw_backtrace.cpp': 'looks for its own names in the process',
}


# What GNU ld makes no program of there, or one that crashes; this machine's program says the same.
NOT_BY_LD = {('i386', 'ifuncs.c'), ('s390x', 'ifuncs.c')}


def ways_of(target, topic):
    """Tag, compiler and flags of each way to build a program."""
    for which, level in (('gcc', '-O2'), ('clang', '-O0'), ('clang', '-O2')):
        # No compiler writes ARM's descriptors unless asked, and clang not even then.
        dialects = {'descriptors_' + v: [*f, '-mtls-dialect=gnu2'] for v, f in target.variants.items()
                    if target.name == 'armhf' and which == 'gcc' and 'thread_locals' in topic}
        for variant, flags in {**target.variants, **dialects}.items():
            yield variant + which + level.replace('-', '_'), which, [level, '-fPIC', *flags]


def build(tap, tag, make):
    """What `make` made; None where the test of it has failed."""
    try:
        made, text = make(), ''
    except ValueError as error:
        made, text = None, str(error)
    tap.check(tag, made is not None, text)
    return made


def run_native(tap, target, program, flags, tag):
    """What the program says where GNU ld links it; None where that fails."""
    topic = os.path.basename(program)
    if (target.name, topic) in NOT_BY_LD:
        own = Target.keep(topic, ['native', inputs.version('gcc'), inputs.digest_file(program)],
                          ['gcc', '-w', '-O1', program])
        return tapping.run([own, 'first'], timeout=120, env={'OJT_GREETING': 'hello'})
    native = build(tap, tag + '_native', lambda: target.program(
        topic.replace('.', '_'), [target.object('gcc', flags, program)], program.endswith('.cpp')))
    return native and target.emulate(['-0', topic, native, 'first'])


def check_program(tap, target, program, folder):
    is_cxx = program.endswith('.cpp')
    topic = os.path.basename(program)
    name = '%s_%s' % (target.name, topic.replace('.', '_'))
    own = test_programs_cxx.flags_of(program) if is_cxx else []
    expected = run_native(tap, target, program, ['-O1', *target.plain, *own], name)
    if not expected:
        return
    load = ['--load=libm.so.6', '--load=libgcc_s.so.1'] + (['--load=libstdc++.so.6'] if is_cxx else [])
    file = os.path.join(folder, topic)
    for way, which, flags in ways_of(target, topic):
        tag = '%s_%s' % (name, way)
        made = build(tap, tag + '_compiles', lambda: target.object(which, [*flags, *own], program))
        if made:
            os.symlink(made, file)
            got = target.emulate([target.ownjit(), 'run', *load, file, 'first'])
            tap.check(tag, (got.status, got.out) == (expected.status, expected.out),
                      tapping.describe([made], expected, got) + '\n' + got.err.decode(errors='replace')[:500])
            os.remove(file)


# What tests/cross/host.cpp says of tests/cross/linked.cpp.
ROUND = ('constructed\nflushed 1 synchronized 1\nbuilt 42\ntable 1 1\ncleanup\ncaught 3\nbefore 2\nafter 1\nthread 6\nhere 7\ndestroyed\n')
SAID = ROUND * 3 + 'constructed\ntable 1 1\ndestroyed\n'


def compile_all(target, variant, which):
    """Objects of the hosts' linked code, by name, or what the compiler said."""
    objects = {}
    others = [os.path.join(UNWIND, name) for name in ('linked.cpp', 'user.cpp', 'blind.c')]
    for source in (os.path.join(HERE, 'linked.cpp'), *others):
        stem = 'own' if os.path.dirname(source) == HERE else os.path.basename(source).split('.')[0]
        flags = ['-fno-asynchronous-unwind-tables', '-fno-exceptions', '-fno-unwind-tables']
        flags = ['-std=c++17'] if source.endswith('.cpp') else flags
        try:
            objects[stem] = target.object(which, ['-O2', '-fPIC', *target.variants[variant], *flags], source)
        except ValueError as error:
            return None, str(error)
    return objects, ''


def check_hosts(tap, target):
    """C++ programs that link code by the C API: exceptions between both, and what a client may do with code."""
    out = os.path.join(target.build, 'out', 'src')
    with tempfile.TemporaryDirectory() as folder:
        own = os.path.join(HERE, 'host.cpp')
        # A program at addresses that are linked into it is in the lowest memory.
        for name, source, flags in (('own', own, []), ('low', own, ['-no-pie']),
                                    ('unwind', os.path.join(UNWIND, 'host.cpp'), [])):
            status, text = quiet([*target.compiler('gcc', True), *target.plain, *flags, '-std=c++17', '-O1', '-w', source,
                                  '-I', os.path.join(SOURCE, 'include'), os.path.join(out, 'libownjit.a'), '-lpthread',
                                  '-ldl', '-o', os.path.join(folder, name)])
            if not tap.check('%s_host_%s_builds' % (target.name, name), status == 0, text):
                return
        for variant in target.variants:
            for which in ('gcc', 'clang'):
                objects, text = compile_all(target, variant, which)
                tag = '%s_host_%s%s_' % (target.name, variant, which)
                if not tap.check(tag + 'compiles', objects is not None, text):
                    continue
                for host in ('own', 'low'):
                    done = target.emulate([os.path.join(folder, host), objects['own']])
                    tap.check(tag + host, (done.status, done.out.decode()) == (0, SAID),
                              done.out.decode() + done.err.decode()[-500:])
                for case, (names, status, output, words) in test_unwinders.CASES.items():
                    # Emulating 1500 links takes minutes but where tables are not rewritten.
                    if case == 'many' and target.name != 'armhf':
                        continue
                    done = target.emulate([os.path.join(folder, 'unwind'), case, *[objects[n] for n in names]])
                    printed, said = done.out.decode(), done.err.decode()
                    tap.check(tag + case, (done.status, printed) == (status, output) and words in said,
                              printed[-500:] + said[-500:])


# What no compiler writes unless asked, by architecture: program, flags, status and what it says.
UNUSUAL = {
    'armhf': ('descriptors_arm.c', ['-mfpu=neon'], 44, '42\n43\nthe same\n' * 2),
    'i386': ('minus_i386.c', [], 43, '42 the same\n' * 2),
}


def check_unusual(tap, target):
    source, flags, status, said = UNUSUAL[target.name]
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'unusual.o')
        for variant, more in target.variants.items():
            for which in ('gcc', 'clang'):
                failed, text = quiet([*target.compiler(which), '-O2', '-fPIC', '-c', *flags, *more,
                                      os.path.join(HERE, source), '-o', file])
                tag = '%s_%s_%s%s' % (target.name, source.split('_')[0], variant, which)
                if not tap.check(tag + '_compiles', failed == 0, text):
                    continue
                got = target.emulate([target.ownjit(), 'run', file])
                tap.check(tag, (got.status, got.out.decode()) == (status, said), '%s\n%s' % (got.status, got.out + got.err))


# Code with a patchpoint; what it clobbers has values that are alive spilled. By architecture: what is to be clobbered.
PATCHPOINT = '''declare i64 @llvm.experimental.patchpoint.i64(i64, i32, ptr, i32, ...)
define i64 @f(i64 %%a, i64 %%b, i32 %%n) "frame-pointer"="all" {
  %%slot = alloca i64
  store volatile i64 %%b, ptr %%slot
  %%c = mul i64 %%a, %%b
  %%m = xor i32 %%n, 0
  call void asm sideeffect "", "%s"()
  %%r = call i64 (i64, i32, ptr, i32, ...) @llvm.experimental.patchpoint.i64(i64 8, i32 16, ptr null, i32 1, i64 %%a,
      i64 %%c, i32 %%m, ptr %%slot, i64 1234567890123)
  %%s = add i64 %%r, %%c
  ret i64 %%s
}
'''
CLOBBERED = {'arm64': ('x', range(1, 29)), 's390x': ('r', [*range(1, 11), 12, 13]),
             'riscv64': ('x', [1, *range(5, 8), *range(9, 32)])}
FOUND = '4 values, 48\n142, 1 trapped\n42 89abcdef 7 1234567890123 %s\n'


def check_stackmaps(tap, target):
    """A deoptimisation exit, from values in registers and from spilled ones."""
    letter, numbers = CLOBBERED[target.name]
    with tempfile.TemporaryDirectory() as folder:
        host, ir, made = (os.path.join(folder, name) for name in ('host', 'f.ll', 'f.o'))
        status, text = quiet([*target.compiler('gcc'), '-O1', os.path.join(HERE, 'stackmaps.c'), '-I',
                              os.path.join(SOURCE, 'include'), os.path.join(target.build, 'out', 'src', 'libownjit.a'),
                              '-lpthread', '-ldl', '-o', host])
        if not tap.check(target.name + '_stackmaps_host_builds', status == 0, text):
            return
        for case, clobbers in (('registers', ['~{memory}']), ('spilled', ['~{%s%d}' % (letter, n) for n in numbers])):
            tag = '%s_stackmaps_%s' % (target.name, case)
            with open(ir, 'w', encoding='utf-8') as file:
                file.write(PATCHPOINT % ','.join(clobbers))
            status, text = quiet(['llc-19', '-mtriple=' + target.triple, '-O2', '-relocation-model=pic', '-filetype=obj',
                                  ir, '-o', made])
            if not tap.check(tag + '_compiles', status == 0, text):
                continue
            got = target.emulate([host, made])
            tap.check(tag, (got.status, got.out.decode()) == (0, FOUND % case), '%s\n%s' % (got.status, got.out + got.err))


# f returns 2, or 1 with the other bytes. By architecture and variant: f, the other bytes, where they go and how many,
# and whether they may while f runs.
PATCHED = (
    ('arm64', '', 'b 1f; mov w0, 1; ret; 1: mov w0, 2; ret', 'nop', 0, 4, 'patched'),
    ('arm64', '', 'mov w0, 2; ret', 'mov w0, 1', 0, 4, 'refused'),
    ('armhf', 'a32_', 'b 1f; mov r0, 1; bx lr; 1: mov r0, 2; bx lr', 'nop', 0, 4, 'patched'),
    ('armhf', 'a32_', 'mov r0, 2; bx lr', 'mov r0, 1', 0, 4, 'refused'),
    ('armhf', 'thumb_', 'b.n 1f; movs r0, 1; bx lr; 1: movs r0, 2; bx lr', 'nop', 0, 2, 'patched'),
    ('armhf', 'thumb_', 'movs r0, 2; bx lr', 'movs r0, 1', 0, 2, 'refused'),
    ('s390x', '', 'j 1f; lghi %r2, 1; br %r14; 1: lghi %r2, 2; br %r14', '.byte 4', 1, 1, 'patched'),
    ('s390x', '', 'lghi %r2, 2; br %r14', 'la %r2, 1', 0, 4, 'refused'),
    ('i386', '', 'movl $2, -8(%esp); movl -8(%esp), %eax; ret', 'movl $1, -8(%esp)', 0, 8, 'patched'),
    ('riscv64', '', 'c.j 1f; c.li a0, 1; ret; 1: c.li a0, 2; ret', 'c.nop', 0, 2, 'patched'),
    ('riscv64', '', '.word 0x00200513; ret', '.word 0x00100513', 0, 4, 'patched'),
)


def check_patching(tap, target):
    """Patches of code that threads run, by each architecture's rule."""
    with tempfile.TemporaryDirectory() as folder:
        host, text, made = (os.path.join(folder, name) for name in ('host', 'f.s', 'f.o'))
        status, said = quiet([*target.compiler('gcc'), '-O1', os.path.join(HERE, 'patching.c'), '-I',
                              os.path.join(SOURCE, 'include'), os.path.join(target.build, 'out', 'src', 'libownjit.a'),
                              '-lpthread', '-ldl', '-o', host])
        if not tap.check(target.name + '_patching_host_builds', status == 0, said):
            return
        for name, variant, f, other, offset, size, word in PATCHED:
            if name != target.name:
                continue
            lines = ('.syntax unified' if name == 'armhf' else '', '.thumb' if variant == 'thumb_' else '',
                     '.text', '.balign 8', '.globl f', '.type f, %function' if name == 'armhf' else '', 'f:',
                     *f.split('; '), '.data', '.globl spot', '.balign 4', 'spot: .long %d, %d' % (offset, size),
                     '.globl other', 'other:', *other.split('; '))
            with open(text, 'w', encoding='utf-8') as file:
                file.write('\n'.join(lines) + '\n')
            status, said = quiet([*target.compiler('gcc'), '-c', *target.variants[variant], text, '-o', made])
            tag = '%s_patching_%s%s_%d' % (name, variant, word, size)
            if not tap.check(tag + '_assembles', status == 0, said):
                continue
            got = target.emulate([host, made])
            tap.check(tag, (got.status, got.out.decode()) == (0, word + ', 0 wrong, 0 late, then 1\n'),
                      '%s\n%s' % (got.status, got.out + got.err))


# Of all programs those that ask most of a linker; a name on the command line chooses others.
CHOSEN = ('constructors', 'functions', 'globals', 'ifuncs', 'inline_templates', 'jumps', 'numbers', 'switches',
          'thread_locals', 'threads.c', 'throw_casts', 'throw_inheritance', 'throw_once', 'throw_rethrow',
          'throw_threads', 'variadic')


# Of what came later: the order of bytes, and what a table and an assembler do.
LATER = ('s390x', 'riscv64')
CHOSEN_LATER = ('constructors', 'globals', 'ifuncs', 'numbers', 'thread_locals', 'throw_casts', 'throw_once',
                'throw_threads', 'variadic')


def reason_to_leave_out(target, program):
    topic = os.path.basename(program)
    if target.name in LATER and not EVERYTHING and not any(n in topic for n in sys.argv[1:] or CHOSEN_LATER):
        return 'shows nothing there that the others do not'
    if topic in ('wide.c', 'numbers.c') and target.name in ('arm64', 's390x', 'riscv64'):
        return None
    if topic == 'throw_forced.cpp' and target.name == 'armhf':
        return "clang's header and libgcc differ in what an exception is"
    return LEFT_OUT.get(topic)


def main():
    tap = tapping.Tap()
    names = sys.argv[1:] or ([''] if EVERYTHING else CHOSEN)
    programs = sorted(glob.glob(os.path.join(PROGRAMS, '*.c')) + glob.glob(os.path.join(PROGRAMS, '*.cpp')))
    programs = [p for p in programs if any(n in p for n in names)]
    for name in ARCHITECTURES:
        target = Target(name)
        why = target.missing()
        if why:
            tap.skip(name, why)
            continue
        why = target.make()
        if not tap.check(name + '_builds', why is None, why or ''):
            continue
        if not sys.argv[1:] or 'host' in sys.argv[1:]:
            check_hosts(tap, target)
        if name in UNUSUAL and (not sys.argv[1:] or 'unusual' in sys.argv[1:]):
            check_unusual(tap, target)
        if name in CLOBBERED and (not sys.argv[1:] or 'stackmaps' in sys.argv[1:]):
            check_stackmaps(tap, target)
        if not sys.argv[1:] or 'patching' in sys.argv[1:]:
            check_patching(tap, target)
        for program in programs:
            with tempfile.TemporaryDirectory() as folder:
                why = reason_to_leave_out(target, program)
                if why:
                    tap.skip('%s_%s' % (name, os.path.basename(program)), why)
                else:
                    check_program(tap, target, program, folder)
    tap.end()


if __name__ == '__main__':
    main()
