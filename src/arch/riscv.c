/* RISC-V, 64 and 32 bits: relocation formulas, stubs, facts.
 * Every kind is a row: what its value is the address of, which bits of it must be all, and which field takes it. Fields
 * of data that are added to or subtracted from stand apart: their values wrap, and none can fail to fit.
 * Source: RISC-V ELF psABI, "Relocations"; RISC-V Instruction Set Manual volume I, 2.3 (formats), 26 (compressed). */
#include "arch/arch.h"
#include "arch/riscv.h"
#include "arch/runtime.h"
#include "object/riscv.h"

enum { STUB_SIZE = 16 };

/* What the value is the address of, A added. ORDER: those from ENTRY on are GOT entries. */
typedef enum object {
    SYMBOL,  /* S */
    CALLEE,  /* S, or its stub */
    OFFSET,  /* no address: S itself, the offset in the block */
    POINTER, /* nor is this: the distance from the thread pointer */
    ENTRY,   /* the symbol's GOT entry */
    INDEX,   /* the entry with the symbol's oj_tls_index */
    DESCRIPTOR,
    DISTANCE /* with its distance from the thread pointer */
} object;

/* How a value must fit: in `bits` bits. SIGNED values of two halves are those whose rounded upper half fits. */
typedef enum check { ANYTHING, SIGNED, EITHER } check;

typedef enum field {
    DATA32,
    DATA64,
    B_TYPE,  /* conditional branches */
    J_TYPE,  /* jal */
    CB_TYPE, /* c.beqz, c.bnez */
    CJ_TYPE, /* c.j, c.jal */
    U_TYPE,  /* bits 12 to 31: lui, auipc */
    I_TYPE,  /* bits 20 to 31: addi, loads, jalr */
    S_TYPE,  /* stores */
    PAIR     /* auipc, and the jalr behind it */
} field;

typedef struct row {
    uint8_t object;
    uint8_t is_relative; /* P is taken off */
    uint8_t check;
    uint8_t bits;
    uint8_t field;
    uint8_t is_branch; /* the value must be even */
} row;

#define KIND(name) [OJI_RV_##name - OJI_RELOC_OF_ARCH]

/* ORDER OJI_RV. Kinds without a row are handled apart. */
static const row rows[OJI_RV_END - OJI_RELOC_OF_ARCH] = {
    KIND(ABS32) = {SYMBOL, 0, EITHER, 32, DATA32, 0},
    KIND(PC32) = {SYMBOL, 1, SIGNED, 32, DATA32, 0},
    KIND(PLT32) = {CALLEE, 1, SIGNED, 32, DATA32, 0},
    KIND(GOT32_PCREL) = {ENTRY, 1, SIGNED, 32, DATA32, 0},
    KIND(DTPREL32) = {OFFSET, 0, SIGNED, 32, DATA32, 0},
    KIND(DTPREL64) = {OFFSET, 0, ANYTHING, 0, DATA64, 0},
    KIND(BRANCH) = {SYMBOL, 1, SIGNED, 13, B_TYPE, 1},
    KIND(RVC_BRANCH) = {SYMBOL, 1, SIGNED, 9, CB_TYPE, 1},
    KIND(RVC_JUMP) = {CALLEE, 1, SIGNED, 12, CJ_TYPE, 1},
    KIND(JAL) = {CALLEE, 1, SIGNED, 21, J_TYPE, 1},
    KIND(CALL) = {CALLEE, 1, SIGNED, 32, PAIR, 1},
    KIND(HI20) = {SYMBOL, 0, SIGNED, 32, U_TYPE, 0},
    KIND(LO12_I) = {SYMBOL, 0, ANYTHING, 0, I_TYPE, 0},
    KIND(LO12_S) = {SYMBOL, 0, ANYTHING, 0, S_TYPE, 0},
    KIND(PCREL_HI20) = {SYMBOL, 1, SIGNED, 32, U_TYPE, 0},
    KIND(GOT_HI20) = {ENTRY, 1, SIGNED, 32, U_TYPE, 0},
    KIND(TLS_GOT_HI20) = {DISTANCE, 1, SIGNED, 32, U_TYPE, 0},
    KIND(TLS_GD_HI20) = {INDEX, 1, SIGNED, 32, U_TYPE, 0},
    KIND(TLSDESC_HI20) = {DESCRIPTOR, 1, SIGNED, 32, U_TYPE, 0},
    KIND(PCREL_LO12_I) = {SYMBOL, 1, ANYTHING, 0, I_TYPE, 0},
    KIND(PCREL_LO12_S) = {SYMBOL, 1, ANYTHING, 0, S_TYPE, 0},
    KIND(TPREL_HI20) = {POINTER, 0, SIGNED, 32, U_TYPE, 0},
    KIND(TPREL_LO12_I) = {POINTER, 0, ANYTHING, 0, I_TYPE, 0},
    KIND(TPREL_LO12_S) = {POINTER, 0, ANYTHING, 0, S_TYPE, 0},
};

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* Bits `from` and up of a value, at bit `to` of an instruction. */
static inline uint32_t move(uint64_t value, unsigned from, unsigned bits, unsigned to)
{
    return ((uint32_t)(value >> from) & ((UINT32_C(1) << bits) - 1)) << to;
}

