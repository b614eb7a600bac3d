/* ELF bytes into a neutral object.
 *
 * Stages: the file's header; a scan over the section headers, which checks that every table lies inside the file and
 * counts; one allocation; then sections, symbols and relocations are written into it. Nothing is read before its
 * range is checked, and counts are bounded by the file's size before they size anything.
 *
 * Terms: "header" alone is a section header; a "table" is a section of relocations; "names" are a section of strings.
 * The reader is a plain value on the stack: a failure at any stage leaves nothing but the block, which goes with it.
 * Source: ELF gABI chapter 4, "ELF Header" and "Sections". */
#include "elf/elf.h"

static oj_status fail_header(const oji_elf_reader *reader, oj_status status, const char *what)
{
    return oji_fail(reader->error, status, "%s: %s", reader->name, what);
}

static oj_status fail_section(const oji_elf_reader *reader, uint32_t index, oj_status status, const char *why)
{
    oji_elf_header header = oji_elf_section_header(reader, index);
    oji_place place = {reader->name, oji_elf_section_name(reader, &header), NULL, NULL, UINT64_MAX};
    return oji_fail_at(reader->error, status, &place, "%s: section %u '%s' %s", reader->name, index, place.section,
                       why);
}

oj_status oji_elf_refuse_names(const oji_elf_reader *reader)
{
    return oji_fail(reader->error, OJ_E_LIMIT, "%s: names that share bytes: together they exceed %d times the input",
                    reader->name, (int)OJI_ELF_MAX_SHARING);
}

/* What people pass by mistake is named: the next step is then clear. */
static oj_status fail_kind(const oji_elf_reader *reader)
{
    const uint8_t *p = reader->file.data;
    uint64_t size = reader->file.size;
    const char *what = "not an ELF object";
    if (size >= 4 && (memcmp(p, "BC\xc0\xde", 4) == 0 || memcmp(p, "\xde\xc0\x17\x0b", 4) == 0))
        what = "LLVM bitcode, not an ELF object: it has to be compiled first";
    else if (size >= 8 && (memcmp(p, "!<arch>\n", 8) == 0 || memcmp(p, "!<thin>\n", 8) == 0))
        what = "an archive, not an ELF object: oj_archive_create() reads it";
    else if (size >= 4 && (memcmp(p, "\xcf\xfa\xed\xfe", 4) == 0 || memcmp(p, "\xce\xfa\xed\xfe", 4) == 0))
        what = "a Mach-O object, not an ELF object: append -elf to the triple that it is compiled for";
    else if (size >= 20 && (memcmp(p, "\x64\x86", 2) == 0 || memcmp(p, "\x64\xaa", 2) == 0))
        what = "a COFF object, not an ELF object: append -elf to the triple that it is compiled for";
    else if (size == 0 || (size < 4 && memcmp(p, "\177ELF", (size_t)size) == 0))
        return fail_header(reader, OJ_E_TRUNCATED, "the input ends inside the ELF header");
    return fail_header(reader, OJ_E_FORMAT, what);
}

/* Of the machines that a JIT's objects are likely to be for. Source: gABI's list of e_machine. */
static const char *machine_name(uint32_t machine)
{
    switch (machine) {
    case ELF_EM_386:
        return "i386";
    case 21:
        return "PowerPC64";
    case ELF_EM_S390:
        return "s390x";
    case ELF_EM_ARM:
        return "ARM";
    case ELF_EM_X86_64:
        return "x86-64";
    case ELF_EM_AARCH64:
        return "AArch64";
    case ELF_EM_RISCV:
        return "RISC-V";
    case 258:
        return "LoongArch";
    default:
        return "another architecture";
    }
}

