/* s390x: relocation formulas, stubs, facts. The highest byte of every field is its first.
 * Every kind is a row: which value it computes, which bits of it must be all, and which field takes it.
 * Source: ELF Application Binary Interface s390x Supplement, "Relocation"; z/Architecture Principles of Operation
 * (SA22-7832), chapter 5 "Program Execution" (formats, sequence of storage references), chapter 7 (instructions). */
#include "arch/arch.h"
#include "arch/runtime.h"
#include "arch/value.h"
#include "object/s390x.h"

enum { GOT_ENTRY_SIZE = 8, STUB_SIZE = 8, FAR_STUB_SIZE = 16 };

/* What is taken off it. */
typedef enum from { NOTHING, PLACE, GOT } from;

typedef enum field {
    BYTE,
    HALF,   /* 2 bytes */
    WORD,   /* 4 */
    DOUBLE, /* 8 */
    LOW12,  /* of 2 bytes; those above keep what they have */
    LOW24,  /* 3 bytes */
    LONG20  /* of 4 bytes: bits 16 to 27 hold the low 12 bits, 8 to 15 the rest */
} field;

typedef struct row {
    uint8_t object;
    uint8_t from;
    uint8_t check;
    uint8_t bits;
    uint8_t field;
    uint8_t shift; /* 1 where the field counts in halfwords: the value must be even */
} row;

#define KIND(name) [OJI_S390X_##name - OJI_RELOC_OF_ARCH]

/* ORDER OJI_S390X */
static const row rows[OJI_S390X_END - OJI_RELOC_OF_ARCH] = {
    KIND(8) = {SYMBOL, NOTHING, EITHER, 8, BYTE, 0},
    KIND(12) = {SYMBOL, NOTHING, UNSIGNED, 12, LOW12, 0},
    KIND(16) = {SYMBOL, NOTHING, EITHER, 16, HALF, 0},
    KIND(20) = {SYMBOL, NOTHING, SIGNED, 20, LONG20, 0},
    KIND(32) = {SYMBOL, NOTHING, EITHER, 32, WORD, 0},
    KIND(PC16) = {SYMBOL, PLACE, SIGNED, 16, HALF, 0},
    KIND(PC32) = {SYMBOL, PLACE, SIGNED, 32, WORD, 0},
    KIND(PC12DBL) = {SYMBOL, PLACE, SIGNED, 13, LOW12, 1},
    KIND(PC16DBL) = {SYMBOL, PLACE, SIGNED, 17, HALF, 1},
    KIND(PC24DBL) = {SYMBOL, PLACE, SIGNED, 25, LOW24, 1},
    KIND(PC32DBL) = {SYMBOL, PLACE, SIGNED, 33, WORD, 1},
    KIND(PLT32) = {CALLEE, PLACE, SIGNED, 32, WORD, 0},
    KIND(PLT12DBL) = {CALLEE, PLACE, SIGNED, 13, LOW12, 1},
    KIND(PLT16DBL) = {CALLEE, PLACE, SIGNED, 17, HALF, 1},
    KIND(PLT24DBL) = {CALLEE, PLACE, SIGNED, 25, LOW24, 1},
    KIND(PLT32DBL) = {CALLEE, PLACE, SIGNED, 33, WORD, 1},
    KIND(GOT12) = {ENTRY, GOT, UNSIGNED, 12, LOW12, 0},
    KIND(GOT16) = {ENTRY, GOT, SIGNED, 16, HALF, 0},
    KIND(GOT20) = {ENTRY, GOT, SIGNED, 20, LONG20, 0},
    KIND(GOT32) = {ENTRY, GOT, SIGNED, 32, WORD, 0},
    KIND(GOT64) = {ENTRY, GOT, ANYTHING, 0, DOUBLE, 0},
    KIND(GOTENT) = {ENTRY, PLACE, SIGNED, 33, WORD, 1},
    KIND(GOTOFF16) = {SYMBOL, GOT, SIGNED, 16, HALF, 0},
    KIND(GOTOFF32) = {SYMBOL, GOT, SIGNED, 32, WORD, 0},
    KIND(GOTOFF64) = {SYMBOL, GOT, ANYTHING, 0, DOUBLE, 0},
    KIND(PLTOFF16) = {CALLEE, GOT, SIGNED, 16, HALF, 0},
    KIND(PLTOFF32) = {CALLEE, GOT, SIGNED, 32, WORD, 0},
    KIND(GOTPC) = {TABLE, PLACE, SIGNED, 32, WORD, 0},
    KIND(GOTPCDBL) = {TABLE, PLACE, SIGNED, 33, WORD, 1},
    KIND(TLS_GD64) = {INDEX, GOT, ANYTHING, 0, DOUBLE, 0},
    KIND(TLS_LDM64) = {BLOCK, GOT, ANYTHING, 0, DOUBLE, 0},
    KIND(TLS_GOTIE12) = {DISTANCE, GOT, UNSIGNED, 12, LOW12, 0},
    KIND(TLS_GOTIE20) = {DISTANCE, GOT, SIGNED, 20, LONG20, 0},
    KIND(TLS_GOTIE64) = {DISTANCE, GOT, ANYTHING, 0, DOUBLE, 0},
    KIND(TLS_IE64) = {DISTANCE, NOTHING, ANYTHING, 0, DOUBLE, 0},
    KIND(TLS_IEENT) = {DISTANCE, PLACE, SIGNED, 33, WORD, 1},
    KIND(TLS_LDO64) = {OFFSET, NOTHING, ANYTHING, 0, DOUBLE, 0},
    KIND(TLS_LE64) = {POINTER, NOTHING, ANYTHING, 0, DOUBLE, 0},
};

