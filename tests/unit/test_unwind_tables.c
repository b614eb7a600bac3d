/* .eh_frame from outside: what is refused, what is ignored, and that no byte of it is trusted; and where clients find
 * the tables of their code. */
#include "session_support.h"

#include "code/sheet.h"

#include <pthread.h>
#include <stdatomic.h>

/* A CIE of 24 bytes and an FDE of 24, for 6 bytes of code 0x100 behind the FDE's field. */
static const uint8_t good[48] = {20, 0,    0,    0, 0, 0,    0, 0, 1, 'z', 'R', 0,    1,  0x78, 16,
                                 1,  0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, 20,  0,   0,    0,  28,   0,
                                 0,  0,    0,    1, 0, 0,    6, 0, 0, 0,   0,   0x44, 14, 16};
enum { CIE_VERSION = 8, LETTERS = 9, COLUMN = 14, ENCODING = 16, PROGRAM = 17, FDE = 24, FDE_CIE = 28, FDE_ADDR = 32 };
#define RUN UINT64_C(0x7000)

static oji_eh_reader reader_of(const uint8_t *bytes, uint64_t size)
{
    return (oji_eh_reader){.bytes = {bytes, size}, .run_addr = RUN, .n_registers = 17};
}

static oji_eh_step read_first(oji_eh_reader *reader, oji_eh_fde *fde)
{
    oji_eh_cie cie = {.offset = UINT64_MAX};
    return oji_eh_next(reader, &cie, fde);
}

static void unwind_table_is_read(void **state)
{
    oji_eh_reader reader = reader_of(good, sizeof good);
    oji_eh_cie cie = {.offset = UINT64_MAX};
    oji_eh_fde fde;
    (void)state;
    assert_int_equal(oji_eh_next(&reader, &cie, &fde), OJI_EH_FDE);
    assert_int_equal(fde.addr, RUN + FDE_ADDR + 0x100);
    assert_int_equal(fde.size, 6);
    assert_int_equal(fde.lsda, 0);
    assert_int_equal(cie.offset, 0);
    assert_int_equal(cie.data_alignment, -8);
    assert_int_equal(cie.return_register, 16);
    assert_int_equal(cie.program_size, 7);
    assert_int_equal(fde.program[1], 14);
    assert_int_equal(oji_eh_next(&reader, &cie, &fde), OJI_EH_END);
}

static void unwind_table_bad_fields_rejected(void **state)
{
    static const struct {
        unsigned offset;
        uint8_t value;
        bool is_unsupported;
    } cases[] = {
        {0, 21, false},          {0, 3, false},
        {3, 1, false},           {CIE_VERSION, 9, true},
        {LETTERS, 'x', true},    {LETTERS + 1, 'Q', true},
        {COLUMN, 17, false},     {15, 9, false},
        {ENCODING, 0x50, true},  {ENCODING, 0x9b, true},
        {ENCODING, 0x0f, false}, {PROGRAM, 0x3f, false},
        {PROGRAM, 0x0b, false},  {PROGRAM + 1, 17, false},
        {FDE - 1, 0x0f, false},  {FDE, 24, false},
        {FDE + 1, 1, false},     {FDE_CIE, 29, false},
        {FDE_CIE, 27, false},    {40, 8, false},
        {47, 0x0e, false},       {46, 0x0b, false},
        {43, 0x80, false},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        uint8_t bytes[sizeof good];
        oji_eh_reader reader = reader_of(bytes, sizeof bytes);
        oji_eh_fde fde;
        memcpy(bytes, good, sizeof good);
        if (cases[i].offset == 43)
            memset(bytes + 43, 0x80, 5);
        bytes[cases[i].offset] = cases[i].value;
        if (read_first(&reader, &fde) != OJI_EH_BAD)
            fail_msg("byte %u as 0x%x is taken", cases[i].offset, cases[i].value);
        assert_int_equal(reader.is_unsupported, cases[i].is_unsupported);
        assert_non_null(reader.reason);
        assert_true(reader.failed_at < sizeof good);
    }
}