/* Class and order count as well: x86-64 with 32-bit pointers (x32) is an architecture of its own. */
static const oji_elf_arch *find_arch(const oji_elf_format *format, uint32_t machine)
{
    static const oji_elf_arch *const all[] = {&oji_elf_x86_64,  &oji_elf_aarch64, &oji_elf_arm,  &oji_elf_i386,
                                              &oji_elf_riscv64, &oji_elf_riscv32, &oji_elf_s390x};
    for (size_t i = 0; i < OJI_COUNT(all); i++)
        if (all[i]->machine == machine && all[i]->is_64 == format->is_64 && all[i]->is_big == format->is_big)
            return all[i];
    return NULL;
}

/* Needs nothing; fills format, arch, headers_off, and n_sections and names_index as the header has them. */
static oj_status read_header(oji_elf_reader *reader)
{
    const uint8_t *p = reader->file.data;
    oji_elf_file file;
    if (reader->file.size < 4 || memcmp(p, "\177ELF", 4) != 0)
        return fail_kind(reader);
    if (reader->file.size < 6)
        return fail_header(reader, OJ_E_TRUNCATED, "the input ends inside the ELF header");
    /* EI_CLASS, EI_DATA */
    reader->format = oji_elf_find_format(p[4], p[5]);
    if (!reader->format)
        return fail_header(reader, OJ_E_MALFORMED, "an ELF file of no known class and byte order");
    if (reader->file.size < reader->format->header_size)
        return fail_header(reader, OJ_E_TRUNCATED, "the input ends inside the ELF header");
    file = oji_elf_decode_file(reader->format, p);
    /* EI_VERSION and e_version: there has only ever been one. EI_OSABI is free: GNU's says which extensions are used,
     * and each of those is told by its own mark. */
    if (p[6] != 1 || file.version != 1)
        return fail_header(reader, OJ_E_MALFORMED, "an ELF version that is not known");
    if (file.type != ELF_ET_REL)
        return fail_header(reader, OJ_E_FORMAT, "an ELF file, but not a relocatable object");
    reader->arch = find_arch(reader->format, file.machine);
    if (!reader->arch)
        return oji_fail(reader->error, OJ_E_ARCHITECTURE,
                        "%s: a %s-bit %s-endian object for %s (ELF machine %u), which this version does not link",
                        reader->name, reader->format->is_64 ? "64" : "32", reader->format->is_big ? "big" : "little",
                        machine_name(file.machine), (unsigned)file.machine);
    reader->machine_flags = file.flags;
    reader->headers_off = file.headers_off;
    reader->n_sections = file.n_sections;
    reader->names_index = file.names_index;
    if (reader->headers_off != 0 && file.section_size != reader->format->section_size)
        return fail_header(reader, OJ_E_MALFORMED, "section headers of a size that is not its class's");
    return OJ_OK;
}

/* Does the file hold this section's bytes? Those of SHT_NOBITS are none. */
static bool holds_section(const oji_elf_reader *reader, const oji_elf_header *header)
{
    return header->type == ELF_SHT_NOBITS || oji_bytes_contain(reader->file, header->offset, header->size);
}

/* Needs holds_section(), and a type that has bytes. */
static oji_bytes section_bytes(const oji_elf_reader *reader, const oji_elf_header *header)
{
    oji_bytes bytes = {reader->file.data + header->offset, header->size};
    return bytes;
}

/* A table of strings whose every string ends inside it. An empty one holds no name. */
static oj_status read_strings(const oji_elf_reader *reader, uint32_t index, oji_bytes *out)
{
    oji_elf_header header;
    oji_bytes strings;
    if (index == 0 || index >= reader->n_sections)
        return fail_header(reader, OJ_E_MALFORMED, "a table of names is in a section that does not exist");
    header = oji_elf_section_header(reader, index);
    if (header.type != ELF_SHT_STRTAB)
        return fail_section(reader, index, OJ_E_MALFORMED, "should be a table of names (SHT_STRTAB)");
    if (!holds_section(reader, &header))
        return fail_section(reader, index, OJ_E_TRUNCATED, "lies outside the input");
    if (header.size == 0)
        return OJ_OK;
    strings = section_bytes(reader, &header);
    if (strings.data[strings.size - 1] != '\0')
        return fail_section(reader, index, OJ_E_MALFORMED, "is a table of names that does not end in a zero byte");
    /* Last: it may be the table that the messages above take section names from. */
    *out = strings;
    return OJ_OK;
}

