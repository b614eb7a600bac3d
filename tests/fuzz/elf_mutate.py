"""ELF objects as Python sees them: tables of fields, and mutations of single ones. Trusts nothing but its own checks."""

import struct

SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 2, 4, 8, 9
SHF_MERGE, SHF_STRINGS = 0x10, 0x20
# Fields in order, by class: of the file's header, a section's, a symbol, a relocation with and without addend.
HEADER = {1: '16sHHIIIIIHHHHHH', 2: '16sHHIQQQIHHHHHH'}
SECTION = {1: '10I', 2: 'IIQQQQIIQQ'}
TABLES = {1: {SHT_SYMTAB: 'IIIBBH', SHT_REL: 'II', SHT_RELA: 'IIi'},
          2: {SHT_SYMTAB: 'IBBHQQ', SHT_REL: 'QQ', SHT_RELA: 'QIIq'}}
E_MACHINE, E_ENTRY, E_PHOFF, E_SHOFF, E_PHENTSIZE, E_PHNUM, E_SHNUM, E_SHSTRNDX = 2, 4, 5, 6, 9, 10, 12, 13
SH_NAME, SH_TYPE, SH_FLAGS, SH_ADDR, SH_OFFSET, SH_SIZE, SH_LINK, SH_INFO, SH_ALIGN, SH_ENTSIZE = range(10)
SHT_STRTAB, SHT_GROUP, SHT_SYMTAB_SHNDX = 3, 17, 18
KEPT_TYPES = (SHT_SYMTAB, SHT_STRTAB, SHT_GROUP, SHT_SYMTAB_SHNDX)


class Elf:
    """A file's headers; raises struct.error or ValueError where there are none."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.cls = self.data[4]
        if self.cls not in HEADER:
            raise ValueError('no class')
        self.order = '>' if self.data[5] == 2 else '<'
        self.header = list(struct.unpack_from(self.order + HEADER[self.cls], self.data))
        self.section = struct.Struct(self.order + SECTION[self.cls])
        self.sections = [list(self.section.unpack_from(self.data, self.header[E_SHOFF] + i * self.section.size))
                         for i in range(self.header[E_SHNUM])]

    def machine(self):
        return {3: 'i386', 40: 'arm', 62: 'x86_64', 183: 'aarch64',
                243: 'riscv64' if self.cls == 2 else 'riscv32'}.get(self.header[E_MACHINE])

    def store_section(self, index):
        self.section.pack_into(self.data, self.header[E_SHOFF] + index * self.section.size, *self.sections[index])


def edge(random, old, size, bits):
    value = random.choice([0, old + 1, old - 1, -1, size, size - random.randrange(32), 1 << random.randrange(64),
                           old ^ 1 << random.randrange(64), 0xff00 + random.randrange(256), random.randrange(48)])
    return value & ((1 << bits) - 1)


def set_field(random, data, offset, order, layout):
    """One of the integers of an entry."""
    fields = []
    for part in struct.Struct(order + layout).format.replace(order, '', 1).replace('10I', 'I' * 10).replace('16s', ''):
        fields.append(part)
    offset += 16 if layout.startswith('16s') else 0
    chosen = random.randrange(len(fields))
    offset += struct.calcsize(order + ''.join(fields[:chosen]))
    field = fields[chosen].upper()
    old, = struct.unpack_from(order + field, data, offset)
    struct.pack_into(order + field, data, offset, edge(random, old, len(data), 8 * struct.calcsize(order + field)))


def mutate(random, data):
    """One to three fields of headers and tables, or some bits anywhere."""
    elf = Elf(data)
    for _ in range(random.randrange(1, 4)):
        data = elf.data
        if random.randrange(5) == 0:
            at = random.randrange(len(data))
            data[at] ^= 1 << random.randrange(8)
            continue
        index = random.randrange(-1, len(elf.sections))
        if index < 0:
            set_field(random, data, 0, elf.order, HEADER[elf.cls])
            continue
        entry = elf.sections[index]
        layout = TABLES[elf.cls].get(entry[SH_TYPE])
        size = struct.calcsize(elf.order + layout) if layout else 0
        if not layout or random.randrange(4) == 0 or entry[SH_SIZE] < size:
            set_field(random, data, elf.header[E_SHOFF] + index * elf.section.size, elf.order, SECTION[elf.cls])
        else:
            at = entry[SH_OFFSET] + random.randrange(entry[SH_SIZE] // size) * size
            set_field(random, data, at, elf.order, layout)
    return bytes(elf.data)


def as_loaded(data, is_loaded):
    """The object as far as it is loaded: sections named .oj.INDEX, none of which is merged with others of its kind.
    What a loader does not read is blank: other sections but for the tables of names and symbols and the groups, the
    first section's header but for what it counts, program headers, and where addresses were expected."""
    elf = Elf(data)
    table = elf.sections[elf.header[E_SHSTRNDX] if elf.header[E_SHSTRNDX] != 0xffff else elf.sections[0][SH_LINK]]
    names = bytes(elf.data[table[SH_OFFSET]:table[SH_OFFSET] + table[SH_SIZE]])
    for i, section in enumerate(elf.sections[1:], 1):
        relocates = section[SH_TYPE] in (SHT_RELA, SHT_REL) and section[SH_INFO] < len(elf.sections)
        if not is_loaded(i) and section[SH_TYPE] not in KEPT_TYPES and not (relocates and is_loaded(section[SH_INFO])):
            section[:] = [0] * len(section)
        section[SH_NAME] = len(names)
        section[SH_FLAGS] &= ~(SHF_MERGE | SHF_STRINGS)
        names += b'.oj.%d\0' % i
    for i in (SH_NAME, SH_TYPE, SH_FLAGS, SH_ADDR, SH_OFFSET, SH_INFO, SH_ALIGN, SH_ENTSIZE):
        elf.sections[0][i] = 0
    table[SH_OFFSET], table[SH_SIZE] = len(elf.data), len(names)
    for i in range(len(elf.sections)):
        elf.store_section(i)
    for i in (E_ENTRY, E_PHOFF, E_PHENTSIZE, E_PHNUM):
        elf.header[i] = 0
    struct.pack_into(elf.order + HEADER[elf.cls], elf.data, 0, *elf.header)
    return bytes(elf.data) + names
