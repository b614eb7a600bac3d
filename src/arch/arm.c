/* 32-bit ARM, A32 and Thumb-2: relocation formulas, stubs, facts.
 * A Thumb function's address is odd: S carries T in its lowest bit, so that pointers to it call it as they should.
 * Source: ELF for the Arm Architecture (AAELF32), section 5.6; Arm ARM (DDI 0406), A8 (encodings). */
#include "arch/arch.h"
#include "arch/runtime.h"
#include "object/arm.h"

enum { GOT_ENTRY_SIZE = 4, STUB_SIZE = 16, STUB_A32 = 4 };

static bool fits(uint32_t value, unsigned bits)
{
    return oji_arm_extend(value & ((UINT32_C(2) << (bits - 1)) - 1), bits) == (int32_t)value;
}

/* Addresses of 32 bits; sums and differences wrap. */
typedef struct values {
    uint32_t target; /* S + A, with T where S has it */
    uint32_t addend;
    uint32_t place;
    uint32_t got;
    uint32_t entry; /* G + A */
    uint32_t stub;  /* 0 where there is none */
    bool is_thumb;  /* a branch to S goes to Thumb */
    bool has_t;     /* T */
} values;

static inline bool store_branch(uint8_t *where, uint32_t instruction, uint32_t value)
{
    if (!fits(value, 26) || (value & 3) != 0)
        return false;
    oji_store32(where, (instruction & 0xff000000) | (value >> 2 & 0xffffff));
    return true;
}

/* BL to Thumb becomes BLX, whose bit 24 is half of a word of the distance; BLX to A32 becomes BL. Both are
 * unconditional (AAELF32, 5.6.1.4, "Call and Jump relocations"). */
static inline __attribute__((always_inline)) bool fix_call(const values *v, uint8_t *where)
{
    uint32_t instruction = oji_load32(where), value = (v->target & ~UINT32_C(1)) - v->place;
    bool is_blx = (instruction & 0xfe000000) == 0xfa000000, is_bl = (instruction & 0xff000000) == 0xeb000000;
    if (v->is_thumb && (is_bl || is_blx)) {
        if (!fits(value, 26))
            return false;
        oji_store32(where, 0xfa000000 | (value & 2) << 23 | (value >> 2 & 0xffffff));
        return true;
    }
    return !v->is_thumb && store_branch(where, is_blx ? 0xeb000000 : instruction, value);
}

/* BL to A32 becomes BLX, whose base is the place aligned to 4 (bit 12 clear); BLX to Thumb becomes BL. */
static inline __attribute__((always_inline)) bool fix_thumb_call(const values *v, uint8_t *where)
{
    uint32_t instruction = oji_arm_load_thumb(where);
    uint32_t value = (v->target & ~UINT32_C(1)) - v->place;
    if (!v->is_thumb)
        value = (value + 3) & ~UINT32_C(3);
    if (!fits(value, 25))
        return false;
    instruction = v->is_thumb ? instruction | 0x1000 : instruction & ~UINT32_C(0x1000);
    oji_arm_store_thumb(where, oji_arm_thumb_branch_put(instruction, value));
    return true;
}

static bool fix_thumb_jump(uint32_t kind, const values *v, uint8_t *where)
{
    uint32_t instruction = oji_arm_load_thumb(where), value = (v->target & ~UINT32_C(1)) - v->place;
    bool is_short = kind == OJI_ARM_THM_JUMP19;
    if (!v->is_thumb || !fits(value, is_short ? 21 : 25))
        return false;
    oji_arm_store_thumb(where, is_short ? oji_arm_thumb_condition_put(instruction, value)
                                        : oji_arm_thumb_branch_put(instruction, value));
    return true;
}

static inline __attribute__((always_inline)) bool fix_branch_to(uint32_t kind, const values *v, uint8_t *where)
{
    switch (kind) {
    case OJI_ARM_CALL:
        return fix_call(v, where);
    case OJI_ARM_JUMP24:
        return !v->is_thumb && store_branch(where, oji_load32(where), v->target - v->place);
    case OJI_ARM_THM_CALL:
        return fix_thumb_call(v, where);
    default:
        return fix_thumb_jump(kind, v, where);
    }
}