static void unwind_table_bad_runs_of_bytes_rejected(void **state)
{
    static const struct {
        unsigned offset;
        const char *bytes;
        unsigned size;
        bool is_unsupported;
        const char *reason;
    } cases[] = {
        {0, "\xff\xff\xff\xff", 4, true, "64-bit"},
        {LETTERS, "zzzzzzzzzzzzzzz", 15, false, "augmentation is cut off"},
        {LETTERS, "zP\0\1\x78\x10\1\x50", 8, true, "augmentation is not known"},
        {PROGRAM, "\x06\x80\x80\x04", 4, false, "instructions"},
        {ENCODING, "\x0b\x0c\x07\x08\x90\1\0\0\x14\0\0\0\x1c\0\0\0\xff\xff\xff\xff", 20, false, "addresses"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        uint8_t bytes[sizeof good];
        oji_eh_reader reader = reader_of(bytes, sizeof bytes);
        oji_eh_fde fde;
        memcpy(bytes, good, sizeof good);
        memcpy(bytes + cases[i].offset, cases[i].bytes, cases[i].size);
        if (read_first(&reader, &fde) != OJI_EH_BAD || !strstr(reader.reason, cases[i].reason))
            fail_msg("case %zu is taken, or refused for: %s", i, reader.reason ? reader.reason : "");
        assert_int_equal(reader.is_unsupported, cases[i].is_unsupported);
    }
}

/* What LLVM writes for frames of AArch64 whose memory is tagged (-fsanitize=memtag-stack). */
static void unwind_table_tagged_frame_taken(void **state)
{
    uint8_t bytes[sizeof good];
    oji_eh_reader reader = reader_of(bytes, sizeof bytes);
    oji_eh_cie cie = {.offset = UINT64_MAX};
    oji_eh_fde fde;
    (void)state;
    memcpy(bytes, good, sizeof good);
    /* "zR", and the alignment of code behind it: one letter more, and a nop of the program less. */
    memmove(bytes + LETTERS + 3, bytes + LETTERS + 2, PROGRAM - LETTERS - 2);
    bytes[LETTERS + 2] = 'G';
    memmove(bytes + PROGRAM + 1, good + PROGRAM, FDE - PROGRAM - 1);
    assert_int_equal(oji_eh_next(&reader, &cie, &fde), OJI_EH_FDE);
    assert_true(cie.is_tagged && !cie.has_b_key);
    assert_int_equal(fde.size, 6);
}

/* Blocks of the exact size, so that memory checkers see a byte too many. */
static void read_all(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    oji_eh_reader reader = reader_of(exact, size);
    oji_eh_cie cie = {.offset = UINT64_MAX};
    oji_eh_fde fde;
    unsigned n = 0;
    memcpy(exact, bytes, size);
    while (oji_eh_next(&reader, &cie, &fde) == OJI_EH_FDE) {
        assert_true(fde.size > 0 && fde.program >= exact && fde.program + fde.program_size <= exact + size);
        assert_true(cie.program >= exact && cie.program + cie.program_size <= exact + size);
        assert_true(++n <= size / 8);
    }
    free(exact);
}

static void unwind_table_any_byte_any_length_read_inside(void **state)
{
    (void)state;
    for (size_t size = 0; size <= sizeof good; size++)
        read_all(good, size);
    for (size_t i = 0; i < sizeof good; i++)
        for (unsigned value = 0; value < 256; value++) {
            uint8_t bytes[sizeof good];
            memcpy(bytes, good, sizeof good);
            bytes[i] = (uint8_t)value;
            read_all(bytes, sizeof bytes);
        }
}

/* What is written anew reads as what was read. */
static void unwind_table_written_anew_reads_the_same(void **state)
{
    oji_eh_reader reader = reader_of(good, sizeof good);
    oji_eh_cie cie = {.offset = UINT64_MAX}, again = {.offset = UINT64_MAX};
    oji_eh_fde fde, same;
    uint8_t bytes[256] = {0};
    uint64_t cie_size, fde_size;
    (void)state;
    assert_int_equal(oji_eh_next(&reader, &cie, &fde), OJI_EH_FDE);
    cie.personality = UINT64_C(0x123456789a);
    cie.is_indirect = cie.is_signal = true;
    cie.lsda_encoding = 0;
    cie.data_alignment = -1000;
    cie.code_alignment = 300;
    fde.lsda = UINT64_C(0xabcdef);
    cie_size = oji_eh_cie_size(&cie);
    fde_size = oji_eh_fde_size(&cie, fde.program_size);
    oji_eh_write_cie(bytes, cie_size, &cie);
    oji_eh_write_fde(bytes + cie_size, fde_size, &cie, bytes, &fde);
    reader = reader_of(bytes, sizeof bytes);
    assert_int_equal(oji_eh_next(&reader, &again, &same), OJI_EH_FDE);
    assert_int_equal(again.personality, cie.personality);
    assert_true(again.is_indirect && again.is_signal);
    assert_int_equal(again.data_alignment, -1000);
    assert_int_equal(again.code_alignment, 300);
    assert_int_equal(same.addr, fde.addr);
    assert_int_equal(same.size, fde.size);
    assert_int_equal(same.lsda, fde.lsda);
    assert_memory_equal(same.program, fde.program, fde.program_size);
    assert_memory_equal(again.program, cie.program, cie.program_size);
    assert_int_equal(oji_eh_next(&reader, &again, &same), OJI_EH_END);
}

/* The size is computed apart from the writing: a program of 4 bytes must come out whole, and end the entry. */
static void unwind_table_written_size_of_any_cie(void **state)
{
    static const uint8_t program[4] = {0x2e, 1, 0x2e, 2};
    (void)state;
    for (unsigned bit = 0; bit < 64 * 16; bit++) {
        uint8_t *exact;
        oji_eh_cie cie = {.program = program, .program_size = 4, .return_register = 16}, again;
        uint64_t size, value = UINT64_C(1) << bit / 16;
        cie.code_alignment = bit % 2 ? value : value - 1;
        cie.data_alignment = (int64_t)(bit % 4 / 2 ? value : value - 1);
        if (bit % 8 / 4)
            cie.data_alignment = (int64_t)(0 - (uint64_t)cie.data_alignment);
        cie.personality = bit % 16 / 8;
        cie.lsda_encoding = bit % 3 ? 0xff : 0;
        cie.is_signal = bit % 5 == 0;
        cie.has_b_key = bit % 7 == 0;
        cie.is_tagged = bit % 11 == 0;
        size = oji_eh_cie_size(&cie);
        exact = malloc((size_t)size + 40);
        oji_eh_write_cie(exact, size, &cie);
        oji_store32(exact + size, 36);
        oji_store32(exact + size + 4, (uint32_t)size + 4);
        memset(exact + size + 8, 1, 16);
        memset(exact + size + 24, 0, 16);
        exact[size + 24] = cie.lsda_encoding == 0 ? 8 : 0;
        oji_eh_reader reader = reader_of(exact, size + 40);
        oji_eh_fde fde;
        again.offset = UINT64_MAX;
        assert_int_equal(oji_eh_next(&reader, &again, &fde), OJI_EH_FDE);
        assert_int_equal(again.code_alignment, cie.code_alignment);
        assert_int_equal(again.data_alignment, cie.data_alignment);
        assert_true(again.has_b_key == cie.has_b_key && again.is_tagged == cie.is_tagged);
        assert_in_range(again.program_size, 4, 7);
        assert_memory_equal(again.program, program, 4);
        free(exact);
    }
}

/* --- linked ------------------------------------------------------------------------------------------------------- */

/* The function so many bytes, at most 64, behind the start of its section. */
static oj_object *object_at(const uint8_t *table, unsigned offset)
{
    ojt_elf elf;
    uint8_t code[64 + OJT_RETURN_SIZE] = {0};
    uint16_t text, frames;
    uint32_t symbol;
    ojt_elf_init(&elf);
    ojt_return_code(code + offset, 42);
    text = ojt_elf_add_code(&elf, code, offset + OJT_RETURN_SIZE);
    frames = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, table, sizeof good);
    symbol = ojt_elf_add_global(&elf, "f", text, offset, OJT_RETURN_SIZE);
    ojt_elf_add_reloc(&elf, frames, FDE_ADDR, OJT_R_WORD_DISTANCE, symbol, 0);
    return ojt_object(&elf, "a.o");
}

