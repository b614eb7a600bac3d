/* Relocation tables of an ELF object.
 *
 * What the linker relies on is established here, once for each relocation: its field lies inside its section's bytes,
 * its symbol exists, its kind is one that the architecture's fixups know. What planning has to know is gathered on
 * the same walk, as a set of uses for each symbol, so that no later stage walks the relocations before writing.
 * Source: ELF gABI chapter 4, "Relocation" (Elf64_Rela: r_offset, r_info, r_addend). */
#include "elf/elf.h"
#include "elf/elf_crel.h"

/* Relocations of what is not loaded matter to debuggers only, and are most of a debug build's. Where bytes are still
 * compressed, offsets count in bytes that are not there. */
static bool is_wanted(const oji_elf_reader *reader, const oji_section *target)
{
    return oji_section_is_loaded(target) ||
           ((reader->flags & OJ_OBJECT_WITH_DEBUG) && !(target->flags & OJI_SECTION_COMPRESSED));
}

/* Say why a relocation cannot be taken. The reading loop asks in one condition for four reasons; here they are
 * told apart, the ones that explain others first. */
static oj_status refuse_reloc(const oji_elf_reader *reader, const oji_elf_parts *parts, const oji_section *target,
                              const oji_elf_reloc *reloc)
{
    uint32_t number = reloc->number;
    uint32_t symbol = reloc->symbol;
    const oji_elf_arch *arch = reader->arch;
    const char *name = number < arch->n_rows ? arch->names[number] : NULL;
    const char *symbol_name = symbol < reader->n_symbols ? parts->symbols[symbol].name : "";
    oji_place place = {reader->name, target->name, name, symbol_name, reloc->offset};
    unsigned long long offset = place.offset;
    if (!name)
        return oji_fail_at(reader->error, OJ_E_UNSUPPORTED, &place,
                           "%s: section %s, offset %#llx: a relocation of number %u, which is not known", reader->name,
                           target->name, offset, number);
    if (symbol >= reader->n_symbols)
        return oji_fail_at(reader->error, OJ_E_MALFORMED, &place,
                           "%s: section %s, offset %#llx: %s refers to symbol %u of %u", reader->name, target->name,
                           offset, name, symbol, reader->n_symbols);
    if (arch->rows[number].kind == OJI_ELF_REFUSED) {
        const char *what = arch->refusal(number);
        return oji_fail_at(reader->error, OJ_E_UNSUPPORTED, &place,
                           "%s: section %s, offset %#llx: %s to '%s' is for %s%s", reader->name, target->name, offset,
                           name, symbol_name, what ? what : "the dynamic linker",
                           what ? ", which is not supported" : ", and has no place in a relocatable object");
    }
    return oji_fail_at(reader->error, OJ_E_MALFORMED, &place,
                       "%s: section %s, offset %#llx: %s lies outside the section's %llu bytes", reader->name,
                       target->name, offset, name, (unsigned long long)target->size);
}

static bool is_known_form(const oji_elf_reader *reader, uint32_t type)
{
    return type == ELF_SHT_RELA || (type == ELF_SHT_REL && reader->arch->read_addend) || type == ELF_SHT_CREL;
}

/* For ARM, LLVM's assembler leaves out of addends that are not in the field by how much the PC is ahead: branches would
 * go elsewhere (AAELF32, 5.6.1.1). */
static bool has_usable_addends(const oji_elf_reader *reader, const oji_elf_crel *crel)
{
    return crel->has_addends ? reader->arch->id != OJI_ARCH_ARM : reader->arch->read_addend != NULL;
}

static bool open_crel(const oji_elf_reader *reader, const oji_elf_header *table, oji_elf_crel *crel)
{
    return oji_elf_open_crel(crel, (oji_bytes){reader->file.data + table->offset, table->size}, reader->format->is_64);
}

uint64_t oji_elf_count_relocs(const oji_elf_reader *reader, const oji_elf_header *table)
{
    const oji_elf_format *format = reader->format;
    uint64_t size = table->type == ELF_SHT_RELA ? format->rela_size : format->rel_size;
    oji_elf_crel crel;
    if (!is_known_form(reader, table->type))
        return OJI_ELF_NO_FORM;
    if (table->type != ELF_SHT_CREL)
        return table->entry_size == size && table->size % size == 0 ? table->size / size : OJI_ELF_NO_COUNT;
    if (!open_crel(reader, table, &crel))
        return OJI_ELF_NO_COUNT;
    return has_usable_addends(reader, &crel) ? crel.count : OJI_ELF_NO_FORM;
}

static oj_status fail_table(const oji_elf_reader *reader, uint32_t index, const oji_section *target, const char *why)
{
    oji_place place = {reader->name, target->name, NULL, NULL, UINT64_MAX};
    return oji_fail_at(reader->error, OJ_E_MALFORMED, &place, "%s: section %u, relocations of section %s, %s",
                       reader->name, index, target->name, why);
}

