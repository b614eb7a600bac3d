/* x86-64: relocation formulas, stubs, facts.
 * Source: x86-64 psABI, section 4.4 (relocation), appendix B.2 (GOTPCRELX optimisation). */
#include "arch/arch.h"
#include "arch/runtime.h"

/* Sums and differences of addresses are unsigned and wrap modulo 2^64; a value fits a field if extending the field
 * gives it back. So no check overflows, whatever addends say. */
enum { GOT_ENTRY_SIZE = 8, STUB_SIZE = 8, FAR_STUB_SIZE = 16 };

static inline bool fits_int32(uint64_t value) { return (int64_t)value == (int32_t)value; }
static inline bool fits_uint32(uint64_t value) { return value <= UINT32_MAX; }
static inline bool fits_signed(uint64_t value, int bits)
{
    return (int64_t)value >= -(INT64_C(1) << (bits - 1)) && (int64_t)value < INT64_C(1) << (bits - 1);
}
/* psABI, 4.4, does not say whether the fields of R_X86_64_16 and _8 are signed; linkers take both. */
static inline bool fits_either(uint64_t value, int bits)
{
    return fits_signed(value, bits) || value < UINT64_C(1) << bits;
}

/* Stores what fits and says whether it did: a field that does not fit keeps the section's bytes. */
static inline bool store32(uint8_t *where, uint64_t value, bool fits)
{
    if (OJI_LIKELY(fits))
        oji_store32(where, (uint32_t)value);
    return fits;
}

static inline bool store16(uint8_t *where, uint64_t value, bool fits)
{
    if (fits)
        oji_store16(where, (uint16_t)value);
    return fits;
}

static inline bool store8(uint8_t *where, uint64_t value, bool fits)
{
    if (fits)
        *where = (uint8_t)value;
    return fits;
}

static inline bool store64(uint8_t *where, uint64_t value)
{
    oji_store64(where, value);
    return true;
}

/* Not a place before the GOT where there is no entry: whoever uses it has checked target->entry, or drops the
 * result. */
static inline uint64_t entry_addr(const oji_fixups *fixups, const oji_target *target)
{
    return fixups->got_addr + (uint64_t)(target->entry - 1) * GOT_ENTRY_SIZE;
}

static inline uint64_t stub_addr(const oji_fixups *fixups, const oji_target *target)
{
    return fixups->stubs_addr + (uint64_t)(target->stub - 1) * STUB_SIZE;
}

/* A stress build takes the long way wherever there is one, so that stubs and GOT entries are all exercised. */
static inline bool in_reach(uint64_t value, bool has_long_way)
{
#ifdef OJ_STRESS
    if (has_long_way)
        return false;
#else
    (void)has_long_way;
#endif
    return fits_int32(value);
}

/* A stub leads to the symbol: call, jmp and jcc to somewhere behind it (e8, e9, 0f 80 to 8f) have none, as they would
 * go behind the stub. The addend of data says what its distance counts from, as in tables of functions. */
static bool leads_behind(const oji_fixups *fixups, const oji_reloc *reloc, const uint8_t *where)
{
    if (reloc->addend == -4 || reloc->offset == 0 || !fixups->is_code)
        return false;
    return (where[-1] & 0xfe) == 0xe8 || (reloc->offset > 1 && where[-2] == 0x0f && (where[-1] & 0xf0) == 0x80);
}

/* L + A - P: direct where that fits, else through the stub. Counts as direct only what a stub was planned for: that
 * is how many stubs layout could not know to be superfluous. */
static bool fix_call(oji_fixups *fixups, const oji_reloc *reloc, const oji_target *target, uint8_t *where)
{
    uint64_t addend_minus_place = (uint64_t)reloc->addend - (fixups->run_addr + reloc->offset);
    uint64_t direct = target->addr + addend_minus_place;
    if (OJI_LIKELY(in_reach(direct, target->stub != 0 && !leads_behind(fixups, reloc, where)))) {
        fixups->n_direct += target->stub != 0;
        oji_store32(where, (uint32_t)direct);
        return true;
    }
    if (target->stub == 0 || leads_behind(fixups, reloc, where))
        return false;
    direct = stub_addr(fixups, target) + addend_minus_place;
    return store32(where, direct, fits_int32(direct));
}

/* G + GOT + A - P. A missing entry counts as not fitting, never as entry -1. */
static bool fix_got_load(const oji_fixups *fixups, const oji_target *target, uint8_t *where,
                         uint64_t addend_minus_place)
{
    uint64_t value = entry_addr(fixups, target) + addend_minus_place;
    return target->entry != 0 && store32(where, value, fits_int32(value));
}

