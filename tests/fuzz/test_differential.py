#!/usr/bin/python3
"""What this library links, GNU ld links, and both write the same bytes. Prints TAP.

    tests/fuzz/test_differential.py [ROUNDS [SEED]]      mutations of each object tried; the default is short

Objects of the fuzz corpora and mutations of them are linked at fixed addresses by both. An object that only this library
accepts is a failure, unless ld's words for it are in REFUSED_BY_LD_ONLY, with the reason; so is a byte that differs
outside of fields that the two fill from tables of their own (NOT_COMPARED).
"""

import ctypes
import glob
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'support')]
sys.dont_write_bytecode = True
import elf_mutate  # noqa: E402  (the lines above make it importable)
import library  # noqa: E402
from library import COMMON, DEFINED, UNDEFINED, ask  # noqa: E402

LINKERS = {'x86_64': ('ld', 'elf_x86_64'), 'i386': ('ld', 'elf_i386'),
           'arm': ('arm-linux-gnueabihf-ld', 'armelf_linux_eabi'),
           'aarch64': ('aarch64-linux-gnu-ld', 'aarch64linux'), 'riscv64': ('riscv64-linux-gnu-ld', 'elf64lriscv'),
           'riscv32': ('riscv64-linux-gnu-ld', 'elf32lriscv')}
CODE, RODATA, DATA = 1, 2, 3
ADDRESSES = {CODE: 0x10000000, RODATA: 0x10800000, DATA: 0x11000000}
KIND_OTHER, KIND_DEBUG = 0, 6
RANGE_SECTION, RANGE_COMMON = 1, 2
IFUNC = 10
SHT_CREL = 0x40000014
MOST_SEGMENT = 1 << 22

# What ld says of objects that it alone refuses, and why that is right for a linker of programs and not for this one.
REFUSED_BY_LD_ONLY = [
    (r"undefined reference to `no symbol'",
     'symbol 0 has the value 0 (gABI, "Symbol Table"): ld for AArch64 takes it for an undefined one'),
    (r'relocation truncated to fit: R_(ARM_(THM_)?(CALL|JUMP24|PC24)|RISCV_(JAL|CALL))',
     'whatever a branch does not reach gets a stub here; ld makes none for symbols that are no functions'),
    (r'relocation truncated to fit: R_\w*GOT', 'each linker has its GOT in another place'),
    (r'symbol number 0 references nonexistent SHT_SYMTAB_SHNDX', 'nothing of symbol 0 is read'),
    (r'unsupported relocation type 0x(2[b-f]|3[0-3])', 'newer than this ld'),
    (r'already in final BE8 format', 'a flag of programs, which is not read from objects'),
    (r"The addend isn't allowed for R_RISCV_GOT_HI20", 'psABI, "Relocations": G + GOT + A - P, with an addend'),
    (r'internal error, aborting', 'ld itself ended'),
]

# Fields filled from a GOT, stub or thread-local layout of each linker's own, and instructions that they relax.
NOT_COMPARED = re.compile(r'GOT|TLS|TPOFF|DTPOFF|PLTOFF|TPREL|DTPREL|_LDO_|_LE32|_IE32')


class Options(ctypes.Structure):
    _fields_ = [('struct_size', ctypes.c_uint32), ('flags', ctypes.c_uint32), ('rest', ctypes.c_uint64 * 15)]


class LinkOptions(ctypes.Structure):
    _fields_ = [('struct_size', ctypes.c_uint32), ('flags', ctypes.c_uint32), ('memory', ctypes.c_void_p),
                ('allocator', ctypes.c_void_p), ('resolvers', ctypes.c_void_p), ('n_resolvers', ctypes.c_size_t),
                ('rest', ctypes.c_uint64 * 9)]


class Resolver(ctypes.Structure):
    _fields_ = [('struct_size', ctypes.c_uint32), ('kind', ctypes.c_uint32), ('context', ctypes.c_void_p),
                ('table', ctypes.c_void_p), ('n_table', ctypes.c_size_t), ('code', ctypes.c_void_p),
                ('resolve', ctypes.c_void_p)]


class Definition(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('addr', ctypes.c_uint64)]