/* What an upper half holds: the low half is sign-extended when it is added, so that the upper is rounded. */
static inline uint32_t upper(uint64_t value) { return (uint32_t)(value + 0x800) & UINT32_C(0xfffff000); }

static void store_compressed(uint8_t *where, const row *how, uint64_t v)
{
    uint32_t old = oji_load16(where);
    if (how->field == CB_TYPE)
        old = (old & 0xe383) | move(v, 8, 1, 12) | move(v, 3, 2, 10) | move(v, 6, 2, 5) | move(v, 1, 2, 3) |
              move(v, 5, 1, 2);
    else
        old = (old & 0xe003) | move(v, 11, 1, 12) | move(v, 4, 1, 11) | move(v, 8, 2, 9) | move(v, 10, 1, 8) |
              move(v, 6, 1, 7) | move(v, 7, 1, 6) | move(v, 1, 3, 3) | move(v, 5, 1, 2);
    oji_store16(where, (uint16_t)old);
}

static inline __attribute__((always_inline)) void store_instruction(uint8_t *where, uint8_t type, uint64_t v)
{
    uint32_t old = oji_load32(where);
    switch (type) {
    case B_TYPE:
        old = (old & 0x1fff07f) | move(v, 12, 1, 31) | move(v, 5, 6, 25) | move(v, 1, 4, 8) | move(v, 11, 1, 7);
        break;
    case J_TYPE:
        old = (old & 0xfff) | move(v, 20, 1, 31) | move(v, 1, 10, 21) | move(v, 11, 1, 20) | move(v, 12, 8, 12);
        break;
    case U_TYPE:
        old = (old & 0xfff) | upper(v);
        break;
    case I_TYPE:
        old = (old & 0xfffff) | move(v, 0, 12, 20);
        break;
    default:
        old = (old & 0x1fff07f) | move(v, 5, 7, 25) | move(v, 0, 5, 7);
    }
    oji_store32(where, old);
}

static inline __attribute__((always_inline)) void store_field(uint8_t *where, const row *how, uint64_t value)
{
    switch (how->field) {
    case DATA32:
        oji_store32(where, (uint32_t)value);
        break;
    case DATA64:
        oji_store64(where, value);
        break;
    case CB_TYPE:
    case CJ_TYPE:
        store_compressed(where, how, value);
        break;
    case PAIR:
        store_instruction(where, U_TYPE, value);
        store_instruction(where + 4, I_TYPE, value);
        break;
    default:
        store_instruction(where, how->field, value);
    }
}