static oj_object *object_with(const uint8_t *table) { return object_at(table, 0); }

static bool is_registered(uint64_t addr)
{
    void *bases[4] = {NULL};
    return oji_unwinder_bind()->find((void *)(uintptr_t)(addr + 2), bases) && (uint64_t)(uintptr_t)bases[2] == addr;
}

/* Where the entry's CIE is. */
static const uint8_t *cie_at(const uint8_t *entry)
{
    return entry + OJI_EH_FDE_CIE - (int32_t)oji_load32_host(entry + OJI_EH_FDE_CIE);
}

/* Functions share a CIE where the same bytes would be written for both, and only there. */
static void unwind_cies_are_shared_by_content(void **state)
{
    static const uint8_t program[] = {0x0c, 7, 8, 0x90, 1}, copy[] = {0x0c, 7, 8, 0x90, 1},
                         other[] = {0x0c, 7, 16, 0x90, 1};
    const oji_eh_cie base = {.program = program,
                             .program_size = 5,
                             .return_register = 16,
                             .code_alignment = 1,
                             .data_alignment = -8,
                             .personality = 0x1000,
                             .lsda_encoding = 0x1b};
    oji_eh_cie cies[] = {base, base, base, base, base, base, base, base, base, base, base, base};
    const oji_eh_fde fdes[] = {{.addr = 0x2000, .size = 16, .cie = 0}, {.addr = 0x3000, .size = 16, .cie = 1}};
    (void)state;
    cies[0].program = copy;
    cies[0].offset = 24;
    cies[0].lsda_encoding = 0x10;
    cies[1].program = other;
    cies[2].program_size = 3;
    cies[3].return_register = 15;
    cies[4].code_alignment = 4;
    cies[5].data_alignment = -4;
    cies[6].personality = 0x1008;
    cies[7].lsda_encoding = 0xff;
    cies[8].is_indirect = true;
    cies[9].is_signal = true;
    cies[10].has_b_key = true;
    cies[11].is_tagged = true;
    for (size_t i = 0; i < OJI_COUNT(cies); i++) {
        const oji_eh_cie pair[] = {base, cies[i]};
        const oji_unwind_tables tables = {.cies = pair, .n_cies = 2, .fdes = fdes, .n_fdes = 2};
        uint8_t *entries[2];
        assert_true(oji_entries_make(&tables, 0, 2, entries));
        if ((cie_at(entries[0]) == cie_at(entries[1])) != (i == 0))
            fail_msg("CIE %zu is %sshared", i, i == 0 ? "not " : "");
        oji_entries_free(entries, 2);
    }
}