static void store_field(uint8_t *where, const row *how, uint64_t value)
{
    uint64_t v = value >> how->shift;
    switch (how->field) {
    case BYTE:
        where[0] = (uint8_t)v;
        break;
    case HALF:
        oji_store16be(where, (uint16_t)v);
        break;
    case WORD:
        oji_store32be(where, (uint32_t)v);
        break;
    case LOW12:
        oji_store16be(where, (uint16_t)((oji_load16be(where) & 0xf000) | (v & 0xfff)));
        break;
    case LOW24:
        where[0] = (uint8_t)(v >> 16);
        oji_store16be(where + 1, (uint16_t)v);
        break;
    case LONG20:
        oji_store32be(where, (oji_load32be(where) & UINT32_C(0xf00000ff)) | (uint32_t)(v & 0xfff) << 16 |
                                 (uint32_t)(v >> 12 & 0xff) << 8);
        break;
    default:
        oji_store64be(where, v);
    }
}

static inline bool is_aligned(const row *how, uint64_t value) { return (value & how->shift) == 0; }

static inline bool store_checked(uint8_t *where, const row *how, uint64_t value)
{
    if (!fits(value, how->check, how->bits) || !is_aligned(how, value))
        return false;
    store_field(where, how, value);
    return true;
}

/* A stub leads to the symbol: what branches to somewhere behind it has none, as it would go behind the stub. A branch
 * counts from its start, and its field begins 2 bytes behind it, that of a prediction 1 (12 bits) or 3 (24). The addend
 * of data says what its distance counts from. */
static bool leads_behind(const oji_reloc *reloc, const row *how)
{
    int64_t own = how->field == LOW12 ? 1 : how->field == LOW24 ? 3 : 2;
    return how->shift == 1 && reloc->addend != own;
}

/* The distance to the symbol where the field can hold it, else to its stub. A stress build takes the stub wherever
 * there is one. `off` is what is taken off the address. */
static bool fix_call(oji_fixups *fixups, const oji_reloc *reloc, const row *how, uint8_t *where, uint64_t off)
{
    const oji_target *target = &fixups->targets[reloc->symbol];
    uint64_t direct = target->addr + (uint64_t)reloc->addend - off;
    bool has_stub = target->stub != 0 && !leads_behind(reloc, how);
#ifdef OJ_STRESS
    if (!has_stub)
#endif
        if (store_checked(where, how, direct)) {
            fixups->n_direct += has_stub;
            return true;
        }
    /* A stub would lead there as well, to where no instruction is. */
    if (!is_aligned(how, direct)) {
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
        return false;
    }
    return has_stub &&
           store_checked(where, how,
                         fixups->stubs_addr + (uint64_t)(target->stub - 1) * STUB_SIZE + (uint64_t)reloc->addend - off);
}

