/* Groups: sections that stand or fall together, and of which a link takes only one copy where they are shared.
 * Source: ELF gABI chapter 4, "Section Groups" (SHT_GROUP, GRP_COMDAT); `.gnu.linkonce` as binutils treats it. */
#include "elf/elf.h"

static oj_status refuse_group(const oji_elf_reader *reader, const char *name, const char *signature, const char *why)
{
    oji_place place = {reader->name, name, NULL, signature, UINT64_MAX};
    return oji_fail_at(reader->error, OJ_E_MALFORMED, &place, "%s: section %s, a group of '%s', %s", reader->name, name,
                       signature, why);
}

/* The signature is the name of symbol sh_info. Assemblers may name it by a section's symbol, which has no name but the
 * section's own. */
static oj_status read_signature(const oji_elf_reader *reader, const oji_elf_parts *parts, const oji_elf_header *header,
                                const char *name, const char **signature)
{
    oji_elf_symbol symbol;
    *signature = "";
    if (header->link != reader->symbols_index || header->info == 0 || header->info >= reader->n_symbols)
        return refuse_group(reader, name, "", "has a signature that is no symbol");
    symbol = oji_elf_decode_symbol(reader->format,
                                   reader->symbols.data + (uint64_t)header->info * reader->format->symbol_size);
    if (symbol.name != 0 && symbol.name < reader->symbol_names.size)
        *signature = (const char *)reader->symbol_names.data + symbol.name;
    else if ((symbol.info & 15) == ELF_STT_SECTION && symbol.section < reader->n_sections)
        *signature = parts->sections[symbol.section].name;
    return **signature ? OJ_OK : refuse_group(reader, name, "", "has a signature without a name");
}

static uint32_t add_group(oji_elf_parts *parts, const char *signature, bool is_shared)
{
    oji_group *group = &parts->groups[parts->object->n_groups];
    group->signature = signature;
    group->signature_size = (uint32_t)strlen(signature);
    group->is_shared = is_shared;
    return ++parts->object->n_groups;
}

/* Words of section indexes behind a word of flags. A section in two groups would be both taken and left out. */
static oj_status read_group(oji_elf_reader *reader, oji_elf_parts *parts, const oji_elf_header *header,
                            const char *name)
{
    const uint8_t *words = reader->file.data + header->offset;
    const char *signature = "";
    uint32_t group;
    bool is_shared;
    if (header->size < 4 || header->size % 4 != 0)
        return refuse_group(reader, name, "", "is without its flags, or ends inside a word");
    /* Nobody asks for the signature of a group that is not shared. */
    is_shared = (oji_elf_word(reader->format, words) & ELF_GRP_COMDAT) != 0;
    if (is_shared)
        OJI_TRY(read_signature(reader, parts, header, name, &signature));
    OJI_TRY(oji_elf_count_name(reader, strlen(signature)));
    group = add_group(parts, signature, is_shared);
    for (uint64_t i = 4; i < header->size; i += 4) {
        uint32_t index = oji_elf_word(reader->format, words + i);
        if (index == 0 || index >= reader->n_sections)
            return refuse_group(reader, name, signature, "lists a section that does not exist");
        if (parts->sections[index].group != 0)
            return refuse_group(reader, name, signature, "lists a section that is in a group already");
        parts->sections[index].group = group;
    }
    return OJ_OK;
}

/* Groups first: a section that one lists is no group of its own, whatever its name. */
oj_status oji_elf_read_groups(oji_elf_reader *reader, oji_elf_parts *parts)
{
    for (uint32_t i = 1; i < reader->n_sections; i++) {
        oji_elf_header header = oji_elf_section_header(reader, i);
        if (header.type == ELF_SHT_GROUP)
            OJI_TRY(read_group(reader, parts, &header, parts->sections[i].name));
    }
    for (uint32_t i = 1; reader->has_linkonce && i < reader->n_sections; i++) {
        oji_elf_header header = oji_elf_section_header(reader, i);
        const char *name = parts->sections[i].name;
        if (parts->sections[i].group != 0 || !oji_elf_is_linkonce(&header, name))
            continue;
        OJI_TRY(oji_elf_count_name(reader, strlen(name)));
        parts->sections[i].group = add_group(parts, name, true);
    }
    return OJ_OK;
}
