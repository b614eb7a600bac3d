/* AArch64: relocation formulas, stubs, facts.
 * Every kind is a row: which value it computes, which bits of it must be all, and which field takes it. What a field is
 * and how it is filled is written once.
 * Source: ELF for the Arm 64-bit Architecture (AAELF64), section 5.7; Arm ARM (DDI 0487), section C4.1 (encodings). */
#include "arch/arch.h"
#include "arch/runtime.h"
#include "arch/value.h"
#include "object/aarch64.h"

enum { GOT_ENTRY_SIZE = 8, STUB_SIZE = 16 };

/* What is taken off it. PAGE is of both: Page(value) - Page(P). */
typedef enum from { NOTHING, PLACE, PAGE, GOT, GOT_PAGE } from;

/* Where a value goes; bits below `shift` are not part of it. */
typedef enum field {
    DATA64,
    DATA32,
    DATA16,
    IMM26,     /* bits 0 to 25: B, BL */
    IMM19,     /* bits 5 to 23: LDR literal, B.cond, CBZ */
    IMM14,     /* bits 5 to 18: TBZ */
    ADR,       /* two bits at 29, nineteen at 5: ADR, ADRP */
    IMM12,     /* bits 10 to 21: ADD, LDR, STR */
    MOVK,      /* bits 5 to 20, a 16-bit group of the value */
    MOV_SIGNED /* the same; MOVN takes the complement of what is negative, MOVZ the rest */
} field;

typedef struct row {
    uint8_t object;
    uint8_t from;
    uint8_t check;
    uint8_t bits;
    uint8_t field;
    uint8_t shift;      /* of the value into the field */
    uint8_t is_aligned; /* the bits shifted out must be zero: an access of that size, or an instruction */
} row;

#define KIND(name) [OJI_A64_##name - OJI_RELOC_OF_ARCH]

