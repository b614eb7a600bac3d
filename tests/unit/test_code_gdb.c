/* The list of symbol files that debuggers read: which codes are in which files, and what the files say. */
#include "code/debug.h"
#include "code/lines.h"
#include "support/test.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* As debuggers see it (gdb manual, "JIT Compilation Interface"). */
typedef struct entry {
    struct entry *next;
    struct entry *prev;
    const uint8_t *file;
    uint64_t size;
} entry;

extern struct {
    uint32_t version;
    uint32_t action;
    entry *relevant;
    entry *first;
} oji_gdb_descriptor;

static unsigned count_files(void)
{
    unsigned n = 0;
    for (entry *e = oji_gdb_descriptor.first, *prev = NULL; e; prev = e, e = e->next, n++)
        assert_ptr_equal(e->prev, prev);
    return n;
}

static Elf64_Shdr *section_at(const uint8_t *file, unsigned index)
{
    const Elf64_Ehdr *header = (const void *)file;
    return (Elf64_Shdr *)(uintptr_t)(file + header->e_shoff) + index;
}

static const Elf64_Shdr *find_section(const uint8_t *file, const char *name)
{
    const Elf64_Ehdr *header = (const void *)file;
    const char *names = (const char *)file + section_at(file, header->e_shstrndx)->sh_offset;
    for (unsigned i = 1; i < header->e_shnum; i++)
        if (strcmp(names + section_at(file, i)->sh_name, name) == 0)
            return section_at(file, i);
    return NULL;
}

/* Code i: a function f<i> of 16 bytes, and 8 bytes of .debug_info, which hold its number and an offset of 4 bytes into
 * its own .debug_str, whose 8 bytes are its number as text. */
enum { BASE = 0x10000, SIZE = 16 };

static const oj_allocator *heap(void)
{
    static oj_allocator allocator;
    assert_int_equal(oji_allocator_import(&allocator, NULL, NULL), OJ_OK);
    return &allocator;
}

static oj_record add(unsigned i)
{
    char names[16], text[8] = "";
    uint8_t unit[8];
    oji_debug_range range = {.addr = BASE + (uint64_t)i * SIZE, .size = SIZE, .kind = OJ_SEGMENT_CODE};
    oji_debug_symbol symbol = {.addr = range.addr, .size = SIZE, .is_function = 1, .is_global = i % 2};
    oji_debug_fix fix = {.offset = 4, .section = OJI_DEBUG_INFO, .target = OJI_DEBUG_STR, .width = 4};
    oji_debug_info info = {.ranges = &range,
                           .n_ranges = 1,
                           .symbols = &symbol,
                           .n_symbols = 1,
                           .names = names,
                           .fixes = &fix,
                           .n_fixes = 1,
                           .machine = EM_X86_64};
    oj_record record = {0};
    oj_error error;
    info.names_size = (uint64_t)snprintf(names, sizeof names, "f%u", i) + 1;
    snprintf(text, sizeof text, "%u", i);
    oji_store32_host(unit, i);
    oji_store32_host(unit + 4, 0);
    info.sections[OJI_DEBUG_INFO] = (oji_debug_data){unit, sizeof unit};
    info.sections[OJI_DEBUG_STR] = (oji_debug_data){(uint8_t *)text, sizeof text};
    assert_int_equal(oji_gdb_register(&info, heap(), &record, &error), OJ_OK);
    assert_int_equal(record.kind, OJ_RECORD_DEBUGGER);
    assert_true(oji_gdb_registry.is_known(&record));
    return record;
}

static void check_symbol(const uint8_t *file, const Elf64_Sym *symbol, uint8_t *seen)
{
    const char *names = (const char *)file + find_section(file, ".strtab")->sh_offset;
    unsigned i = (unsigned)strtoul(names + symbol->st_name + 1, NULL, 10);
    const Elf64_Shdr *home = section_at(file, symbol->st_shndx);
    assert_int_equal(names[symbol->st_name], 'f');
    assert_int_equal(symbol->st_value, BASE + (uint64_t)i * SIZE);
    assert_int_equal(symbol->st_size, SIZE);
    assert_int_equal(symbol->st_info, ELF64_ST_INFO(i % 2 ? STB_GLOBAL : STB_LOCAL, STT_FUNC));
    assert_true(symbol->st_value >= home->sh_addr && symbol->st_value + SIZE <= home->sh_addr + home->sh_size);
    seen[i]++;
}