static bool is_thumb_branch(uint32_t kind)
{
    return kind == OJI_ARM_THM_CALL || kind == OJI_ARM_THM_JUMP24 || kind == OJI_ARM_THM_JUMP19;
}

/* A weak name that nobody defines: the branch becomes one to the next instruction (AAELF32, 5.6.1.4). */
static void branch_to_next(uint32_t kind, uint8_t *where)
{
    if (is_thumb_branch(kind))
        oji_arm_store_thumb(where, 0xf3af8000);
    else
        oji_store32(where, 0xe320f000);
}

/* An indirect function's address is that of its stub, which tells its set as any function's does. */
static inline bool is_function(const oji_symbol *symbol)
{
    return symbol->type == OJ_SYMBOL_FUNCTION || symbol->type == OJ_SYMBOL_IFUNC;
}

/* Instructions are at multiples of 4, of 2 in Thumb, and so is what they branch to; a function's lowest bit is T. What
 * is called through its address (a name without a place in the link) is as whoever gave it says. */
static inline __attribute__((always_inline)) bool is_aligned(const oji_symbol *symbol, uint32_t kind, const values *v)
{
    bool is_inside = symbol->section < OJI_SECTION_COMMON;
    uint32_t place_mask = is_thumb_branch(kind) ? 1 : 3;
    uint32_t mask = is_function(symbol) ? (v->is_thumb ? 0 : 3) : place_mask;
    return (v->place & place_mask) == 0 && (!is_inside || ((v->target - v->addend) & mask) == 0);
}

/* Direct where it reaches and the instruction can change sets; else the stub's entry of the caller's own set, which
 * leads to the symbol: a branch further has none. Addends have what the PC is ahead. */
static inline __attribute__((always_inline)) bool fix_branch(oji_fixups *fixups, const oji_reloc *reloc, uint32_t kind,
                                                             const values *given, uint8_t *where)
{
    const oji_symbol *symbol = &fixups->symbols[reloc->symbol];
    values through = *given;
    const values *v = &through;
    bool has_stub, is_label = symbol->section < OJI_SECTION_COMMON && !is_function(symbol);
    if (!is_aligned(symbol, kind, given)) {
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
        return false;
    }
    /* What is no function is a place in code of the caller's own set. */
    if (is_label)
        through.is_thumb = is_thumb_branch(kind);
    if (fixups->targets[reloc->symbol].addr == 0 && symbol->binding == OJ_SYMBOL_WEAK &&
        symbol->section == OJI_SECTION_UNDEFINED) {
        branch_to_next(kind, where);
        return true;
    }
    /* By its address a stub would take a place in Thumb code for one in A32. */
    has_stub = v->stub != 0 && v->addend + (is_thumb_branch(kind) ? 4 : 8) == 0 && !(is_label && v->is_thumb);
#ifdef OJ_STRESS
    if (!has_stub)
#endif
        if (fix_branch_to(kind, v, where)) {
            fixups->n_direct += has_stub;
            return true;
        }
    if (!has_stub)
        return false;
    through.is_thumb = is_thumb_branch(kind);
    through.target = v->stub + (through.is_thumb ? 1 : STUB_A32) + v->addend;
    return fix_branch_to(kind, &through, where);
}

static inline __attribute__((always_inline)) void store_half(uint32_t kind, uint8_t *where, uint32_t value)
{
    if (kind >= OJI_ARM_THM_MOVW_ABS && kind <= OJI_ARM_THM_MOVT_PREL)
        oji_arm_store_thumb(where, oji_arm_thumb_movw_put(oji_arm_load_thumb(where), value));
    else
        oji_store32(where, oji_arm_movw_put(oji_load32(where), value));
}

/* Both count from the place aligned to 4. */
static bool fix_thumb_near(uint32_t kind, const values *v, uint8_t *where)
{
    int32_t value = (int32_t)((v->target & ~(uint32_t)v->has_t) - (v->place & ~UINT32_C(3)));
    uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value, instruction = oji_arm_load_thumb(where);
    if (magnitude > 0xfff)
        return false;
    if (kind == OJI_ARM_THM_PC12)
        instruction = (instruction & 0xff7ff000) | (value >= 0 ? 0x800000u : 0) | magnitude;
    else
        instruction = oji_arm_thumb_imm12_put((instruction & 0xff5fffff) | (value < 0 ? 0xa00000u : 0), magnitude);
    oji_arm_store_thumb(where, instruction);
    return true;
}

