#!/usr/bin/python3
"""Read what real compilers write, and compare with an independent reader. Prints TAP; README.md says what is where."""

import ctypes
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'support'))
sys.dont_write_bytecode = True
import library  # noqa: E402  (the lines above make it importable)
from library import ABSOLUTE, COMMON, DEFINED, UNDEFINED  # noqa: E402

COMPILERS = ['gcc', 'clang-14', 'clang-19', 'clang-22']
BORROW, WITH_DEBUG = 1, 2
OTHER, CODE, RODATA, DATA, ZERO, UNWIND, DEBUG, TLS_DATA, TLS_ZERO = range(9)
SHF_COMPRESSED = 0x800
SHT_INIT_ARRAY, SHT_PREINIT_ARRAY = 14, 16
SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS, SHT_SHNDX, SHT_CREL = 2, 4, 7, 8, 18, 0x40000014


class Error(ctypes.Structure):
    _fields_ = [('status', ctypes.c_int32), ('system_error', ctypes.c_int32), ('line', ctypes.c_uint32),
                ('column', ctypes.c_uint32), ('offset', ctypes.c_uint64), ('reserved', ctypes.c_uint64 * 4),
                ('object', ctypes.c_char * 128), ('section', ctypes.c_char * 128), ('relocation', ctypes.c_char * 64),
                ('symbol', ctypes.c_char * 256), ('text', ctypes.c_char * 1408)]


class Options(ctypes.Structure):
    _fields_ = [('struct_size', ctypes.c_uint32), ('flags', ctypes.c_uint32), ('name', ctypes.c_char_p),
                ('allocator', ctypes.c_void_p)]


LIBRARY = library.load()


def create(data, flags):
    """(object or None, status name, text)"""
    handle = ctypes.c_void_p()
    error = Error()
    options = Options(ctypes.sizeof(Options), flags, b'golden.o', None)
    status = LIBRARY.oj_object_create(ctypes.byref(handle), data, len(data), ctypes.byref(options),
                                      ctypes.byref(error))
    return handle.value, LIBRARY.oj_status_name(status).decode(), error.text.decode()


def show(handle):
    """Everything the library shows of an object."""
    sections = []
    for i, s in enumerate(library.sections_of(LIBRARY, handle)):
        relocations = library.relocations_of(LIBRARY, handle, i, s.n_relocations)
        content = ctypes.string_at(s.bytes, s.size) if s.bytes else b''
        sections.append((s.name.decode(), s.size, s.alignment, s.kind, content,
                         [(r.name.decode(), r.offset, r.addend, r.symbol) for r in relocations]))
    symbols = [(s.name.decode(), s.value, s.size, s.section, s.place, s.binding, s.visibility, s.type)
               for s in library.symbols_of(LIBRARY, handle)]
    return sections, symbols


# --- the independent reader ---------------------------------------------------------------------------------------

def relocation_names():
    names = {}
    with open('/usr/include/elf.h') as header:
        for match in re.finditer(r'#define\s+(R_X86_64_\w+)\s+(\d+)', header.read()):
            names[int(match.group(2))] = match.group(1)
    return names


NAMES = relocation_names()


def text_at(table, offset):
    return table[offset:table.index(b'\0', offset)].decode()


def kind_of(name, kind, flags):
    loaded = flags & 2 and not flags & 0x80000000
    if not loaded or (kind == SHT_NOTE and name.startswith('.note.gnu.')) or name == '.sframe':
        return DEBUG if name.startswith('.debug') and not loaded else OTHER
    if flags & 0x400:
        return TLS_ZERO if kind == SHT_NOBITS else TLS_DATA
    if kind == SHT_NOBITS:
        return ZERO
    if flags & 4:
        return CODE
    if name == '.eh_frame':
        return UNWIND
    if SHT_INIT_ARRAY <= kind <= SHT_PREINIT_ARRAY:
        return DATA
    return DATA if flags & 1 and not re.match(r'\.data\.rel\.ro(\.|$)', name) else RODATA


def decompress(content):
    """(size, alignment, bytes) of a compressed section."""
    kind, _, size, alignment = struct.unpack_from('<IIQQ', content)
    if kind == 1:
        whole = zlib.decompress(content[24:])
    else:
        out = ctypes.create_string_buffer(size)
        library = ctypes.CDLL('libzstd.so.1')
        library.ZSTD_decompress.restype = ctypes.c_size_t
        library.ZSTD_decompress(out, ctypes.c_size_t(size), content[24:], ctypes.c_size_t(len(content) - 24))
        whole = out.raw
    return size, alignment, whole