/* lgrl r, entry  ->  larl r, symbol, where the symbol is even and in reach (the supplement's "GOT relaxation" is GNU
 * ld's and lld's). The entry stays. A stress build loads. */
static bool relax_load(oji_fixups *fixups, const oji_reloc *reloc, uint8_t *where)
{
    static const row address = {SYMBOL, PLACE, SIGNED, 33, WORD, 1};
    uint64_t place = fixups->run_addr + reloc->offset;
#ifdef OJ_STRESS
    return false;
#endif
    if (reloc->offset < 2 || reloc->addend != 2 || where[-2] != 0xc4 || (where[-1] & 0xf) != 8 ||
        !store_checked(where, &address, fixups->targets[reloc->symbol].addr + 2 - place))
        return false;
    where[-2] = 0xc0;
    where[-1] &= 0xf0;
    fixups->n_relaxed++;
    return true;
}

/* Kinds of this architecture's own. A missing GOT entry counts as not fitting. */
static bool fix_own(oji_fixups *fixups, const oji_reloc *reloc, uint8_t *where)
{
    const row *how = &rows[reloc->kind - OJI_RELOC_OF_ARCH];
    uint64_t value, off = 0;
    if (how->from != NOTHING)
        off = how->from == GOT ? fixups->base_addr : fixups->run_addr + reloc->offset;
    if (how->object == CALLEE)
        return fix_call(fixups, reloc, how, where, off);
    if (reloc->kind == OJI_S390X_GOTENT && relax_load(fixups, reloc, where))
        return true;
    if (!find_object(fixups, &fixups->targets[reloc->symbol], how->object, &value)) {
        fixups->misfit = OJI_MISFIT_ENTRY;
        return false;
    }
    value += (uint64_t)reloc->addend - off;
    if (!is_aligned(how, value))
        fixups->misfit = OJI_MISFIT_ALIGNMENT;
    return store_checked(where, how, value);
}

static uint32_t relocate(oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++) {
        const oji_reloc *reloc = &fixups->relocs[i];
        uint64_t absolute = fixups->targets[reloc->symbol].addr + (uint64_t)reloc->addend;
        uint8_t *where = fixups->write + reloc->offset;
        bool done = true;
        OJI_ASSERT(reloc->offset < fixups->size || reloc->kind == OJI_RELOC_NONE);
        if (OJI_LIKELY(reloc->kind >= OJI_RELOC_OF_ARCH && reloc->kind < OJI_S390X_END))
            done = fix_own(fixups, reloc, where);
        else if (reloc->kind == OJI_RELOC_ABS64)
            oji_store64be(where, absolute);
        else if (reloc->kind == OJI_RELOC_PC64)
            oji_store64be(where, absolute - (fixups->run_addr + reloc->offset));
        else
            done = reloc->kind == OJI_RELOC_NONE;
        if (OJI_UNLIKELY(!done))
            return i;
    }
    return fixups->n_relocs;
}

static bool is_own(uint32_t kind) { return kind >= OJI_RELOC_OF_ARCH && kind < OJI_S390X_END; }

static uint32_t needs(uint32_t kind)
{
    static const uint32_t uses[] = {
        [CALLEE] = OJI_USE_CALL,        [ENTRY] = OJI_USE_GOT,         [INDEX] = OJI_USE_TLS_INDEX,
        [BLOCK] = OJI_USE_TLS_BLOCK,    [DISTANCE] = OJI_USE_TLS_LOAD, [OFFSET] = OJI_USE_TLS_OFFSET,
        [POINTER] = OJI_USE_TLS_POINTER};
    return is_own(kind) ? uses[rows[kind - OJI_RELOC_OF_ARCH].object] : 0;
}

static uint32_t field_size(uint32_t kind)
{
    static const uint8_t sizes[] = {
        [BYTE] = 1, [HALF] = 2, [WORD] = 4, [DOUBLE] = 8, [LOW12] = 2, [LOW24] = 3, [LONG20] = 4};
    if (is_own(kind))
        return sizes[rows[kind - OJI_RELOC_OF_ARCH].field];
    return kind == OJI_RELOC_NONE ? 0 : 8;
}

/* lgrl %r1, entry; br %r1. %r1 is the linker's between caller and callee (the supplement, "Register Roles"). LGRL takes
 * its operand at a multiple of 8 only. */