/* Every unit's offset leads to its own text, wherever both are in the joined sections. */
static void check_units(const uint8_t *file, size_t n_symbols)
{
    const Elf64_Shdr *info = find_section(file, ".debug_info"), *text = find_section(file, ".debug_str");
    assert_int_equal(info->sh_size, n_symbols * 8);
    for (uint64_t at = 0; at < info->sh_size; at += 8) {
        char expected[8];
        uint32_t offset = oji_load32_host(file + info->sh_offset + at + 4);
        snprintf(expected, sizeof expected, "%u", oji_load32_host(file + info->sh_offset + at));
        assert_true(offset < text->sh_size);
        assert_string_equal((const char *)file + text->sh_offset + offset, expected);
    }
}

/* Which codes are in the files, and how often. */
static void read_files(uint8_t *seen)
{
    for (const entry *e = oji_gdb_descriptor.first; e; e = e->next) {
        const Elf64_Shdr *symbols = find_section(e->file, ".symtab");
        const Elf64_Sym *symbol = (const void *)(e->file + symbols->sh_offset);
        size_t n = symbols->sh_size / sizeof *symbol;
        assert_memory_equal(e->file, ELFMAG, SELFMAG);
        for (size_t i = 1; i < n; i++) {
            assert_int_equal(ELF64_ST_BIND(symbol[i].st_info) == STB_LOCAL, i < symbols->sh_info);
            check_symbol(e->file, &symbol[i], seen);
        }
        check_units(e->file, n - 1);
    }
}

static void gdb_code_is_told_and_forgotten(void **state)
{
    oj_record record = add(7);
    uint8_t seen[16] = {0};
    (void)state;
    assert_int_equal(oji_gdb_descriptor.version, 1);
    assert_int_equal(count_files(), 1);
    read_files(seen);
    assert_int_equal(seen[7], 1);
    assert_int_equal(record.addr, BASE + 7 * SIZE);
    oji_gdb_registry.undo(&record);
    assert_false(oji_gdb_registry.is_known(&record));
    oji_gdb_registry.undo(&record);
    assert_null(oji_gdb_descriptor.first);
}

/* A debugger's cost at each registration grows with the number of files and of their sections. */
static void gdb_many_codes_share_few_files(void **state)
{
    enum { N = 3000 };
    static oj_record records[N];
    static uint8_t seen[N];
    unsigned n_sections = 0;
    (void)state;
    for (unsigned i = 0; i < N; i++)
        records[i] = add(i);
    assert_true(count_files() <= N / 64 + 16);
    for (const entry *e = oji_gdb_descriptor.first; e; e = e->next)
        n_sections += ((const Elf64_Ehdr *)(const void *)e->file)->e_shnum;
    assert_true(n_sections <= count_files() * 10);
    read_files(seen);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    for (unsigned i = 0; i < N; i++)
        oji_gdb_registry.undo(&records[i]);
    assert_null(oji_gdb_descriptor.first);
}

static void gdb_removed_codes_leave_the_others(void **state)
{
    enum { N = 600 };
    static oj_record records[N];
    static uint8_t is_live[N], seen[N];
    unsigned seed = 12345;
    (void)state;
    for (unsigned step = 0; step < 4000; step++) {
        unsigned i = (seed = seed * 1103515245u + 12345u) >> 8;
        i %= N;
        if (is_live[i])
            oji_gdb_registry.undo(&records[i]);
        else
            records[i] = add(i);
        is_live[i] = !is_live[i];
        if (step % 500 != 499)
            continue;
        memset(seen, 0, sizeof seen);
        read_files(seen);
        assert_memory_equal(seen, is_live, sizeof seen);
    }
    for (unsigned i = 0; i < N; i++)
        if (is_live[i])
            oji_gdb_registry.undo(&records[i]);
    assert_null(oji_gdb_descriptor.first);
}

static oj_status check(oj_record *records, size_t n_records, oj_error *error)
{
    const oj_taken taken = {.records = records, .n_records = n_records};
    return oji_records_check(&taken, error);
}

static void gdb_foreign_record_rejected(void **state)
{
    oj_record record = add(1), other = add(2), wrong;
    uint64_t ids[] = {0, 1, 2, 3, UINT64_MAX, UINT32_MAX, UINT64_C(1) << 32};
    oj_error error;
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        wrong = record;
        wrong.data = (void *)(uintptr_t)ids[i];
        if (wrong.data == record.data) /* 32 bits have no room for a serial number */
            continue;
        assert_int_equal(check(&wrong, 1, &error), OJ_E_MISUSE);
        assert_non_null(strstr(error.text, "debugger"));
        oji_gdb_registry.undo(&wrong);
    }
    wrong = record;
    wrong.size++;
    assert_int_equal(check(&wrong, 1, &error), OJ_E_MISUSE);
    for (uint32_t kind = 0; kind < 2000; kind += 1000) {
        wrong.kind = kind;
        assert_int_equal(check(&wrong, 1, &error), OJ_E_MISUSE);
        assert_non_null(strstr(error.text, "never gave"));
        oji_records_undo(&wrong, 1);
    }
    assert_int_equal(check(NULL, 1, &error), OJ_E_MISUSE);
    assert_int_equal(check(NULL, 0, &error), OJ_OK);
    wrong = record;
    wrong.data = other.data;
    assert_false(oji_gdb_registry.is_known(&wrong));
    assert_int_equal(check(&record, 1, &error), OJ_OK);
    oji_gdb_registry.undo(&record);
    record = add(3); /* takes the same slot */
    assert_true(oji_gdb_registry.is_known(&other));
    oji_gdb_registry.undo(&record);
    oji_gdb_registry.undo(&other);
    assert_null(oji_gdb_descriptor.first);
}

