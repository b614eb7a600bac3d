/* RISC-V, 64 and 32 bits: ELF relocation numbers to kinds, and what their pairs must be.
 * Source: RISC-V ELF psABI, "Relocations" and "File Header" (e_flags). */
#include "elf/elf.h"
#include "object/riscv.h"

#define ANY OJI_USE_ABSOLUTE
#define NEAR OJI_USE_NEAR
/* Known by name, so that the message can say what it is for. */
#define REFUSED(X, number, name) X(number, name, OJI_ELF_REFUSED, 0, 0)

/* X(number, name, kind, width in bytes, uses). A low half finds its symbol at its upper half, and asks for nothing. */
#define RELOCATIONS(X)                                               \
    X(0, NONE, OJI_RELOC_NONE, 0, 0)                                 \
    X(1, 32, OJI_RV_ABS32, 4, OJI_USE_LOW4G)                         \
    X(2, 64, OJI_RELOC_ABS64, 8, ANY)                                \
    REFUSED(X, 3, RELATIVE)                                          \
    REFUSED(X, 4, COPY)                                              \
    REFUSED(X, 5, JUMP_SLOT)                                         \
    REFUSED(X, 6, TLS_DTPMOD32)                                      \
    REFUSED(X, 7, TLS_DTPMOD64)                                      \
    X(8, TLS_DTPREL32, OJI_RV_DTPREL32, 4, OJI_USE_TLS_OFFSET)       \
    X(9, TLS_DTPREL64, OJI_RV_DTPREL64, 8, OJI_USE_TLS_OFFSET)       \
    REFUSED(X, 10, TLS_TPREL32)                                      \
    REFUSED(X, 11, TLS_TPREL64)                                      \
    REFUSED(X, 12, TLSDESC)                                          \
    X(16, BRANCH, OJI_RV_BRANCH, 4, NEAR)                            \
    X(17, JAL, OJI_RV_JAL, 4, OJI_USE_CALL)                          \
    X(18, CALL, OJI_RV_CALL, 8, OJI_USE_CALL)                        \
    X(19, CALL_PLT, OJI_RV_CALL, 8, OJI_USE_CALL)                    \
    X(20, GOT_HI20, OJI_RV_GOT_HI20, 4, OJI_USE_GOT)                 \
    X(21, TLS_GOT_HI20, OJI_RV_TLS_GOT_HI20, 4, OJI_USE_TLS_LOAD)    \
    X(22, TLS_GD_HI20, OJI_RV_TLS_GD_HI20, 4, OJI_USE_TLS_INDEX)     \
    X(23, PCREL_HI20, OJI_RV_PCREL_HI20, 4, NEAR)                    \
    X(24, PCREL_LO12_I, OJI_RV_PCREL_LO12_I, 4, 0)                   \
    X(25, PCREL_LO12_S, OJI_RV_PCREL_LO12_S, 4, 0)                   \
    X(26, HI20, OJI_RV_HI20, 4, OJI_USE_LOW2G)                       \
    X(27, LO12_I, OJI_RV_LO12_I, 4, ANY)                             \
    X(28, LO12_S, OJI_RV_LO12_S, 4, ANY)                             \
    X(29, TPREL_HI20, OJI_RV_TPREL_HI20, 4, OJI_USE_TLS_POINTER)     \
    X(30, TPREL_LO12_I, OJI_RV_TPREL_LO12_I, 4, OJI_USE_TLS_POINTER) \
    X(31, TPREL_LO12_S, OJI_RV_TPREL_LO12_S, 4, OJI_USE_TLS_POINTER) \
    X(32, TPREL_ADD, OJI_RELOC_NONE, 0, 0)                           \
    X(33, ADD8, OJI_RV_ADD8, 1, ANY)                                 \
    X(34, ADD16, OJI_RV_ADD16, 2, ANY)                               \
    X(35, ADD32, OJI_RV_ADD32, 4, ANY)                               \
    X(36, ADD64, OJI_RV_ADD64, 8, ANY)                               \
    X(37, SUB8, OJI_RV_SUB8, 1, ANY)                                 \
    X(38, SUB16, OJI_RV_SUB16, 2, ANY)                               \
    X(39, SUB32, OJI_RV_SUB32, 4, ANY)                               \
    X(40, SUB64, OJI_RV_SUB64, 8, ANY)                               \
    X(41, GOT32_PCREL, OJI_RV_GOT32_PCREL, 4, OJI_USE_GOT)           \
    X(43, ALIGN, OJI_RV_ALIGN, 0, 0)                                 \
    X(44, RVC_BRANCH, OJI_RV_RVC_BRANCH, 2, NEAR)                    \
    X(45, RVC_JUMP, OJI_RV_RVC_JUMP, 2, OJI_USE_CALL)                \
    X(51, RELAX, OJI_RV_RELAX, 0, 0)                                 \
    X(52, SUB6, OJI_RV_SUB6, 1, ANY)                                 \
    X(53, SET6, OJI_RV_SET6, 1, ANY)                                 \
    X(54, SET8, OJI_RV_SET8, 1, ANY)                                 \
    X(55, SET16, OJI_RV_SET16, 2, ANY)                               \
    X(56, SET32, OJI_RV_SET32, 4, ANY)                               \
    X(57, 32_PCREL, OJI_RV_PC32, 4, NEAR)                            \
    REFUSED(X, 58, IRELATIVE)                                        \
    X(59, PLT32, OJI_RV_PLT32, 4, OJI_USE_CALL)                      \
    X(60, SET_ULEB128, OJI_RV_SET_ULEB128, 1, ANY)                   \
    X(61, SUB_ULEB128, OJI_RV_SUB_ULEB128, 1, ANY)                   \
    X(62, TLSDESC_HI20, OJI_RV_TLSDESC_HI20, 4, OJI_USE_TLS_DESC)    \
    X(63, TLSDESC_LOAD_LO12, OJI_RV_PCREL_LO12_I, 4, 0)              \
    X(64, TLSDESC_ADD_LO12, OJI_RV_PCREL_LO12_I, 4, 0)               \
    X(65, TLSDESC_CALL, OJI_RELOC_TLS_DESC_CALL, 0, 0)