static void check_info(const oj_code *code, const oj_unwind_info *info)
{
    uint64_t addr = oj_code_lookup_addr(code, "f");
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)info->run_addr;
    assert_int_equal(info->size, sizeof good);
    assert_memory_equal(bytes, good, FDE_ADDR);
    assert_int_equal(oji_load32(bytes + sizeof good), 0);
    assert_true(info->text_addr <= addr && addr + 6 <= info->text_addr + info->text_size);
}

/* Nobody is told of code that is placed by hand, but where its table lies can be asked for. */
static void unwind_info_is_there_for_code_placed_by_hand(void **state)
{
    uint8_t bytes[2][4096];
    oj_segment segments[2];
    oj_object *object = object_with(good);
    oj_unwind_info info;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(plan), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(oj_plan_segment(plan, i, &segments[i], sizeof segments[i]), OJ_OK);
        segments[i].write = bytes[i] + (-(uintptr_t)bytes[i] & 63);
        segments[i].run_addr = 0x10000000 + i * 0x1000;
    }
    assert_int_equal(oj_plan_write(plan, segments, 2, &code, &error), OJ_OK);
    assert_int_equal(oj_code_unwind(code, 0, &info, sizeof info), OJ_OK);
    assert_int_equal(info.is_registered, 0);
    assert_in_range(info.run_addr, 0x10001000, 0x10002000);
    assert_int_equal(info.size, sizeof good);
    assert_int_equal(info.text_addr, 0x10000000);
    assert_int_equal(oj_code_unwind(code, 1, &info, sizeof info), OJ_E_MISUSE);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static void unwind_info_tells_where_tables_are(void **state)
{
    static const struct {
        uint32_t flags;
        bool is_told, is_placed;
    } cases[] = {{0, true, false},
                 {OJ_LINK_KEEP_UNWIND, true, true},
                 {OJ_LINK_UNWIND_BY_CLIENT, false, true},
                 {OJ_LINK_SECTIONS_SINGLY, true, true},
                 {OJ_LINK_NO_UNWIND, false, false}};
    oj_object *object = object_with(good);
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        oj_link_options options;
        oj_unwind_info info;
        oj_code *code;
        uint64_t addr;
        oj_link_options_init(&options);
        options.flags = cases[i].flags;
        code = ojt_link(&object, 1, &options);
        addr = oj_code_lookup_addr(code, "f");
        assert_int_equal(is_registered(addr), cases[i].is_told);
        memset(&info, 0xff, sizeof info);
        assert_int_equal(oj_code_unwind(code, 0, &info, sizeof info), cases[i].is_placed ? OJ_OK : OJ_E_MISUSE);
        assert_int_equal(info.is_registered, cases[i].is_told && cases[i].is_placed);
        if (cases[i].is_placed)
            check_info(code, &info);
        assert_int_equal(oj_code_unwind(code, 1, &info, sizeof info), OJ_E_MISUSE);
        assert_int_equal(info.run_addr, 0);
        assert_int_equal(ojt_call(code, "f"), 42);
        oj_code_destroy(code);
        assert_false(is_registered(addr));
    }
    assert_int_equal(oj_code_unwind(NULL, 0, &(oj_unwind_info){0}, sizeof(oj_unwind_info)), OJ_E_MISUSE);
    oj_object_destroy(object);
}

