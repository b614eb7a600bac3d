/* Symbols of an ELF object.
 *
 * Each record is taken apart in the order binding, type, place, since what a place may be depends on the binding.
 * Numbers that ELF leaves to operating systems and processors are refused, not guessed at.
 * Source: ELF gABI chapter 4, "Symbol Table" (Elf64_Sym); GNU's additions as binutils writes them. */
#include "elf/elf.h"

static oj_status refuse_symbol(const oji_elf_reader *reader, uint32_t index, const char *name, oj_status status,
                               const char *why)
{
    oji_place place = {reader->name, NULL, NULL, name, UINT64_MAX};
    return oji_fail_at(reader->error, status, &place, "%s: symbol %u '%s' %s", reader->name, index, name, why);
}

/* Locals come first, and sh_info says where they end. The linker resolves only what is behind that border, so a symbol
 * on the wrong side would be lost, or seen by others. */
static oj_status read_binding(const oji_elf_reader *reader, uint32_t index, uint8_t info, oji_symbol *symbol)
{
    uint8_t binding = info >> 4;
    if (binding == ELF_STB_GNU_UNIQUE)
        binding = OJ_SYMBOL_UNIQUE;
    else if (binding > ELF_STB_WEAK)
        return refuse_symbol(reader, index, symbol->name, OJ_E_UNSUPPORTED, "has a binding that is not known");
    if ((binding == ELF_STB_LOCAL) != (index < reader->first_global))
        return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED,
                             "is on the wrong side of the border between local and global symbols");
    symbol->binding = binding; /* ORDER oj_symbol_binding: the first three have the same numbers */
    return OJ_OK;
}

/* The type of a common symbol says no more than its section index, which decides; it is data. */
static oj_status read_type(oji_elf_reader *reader, uint32_t index, uint8_t info, oji_symbol *symbol)
{
    uint8_t type = info & 15;
    if (OJI_LIKELY(type <= ELF_STT_FILE)) {
        symbol->type = type; /* ORDER oj_symbol_type: the same numbers */
        return OJ_OK;
    }
    switch (type) {
    case ELF_STT_COMMON:
        symbol->type = OJ_SYMBOL_DATA;
        return OJ_OK;
    case ELF_STT_TLS:
        symbol->type = OJ_SYMBOL_THREAD_LOCAL;
        reader->has_tls = true;
        return OJ_OK;
    case ELF_STT_GNU_IFUNC:
        symbol->type = OJ_SYMBOL_IFUNC;
        reader->has_ifuncs = true;
        return OJ_OK;
    default:
        return refuse_symbol(reader, index, symbol->name, OJ_E_UNSUPPORTED, "has a type that is not known");
    }
}

/* A tentative definition: st_value is the alignment, and the linker finds the room. */
static oj_status read_common(const oji_elf_reader *reader, uint32_t index, oji_symbol *symbol)
{
    symbol->section = OJI_SECTION_COMMON;
    if (symbol->binding == OJ_SYMBOL_LOCAL)
        return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED, "is common, and yet local");
    if (symbol->value == 0)
        symbol->value = 1;
    if (!oji_is_power_of_two(symbol->value))
        return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED, "has an alignment that is no power of two");
    if (symbol->value > OJI_MAX_ALIGNMENT)
        return refuse_symbol(reader, index, symbol->name, OJ_E_LIMIT, "has an alignment above 1 GiB");
    if (symbol->size >= OJI_MAX_SECTION_SIZE)
        return refuse_symbol(reader, index, symbol->name, OJ_E_LIMIT, "has 2 GiB or more");
    return OJ_OK;
}

/* Another undefined local than symbol 0 could never be resolved: nobody else may define it. GNU ld and mold leave some
 * behind where they join objects (-r, --gc-sections); what refers to one is refused when all references are known. */
static void read_undefined(oji_elf_reader *reader, oji_symbol *symbol)
{
    symbol->section = OJI_SECTION_UNDEFINED;
    if (symbol->binding != OJ_SYMBOL_LOCAL)
        return;
    symbol->type = OJ_SYMBOL_NOTYPE;
    symbol->value = symbol->size = 0;
    reader->has_unloaded = true;
}

/* GCC addresses the data of a section by local labels at even distances, the last of which may lie behind the end
 * (GCC Internals, "Anchored Addresses"). Only addends make addresses of variables from these. */
static bool is_anchor(const oji_section *section, const oji_symbol *symbol)
{
    bool is_data = section->kind == OJ_SECTION_RODATA || section->kind == OJ_SECTION_DATA ||
                   section->kind == OJ_SECTION_ZERO || oji_section_is_tls(section);
    return is_data && symbol->binding == OJ_SYMBOL_LOCAL && symbol->size == 0 &&
           (symbol->type == OJ_SYMBOL_NOTYPE || symbol->type == OJ_SYMBOL_THREAD_LOCAL) &&
           symbol->value < OJI_MAX_SECTION_SIZE;
}