/* Addresses of 32 bits wrap, so that halves of any value are right; those of 64 bits are sign-extended from 32. */
static inline __attribute__((always_inline)) bool fits(const row *how, uint64_t value, bool is_64)
{
    bool is_halves = how->field == U_TYPE || how->field == PAIR;
    uint64_t half;
    if (how->check == ANYTHING || (!is_64 && how->bits == 32))
        return true;
    half = UINT64_C(1) << (how->bits - 1);
    if (how->check == EITHER && value < 2 * half)
        return true;
    return value + (is_halves ? 0x800 : 0) + half < 2 * half;
}

static inline __attribute__((always_inline)) bool store_checked(uint8_t *where, const row *how, uint64_t value,
                                                                bool is_64)
{
    if (!is_64)
        value = (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    if (!fits(how, value, is_64) || (how->is_branch && (value & 1) != 0))
        return false;
    store_field(where, how, value);
    return true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* The address that the row's object has; false where there is no such GOT entry. */
static inline __attribute__((always_inline)) bool find_object(const oji_fixups *fixups, const oji_target *target,
                                                              const row *how, uint64_t entry_size, uint64_t *addr)
{
    uint64_t entry = fixups->got_addr + (uint64_t)(target->entry - 1) * entry_size;
    *addr = target->addr;
    if (how->object < ENTRY) {
        if (how->object == POINTER)
            *addr += fixups->tls_offset;
        return true;
    }
    if (how->object == DESCRIPTOR)
        entry += OJI_TLS_DESCRIPTOR_ENTRY(target) * entry_size;
    else if (how->object == DISTANCE)
        entry += OJI_TLS_DISTANCE_ENTRY(target) * entry_size;
    *addr = entry;
    return target->entry != 0;
}

/* An address near zero, as that of a weak name that nobody defines, is out of reach from most code: its upper half is
 * then a lui, and the value absolute, which GNU ld does as well. */
static inline __attribute__((always_inline)) bool is_near_zero(const row *how, uint64_t value, uint64_t place,
                                                               bool is_64)
{
    return how->object == SYMBOL && how->field == U_TYPE && !fits(how, value, is_64) && fits(how, value + place, is_64);
}

/* The value of a relocation with a row; *is_absolute where it stands in for a relative one. */
static inline __attribute__((always_inline)) bool find_value(const oji_fixups *fixups, const oji_reloc *reloc,
                                                             const row *how, bool is_64, uint64_t *value,
                                                             bool *is_absolute)
{
    uint64_t place = fixups->run_addr + reloc->offset;
    *is_absolute = false;
    if (!find_object(fixups, &fixups->targets[reloc->symbol], how, is_64 ? 8 : 4, value))
        return false;
    *value += (uint64_t)reloc->addend;
    if (!how->is_relative)
        return true;
    *value -= place;
    if (is_near_zero(how, *value, place, is_64)) {
        *value += place;
        *is_absolute = true;
    }
    return true;
}

/* A jump to a label inside a function, which may hold values in the registers that a stub uses. */
static bool is_within_function(const oji_symbol *symbol, const row *how)
{
    return how->is_branch && how->field != PAIR && symbol->binding == OJ_SYMBOL_LOCAL &&
           symbol->type == OJ_SYMBOL_NOTYPE;
}

/* A stub would lead to an odd address as well, and JALR drop the lowest bit: to where no instruction is. It leads to
 * the symbol, and no branch further. */
static bool fix_to_stub(oji_fixups *fixups, const oji_reloc *reloc, const row *how, uint8_t *where, uint64_t distance,
                        bool is_64)
{
    const oji_target *target = &fixups->targets[reloc->symbol];
    if (how->is_branch && ((target->addr + distance) & 1) != 0) {
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
        return false;
    }
    return target->stub != 0 && !(how->is_branch && reloc->addend != 0) &&
           !is_within_function(&fixups->symbols[reloc->symbol], how) &&
           store_checked(where, how, fixups->stubs_addr + (uint64_t)(target->stub - 1) * STUB_SIZE + distance, is_64);
}

/* A call of a weak name that nobody defines stays where it is (as with ld.lld): it must not be made, and the name's
 * address need not be in reach. A stress build takes the stub wherever there is one in reach. */
static inline __attribute__((always_inline)) bool fix_branch(oji_fixups *fixups, const oji_reloc *reloc, const row *how,
                                                             uint8_t *where, bool is_64)
{
    const oji_target *target = &fixups->targets[reloc->symbol];
    const oji_symbol *symbol = &fixups->symbols[reloc->symbol];
    uint64_t distance = (uint64_t)reloc->addend - (fixups->run_addr + reloc->offset);
    if (target->addr == 0 && symbol->binding == OJ_SYMBOL_WEAK && symbol->section == OJI_SECTION_UNDEFINED &&
        how->is_branch)
        return store_checked(where, how, 0, is_64);
#ifdef OJ_STRESS
    if (target->stub != 0 && fix_to_stub(fixups, reloc, how, where, distance, is_64))
        return true;
#endif
    if (store_checked(where, how, target->addr + distance, is_64)) {
        fixups->n_direct += target->stub != 0;
        return true;
    }
    return fix_to_stub(fixups, reloc, how, where, distance, is_64);
}

/* The reader has made sure that the upper half is where the addend says. Its value is this one's too. */
static inline __attribute__((always_inline)) bool fix_low(const oji_fixups *fixups, const oji_reloc *reloc,
                                                          const row *how, uint8_t *where, bool is_64)
{
    const oji_reloc *high = reloc + reloc->addend;
    uint64_t value;
    bool is_absolute, is_found;
    OJI_ASSERT(oji_rv_is_pcrel_hi(high->kind));
    if (OJI_LIKELY(high->kind == OJI_RV_PCREL_HI20))
        is_found = find_value(fixups, high, &rows[OJI_RV_PCREL_HI20 - OJI_RELOC_OF_ARCH], is_64, &value, &is_absolute);
    else
        is_found = find_value(fixups, high, &rows[high->kind - OJI_RELOC_OF_ARCH], is_64, &value, &is_absolute);
    return is_found && store_checked(where, how, value, is_64);
}

static inline __attribute__((always_inline)) bool fix_own(oji_fixups *fixups, const oji_reloc *reloc, uint32_t kind,
                                                          uint8_t *where, bool is_64)
{
    const row *how = &rows[kind - OJI_RELOC_OF_ARCH];
    uint64_t value;
    bool is_absolute;
    if (how->object == CALLEE)
        return fix_branch(fixups, reloc, how, where, is_64);
    if (oji_rv_is_pcrel_lo(kind))
        return fix_low(fixups, reloc, how, where, is_64);
    if (!find_value(fixups, reloc, how, is_64, &value, &is_absolute))
        return false;
    /* lui and auipc differ in this bit (volume I, 2.4.1). */
    if (is_absolute)
        where[0] |= 0x20;
    /* Where __tls_get_addr() counts from (psABI, "Thread Local Storage"). */
    if (how->object == OFFSET)
        value -= 0x800;
    if (how->is_branch && (value & 1) != 0)
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
    return store_checked(where, how, value, is_64);
}

/* --- distances ---------------------------------------------------------------------------------------------------- */

/* As many bytes as the field has, which the assembler left room in: an encoding that is longer than it has to be is
 * valid (DWARF 5, 7.6). False where it is too short, or does not end in the section, or where no assembler makes one
 * so long: each field may be walked to its end. */
static bool store_uleb128(uint8_t *where, const uint8_t *end, uint64_t value)
{
    enum { MAX_SIZE = 64 };
    uint8_t *last = where;
    unsigned bits = 0;
    while (last < end && last - where < MAX_SIZE && (*last & 0x80))
        last++;
    if (last == end || last - where == MAX_SIZE)
        return false;
    for (uint8_t *byte = where; byte <= last; byte++, bits += 7)
        *byte = (uint8_t)((bits < 64 ? value >> bits & 0x7f : 0) | (byte < last ? 0x80 : 0));
    return bits >= 64 || value >> bits == 0;
}

/* The two are one behind the other, which the reader has made sure of; where a part of a table is left out one may be
 * missing, and the field belongs to what is gone. */
static bool fix_uleb128(const oji_fixups *fixups, const oji_reloc *reloc, uint8_t *where)
{
    const oji_reloc *second = reloc + 1;
    uint64_t value = fixups->targets[reloc->symbol].addr + (uint64_t)reloc->addend;
    if (second == fixups->relocs + fixups->n_relocs || second->kind != OJI_RV_SUB_ULEB128 ||
        second->offset != reloc->offset)
        return true;
    value -= fixups->targets[second->symbol].addr + (uint64_t)second->addend;
    return store_uleb128(where, fixups->write + fixups->size, value);
}

/* Widths and effects of ADD8 to SET32. */
static void fix_distance(uint32_t kind, uint8_t *where, uint64_t value)
{
    switch (kind) {
    case OJI_RV_ADD8:
        *where = (uint8_t)(*where + value);
        break;
    case OJI_RV_ADD16:
        oji_store16(where, (uint16_t)(oji_load16(where) + value));
        break;
    case OJI_RV_ADD32:
        oji_store32(where, (uint32_t)(oji_load32(where) + value));
        break;
    case OJI_RV_ADD64:
        oji_store64(where, oji_load64(where) + value);
        break;
    case OJI_RV_SUB6:
        *where = (uint8_t)((*where & 0xc0) | ((*where - value) & 0x3f));
        break;
    case OJI_RV_SUB8:
        *where = (uint8_t)(*where - value);
        break;
    case OJI_RV_SUB16:
        oji_store16(where, (uint16_t)(oji_load16(where) - value));
        break;
    case OJI_RV_SUB32:
        oji_store32(where, (uint32_t)(oji_load32(where) - value));
        break;
    case OJI_RV_SUB64:
        oji_store64(where, oji_load64(where) - value);
        break;
    case OJI_RV_SET6:
        *where = (uint8_t)((*where & 0xc0) | (value & 0x3f));
        break;
    case OJI_RV_SET8:
        *where = (uint8_t)value;
        break;
    case OJI_RV_SET16:
        oji_store16(where, (uint16_t)value);
        break;
    default:
        oji_store32(where, (uint32_t)value);
    }
}

/* --- the table's functions ---------------------------------------------------------------------------------------- */

static inline bool fix(oji_fixups *fixups, const oji_reloc *reloc, bool is_64)
{
    uint64_t absolute = fixups->targets[reloc->symbol].addr + (uint64_t)reloc->addend;
    uint8_t *where = fixups->write + reloc->offset;
    if (reloc->kind >= OJI_RV_ADD8 && reloc->kind <= OJI_RV_SET32) {
        fix_distance(reloc->kind, where, absolute);
        return true;
    }
    switch (reloc->kind) {
    case OJI_RV_SET_ULEB128:
        return fix_uleb128(fixups, reloc, where);
    case OJI_RV_SUB_ULEB128:
    case OJI_RV_ALIGN: /* has no field */
    case OJI_RV_RELAX:
    case OJI_RELOC_NONE:
    case OJI_RELOC_TLS_DESC_CALL:
        return true;
    case OJI_RELOC_ABS64:
        oji_store64(where, absolute);
        return true;
    /* The commonest, written out for each: what their rows say is then known where they are compiled. */
    case OJI_RV_CALL:
        return fix_own(fixups, reloc, OJI_RV_CALL, where, is_64);
    case OJI_RV_PCREL_HI20:
        return fix_own(fixups, reloc, OJI_RV_PCREL_HI20, where, is_64);
    case OJI_RV_GOT_HI20:
        return fix_own(fixups, reloc, OJI_RV_GOT_HI20, where, is_64);
    case OJI_RV_PCREL_LO12_I:
        return fix_own(fixups, reloc, OJI_RV_PCREL_LO12_I, where, is_64);
    default:
        return reloc->kind >= OJI_RELOC_OF_ARCH && reloc->kind < OJI_RV_END &&
               fix_own(fixups, reloc, reloc->kind, where, is_64);
    }
}

static uint32_t relocate_64(oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++)
        if (OJI_UNLIKELY(!fix(fixups, &fixups->relocs[i], true)))
            return i;
    return fixups->n_relocs;
}

static uint32_t relocate_32(oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++)
        if (OJI_UNLIKELY(!fix(fixups, &fixups->relocs[i], false)))
            return i;
    return fixups->n_relocs;
}

