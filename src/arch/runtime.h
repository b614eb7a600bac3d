/* The static part of the C library, as objects that are constant: functions that register under the handle of the
 * component they are linked into, each
 *
 *     function(arguments) { return target(arguments, __dso_handle); }
 *
 * Symbols are: 1 the function, 2 the target, 3 __dso_handle. An architecture's three differ in which register the
 *              handle
 * goes to, so that they share their relocations. */
#ifndef OJI_ARCH_RUNTIME_H
#define OJI_ARCH_RUNTIME_H

#include "object/object.h"

#define OJI_RUNTIME_SYMBOL(text, ...)                           \
    {                                                           \
        .name = text, .name_size = sizeof text - 1, __VA_ARGS__ \
    }

/* Needs runtime_relocs, runtime_numbers, runtime_names, TARGET_USES, HANDLE_USES and ARCH where it is used. */
#define OJI_RUNTIME(id, function, target, ...)                                                             \
    static const uint8_t id##_bytes[] = {__VA_ARGS__};                                                     \
    static const oji_section id##_sections[] = {{.name = "", .alignment = 1},                              \
                                                {.name = ".text",                                          \
                                                 .bytes = id##_bytes,                                      \
                                                 .size = sizeof id##_bytes,                                \
                                                 .relocs = runtime_relocs,                                 \
                                                 .n_relocs = OJI_COUNT(runtime_relocs),                    \
                                                 .kind = OJ_SECTION_CODE,                                  \
                                                 .alignment = 16}};                                        \
    static const oji_symbol id##_symbols[] = {                                                             \
        {.name = "", .section = OJI_SECTION_UNDEFINED},                                                    \
        OJI_RUNTIME_SYMBOL(function, .size = sizeof id##_bytes, .section = 1, .binding = OJ_SYMBOL_GLOBAL, \
                           .visibility = OJ_SYMBOL_HIDDEN, .type = OJ_SYMBOL_FUNCTION),                    \
        OJI_RUNTIME_SYMBOL(target, .section = OJI_SECTION_UNDEFINED, .binding = OJ_SYMBOL_GLOBAL,          \
                           .uses = TARGET_USES | OJI_USE_REFERENCED),                                      \
        OJI_RUNTIME_SYMBOL("__dso_handle", .section = OJI_SECTION_UNDEFINED, .binding = OJ_SYMBOL_GLOBAL,  \
                           .visibility = OJ_SYMBOL_HIDDEN, .uses = HANDLE_USES | OJI_USE_REFERENCED)};     \
    static const oj_object id = {.name = function,                                                         \
                                 .sections = id##_sections,                                                \
                                 .symbols = id##_symbols,                                                  \
                                 .relocs = runtime_relocs,                                                 \
                                 .reloc_numbers = runtime_numbers,                                         \
                                 .reloc_names = runtime_names,                                             \
                                 .n_sections = OJI_COUNT(id##_sections),                                   \
                                 .first_loaded = 1,                                                        \
                                 .loaded_end = OJI_COUNT(id##_sections),                                   \
                                 .n_symbols = OJI_COUNT(id##_symbols),                                     \
                                 .first_global = 1,                                                        \
                                 .n_loaded_relocs = OJI_COUNT(runtime_relocs),                             \
                                 .arch = ARCH,                                                             \
                                 .uses = TARGET_USES | HANDLE_USES}

#endif
