/* The tables of architectures: what is listed, stubs, the edges of what a store accepts. */
#include "arch/arch.h"
#include "elf/elf.h"
#include "object/aarch64.h"
#include "object/arm.h"
#include "object/riscv.h"
#include "object/s390x.h"
#include "support/test.h"

#include <ownjit/link.h>
#include <ownjit/object.h>

static void arch_list_ends_and_finds_the_host(void **state)
{
    size_t n = 0;
    bool has_host = false;
    (void)state;
    for (; oj_link_architecture(n); n++)
        has_host =
            has_host || (oji_arch_host() && strcmp(oj_link_architecture(n), oji_arch_name(oji_arch_host()->id)) == 0);
    assert_true(n >= 1);
    assert_null(oj_link_architecture(n));
    assert_null(oj_link_architecture(SIZE_MAX));
    assert_true(has_host);
    assert_null(oji_arch_find(0));
    assert_ptr_equal(oji_arch_find(OJI_ARCH_X86_64), &oji_arch_x86_64);
}

/* What debuggers' files say is what the objects said. */
static void arch_tables_have_the_number_of_their_objects(void **state)
{
    static const struct {
        const oji_arch *arch;
        const oji_elf_arch *elf;
    } pairs[] = {{&oji_arch_x86_64, &oji_elf_x86_64},   {&oji_arch_aarch64, &oji_elf_aarch64},
                 {&oji_arch_arm, &oji_elf_arm},         {&oji_arch_i386, &oji_elf_i386},
                 {&oji_arch_riscv64, &oji_elf_riscv64}, {&oji_arch_riscv32, &oji_elf_riscv32},
                 {&oji_arch_s390x, &oji_elf_s390x}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(pairs); i++)
        assert_int_equal(pairs[i].arch->elf_machine, pairs[i].elf->machine);
    assert_null(oji_arch_at(OJI_COUNT(pairs)));
}

static void arch_x86_64_stub_jumps_through_its_entry(void **state)
{
    static const uint8_t expected[] = {0xff, 0x25, 0xfa, 0x0f, 0, 0, 0xcc, 0xcc};
    uint8_t stub[8];
    (void)state;
    assert_int_equal(oji_arch_x86_64.stub_size, sizeof stub);
    assert_true(oji_arch_x86_64.write_stub(stub, 0x10000, 0x11000));
    assert_memory_equal(stub, expected, sizeof stub);
}

static void arch_x86_64_stub_out_of_reach_refused(void **state)
{
    uint8_t stub[8] = {0};
    const uint8_t untouched[8] = {0};
    const uint64_t start = UINT64_C(0x100000000);
    (void)state;
    assert_true(oji_arch_x86_64.write_stub(stub, start, start + 6 + INT32_MAX));
    memset(stub, 0, sizeof stub);
    assert_false(oji_arch_x86_64.write_stub(stub, start, start + 7 + INT32_MAX));
    assert_memory_equal(stub, untouched, sizeof stub);
    assert_true(oji_arch_x86_64.write_stub(stub, start, start + 6 - (UINT64_C(1) << 31)));
    assert_false(oji_arch_x86_64.write_stub(stub, start, start + 5 - (UINT64_C(1) << 31)));
}

/* Arm ARM, B2.2.5: these may become each other while they run; nothing else may change, but into itself. */
static void arch_aarch64_patches_what_the_manual_lists(void **state)
{
    /* b, bl, svc, hvc, smc, brk, nop, isb; then add, ret, br, cbz, b.eq, hlt, dsb, yield */
    static const uint32_t words[] = {0x14000001, 0x97ffffff, 0xd4000001, 0xd4001002, 0xd4000003, 0xd4200020,
                                     0xd503201f, 0xd5033fdf, 0x91000400, 0xd65f03c0, 0xd61f0200, 0xb4000040,
                                     0x54000040, 0xd4400000, 0xd5033f9f, 0xd503203f};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(words); i++)
        for (size_t k = 0; k < OJI_COUNT(words); k++) {
            uint8_t before[4], after[4];
            oji_store32(before, words[i]);
            oji_store32(after, words[k]);
            assert_int_equal(oji_arch_aarch64.may_patch(before, after), i == k || (i < 8 && k < 8));
        }
    assert_null(oji_arch_x86_64.may_patch);
}