/* Append one table to its target's relocations. Needs the run assigned and the target's bytes; counts n_relocs up.
 * The row of a number says all; the two exceptions leave the straight path in one comparison each. This loop is where
 * a large object's time goes: one load, one store and one mark on the symbol for each relocation. */
static inline __attribute__((always_inline)) oj_status read_entries(oji_elf_reader *reader, oji_elf_parts *parts,
                                                                    oji_bytes table, uint32_t n, oji_section *target,
                                                                    const oji_elf_format *format, bool has_addend,
                                                                    oji_elf_crel *crel)
{
    static const oji_elf_row unknown = {OJI_ELF_REFUSED, 0, 0};
    const oji_elf_row *rows = reader->arch->rows;
    const uint32_t n_rows = reader->arch->n_rows;
    const uint64_t size = target->size;
    const uint32_t entry_size = has_addend ? format->rela_size : format->rel_size;
    const uint32_t n_symbols = reader->n_symbols;
    /* The GOT's start and the block's index are needs of the object, not of the symbol named; what is not loaded needs
     * nothing. */
    const uint32_t symbol_uses =
        oji_section_is_loaded(target) ? (uint32_t) ~(OJI_USE_GOT_START | OJI_USE_TLS_BLOCK) : 0;
    uint64_t first = (uint64_t)(target->relocs - parts->relocs) + target->n_relocs;
    oji_reloc *relocs = parts->relocs + first;
    uint16_t *numbers = parts->numbers + first;
    uint32_t all_uses = 0;
    for (uint32_t i = 0; i < n; i++) {
        oji_elf_reloc reloc = crel ? oji_elf_next_crel(crel)
                                   : oji_elf_decode_reloc(format, table.data + (uint64_t)i * entry_size, has_addend);
        uint64_t offset = reloc.offset;
        uint32_t number = reloc.number, symbol = reloc.symbol;
        int64_t addend = reloc.addend;
        oji_elf_row row = OJI_LIKELY(number < n_rows) ? rows[number] : unknown;
        if (OJI_UNLIKELY(row.kind == OJI_ELF_REFUSED || symbol >= n_symbols || offset > size ||
                         row.width > size - offset)) {
            if (row.kind != OJI_RELOC_NONE || symbol >= n_symbols)
                return refuse_reloc(reader, parts, target, &reloc);
            /* What was cut off a table where objects were joined (GNU ld -r --gc-sections on RISC-V). */
            offset = size;
        }
        if (!has_addend)
            addend = reader->arch->read_addend(target->bytes + offset, number);
        if (row.kind == OJI_ELF_CHOOSE) {
            /* In range by now, so the bytes before the field may be looked at. */
            row.kind = (uint8_t)reader->arch->choose(target->bytes, offset, addend, number);
            row.uses |= OJI_USE_REFERENCED | reader->arch->chosen_uses(row.kind);
        }
        parts->symbols[symbol].uses |= row.uses & symbol_uses;
        all_uses |= row.uses;
        /* Whole, so that it is stores only: bit by bit, memory that holds nothing yet would be read first. */
        relocs[i] = (oji_reloc){
            .addend = addend, .offset = (uint32_t)offset, .symbol = symbol & (OJI_MAX_SYMBOLS - 1), .kind = row.kind};
        numbers[i] = (uint16_t)number;
    }
    target->n_relocs += n;
    if (oji_section_is_loaded(target)) {
        parts->object->uses |= all_uses;
        parts->object->has_tls |= (all_uses & (OJI_USES_TLS | OJI_USE_TLS_BLOCK)) != 0;
        parts->object->n_loaded_relocs += n;
    }
    return OJ_OK;
}

/* Needs a table that was counted, which can be opened. Entries of bytes that have ended are zeros, which mean nothing:
 * they are told when all are read. */
static oj_status read_crel(oji_elf_reader *reader, oji_elf_parts *parts, const oji_elf_header *table, uint32_t index,
                           oji_section *target)
{
    oji_elf_crel crel;
    open_crel(reader, table, &crel);
    OJI_TRY(read_entries(reader, parts, (oji_bytes){NULL, 0}, (uint32_t)crel.count, target, reader->format,
                         crel.has_addends, &crel));
    return crel.is_bad ? fail_table(reader, index, target, "ends inside an entry") : OJ_OK;
}

/* Written out once for the commonest files, so that there every field is one load, and once for all others. */
static oj_status read_table(oji_elf_reader *reader, oji_elf_parts *parts, const oji_elf_header *header, uint32_t index,
                            oji_section *target)
{
    const oji_bytes table = {reader->file.data + header->offset, header->size};
    const bool has_addend = header->type == ELF_SHT_RELA;
    const uint64_t size = has_addend ? reader->format->rela_size : reader->format->rel_size;
    if (OJI_UNLIKELY(header->type == ELF_SHT_CREL))
        return read_crel(reader, parts, header, index, target);
    if (OJI_LIKELY(oji_elf_is_usual(reader->format) && has_addend))
        return read_entries(reader, parts, table, (uint32_t)(table.size / size), target, &oji_elf_usual, true, NULL);
    return read_entries(reader, parts, table, (uint32_t)(table.size / size), target, reader->format, has_addend, NULL);
}

