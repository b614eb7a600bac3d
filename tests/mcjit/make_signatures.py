#!/usr/bin/python3
"""Write random function types, from a seed: N callees as textual IR, and their callers in C for clang.

    make_signatures.py SEED N CALLEES.ll CALLERS.inc

Each callee stores its arguments, extended where their attributes promise that the caller has extended them, in slots of
16 bytes at @seen, and returns what lies at @give."""

import random
import sys

# letter: (C type, IR type, attribute, what the callee stores)
TYPES = {
    'c': ('signed char', 'i8', 'signext', ('sext', 'i32')),
    'C': ('unsigned char', 'i8', 'zeroext', ('zext', 'i32')),
    's': ('short', 'i16', 'signext', ('sext', 'i32')),
    'S': ('unsigned short', 'i16', 'zeroext', ('zext', 'i32')),
    'b': ('_Bool', 'i1', 'zeroext', ('zext', 'i32')),
    'i': ('int', 'i32', '', None),
    'l': ('long', 'i64', '', None),
    'n': ('__int128', 'i128', '', None),
    'f': ('float', 'float', '', None),
    'd': ('double', 'double', '', None),
    'e': ('long double', 'x86_fp80', '', None),
    'p': ('char *', 'ptr', '', None),
    'v': ('v4si', '<4 x i32>', '', None),
    'w': ('v2df', '<2 x double>', '', None),
}


def callee(number, result, arguments):
    parameters = ', '.join('%s %s %%a%d' % (TYPES[a][1], TYPES[a][2], i) for i, a in enumerate(arguments))
    ir_result = 'void' if result == '-' else '%s %s' % (TYPES[result][2], TYPES[result][1])
    lines = ['define %s @f%d(%s) {' % (ir_result, number, parameters)]
    for i, a in enumerate(arguments):
        _, kind, _, extension = TYPES[a]
        value = '%%a%d' % i
        if extension:
            lines.append('  %%x%d = %s %s %s to %s' % (i, extension[0], kind, value, extension[1]))
            kind, value = extension[1], '%%x%d' % i
        lines.append('  store %s %s, ptr getelementptr (i8, ptr @seen, i64 %d), align 16' % (kind, value, 16 * i))
    if result == '-':
        lines.append('  ret void')
    else:
        kind = TYPES[result][1]
        lines += ['  %%r = load %s, ptr @give, align 16' % kind, '  ret %s %%r' % kind]
    return '\n'.join(lines + ['}'])


def caller(number, result, arguments):
    given = ', '.join('*(%s *)(a + %d)' % (TYPES[a][0] + (' ' if a != 'p' else ''), 16 * i)
                      for i, a in enumerate(arguments))
    kinds = ', '.join(TYPES[a][0] for a in arguments) or 'void'
    c_result = 'void' if result == '-' else TYPES[result][0]
    store = '' if result == '-' else '*(%s *)r = ' % c_result
    return ('static void call%d(void (*f)(void), char *a, char *r) { (void)a; (void)r; %s((%s (*)(%s))f)(%s); }'
            % (number, store, c_result, kinds, given))


def fit(arguments):
    """A 128-bit integer that does not fit into the registers that are left is passed in memory by C and split by LLVM,
    which leaves that to front ends: it becomes a long one here."""
    used, fitting = 0, []
    for a in arguments:
        if a == 'n' and used > 4:
            a = 'l'
        used += 2 if a == 'n' else a in 'cCsSbilp'
        fitting.append(a)
    return fitting


def main():
    seed, count, callees, callers = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    rng = random.Random(seed)
    letters = list(TYPES)
    chosen = [(rng.choice(letters + ['-']), fit([rng.choice(letters) for _ in range(rng.randint(0, 12))]))
              for _ in range(count)]
    with open(callees, 'w', encoding='utf-8') as file:
        file.write('@seen = global [256 x i8] zeroinitializer, align 16\n'
                   '@give = global [16 x i8] zeroinitializer, align 16\n')
        file.write('\n'.join(callee(i, *types) for i, types in enumerate(chosen)) + '\n')
    with open(callers, 'w', encoding='utf-8') as file:
        file.write('\n'.join(caller(i, *types) for i, types in enumerate(chosen)) + '\n')
        file.write('static const struct { const char *types; void (*call)(void (*)(void), char *, char *); } '
                   'signatures[] = {\n')
        file.write(''.join('    {"%s%s", call%d},\n' % (result, ''.join(arguments), i)
                           for i, (result, arguments) in enumerate(chosen)))
        file.write('};\n')


if __name__ == '__main__':
    main()
