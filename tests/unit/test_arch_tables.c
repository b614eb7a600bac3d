/* The tables of architectures: what is listed, stubs, the edges of what a store accepts. */
#include "arch/arch.h"
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

/* Relocations that need a GOT entry or a kind the table does not know fail instead of writing something. */
static void arch_x86_64_what_cannot_be_written_is_not(void **state)
{
    static const uint8_t kinds[] = {OJI_RELOC_GOT_LOAD32,  OJI_RELOC_GOT_LOAD64, OJI_RELOC_GOT_ENTRY32,
                                    OJI_RELOC_GOT_ENTRY64, OJI_RELOC_KINDS,      255};
    const oji_symbol symbols[1] = {{.name = ""}};
    const oji_target targets[1] = {{.addr = 0x2000}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(kinds); i++) {
        uint8_t bytes[16] = {0};
        const uint8_t untouched[16] = {0};
        oji_reloc reloc = {.offset = 4, .kind = kinds[i]};
        oji_fixups fixups = {.write = bytes,
                             .size = sizeof bytes,
                             .run_addr = 0x1000,
                             .relocs = &reloc,
                             .n_relocs = 1,
                             .symbols = symbols,
                             .targets = targets,
                             .got_addr = 0x3000};
        assert_int_equal(oji_arch_x86_64.relocate(&fixups), 0);
        assert_memory_equal(bytes, untouched, sizeof bytes);
    }
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

OJT_MAIN(cmocka_unit_test(arch_list_ends_and_finds_the_host),
         cmocka_unit_test(arch_x86_64_stub_jumps_through_its_entry),
         cmocka_unit_test(arch_x86_64_stub_out_of_reach_refused),
         cmocka_unit_test(arch_x86_64_what_cannot_be_written_is_not),
         cmocka_unit_test(arch_aarch64_patches_what_the_manual_lists))