/* A plan that is linked, again and again, and one that is written by hand. */
static void unwind_plan_may_leave_tables_out(void **state)
{
    static const struct {
        uint32_t flags;
        bool is_placed;
    } cases[] = {{0, true},
                 {OJ_LINK_OMIT_UNWIND, false},
                 {OJ_LINK_OMIT_UNWIND | OJ_LINK_KEEP_UNWIND, true},
                 {OJ_LINK_OMIT_UNWIND | OJ_LINK_UNWIND_BY_CLIENT, true},
                 {OJ_LINK_OMIT_UNWIND | OJ_LINK_SECTIONS_SINGLY, true}};
    oj_object *object = object_with(good);
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        bool is_told = !(cases[i].flags & OJ_LINK_UNWIND_BY_CLIENT);
        oj_link_options options;
        oj_unwind_info info;
        oj_error error;
        oj_plan *plan;
        oj_code *code;
        oj_link_options_init(&options);
        options.flags = cases[i].flags;
        assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
        assert_int_equal(oj_plan_segment_count(plan), cases[i].is_placed ? 2 : 1);
        assert_int_equal(oj_plan_range_count(plan), cases[i].is_placed ? 2 : 1);
        for (unsigned round = 0; round < 3; round++) {
            if (round == 1)
                assert_int_equal(oj_plan_place(plan, &error), OJ_OK);
            assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
            assert_int_equal(is_registered(oj_code_lookup_addr(code, "f")), is_told);
            assert_int_equal(oj_code_unwind(code, 0, &info, sizeof info), cases[i].is_placed ? OJ_OK : OJ_E_MISUSE);
            assert_int_equal(ojt_call(code, "f"), 42);
            oj_code_destroy(code);
        }
        oj_plan_destroy(plan);
    }
    oj_object_destroy(object);
}

static void unwind_plan_without_tables_is_not_written_by_hand(void **state)
{
    oj_object *object = object_with(good);
    oj_segment segment;
    oj_link_options options;
    oj_error error = {0};
    oj_plan *plan;
    oj_code *code = (oj_code *)(uintptr_t)8;
    uint8_t bytes[256];
    (void)state;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_OMIT_UNWIND;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_segment(plan, 0, &segment, sizeof segment), OJ_OK);
    segment.write = bytes + (-(uintptr_t)bytes & 63);
    segment.run_addr = 0x10000000;
    assert_int_equal(oj_plan_write(plan, &segment, 1, &code, &error), OJ_E_MISUSE);
    assert_null(code);
    assert_non_null(strstr(error.text, "OJ_LINK_OMIT_UNWIND"));
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

/* A session's code is told of, and has the objects' tables no more than a single link's, unless they are asked for. */
static void unwind_session_places_tables_that_are_asked_for(void **state)
{
    oj_object *object = object_with(good);
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        oj_session *session = ojt_session_with(NULL, NULL);
        oj_module_options options;
        oj_module *module;
        oj_unwind_info info;
        oj_error error;
        const oj_code *code;
        uint64_t addr;
        oj_module_options_init(&options);
        options.link_flags = keeps ? OJ_LINK_KEEP_UNWIND : 0;
        assert_int_equal(oj_session_add_object(session, object, &options, &module, &error), OJ_OK);
        assert_int_equal(ojt_session_call(session, "f"), 42);
        addr = ojt_session_lookup(session, "f");
        code = oj_module_code(module, 0);
        assert_true(is_registered(addr));
        assert_int_equal(oj_code_segment_count(code), keeps ? 2 : 1);
        assert_int_equal(oj_code_unwind(code, 0, &info, sizeof info), keeps ? OJ_OK : OJ_E_MISUSE);
        if (keeps)
            check_info(code, &info);
        oj_session_destroy(session);
        assert_false(is_registered(addr));
    }
    oj_object_destroy(object);
}