static void arch_arm_patches_what_the_manual_lists(void **state)
{
    /* b, bl, beq, svc, hvc, smc, bkpt, nop; then add, bx, blx, ldr pc, yield, mov */
    static const uint32_t words[] = {0xea000001, 0xebffffff, 0x0a000002, 0xef000001, 0xe1400271,
                                     0xe1600073, 0xe1200070, 0xe320f000, 0xe2800001, 0xe12fff1e,
                                     0xfa000001, 0xe59ff000, 0xe320f001, 0xe1a00000};
    /* b, beq, svc, bkpt, nop; then bx lr, adds, the halves of bl */
    static const uint16_t halves[] = {0xe001, 0xd001, 0xdf00, 0xbe00, 0xbf00, 0x4770, 0x3101, 0xf000, 0xf801};
    uint8_t before[4], after[4];
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(words); i++)
        for (size_t k = 0; k < OJI_COUNT(words); k++) {
            oji_store32(before, words[i]);
            oji_store32(after, words[k]);
            assert_int_equal(oji_arch_arm.may_patch(before, after), i == k || (i < 8 && k < 8));
        }
    for (size_t i = 0; i < OJI_COUNT(halves); i++)
        for (size_t k = 0; k < OJI_COUNT(halves); k++) {
            oji_store32(before, (uint32_t)halves[i] << 16 | 0x2001);
            oji_store32(after, (uint32_t)halves[k] << 16 | 0x2001);
            assert_int_equal(oji_arch_arm.may_patch(before, after), i == k || (i < 5 && k < 5));
        }
    /* The second half of a long instruction is none of its own. */
    oji_store32(before, 0xd001f000);
    oji_store32(after, 0xd002f000);
    assert_false(oji_arch_arm.may_patch(before, after));
}

/* --- every kind, with whatever its symbol can be ------------------------------------------------------------------ */

enum { FIELD = 8, ROOM = 40 };

/* One relocation, or one behind another that it belongs to. */
static uint32_t relocate_one(const oji_arch *arch, uint8_t *bytes, const oji_reloc *relocs, uint32_t n_relocs,
                             const oji_target *target, uint64_t tls_index_addr)
{
    const oji_symbol symbol = {.name = "", .section = OJI_SECTION_ABSOLUTE};
    oji_fixups fixups = {.write = bytes,
                         .size = ROOM,
                         .run_addr = 0x10000,
                         .relocs = relocs,
                         .n_relocs = n_relocs,
                         .symbols = &symbol,
                         .targets = target,
                         .got_addr = 0x20000,
                         .base_addr = 0x20000,
                         .stubs_addr = 0x18000,
                         .tls_index_addr = tls_index_addr};
    return arch->relocate(&fixups);
}

static bool is_outside_untouched(const uint8_t *bytes, uint8_t fill, uint32_t width)
{
    for (uint32_t i = 0; i < ROOM; i++)
        if ((i < FIELD || i >= FIELD + width) && bytes[i] != fill)
            return false;
    return true;
}

static void try_row(const oji_arch *arch, const oji_elf_row *row, uint32_t n_fit[2])
{
    static const uint64_t addrs[] = {
        0,       1,       2,          0x10008,    0x10009,    0x1000a,     0x10800,        0x10fff,
        0x11002, 0x30000, 0x7fffffff, 0x80000000, 0xfffffffe, 0x100000000, 0x7fffffffffff, UINT64_MAX};
    static const uint8_t fills[] = {0x00, 0x81, 0xff};
    for (uint32_t i = 0; i < OJI_COUNT(addrs) * OJI_COUNT(fills) * 8; i++) {
        const oji_target target = {.addr = addrs[i / 8 % OJI_COUNT(addrs)], .entry = i & 1, .stub = i >> 1 & 1};
        const oji_reloc reloc = {.offset = FIELD, .kind = row->kind};
        uint8_t bytes[ROOM], fill = fills[i / 8 / OJI_COUNT(addrs)];
        uint32_t done;
        memset(bytes, fill, sizeof bytes);
        done = relocate_one(arch, bytes, &reloc, 1, &target, i & 4 ? 0x21000 : 0);
        assert_in_range(done, 0, 1);
        n_fit[done]++;
        if (!is_outside_untouched(bytes, fill, row->width))
            fail_msg("%s, kind %u: more than %u bytes are written", oji_arch_name(arch->id), row->kind, row->width);
    }
}

