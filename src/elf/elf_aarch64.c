/* AArch64: ELF relocation numbers to kinds.
 * Source: ELF for the Arm 64-bit Architecture (AAELF64), section 5.7, tables of static relocations. */
#include "elf/elf.h"
#include "object/aarch64.h"

#define LOAD OJI_USE_GOT
#define ENTRY (OJI_USE_GOT | OJI_USE_GOT_START)
#define START OJI_USE_GOT_START
#define ANY OJI_USE_ABSOLUTE
#define NEAR OJI_USE_NEAR
/* Known by name, so that the message can say what it is for. */
#define REFUSED(X, number, name) X(number, name, OJI_ELF_REFUSED, 0, 0)

/* X(number, name, kind, width in bytes, uses). Numbers that are not here mean nothing, or are refused by range. */
#define RELOCATIONS(X)                                                                                \
    X(0, NONE, OJI_RELOC_NONE, 0, 0)                                                                  \
    X(256, NONE_256, OJI_RELOC_NONE, 0, 0)                                                            \
    X(257, ABS64, OJI_RELOC_ABS64, 8, ANY)                                                            \
    X(258, ABS32, OJI_A64_ABS32, 4, OJI_USE_LOW4G)                                                    \
    X(259, ABS16, OJI_A64_ABS16, 2, OJI_USE_LOW2G)                                                    \
    X(260, PREL64, OJI_RELOC_PC64, 8, ANY)                                                            \
    X(261, PREL32, OJI_A64_PREL32, 4, NEAR)                                                           \
    X(262, PREL16, OJI_A64_PREL16, 2, NEAR)                                                           \
    X(263, MOVW_UABS_G0, OJI_A64_MOVW_UABS_G0, 4, OJI_USE_LOW2G)                                      \
    X(264, MOVW_UABS_G0_NC, OJI_A64_MOVW_UABS_G0_NC, 4, ANY)                                          \
    X(265, MOVW_UABS_G1, OJI_A64_MOVW_UABS_G1, 4, OJI_USE_LOW4G)                                      \
    X(266, MOVW_UABS_G1_NC, OJI_A64_MOVW_UABS_G1_NC, 4, ANY)                                          \
    X(267, MOVW_UABS_G2, OJI_A64_MOVW_UABS_G2, 4, ANY)                                                \
    X(268, MOVW_UABS_G2_NC, OJI_A64_MOVW_UABS_G2_NC, 4, ANY)                                          \
    X(269, MOVW_UABS_G3, OJI_A64_MOVW_UABS_G3, 4, ANY)                                                \
    X(270, MOVW_SABS_G0, OJI_A64_MOVW_SABS_G0, 4, OJI_USE_LOW2G)                                      \
    X(271, MOVW_SABS_G1, OJI_A64_MOVW_SABS_G1, 4, ANY)                                                \
    X(272, MOVW_SABS_G2, OJI_A64_MOVW_SABS_G2, 4, ANY)                                                \
    X(273, LD_PREL_LO19, OJI_A64_LD_PREL_LO19, 4, NEAR)                                               \
    X(274, ADR_PREL_LO21, OJI_A64_ADR_PREL_LO21, 4, NEAR)                                             \
    X(275, ADR_PREL_PG_HI21, OJI_A64_ADR_PREL_PG_HI21, 4, NEAR)                                       \
    X(276, ADR_PREL_PG_HI21_NC, OJI_A64_ADR_PREL_PG_HI21_NC, 4, ANY)                                  \
    X(277, ADD_ABS_LO12_NC, OJI_A64_ADD_ABS_LO12_NC, 4, ANY)                                          \
    X(278, LDST8_ABS_LO12_NC, OJI_A64_LDST8_ABS_LO12_NC, 4, ANY)                                      \
    X(279, TSTBR14, OJI_A64_TSTBR14, 4, NEAR)                                                         \
    X(280, CONDBR19, OJI_A64_CONDBR19, 4, NEAR)                                                       \
    X(282, JUMP26, OJI_A64_JUMP26, 4, OJI_USE_CALL)                                                   \
    X(283, CALL26, OJI_A64_CALL26, 4, OJI_USE_CALL)                                                   \
    X(284, LDST16_ABS_LO12_NC, OJI_A64_LDST16_ABS_LO12_NC, 4, ANY)                                    \
    X(285, LDST32_ABS_LO12_NC, OJI_A64_LDST32_ABS_LO12_NC, 4, ANY)                                    \
    X(286, LDST64_ABS_LO12_NC, OJI_A64_LDST64_ABS_LO12_NC, 4, ANY)                                    \
    X(287, MOVW_PREL_G0, OJI_A64_MOVW_PREL_G0, 4, NEAR)                                               \
    X(288, MOVW_PREL_G0_NC, OJI_A64_MOVW_PREL_G0_NC, 4, ANY)                                          \
    X(289, MOVW_PREL_G1, OJI_A64_MOVW_PREL_G1, 4, NEAR)                                               \
    X(290, MOVW_PREL_G1_NC, OJI_A64_MOVW_PREL_G1_NC, 4, ANY)                                          \
    X(291, MOVW_PREL_G2, OJI_A64_MOVW_PREL_G2, 4, ANY)                                                \
    X(292, MOVW_PREL_G2_NC, OJI_A64_MOVW_PREL_G2_NC, 4, ANY)                                          \
    X(293, MOVW_PREL_G3, OJI_A64_MOVW_PREL_G3, 4, ANY)                                                \
    X(299, LDST128_ABS_LO12_NC, OJI_A64_LDST128_ABS_LO12_NC, 4, ANY)                                  \
    X(300, MOVW_GOTOFF_G0, OJI_A64_MOVW_GOTOFF_G0, 4, ENTRY)                                          \
    X(301, MOVW_GOTOFF_G0_NC, OJI_A64_MOVW_GOTOFF_G0_NC, 4, ENTRY)                                    \
    X(302, MOVW_GOTOFF_G1, OJI_A64_MOVW_GOTOFF_G1, 4, ENTRY)                                          \
    X(303, MOVW_GOTOFF_G1_NC, OJI_A64_MOVW_GOTOFF_G1_NC, 4, ENTRY)                                    \
    X(304, MOVW_GOTOFF_G2, OJI_A64_MOVW_GOTOFF_G2, 4, ENTRY)                                          \
    X(305, MOVW_GOTOFF_G2_NC, OJI_A64_MOVW_GOTOFF_G2_NC, 4, ENTRY)                                    \
    X(306, MOVW_GOTOFF_G3, OJI_A64_MOVW_GOTOFF_G3, 4, ENTRY)                                          \
    X(307, GOTREL64, OJI_A64_GOTREL64, 8, ANY | START)                                                \
    X(308, GOTREL32, OJI_A64_GOTREL32, 4, NEAR | START)                                               \
    X(309, GOT_LD_PREL19, OJI_A64_GOT_LD_PREL19, 4, LOAD)                                             \
    X(310, LD64_GOTOFF_LO15, OJI_A64_LD64_GOTOFF_LO15, 4, ENTRY)                                      \
    X(311, ADR_GOT_PAGE, OJI_A64_ADR_GOT_PAGE, 4, LOAD)                                               \
    X(312, LD64_GOT_LO12_NC, OJI_A64_LD64_GOT_LO12_NC, 4, LOAD)                                       \
    X(313, LD64_GOTPAGE_LO15, OJI_A64_LD64_GOTPAGE_LO15, 4, ENTRY)                                    \
    X(314, PLT32, OJI_A64_PLT32, 4, OJI_USE_CALL)                                                     \
    X(315, GOTPCREL32, OJI_A64_GOTPCREL32, 4, LOAD)                                                   \
    X(512, TLSGD_ADR_PREL21, OJI_A64_TLSGD_ADR_PREL21, 4, OJI_USE_TLS_INDEX)                          \
    X(513, TLSGD_ADR_PAGE21, OJI_A64_TLSGD_ADR_PAGE21, 4, OJI_USE_TLS_INDEX)                          \
    X(514, TLSGD_ADD_LO12_NC, OJI_A64_TLSGD_ADD_LO12_NC, 4, OJI_USE_TLS_INDEX)                        \
    X(515, TLSGD_MOVW_G1, OJI_A64_TLSGD_MOVW_G1, 4, OJI_USE_TLS_INDEX | START)                        \
    X(516, TLSGD_MOVW_G0_NC, OJI_A64_TLSGD_MOVW_G0_NC, 4, OJI_USE_TLS_INDEX | START)                  \
    X(517, TLSLD_ADR_PREL21, OJI_A64_TLSLD_ADR_PREL21, 4, OJI_USE_TLS_BLOCK)                          \
    X(518, TLSLD_ADR_PAGE21, OJI_A64_TLSLD_ADR_PAGE21, 4, OJI_USE_TLS_BLOCK)                          \
    X(519, TLSLD_ADD_LO12_NC, OJI_A64_TLSLD_ADD_LO12_NC, 4, OJI_USE_TLS_BLOCK)                        \
    X(520, TLSLD_MOVW_G1, OJI_A64_TLSLD_MOVW_G1, 4, OJI_USE_TLS_BLOCK | START)                        \
    X(521, TLSLD_MOVW_G0_NC, OJI_A64_TLSLD_MOVW_G0_NC, 4, OJI_USE_TLS_BLOCK | START)                  \
    X(522, TLSLD_LD_PREL19, OJI_A64_TLSLD_LD_PREL19, 4, OJI_USE_TLS_BLOCK)                            \
    X(523, TLSLD_MOVW_DTPREL_G2, OJI_A64_TLSLD_MOVW_DTPREL_G2, 4, OJI_USE_TLS_OFFSET)                 \
    X(524, TLSLD_MOVW_DTPREL_G1, OJI_A64_TLSLD_MOVW_DTPREL_G1, 4, OJI_USE_TLS_OFFSET)                 \
    X(525, TLSLD_MOVW_DTPREL_G1_NC, OJI_A64_TLSLD_MOVW_DTPREL_G1_NC, 4, OJI_USE_TLS_OFFSET)           \
    X(526, TLSLD_MOVW_DTPREL_G0, OJI_A64_TLSLD_MOVW_DTPREL_G0, 4, OJI_USE_TLS_OFFSET)                 \
    X(527, TLSLD_MOVW_DTPREL_G0_NC, OJI_A64_TLSLD_MOVW_DTPREL_G0_NC, 4, OJI_USE_TLS_OFFSET)           \
    X(528, TLSLD_ADD_DTPREL_HI12, OJI_A64_TLSLD_ADD_DTPREL_HI12, 4, OJI_USE_TLS_OFFSET)               \
    X(529, TLSLD_ADD_DTPREL_LO12, OJI_A64_TLSLD_ADD_DTPREL_LO12, 4, OJI_USE_TLS_OFFSET)               \
    X(530, TLSLD_ADD_DTPREL_LO12_NC, OJI_A64_TLSLD_ADD_DTPREL_LO12_NC, 4, OJI_USE_TLS_OFFSET)         \
    X(531, TLSLD_LDST8_DTPREL_LO12, OJI_A64_TLSLD_LDST8_DTPREL_LO12, 4, OJI_USE_TLS_OFFSET)           \
    X(532, TLSLD_LDST8_DTPREL_LO12_NC, OJI_A64_TLSLD_LDST8_DTPREL_LO12_NC, 4, OJI_USE_TLS_OFFSET)     \
    X(533, TLSLD_LDST16_DTPREL_LO12, OJI_A64_TLSLD_LDST16_DTPREL_LO12, 4, OJI_USE_TLS_OFFSET)         \
    X(534, TLSLD_LDST16_DTPREL_LO12_NC, OJI_A64_TLSLD_LDST16_DTPREL_LO12_NC, 4, OJI_USE_TLS_OFFSET)   \
    X(535, TLSLD_LDST32_DTPREL_LO12, OJI_A64_TLSLD_LDST32_DTPREL_LO12, 4, OJI_USE_TLS_OFFSET)         \
    X(536, TLSLD_LDST32_DTPREL_LO12_NC, OJI_A64_TLSLD_LDST32_DTPREL_LO12_NC, 4, OJI_USE_TLS_OFFSET)   \
    X(537, TLSLD_LDST64_DTPREL_LO12, OJI_A64_TLSLD_LDST64_DTPREL_LO12, 4, OJI_USE_TLS_OFFSET)         \
    X(538, TLSLD_LDST64_DTPREL_LO12_NC, OJI_A64_TLSLD_LDST64_DTPREL_LO12_NC, 4, OJI_USE_TLS_OFFSET)   \
    X(539, TLSIE_MOVW_GOTTPREL_G1, OJI_A64_TLSIE_MOVW_GOTTPREL_G1, 4, OJI_USE_TLS_LOAD | START)       \
    X(540, TLSIE_MOVW_GOTTPREL_G0_NC, OJI_A64_TLSIE_MOVW_GOTTPREL_G0_NC, 4, OJI_USE_TLS_LOAD | START) \
    X(541, TLSIE_ADR_GOTTPREL_PAGE21, OJI_A64_TLSIE_ADR_GOTTPREL_PAGE21, 4, OJI_USE_TLS_LOAD)         \
    X(542, TLSIE_LD64_GOTTPREL_LO12_NC, OJI_A64_TLSIE_LD64_GOTTPREL_LO12_NC, 4, OJI_USE_TLS_LOAD)     \
    X(543, TLSIE_LD_GOTTPREL_PREL19, OJI_A64_TLSIE_LD_GOTTPREL_PREL19, 4, OJI_USE_TLS_LOAD)           \
    X(544, TLSLE_MOVW_TPREL_G2, OJI_A64_TLSLE_MOVW_TPREL_G2, 4, OJI_USE_TLS_POINTER)                  \
    X(545, TLSLE_MOVW_TPREL_G1, OJI_A64_TLSLE_MOVW_TPREL_G1, 4, OJI_USE_TLS_POINTER)                  \
    X(546, TLSLE_MOVW_TPREL_G1_NC, OJI_A64_TLSLE_MOVW_TPREL_G1_NC, 4, OJI_USE_TLS_POINTER)            \
    X(547, TLSLE_MOVW_TPREL_G0, OJI_A64_TLSLE_MOVW_TPREL_G0, 4, OJI_USE_TLS_POINTER)                  \
    X(548, TLSLE_MOVW_TPREL_G0_NC, OJI_A64_TLSLE_MOVW_TPREL_G0_NC, 4, OJI_USE_TLS_POINTER)            \
    X(549, TLSLE_ADD_TPREL_HI12, OJI_A64_TLSLE_ADD_TPREL_HI12, 4, OJI_USE_TLS_POINTER)                \
    X(550, TLSLE_ADD_TPREL_LO12, OJI_A64_TLSLE_ADD_TPREL_LO12, 4, OJI_USE_TLS_POINTER)                \
    X(551, TLSLE_ADD_TPREL_LO12_NC, OJI_A64_TLSLE_ADD_TPREL_LO12_NC, 4, OJI_USE_TLS_POINTER)          \
    X(552, TLSLE_LDST8_TPREL_LO12, OJI_A64_TLSLE_LDST8_TPREL_LO12, 4, OJI_USE_TLS_POINTER)            \
    X(553, TLSLE_LDST8_TPREL_LO12_NC, OJI_A64_TLSLE_LDST8_TPREL_LO12_NC, 4, OJI_USE_TLS_POINTER)      \
    X(554, TLSLE_LDST16_TPREL_LO12, OJI_A64_TLSLE_LDST16_TPREL_LO12, 4, OJI_USE_TLS_POINTER)          \
    X(555, TLSLE_LDST16_TPREL_LO12_NC, OJI_A64_TLSLE_LDST16_TPREL_LO12_NC, 4, OJI_USE_TLS_POINTER)    \
    X(556, TLSLE_LDST32_TPREL_LO12, OJI_A64_TLSLE_LDST32_TPREL_LO12, 4, OJI_USE_TLS_POINTER)          \
    X(557, TLSLE_LDST32_TPREL_LO12_NC, OJI_A64_TLSLE_LDST32_TPREL_LO12_NC, 4, OJI_USE_TLS_POINTER)    \
    X(558, TLSLE_LDST64_TPREL_LO12, OJI_A64_TLSLE_LDST64_TPREL_LO12, 4, OJI_USE_TLS_POINTER)          \
    X(559, TLSLE_LDST64_TPREL_LO12_NC, OJI_A64_TLSLE_LDST64_TPREL_LO12_NC, 4, OJI_USE_TLS_POINTER)    \
    X(560, TLSDESC_LD_PREL19, OJI_A64_TLSDESC_LD_PREL19, 4, OJI_USE_TLS_DESC)                         \
    X(561, TLSDESC_ADR_PREL21, OJI_A64_TLSDESC_ADR_PREL21, 4, OJI_USE_TLS_DESC)                       \
    X(562, TLSDESC_ADR_PAGE21, OJI_A64_TLSDESC_ADR_PAGE21, 4, OJI_USE_TLS_DESC)                       \
    X(563, TLSDESC_LD64_LO12, OJI_A64_TLSDESC_LD64_LO12, 4, OJI_USE_TLS_DESC)                         \
    X(564, TLSDESC_ADD_LO12, OJI_A64_TLSDESC_ADD_LO12, 4, OJI_USE_TLS_DESC)                           \
    X(565, TLSDESC_OFF_G1, OJI_A64_TLSDESC_OFF_G1, 4, OJI_USE_TLS_DESC | START)                       \
    X(566, TLSDESC_OFF_G0_NC, OJI_A64_TLSDESC_OFF_G0_NC, 4, OJI_USE_TLS_DESC | START)                 \
    X(567, TLSDESC_LDR, OJI_RELOC_TLS_DESC_CALL, 4, OJI_USE_TLS_DESC)                                 \
    X(568, TLSDESC_ADD, OJI_RELOC_TLS_DESC_CALL, 4, OJI_USE_TLS_DESC)                                 \
    X(569, TLSDESC_CALL, OJI_RELOC_TLS_DESC_CALL, 4, OJI_USE_TLS_DESC)                                \
    X(570, TLSLE_LDST128_TPREL_LO12, OJI_A64_TLSLE_LDST128_TPREL_LO12, 4, OJI_USE_TLS_POINTER)        \
    X(571, TLSLE_LDST128_TPREL_LO12_NC, OJI_A64_TLSLE_LDST128_TPREL_LO12_NC, 4, OJI_USE_TLS_POINTER)  \
    X(572, TLSLD_LDST128_DTPREL_LO12, OJI_A64_TLSLD_LDST128_DTPREL_LO12, 4, OJI_USE_TLS_OFFSET)       \
    X(573, TLSLD_LDST128_DTPREL_LO12_NC, OJI_A64_TLSLD_LDST128_DTPREL_LO12_NC, 4, OJI_USE_TLS_OFFSET) \
    REFUSED(X, 580, AUTH_ABS64)                                                                       \
    REFUSED(X, 1024, COPY)                                                                            \
    REFUSED(X, 1025, GLOB_DAT)                                                                        \
    REFUSED(X, 1026, JUMP_SLOT)                                                                       \
    REFUSED(X, 1027, RELATIVE)                                                                        \
    REFUSED(X, 1028, TLS_DTPMOD)                                                                      \
    REFUSED(X, 1029, TLS_DTPREL)                                                                      \
    REFUSED(X, 1030, TLS_TPREL)                                                                       \
    REFUSED(X, 1031, TLSDESC)                                                                         \
    REFUSED(X, 1032, IRELATIVE)