/* The reader has checked the opcode and that two bytes stand before the field, and that the addend is -4.
 * mov foo@GOTPCREL(%rip), r  ->  lea foo(%rip), r
 * call *foo@GOTPCREL(%rip)   ->  addr32 call foo
 * jmp *foo@GOTPCREL(%rip)    ->  jmp foo; nop
 * A jump's displacement is one larger than a call's, so one more than the value must fit for all of them. What
 * cannot be rewritten still works as a load: relaxation is never an error. */
static bool fix_relaxable(oji_fixups *fixups, const oji_reloc *reloc, const oji_target *target, uint8_t *where,
                          uint64_t addend_minus_place)
{
    uint64_t direct = target->addr + addend_minus_place;
    if (!in_reach(direct, target->entry != 0) || !fits_int32(direct + 1))
        return fix_got_load(fixups, target, where, addend_minus_place);
    fixups->n_relaxed++;
    if (reloc->kind == OJI_RELOC_RELAX_MOV) {
        where[-2] = 0x8d;
    } else if (reloc->kind == OJI_RELOC_RELAX_CALL) {
        where[-2] = 0x67;
        where[-1] = 0xe8;
    } else {
        /* The displacement moves down by one byte, and with it the place it is relative to. */
        where[-2] = 0xe9;
        oji_store32(where - 1, (uint32_t)(direct + 1));
        where[3] = 0x90;
        return true;
    }
    oji_store32(where, (uint32_t)direct);
    return true;
}

/* psABI, 4.4, and "ELF Handling for Thread-Local Storage", 4.4.6. tls_offset is of use only where the block has one:
 * planning sees to it. */
static bool fix_tls(const oji_fixups *fixups, const oji_reloc *reloc, const oji_target *target, uint8_t *where)
{
    uint64_t addend = (uint64_t)reloc->addend, place = fixups->run_addr + reloc->offset;
    uint64_t entry = entry_addr(fixups, target), value = target->addr + addend;
    switch (reloc->kind) {
    case OJI_RELOC_TLS_INDEX32:
        value = entry + addend - place;
        return target->entry != 0 && store32(where, value, fits_int32(value));
    case OJI_RELOC_TLS_BLOCK32:
        value = fixups->tls_index_addr + addend - place;
        return fixups->tls_index_addr != 0 && store32(where, value, fits_int32(value));
    case OJI_RELOC_TLS_DESC32:
        value = entry + OJI_TLS_DESCRIPTOR_ENTRY(target) * (uint64_t)GOT_ENTRY_SIZE + addend - place;
        return target->entry != 0 && store32(where, value, fits_int32(value));
    case OJI_RELOC_TLS_LOAD32:
        value = entry + OJI_TLS_DISTANCE_ENTRY(target) * (uint64_t)GOT_ENTRY_SIZE + addend - place;
        return target->entry != 0 && store32(where, value, fits_int32(value));
    case OJI_RELOC_TLS_OFFSET32:
        return store32(where, value, fits_int32(value));
    case OJI_RELOC_TLS_OFFSET64:
        return store64(where, value);
    case OJI_RELOC_TLS_POINTER32:
        value += fixups->tls_offset;
        return store32(where, value, fits_int32(value));
    case OJI_RELOC_TLS_POINTER64:
        return store64(where, value + fixups->tls_offset);
    default:
        return reloc->kind == OJI_RELOC_TLS_DESC_CALL;
    }
}

/* The formulas in the order of the psABI's table: S symbol, A addend, P place, GOT the table's start, G an entry's
 * offset in it, L a stub, Z a symbol's size. Kept out of relocate(), whose loop holds the kinds that compilers
 * write. */