static bool write_stub(uint8_t *write, uint64_t stub, uint64_t entry)
{
    static const row operand = {ENTRY, PLACE, SIGNED, 33, WORD, 1};
    oji_store16be(write, 0xc418);
    oji_store16be(write + 6, 0x07f1);
    return (entry & 7) == 0 && store_checked(write + 2, &operand, entry - stub);
}

/* lgrl %r1, word; lg %r1, 0(%r1); br %r1; nopr */
static void write_far_stub(uint8_t *write, uint64_t stub, uint64_t word)
{
    write_stub(write, stub, word);
    oji_store32be(write + 6, UINT32_C(0xe3101000));
    oji_store16be(write + 10, 0x0004);
    oji_store16be(write + 12, 0x07f1);
    oji_store16be(write + 14, 0x0700);
}

/* The bytes of an instruction may be fetched piecemeal, in any order, and another CPU may see some bits of a change and
 * not others; one byte is what every access takes as a whole (Principles of Operation, chapter 5, "Instruction
 * Fetching", "Storage-Operand Consistency"). So a mask turns a branch on or off, as Linux does it. */
static bool may_patch(const uint8_t *old_word, const uint8_t *new_word)
{
    unsigned n_changed = 0;
    for (size_t i = 0; i < 8; i++)
        n_changed += old_word[i] != new_word[i];
    return n_changed <= 1;
}

/* lghi %r3, 0, or brc 0; lgrl argument, handle@GOTENT; jg target@PLT. The argument is %r4, %r3, %r5: the one behind
 * those that the function itself has, and for atexit() another is zero (the supplement, "Parameter Passing"). */
static const oji_reloc runtime_relocs[] = {{.offset = 6, .addend = 2, .symbol = 3, .kind = OJI_S390X_GOTENT},
                                           {.offset = 12, .addend = 2, .symbol = 2, .kind = OJI_S390X_PLT32DBL}};
static const uint16_t runtime_numbers[] = {0, 1};
static const char *const runtime_names[] = {"R_390_GOTENT", "R_390_PLT32DBL"};

enum { TARGET_USES = OJI_USE_CALL, HANDLE_USES = OJI_USE_GOT, ARCH = OJI_ARCH_S390X };

OJI_RUNTIME(runtime_atexit, "atexit", "__cxa_atexit", 0xa7, 0x39, 0, 0, 0xc4, 0x48, 0, 0, 0, 0, 0xc0, 0xf4, 0, 0, 0, 0);
OJI_RUNTIME(runtime_quick_exit, "at_quick_exit", "__cxa_at_quick_exit", 0xa7, 0x04, 0, 0, 0xc4, 0x38, 0, 0, 0, 0, 0xc0,
            0xf4, 0, 0, 0, 0);
OJI_RUNTIME(runtime_atfork, "pthread_atfork", "__register_atfork", 0xa7, 0x04, 0, 0, 0xc4, 0x58, 0, 0, 0, 0, 0xc0, 0xf4,
            0, 0, 0, 0);

static const oj_object *const runtime[] = {&runtime_atexit, &runtime_quick_exit, &runtime_atfork, NULL};

const oji_arch oji_arch_s390x = {
    .id = OJI_ARCH_S390X,
    .elf_machine = 22,
    .got_entry_size = GOT_ENTRY_SIZE,
    .stub_size = STUB_SIZE,
    .far_stub_size = FAR_STUB_SIZE,
    /* PC32 in unwind tables; calls and LARL reach twice as far. */
    .reach = (UINT64_C(1) << 31) - (UINT64_C(1) << 24),
    .address_bits = 64,
    .is_big = true,
    /* Operation code 00 is set aside for invalid operations (chapter 6, "Operation Exception"). */
    .padding = 0,
    /* GCC's unwinder keeps general and floating-point registers, and two of its own. */
    .unwind_registers = 34,
    .patch_word = 8,
    .may_patch = may_patch,
    .patch_rule = "only one byte",
    .runtime = runtime,
    .tls_get_addr = "__tls_get_offset",
    .needs = needs,
    .field_size = field_size,
    .relocate = relocate,
    .write_stub = write_stub,
    .write_far_stub = write_far_stub,
};