/* Wherever the function lies, the distance in its table is not one that says that it is gone. */
static void unwind_function_at_any_offset_is_told(void **state)
{
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    for (unsigned offset = 0; offset <= 64; offset++) {
        oj_object *object = object_at(good, offset);
        oj_code *code = ojt_link(&object, 1, NULL);
        if (!is_registered(oj_code_lookup_addr(code, "f")))
            fail_msg("the function at %u has no table", offset);
        oj_code_destroy(code);
        oj_object_destroy(object);
    }
}

/* A table that says more than its relocations tell of: entries of other functions at fixed distances from it, the first
 * of which begin inside of one before. */
enum { MORE = 9, MORE_SIZE = sizeof good + 24 * MORE };

static oj_code *link_more(ojt_client *client, const uint8_t *table, const oj_allocator *allocator, oj_status *status)
{
    static const uint8_t code[64 + OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t text, frames;
    uint32_t symbol;
    oj_link_options options;
    oj_object *object;
    oj_code *linked;
    oj_error error;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, code, sizeof code);
    frames = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, table, MORE_SIZE);
    symbol = ojt_elf_add_global(&elf, "f", text, 0, 6);
    ojt_elf_add_reloc(&elf, frames, FDE_ADDR, OJT_R_WORD_DISTANCE, symbol, 0);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, client);
    options.flags = OJ_LINK_KEEP_UNWIND;
    options.allocator = allocator;
    *status = oj_link((const oj_object *const *)&object, 1, &options, &linked, &error);
    assert_true(*status == OJ_OK || *status == OJ_E_NOMEM);
    oj_object_destroy(object);
    return linked;
}

static void unwind_more_entries_than_relocations(void **state)
{
    uint8_t table[MORE_SIZE];
    ojt_client client; /* all segments lie at the same distances each time */
    oj_unwind_info info;
    oj_code *code;
    oj_status status = OJ_E_NOMEM;
    uint64_t addr, distance;
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    memcpy(table, good, sizeof good);
    for (uint32_t i = 0; i < MORE; i++) {
        uint8_t *entry = table + sizeof good + 24 * i;
        memcpy(entry, good + FDE, 24);
        oji_store32(entry + 4, FDE_CIE + 24 * (i + 1));
    }
    code = link_more(&client, table, NULL, &status);
    assert_int_equal(oj_code_unwind(code, 0, &info, sizeof info), OJ_OK);
    addr = oj_code_lookup_addr(code, "f");
    distance = addr - info.run_addr;
    oj_code_destroy(code);
    for (uint32_t i = 0; i < MORE; i++)
        oji_store32(table + FDE_ADDR + 24 * (i + 1), (uint32_t)(distance + 3 + 6 * i - (FDE_ADDR + 24 * (i + 1))));
    status = OJ_E_NOMEM;
    for (size_t step = 1; status == OJ_E_NOMEM; step++) {
        ojt_heap heap;
        ojt_heap_init(&heap);
        heap.fail_at = step;
        code = link_more(&client, table, &heap.table, &status);
        heap.fail_at = 0;
        if (status == OJ_OK) {
            addr = oj_code_lookup_addr(code, "f");
            assert_true(is_registered(addr));
            assert_false(is_registered(addr + 3));
            for (uint64_t i = 1; i < MORE; i++)
                assert_true(is_registered(addr + 3 + 6 * i));
        }
        oj_code_destroy(code);
        assert_int_equal(heap.n_live, 0);
    }
}

static void unwind_bad_table_fails_the_link_and_names_itself(void **state)
{
    uint8_t bad[sizeof good];
    oj_link_options options;
    oj_object *object;
    oj_code *code;
    oj_error error = {0};
    (void)state;
    memcpy(bad, good, sizeof good);
    bad[PROGRAM] = 0x3f;
    object = object_with(bad);
    oj_link_options_init(&options);
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_MALFORMED);
    assert_null(code);
    assert_string_equal(error.object, "a.o");
    assert_string_equal(error.section, ".eh_frame");
    assert_int_equal(error.offset, 0);
    options.flags = OJ_LINK_UNWIND_BY_CLIENT;
    oj_code_destroy(ojt_link(&object, 1, &options));
    oj_object_destroy(object);
}