/* The distance to the lowest bit of the group: groups begin at even bits. 0 where the value fits in one. */
static unsigned group_shift(uint32_t value)
{
    unsigned shift = value > 0xff ? 24u - (unsigned)__builtin_clz(value) : 0;
    return (shift + 1) & ~1u;
}

static uint32_t group_of(uint32_t value) { return value & UINT32_C(0xff) << group_shift(value); }

static bool fix_alu_group(uint32_t kind, uint32_t magnitude, bool is_added, uint8_t *where)
{
    uint32_t n = kind - OJI_ARM_ALU_G0_NC == 4 ? 2 : (kind - OJI_ARM_ALU_G0_NC) / 2, group, shift;
    bool is_checked = kind != OJI_ARM_ALU_G0_NC && kind != OJI_ARM_ALU_G1_NC;
    for (uint32_t i = 0; i < n; i++)
        magnitude &= ~group_of(magnitude);
    group = group_of(magnitude);
    shift = group_shift(magnitude);
    if (is_checked && group != magnitude)
        return false;
    oji_store32(where, (oji_load32(where) & 0xff3ff000) | (is_added ? 0x800000u : 0x400000u) |
                           ((32 - shift) / 2 & 15) << 8 | group >> shift);
    return true;
}

/* Halves of LDRS' eight bits lie apart. */
static bool fix_load_group(uint32_t kind, uint32_t magnitude, bool is_added, uint8_t *where)
{
    uint32_t class = (kind - OJI_ARM_LDR_G0) / 3, n = (kind - OJI_ARM_LDR_G0) % 3;
    uint32_t instruction = (oji_load32(where) & 0xff7fffff) | (is_added ? 0x800000u : 0);
    for (uint32_t i = 0; i < n; i++)
        magnitude &= ~group_of(magnitude);
    if (magnitude > (class == 0 ? 0xfffu : class == 1 ? 0xffu : 0x3ffu) || (class == 2 && (magnitude & 3) != 0))
        return false;
    if (class == 0)
        instruction = (instruction & 0xfffff000) | magnitude;
    else if (class == 1)
        instruction = (instruction & 0xfffff0f0) | (magnitude & 0xf0) << 4 | (magnitude & 15);
    else
        instruction = (instruction & 0xffffff00) | magnitude >> 2;
    oji_store32(where, instruction);
    return true;
}

static bool fix_group(uint32_t kind, uint32_t value, uint8_t *where)
{
    bool is_added = (int32_t)value >= 0;
    uint32_t magnitude = is_added ? value : 0u - value;
    if (kind <= OJI_ARM_ALU_G2)
        return fix_alu_group(kind, magnitude, is_added, where);
    return fix_load_group(kind, magnitude, is_added, where);
}

static bool fix_thumb_load(const values *v, uint8_t *where)
{
    uint32_t value = (v->target & ~(uint32_t)v->has_t) - (v->place & ~UINT32_C(3));
    if (value > 0x3fc || (value & 3) != 0)
        return false;
    oji_store16(where, (uint16_t)((oji_load16(where) & 0xff00) | value >> 2));
    return true;
}

static bool fix_short(uint32_t kind, uint32_t value, uint8_t *where)
{
    uint16_t instruction = oji_load16(where);
    bool is_11 = kind == OJI_ARM_THM_JUMP11;
    uint16_t mask = is_11 ? 0x7ff : 0xff;
    if (kind == OJI_ARM_THM_JUMP6) {
        if (value > 0x7e || (value & 1) != 0)
            return false;
        oji_store16(where, oji_arm_thumb_compare_put(instruction, value));
        return true;
    }
    if (!fits(value, is_11 ? 12 : 9) || (value & 1) != 0)
        return false;
    oji_store16(where, (uint16_t)((instruction & ~mask) | (value >> 1 & mask)));
    return true;
}