static const Elf32_Shdr *section_32(const uint8_t *file, const char *name)
{
    const Elf32_Ehdr *header = (const void *)file;
    const Elf32_Shdr *sections = (const void *)(file + header->e_shoff);
    const char *names = (const char *)file + sections[header->e_shstrndx].sh_offset;
    for (unsigned i = 1; i < header->e_shnum; i++)
        if (strcmp(names + sections[i].sh_name, name) == 0)
            return &sections[i];
    return NULL;
}

/* The other class: 32-bit processes. Its frames have addresses of 4 bytes, read from a table that has such, too. */
static void gdb_code_of_32_bits_has_a_file_of_32_bits(void **state)
{
    /* CIE: version 1, "", alignments 1 and -4, return register 8, def_cfa r4 4. FDE: absolute address and size. */
    static const uint8_t table[] = {12, 0, 0, 0, 0,  0, 0, 0, 1, 0, 1, 0x7c, 8,  12, 4, 4,
                                    12, 0, 0, 0, 20, 0, 0, 0, 0, 0, 1, 0,    16, 0,  0, 0};
    oji_debug_range range = {.addr = BASE, .size = SIZE, .kind = OJ_SEGMENT_CODE};
    oji_debug_symbol symbol = {.addr = BASE, .size = SIZE, .is_function = 1, .is_global = 1};
    oji_debug_unwind unwind = {{table, sizeof table}, BASE + 0x1000};
    char names[] = "f";
    oji_debug_info info = {.ranges = &range,
                           .n_ranges = 1,
                           .symbols = &symbol,
                           .n_symbols = 1,
                           .names = names,
                           .names_size = sizeof names,
                           .unwind = &unwind,
                           .n_unwind = 1,
                           .machine = EM_ARM,
                           .machine_flags = EF_ARM_EABI_VER5,
                           .is_32 = true,
                           .n_registers = 16};
    const uint8_t *file;
    const Elf32_Sym *symbols;
    const Elf32_Shdr *frames;
    oj_record record;
    oji_arena arena;
    (void)state;
    oji_arena_init(&arena, heap(), NULL, 0);
    assert_true(oji_debug_add_frames(&info, &arena));
    assert_int_equal(oji_gdb_register(&info, heap(), &record, NULL), OJ_OK);
    file = oji_gdb_descriptor.first->file;
    assert_int_equal(file[EI_CLASS], ELFCLASS32);
    assert_int_equal(((const Elf32_Ehdr *)(const void *)file)->e_machine, EM_ARM);
    assert_int_equal(((const Elf32_Ehdr *)(const void *)file)->e_flags, EF_ARM_EABI_VER5);
    assert_int_equal(section_32(file, ".text")->sh_addr, BASE);
    assert_int_equal(section_32(file, ".text")->sh_size, SIZE);
    symbols = (const void *)(file + section_32(file, ".symtab")->sh_offset);
    assert_int_equal(section_32(file, ".symtab")->sh_size, 2 * sizeof *symbols);
    assert_int_equal(symbols[1].st_value, BASE);
    assert_int_equal(symbols[1].st_size, SIZE);
    assert_int_equal(symbols[1].st_info, ELF32_ST_INFO(STB_GLOBAL, STT_FUNC));
    assert_int_equal(symbols[1].st_shndx, 1);
    assert_string_equal(file + section_32(file, ".strtab")->sh_offset + symbols[1].st_name, "f");
    frames = section_32(file, ".debug_frame");
    assert_int_equal(frames->sh_size, 16 + 16);
    assert_int_equal(oji_load32_host(file + frames->sh_offset + 24), BASE);
    assert_int_equal(oji_load32_host(file + frames->sh_offset + 28), SIZE);
    oji_gdb_registry.undo(&record);
    oji_arena_free(&arena);
}

