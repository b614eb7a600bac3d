#!/usr/bin/python3
"""Check what the built libraries of $OJT_BUILD give away: the shared one exports the functions of the public headers
and nothing else, src/ownjit.map lists the same, nothing beyond the C library is needed, and no other name is visible
in the static one than oj_... and oji_..."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import api  # noqa: E402  (the line above keeps it from leaving files)

ALLOWED_LIBRARIES = {'libc.so.6', 'libdl.so.2', 'libpthread.so.0', 'ld-linux-x86-64.so.2'}

FOR_DEBUGGERS = {'__jit_debug_descriptor', '__jit_debug_register_code'}


def output(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def difference(name, expected, got):
    return (['%s lacks %s' % (name, each) for each in sorted(expected - got)]
            + ['%s has %s, which no header declares' % (name, each) for each in sorted(got - expected)])


def check_drop_in():
    """No symbol has a version, and of the library's own names only those of mcjit.h are there; tests/mcjit compares
    the others with LLVM's headers."""
    library = os.path.join(os.environ['OJT_BUILD'], 'lib', 'libownjit-mcjit.so')
    lines = [line.split() for line in output('nm', '-D', '--defined-only', library).split('\n') if line]
    exported = {words[-1] for words in lines}
    needed = set(re.findall(r'\(NEEDED\).*\[(.*)\]', output('readelf', '-dW', library)))
    problems = difference('libownjit-mcjit.so', set(api.functions(of_drop_in=True)),
                          {name for name in exported if not name.startswith('LLVM')})
    problems += ['libownjit-mcjit.so has a version on ' + name for name in sorted(exported) if '@' in name]
    problems += ['libownjit-mcjit.so needs ' + name for name in sorted(needed - ALLOWED_LIBRARIES - {'libownjit.so.0'})]
    return problems


def main():
    library = os.path.join(os.environ['OJT_BUILD'], 'lib', 'libownjit')
    declared = set(api.functions())
    with open(os.path.join(api.SOURCE, 'src', 'ownjit.map'), encoding='utf-8') as file:
        listed = set(re.findall(r'\b(oj_\w+);', file.read()))
    dynamic_names = output('nm', '-D', '--defined-only', library + '.so').split('\n')
    exported = {line.split()[-1].split('@')[0] for line in dynamic_names
                if line and ' A ' not in line}
    static = {line.split()[-1] for line in output('nm', '-g', '--defined-only', library + '.a').split('\n')
              if len(line.split()) == 3}
    dynamic = output('readelf', '-dW', library + '.so')
    needed = set(re.findall(r'\(NEEDED\).*\[(.*)\]', dynamic))
    missing = FOR_DEBUGGERS - exported
    problems = ['libownjit.so lacks %s: no debugger would find it once stripped' % name for name in sorted(missing)]
    exported -= FOR_DEBUGGERS
    problems += difference('src/ownjit.map', declared, listed) + difference('libownjit.so', declared, exported)
    problems += ['libownjit.a lacks ' + name for name in sorted(declared - static)]
    problems += ['libownjit.a shows ' + name for name in sorted(static) if not name.startswith(('oj_', 'oji_'))]
    problems += ['libownjit.so needs ' + name for name in sorted(needed - ALLOWED_LIBRARIES)]
    problems += check_drop_in()
    if '[libownjit.so.0]' not in dynamic:
        problems.append('libownjit.so has another soname than libownjit.so.0')
    print('\n'.join(problems) or '%d functions' % len(declared))
    return 1 if problems or not declared else 0


if __name__ == '__main__':
    sys.exit(main())