static void unwind_taken_over_code_stays_registered(void **state)
{
    oj_object *object = object_with(good);
    oj_segment segments[4];
    oj_record records[4];
    oj_taken taken;
    oj_code *code;
    uint64_t addr;
    oj_error error;
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    code = ojt_link(&object, 1, NULL);
    addr = oj_code_lookup_addr(code, "f");
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 4;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_E_MISUSE);
    taken.records = records;
    taken.n_records = 0;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_E_MISUSE);
    taken.n_records = 4;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_OK);
    assert_int_equal(taken.n_records, 1);
    assert_int_equal(records[0].kind, OJ_RECORD_UNWIND);
    assert_true(is_registered(addr));
    records[0].addr++;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    assert_true(is_registered(addr));
    records[0].addr--;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_false(is_registered(addr));
    oj_object_destroy(object);
}

static const uint8_t *entry_of(const oj_code *code)
{
    void *bases[4] = {NULL};
    return oji_unwinder_bind()->find((void *)(uintptr_t)(oj_code_lookup_addr(code, "f") + 2), bases);
}

typedef struct held {
    uint64_t code, heap, entries; /* bytes */
} held;

/* What the handles take, with malloc's own share; what the provider gave; and where the newest unwind entry is, where
 * all are taken one behind the other. */
static held held_with(const oj_memory *memory, const ojt_heap *heap, const oj_code *newest)
{
    oj_memory_stats stats;
    oj_error error;
    assert_int_equal(oj_memory_get_stats(memory, &stats, sizeof stats, &error), OJ_OK);
    return (held){stats.used, heap->live_size + 16 * heap->n_live,
                  oji_unwinder_bind()->kind == OJI_UNWINDER_SHEETS ? (uint64_t)(uintptr_t)entry_of(newest) : 0};
}

/* The library's own figures: beyond its code a small function takes a handle with its kept symbol, an unwind entry and
 * a slot in the array that look-ups search, which has up to a quarter of free slots. */
static void unwind_small_code_takes_few_bytes(void **state)
{
    enum { WARM = 100, N = 1000, SLOT = 10 };
    static oj_code *codes[WARM + N];
    oj_object *object = object_with(good);
    oj_link_options options;
    oj_memory_options memory_options;
    oj_memory *memory;
    oj_error error;
    ojt_heap heap;
    held before = {0}, after;
    uint64_t used, beyond;
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    oj_memory_options_init(&memory_options);
    assert_int_equal(oj_memory_create(&memory, &memory_options, &error), OJ_OK);
    options.memory = memory;
    for (unsigned i = 0; i < WARM + N; i++) {
        codes[i] = ojt_link(&object, 1, &options);
        if (i + 1 == WARM)
            before = held_with(memory, &heap, codes[i]);
    }
    after = held_with(memory, &heap, codes[WARM + N - 1]);
    used = (after.code - before.code) / N;
    beyond = (after.heap - before.heap + after.entries - before.entries) / N + SLOT;
    assert_in_range(used, 6, 16);
    assert_in_range(beyond, 1, 256);
    if (oji_unwinder_bind()->kind == OJI_UNWINDER_SHEETS)
        assert_in_range((after.entries - before.entries) / N, 24, 32);
    for (unsigned i = 0; i < WARM + N; i++)
        oj_code_destroy(codes[i]);
    assert_int_equal(heap.n_live, 0);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
    oj_object_destroy(object);
}

/* Its client tells the unwinder of it: a 32-bit word of zeros ends the table. */
typedef struct told {
    oj_code *code;
    const void *table; /* NULL: the library tells of it */
    uint64_t object[8];
} told;

static void link_and_tell(told *t, oj_object *object, bool by_client)
{
    oj_link_options options;
    oj_unwind_info info;
    oj_link_options_init(&options);
    options.flags = by_client ? OJ_LINK_UNWIND_BY_CLIENT : 0;
    t->code = ojt_link(&object, 1, &options);
    t->table = NULL;
    if (!by_client)
        return;
    assert_int_equal(oj_code_unwind(t->code, 0, &info, sizeof info), OJ_OK);
    t->table = (const void *)(uintptr_t)info.run_addr;
    oji_unwinder_bind()->add(t->table, t->object);
}

static void forget_and_destroy(told *t)
{
    uint64_t addr = oj_code_lookup_addr(t->code, "f");
    if (t->table)
        oji_unwinder_bind()->remove(t->table);
    oj_code_destroy(t->code);
    assert_false(is_registered(addr));
}

