#!/usr/bin/python3
"""Check that every relocation that an architecture's table links stands in a link case that succeeds.

The rows are those of src/elf/elf_*.c, the relocations those of tests/link/ARCH_*.s as their assembler writes them. Rows
that are refused share their code: one case for each architecture is enough."""

import concurrent.futures
import glob
import os
import re
import struct
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = os.path.join(SOURCE, 'tests', 'link')
ROW = re.compile(r'^    (X|REFUSED)\((?:X, )?(\d+), (\w+)', re.M)
TOOLS = re.compile(r'\{"(\w+_)", "([\w-]+)", "([\w=-]+)", "')
FILES = {'riscv64': 'riscv', 'riscv32': 'riscv'}
SHT_RELA, SHT_REL = 4, 9
# What no assembler writes: rows in tests/unit/test_elf_relocs.c, linked in test_link_relocations.c.
UNWRITTEN = {'x86_64': {46, 47, 48, 49, 51}}


def rows(arch):
    """The numbers that an architecture links, with their names, and those that it refuses."""
    with open(os.path.join(SOURCE, 'src', 'elf', 'elf_%s.c' % arch), encoding='utf-8') as file:
        found = ROW.findall(file.read())
    return ({int(number): name for row, number, name in found if row == 'X'},
            {int(number) for row, number, name in found if row == 'REFUSED'})


def numbers(elf):
    """The relocation numbers of a relocatable object that an assembler wrote."""
    order, is_64 = '<>'[elf[5] - 1], elf[4] == 2
    table, = struct.unpack_from(order + ('Q' if is_64 else 'I'), elf, 40 if is_64 else 32)
    size, count = struct.unpack_from(order + 'HH', elf, 58 if is_64 else 46)
    found = set()
    for at in range(table, table + size * count, size):
        kind, = struct.unpack_from(order + 'I', elf, at + 4)
        if kind not in (SHT_RELA, SHT_REL):
            continue
        start, length = struct.unpack_from(order + ('QQ' if is_64 else 'II'), elf, at + (24 if is_64 else 16))
        word = 8 if is_64 else 4
        for entry in range(start, start + length, word * (3 if kind == SHT_RELA else 2)):
            info, = struct.unpack_from(order + ('Q' if is_64 else 'I'), elf, entry + word)
            found.add(info & 0xffffffff if is_64 else info & 0xff)
    return found


def assemble(case, tool):
    """Numbers of a case; None where its assembler is not installed."""
    with open(case, encoding='utf-8') as file:
        own = re.search(r'^# assembler (.*)$', file.read(), re.M)
    command = own.group(1).split() if own else list(tool)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'case.o')
        try:
            subprocess.run(command + ['-o', path, case], check=True)
        except FileNotFoundError:
            return None
        with open(path, 'rb') as file:
            return numbers(file.read())


def is_linked(case):
    with open(case, encoding='utf-8') as file:
        return not re.search(r'^# (refused|fails) ', file.read(), re.M)


def tools():
    with open(os.path.join(CASES, 'test_link_cases.c'), encoding='utf-8') as file:
        return {prefix: (program, flag) for prefix, program, flag in TOOLS.findall(file.read())}


def seen_by_file(pool):
    """Of each table: the numbers in cases that link, those in all cases, and whether an assembler was missing."""
    jobs = [(FILES.get(prefix[:-1], prefix[:-1]), is_linked(case), pool.submit(assemble, case, tool))
            for prefix, tool in tools().items() for case in glob.glob(os.path.join(CASES, prefix + '*.s'))]
    seen = {}
    for arch, linked, job in jobs:
        state = seen.setdefault(arch, [set(), set(), False])
        found = job.result()
        state[2] = state[2] or found is None
        state[1] |= found or set()
        if linked:
            state[0] |= found or set()
    return seen


def main():
    missing, total = [], 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = seen_by_file(pool)
    for path in glob.glob(os.path.join(SOURCE, 'src', 'elf', 'elf_*.c')):
        arch = os.path.basename(path)[4:-2]
        linked, refused = rows(arch)
        if not linked:
            continue
        in_cases, in_all, is_partial = seen.get(arch, (set(), set(), False))
        if is_partial:
            print('%s: an assembler is not installed: not checked' % arch)
            continue
        total += len(linked)
        missing += ['%s: no link case has %s (%d)' % (arch, name, number)
                    for number, name in sorted(linked.items()) if number not in in_cases | UNWRITTEN.get(arch, set())]
        if not refused & in_all:
            missing.append('%s: no link case has a refused relocation' % arch)
    print('\n'.join(missing) or '%d relocations, each in a link case' % total)
    return 1 if missing or not total else 0


if __name__ == '__main__':
    sys.exit(main())