/* `section` is what an extended index says where `number` is ELF_SHN_XINDEX, and else the number itself. */
static oj_status read_place(oji_elf_reader *reader, const oji_section *sections, uint32_t index, uint32_t number,
                            uint32_t section, oji_symbol *symbol)
{
    if (OJI_UNLIKELY(number >= ELF_SHN_LORESERVE && number != ELF_SHN_XINDEX)) {
        if (number == ELF_SHN_COMMON || number == ELF_SHN_X86_64_LCOMMON)
            return read_common(reader, index, symbol);
        symbol->section = OJI_SECTION_ABSOLUTE;
        if (number == ELF_SHN_ABS)
            return OJ_OK;
        return refuse_symbol(reader, index, symbol->name, OJ_E_UNSUPPORTED,
                             "is in a special section that is not known");
    }
    if (section == ELF_SHN_UNDEF) {
        read_undefined(reader, symbol);
        return OJ_OK;
    }
    symbol->section = section;
    if (section >= reader->n_sections)
        return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED, "is in a section that does not exist");
    /* What counts in bytes that are not there is nowhere. */
    if ((sections[section].flags & OJI_SECTION_COMPRESSED) && symbol->value > sections[section].size)
        symbol->value = 0;
    /* One past the end is allowed: compilers mark the ends of sections so. */
    if (OJI_UNLIKELY(symbol->value > sections[section].size) && !is_anchor(&sections[section], symbol))
        return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED, "lies outside its section");
    if (oji_section_is_tls(&sections[section])) {
        /* Its value counts in a block that each thread has, so it is no address, whatever the type says. */
        if (symbol->type != OJ_SYMBOL_SECTION)
            symbol->type = OJ_SYMBOL_THREAD_LOCAL;
    } else if (symbol->type == OJ_SYMBOL_THREAD_LOCAL && oji_section_is_loaded(&sections[section])) {
        return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED,
                             "is thread-local, and yet in a section that is not");
    }
    /* Debug builds have some; whether anything loaded refers to them is known after the relocations. */
    reader->has_unloaded |= !oji_section_is_loaded(&sections[section]);
    return OJ_OK;
}

/* Needs the sections, names and extended indexes. Fills all but uses, which the relocations add up. The length of a
 * local name is left out: few are ever looked up, and measuring them all costs as much as the rest of the symbol. */
static oj_status read_symbol(oji_elf_reader *reader, const oji_section *sections, uint32_t index, oji_symbol *symbol)
{
    const oji_elf_format *format = reader->format;
    const uint8_t *p = reader->symbols.data + (uint64_t)index * format->symbol_size;
    const oji_elf_symbol entry = OJI_LIKELY(oji_elf_is_usual(format)) ? oji_elf_decode_symbol(&oji_elf_usual, p)
                                                                      : oji_elf_decode_symbol(format, p);
    uint32_t section = entry.section;
    symbol->name = "";
    symbol->name_size = 0;
    symbol->value = entry.value;
    symbol->size = entry.size;
    symbol->visibility = entry.other & 3; /* ORDER oj_symbol_visibility: the same numbers */
    symbol->uses = 0;
    if (entry.name != 0) {
        if (entry.name >= reader->symbol_names.size)
            return refuse_symbol(reader, index, "", OJ_E_MALFORMED, "has a name outside the table of names");
        symbol->name = (const char *)reader->symbol_names.data + entry.name;
    }
    if (entry.section == ELF_SHN_XINDEX) {
        if (reader->extended.size == 0)
            return refuse_symbol(reader, index, symbol->name, OJ_E_MALFORMED,
                                 "needs the table of extended section indexes, which is missing");
        section = oji_elf_word(format, reader->extended.data + (uint64_t)index * 4);
    }
    OJI_TRY(read_binding(reader, index, entry.info, symbol));
    OJI_TRY(read_type(reader, index, entry.info, symbol));
    OJI_TRY(read_place(reader, sections, index, entry.section, section, symbol));
    if (symbol->binding == OJ_SYMBOL_LOCAL)
        return OJ_OK;
    symbol->name_size = (uint32_t)strlen(symbol->name);
    if (symbol->name_size == 0)
        return refuse_symbol(reader, index, "", OJ_E_MALFORMED, "is global, and yet has no name");
    return oji_elf_count_name(reader, symbol->name_size);
}

/* GCC's objects for its link-time optimiser hold no code, and only a mark that says so. Those that hold both are
 * taken as what they also are: ordinary objects. */
static oj_status refuse_lto(const oji_elf_reader *reader, const oji_symbol *symbols)
{
    for (uint32_t i = reader->first_global; i < reader->n_symbols; i++)
        if (strncmp(symbols[i].name, "__gnu_lto_slim", 14) == 0)
            return oji_fail(reader->error, OJ_E_UNSUPPORTED,
                            "%s: an LTO object: it holds GCC's intermediate form for link-time optimisation and no "
                            "machine code; compile without -flto, or with -ffat-lto-objects",
                            reader->name);
    return OJ_OK;
}

oj_status oji_elf_read_symbols(oji_elf_reader *reader, const oji_section *sections, oji_symbol *symbols)
{
    /* Symbol 0 is made, whatever the file has there: relocations without a symbol mean it, and its address is 0. */
    memset(&symbols[0], 0, sizeof symbols[0]);
    symbols[0].name = "";
    symbols[0].section = OJI_SECTION_UNDEFINED;
    for (uint32_t i = 1; i < reader->n_symbols; i++)
        OJI_TRY(read_symbol(reader, sections, i, &symbols[i]));
    return reader->has_lto ? refuse_lto(reader, symbols) : OJ_OK;
}