/* Codes of both kinds come one after another, and go in another order. */
static void unwind_tables_of_clients_beside_the_librarys(void **state)
{
    enum { N = 40 };
    static told all[N];
    oj_object *object = object_with(good);
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    if (oji_unwinder_bind()->kind == OJI_UNWINDER_NONE)
        skip();
    for (unsigned i = 0; i < N; i++) {
        link_and_tell(&all[i], object, i % 3 == 1);
        for (unsigned j = 0; j <= i; j++)
            assert_true(is_registered(oj_code_lookup_addr(all[j].code, "f")));
    }
    for (unsigned i = 0; i < N; i++) {
        forget_and_destroy(&all[i * 7 % N]);
        for (unsigned j = i + 1; j < N; j++)
            assert_true(is_registered(oj_code_lookup_addr(all[j * 7 % N].code, "f")));
    }
    oj_object_destroy(object);
}

static atomic_bool stop;

/* Looks for a function without a table, as whoever prints a stack does. What is found nevertheless must say that the
 * stack ends there: the return address is undefined. */
static void *look_for_blind(void *blind)
{
    uintptr_t n_wrong = 0;
    while (!stop) {
        void *bases[4] = {NULL};
        const uint8_t *entry = oji_unwinder_bind()->find((void *)((uintptr_t)blind + 2), bases);
        const uint8_t *cie = entry ? cie_at(entry) : NULL;
        n_wrong += cie && memmem(cie, oji_load32_host(cie) + 4, "\x07\x10", 2) == NULL;
    }
    return (void *)n_wrong;
}

/* The only function with a table in a stretch comes and goes, while one without is looked for there. */
static void unwind_code_without_tables_is_looked_for_meanwhile(void **state)
{
    ojt_elf elf;
    uint8_t code[OJT_RETURN_SIZE];
    oj_object *object = object_with(good), *blind_object;
    oj_link_options options;
    oj_code *blind;
    pthread_t threads[2];
    void *n_wrong;
    (void)state;
    ojt_needs_64_bits("its table names a register that machines of 32 bits have not");
    ojt_elf_init(&elf);
    ojt_return_code(code, 1);
    ojt_elf_add_global(&elf, "blind", ojt_elf_add_code(&elf, code, sizeof code), 0, sizeof code);
    blind_object = ojt_object(&elf, "blind.o");
    oj_link_options_init(&options);
    blind = ojt_link(&blind_object, 1, &options);
    stop = false;
    for (unsigned t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, look_for_blind, oj_code_lookup(blind, "blind")), 0);
    for (unsigned round = 0; round < 20000; round++)
        oj_code_destroy(ojt_link(&object, 1, &options));
    stop = true;
    for (unsigned t = 0; t < 2; t++) {
        pthread_join(threads[t], &n_wrong);
        assert_int_equal((uintptr_t)n_wrong, 0);
    }
    oj_code_destroy(blind);
    oj_object_destroy(blind_object);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(unwind_table_is_read), cmocka_unit_test(unwind_table_bad_fields_rejected),
         cmocka_unit_test(unwind_table_bad_runs_of_bytes_rejected), cmocka_unit_test(unwind_table_tagged_frame_taken),
         cmocka_unit_test(unwind_table_any_byte_any_length_read_inside),
         cmocka_unit_test(unwind_table_written_anew_reads_the_same),
         cmocka_unit_test(unwind_table_written_size_of_any_cie), cmocka_unit_test(unwind_cies_are_shared_by_content),
         cmocka_unit_test(unwind_info_is_there_for_code_placed_by_hand),
         cmocka_unit_test(unwind_info_tells_where_tables_are), cmocka_unit_test(unwind_plan_may_leave_tables_out),
         cmocka_unit_test(unwind_plan_without_tables_is_not_written_by_hand),
         cmocka_unit_test(unwind_session_places_tables_that_are_asked_for),
         cmocka_unit_test(unwind_function_at_any_offset_is_told),
         cmocka_unit_test(unwind_more_entries_than_relocations),
         cmocka_unit_test(unwind_bad_table_fails_the_link_and_names_itself),
         cmocka_unit_test(unwind_tables_of_clients_beside_the_librarys),
         cmocka_unit_test(unwind_code_without_tables_is_looked_for_meanwhile),
         cmocka_unit_test(unwind_taken_over_code_stays_registered), cmocka_unit_test(unwind_small_code_takes_few_bytes))