#define NUMBER(number, name, kind, width, uses) R_RISCV_##name = number,
enum { RELOCATIONS(NUMBER) };

static const oji_elf_row rows[] = {RELOCATIONS(OJI_ELF_ROW)};

/* Upper and lower halves make any address of 32 bits, and any distance. */
#define USES_32(uses) ((uint32_t)(uses) & (OJI_USE_LOW2G | NEAR) ? (uint32_t)ANY : (uint32_t)(uses))
#define ROW_32(number, name, kind, width, uses) \
    [number] = {kind, width, (width) == 0 && (uses) == 0 ? 0 : (OJI_USE_REFERENCED | USES_32(uses))},
static const oji_elf_row rows_32[] = {RELOCATIONS(ROW_32)};

#define NAME(number, name, kind, width, uses) [number] = "R_RISCV_" #name,
static const char *const names[] = {RELOCATIONS(NAME)};

static const char *refusal(uint32_t number)
{
    if (number == R_RISCV_IRELATIVE)
        return "indirect functions (ifunc)";
    return NULL;
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

static oj_status fail_reloc(const oji_elf_reader *reader, const oji_elf_parts *parts, const oji_section *section,
                            const oji_reloc *reloc, oj_status status, const char *why)
{
    const char *name = names[parts->numbers[reloc - parts->relocs]], *symbol = parts->symbols[reloc->symbol].name;
    oji_place place = {reader->name, section->name, name, symbol, reloc->offset};
    return oji_fail_at(reader->error, status, &place, "%s: section %s, offset %#llx: %s %s", reader->name,
                       section->name, (unsigned long long)reloc->offset, name, why);
}

/* The first relocation at an offset or behind it, for the one at `from`. Needs them in order. Compilers write the upper
 * half a few instructions before its lower ones: bisecting for each would be most of the time that reading takes. */
static uint32_t find_offset(const oji_section *section, uint32_t from, uint64_t offset)
{
    enum { NEAR_BY = 16 };
    uint32_t low = 0, high = section->n_relocs;
    for (uint32_t i = from; i > 0 && from - i < NEAR_BY && section->relocs[i].offset >= offset; i--)
        if (section->relocs[i - 1].offset < offset)
            return i;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (section->relocs[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Replaces the addend, which must be 0, by the way to the upper half that is where the label is. Assemblers write it
 * first of the few that they have for a place: no more are walked for each lower half. */
static oj_status pair_low(const oji_elf_reader *reader, const oji_elf_parts *parts, uint32_t index, oji_reloc *reloc)
{
    const oji_section *section = &parts->sections[index];
    const oji_symbol *label = &parts->symbols[reloc->symbol];
    enum { MAX_AT_ONE_PLACE = 64 };
    uint32_t first;
    if (reloc->addend != 0)
        return fail_reloc(reader, parts, section, reloc, OJ_E_MALFORMED, "has an addend: its label alone says all");
    if (label->section != index)
        return fail_reloc(reader, parts, section, reloc, OJ_E_MALFORMED, "has a label that is not in its section");
    first = find_offset(section, (uint32_t)(reloc - section->relocs), label->value);
    for (uint32_t i = first;
         i < section->n_relocs && i - first < MAX_AT_ONE_PLACE && section->relocs[i].offset == label->value; i++)
        if (oji_rv_is_pcrel_hi(section->relocs[i].kind)) {
            reloc->addend = (int64_t)i - (int64_t)(reloc - section->relocs);
            return OJ_OK;
        }
    return fail_reloc(reader, parts, section, reloc, OJ_E_MALFORMED,
                      "is unpaired: there is no upper half where its label is");
}

static bool is_uleb128_pair(const oji_section *section, uint32_t i)
{
    const oji_reloc *set = &section->relocs[i];
    return i + 1 < section->n_relocs && set[0].kind == OJI_RV_SET_ULEB128 && set[1].kind == OJI_RV_SUB_ULEB128 &&
           set[0].offset == set[1].offset;
}

/* Assemblers write relocations in the order of their offsets, but for what .subsection moves. */
static oj_status check_order(const oji_elf_reader *reader, const oji_elf_parts *parts, const oji_section *section)
{
    for (uint32_t i = 1; i < section->n_relocs; i++)
        if (section->relocs[i].offset < section->relocs[i - 1].offset)
            return fail_reloc(reader, parts, section, &section->relocs[i], OJ_E_UNSUPPORTED,
                              "is out of order, which is not supported in a section with pairs or alignments");
    return OJ_OK;
}

/* All bytes that an alignment may take away are nops of the section. */
static oj_status check_align(const oji_elf_reader *reader, const oji_elf_parts *parts, const oji_section *section,
                             const oji_reloc *reloc)
{
    if (section->kind != OJ_SECTION_CODE)
        return fail_reloc(reader, parts, section, reloc, OJ_E_UNSUPPORTED,
                          "is in a section that is not code, which has no nops");
    if (reloc->addend < 0 || (uint64_t)reloc->addend > section->size - reloc->offset || reloc->addend % 2 != 0)
        return fail_reloc(reader, parts, section, reloc, OJ_E_MALFORMED, "has a size that is not its section's");
    return OJ_OK;
}

static oj_status finish_section(const oji_elf_reader *reader, const oji_elf_parts *parts, uint32_t index)
{
    const oji_section *section = &parts->sections[index];
    oji_reloc *relocs = parts->relocs + (section->relocs - parts->relocs);
    bool is_ordered = false;
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        bool is_low = oji_rv_is_pcrel_lo(relocs[i].kind), is_align = relocs[i].kind == OJI_RV_ALIGN;
        if ((is_low || is_align || relocs[i].kind == OJI_RV_CALL) && !is_ordered) {
            OJI_TRY(check_order(reader, parts, section));
            is_ordered = true;
        }
        if (is_low)
            OJI_TRY(pair_low(reader, parts, index, &relocs[i]));
        if (is_align)
            OJI_TRY(check_align(reader, parts, section, &relocs[i]));
        if ((relocs[i].kind == OJI_RV_SET_ULEB128 && !is_uleb128_pair(section, i)) ||
            (relocs[i].kind == OJI_RV_SUB_ULEB128 && (i == 0 || !is_uleb128_pair(section, i - 1))))
            return fail_reloc(reader, parts, section, &relocs[i], OJ_E_MALFORMED,
                              "is unpaired: SET_ULEB128 and SUB_ULEB128 of a field come together");
        if (relocs[i].kind == OJI_RV_ALIGN ||
            (relocs[i].kind == OJI_RV_CALL && i + 1 < section->n_relocs && relocs[i + 1].kind == OJI_RV_RELAX))
            parts->object->may_shrink = true;
    }
    return OJ_OK;
}

/* The ABI is what EF_RISCV_FLOAT_ABI and EF_RISCV_RVE say; compressed code may call other code and be called. */
static oj_status finish(const oji_elf_reader *reader, oji_elf_parts *parts)
{
    enum { RVC = 1, ABI = 0x0e };
    parts->object->abi = (uint8_t)(1 + (reader->machine_flags & ABI) / 2);
    parts->object->has_short_code = (reader->machine_flags & RVC) != 0;
    for (uint32_t i = 1; i < reader->n_sections; i++)
        if (parts->sections[i].n_relocs > 0)
            OJI_TRY(finish_section(reader, parts, i));
    return OJ_OK;
}

const oji_elf_arch oji_elf_riscv64 = {.id = OJI_ARCH_RISCV64,
                                      .machine = ELF_EM_RISCV,
                                      .n_rows = OJI_COUNT(rows),
                                      .rows = rows,
                                      .names = names,
                                      .refusal = refusal,
                                      .is_64 = true,
                                      .finish = finish};

const oji_elf_arch oji_elf_riscv32 = {.id = OJI_ARCH_RISCV32,
                                      .machine = ELF_EM_RISCV,
                                      .n_rows = OJI_COUNT(rows_32),
                                      .rows = rows_32,
                                      .names = names,
                                      .refusal = refusal,
                                      .finish = finish};