class Segment(ctypes.Structure):
    _fields_ = [('kind', ctypes.c_uint32), ('lifetime', ctypes.c_uint32), ('flags', ctypes.c_uint32),
                ('reserved', ctypes.c_uint32), ('size', ctypes.c_uint64), ('alignment', ctypes.c_uint64),
                ('write', ctypes.c_void_p), ('run_addr', ctypes.c_uint64), ('object', ctypes.c_char_p),
                ('section', ctypes.c_char_p)]


class Range(ctypes.Structure):
    _fields_ = [('object', ctypes.c_char_p), ('section', ctypes.c_char_p), ('offset', ctypes.c_uint64),
                ('size', ctypes.c_uint64), ('kind', ctypes.c_uint32), ('segment', ctypes.c_uint32)]


def load_library():
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    loaded = library.load()
    loaded.oj_plan_create.argtypes = [pointer, pointer, size, pointer, pointer]
    library.declare_list(loaded, 'plan_segment')
    library.declare_list(loaded, 'plan_range')
    loaded.oj_plan_write.argtypes = [pointer, pointer, size, pointer, pointer]
    for name in ('plan', 'code'):
        getattr(loaded, 'oj_%s_destroy' % name).argtypes = [pointer]
    return loaded


LIBRARY = load_library()


class Ours:
    """An object linked by this library at ADDRESSES; .accepted, and what it came to."""

    def __init__(self, data):
        self.accepted = False
        self.handles = []
        self.definitions = {}
        self.placed = {}  # index of a section -> address
        self.content = {}  # the same -> bytes
        handle = ctypes.c_void_p()
        if LIBRARY.oj_object_create(ctypes.byref(handle), data, len(data), None, None) == 0:
            try:
                self.read(handle)
                self.link(handle)
            finally:
                LIBRARY.oj_object_destroy(handle)

    def read(self, handle):
        self.symbols = library.symbols_of(LIBRARY, handle)
        self.sections = library.sections_of(LIBRARY, handle)
        self.names = [section.name for section in self.sections]
        self.relocations = [[(r.name.decode(), r.offset, r.symbol, r.addend)
                             for r in library.relocations_of(LIBRARY, handle, i, section.n_relocations)]
                            for i, section in enumerate(self.sections)]
        for symbol in self.symbols:
            if symbol.place == UNDEFINED and symbol.name and symbol.name not in self.definitions:
                self.definitions[symbol.name] = 0x10100000 + 64 * len(self.definitions)
        self.has_ifunc = any(symbol.type == IFUNC for symbol in self.symbols)

    def is_loaded(self, index):
        return index < len(self.sections) and self.sections[index].kind not in (KIND_OTHER, KIND_DEBUG)

    def is_elsewhere(self, index):
        """Is it common, or of a section whose address is not known here?"""
        symbol = self.symbols[index]
        return symbol.place == COMMON or (symbol.place == DEFINED and symbol.section not in self.placed)

    def link(self, handle):
        table = (Definition * (len(self.definitions) + 1))(*self.definitions.items())
        resolvers = (Resolver * 2)(Resolver(ctypes.sizeof(Resolver), 1, None, None, 0, None, None),
                                   Resolver(ctypes.sizeof(Resolver), 2, None, ctypes.addressof(table),
                                            len(self.definitions), None, None))
        options = LinkOptions(ctypes.sizeof(LinkOptions), 0, None, None, ctypes.addressof(resolvers), 2)
        plan = ctypes.c_void_p()
        objects = (ctypes.c_void_p * 1)(handle)
        if LIBRARY.oj_plan_create(ctypes.byref(plan), objects, 1, ctypes.byref(options), None) != 0:
            return
        try:
            self.write(plan)
        finally:
            LIBRARY.oj_plan_destroy(plan)

    def write(self, plan):
        n = LIBRARY.oj_plan_segment_count(plan)
        segments = (Segment * (n + 1))(*[ask(LIBRARY.oj_plan_segment, Segment, plan, i) for i in range(n)])
        buffers = []
        for segment in segments[:n]:
            if segment.size > MOST_SEGMENT or segment.alignment > MOST_SEGMENT:
                return
            buffers.append(ctypes.create_string_buffer(segment.size + segment.alignment))
            start = ctypes.addressof(buffers[-1])
            segment.write = start + -start % segment.alignment
            segment.run_addr = ADDRESSES[segment.kind]
        code = ctypes.c_void_p()
        if LIBRARY.oj_plan_write(plan, segments, n, ctypes.byref(code), None) != 0:
            return
        LIBRARY.oj_code_destroy(code)
        self.accepted = True
        self.keep(plan, segments)

    def keep(self, plan, segments):
        """Sections of one name come in the order of their headers."""
        waiting = {}
        for index, name in enumerate(self.names):
            waiting.setdefault(name, []).append(index)
        self.commons_addr = None
        for i in range(LIBRARY.oj_plan_range_count(plan)):
            part = ask(LIBRARY.oj_plan_range, Range, plan, i)
            if part.kind == RANGE_COMMON and self.commons_addr is None:
                self.commons_addr = segments[part.segment].run_addr + part.offset
            if part.kind != RANGE_SECTION or part.size == 0:
                continue
            fitting = [index for index in waiting.get(part.section, []) if self.sections[index].size == part.size]
            if len(fitting) != 1:
                continue
            self.placed[fitting[0]] = segments[part.segment].run_addr + part.offset
            self.content[fitting[0]] = ctypes.string_at(segments[part.segment].write + part.offset, part.size)