static bool fix_narrow(uint32_t kind, uint32_t value, uint8_t *where)
{
    if (kind == OJI_ARM_ABS12) {
        if (value > 0xfff)
            return false;
        oji_store32(where, (oji_load32(where) & 0xfffff000) | value);
        return true;
    }
    if (kind == OJI_ARM_ABS16) {
        if (value > 0xffff && !fits(value, 16))
            return false;
        oji_store16(where, (uint16_t)value);
        return true;
    }
    if (value > 0xff && !fits(value, 8))
        return false;
    *where = (uint8_t)value;
    return true;
}

static inline bool fix_data(uint32_t kind, const values *v, uint8_t *where)
{
    switch (kind) {
    case OJI_RELOC_NONE:
        return true;
    case OJI_ARM_ABS32:
        oji_store32(where, v->target);
        return true;
    case OJI_ARM_REL32:
        oji_store32(where, v->target - v->place);
        return true;
    case OJI_ARM_GOTOFF32:
        oji_store32(where, v->target - v->got);
        return true;
    case OJI_ARM_BASE_PREL:
        oji_store32(where, v->got + v->addend - v->place);
        return true;
    case OJI_ARM_GOT_BREL:
        oji_store32(where, v->entry - v->got);
        return true;
    case OJI_ARM_GOT_PREL:
        oji_store32(where, v->entry - v->place);
        return true;
    default:
        return false;
    }
}

/* Unwind tables name functions and personality routines of the process, which a stub stands in for out of reach. */
static bool fix_prel31(const values *v, uint8_t *where)
{
    uint32_t value = v->target - v->place;
    if (!fits(value, 31) && v->stub != 0)
        value = v->stub + STUB_A32 + v->addend - v->place;
    if (!fits(value, 31))
        return false;
    oji_store32(where, (oji_load32(where) & UINT32_C(0x80000000)) | (value & 0x7fffffff));
    return true;
}

static bool is_tls(uint32_t kind)
{
    return (kind >= OJI_ARM_TLS_OFFSET12 && kind <= OJI_ARM_THM_TLS_CALL) ||
           (kind >= OJI_RELOC_TLS_INDEX32 && kind <= OJI_RELOC_TLS_POINTER64);
}

/* What the instruction at `where` adds to the distance of a descriptor: BL leaves its end in lr, and ADD reads pc. The
 * word tells where it is, and by its lowest bit that it is Thumb, in which lr is odd.
 * Source: GNU binutils, "ARM TLS descriptors" (R_ARM_TLS_GOTDESC); Arm ARM, A2.3 (pc), A8.8.25 (BL). */
static bool find_base(const uint8_t *where, bool is_thumb, uint32_t *base)
{
    uint32_t instruction = is_thumb ? oji_arm_load_thumb(where) : oji_load32(where);
    if (is_thumb && (instruction & 0xf800c000) == 0xf000c000)
        *base = 6;
    else if (is_thumb && (instruction >> 16 & 0xff00) == 0x4400)
        *base = 5;
    else if (!is_thumb && (instruction >> 24 == 0xeb || instruction >> 24 == 0xfa))
        *base = 4;
    else if (!is_thumb && instruction >> 24 == 0xe0)
        *base = 8;
    else
        return false;
    return true;
}

/* The field itself has 4 bytes: the code is not shorter. */
static bool fix_descriptor(oji_fixups *fixups, const oji_reloc *reloc, uint32_t descriptor, uint8_t *where)
{
    uint32_t addend = (uint32_t)reloc->addend, base;
    int64_t at = (int64_t)reloc->offset - (reloc->addend & ~INT64_C(1));
    if (at < 0 || (uint64_t)at > fixups->size - 4 || !find_base(fixups->write + at, (addend & 1) != 0, &base)) {
        fixups->misfit = OJI_MISFIT_PAIR;
        return false;
    }
    oji_store32(where, descriptor + addend - base - ((uint32_t)fixups->run_addr + reloc->offset));
    return true;
}

/* BL to the stub's entry of the caller's own set. */
static bool fix_descriptor_call(oji_fixups *fixups, const oji_reloc *reloc, uint32_t stub, uint8_t *where)
{
    bool is_thumb = reloc->kind == OJI_ARM_THM_TLS_CALL;
    values v = {.place = (uint32_t)fixups->run_addr + reloc->offset, .is_thumb = is_thumb};
    v.target = is_thumb ? (stub - 4) | 1 : stub + STUB_A32 - 8;
    if ((v.place & (is_thumb ? 1 : 3)) != 0) {
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
        return false;
    }
    return is_thumb ? fix_thumb_call(&v, where) : fix_call(&v, where);
}