/* ORDER OJI_A64 */
static const row rows[OJI_A64_END - OJI_RELOC_OF_ARCH] = {
    KIND(ABS32) = {SYMBOL, NOTHING, EITHER, 32, DATA32, 0, 0},
    KIND(ABS16) = {SYMBOL, NOTHING, EITHER, 16, DATA16, 0, 0},
    KIND(PREL32) = {SYMBOL, PLACE, EITHER, 32, DATA32, 0, 0},
    KIND(PREL16) = {SYMBOL, PLACE, EITHER, 16, DATA16, 0, 0},
    KIND(PLT32) = {CALLEE, PLACE, SIGNED, 32, DATA32, 0, 0},
    KIND(GOTPCREL32) = {ENTRY, PLACE, SIGNED, 32, DATA32, 0, 0},
    KIND(GOTREL64) = {SYMBOL, GOT, ANYTHING, 0, DATA64, 0, 0},
    KIND(GOTREL32) = {SYMBOL, GOT, SIGNED, 32, DATA32, 0, 0},
    KIND(LD_PREL_LO19) = {SYMBOL, PLACE, SIGNED, 21, IMM19, 2, 1},
    KIND(ADR_PREL_LO21) = {SYMBOL, PLACE, SIGNED, 21, ADR, 0, 0},
    KIND(CONDBR19) = {SYMBOL, PLACE, SIGNED, 21, IMM19, 2, 1},
    KIND(TSTBR14) = {SYMBOL, PLACE, SIGNED, 16, IMM14, 2, 1},
    KIND(JUMP26) = {CALLEE, PLACE, SIGNED, 28, IMM26, 2, 1},
    KIND(CALL26) = {CALLEE, PLACE, SIGNED, 28, IMM26, 2, 1},
    KIND(ADR_PREL_PG_HI21) = {SYMBOL, PAGE, SIGNED, 33, ADR, 12, 0},
    KIND(ADR_PREL_PG_HI21_NC) = {SYMBOL, PAGE, ANYTHING, 0, ADR, 12, 0},
    KIND(ADD_ABS_LO12_NC) = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(LDST8_ABS_LO12_NC) = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(LDST16_ABS_LO12_NC) = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 1, 1},
    KIND(LDST32_ABS_LO12_NC) = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 2, 1},
    KIND(LDST64_ABS_LO12_NC) = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 3, 1},
    KIND(LDST128_ABS_LO12_NC) = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 4, 1},
    KIND(MOVW_UABS_G0) = {SYMBOL, NOTHING, UNSIGNED, 16, MOVK, 0, 0},
    KIND(MOVW_UABS_G0_NC) = {SYMBOL, NOTHING, ANYTHING, 0, MOVK, 0, 0},
    KIND(MOVW_UABS_G1) = {SYMBOL, NOTHING, UNSIGNED, 32, MOVK, 16, 0},
    KIND(MOVW_UABS_G1_NC) = {SYMBOL, NOTHING, ANYTHING, 0, MOVK, 16, 0},
    KIND(MOVW_UABS_G2) = {SYMBOL, NOTHING, UNSIGNED, 48, MOVK, 32, 0},
    KIND(MOVW_UABS_G2_NC) = {SYMBOL, NOTHING, ANYTHING, 0, MOVK, 32, 0},
    KIND(MOVW_UABS_G3) = {SYMBOL, NOTHING, ANYTHING, 0, MOVK, 48, 0},
    KIND(MOVW_SABS_G0) = {SYMBOL, NOTHING, SIGNED, 17, MOV_SIGNED, 0, 0},
    KIND(MOVW_SABS_G1) = {SYMBOL, NOTHING, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(MOVW_SABS_G2) = {SYMBOL, NOTHING, SIGNED, 49, MOV_SIGNED, 32, 0},
    KIND(MOVW_PREL_G0) = {SYMBOL, PLACE, SIGNED, 17, MOV_SIGNED, 0, 0},
    KIND(MOVW_PREL_G0_NC) = {SYMBOL, PLACE, ANYTHING, 0, MOVK, 0, 0},
    KIND(MOVW_PREL_G1) = {SYMBOL, PLACE, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(MOVW_PREL_G1_NC) = {SYMBOL, PLACE, ANYTHING, 0, MOVK, 16, 0},
    KIND(MOVW_PREL_G2) = {SYMBOL, PLACE, SIGNED, 49, MOV_SIGNED, 32, 0},
    KIND(MOVW_PREL_G2_NC) = {SYMBOL, PLACE, ANYTHING, 0, MOVK, 32, 0},
    KIND(MOVW_PREL_G3) = {SYMBOL, PLACE, ANYTHING, 0, MOV_SIGNED, 48, 0},
    KIND(MOVW_GOTOFF_G0) = {ENTRY, GOT, SIGNED, 17, MOV_SIGNED, 0, 0},
    KIND(MOVW_GOTOFF_G0_NC) = {ENTRY, GOT, ANYTHING, 0, MOVK, 0, 0},
    KIND(MOVW_GOTOFF_G1) = {ENTRY, GOT, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(MOVW_GOTOFF_G1_NC) = {ENTRY, GOT, ANYTHING, 0, MOVK, 16, 0},
    KIND(MOVW_GOTOFF_G2) = {ENTRY, GOT, SIGNED, 49, MOV_SIGNED, 32, 0},
    KIND(MOVW_GOTOFF_G2_NC) = {ENTRY, GOT, ANYTHING, 0, MOVK, 32, 0},
    KIND(MOVW_GOTOFF_G3) = {ENTRY, GOT, ANYTHING, 0, MOV_SIGNED, 48, 0},
    KIND(GOT_LD_PREL19) = {ENTRY, PLACE, SIGNED, 21, IMM19, 2, 1},
    KIND(ADR_GOT_PAGE) = {ENTRY, PAGE, SIGNED, 33, ADR, 12, 0},
    KIND(LD64_GOT_LO12_NC) = {ENTRY, NOTHING, ANYTHING, 0, IMM12, 3, 1},
    KIND(LD64_GOTOFF_LO15) = {ENTRY, GOT, UNSIGNED, 15, IMM12, 3, 1},
    KIND(LD64_GOTPAGE_LO15) = {ENTRY, GOT_PAGE, UNSIGNED, 15, IMM12, 3, 1},
    KIND(TLSGD_ADR_PREL21) = {INDEX, PLACE, SIGNED, 21, ADR, 0, 0},
    KIND(TLSLD_ADR_PREL21) = {BLOCK, PLACE, SIGNED, 21, ADR, 0, 0},
    KIND(TLSLD_LD_PREL19) = {BLOCK, PLACE, SIGNED, 21, IMM19, 2, 1},
    KIND(TLSIE_LD_GOTTPREL_PREL19) = {DISTANCE, PLACE, SIGNED, 21, IMM19, 2, 1},
    KIND(TLSDESC_LD_PREL19) = {DESCRIPTOR, PLACE, SIGNED, 21, IMM19, 2, 1},
    KIND(TLSDESC_ADR_PREL21) = {DESCRIPTOR, PLACE, SIGNED, 21, ADR, 0, 0},
    KIND(TLSGD_ADR_PAGE21) = {INDEX, PAGE, SIGNED, 33, ADR, 12, 0},
    KIND(TLSLD_ADR_PAGE21) = {BLOCK, PAGE, SIGNED, 33, ADR, 12, 0},
    KIND(TLSIE_ADR_GOTTPREL_PAGE21) = {DISTANCE, PAGE, SIGNED, 33, ADR, 12, 0},
    KIND(TLSDESC_ADR_PAGE21) = {DESCRIPTOR, PAGE, SIGNED, 33, ADR, 12, 0},
    KIND(TLSGD_ADD_LO12_NC) = {INDEX, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSLD_ADD_LO12_NC) = {BLOCK, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSIE_LD64_GOTTPREL_LO12_NC) = {DISTANCE, NOTHING, ANYTHING, 0, IMM12, 3, 1},
    KIND(TLSDESC_LD64_LO12) = {DESCRIPTOR, NOTHING, ANYTHING, 0, IMM12, 3, 1},
    KIND(TLSDESC_ADD_LO12) = {DESCRIPTOR, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSGD_MOVW_G1) = {INDEX, GOT, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(TLSGD_MOVW_G0_NC) = {INDEX, GOT, ANYTHING, 0, MOVK, 0, 0},
    KIND(TLSLD_MOVW_G1) = {BLOCK, GOT, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(TLSLD_MOVW_G0_NC) = {BLOCK, GOT, ANYTHING, 0, MOVK, 0, 0},
    KIND(TLSIE_MOVW_GOTTPREL_G1) = {DISTANCE, GOT, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(TLSIE_MOVW_GOTTPREL_G0_NC) = {DISTANCE, GOT, ANYTHING, 0, MOVK, 0, 0},
    KIND(TLSDESC_OFF_G1) = {DESCRIPTOR, GOT, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(TLSDESC_OFF_G0_NC) = {DESCRIPTOR, GOT, ANYTHING, 0, MOVK, 0, 0},
    KIND(TLSLD_MOVW_DTPREL_G2) = {OFFSET, NOTHING, SIGNED, 49, MOV_SIGNED, 32, 0},
    KIND(TLSLD_MOVW_DTPREL_G1) = {OFFSET, NOTHING, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(TLSLD_MOVW_DTPREL_G1_NC) = {OFFSET, NOTHING, ANYTHING, 0, MOVK, 16, 0},
    KIND(TLSLD_MOVW_DTPREL_G0) = {OFFSET, NOTHING, SIGNED, 17, MOV_SIGNED, 0, 0},
    KIND(TLSLD_MOVW_DTPREL_G0_NC) = {OFFSET, NOTHING, ANYTHING, 0, MOVK, 0, 0},
    KIND(TLSLD_ADD_DTPREL_HI12) = {OFFSET, NOTHING, UNSIGNED, 24, IMM12, 12, 0},
    KIND(TLSLD_ADD_DTPREL_LO12) = {OFFSET, NOTHING, UNSIGNED, 12, IMM12, 0, 0},
    KIND(TLSLD_ADD_DTPREL_LO12_NC) = {OFFSET, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSLD_LDST8_DTPREL_LO12) = {OFFSET, NOTHING, UNSIGNED, 12, IMM12, 0, 0},
    KIND(TLSLD_LDST8_DTPREL_LO12_NC) = {OFFSET, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSLD_LDST16_DTPREL_LO12) = {OFFSET, NOTHING, UNSIGNED, 12, IMM12, 1, 1},
    KIND(TLSLD_LDST16_DTPREL_LO12_NC) = {OFFSET, NOTHING, ANYTHING, 0, IMM12, 1, 1},
    KIND(TLSLD_LDST32_DTPREL_LO12) = {OFFSET, NOTHING, UNSIGNED, 12, IMM12, 2, 1},
    KIND(TLSLD_LDST32_DTPREL_LO12_NC) = {OFFSET, NOTHING, ANYTHING, 0, IMM12, 2, 1},
    KIND(TLSLD_LDST64_DTPREL_LO12) = {OFFSET, NOTHING, UNSIGNED, 12, IMM12, 3, 1},
    KIND(TLSLD_LDST64_DTPREL_LO12_NC) = {OFFSET, NOTHING, ANYTHING, 0, IMM12, 3, 1},
    KIND(TLSLD_LDST128_DTPREL_LO12) = {OFFSET, NOTHING, UNSIGNED, 12, IMM12, 4, 1},
    KIND(TLSLD_LDST128_DTPREL_LO12_NC) = {OFFSET, NOTHING, ANYTHING, 0, IMM12, 4, 1},
    KIND(TLSLE_MOVW_TPREL_G2) = {POINTER, NOTHING, SIGNED, 49, MOV_SIGNED, 32, 0},
    KIND(TLSLE_MOVW_TPREL_G1) = {POINTER, NOTHING, SIGNED, 33, MOV_SIGNED, 16, 0},
    KIND(TLSLE_MOVW_TPREL_G1_NC) = {POINTER, NOTHING, ANYTHING, 0, MOVK, 16, 0},
    KIND(TLSLE_MOVW_TPREL_G0) = {POINTER, NOTHING, SIGNED, 17, MOV_SIGNED, 0, 0},
    KIND(TLSLE_MOVW_TPREL_G0_NC) = {POINTER, NOTHING, ANYTHING, 0, MOVK, 0, 0},
    KIND(TLSLE_ADD_TPREL_HI12) = {POINTER, NOTHING, UNSIGNED, 24, IMM12, 12, 0},
    KIND(TLSLE_ADD_TPREL_LO12) = {POINTER, NOTHING, UNSIGNED, 12, IMM12, 0, 0},
    KIND(TLSLE_ADD_TPREL_LO12_NC) = {POINTER, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSLE_LDST8_TPREL_LO12) = {POINTER, NOTHING, UNSIGNED, 12, IMM12, 0, 0},
    KIND(TLSLE_LDST8_TPREL_LO12_NC) = {POINTER, NOTHING, ANYTHING, 0, IMM12, 0, 0},
    KIND(TLSLE_LDST16_TPREL_LO12) = {POINTER, NOTHING, UNSIGNED, 12, IMM12, 1, 1},
    KIND(TLSLE_LDST16_TPREL_LO12_NC) = {POINTER, NOTHING, ANYTHING, 0, IMM12, 1, 1},
    KIND(TLSLE_LDST32_TPREL_LO12) = {POINTER, NOTHING, UNSIGNED, 12, IMM12, 2, 1},
    KIND(TLSLE_LDST32_TPREL_LO12_NC) = {POINTER, NOTHING, ANYTHING, 0, IMM12, 2, 1},
    KIND(TLSLE_LDST64_TPREL_LO12) = {POINTER, NOTHING, UNSIGNED, 12, IMM12, 3, 1},
    KIND(TLSLE_LDST64_TPREL_LO12_NC) = {POINTER, NOTHING, ANYTHING, 0, IMM12, 3, 1},
    KIND(TLSLE_LDST128_TPREL_LO12) = {POINTER, NOTHING, UNSIGNED, 12, IMM12, 4, 1},
    KIND(TLSLE_LDST128_TPREL_LO12_NC) = {POINTER, NOTHING, ANYTHING, 0, IMM12, 4, 1},
};

static inline uint64_t page_of(uint64_t addr) { return addr & ~UINT64_C(0xfff); }

static inline uint32_t insert(uint32_t instruction, uint64_t value, unsigned low, unsigned bits)
{
    uint32_t mask = ((UINT32_C(1) << bits) - 1) << low;
    return (instruction & ~mask) | ((uint32_t)(value << low) & mask);
}

/* Bits 30 and 29 tell MOVN (00) from MOVZ (10): what is negative is the complement of what MOVN holds. */
static uint32_t insert_signed(uint32_t instruction, uint64_t value, uint8_t shift)
{
    bool is_negative = (int64_t)value < 0;
    uint64_t group = (is_negative ? ~value : value) >> shift;
    instruction = is_negative ? instruction & ~(UINT32_C(1) << 30) : instruction | (UINT32_C(1) << 30);
    return insert(instruction, group, 5, 16);
}

static void store_field(uint8_t *where, const row *how, uint64_t value)
{
    uint64_t shifted = value >> how->shift;
    uint32_t old = how->field == DATA16 ? 0 : oji_load32(where);
    switch (how->field) {
    case DATA64:
        oji_store64(where, value);
        break;
    case DATA32:
        oji_store32(where, (uint32_t)value);
        break;
    case DATA16:
        oji_store16(where, (uint16_t)value);
        break;
    case IMM26:
        oji_store32(where, insert(old, shifted, 0, 26));
        break;
    case IMM19:
        oji_store32(where, insert(old, shifted, 5, 19));
        break;
    case IMM14:
        oji_store32(where, insert(old, shifted, 5, 14));
        break;
    case ADR:
        oji_store32(where, insert(insert(old, shifted, 29, 2), shifted >> 2, 5, 19));
        break;
    case IMM12:
        /* The low 12 bits of an address: as many of them as are left by the access's size. */
        oji_store32(where, insert(old, (how->check == ANYTHING ? value & 0xfff : value) >> how->shift, 10, 12));
        break;
    case MOVK:
        oji_store32(where, insert(old, shifted, 5, 16));
        break;
    default:
        oji_store32(where, insert_signed(old, value, how->shift));
    }
}

static inline bool is_aligned(const row *how, uint64_t value)
{
    return !how->is_aligned || (value & ((UINT64_C(1) << how->shift) - 1)) == 0;
}

static inline bool store_checked(uint8_t *where, const row *how, uint64_t value)
{
    if (!fits(value, how->check, how->bits) || !is_aligned(how, value))
        return false;
    store_field(where, how, value);
    return true;
}

/* A branch to a weak name that nobody defines goes to the next instruction (AAELF64, 5.7.9, "Call and jump
 * relocations"); a stress build takes the stub wherever there is one. It leads to the symbol: a branch that is to go
 * further has no stub. The addend of data says what its distance counts from, as in tables of functions. */
static bool fix_branch(oji_fixups *fixups, const oji_reloc *reloc, const row *how, uint8_t *where)
{
    const oji_target *target = &fixups->targets[reloc->symbol];
    const oji_symbol *symbol = &fixups->symbols[reloc->symbol];
    uint64_t place = fixups->run_addr + reloc->offset, addend = (uint64_t)reloc->addend;
    bool has_stub = target->stub != 0 && (addend == 0 || how->field == DATA32);
    if (target->addr == 0 && symbol->binding == OJ_SYMBOL_WEAK && symbol->section == OJI_SECTION_UNDEFINED &&
        how->field == IMM26)
        return store_checked(where, how, 4);
#ifdef OJ_STRESS
    if (!has_stub)
#endif
        if (store_checked(where, how, target->addr + addend - place)) {
            fixups->n_direct += has_stub;
            return true;
        }
    /* A stub would lead there as well, to where no instruction is. */
    if (!is_aligned(how, target->addr + addend - place)) {
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
        return false;
    }
    return has_stub &&
           store_checked(where, how, fixups->stubs_addr + (uint64_t)(target->stub - 1) * STUB_SIZE + addend - place);
}

/* Kinds of this architecture's own. A missing GOT entry counts as not fitting. */
static bool fix_own(oji_fixups *fixups, const oji_reloc *reloc, uint8_t *where)
{
    const row *how = &rows[reloc->kind - OJI_RELOC_OF_ARCH];
    const oji_target *target = &fixups->targets[reloc->symbol];
    uint64_t place = fixups->run_addr + reloc->offset, value;
    if (how->object == CALLEE)
        return fix_branch(fixups, reloc, how, where);
    if (!find_object(fixups, target, how->object, &value)) {
        fixups->misfit = OJI_MISFIT_ENTRY;
        return false;
    }
    value += (uint64_t)reloc->addend;
    switch (how->from) {
    case PLACE:
        value -= place;
        break;
    case PAGE:
        value = page_of(value) - page_of(place);
        break;
    case GOT:
        value -= fixups->base_addr;
        break;
    case GOT_PAGE:
        value -= page_of(fixups->base_addr);
        break;
    default:
        break;
    }
    if (!is_aligned(how, value))
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
    return store_checked(where, how, value);
}

/* Does each ADRP of a GOT page stand right before the load from that page, and each load right behind its ADRP? Then
 * nobody else uses the page: a register that holds one is overwritten by the load. */
static bool loads_are_pairs(const oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++) {
        const oji_reloc *page = &fixups->relocs[i], *low = page + 1;
        if (page->kind == OJI_A64_LD64_GOT_LO12_NC)
            return false;
        if (page->kind != OJI_A64_ADR_GOT_PAGE)
            continue;
        if (i + 1 == fixups->n_relocs || low->kind != OJI_A64_LD64_GOT_LO12_NC || low->symbol != page->symbol ||
            low->offset != page->offset + 4 || low->addend != 0 || page->addend != 0)
            return false;
        i++;
    }
    return true;
}

/* adrp x, :got:symbol; ldr x, [x, :got_lo12:symbol]  ->  nop; adr x, symbol
 *                                                          or  adrp x, symbol; add x, x, :lo12:symbol
 * where all three registers are one, and the symbol is in reach (AAELF64, "Relocation optimization"). The GOT entry
 * stays. A stress build takes the long way. Needs loads_are_pairs(). */
static bool relax_pair(oji_fixups *fixups, const oji_reloc *page, uint8_t *where)
{
    static const row high = {SYMBOL, PAGE, SIGNED, 33, ADR, 12, 0}, low = {SYMBOL, NOTHING, ANYTHING, 0, IMM12, 0, 0};
    static const row whole = {SYMBOL, PLACE, SIGNED, 21, ADR, 0, 0};
    uint32_t adrp = oji_load32(where), load = oji_load32(where + 4), reg = adrp & 31;
    uint64_t addr = fixups->targets[page->symbol].addr, place = fixups->run_addr + page->offset;
#ifdef OJ_STRESS
    return false;
#endif
    if ((adrp & 0x9f000000) != 0x90000000 || load != (UINT32_C(0xf9400000) | (load & 0x3ffc00) | reg << 5 | reg))
        return false;
    if (fits(addr - (place + 4), SIGNED, 21)) {
        oji_store32(where, UINT32_C(0xd503201f));
        oji_store32(where + 4, UINT32_C(0x10000000) | reg);
        store_field(where + 4, &whole, addr - (place + 4));
    } else {
        if (!store_checked(where, &high, page_of(addr) - page_of(place)))
            return false;
        oji_store32(where + 4, UINT32_C(0x91000000) | reg << 5 | reg);
        store_field(where + 4, &low, addr);
    }
    fixups->n_relaxed++;
    return true;
}

static uint32_t relocate(oji_fixups *fixups)
{
    enum { UNKNOWN, PAIRS, NO_PAIRS } loads = UNKNOWN;
    for (uint32_t i = 0; i < fixups->n_relocs; i++) {
        const oji_reloc *reloc = &fixups->relocs[i];
        uint64_t absolute = fixups->targets[reloc->symbol].addr + (uint64_t)reloc->addend;
        uint8_t *where = fixups->write + reloc->offset;
        bool done = true;
        OJI_ASSERT(reloc->offset < fixups->size || reloc->kind == OJI_RELOC_NONE);
        if (reloc->kind == OJI_A64_ADR_GOT_PAGE) {
            if (loads == UNKNOWN)
                loads = loads_are_pairs(fixups) ? PAIRS : NO_PAIRS;
            if (loads == PAIRS && relax_pair(fixups, reloc, where)) {
                i++;
                continue;
            }
        }
        if (OJI_LIKELY(reloc->kind >= OJI_RELOC_OF_ARCH && reloc->kind < OJI_A64_END))
            done = fix_own(fixups, reloc, where);
        else if (reloc->kind == OJI_RELOC_ABS64)
            oji_store64(where, absolute);
        else if (reloc->kind == OJI_RELOC_PC64)
            oji_store64(where, absolute - (fixups->run_addr + reloc->offset));
        else
            done = reloc->kind == OJI_RELOC_NONE || reloc->kind == OJI_RELOC_TLS_DESC_CALL;
        if (OJI_UNLIKELY(!done))
            return i;
    }
    return fixups->n_relocs;
}

static uint32_t needs(uint32_t kind)
{
    static const uint32_t uses[] = {
        [CALLEE] = OJI_USE_CALL,       [ENTRY] = OJI_USE_GOT,           [INDEX] = OJI_USE_TLS_INDEX,
        [BLOCK] = OJI_USE_TLS_BLOCK,   [DESCRIPTOR] = OJI_USE_TLS_DESC, [DISTANCE] = OJI_USE_TLS_LOAD,
        [OFFSET] = OJI_USE_TLS_OFFSET, [POINTER] = OJI_USE_TLS_POINTER};
    if (kind < OJI_RELOC_OF_ARCH || kind >= OJI_A64_END)
        return 0;
    return uses[rows[kind - OJI_RELOC_OF_ARCH].object];
}

/* adrp x16, entry; ldr x17, [x16, entry]; br x17; udf 0. x16 and x17 are the procedure call standard's for stubs
 * (AAPCS64, 6.1.1: IP0 and IP1). */
static bool write_stub(uint8_t *write, uint64_t stub, uint64_t entry)
{
    static const row page = {ENTRY, PAGE, SIGNED, 33, ADR, 12, 0}, low = {ENTRY, NOTHING, ANYTHING, 0, IMM12, 3, 1};
    oji_store32(write, UINT32_C(0x90000010));
    oji_store32(write + 4, UINT32_C(0xf9400211));
    oji_store32(write + 8, UINT32_C(0xd61f0220));
    oji_store32(write + 12, 0);
    return store_checked(write, &page, page_of(entry) - page_of(stub)) && store_checked(write + 4, &low, entry);
}

/* The same with ldr x17, [x17] before the branch. */
static void write_far_stub(uint8_t *write, uint64_t stub, uint64_t word)
{
    write_stub(write, stub, word);
    oji_store32(write + 8, UINT32_C(0xf9400231));
    oji_store32(write + 12, UINT32_C(0xd61f0220));
}

/* B, BL, BRK, HVC, ISB, NOP, SMC and SVC are those that a core runs either as they were or as they are, whenever
 * another changes one into another; every other change needs all cores to wait (Arm ARM, B2.2.5 "Concurrent
 * modification and execution of instructions"). Encodings: C4.1, C6.2. */
static bool may_change(uint32_t instruction)
{
    static const uint32_t forms[][2] = {{0x7c000000, 0x14000000},  /* B, BL */
                                        {0xffe0001f, 0xd4000001},  /* SVC */
                                        {0xffe0001f, 0xd4000002},  /* HVC */
                                        {0xffe0001f, 0xd4000003},  /* SMC */
                                        {0xffe0001f, 0xd4200000},  /* BRK */
                                        {0xffffffff, 0xd503201f},  /* NOP */
                                        {0xfffff0ff, 0xd50330df}}; /* ISB */
    for (size_t i = 0; i < OJI_COUNT(forms); i++)
        if ((instruction & forms[i][0]) == forms[i][1])
            return true;
    return false;
}

static bool may_patch(const uint8_t *old_word, const uint8_t *new_word)
{
    uint32_t before = oji_load32(old_word), after = oji_load32(new_word);
    return before == after || (may_change(before) && may_change(after));
}

/* mov x1, xzr, or nop; adrp argument, :got:handle; ldr argument, [argument, :got_lo12:handle]; b target. The argument
 * is x2, x1, x3: the one behind those that the function itself has, and for atexit() another is zero (AAPCS64, 6.4). */
static const oji_reloc runtime_relocs[] = {{.offset = 4, .symbol = 3, .kind = OJI_A64_ADR_GOT_PAGE},
                                           {.offset = 8, .symbol = 3, .kind = OJI_A64_LD64_GOT_LO12_NC},
                                           {.offset = 12, .symbol = 2, .kind = OJI_A64_JUMP26}};
static const uint16_t runtime_numbers[] = {0, 1, 2};
static const char *const runtime_names[] = {"R_AARCH64_ADR_GOT_PAGE", "R_AARCH64_LD64_GOT_LO12_NC", "R_AARCH64_JUMP26"};

enum { TARGET_USES = OJI_USE_CALL, HANDLE_USES = OJI_USE_GOT, ARCH = OJI_ARCH_AARCH64 };

OJI_RUNTIME(runtime_atexit, "atexit", "__cxa_atexit", 0xe1, 0x03, 0x1f, 0xaa, 0x02, 0, 0, 0x90, 0x42, 0, 0x40, 0xf9, 0,
            0, 0, 0x14);
OJI_RUNTIME(runtime_quick_exit, "at_quick_exit", "__cxa_at_quick_exit", 0x1f, 0x20, 0x03, 0xd5, 0x01, 0, 0, 0x90, 0x21,
            0, 0x40, 0xf9, 0, 0, 0, 0x14);
OJI_RUNTIME(runtime_atfork, "pthread_atfork", "__register_atfork", 0x1f, 0x20, 0x03, 0xd5, 0x03, 0, 0, 0x90, 0x63, 0,
            0x40, 0xf9, 0, 0, 0, 0x14);

static const oj_object *const runtime[] = {&runtime_atexit, &runtime_quick_exit, &runtime_atfork, NULL};

const oji_arch oji_arch_aarch64 = {
    .id = OJI_ARCH_AARCH64,
    .elf_machine = 183,
    .got_entry_size = GOT_ENTRY_SIZE,
    .stub_size = STUB_SIZE,
    .far_stub_size = STUB_SIZE,
    /* PREL32 in unwind tables, and the distance that ADRP reaches at least. */
    .reach = (UINT64_C(1) << 31) - (UINT64_C(1) << 24),
    .branch_reach = OJI_BRANCH_REACH((UINT64_C(1) << 27) - 4),
    .address_bits = 64,
    /* UDF #0 is four bytes of zero (Arm ARM, C6.2.387). */
    .padding = 0,
    .unwind_registers = 96,
    .patch_word = 4,
    .may_patch = may_patch,
    .patch_rule = "only one of B, BL, BRK, HVC, ISB, NOP, SMC and SVC into another of them",
    .runtime = runtime,
    .needs = needs,
    .relocate = relocate,
    .write_stub = write_stub,
    .write_far_stub = write_far_stub,
};