/* The section headers' count and range, and the table of section names. Where a 16-bit field of the file's header is
 * too small, section 0 has the value (gABI chapter 4, e_shnum and e_shstrndx). */
static oj_status find_sections(oji_elf_reader *reader)
{
    uint64_t n = reader->n_sections;
    uint32_t names = reader->names_index;
    uint64_t size;
    if (reader->headers_off == 0) {
        reader->n_sections = 1;
        return n == 0 ? OJ_OK : fail_header(reader, OJ_E_MALFORMED, "sections are counted, but there is no table");
    }
    if (!oji_bytes_contain(reader->file, reader->headers_off, reader->format->section_size))
        return fail_header(reader, OJ_E_TRUNCATED, "the section headers lie outside the input");
    /* One header is inside the input by now, so section 0 may be asked; its count is as hostile as the field's. */
    if (n == 0)
        n = oji_elf_section_header(reader, 0).size;
    if (names == ELF_SHN_XINDEX)
        names = oji_elf_section_header(reader, 0).link;
    if (!oji_mul(n, reader->format->section_size, &size) || !oji_bytes_contain(reader->file, reader->headers_off, size))
        return fail_header(reader, OJ_E_TRUNCATED, "the section headers lie outside the input");
    /* The bound keeps indexes apart from OJI_SECTION_UNDEFINED and its neighbours. */
    if (n == 0 || n > UINT32_MAX / 2)
        return fail_header(reader, n == 0 ? OJ_E_MALFORMED : OJ_E_LIMIT, "a count of sections that cannot be");
    reader->n_sections = (uint32_t)n;
    reader->names_index = names;
    return names == 0 ? OJ_OK : read_strings(reader, names, &reader->section_names);
}

/* Which relocation tables are read: those for sections that may be loaded, and on request the others. Whether a
 * section is loaded is told later, from more than its flags; here more may be counted, but never less. */
static bool counts_relocations(const oji_elf_reader *reader, uint32_t target)
{
    oji_elf_header header = oji_elf_section_header(reader, target);
    return (header.flags & ELF_SHF_ALLOC) || (reader->flags & OJ_OBJECT_WITH_DEBUG);
}

/* Needs the table's own range checked. Of tables that are not read, only the target is checked. */
static oj_status scan_relocations(oji_elf_reader *reader, uint32_t index, const oji_elf_header *header)
{
    uint64_t n;
    if (header->info >= reader->n_sections)
        return fail_section(reader, index, OJ_E_MALFORMED, "relocates a section that does not exist");
    if (!counts_relocations(reader, header->info))
        return OJ_OK;
    n = oji_elf_count_relocs(reader, header);
    if (n == OJI_ELF_NO_FORM) {
        /* LLVM writes its call graph profile as SHT_REL for a section that is not loaded. */
        if (!(oji_elf_section_header(reader, header->info).flags & ELF_SHF_ALLOC))
            return OJ_OK;
        return fail_section(reader, index, OJ_E_UNSUPPORTED,
                            "is for relocations of a form (SHT_REL, SHT_RELR or SHT_CREL) that is not supported for "
                            "this architecture");
    }
    if (n == OJI_ELF_NO_COUNT)
        return fail_section(reader, index, OJ_E_MALFORMED, "has relocations of a size that is not its form's");
    reader->n_relocs += n;
    if (reader->first_table == 0)
        reader->first_table = index;
    reader->tables_end = index + 1;
    return OJ_OK;
}

/* One symbol table each for symbols and extended indexes, as the gABI has it: with two, a relocation table's link
 * alone would decide what an index means. */