/* Most sections are none: they are told apart by a look at one field. */
static bool may_be_table(const oji_elf_reader *reader, uint32_t index)
{
    const uint8_t *p = reader->file.data + reader->headers_off + (uint64_t)index * reader->format->section_size;
    uint32_t type = oji_elf_word(reader->format, p + 4);
    return type == ELF_SHT_RELA || type == ELF_SHT_REL || type == ELF_SHT_CREL;
}

/* Only tables that the scan has checked come through: counts_relocations() there allows whatever is_wanted() does. */
static bool is_table(const oji_elf_reader *reader, const oji_elf_header *header, const oji_section *sections)
{
    uint64_t n = header->size > 0 ? oji_elf_count_relocs(reader, header) : 0;
    return n > 0 && n < OJI_ELF_NO_COUNT && is_wanted(reader, &sections[header->info]);
}

/* A section may have several tables: count for each section first, so that its relocations become one run. */
static oj_status count_relocs(const oji_elf_reader *reader, oji_section *sections)
{
    for (uint32_t i = reader->first_table; i < reader->tables_end; i++) {
        oji_elf_header header;
        oji_section *target;
        if (!may_be_table(reader, i))
            continue;
        header = oji_elf_section_header(reader, i);
        if (!is_table(reader, &header, sections))
            continue;
        target = &sections[header.info];
        /* sh_link says which symbols the indexes mean: there is one table, so it must be that. */
        if (header.link != reader->symbols_index)
            return fail_table(reader, i, target, "is not linked to the symbol table");
        if (!target->bytes)
            return fail_table(reader, i, target, "relocates a section that has no bytes");
        target->n_relocs += (uint32_t)oji_elf_count_relocs(reader, &header);
    }
    return OJ_OK;
}

/* Needs the count; gives the section its run of them, from *next on. The runs fit: the block was sized by a count that
 * is the same or larger. */
static void assign_run(oji_section *target, const oji_reloc **next)
{
    target->relocs = *next;
    *next += target->n_relocs;
    target->n_relocs = 0; /* counted up again as they are read */
}

/* What is not loaded has no address, and an undefined local never gets one: loaded code that refers to it cannot
 * run. */
static oj_status check_target(const oji_elf_reader *reader, const oji_elf_parts *parts, uint32_t index)
{
    const oji_symbol *symbol = &parts->symbols[index];
    const oji_section *section;
    oji_place place = {reader->name, NULL, NULL, symbol->name, UINT64_MAX};
    if (symbol->section == OJI_SECTION_UNDEFINED && symbol->binding == OJ_SYMBOL_LOCAL)
        return oji_fail_at(reader->error, OJ_E_MALFORMED, &place,
                           "%s: symbol %u '%s' is local, and yet undefined, and loaded sections refer to it",
                           reader->name, index, symbol->name);
    if (symbol->section >= reader->n_sections)
        return OJ_OK;
    section = &parts->sections[symbol->section];
    place.section = section->name;
    if (oji_section_is_loaded(section))
        return OJ_OK;
    return oji_fail_at(reader->error, OJ_E_UNSUPPORTED, &place,
                       "%s: loaded sections refer to symbol %u '%s' in section %s, which is not loaded", reader->name,
                       index, symbol->name, section->name);
}

static oj_status check_targets(const oji_elf_reader *reader, const oji_elf_parts *parts)
{
    for (uint32_t i = 1; i < reader->n_symbols; i++)
        if (parts->symbols[i].uses & OJI_USE_REFERENCED)
            OJI_TRY(check_target(reader, parts, i));
    return OJ_OK;
}

oj_status oji_elf_read_relocs(oji_elf_reader *reader, oji_elf_parts *parts)
{
    const oji_reloc *next = parts->relocs;
    if (reader->n_relocs == 0)
        return OJ_OK;
    OJI_TRY(count_relocs(reader, parts->sections));
    for (uint32_t i = reader->first_table; i < reader->tables_end; i++) {
        oji_elf_header header;
        oji_section *target;
        if (!may_be_table(reader, i))
            continue;
        header = oji_elf_section_header(reader, i);
        if (!is_table(reader, &header, parts->sections))
            continue;
        target = &parts->sections[header.info];
        if (!target->relocs)
            assign_run(target, &next);
        OJI_TRY(read_table(reader, parts, &header, i, target));
    }
    return reader->has_unloaded ? check_targets(reader, parts) : OJ_OK;
}