static uint32_t needs(uint32_t kind)
{
    static const uint32_t uses[] = {
        [CALLEE] = OJI_USE_CALL,         [ENTRY] = OJI_USE_GOT,         [INDEX] = OJI_USE_TLS_INDEX,
        [DESCRIPTOR] = OJI_USE_TLS_DESC, [DISTANCE] = OJI_USE_TLS_LOAD, [OFFSET] = OJI_USE_TLS_OFFSET,
        [POINTER] = OJI_USE_TLS_POINTER};
    if (kind < OJI_RELOC_OF_ARCH || kind >= OJI_RV_END)
        return 0;
    return uses[rows[kind - OJI_RELOC_OF_ARCH].object];
}

/* Fields of less than a byte, and of no fixed length, belong to an entry whose other fields say that it is gone. */
static uint32_t field_size(uint32_t kind)
{
    if (kind == OJI_RV_SUB6 || kind == OJI_RV_SET6 || kind == OJI_RV_SET_ULEB128 || kind == OJI_RV_SUB_ULEB128)
        return 0;
    return oji_rv_width(kind);
}

/* auipc t1, entry; ld or lw t1, entry(t1); jr t1; nop. Of what the psABI's own stubs change ("Program Linkage Table"),
 * t1 is never live at a call: LLVM passes the ninth argument of functions that it knows all callers of in t3, t0 links
 * millicode, and t2 has a nested function's frame. */