static oj_status scan_section(oji_elf_reader *reader, uint32_t index, const oji_elf_header *header)
{
    switch (header->type) {
    case ELF_SHT_SYMTAB:
        if (reader->symbols_index != 0)
            return fail_section(reader, index, OJ_E_MALFORMED, "is a second symbol table");
        reader->symbols_index = index;
        return OJ_OK;
    case ELF_SHT_SYMTAB_SHNDX:
        if (reader->extended_index != 0)
            return fail_section(reader, index, OJ_E_MALFORMED, "is a second table of extended section indexes");
        reader->extended_index = index;
        return OJ_OK;
    case ELF_SHT_RELA:
    case ELF_SHT_REL:
    case ELF_SHT_RELR:
    case ELF_SHT_CREL:
        return scan_relocations(reader, index, header);
    case ELF_SHT_GROUP:
        reader->max_groups++;
        return OJ_OK;
    default:
        if ((header->flags & ELF_SHF_ALLOC) &&
            OJI_UNLIKELY(oji_elf_is_linkonce(header, oji_elf_section_name(reader, header)))) {
            reader->has_linkonce = true;
            reader->max_groups++;
        }
        return OJ_OK;
    }
}

/* Check every section's range and count. Sections that share bytes are refused by their sum: nothing that is
 * allocated for an object can then exceed a small multiple of the file, but for what is decompressed, which has a bound
 * of its own. */
static oj_status scan_sections(oji_elf_reader *reader)
{
    uint64_t left = reader->file.size;
    for (uint32_t i = 1; i < reader->n_sections; i++) {
        oji_elf_header header = oji_elf_section_header(reader, i);
        /* Both have an offset and a size that mean no bytes of the file. */
        if (header.type == ELF_SHT_NULL || header.type == ELF_SHT_NOBITS)
            continue;
        if (!holds_section(reader, &header))
            return fail_section(reader, i, OJ_E_TRUNCATED, "lies outside the input");
        if (header.size > left)
            return fail_section(reader, i, OJ_E_MALFORMED, "overlaps others: together they exceed the input");
        left -= header.size;
        if (OJI_UNLIKELY(oji_elf_is_compressed(&header)))
            oji_elf_count_compressed(reader, i);
        OJI_TRY(scan_section(reader, i, &header));
    }
    if (reader->n_relocs > UINT32_MAX)
        return fail_header(reader, OJ_E_LIMIT, "2^32 or more relocations");
    return OJ_OK;
}

/* Section indexes that do not fit a symbol's 16 bits, in a table with a word for each symbol. The table is in range by
 * the scan; sh_link says whose symbols it is for (gABI chapter 4, SHT_SYMTAB_SHNDX). */
static oj_status find_extended(oji_elf_reader *reader)
{
    oji_elf_header header;
    if (reader->extended_index == 0)
        return OJ_OK;
    header = oji_elf_section_header(reader, reader->extended_index);
    if (header.link != reader->symbols_index || header.size / 4 < reader->n_symbols)
        return fail_section(reader, reader->extended_index, OJ_E_MALFORMED, "does not fit the symbol table");
    reader->extended = section_bytes(reader, &header);
    return OJ_OK;
}

/* The symbol table's range, count and names. Needs the scan. Without a table, or with an empty one, there is still
 * symbol 0. */
static oj_status find_symbols(oji_elf_reader *reader)
{
    uint32_t index = reader->symbols_index;
    const uint64_t symbol_size = reader->format->symbol_size;
    oji_elf_header header;
    reader->n_symbols = 1;
    reader->first_global = 1;
    if (index == 0)
        return OJ_OK;
    header = oji_elf_section_header(reader, index);
    if (header.entry_size != symbol_size || header.size % symbol_size != 0)
        return fail_section(reader, index, OJ_E_MALFORMED, "has symbols of a size that is not its class's");
    if (header.size / symbol_size >= OJI_MAX_SYMBOLS)
        return fail_section(reader, index, OJ_E_LIMIT, "has 2^24 or more symbols");
    reader->symbols = section_bytes(reader, &header);
    if (header.size == 0)
        return OJ_OK;
    reader->n_symbols = (uint32_t)(header.size / symbol_size);
    /* sh_info is one more than the last local symbol (gABI chapter 4, sh_link and sh_info); symbol 0 is always
     * local. */
    if (header.info == 0 || header.info > reader->n_symbols)
        return fail_section(reader, index, OJ_E_MALFORMED, "has its first global symbol outside of it");
    reader->first_global = header.info;
    /* LLVM has one table for the names of both. */
    if (header.link == reader->names_index)
        reader->symbol_names = reader->section_names;
    if (reader->symbol_names.size == 0)
        OJI_TRY(read_strings(reader, header.link, &reader->symbol_names));
    return find_extended(reader);
}