#define NUMBER(number, name, kind, width, uses) R_AARCH64_##name = number,
enum { RELOCATIONS(NUMBER) };

static const oji_elf_row rows[] = {RELOCATIONS(OJI_ELF_ROW)};

#define NAME(number, name, kind, width, uses) [number] = "R_AARCH64_" #name,
static const char *const names[] = {RELOCATIONS(NAME)};

static const char *refusal(uint32_t number)
{
    if (number == R_AARCH64_IRELATIVE)
        return "indirect functions (ifunc)";
    if (number == R_AARCH64_AUTH_ABS64)
        return "pointers that are signed as a program is loaded (the PAuth ABI)";
    return NULL;
}

/* --- branches to functions that are named by their section -------------------------------------------------------- */

/* A stub leads to a symbol and nowhere behind it. So a branch to a section and an addend, as assemblers write those to
 * a file's own functions, is made one to the function's own symbol, where the file has that. */
static bool is_by_section(const oji_elf_parts *parts, const oji_reloc *reloc)
{
    return (reloc->kind == OJI_A64_CALL26 || reloc->kind == OJI_A64_JUMP26) && reloc->addend > 0 &&
           parts->symbols[reloc->symbol].type == OJ_SYMBOL_SECTION;
}

/* Known of their symbols, which are few: that a loaded section has some. What others have needs no stub. */
static bool has_any(const oji_elf_parts *parts)
{
    const oj_object *object = parts->object;
    for (uint32_t i = 1; (object->uses & OJI_USE_CALL) && i < object->first_global; i++)
        if (parts->symbols[i].type == OJ_SYMBOL_SECTION && (parts->symbols[i].uses & OJI_USE_CALL))
            return true;
    return false;
}