static bool write_stub(uint8_t *write, uint64_t stub, uint64_t entry, uint32_t load, bool is_64)
{
    static const row pair = {ENTRY, 1, SIGNED, 32, PAIR, 0};
    oji_store32(write, UINT32_C(0x00000317));
    oji_store32(write + 4, load);
    oji_store32(write + 8, UINT32_C(0x00030067));
    oji_store32(write + 12, UINT32_C(0x00000013));
    return store_checked(write, &pair, entry - stub, is_64);
}

enum { LOAD_64 = 0x00033303, LOAD_32 = 0x00032303 };

static bool write_stub_64(uint8_t *write, uint64_t stub, uint64_t entry)
{
    return write_stub(write, stub, entry, LOAD_64, true);
}

static bool write_stub_32(uint8_t *write, uint64_t stub, uint64_t entry)
{
    return write_stub(write, stub, entry, LOAD_32, false);
}

/* The same with ld or lw t1, 0(t1) before the jump, which takes the place of nop. */
static void write_far_stub(uint8_t *write, uint64_t stub, uint64_t word, uint32_t load, bool is_64)
{
    write_stub(write, stub, word, load, is_64);
    memcpy(write + 12, write + 8, 4);
    oji_store32(write + 8, load);
}

static void write_far_stub_64(uint8_t *write, uint64_t stub, uint64_t word)
{
    write_far_stub(write, stub, word, LOAD_64, true);
}