# --- the other linker -----------------------------------------------------------------------------------------------

def write_script(ours, path):
    with open(path, 'wb') as script:
        for name, addr in ours.definitions.items():
            script.write(b'"%s" = 0x%x;\n' % (name, addr))
        script.write(b'SECTIONS {\n')
        if ours.commons_addr is not None:
            script.write(b'.oj.common 0x%x : { *(COMMON) }\n' % ours.commons_addr)
        for index, addr in ours.placed.items():
            script.write(b'.oj.%d 0x%x : { *(.oj.%d) }\n' % (index, addr, index))
        script.write(b'.got : { *(.got) *(.got.plt) *(.igot*) }\n.plt : { *(.plt) *(.iplt) *(.plt.*) }\n}\n')


def run_linker(machine, folder):
    """(exit status, words); None: not within ten seconds."""
    linker, emulation = LINKERS[machine]
    command = [linker, '-m', emulation, '-static', '-N', '-e', '0', '--no-check-sections', '--build-id=none',
               '--no-relax', '-z', 'noexecstack', '-T', os.path.join(folder, 'script'),
               '-o', os.path.join(folder, 'out'), os.path.join(folder, 'in.o')]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=10)
    except subprocess.TimeoutExpired:
        return None, 'no end'
    return result.returncode, result.stdout.decode('utf-8', 'replace')


def sections_of(path):
    with open(path, 'rb') as file:
        elf = elf_mutate.Elf(file.read())
    names = elf.sections[elf.header[elf_mutate.E_SHSTRNDX]]
    found = {}
    for section in elf.sections[1:]:
        start = names[elf_mutate.SH_OFFSET] + section[elf_mutate.SH_NAME]
        name = bytes(elf.data[start:elf.data.index(0, start)])
        offset, size = section[elf_mutate.SH_OFFSET], section[elf_mutate.SH_SIZE]
        found[name] = b'\0' * size if section[elf_mutate.SH_TYPE] == 8 else bytes(elf.data[offset:offset + size])
    return found


def fields_not_compared(ours, index, machine):
    """Bytes of fields that may differ: an instruction before the field may have been relaxed with it."""
    relocations = ours.relocations[index]
    has_got_halves = any(name == 'R_RISCV_GOT_HI20' for name, _, _, _ in relocations)
    skipped = set()
    for i, (name, offset, symbol, addend) in enumerate(relocations):
        overlaps = any(abs(other[1] - offset) < 4 for k, other in enumerate(relocations) if k != i)
        if (NOT_COMPARED.search(name) or ours.is_elsewhere(symbol)
                # The low half of a GOT entry's address.
                or (has_got_halves and 'PCREL_LO12' in name)
                # psABI: V - S - A. GNU ld has V - S + A.
                or (addend != 0 and re.match(r'R_RISCV_SUB', name))
                # Addends in place are all read before anything is written; ld reads each when it comes to it.
                or (machine in ('i386', 'arm') and overlaps)):
            skipped.update(range(offset - 4, offset + 8))
    return skipped