/* Where the parts of an object's one block are. Everything that wants alignment is a multiple of 8 bytes; what wants
 * none comes last. */
typedef struct block_layout {
    uint64_t sections_off;
    uint64_t symbols_off;
    uint64_t relocs_off;
    uint64_t groups_off;
    uint64_t numbers_off;
    uint64_t name_off;
    uint64_t bytes_off;
    uint64_t whole_off;
    uint64_t size;
} block_layout;

/* Enter a part of n records at the block's end. Rounding each part up keeps the next one aligned. */
static bool add_part(uint64_t *end, uint64_t n, uint64_t size, uint64_t *off)
{
    uint64_t bytes;
    *off = *end;
    return oji_mul(n, size, &bytes) && oji_align_up(bytes, 8, &bytes) && oji_add(*end, bytes, end);
}

/* False where a sum overflows, which takes a file larger than memory. */
static bool lay_out_block(const oji_elf_reader *reader, uint64_t name_size, block_layout *layout)
{
    uint64_t n_copied = reader->flags & OJ_OBJECT_BORROW ? 0 : reader->file.size;
    layout->size = sizeof(oj_object);
    return add_part(&layout->size, reader->n_sections, sizeof(oji_section), &layout->sections_off) &&
           add_part(&layout->size, reader->n_symbols, sizeof(oji_symbol), &layout->symbols_off) &&
           add_part(&layout->size, reader->n_relocs, sizeof(oji_reloc), &layout->relocs_off) &&
           add_part(&layout->size, reader->max_groups, sizeof(oji_group), &layout->groups_off) &&
           add_part(&layout->size, reader->n_relocs, sizeof *((oj_object *)NULL)->reloc_numbers,
                    &layout->numbers_off) &&
           add_part(&layout->size, name_size, 1, &layout->name_off) &&
           add_part(&layout->size, n_copied, 1, &layout->bytes_off) &&
           add_part(&layout->size, reader->whole_size, 1, &layout->whole_off);
}

/* Needs the bytes inside what moved, or empty: those that were never found point nowhere. */
static void rebase(oji_bytes *bytes, const uint8_t *from, const uint8_t *to)
{
    if (bytes->data)
        bytes->data = to + (bytes->data - from);
}

/* From here on everything is read from the object's own copy. */
static void copy_file(oji_elf_reader *reader, uint8_t *copy)
{
    const uint8_t *original = reader->file.data;
    memcpy(copy, original, (size_t)reader->file.size);
    rebase(&reader->section_names, original, copy);
    rebase(&reader->symbol_names, original, copy);
    rebase(&reader->symbols, original, copy);
    rebase(&reader->extended, original, copy);
    reader->file.data = copy;
}