/* AAELF32, 5.6.1.10 ("Thread-local storage"); the thread pointer stands before the blocks, which tls_offset knows. A
 * variable's offset has no instruction set. */
static bool fix_tls(oji_fixups *fixups, const oji_reloc *reloc, const oji_target *target, uint8_t *where)
{
    uint32_t addend = (uint32_t)reloc->addend, offset = (uint32_t)target->addr + addend;
    uint32_t minus_place = addend - ((uint32_t)fixups->run_addr + reloc->offset);
    uint32_t entry = (uint32_t)fixups->got_addr + (target->entry - 1) * GOT_ENTRY_SIZE, stub;
    switch ((uint32_t)reloc->kind) {
    case OJI_RELOC_TLS_INDEX32:
        oji_store32(where, entry + minus_place);
        return target->entry != 0;
    case OJI_RELOC_TLS_BLOCK32:
        oji_store32(where, (uint32_t)fixups->tls_index_addr + minus_place);
        return fixups->tls_index_addr != 0;
    case OJI_RELOC_TLS_LOAD32:
        oji_store32(where, entry + OJI_TLS_DISTANCE_ENTRY(target) * GOT_ENTRY_SIZE + minus_place);
        return target->entry != 0;
    case OJI_RELOC_TLS_OFFSET32:
        oji_store32(where, offset);
        return true;
    case OJI_RELOC_TLS_POINTER32:
        oji_store32(where, offset + (uint32_t)fixups->tls_offset);
        return true;
    case OJI_ARM_TLS_OFFSET12:
        return fix_narrow(OJI_ARM_ABS12, offset, where);
    case OJI_ARM_TLS_POINTER12:
        return fix_narrow(OJI_ARM_ABS12, offset + (uint32_t)fixups->tls_offset, where);
    case OJI_ARM_TLS_DESC:
        return target->entry != 0 &&
               fix_descriptor(fixups, reloc, entry + OJI_TLS_DESCRIPTOR_ENTRY(target) * GOT_ENTRY_SIZE, where);
    case OJI_ARM_TLS_CALL:
    case OJI_ARM_THM_TLS_CALL:
        stub = (uint32_t)fixups->stubs_addr + (target->stub - 1) * STUB_SIZE;
        return target->stub != 0 && fix_descriptor_call(fixups, reloc, stub, where);
    default:
        return reloc->kind == OJI_RELOC_TLS_DESC_CALL;
    }
}