/* Halves of RISC-V find their value at another relocation, and are tried with it. */
static bool stands_alone(const oji_elf_arch *elf, uint32_t kind)
{
    bool is_riscv = elf->id == OJI_ARCH_RISCV64 || elf->id == OJI_ARCH_RISCV32;
    return kind != OJI_ELF_CHOOSE && kind != OJI_ELF_REFUSED && !(is_riscv && oji_rv_is_pcrel_lo(kind));
}

/* Whatever a symbol's address, entry and stub are, a relocation writes its own field or says that it does not fit. */
static void arch_relocations_write_their_fields_alone(void **state)
{
    static const oji_elf_arch *const all[] = {&oji_elf_x86_64,  &oji_elf_aarch64, &oji_elf_arm,  &oji_elf_i386,
                                              &oji_elf_riscv64, &oji_elf_riscv32, &oji_elf_s390x};
    (void)state;
    for (size_t k = 0; k < OJI_COUNT(all); k++) {
        const oji_arch *arch = oji_arch_find(all[k]->id);
        uint32_t n_fit[2] = {0, 0};
        for (uint32_t i = 0; i < all[k]->n_rows; i++)
            if (all[k]->names[i] && stands_alone(all[k], all[k]->rows[i].kind))
                try_row(arch, &all[k]->rows[i], n_fit);
        assert_true(n_fit[0] > 0 && n_fit[1] > 0);
    }
}

/* Kinds that mean nothing are none that fit, and so are all but the architecture's own. */
static void arch_unknown_kinds_do_not_fit(void **state)
{
    const oji_target target = {.addr = 0x2000};
    const oji_reloc reloc = {.offset = FIELD, .kind = 254};
    (void)state;
    for (size_t i = 0; oji_arch_at(i); i++) {
        uint8_t bytes[ROOM] = {0};
        const uint8_t untouched[ROOM] = {0};
        assert_int_equal(relocate_one(oji_arch_at(i), bytes, &reloc, 1, &target, 0), 0);
        assert_memory_equal(bytes, untouched, sizeof bytes);
    }
}

static void arch_riscv_halves_need_their_entry(void **state)
{
    const oji_reloc relocs[] = {{.offset = 16, .kind = OJI_RV_GOT_HI20},
                                {.offset = FIELD, .kind = OJI_RV_PCREL_LO12_I, .addend = -1}};
    const oji_target with = {.addr = 0x12345, .entry = 1}, without = {.addr = 0x12345};
    uint8_t bytes[ROOM] = {0};
    oji_fixups fixups = {.write = bytes,
                         .size = ROOM,
                         .run_addr = 0x10000,
                         .relocs = relocs + 1,
                         .n_relocs = 1,
                         .got_addr = 0x20000,
                         .base_addr = 0x20000,
                         .targets = &with};
    (void)state;
    assert_int_equal(relocate_one(&oji_arch_riscv64, bytes, relocs, 2, &with, 0), 2);
    assert_int_equal(relocate_one(&oji_arch_riscv64, bytes, relocs, 2, &without, 0), 0);
    assert_int_equal(oji_arch_riscv64.relocate(&fixups), 1);
    fixups.targets = &without;
    assert_int_equal(oji_arch_riscv64.relocate(&fixups), 0);
}

static void arch_riscv_uleb128_must_end_in_the_section(void **state)
{
    const oji_reloc relocs[] = {{.offset = ROOM - 2, .kind = OJI_RV_SET_ULEB128, .addend = 0x1000},
                                {.offset = ROOM - 2, .kind = OJI_RV_SUB_ULEB128}};
    const oji_target target = {.addr = 0x1000};
    uint8_t bytes[ROOM] = {0};
    (void)state;
    bytes[ROOM - 2] = 0x80;
    assert_int_equal(relocate_one(&oji_arch_riscv64, bytes, relocs, 2, &target, 0), 2);
    bytes[ROOM - 2] = bytes[ROOM - 1] = 0x80;
    assert_int_equal(relocate_one(&oji_arch_riscv64, bytes, relocs, 2, &target, 0), 0);
}

