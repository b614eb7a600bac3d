/* i386: relocation formulas, stubs, facts.
 * Source: i386 psABI 1.1, section 4.4 (relocation), section B.2 (GOT32X optimisation). */
#include "arch/arch.h"
#include "arch/runtime.h"
#include "object/i386.h"

enum { GOT_ENTRY_SIZE = 4, STUB_SIZE = 8 };

/* Linkers take fields of 16 and 8 bits as signed or unsigned; the sum is of 32 bits. */
static bool fits(uint32_t value, int bits)
{
    int32_t as_signed = (int32_t)value;
    return value < UINT32_C(1) << bits || (as_signed < 0 && as_signed >= -(INT32_C(1) << (bits - 1)));
}

static bool fits_signed(uint32_t value, int bits)
{
    int32_t as_signed = (int32_t)value;
    return as_signed >= -(INT32_C(1) << (bits - 1)) && as_signed < INT32_C(1) << (bits - 1);
}

static bool store16(uint8_t *where, uint32_t value, bool fits_field)
{
    if (fits_field)
        oji_store16(where, (uint16_t)value);
    return fits_field;
}

static bool store8(uint8_t *where, uint32_t value, bool fits_field)
{
    if (fits_field)
        *where = (uint8_t)value;
    return fits_field;
}

/* All that the formulas need, as addresses of 32 bits. */
typedef struct values {
    uint32_t symbol;
    uint32_t addend;
    uint32_t place;
    uint32_t got;
    uint32_t entry;
    uint32_t size;
} values;

/* The reader has checked opcode, ModRM and that the addend is 0.
 * mov foo@GOT(%reg), r  ->  lea foo@GOTOFF(%reg), r
 * mov foo@GOT, r        ->  mov $foo, r
 * call *foo@GOT(%reg)   ->  addr32 call foo
 * jmp *foo@GOT(%reg)    ->  jmp foo; nop */
static void relax(oji_fixups *fixups, uint32_t kind, const values *v, uint8_t *where)
{
    uint8_t register_field = (where[-1] >> 3) & 7;
    fixups->n_relaxed++;
    switch (kind) {
    case OJI_I386_RELAX_MOV:
        where[-2] = 0x8d;
        oji_store32(where, v->symbol - v->got);
        break;
    case OJI_I386_RELAX_MOV_ADDR:
        where[-2] = 0xc7;
        where[-1] = (uint8_t)(0xc0 | register_field);
        oji_store32(where, v->symbol);
        break;
    case OJI_I386_RELAX_CALL:
        where[-2] = 0x67;
        where[-1] = 0xe8;
        oji_store32(where, v->symbol - v->place - 4);
        break;
    default:
        /* The displacement moves down by one byte, and with it the place it is relative to. */
        where[-2] = 0xe9;
        oji_store32(where - 1, v->symbol - v->place - 3);
        where[3] = 0x90;
    }
}

static bool is_tls(uint32_t kind)
{
    return (kind >= OJI_I386_TLS_INDEX && kind <= OJI_I386_TLS_LOAD_MINUS) ||
           (kind >= OJI_RELOC_TLS_INDEX32 && kind <= OJI_RELOC_TLS_POINTER64);
}

/* "ELF Handling for Thread-Local Storage", 4.4.5 (i386, GNU variant). Unlike an address an offset may be a sum that
 * wraps: that of a variable in another block. */
static bool fix_tls(const oji_fixups *fixups, uint32_t kind, const values *v, const oji_target *target, uint8_t *where)
{
    uint32_t distance = v->symbol + (uint32_t)fixups->tls_offset;
    switch (kind) {
    case OJI_I386_TLS_INDEX:
        oji_store32(where, v->entry + v->addend - v->got);
        return target->entry != 0;
    case OJI_I386_TLS_BLOCK:
        oji_store32(where, (uint32_t)fixups->tls_index_addr + v->addend - v->got);
        return fixups->tls_index_addr != 0;
    case OJI_I386_TLS_DESC:
        oji_store32(where, v->entry + OJI_TLS_DESCRIPTOR_ENTRY(target) * GOT_ENTRY_SIZE + v->addend - v->got);
        return target->entry != 0;
    case OJI_I386_TLS_LOAD:
        oji_store32(where, v->entry + OJI_TLS_DISTANCE_ENTRY(target) * GOT_ENTRY_SIZE + v->addend - v->got);
        return target->entry != 0;
    case OJI_I386_TLS_LOAD_ADDR:
        oji_store32(where, v->entry + OJI_TLS_DISTANCE_ENTRY(target) * GOT_ENTRY_SIZE + v->addend);
        return target->entry != 0;
    case OJI_I386_TLS_LOAD_MINUS:
        oji_store32(where, v->entry + OJI_TLS_MINUS_ENTRY(target) * GOT_ENTRY_SIZE + v->addend - v->got);
        return target->entry != 0;
    case OJI_RELOC_TLS_OFFSET32:
        oji_store32(where, v->symbol + v->addend);
        return true;
    case OJI_RELOC_TLS_POINTER32:
        oji_store32(where, distance + v->addend);
        return true;
    case OJI_I386_TLS_MINUS:
        oji_store32(where, v->addend - distance);
        return true;
    default:
        return kind == OJI_RELOC_TLS_DESC_CALL;
    }
}