static inline __attribute__((always_inline)) bool fix(oji_fixups *fixups, const oji_reloc *reloc)
{
    const oji_target *target = &fixups->targets[reloc->symbol];
    uint8_t *where = fixups->write + reloc->offset;
    uint32_t kind = reloc->kind, addend = (uint32_t)reloc->addend, symbol = (uint32_t)target->addr;
    uint32_t type = fixups->symbols[reloc->symbol].type;
    bool is_thumb = (symbol & 1) != 0 && type != OJ_SYMBOL_DATA, has_t = is_thumb && type == OJ_SYMBOL_FUNCTION;
    const values v = {
        /* Of a symbol without a type it is not known whether it is data at an odd address. */
        .target = ((symbol & ~(uint32_t)has_t) + addend) | has_t,
        .addend = addend,
        .place = (uint32_t)fixups->run_addr + reloc->offset,
        .got = (uint32_t)fixups->base_addr,
        .entry = (uint32_t)fixups->got_addr + (target->entry - 1) * GOT_ENTRY_SIZE + addend,
        .stub = target->stub && reloc->symbol != 0 ? (uint32_t)fixups->stubs_addr + (target->stub - 1) * STUB_SIZE : 0,
        .is_thumb = is_thumb,
        .has_t = has_t,
    };
    if (is_tls(kind))
        return fix_tls(fixups, reloc, target, where);
    if (kind >= OJI_ARM_GOT_BREL && kind <= OJI_ARM_GOT_PREL && target->entry == 0)
        fixups->misfit = OJI_MISFIT_ENTRY;
    if (target->addr > UINT32_MAX || fixups->misfit == OJI_MISFIT_ENTRY)
        return false;
    switch (kind) {
    /* The commonest are written out for each: what depends on the kind is then settled where they are compiled. */
    case OJI_ARM_CALL:
        return fix_branch(fixups, reloc, OJI_ARM_CALL, &v, where);
    case OJI_ARM_THM_CALL:
        return fix_branch(fixups, reloc, OJI_ARM_THM_CALL, &v, where);
    case OJI_ARM_JUMP24:
    case OJI_ARM_THM_JUMP24:
    case OJI_ARM_THM_JUMP19:
        return fix_branch(fixups, reloc, kind, &v, where);
    case OJI_ARM_THM_MOVW_ABS:
        store_half(OJI_ARM_THM_MOVW_ABS, where, v.target);
        return true;
    case OJI_ARM_THM_MOVT_ABS:
        store_half(OJI_ARM_THM_MOVT_ABS, where, v.target >> 16);
        return true;
    case OJI_ARM_MOVW_ABS:
        store_half(OJI_ARM_MOVW_ABS, where, v.target);
        return true;
    case OJI_ARM_MOVT_ABS:
        store_half(OJI_ARM_MOVT_ABS, where, v.target >> 16);
        return true;
    case OJI_ARM_MOVW_PREL:
    case OJI_ARM_THM_MOVW_PREL:
        store_half(kind, where, v.target - v.place);
        return true;
    case OJI_ARM_MOVT_PREL:
    case OJI_ARM_THM_MOVT_PREL:
        store_half(kind, where, (v.target - v.place) >> 16);
        return true;
    case OJI_ARM_PREL31:
        return fix_prel31(&v, where);
    case OJI_ARM_GOT_BREL12:
        return fix_narrow(OJI_ARM_ABS12, v.entry - v.got, where);
    case OJI_ARM_ABS32_NOI:
        oji_store32(where, (symbol & ~(uint32_t)has_t) + addend);
        return true;
    case OJI_ARM_REL32_NOI:
        oji_store32(where, (symbol & ~(uint32_t)has_t) + addend - v.place);
        return true;
    case OJI_ARM_THM_JUMP11:
    case OJI_ARM_THM_JUMP8:
    case OJI_ARM_THM_JUMP6:
        /* GNU as writes them for indirect functions, too, which are in A32 and out of reach of its addend. */
        if (is_function(&fixups->symbols[reloc->symbol]) && !is_thumb)
            return false;
        return fix_short(kind, (v.target & ~UINT32_C(1)) - v.place, where);
    case OJI_ARM_THM_PC12:
    case OJI_ARM_THM_ALU:
        return fix_thumb_near(kind, &v, where);
    case OJI_ARM_THM_PC8:
        return fix_thumb_load(&v, where);
    case OJI_ARM_THM_ABS_G0:
    case OJI_ARM_THM_ABS_G1:
    case OJI_ARM_THM_ABS_G2:
    case OJI_ARM_THM_ABS_G3:
        *where = (uint8_t)(v.target >> 8 * (kind - OJI_ARM_THM_ABS_G0));
        return true;
    case OJI_ARM_ABS16:
    case OJI_ARM_ABS8:
    case OJI_ARM_ABS12:
        return fix_narrow(kind, v.target, where);
    default:
        if (kind >= OJI_ARM_ALU_G0_NC && kind <= OJI_ARM_LDC_G2)
            return fix_group(kind, v.target - v.place, where);
        return fix_data(kind, &v, where);
    }
}

static uint32_t relocate(oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++) {
        OJI_ASSERT(fixups->relocs[i].offset < fixups->size || fixups->relocs[i].kind == OJI_RELOC_NONE);
        if (OJI_UNLIKELY(!fix(fixups, &fixups->relocs[i])))
            return i;
    }
    return fixups->n_relocs;
}