/* LLVM passes ninth and later arguments in t3 to t6 where it knows all callers. */
static void arch_riscv_stub_changes_t1_alone(void **state)
{
    const oji_arch *const tables[] = {&oji_arch_riscv64, &oji_arch_riscv32};
    const uint32_t load[] = {0x80033303, 0x80032303};
    uint8_t stub[16];
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tables[i]->stub_size, sizeof stub);
        assert_true(tables[i]->write_stub(stub, 0x10000, 0x11800));
        assert_int_equal(oji_load32(stub), 0x00002317);
        assert_int_equal(oji_load32(stub + 4), load[i]);
        assert_int_equal(oji_load32(stub + 8), 0x00030067);
        assert_int_equal(oji_load32(stub + 12), 0x00000013);
    }
}

/* RISC-V of 32 bits, whose harts are promised nothing about instructions that change. */
static void arch_riscv32_patches_nothing(void **state)
{
    const uint8_t word[4] = {0x13, 0, 0, 0};
    (void)state;
    assert_false(oji_arch_riscv32.may_patch(word, word));
}

/* adrp x0, page; ldr x0, [x0, entry]: only the two of one symbol, side by side and without addends, are replaced. */
static void arch_aarch64_relaxes_whole_pairs_only(void **state)
{
    enum { LOAD = 0xf9400000, ADRP = 0x90000000 };
    static const struct {
        oji_reloc relocs[2];
        uint32_t first; /* the instruction */
        bool is_pair;
    } rows[] = {
        {{{.kind = OJI_A64_ADR_GOT_PAGE}, {.kind = OJI_A64_LD64_GOT_LO12_NC, .offset = 4}}, ADRP, true},
        {{{.kind = OJI_A64_ADR_GOT_PAGE}, {.kind = OJI_A64_ADR_GOT_PAGE, .offset = 4}}, ADRP, false},
        {{{.kind = OJI_A64_ADR_GOT_PAGE}, {.kind = OJI_A64_LD64_GOT_LO12_NC, .offset = 8}}, ADRP, false},
        {{{.kind = OJI_A64_ADR_GOT_PAGE}, {.kind = OJI_A64_LD64_GOT_LO12_NC, .offset = 4, .symbol = 1}}, ADRP, false},
        {{{.kind = OJI_A64_ADR_GOT_PAGE}, {.kind = OJI_A64_LD64_GOT_LO12_NC, .offset = 4, .addend = 8}}, ADRP, false},
        {{{.kind = OJI_A64_ADR_GOT_PAGE, .addend = 8}, {.kind = OJI_A64_LD64_GOT_LO12_NC, .offset = 4}}, ADRP, false},
        {{{.kind = OJI_A64_ADR_GOT_PAGE}, {.kind = OJI_A64_LD64_GOT_LO12_NC, .offset = 4}}, 0xd503201f, false}};
    const oji_symbol symbols[2] = {{.name = "a"}, {.name = "b"}};
    const oji_target targets[2] = {{.addr = 0x11234, .entry = 1}, {.addr = 0x11238, .entry = 2}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        uint8_t bytes[12] = {0};
        oji_fixups fixups = {.write = bytes,
                             .size = sizeof bytes,
                             .run_addr = 0x10000,
                             .relocs = rows[i].relocs,
                             .n_relocs = 2,
                             .symbols = symbols,
                             .targets = targets,
                             .got_addr = 0x20000,
                             .base_addr = 0x20000};
        oji_store32(bytes, rows[i].first);
        oji_store32(bytes + 4, LOAD);
        oji_store32(bytes + 8, LOAD);
        assert_int_equal(oji_arch_aarch64.relocate(&fixups), 2);
#ifdef OJ_STRESS
        assert_int_equal(fixups.n_relaxed, 0);
#else
        assert_int_equal(fixups.n_relaxed, rows[i].is_pair);
#endif
    }
}

/* A field that neither the address nor a load of it reaches. */
static void arch_x86_64_neither_address_nor_load_in_reach(void **state)
{
    uint8_t bytes[8] = {0x48, 0x8d, 0x05}, entry[8];
    (void)state;
    assert_false(oji_arch_x86_64.compute_or_load(bytes + 3, 0x1000, UINT64_C(1) << 41, entry, UINT64_C(1) << 40));
}