static bool fix_rare(const oji_fixups *fixups, const oji_reloc *reloc, const oji_target *target, uint8_t *where)
{
    uint64_t addend = (uint64_t)reloc->addend, place = fixups->run_addr + reloc->offset;
    uint64_t entry = entry_addr(fixups, target), size = fixups->symbols[reloc->symbol].size, value;
    switch (reloc->kind) {
    case OJI_RELOC_ABS16:
        value = target->addr + addend;
        return store16(where, value, fits_either(value, 16));
    case OJI_RELOC_ABS8:
        value = target->addr + addend;
        return store8(where, value, fits_either(value, 8));
    case OJI_RELOC_PC64:
        return store64(where, target->addr + addend - place);
    case OJI_RELOC_PC16:
        value = target->addr + addend - place;
        return store16(where, value, fits_signed(value, 16));
    case OJI_RELOC_PC8:
        value = target->addr + addend - place;
        return store8(where, value, fits_signed(value, 8));
    case OJI_RELOC_GOT_LOAD64:
        return target->entry != 0 && store64(where, entry + addend - place);
    case OJI_RELOC_GOT_ENTRY32:
        value = entry + addend - fixups->base_addr;
        return target->entry != 0 && store32(where, value, fits_int32(value));
    case OJI_RELOC_GOT_ENTRY64:
        return target->entry != 0 && store64(where, entry + addend - fixups->base_addr);
    case OJI_RELOC_GOT_START32:
        value = fixups->base_addr + addend - place;
        return store32(where, value, fits_int32(value));
    case OJI_RELOC_GOT_START64:
        return store64(where, fixups->base_addr + addend - place);
    case OJI_RELOC_GOT_OFFSET64:
    case OJI_RELOC_CALL_OFFSET64:
        return store64(where, target->addr + addend - fixups->base_addr);
    case OJI_RELOC_SIZE32:
        value = size + addend;
        return store32(where, value, fits_uint32(value));
    case OJI_RELOC_SIZE64:
        return store64(where, size + addend);
    case OJI_RELOC_NONE:
        return true;
    default:
        return fix_tls(fixups, reloc, target, where);
    }
}

/* Needs offsets that a reader has checked, with the field's size, against the section's; symbols, against their
 * number. Sections are REL-free here: addends are explicit (psABI, 4.4: only Elf64_Rela). */
static uint32_t relocate(oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++) {
        const oji_reloc *reloc = &fixups->relocs[i];
        const oji_target *target = &fixups->targets[reloc->symbol];
        uint8_t *where = fixups->write + reloc->offset;
        uint64_t absolute = target->addr + (uint64_t)reloc->addend, place = fixups->run_addr + reloc->offset;
        bool done;
        OJI_ASSERT(reloc->offset < fixups->size || reloc->kind == OJI_RELOC_NONE);
        switch (reloc->kind) {
        case OJI_RELOC_CALL32:
            done = fix_call(fixups, reloc, target, where);
            break;
        case OJI_RELOC_PC32:
            done = store32(where, absolute - place, fits_int32(absolute - place));
            break;
        case OJI_RELOC_ABS64:
            done = store64(where, absolute);
            break;
        case OJI_RELOC_RELAX_MOV:
        case OJI_RELOC_RELAX_CALL:
        case OJI_RELOC_RELAX_JUMP:
            done = fix_relaxable(fixups, reloc, target, where, (uint64_t)reloc->addend - place);
            break;
        case OJI_RELOC_GOT_LOAD32:
            done = fix_got_load(fixups, target, where, (uint64_t)reloc->addend - place);
            break;
        case OJI_RELOC_ABS32:
            done = store32(where, absolute, fits_uint32(absolute));
            break;
        case OJI_RELOC_ABS32S:
            done = store32(where, absolute, fits_int32(absolute));
            break;
        default:
            done = fix_rare(fixups, reloc, target, where);
        }
        if (OJI_UNLIKELY(!done))
            return i;
    }
    return fixups->n_relocs;
}

/* lea symbol(%rip), register: REX with W, opcode, mod 00 and rm 101. The same bytes end vpermw, whose EVEX prefix
 * begins three bytes earlier (Intel SDM volume 2, 2.7.1); by that it is told, at the cost of some that are lea. */
static bool computes_address(const uint8_t *bytes, const oji_reloc *reloc)
{
    const uint8_t *field = bytes + reloc->offset;
    if (reloc->kind != OJI_RELOC_PC32 || reloc->offset < 3 || (reloc->offset >= 6 && field[-6] == 0x62))
        return false;
    return (field[-3] & 0xf8) == 0x48 && field[-2] == 0x8d && (field[-1] & 0xc7) == 0x05;
}

/* lea symbol + x(%rip), r  ->  mov entry(%rip), r. The field ends the instruction, and its addend is x - 4. */
static bool compute_or_load(uint8_t *field, uint64_t place_addr, uint64_t symbol_plus_addend, uint8_t *entry,
                            uint64_t entry_addr)
{
    uint64_t direct = symbol_plus_addend - place_addr, load = entry_addr - 4 - place_addr;
    if (in_reach(direct, true)) {
        oji_store32(field, (uint32_t)direct);
        return true;
    }
    if (!fits_int32(load))
        return false;
    field[-2] = 0x8b;
    oji_store32(field, (uint32_t)load);
    oji_store64(entry, symbol_plus_addend + 4);
    return true;
}

/* jmp *entry(%rip); int3; int3 The displacement counts from the end of the 6-byte jump. Behind an indirect jump the
 * processor may run ahead in a straight line: the two traps stop it. */