def read_reference(data, with_debug):
    headers_off, = struct.unpack_from('<Q', data, 40)
    n, names_index = struct.unpack_from('<HH', data, 60)
    header = struct.Struct('<IIQQQQIIQQ')
    first = header.unpack_from(data, headers_off)
    n = n or first[5]
    names_index = first[6] if names_index == 0xffff else names_index
    headers = [header.unpack_from(data, headers_off + i * 64) for i in range(n)]
    content = [data[h[4]:h[4] + h[5]] if h[1] not in (0, SHT_NOBITS) else b'' for h in headers]
    sections = [['', 0, 1, OTHER, b'', []]]
    for h, c in zip(headers[1:], content[1:]):
        name = text_at(content[names_index], h[0])
        size, alignment = h[5], h[8]
        is_compressed = h[2] & SHF_COMPRESSED and name.startswith('.debug')
        if is_compressed and with_debug:
            size, alignment, c = decompress(c)
        sections.append([name, size, max(alignment, 1), kind_of(name, h[1], h[2]), c, []])
    symbols = []
    extended = next((content[i] for i, h in enumerate(headers) if h[1] == SHT_SHNDX), b'')
    for i, h in enumerate(headers):
        if h[1] == SHT_SYMTAB:
            for k in range(len(content[i]) // 24):
                symbols.append(reference_symbol(content[i], k, content[h[6]], extended))
        elif h[1] in (SHT_RELA, SHT_CREL):
            target = sections[h[7]]
            table = compact(content[i]) if h[1] == SHT_CREL else struct.iter_unpack('<QIIq', content[i])
            if CODE <= target[3] <= UNWIND or target[3] >= TLS_DATA or with_debug:
                for offset, number, symbol, addend in table:
                    target[5].append((NAMES[number], offset, addend, symbol))
    return [tuple(section) for section in sections], symbols


def compact(content):
    """(offset, number, symbol, addend) of each relocation of a table with addends."""
    rest = iter(content)

    def number(is_signed, value=0, shift=0):
        for byte in rest:
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value - (1 << shift) if is_signed and byte & 64 else value

    header, (offset, *fields) = number(False), (0, 0, 0, 0)
    for _ in range(header >> 3):
        first = next(rest)
        offset += first % 128 >> 3
        offset += number(False) << 4 if first & 128 else 0
        fields = [field + (number(True) if first & bit else 0) for field, bit in zip(fields, (1, 2, 4))]
        yield offset << (header & 3), fields[1], fields[0], fields[2]


def reference_symbol(table, index, names, extended):
    name, info, other, section, value, size = struct.unpack_from('<IBBHQQ', table, index * 24)
    place = {0: UNDEFINED, 0xfff1: ABSOLUTE, 0xfff2: COMMON, 0xff02: COMMON}.get(section, DEFINED)
    if section == 0xffff:
        section, = struct.unpack_from('<I', extended, index * 4)
    kind = {5: 1}.get(info & 15, info & 15)
    binding = {10: 3}.get(info >> 4, info >> 4)
    return (text_at(names, name), value, size, section if place == DEFINED else 0, place, binding, other & 3, kind)


# --- sources ------------------------------------------------------------------------------------------------------

def directives(path):
    with open(path) as source:
        text = source.read()
    return {key: re.findall(r'^[ /*#]*%s:[ \t]*(.*?)[ \t]*(?:\*/)?$' % key, text, re.M)
            for key in ('flags', 'compilers', 'expect')}, text


def compilers_of(wanted):
    wanted = wanted[0].split() if wanted else ['gcc', 'clang']
    return [c for c in COMPILERS if c in wanted or c.split('-')[0] in wanted]


def compile_source(compiler, flags, path, folder):
    out = os.path.join(folder, 'out.o')
    command = [compiler, '-c', '-w', '-o', out, *flags.split(), path]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        return None, result.stdout.decode(errors='replace')
    with open(out, 'rb') as file:
        return file.read(), ''


def first_difference(ours, theirs, what):
    if len(ours) != len(theirs):
        return '%d %ss, the reference has %d' % (len(ours), what, len(theirs))
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return '%s %d: %r, the reference has %r' % (what, i, str(a)[:400], str(b)[:400])
    return None


def check_accepted(data, text):
    """A reason why not, or None."""
    for flags in (0, BORROW | WITH_DEBUG):
        handle, status, message = create(data, flags)
        if not handle:
            return '%s %s' % (status, message)
        ours = show(handle)
        LIBRARY.oj_object_destroy(handle)
        theirs = read_reference(data, flags & WITH_DEBUG)
        reason = first_difference(ours[0], theirs[0], 'section') or first_difference(ours[1], theirs[1], 'symbol')
        if reason:
            return 'flags %d: %s' % (flags, reason)
        written = re.findall(r'# (R_X86_64_\w+)$', text, re.M)
        if written:
            # GNU's assembler puts those of jumps last.
            found = [r[0] for s in ours[0] if s[0] == '.everything' for r in sorted(s[5], key=lambda r: r[1])]
            if found != written:
                return first_difference(found, written, 'relocation')
    return None


def check_refused(data, expect):
    status, words = expect.split(' ', 1)
    for flags in range(2):
        handle, got, message = create(data, flags)
        if handle:
            LIBRARY.oj_object_destroy(handle)
            return 'accepted'
        if got != status or not re.search(words, message):
            return '%s %s' % (got, message)
    return None


def cases():
    for path in sorted(glob.glob(os.path.join(HERE, 'accept', '*.[cs]')) +
                       glob.glob(os.path.join(HERE, 'reject', '*.[cs]'))):
        found, text = directives(path)
        for compiler in compilers_of(found['compilers']):
            for flags in found['flags']:
                yield path, compiler, flags, found['expect'], text


def main():
    number = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path, compiler, flags, expect, text in cases():
            number += 1
            name = '%s %s %s' % (os.path.relpath(path, HERE), compiler, flags)
            if not shutil.which(compiler):
                print('ok %d - %s # SKIP not installed' % (number, name))
                continue
            data, output = compile_source(compiler, flags, path, folder)
            if data is None:
                reason = 'the compiler failed: ' + output
            else:
                reason = check_refused(data, expect[0]) if expect else check_accepted(data, text)
            failed += reason is not None
            print('%s %d - %s' % ('not ok' if reason else 'ok', number, name), flush=True)
            if reason:
                print(''.join('# %s\n' % line for line in reason.splitlines()), end='', flush=True)
    print('1..%d' % number)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