static void write_far_stub_32(uint8_t *write, uint64_t stub, uint64_t word)
{
    write_far_stub(write, stub, word, LOAD_32, false);
}

/* Nothing is promised to a hart that fetches what another one stores (volume I, "Zifencei"), and no profile of 32 bits
 * adds to that. */
static bool never(const uint8_t *old_word, const uint8_t *new_word)
{
    (void)old_word, (void)new_word;
    return false;
}

/* --- the C library's static part ---------------------------------------------------------------------------------- */

/* li a1, 0, or nop; auipc argument, %got_pcrel_hi(handle); ld argument, %pcrel_lo(argument); tail target. The argument
 * is a2, a1, a3: the one behind those that the function itself has, and for atexit() another is zero. */
static const oji_reloc runtime_relocs[] = {{.offset = 4, .symbol = 3, .kind = OJI_RV_GOT_HI20},
                                           {.offset = 8, .symbol = 3, .kind = OJI_RV_PCREL_LO12_I, .addend = -1},
                                           {.offset = 12, .symbol = 2, .kind = OJI_RV_CALL}};
static const uint16_t runtime_numbers[] = {0, 1, 2};
static const char *const runtime_names[] = {"R_RISCV_GOT_HI20", "R_RISCV_PCREL_LO12_I", "R_RISCV_CALL_PLT"};