static bool write_stub(uint8_t *write, uint64_t stub, uint64_t entry)
{
    uint64_t displacement = entry - (stub + 6);
    if (!fits_int32(displacement))
        return false;
    write[0] = 0xff;
    write[1] = 0x25;
    oji_store32(write + 2, (uint32_t)displacement);
    write[6] = write[7] = 0xcc;
    return true;
}

/* mov word(%rip), %r11; jmp *(%r11), and traps as above. r11 is the psABI's for stubs (3.2.3, "Register Usage"). */
static void write_far_stub(uint8_t *write, uint64_t stub, uint64_t word)
{
    memset(write, 0xcc, FAR_STUB_SIZE);
    memcpy(write, "\x4c\x8b\x1d", 3);
    oji_store32(write + 3, (uint32_t)(word - (stub + 7)));
    memcpy(write + 7, "\x41\xff\x23", 3);
}

static uint32_t needs(uint32_t kind)
{
    switch (kind) {
    case OJI_RELOC_CALL32:
        return OJI_USE_CALL;
    case OJI_RELOC_GOT_LOAD32:
    case OJI_RELOC_GOT_LOAD64:
    case OJI_RELOC_GOT_ENTRY32:
    case OJI_RELOC_GOT_ENTRY64:
        return OJI_USE_GOT;
    case OJI_RELOC_RELAX_MOV:
    case OJI_RELOC_RELAX_CALL:
    case OJI_RELOC_RELAX_JUMP:
        return OJI_USE_GOT_RELAX;
    case OJI_RELOC_TLS_INDEX32:
        return OJI_USE_TLS_INDEX;
    case OJI_RELOC_TLS_BLOCK32:
        return OJI_USE_TLS_BLOCK;
    case OJI_RELOC_TLS_DESC32:
        return OJI_USE_TLS_DESC;
    case OJI_RELOC_TLS_LOAD32:
        return OJI_USE_TLS_LOAD;
    case OJI_RELOC_TLS_POINTER32:
    case OJI_RELOC_TLS_POINTER64:
        return OJI_USE_TLS_POINTER;
    default:
        return 0;
    }
}

/* mov handle@GOTPCREL(%rip), argument; zero or two bytes of nothing; jmp target. The argument is %rdx, %rsi, %rcx: the
 * one behind those that the function itself has, and for atexit() another is zero (x86-64 psABI, 3.2.3). */
static const oji_reloc runtime_relocs[] = {{.addend = -4, .offset = 3, .symbol = 3, .kind = OJI_RELOC_RELAX_MOV},
                                           {.addend = -4, .offset = 10, .symbol = 2, .kind = OJI_RELOC_CALL32}};
static const uint16_t runtime_numbers[] = {0, 1};
static const char *const runtime_names[] = {"R_X86_64_REX_GOTPCRELX", "R_X86_64_PLT32"};

enum { TARGET_USES = OJI_USE_CALL, HANDLE_USES = OJI_USE_GOT_RELAX, ARCH = OJI_ARCH_X86_64 };

OJI_RUNTIME(runtime_atexit, "atexit", "__cxa_atexit", 0x48, 0x8b, 0x15, 0, 0, 0, 0, 0x31, 0xf6, 0xe9, 0, 0, 0, 0);
OJI_RUNTIME(runtime_quick_exit, "at_quick_exit", "__cxa_at_quick_exit", 0x48, 0x8b, 0x35, 0, 0, 0, 0, 0x66, 0x90, 0xe9,
            0, 0, 0, 0);
OJI_RUNTIME(runtime_atfork, "pthread_atfork", "__register_atfork", 0x48, 0x8b, 0x0d, 0, 0, 0, 0, 0x66, 0x90, 0xe9, 0, 0,
            0, 0);

static const oj_object *const runtime[] = {&runtime_atexit, &runtime_quick_exit, &runtime_atfork, NULL};

const oji_arch oji_arch_x86_64 = {
    .id = OJI_ARCH_X86_64,
    .elf_machine = 62,
    .got_entry_size = GOT_ENTRY_SIZE,
    .stub_size = STUB_SIZE,
    .far_stub_size = FAR_STUB_SIZE,
    /* Displacements count from the end of an instruction and carry addends: 16 MiB of the 2 GiB are kept back. */
    .reach = (UINT64_C(1) << 31) - (UINT64_C(1) << 24),
    .address_bits = 64,
    .padding = 0xcc,
    /* AMD64 APM volume 2, 7.6.1: naturally aligned stores of up to a quadword may modify running code. */
    .unwind_registers = 17,
    .patch_word = 8,
    .runtime = runtime,
    .needs = needs,
    .relocate = relocate,
    .computes_address = computes_address,
    .compute_or_load = compute_or_load,
    .write_stub = write_stub,
    .write_far_stub = write_far_stub,
};