static uint32_t needs(uint32_t kind)
{
    switch (kind) {
    case OJI_ARM_GOT_BREL:
    case OJI_ARM_GOT_BREL12:
    case OJI_ARM_GOT_PREL:
        return OJI_USE_GOT;
    case OJI_ARM_CALL:
    case OJI_ARM_THM_CALL:
    case OJI_ARM_PREL31:
    case OJI_ARM_TLS_CALL:
    case OJI_ARM_THM_TLS_CALL:
        return OJI_USE_CALL;
    case OJI_ARM_JUMP24:
        return OJI_USE_CALL | OJI_USE_JUMP_EVEN;
    case OJI_ARM_THM_JUMP24:
    case OJI_ARM_THM_JUMP19:
        return OJI_USE_CALL | OJI_USE_JUMP_ODD;
    case OJI_RELOC_TLS_INDEX32:
        return OJI_USE_TLS_INDEX;
    case OJI_RELOC_TLS_BLOCK32:
        return OJI_USE_TLS_BLOCK;
    case OJI_RELOC_TLS_LOAD32:
        return OJI_USE_TLS_LOAD;
    case OJI_ARM_TLS_DESC:
        return OJI_USE_TLS_DESC;
    case OJI_RELOC_TLS_POINTER32:
    case OJI_ARM_TLS_POINTER12:
        return OJI_USE_TLS_POINTER;
    default:
        return 0;
    }
}

/* Two entries. Thumb: bx pc; nop, which goes on in A32 at the next word. A32: ldr ip, [pc]; ldr pc, [ip], and the
 * entry's address. The load into pc changes sets as the address says (Arm ARM, A2.3.2), and ip is the procedure call
 * standard's for stubs (AAPCS32, 6.1.1). */
static bool write_stub(uint8_t *write, uint64_t stub, uint64_t entry)
{
    (void)stub;
    oji_store16(write, 0x4778);
    oji_store16(write + 2, 0x46c0);
    oji_store32(write + STUB_A32, 0xe59fc000);
    oji_store32(write + STUB_A32 + 4, 0xe59cf000);
    oji_store32(write + STUB_A32 + 8, (uint32_t)entry);
    return entry <= UINT32_MAX;
}

/* Thumb as above. A32: add r0, lr, r0; ldr r1, [r0, #4]; bx r1. Code keeps its values in ip here, and in all other
 * registers but r0, r1 and lr: so that this is no stub as others are (GCC, arm.md, "tlscall"). */
static void write_descriptor_stub(uint8_t *write)
{
    oji_store16(write, 0x4778);
    oji_store16(write + 2, 0x46c0);
    oji_store32(write + STUB_A32, 0xe08e0000);
    oji_store32(write + STUB_A32 + 4, 0xe5901004);
    oji_store32(write + STUB_A32 + 8, 0xe12fff11);
}

/* Instructions of A32 that may change into each other while other cores run them (Arm ARM, DDI 0406, A3.5.4): B, BL,
 * BKPT, HVC, NOP, SMC, SVC. What has no condition is none of them. */
static bool may_change(uint32_t instruction)
{
    return instruction >> 28 != 15 &&
           ((instruction & 0x0e000000) == 0x0a000000 || (instruction & 0x0f000000) == 0x0f000000 ||
            (instruction & 0x0fffffff) == 0x0320f000 || (instruction & 0xfff000f0) == 0xe1200070 ||
            (instruction & 0xfff000f0) == 0xe1400070 || (instruction & 0x0ffffff0) == 0x01600070);
}

/* Of Thumb: B, BKPT, NOP and SVC of 16 bits. Those of 32 bits, of which BL's halves may change, are left to be stopped
 * for: which half a half-word is cannot be told. */
static bool may_thumb_change(uint16_t instruction)
{
    return (instruction & 0xf800) == 0xe000 || (instruction >> 12 == 13 && (instruction & 0xf00) != 0xe00) ||
           instruction >> 8 == 0xbe || instruction == 0xbf00;
}

static bool may_half_change(const uint8_t *before, const uint8_t *after)
{
    return oji_load16(before) == oji_load16(after) ||
           (may_thumb_change(oji_load16(before)) && may_thumb_change(oji_load16(after)));
}

/* Which set the word is in only its client knows; in either it must be allowed. A first half that begins a longer
 * instruction takes the second with it. */
static bool may_patch(const uint8_t *old_word, const uint8_t *new_word)
{
    bool is_long = oji_load16(old_word) >= 0xe800 && memcmp(old_word + 2, new_word + 2, 2) != 0;
    return memcmp(old_word, new_word, 4) == 0 ||
           (may_change(oji_load32(old_word)) && may_change(oji_load32(new_word))) ||
           (!is_long && may_half_change(old_word, new_word) && may_half_change(old_word + 2, new_word + 2));
}

