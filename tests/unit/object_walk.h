/* Walk over everything an object shows, and check what every object promises, whatever bytes it was made from. Used
 * by the tests on hostile input and by the fuzz targets. */
#ifndef OJT_OBJECT_WALK_H
#define OJT_OBJECT_WALK_H

#include "object/object.h"

#include <stdio.h>
#include <stdlib.h>

#define OJT_REQUIRE(condition)                                                      \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* Bytes of each neutral kind's field; of an architecture's own nothing is known here. */
static inline uint64_t ojt_field_width(uint32_t kind)
{
    if (kind >= OJI_RELOC_OF_ARCH)
        return 0;
    switch (kind) {
    case OJI_RELOC_NONE:
        return 0;
    case OJI_RELOC_ABS8:
    case OJI_RELOC_PC8:
        return 1;
    case OJI_RELOC_ABS16:
    case OJI_RELOC_PC16:
        return 2;
    case OJI_RELOC_ABS64:
    case OJI_RELOC_PC64:
    case OJI_RELOC_GOT_LOAD64:
    case OJI_RELOC_GOT_ENTRY64:
    case OJI_RELOC_GOT_START64:
    case OJI_RELOC_GOT_OFFSET64:
    case OJI_RELOC_CALL_OFFSET64:
    case OJI_RELOC_SIZE64:
        return 8;
    default:
        return 4;
    }
}

static inline uint64_t ojt_walk_section(const oj_object *object, size_t index)
{
    oj_section_info info;
    uint64_t sum = 0;
    OJT_REQUIRE(oj_object_section(object, index, &info, sizeof info) == OJ_OK);
    sum += strlen(info.name);
    OJT_REQUIRE(oji_is_power_of_two(info.alignment) && info.alignment <= OJI_MAX_ALIGNMENT);
    OJT_REQUIRE(info.size < OJI_MAX_SECTION_SIZE);
    bool is_zero = info.kind == OJ_SECTION_ZERO || info.kind == OJ_SECTION_TLS_ZERO;
    OJT_REQUIRE(info.kind <= OJ_SECTION_TLS_ZERO);
    OJT_REQUIRE(!is_zero || !info.bytes);
    OJT_REQUIRE(info.bytes || info.size == 0 || is_zero || info.kind == OJ_SECTION_OTHER ||
                info.kind == OJ_SECTION_DEBUG);
    for (uint64_t i = 0; info.bytes && i < info.size; i++)
        sum += ((const uint8_t *)info.bytes)[i];
    for (uint64_t i = 0; i < info.n_relocations; i++) {
        const oji_reloc *reloc = &object->sections[index].relocs[i];
        oj_relocation_info relocation;
        OJT_REQUIRE(oj_object_relocation(object, index, (size_t)i, &relocation, sizeof relocation) == OJ_OK);
        OJT_REQUIRE(relocation.symbol < oj_object_symbol_count(object));
        OJT_REQUIRE(reloc->kind < OJI_RELOC_KINDS || reloc->kind >= OJI_RELOC_OF_ARCH);
        OJT_REQUIRE(info.bytes && relocation.offset <= info.size &&
                    ojt_field_width(reloc->kind) <= info.size - relocation.offset);
        sum += strlen(relocation.name);
    }
    return sum;
}

static inline uint64_t ojt_walk_symbol(const oj_object *object, size_t index)
{
    const oji_symbol *symbol = &object->symbols[index];
    oj_symbol_info info;
    oj_section_info section;
    OJT_REQUIRE(oj_object_symbol(object, index, &info, sizeof info) == OJ_OK);
    OJT_REQUIRE(info.binding <= OJ_SYMBOL_UNIQUE && info.visibility <= OJ_SYMBOL_PROTECTED);
    OJT_REQUIRE(info.type <= OJ_SYMBOL_FILE || info.type == OJ_SYMBOL_THREAD_LOCAL || info.type == OJ_SYMBOL_IFUNC);
    OJT_REQUIRE(info.place <= OJ_SYMBOL_COMMON);
    OJT_REQUIRE((info.binding == OJ_SYMBOL_LOCAL) == (index < object->first_global));
    if (info.binding != OJ_SYMBOL_LOCAL)
        OJT_REQUIRE(symbol->name_size == strlen(info.name) && symbol->name_size > 0);
    if (index > 0 && info.binding == OJ_SYMBOL_LOCAL)
        OJT_REQUIRE(info.place != OJ_SYMBOL_UNDEFINED || !(symbol->uses & OJI_USE_REFERENCED));
    if (info.place == OJ_SYMBOL_COMMON)
        OJT_REQUIRE(oji_is_power_of_two(info.value) && info.size < OJI_MAX_SECTION_SIZE);
    if (info.place != OJ_SYMBOL_DEFINED)
        return strlen(info.name);
    OJT_REQUIRE(oj_object_section(object, info.section, &section, sizeof section) == OJ_OK);
    OJT_REQUIRE(info.value <= section.size ||
                (info.binding == OJ_SYMBOL_LOCAL && info.size == 0 && info.value < OJI_MAX_SECTION_SIZE));
    OJT_REQUIRE(!(symbol->uses & OJI_USE_REFERENCED) || oji_section_is_loaded(&object->sections[info.section]));
    return strlen(info.name);
}

/* Returns a sum that depends on every byte that was read, so that no read is left out. */
static inline uint64_t ojt_walk_object(const oj_object *object)
{
    uint64_t sum = strlen(oj_object_name(object)) + strlen(oj_object_architecture(object));
    size_t n_sections = oj_object_section_count(object);
    size_t n_symbols = oj_object_symbol_count(object);
    OJT_REQUIRE(n_sections > 0 && n_symbols > 0);
    for (size_t i = 0; i < n_sections; i++)
        sum += ojt_walk_section(object, i);
    for (size_t i = 0; i < n_symbols; i++)
        sum += ojt_walk_symbol(object, i);
    return sum;
}

/* An error must say what the call returned, in words that end. */
static inline void ojt_check_error(const oj_error *error, oj_status status)
{
    OJT_REQUIRE(error->status == status);
    OJT_REQUIRE((status == OJ_OK) == (error->text[0] == '\0'));
    if (status == OJ_OK)
        return; /* nothing else is written */
    OJT_REQUIRE(strcmp(oj_status_name(status), "OJ_E_?") != 0);
    OJT_REQUIRE(memchr(error->object, 0, sizeof error->object) && memchr(error->section, 0, sizeof error->section));
    OJT_REQUIRE(memchr(error->relocation, 0, sizeof error->relocation));
    OJT_REQUIRE(memchr(error->symbol, 0, sizeof error->symbol) && memchr(error->text, 0, sizeof error->text));
}

#endif