static uint64_t hash_of(uint32_t section, uint64_t value)
{
    uint64_t words[2] = {section, value};
    return oji_hash((const char *)words, sizeof words);
}

/* Only what no other file can define in its place. */
static bool is_own_function(const oji_symbol *symbol)
{
    return symbol->type == OJ_SYMBOL_FUNCTION && symbol->binding == OJ_SYMBOL_LOCAL;
}

static uint32_t find_function(const oji_elf_parts *parts, const oji_table *functions, uint32_t section, uint64_t value)
{
    uint32_t cursor = 0, found;
    uint64_t hash = hash_of(section, value);
    while ((found = oji_table_next(functions, hash, &cursor)) != OJI_TABLE_NONE)
        if (parts->symbols[found].section == section && parts->symbols[found].value == value)
            break;
    return found;
}

/* One for each place: a file may have any number of names for it, and each would be walked past. */
static bool index_functions(const oji_elf_reader *reader, const oji_elf_parts *parts, oji_table *functions,
                            oji_arena *arena)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < reader->n_symbols; i++)
        n += is_own_function(&parts->symbols[i]);
    if (!oji_table_init(functions, arena, (uint64_t)n + 1))
        return false;
    for (uint32_t i = 1; i < reader->n_symbols; i++) {
        const oji_symbol *symbol = &parts->symbols[i];
        if (is_own_function(symbol) &&
            find_function(parts, functions, symbol->section, symbol->value) == OJI_TABLE_NONE)
            oji_table_add(functions, hash_of(symbol->section, symbol->value), i);
    }
    return true;
}