/* Needs the scan; gives the block with everything set but what the next stages fill. */
static oj_status allocate_object(oji_elf_reader *reader, const oj_allocator *allocator, oji_elf_parts *parts)
{
    const size_t name_size = strlen(reader->name) + 1;
    block_layout layout;
    uint8_t *block;
    if (!lay_out_block(reader, name_size, &layout))
        return oji_fail_nomem(reader->error, UINT64_MAX, "an object");
    block = oji_allocate(allocator, layout.size);
    if (!block)
        return oji_fail_nomem(reader->error, layout.size, "an object");
    parts->object = (oj_object *)block;
    parts->sections = (oji_section *)(block + layout.sections_off);
    parts->symbols = (oji_symbol *)(block + layout.symbols_off);
    parts->relocs = (oji_reloc *)(block + layout.relocs_off);
    parts->groups = (oji_group *)(block + layout.groups_off);
    parts->numbers = (uint16_t *)(void *)(block + layout.numbers_off);
    memset(parts->object, 0, sizeof *parts->object);
    parts->object->allocator = *allocator;
    parts->object->heap_size = layout.size;
    parts->object->name = memcpy(block + layout.name_off, reader->name, name_size);
    /* Not copied: the architecture's table is constant and outlives every object. */
    parts->object->reloc_names = reader->arch->names;
    parts->object->sections = parts->sections;
    parts->object->symbols = parts->symbols;
    parts->object->relocs = parts->relocs;
    parts->object->groups = parts->groups;
    parts->object->reloc_numbers = parts->numbers;
    parts->object->flags = reader->flags;
    parts->object->n_sections = reader->n_sections;
    parts->object->n_symbols = reader->n_symbols;
    parts->object->first_global = reader->first_global;
    parts->object->arch = (uint16_t)reader->arch->id;
    reader->whole = block + layout.whole_off;
    if (!(reader->flags & OJ_OBJECT_BORROW))
        copy_file(reader, block + layout.bytes_off);
    return OJ_OK;
}

oj_status oji_elf_read_object(oj_object **out, oji_bytes file, const char *name, uint32_t flags,
                              const oj_allocator *allocator, oj_error *error)
{
    oji_elf_parts parts;
    oj_status status;
    oji_elf_reader reader;
    memset(&reader, 0, sizeof reader);
    reader.file = file;
    reader.name = name;
    reader.flags = flags;
    reader.error = error;
    /* Up to the allocation nothing is held and each stage may return; after it the block is all there is to give
     * back. */
    OJI_TRY(read_header(&reader));
    OJI_TRY(find_sections(&reader));
    OJI_TRY(scan_sections(&reader));
    OJI_TRY(find_symbols(&reader));
    OJI_TRY(allocate_object(&reader, allocator, &parts));
    /* Kinds must be known before symbols (what is loaded) and relocations (what is read). */
    status = oji_elf_read_sections(&reader, &parts);
    parts.object->has_versions =
        reader.symbol_names.size > 0 && memchr(reader.symbol_names.data, '@', (size_t)reader.symbol_names.size) != NULL;
    parts.object->has_arrays = reader.has_arrays;
    parts.object->has_index = reader.has_index;
    parts.object->has_stackmaps = reader.has_stackmaps;
    if (status == OJ_OK && reader.max_groups > 0)
        status = oji_elf_read_groups(&reader, &parts);
    if (status == OJ_OK)
        status = oji_elf_read_symbols(&reader, parts.sections, parts.symbols);
    parts.object->has_tls = reader.has_tls;
    parts.object->has_ifuncs = reader.has_ifuncs;
    if (status == OJ_OK)
        status = oji_elf_read_relocs(&reader, &parts);
    if (status == OJ_OK && reader.arch->finish)
        status = reader.arch->finish(&reader, &parts);
    if (status != OJ_OK) {
        oj_object_destroy(parts.object);
        return status;
    }
    *out = parts.object;
    return OJ_OK;
}

oj_status oj_object_create(oj_object **out, const void *bytes, size_t size, const oj_object_options *options,
                           oj_error *error)
{
    oji_bytes file = {bytes, size};
    oj_object_options ours;
    oj_allocator allocator;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_object_create: out is NULL");
    *out = NULL;
    if (!bytes && size > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_object_create: bytes is NULL");
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_object_options", error));
    OJI_TRY(oji_allocator_import(&allocator, ours.allocator, error));
    OJI_TRY(oji_check_flags(ours.flags, OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG, "oj_object_options.flags", error));
    status = oji_elf_read_object(out, file, ours.name ? ours.name : "object", ours.flags, &allocator, error);
    if (status == OJ_OK)
        return oji_succeed(error);
    oji_name_object(error, ours.name ? ours.name : "object");
    return status;
}