/* Principles of Operation, chapter 7: LGRL is c4 r8, BCR 07; distances count in halfwords. */
static void arch_s390x_stub_jumps_through_its_entry(void **state)
{
    static const uint8_t expected[] = {0xc4, 0x18, 0x12, 0x34, 0x56, 0x78, 0x07, 0xf1};
    const uint64_t start = UINT64_C(0x200000000);
    uint8_t stub[8];
    (void)state;
    assert_int_equal(oji_arch_s390x.stub_size, sizeof stub);
    assert_true(oji_arch_s390x.write_stub(stub, start, start + 2 * UINT64_C(0x12345678)));
    assert_memory_equal(stub, expected, sizeof stub);
    assert_true(oji_arch_s390x.write_stub(stub, start, start + (UINT64_C(1) << 32) - 8));
    assert_false(oji_arch_s390x.write_stub(stub, start, start + (UINT64_C(1) << 32)));
    assert_true(oji_arch_s390x.write_stub(stub, start, start - (UINT64_C(1) << 32)));
    assert_false(oji_arch_s390x.write_stub(stub, start, start - (UINT64_C(1) << 32) - 8));
    assert_false(oji_arch_s390x.write_stub(stub, start, start + 4));
}

/* lgrl r2, entry: another instruction, none at all, and a load of elsewhere stay as they are. */
static void arch_s390x_relaxes_loads_only(void **state)
{
    static const struct {
        uint8_t first, second;
        uint32_t offset;
        int64_t addend;
        bool is_relaxed;
    } rows[] = {
        {0xc4, 0x28, 2, 2, true},  {0xc4, 0x25, 2, 2, false}, {0xc0, 0x28, 2, 2, false},
        {0xc4, 0x28, 2, 4, false}, {0xc4, 0x28, 0, 2, false}, {0xc4, 0x28, 1, 2, false},
    };
    const oji_symbol symbols[1] = {{.name = ""}};
    const oji_target targets[1] = {{.addr = 0x12000, .entry = 1}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        uint8_t bytes[16] = {rows[i].first, rows[i].second};
        oji_reloc reloc = {.offset = rows[i].offset, .kind = OJI_S390X_GOTENT, .addend = rows[i].addend};
        oji_fixups fixups = {.write = bytes,
                             .size = sizeof bytes,
                             .run_addr = 0x10000 + rows[i].offset % 2,
                             .relocs = &reloc,
                             .n_relocs = 1,
                             .symbols = symbols,
                             .targets = targets,
                             .got_addr = 0x20000,
                             .base_addr = 0x20000};
        assert_int_equal(oji_arch_s390x.relocate(&fixups), 1);
#ifndef OJ_STRESS
        assert_int_equal(fixups.n_relaxed, rows[i].is_relaxed);
        assert_int_equal(bytes[0] == 0xc0 && bytes[1] == 0x20, rows[i].is_relaxed);
#endif
    }
}

/* Branches to odd addresses, and the widths of other architectures. */
/* GOT entries that a target does not have, fields at odd places, and kinds that a table does not know.
 * s390x writes those of thread-local variables where they have an entry. */
static void arch_what_cannot_be_written_is_not(void **state)
{
    static const struct {
        const oji_arch *arch;
        oji_reloc reloc;
        oji_target target;
    } rows[] = {{&oji_arch_x86_64, {.offset = 4, .kind = OJI_RELOC_GOT_LOAD32}, {.addr = 0x2000}},
                {&oji_arch_x86_64, {.offset = 4, .kind = OJI_RELOC_GOT_LOAD64}, {.addr = 0x2000}},
                {&oji_arch_x86_64, {.offset = 4, .kind = OJI_RELOC_GOT_ENTRY32}, {.addr = 0x2000}},
                {&oji_arch_x86_64, {.offset = 4, .kind = OJI_RELOC_GOT_ENTRY64}, {.addr = 0x2000}},
                {&oji_arch_x86_64, {.offset = 4, .kind = OJI_RELOC_KINDS}, {.addr = 0x2000}},
                {&oji_arch_x86_64, {.offset = 4, .kind = 255}, {.addr = 0x2000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_S390X_GOTENT}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_S390X_GOT64}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_S390X_GOT20}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_S390X_TLS_GD64}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_S390X_TLS_LDM64}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_S390X_END}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_RELOC_ABS32}, {.addr = 0x200000000}},
                {&oji_arch_s390x, {.offset = 4, .kind = OJI_RELOC_CALL32}, {.addr = 0x200000000}},
                {&oji_arch_arm, {.offset = 5, .kind = OJI_ARM_THM_JUMP11}, {.addr = 0x10020, .entry = 1}},
                {&oji_arch_arm, {.offset = 5, .kind = OJI_ARM_THM_JUMP8}, {.addr = 0x10020, .entry = 1}},
                {&oji_arch_arm, {.offset = 4, .kind = OJI_RELOC_TLS_DESC32}, {.addr = 0x10020, .entry = 1}},
                {&oji_arch_arm, {.offset = 4, .kind = OJI_RELOC_TLS_POINTER64}, {.addr = 0x10020, .entry = 1}}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        uint8_t bytes[ROOM] = {0};
        const uint8_t untouched[ROOM] = {0};
        uint64_t tls_index_addr = rows[i].arch == &oji_arch_s390x ? 0 : 0x21000;
        if (relocate_one(rows[i].arch, bytes, &rows[i].reloc, 1, &rows[i].target, tls_index_addr) != 0)
            fail_msg("%s, kind %u is written", oji_arch_name(rows[i].arch->id), rows[i].reloc.kind);
        assert_memory_equal(bytes, untouched, ROOM);
    }
}