static void name_function(const oji_elf_parts *parts, const oji_table *functions, bool is_loaded, oji_reloc *reloc)
{
    uint32_t found = find_function(parts, functions, parts->symbols[reloc->symbol].section, (uint64_t)reloc->addend);
    if (found == OJI_TABLE_NONE)
        return;
    parts->symbols[found].uses |= is_loaded ? OJI_USE_REFERENCED | OJI_USE_CALL : 0;
    reloc->symbol = found & (OJI_MAX_SYMBOLS - 1);
    reloc->addend = 0;
}

static void name_functions(const oji_elf_reader *reader, const oji_elf_parts *parts, const oji_table *functions)
{
    for (uint32_t i = 1; i < reader->n_sections; i++) {
        const oji_section *section = &parts->sections[i];
        oji_reloc *relocs;
        if (section->n_relocs == 0)
            continue;
        relocs = parts->relocs + (section->relocs - parts->relocs);
        for (uint32_t k = 0; k < section->n_relocs; k++)
            if (is_by_section(parts, &relocs[k]))
                name_function(parts, functions, oji_section_is_loaded(section), &relocs[k]);
    }
}

static oj_status finish(const oji_elf_reader *reader, oji_elf_parts *parts)
{
    oji_arena arena;
    oji_table functions;
    bool is_indexed;
    if (!has_any(parts))
        return OJ_OK;
    oji_arena_init(&arena, &parts->object->allocator, NULL, 0);
    is_indexed = index_functions(reader, parts, &functions, &arena);
    if (is_indexed)
        name_functions(reader, parts, &functions);
    oji_arena_free(&arena);
    return is_indexed ? OJ_OK : oji_fail(reader->error, OJ_E_NOMEM, "out of memory: %s: its functions", reader->name);
}

const oji_elf_arch oji_elf_aarch64 = {
    .id = OJI_ARCH_AARCH64,
    .machine = ELF_EM_AARCH64,
    .n_rows = OJI_COUNT(rows),
    .rows = rows,
    .names = names,
    .refusal = refusal,
    .is_64 = true,
    .finish = finish,
};
