/* What clients see of an object: read-only views of the neutral form.
 *
 * The neutral form may change from version to version, the public structs only grow: each is filled whole and then cut
 * to what the client knows. Objects never change once read, so none of this needs a lock. */
#include "object/object.h"

void oj_object_destroy(oj_object *object)
{
    oj_allocator allocator;
    if (!object)
        return;
    /* The table lies in the block that it is asked to free. */
    allocator = object->allocator;
    oji_release(&allocator, object, object->heap_size);
}

const char *oj_object_name(const oj_object *object) { return object ? object->name : ""; }

const char *oji_arch_name(uint32_t id)
{
    switch (id) {
    case OJI_ARCH_X86_64:
        return "x86-64";
    case OJI_ARCH_AARCH64:
        return "aarch64";
    case OJI_ARCH_I386:
        return "i386";
    case OJI_ARCH_ARM:
        return "arm";
    case OJI_ARCH_RISCV64:
        return "riscv64";
    case OJI_ARCH_RISCV32:
        return "riscv32";
    case OJI_ARCH_S390X:
        return "s390x";
    default:
        return "unknown";
    }
}

/* Accessors take NULL and answer as for an object with nothing in it, so that none of them can fail. */
const char *oj_object_architecture(const oj_object *object) { return oji_arch_name(object ? object->arch : 0); }

size_t oj_object_section_count(const oj_object *object) { return object ? object->n_sections : 0; }

/* On misuse the client's struct is zeroed all the same: its strings are then NULL, not what lay there before. */
oj_status oj_object_section(const oj_object *object, size_t index, oj_section_info *info, size_t out_size)
{
    const oji_section *section;
    oj_section_info ours;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (index >= oj_object_section_count(object))
        return OJ_E_MISUSE;
    section = &object->sections[index];
    memset(&ours, 0, sizeof ours);
    ours.name = section->name;
    ours.bytes = section->bytes;
    ours.size = section->size;
    ours.alignment = section->alignment;
    ours.n_relocations = section->n_relocs;
    ours.kind = section->kind;
    ours.flags = section->flags & OJI_SECTION_COMPRESSED ? OJ_SECTION_IS_COMPRESSED : 0;
    oji_export(info, out_size, &ours, sizeof ours);
    return OJ_OK;
}

size_t oj_object_symbol_count(const oj_object *object) { return object ? object->n_symbols : 0; }

/* The neutral form has the special places as section numbers, which the public one keeps apart. Section numbers end far
 * below the special ones, so that no number of a file can be mistaken for one. */
static uint32_t symbol_place(const oji_symbol *symbol)
{
    switch (symbol->section) {
    case OJI_SECTION_UNDEFINED:
        return OJ_SYMBOL_UNDEFINED;
    case OJI_SECTION_ABSOLUTE:
        return OJ_SYMBOL_ABSOLUTE;
    case OJI_SECTION_COMMON:
        return OJ_SYMBOL_COMMON;
    default:
        return OJ_SYMBOL_DEFINED;
    }
}

/* A section index is meaningful only for OJ_SYMBOL_DEFINED; else it is 0, the empty section, and never a special number
 * of ours. The value of a common symbol is its alignment. */
oj_status oj_object_symbol(const oj_object *object, size_t index, oj_symbol_info *info, size_t out_size)
{
    const oji_symbol *symbol;
    oj_symbol_info ours;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (index >= oj_object_symbol_count(object))
        return OJ_E_MISUSE;
    symbol = &object->symbols[index];
    memset(&ours, 0, sizeof ours);
    ours.name = symbol->name;
    ours.value = symbol->value;
    ours.size = symbol->size;
    ours.place = symbol_place(symbol);
    ours.section = ours.place == OJ_SYMBOL_DEFINED ? symbol->section : 0;
    ours.binding = symbol->binding;
    ours.visibility = symbol->visibility;
    ours.type = symbol->type;
    oji_export(info, out_size, &ours, sizeof ours);
    return OJ_OK;
}

/* Kinds of the neutral form are fewer than a format's numbers, so the number is kept beside. Both arrays run in
 * parallel. The number is below the table's length and has a name: the reader refuses what has none. */
const char *oji_object_reloc_name(const oj_object *object, const oji_reloc *reloc)
{
    return object->reloc_names[object->reloc_numbers[reloc - object->relocs]];
}

/* The index counts within the section; a section whose relocations were not read has none, and is not an error by
 * itself. */
oj_status oj_object_relocation(const oj_object *object, size_t section, size_t index, oj_relocation_info *info,
                               size_t out_size)
{
    const oji_reloc *reloc;
    oj_relocation_info ours;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (section >= oj_object_section_count(object) || index >= object->sections[section].n_relocs)
        return OJ_E_MISUSE;
    reloc = &object->sections[section].relocs[index];
    memset(&ours, 0, sizeof ours);
    ours.name = oji_object_reloc_name(object, reloc);
    ours.offset = reloc->offset;
    ours.addend = reloc->addend;
    ours.symbol = reloc->symbol;
    oji_export(info, out_size, &ours, sizeof ours);
    return OJ_OK;
}