/* A mask turns a branch on and off; a target, which is several bytes, is not changed while it runs. */
static void arch_s390x_patches_one_byte(void **state)
{
    static const uint8_t on[8] = {0xc0, 0xf4, 0, 0, 1, 2, 7, 7}, off[8] = {0xc0, 0x04, 0, 0, 1, 2, 7, 7},
                         elsewhere[8] = {0xc0, 0xf4, 0, 0, 2, 1, 7, 7};
    (void)state;
    assert_true(oji_arch_s390x.may_patch(on, off));
    assert_true(oji_arch_s390x.may_patch(on, on));
    assert_false(oji_arch_s390x.may_patch(on, elsewhere));
    assert_false(oji_arch_s390x.may_patch(off, elsewhere));
}

/* GOT entries and pointers, in both orders and sizes. */
static void arch_words_have_the_architectures_order(void **state)
{
    static const uint8_t big[] = {1, 2, 3, 4, 5, 6, 7, 8}, little[] = {8, 7, 6, 5, 4, 3, 2, 1};
    const uint64_t value = UINT64_C(0x0102030405060708);
    uint8_t word[8] = {0};
    (void)state;
    oji_arch_store_word(&oji_arch_s390x, word, value);
    assert_memory_equal(word, big, 8);
    assert_int_equal(oji_arch_load_word(&oji_arch_s390x, word), value);
    oji_arch_store_word(&oji_arch_x86_64, word, value);
    assert_memory_equal(word, little, 8);
    assert_int_equal(oji_arch_load_word(&oji_arch_x86_64, word), value);
    memset(word, 0, sizeof word);
    oji_arch_store_word(&oji_arch_arm, word, value);
    assert_memory_equal(word, little, 4);
    assert_int_equal(word[4], 0);
    assert_int_equal(oji_arch_load_word(&oji_arch_arm, word), 0x05060708);
}

OJT_MAIN(cmocka_unit_test(arch_list_ends_and_finds_the_host),
         cmocka_unit_test(arch_tables_have_the_number_of_their_objects),
         cmocka_unit_test(arch_x86_64_stub_jumps_through_its_entry),
         cmocka_unit_test(arch_x86_64_stub_out_of_reach_refused),
         cmocka_unit_test(arch_aarch64_patches_what_the_manual_lists),
         cmocka_unit_test(arch_arm_patches_what_the_manual_lists),
         cmocka_unit_test(arch_relocations_write_their_fields_alone), cmocka_unit_test(arch_unknown_kinds_do_not_fit),
         cmocka_unit_test(arch_riscv_halves_need_their_entry),
         cmocka_unit_test(arch_riscv_uleb128_must_end_in_the_section), cmocka_unit_test(arch_riscv32_patches_nothing),
         cmocka_unit_test(arch_riscv_stub_changes_t1_alone), cmocka_unit_test(arch_aarch64_relaxes_whole_pairs_only),
         cmocka_unit_test(arch_x86_64_neither_address_nor_load_in_reach),
         cmocka_unit_test(arch_s390x_stub_jumps_through_its_entry), cmocka_unit_test(arch_s390x_patches_one_byte),
         cmocka_unit_test(arch_s390x_relaxes_loads_only), cmocka_unit_test(arch_what_cannot_be_written_is_not),
         cmocka_unit_test(arch_words_have_the_architectures_order))