def compare(ours, machine, out):
    """Bytes compared, and the first that differs in words or None."""
    theirs = sections_of(out)
    n = 0
    for index, mine in ours.content.items():
        other = theirs.get(b'.oj.%d' % index)
        if other is None or len(other) != len(mine):
            continue
        skipped = fields_not_compared(ours, index, machine)
        n += len(mine) - len(skipped)
        for at in range(len(mine)):
            if mine[at] != other[at] and at not in skipped:
                return n, 'section %d (%s), offset %#x: %s, ld has %s; relocations %s' % (
                    index, ours.names[index].decode('utf-8', 'replace'), at, mine[at:at + 8].hex(),
                    other[at:at + 8].hex(), [r for r in ours.relocations[index] if at - 8 < r[1] <= at + 8])
    return n, None


# --- one object -----------------------------------------------------------------------------------------------------

class Tally:
    def __init__(self):
        self.tried = self.accepted = self.by_both = self.compared = 0
        self.excused = {}
        self.failures = []

    def excuse(self, reason):
        self.excused[reason] = self.excused.get(reason, 0) + 1

    def fail(self, what, data):
        folder = os.environ.get('OJT_BUILD') or tempfile.gettempdir()
        path = os.path.join(folder, 'differs-%08x.o' % zlib.crc32(data))
        with open(path, 'wb') as file:
            file.write(data)
        self.failures.append('%s: %s' % (path, what))


def excuse(words):
    for pattern, reason in REFUSED_BY_LD_ONLY:
        if re.search(pattern, words):
            return reason
    return None


def is_expressible(ours):
    """Can a linker script name all of them?"""
    return all(re.fullmatch(rb'[\x21\x23-\x7e]+', name) for name in ours.definitions)


def has_compact_relocations(data):
    return any(section[elf_mutate.SH_TYPE] == SHT_CREL for section in elf_mutate.Elf(data).sections)


def try_object(data, machine, folder, tally):
    tally.tried += 1
    ours = Ours(data)
    if not ours.accepted or ours.has_ifunc or not is_expressible(ours):
        return
    tally.accepted += 1
    if has_compact_relocations(data):
        tally.excuse('ld passes over compact relocations without a word')
        return
    with open(os.path.join(folder, 'in.o'), 'wb') as file:
        file.write(elf_mutate.as_loaded(data, ours.is_loaded))
    write_script(ours, os.path.join(folder, 'script'))
    status, words = run_linker(machine, folder)
    if status != 0:
        reason = 'ld itself ended by a signal, or not at all' if status is None or status < 0 else excuse(words)
        if reason:
            tally.excuse(reason)
        else:
            tally.fail('only this library links it; ld: ' + words.strip()[:400], data)
        return
    tally.by_both += 1
    n, difference = compare(ours, machine, os.path.join(folder, 'out'))
    tally.compared += n
    if difference:
        tally.fail(difference, data)


def corpus():
    """(name, object): what the targets that link start from; the first byte is theirs."""
    for name, prefix in (('link', 1), ('cross', 1), ('object', 0)):
        for path in sorted(glob.glob(os.path.join(HERE, 'corpus', name, '*'))):
            with open(path, 'rb') as file:
                yield os.path.basename(path), file.read()[prefix:]


def try_one(name, data, rounds, seed, folder):
    """A line of TAP, and whether it is a good one."""
    try:
        machine = elf_mutate.Elf(data).machine()
    except (ValueError, struct.error):
        return 'ok - %s # SKIP no headers' % name, True
    if machine not in LINKERS or not shutil.which(LINKERS[machine][0]):
        return 'ok - %s # SKIP no linker' % name, True
    tally = Tally()
    choose = random.Random('%s %s' % (seed, name))
    try_object(data, machine, folder, tally)
    for _ in range(rounds):
        try:
            changed = elf_mutate.mutate(choose, data)
        except (ValueError, struct.error):
            continue
        try_object(changed, machine, folder, tally)
    excused = ''.join(', %d: %s' % (n, reason) for reason, n in sorted(tally.excused.items()))
    print('# %s: %d tried, %d accepted, %d by both, %d bytes compared%s' % (
        name, tally.tried, tally.accepted, tally.by_both, tally.compared, excused))
    for failure in tally.failures[:20]:
        print('# ' + failure)
    return ('not ok - ' if tally.failures else 'ok - ') + name, not tally.failures


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = sys.argv[2] if len(sys.argv) > 2 else '1'
    objects = list(corpus())
    passed = True
    print('1..%d' % len(objects))
    with tempfile.TemporaryDirectory() as folder:
        for name, data in objects:
            line, good = try_one(name, data, rounds, seed, folder)
            print(line, flush=True)
            passed = passed and good
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())