/* EXIDX_CANTUNWIND (EHABI32, 5): the function's distance, 31 bits, and 1. */
static bool write_index_end(uint8_t *write, uint64_t entry, uint64_t code)
{
    uint32_t distance = (uint32_t)(code - entry);
    oji_store32(write, distance & 0x7fffffff);
    oji_store32(write + 4, 1);
    return fits(distance, 31);
}

static uint64_t index_function(const uint8_t *entry, uint64_t entry_addr)
{
    return (uint32_t)(entry_addr + (uint32_t)oji_arm_extend(oji_load32(entry) & 0x7fffffff, 31));
}

/* ldr argument, [pc, #8]; mov r1, #0, or nop; ldr argument, [pc, argument]; b target, and the distance of the handle's
 * GOT entry from its own place, which is what pc is at the second load. The argument is r2, r1, r3: the one behind
 * those that the function itself has, and for atexit() another is zero (AAPCS32, 6.4). */
static const oji_reloc runtime_relocs[] = {{.addend = -8, .offset = 12, .symbol = 2, .kind = OJI_ARM_JUMP24},
                                           {.offset = 16, .symbol = 3, .kind = OJI_ARM_GOT_PREL}};
static const uint16_t runtime_numbers[] = {0, 1};
static const char *const runtime_names[] = {"R_ARM_JUMP24", "R_ARM_GOT_PREL"};

enum { TARGET_USES = OJI_USE_CALL | OJI_USE_JUMP_EVEN, HANDLE_USES = OJI_USE_GOT, ARCH = OJI_ARCH_ARM };

OJI_RUNTIME(runtime_atexit, "atexit", "__cxa_atexit", 0x08, 0x20, 0x9f, 0xe5, 0, 0x10, 0xa0, 0xe3, 0x02, 0x20, 0x9f,
            0xe7, 0, 0, 0, 0xea, 0, 0, 0, 0);
OJI_RUNTIME(runtime_quick_exit, "at_quick_exit", "__cxa_at_quick_exit", 0x08, 0x10, 0x9f, 0xe5, 0, 0, 0xa0, 0xe1, 0x01,
            0x10, 0x9f, 0xe7, 0, 0, 0, 0xea, 0, 0, 0, 0);
OJI_RUNTIME(runtime_atfork, "pthread_atfork", "__register_atfork", 0x08, 0x30, 0x9f, 0xe5, 0, 0, 0xa0, 0xe1, 0x03, 0x30,
            0x9f, 0xe7, 0, 0, 0, 0xea, 0, 0, 0, 0);

static const oj_object *const runtime[] = {&runtime_atexit, &runtime_quick_exit, &runtime_atfork, NULL};

const oji_arch oji_arch_arm = {
    .id = OJI_ARCH_ARM,
    .elf_machine = 40,
    .elf_flags = 0x05000000, /* EABI, version 5 */
    .got_entry_size = GOT_ENTRY_SIZE,
    .stub_size = STUB_SIZE,
    .stub_entry = STUB_A32,
    /* BL in Thumb-2; A32's reaches twice as far, and shorter ones are an error where they do not. */
    .branch_reach = OJI_BRANCH_REACH((UINT64_C(1) << 24) - 8),
    .reach = UINT64_C(1) << 32,
    .address_bits = 32,
    /* Words of zeros are andeq r0, r0, r0 in A32: 0xde bytes are undefined in Thumb and no useful instruction in
     * A32. */
    .padding = 0xde,
    .patch_word = 4,
    .may_patch = may_patch,
    .patch_rule = "only one of B, BL, BKPT, HVC, NOP, SMC and SVC into another of them, in Thumb those of 16 bits",
    .write_index_end = write_index_end,
    .index_function = index_function,
    .unwind_registers = 16,
    .runtime = runtime,
    .word_kind = OJI_ARM_ABS32,
    .needs = needs,
    .relocate = relocate,
    .write_stub = write_stub,
    .write_descriptor_stub = write_descriptor_stub,
    .is_descriptor_second = true,
};