/* A symbol in the upper part of a 64-bit address space is no address here; nor is one without its GOT entry. */
static bool fix(oji_fixups *fixups, const oji_reloc *reloc, const oji_target *target, uint8_t *where)
{
    const values v = {.symbol = (uint32_t)target->addr,
                      .addend = (uint32_t)reloc->addend,
                      .place = (uint32_t)fixups->run_addr + reloc->offset,
                      .got = (uint32_t)fixups->base_addr,
                      .entry = (uint32_t)fixups->got_addr + (target->entry - 1) * GOT_ENTRY_SIZE,
                      .size = (uint32_t)fixups->symbols[reloc->symbol].size};
    bool has_entry = target->entry != 0;
    if (is_tls(reloc->kind))
        return fix_tls(fixups, reloc->kind, &v, target, where);
    if (target->addr > UINT32_MAX)
        return false;
    switch ((uint32_t)reloc->kind) {
    case OJI_RELOC_NONE:
        return true;
    case OJI_RELOC_ABS32:
        oji_store32(where, v.symbol + v.addend);
        return true;
    case OJI_RELOC_PC32:
        oji_store32(where, v.symbol + v.addend - v.place);
        return true;
    case OJI_RELOC_ABS16:
        return store16(where, v.symbol + v.addend, fits(v.symbol + v.addend, 16));
    case OJI_RELOC_PC16:
        return store16(where, v.symbol + v.addend - v.place, fits_signed(v.symbol + v.addend - v.place, 16));
    case OJI_RELOC_ABS8:
        return store8(where, v.symbol + v.addend, fits(v.symbol + v.addend, 8));
    case OJI_RELOC_PC8:
        return store8(where, v.symbol + v.addend - v.place, fits_signed(v.symbol + v.addend - v.place, 8));
    case OJI_RELOC_SIZE32:
        oji_store32(where, v.size + v.addend);
        return true;
    case OJI_I386_GOT_OFFSET:
        oji_store32(where, v.symbol + v.addend - v.got);
        return true;
    case OJI_RELOC_GOT_START32:
        oji_store32(where, v.got + v.addend - v.place);
        return true;
    case OJI_RELOC_GOT_ENTRY32:
        oji_store32(where, v.entry + v.addend - v.got);
        return has_entry;
    case OJI_I386_GOT_ADDR:
        oji_store32(where, v.entry + v.addend);
        return has_entry;
    case OJI_I386_RELAX_MOV:
    case OJI_I386_RELAX_MOV_ADDR:
    case OJI_I386_RELAX_CALL:
    case OJI_I386_RELAX_JUMP:
        relax(fixups, reloc->kind, &v, where);
        return true;
    default:
        return false;
    }
}

static uint32_t relocate(oji_fixups *fixups)
{
    for (uint32_t i = 0; i < fixups->n_relocs; i++) {
        const oji_reloc *reloc = &fixups->relocs[i];
        OJI_ASSERT(reloc->offset < fixups->size || reloc->kind == OJI_RELOC_NONE);
        if (OJI_UNLIKELY(!fix(fixups, reloc, &fixups->targets[reloc->symbol], fixups->write + reloc->offset)))
            return i;
    }
    return fixups->n_relocs;
}