enum { HANDLE_USES = OJI_USE_GOT, TARGET_USES = OJI_USE_CALL };

#define TAIL 0x17, 0x03, 0, 0, 0x67, 0x00, 0x03, 0x00
#define LI_A1 0x93, 0x05, 0, 0
#define NOP 0x13, 0, 0, 0

#define ARCH OJI_ARCH_RISCV64
OJI_RUNTIME(atexit_64, "atexit", "__cxa_atexit", LI_A1, 0x17, 0x06, 0, 0, 0x03, 0x36, 0x06, 0, TAIL);
OJI_RUNTIME(quick_exit_64, "at_quick_exit", "__cxa_at_quick_exit", NOP, 0x97, 0x05, 0, 0, 0x83, 0xb5, 0x05, 0, TAIL);
OJI_RUNTIME(atfork_64, "pthread_atfork", "__register_atfork", NOP, 0x97, 0x06, 0, 0, 0x83, 0xb6, 0x06, 0, TAIL);
#undef ARCH
#define ARCH OJI_ARCH_RISCV32
OJI_RUNTIME(atexit_32, "atexit", "__cxa_atexit", LI_A1, 0x17, 0x06, 0, 0, 0x03, 0x26, 0x06, 0, TAIL);
OJI_RUNTIME(quick_exit_32, "at_quick_exit", "__cxa_at_quick_exit", NOP, 0x97, 0x05, 0, 0, 0x83, 0xa5, 0x05, 0, TAIL);
OJI_RUNTIME(atfork_32, "pthread_atfork", "__register_atfork", NOP, 0x97, 0x06, 0, 0, 0x83, 0xa6, 0x06, 0, TAIL);

static const oj_object *const runtime_64[] = {&atexit_64, &quick_exit_64, &atfork_64, NULL};
static const oj_object *const runtime_32[] = {&atexit_32, &quick_exit_32, &atfork_32, NULL};

/* What the two have in common.
 * reach: what auipc reaches at least. padding: 16 bits of zero are an illegal instruction (volume I, 26.5).
 * unwind_registers: x0 to x31, f0 to f31, and 64, the alternate return column (psABI, "DWARF Register Numbers"). */
#define COMMON                                                                                               \
    .elf_machine = 243, .stub_size = STUB_SIZE, .far_stub_size = STUB_SIZE,                                  \
    .reach = (UINT64_C(1) << 31) - (UINT64_C(1) << 24), .padding = 0, .patch_word = 4, .reaches_zero = true, \
    .unwind_registers = 65, .needs = needs, .field_size = field_size, .relax = oji_riscv_relax

/* Running code: fetches of aligned words are atomic (RVA20U64 profile, Ziccif), which every 64-bit system that Linux
 * distributions run on has. */
const oji_arch oji_arch_riscv64 = {COMMON,
                                   .id = OJI_ARCH_RISCV64,
                                   .got_entry_size = 8,
                                   .address_bits = 64,
                                   .runtime = runtime_64,
                                   .relocate = relocate_64,
                                   .write_stub = write_stub_64,
                                   .write_far_stub = write_far_stub_64};

const oji_arch oji_arch_riscv32 = {COMMON,
                                   .id = OJI_ARCH_RISCV32,
                                   .got_entry_size = 4,
                                   .address_bits = 32,
                                   .runtime = runtime_32,
                                   .may_patch = never,
                                   .patch_rule = "nothing",
                                   .relocate = relocate_32,
                                   .write_stub = write_stub_32,
                                   .write_far_stub = write_far_stub_32};