/* Descriptions that cannot be read are passed over, up to where no next one can be found. */
static void gdb_frames_that_cannot_be_read_are_left_out(void **state)
{
    /* A CIE, FDEs at BASE, BASE + 2 with an instruction that is none, BASE + 4, and a length that leads outside. */
    static const uint8_t table[] = {12, 0, 0, 0, 0,  0, 0, 0, 1,  0, 1, 0x7c, 8,  12, 4, 4, /* */
                                    16, 0, 0, 0, 20, 0, 0, 0, 0,  0, 1, 0,    2,  0,  0, 0, /* */
                                    0,  0, 0, 0, 16, 0, 0, 0, 40, 0, 0, 0,    2,  0,  1, 0, /* */
                                    2,  0, 0, 0, 63, 0, 0, 0, 16, 0, 0, 0,    60, 0,  0, 0, /* */
                                    4,  0, 1, 0, 2,  0, 0, 0, 0,  0, 0, 0,    99, 0,  0, 0, 0, 0, 0, 0};
    oji_debug_range range = {.addr = BASE, .size = SIZE, .kind = OJ_SEGMENT_CODE};
    oji_debug_unwind unwind = {{table, sizeof table}, BASE + 0x1000};
    oji_debug_info info = {
        .ranges = &range, .n_ranges = 1, .unwind = &unwind, .n_unwind = 1, .is_32 = true, .n_registers = 16};
    oji_unwind_index index;
    oji_arena arena;
    (void)state;
    oji_arena_init(&arena, heap(), NULL, 0);
    assert_true(oji_debug_index_unwind(&info, &arena, &index));
    assert_int_equal(index.n, 2);
    assert_int_equal(index.keys[0].addr, BASE);
    assert_int_equal(index.keys[1].addr, BASE + 4);
    assert_true(oji_debug_add_frames(&info, &arena));
    assert_int_equal(info.n_fixes, 2);
    oji_arena_free(&arena);
}

/* Too large to be joined with others. */
static void gdb_large_code_has_its_own_file(void **state)
{
    static uint8_t bytes[300 * 1024];
    oji_debug_range range = {.addr = BASE, .size = SIZE, .kind = OJ_SEGMENT_CODE};
    oji_debug_info info = {.ranges = &range, .n_ranges = 1, .machine = EM_X86_64};
    oj_record records[20];
    (void)state;
    info.sections[OJI_DEBUG_STR] = (oji_debug_data){bytes, sizeof bytes};
    for (int i = 0; i < 20; i++)
        assert_int_equal(oji_gdb_register(&info, heap(), &records[i], NULL), OJ_OK);
    assert_int_equal(count_files(), 20);
    for (int i = 0; i < 20; i++)
        oji_gdb_registry.undo(&records[i]);
    assert_null(oji_gdb_descriptor.first);
}

/* As large as codes may be that share files: removing one writes a file anew, which must not be all the others'. */
static void gdb_shared_files_have_a_bound(void **state)
{
    enum { N = 200, TEXT = 100 * 1024, LARGEST = 5 * 1024 * 1024 };
    static uint8_t bytes[TEXT];
    static oj_record records[N];
    (void)state;
    for (unsigned i = 0; i < N; i++) {
        oji_debug_range range = {.addr = BASE + i * SIZE, .size = SIZE, .kind = OJ_SEGMENT_CODE};
        oji_debug_info info = {.ranges = &range, .n_ranges = 1, .machine = 62};
        oj_error error;
        info.sections[OJI_DEBUG_STR] = (oji_debug_data){bytes, sizeof bytes};
        assert_int_equal(oji_gdb_register(&info, heap(), &records[i], &error), OJ_OK);
    }
    assert_true(count_files() < N / 4);
    for (const entry *e = oji_gdb_descriptor.first; e; e = e->next)
        assert_true(e->size < LARGEST);
    for (unsigned i = 0; i < N; i++)
        oji_gdb_registry.undo(&records[i]);
    assert_int_equal(count_files(), 0);
}

static void gdb_child_of_fork_goes_on(void **state)
{
    oj_record record = add(1);
    pid_t child = fork();
    int status;
    (void)state;
    if (child == 0) {
        oj_record own = add(2);
        oji_gdb_registry.undo(&record);
        _exit(count_files() == 1 && oji_gdb_registry.is_known(&own) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(oji_gdb_registry.is_known(&record));
    oji_gdb_registry.undo(&record);
}

OJT_MAIN(cmocka_unit_test(gdb_code_is_told_and_forgotten), cmocka_unit_test(gdb_many_codes_share_few_files),
         cmocka_unit_test(gdb_removed_codes_leave_the_others), cmocka_unit_test(gdb_foreign_record_rejected),
         cmocka_unit_test(gdb_shared_files_have_a_bound), cmocka_unit_test(gdb_code_of_32_bits_has_a_file_of_32_bits),
         cmocka_unit_test(gdb_frames_that_cannot_be_read_are_left_out),
         cmocka_unit_test(gdb_large_code_has_its_own_file), cmocka_unit_test(gdb_child_of_fork_goes_on))