static uint32_t needs(uint32_t kind)
{
    switch (kind) {
    case OJI_RELOC_GOT_ENTRY32:
    case OJI_I386_GOT_ADDR:
        return OJI_USE_GOT;
    case OJI_I386_TLS_INDEX:
        return OJI_USE_TLS_INDEX;
    case OJI_I386_TLS_BLOCK:
        return OJI_USE_TLS_BLOCK;
    case OJI_I386_TLS_DESC:
        return OJI_USE_TLS_DESC;
    case OJI_I386_TLS_LOAD:
    case OJI_I386_TLS_LOAD_ADDR:
        return OJI_USE_TLS_LOAD;
    case OJI_I386_TLS_LOAD_MINUS:
        return OJI_USE_TLS_MINUS;
    case OJI_RELOC_TLS_POINTER32:
    case OJI_I386_TLS_MINUS:
        return OJI_USE_TLS_POINTER;
    default:
        return 0;
    }
}

/* jmp *entry; int3; int3. No relocation asks for one; the address of the entry is absolute, as all of them reach. */
static bool write_stub(uint8_t *write, uint64_t stub, uint64_t entry)
{
    (void)stub;
    write[0] = 0xff;
    write[1] = 0x25;
    oji_store32(write + 2, (uint32_t)entry);
    write[6] = write[7] = 0xcc;
    return entry <= UINT32_MAX;
}

/* mov $handle, %eax; then the function's own arguments are pushed again, with the handle behind them, in a frame that
 * keeps the stack aligned to 16 (i386 psABI, 2.2.2); call target; add $frame, %esp; ret. For atexit() another argument
 * is zero. */
static const oji_reloc runtime_relocs[] = {{.offset = 1, .symbol = 3, .kind = OJI_RELOC_ABS32},
                                           {.addend = -4, .offset = 22, .symbol = 2, .kind = OJI_RELOC_PC32}};
static const uint16_t runtime_numbers[] = {0, 1};
static const char *const runtime_names[] = {"R_386_32", "R_386_PC32"};

enum { TARGET_USES = OJI_USE_ABSOLUTE, HANDLE_USES = OJI_USE_ABSOLUTE, ARCH = OJI_ARCH_I386 };

/* push %eax; push $0; push 12(%esp) */
OJI_RUNTIME(runtime_atexit, "atexit", "__cxa_atexit", 0xb8, 0, 0, 0, 0, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
            0x90, 0x50, 0x6a, 0, 0xff, 0x74, 0x24, 0x0c, 0xe8, 0, 0, 0, 0, 0x83, 0xc4, 0x0c, 0xc3);
/* push %eax; push %eax; push 12(%esp) */
OJI_RUNTIME(runtime_quick_exit, "at_quick_exit", "__cxa_at_quick_exit", 0xb8, 0, 0, 0, 0, 0x90, 0x90, 0x90, 0x90, 0x90,
            0x90, 0x90, 0x90, 0x90, 0x90, 0x50, 0x50, 0xff, 0x74, 0x24, 0x0c, 0xe8, 0, 0, 0, 0, 0x83, 0xc4, 0x0c, 0xc3);
/* sub $12, %esp; push %eax; push 28(%esp), three times */
OJI_RUNTIME(runtime_atfork, "pthread_atfork", "__register_atfork", 0xb8, 0, 0, 0, 0, 0x83, 0xec, 0x0c, 0x50, 0xff, 0x74,
            0x24, 0x1c, 0xff, 0x74, 0x24, 0x1c, 0xff, 0x74, 0x24, 0x1c, 0xe8, 0, 0, 0, 0, 0x83, 0xc4, 0x1c, 0xc3);

static const oj_object *const runtime[] = {&runtime_atexit, &runtime_quick_exit, &runtime_atfork, NULL};

const oji_arch oji_arch_i386 = {
    .id = OJI_ARCH_I386,
    .elf_machine = 3,
    .got_entry_size = GOT_ENTRY_SIZE,
    .stub_size = STUB_SIZE,
    .reach = UINT64_C(1) << 32,
    .address_bits = 32,
    .padding = 0xcc,
    /* Aligned stores of 8 bytes are seen whole (Intel SDM volume 3, 9.1.1). Processors before the Pentium had none, nor
     * what the store is compiled to, cmpxchg8b. */
    .patch_word = 8,
    .unwind_registers = 9,
    .runtime = runtime,
    .tls_get_addr = "___tls_get_addr",
    .needs = needs,
    .relocate = relocate,
    .write_stub = write_stub,
};
