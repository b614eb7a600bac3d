/* Runs every *.s of this folder: assembles it, links it at the addresses it names into plain buffers, and compares all
 * bytes with what it expects and with what GNU ld and ld.lld make of it at the same addresses. Nothing is executed.
 *
 * What the files say in their comments: case_file.h.
 *
 * What is linked is also flushed as the architecture needs it, which no emulator shows: a recording table sees each
 * byte of code flushed once, after its last change and before any address is known, and nothing else.
 *
 * Then the same is read and linked while each allocation fails in turn, with several options.
 *
 * The GOT stands at the start of the read-only segment, and _GLOBAL_OFFSET_TABLE_ there: the oracles are told so. */
#include "elf/elf_format.h"
#include "link/case_file.h"
#include "link/linktest.h"
#include "link/random_cases.h"
#include "link/random_relaxed.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

/* Bytes: those that are there for their length alone are not linked once for each allocation. */
#define LARGE_OBJECT ((size_t)8 << 20)

enum { MAX_CASES = 512, MAX_ARGUMENTS = 64 };

/* A case's architecture is the first part of its file's name. lld knows s390x from LLVM 18 on, and
 * RISC-V's distances in ULEB128 and descriptors. */
typedef struct tools {
    const char *prefix;
    const char *assembler; /* called as `ASSEMBLER FLAG -o OBJECT SOURCE` */
    const char *assembler_flag;
    const char *ld;
    const char *lld;
    const char *ld_emulation; /* both linkers are told */
    const char *fill;         /* between code sections, for a linker script */
    uint64_t word;            /* bytes: code ends on one, so that it can be patched to its end */
} tools;

static const tools all_tools[] = {
    {"x86_64_", "as", "--64", "ld", "ld.lld", "elf_x86_64", "0xcccccccc", 8},
    {"i386_", "as", "--32", "ld", "ld.lld", "elf_i386", "0xcccccccc", 8},
    {"arm_", "arm-linux-gnueabihf-as", "-march=armv7-a", "arm-linux-gnueabihf-ld", "ld.lld", "armelf_linux_eabi",
     "0xdededede", 4},
    {"riscv64_", "riscv64-linux-gnu-as", "-march=rv64gc", "riscv64-linux-gnu-ld", "ld.lld-19", "elf64lriscv", "0", 4},
    {"riscv32_", "riscv64-linux-gnu-as", "-march=rv32gc", "riscv64-linux-gnu-ld", "ld.lld-19", "elf32lriscv", "0", 4},
    {"aarch64_", "aarch64-linux-gnu-as", "-EL", "aarch64-linux-gnu-ld", "ld.lld", "aarch64linux", "0", 4},
    {"s390x_", "s390x-linux-gnu-as", "-march=z14", "s390x-linux-gnu-ld", "ld.lld-19", "elf64_s390", "0", 8},
};

static const tools *tools_of(const link_case *test)
{
    const char *slash = strrchr(test->path, '/');
    const char *name = slash ? slash + 1 : test->path;
    for (size_t i = 0; i < OJI_COUNT(all_tools); i++)
        if (strncmp(name, all_tools[i].prefix, strlen(all_tools[i].prefix)) == 0)
            return &all_tools[i];
    fail_msg("%s begins with no architecture", name);
    return NULL;
}

/* --- processes and files ------------------------------------------------------------------------------------------ */

/* The exit status; output goes to the file `log`. */
static int run(char *const *arguments, const char *log)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ) == 0)
        assert_int_equal(waitpid(pid, &status, 0), pid);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes;
    assert_true(file >= 0);
    assert_int_equal(fstat(file, &info), 0);
    bytes = malloc((size_t)info.st_size + 1);
    assert_non_null(bytes);
    for (*size = 0; *size < (size_t)info.st_size;) {
        ssize_t got = read(file, bytes + *size, (size_t)info.st_size - *size);
        assert_true(got > 0);
        *size += (size_t)got;
    }
    bytes[*size] = 0;
    close(file);
    return bytes;
}

static void fail_with_log(const char *what, const char *log)
{
    size_t size;
    uint8_t *text = read_file(log, &size);
    print_message("%.4000s\n", (const char *)text);
    free(text);
    fail_msg("%s", what);
}

static void in_folder(char *path, const char *folder, const char *name)
{
    snprintf(path, PATH_MAX, "%.4000s/%s", folder, name);
}

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    char path[PATH_MAX];
    while (directory && (entry = readdir(directory)) != NULL) {
        in_folder(path, folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (directory)
        closedir(directory);
    rmdir(folder);
}

/* NULL where the assembler is not installed. */
static uint8_t *assemble(const link_case *test, const char *folder, size_t *size)
{
    char object[PATH_MAX], log[PATH_MAX], own[sizeof test->assembler];
    const char *arguments[MAX_ARGUMENTS] = {tools_of(test)->assembler, tools_of(test)->assembler_flag};
    size_t n = test->assembler[0] ? 0 : 2;
    int status;
    oji_copy_text(own, sizeof own, test->assembler);
    for (char *word = strtok(own, " "); word; word = strtok(NULL, " "))
        arguments[n++] = word;
    arguments[n++] = "-o";
    arguments[n++] = object;
    arguments[n] = test->path;
    in_folder(object, folder, "case.o");
    in_folder(log, folder, "log");
    status = run((char *const *)(uintptr_t)arguments, log);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return NULL;
    if (status != 0)
        fail_with_log("the assembler failed", log);
    return read_file(object, size);
}

/* --- what is expected --------------------------------------------------------------------------------------------- */

static void compare(const char *what, uint32_t kind, uint64_t offset, const uint8_t *ours, const uint8_t *theirs,
                    size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (ours[i] == theirs[i])
            continue;
        print_message("%s segment, from offset 0x%llx; ours, then %s:\n", kind_names[kind], (unsigned long long)offset,
                      what);
        for (int side = 0; side < 2; side++) {
            for (size_t j = 0; j < size && j < 64; j++)
                print_message("%02x ", (side ? theirs : ours)[j]);
            print_message("\n");
        }
        fail_msg("first difference from %s at %s+0x%llx: %02x, not %02x", what, kind_names[kind],
                 (unsigned long long)(offset + i), ours[i], theirs[i]);
    }
}

/* Code ends on a whole word; other linkers end it with its last byte. */
static uint64_t segment_size(const link_case *test, uint32_t kind, uint64_t size)
{
    uint64_t word = tools_of(test)->word;
    return kind == OJ_SEGMENT_CODE ? (size + word - 1) & ~(word - 1) : size;
}

static void check_chunks(const link_case *test, const ojt_client *client)
{
    for (size_t i = 0; i < test->n_chunks; i++) {
        const chunk *part = &test->chunks[i];
        const oj_segment *segment = ojt_client_segment(client, part->kind);
        if (!segment)
            fail_msg("there is no %s segment", kind_names[part->kind]);
        if (part->is_whole && segment->size != segment_size(test, part->kind, part->size))
            print_message("%s has %llu bytes, %zu are expected\n", kind_names[part->kind],
                          (unsigned long long)segment->size, part->size);
        assert_true(part->offset + part->size <= segment->size);
        compare("expected", part->kind, part->offset, (const uint8_t *)segment->write + part->offset, part->bytes,
                part->size);
        if (part->is_whole)
            assert_int_equal(segment->size, segment_size(test, part->kind, part->size));
    }
}

static void check_error(const link_case *test, oj_status status, const oj_error *error)
{
    if (status != test->status)
        fail_msg("%s, not %s: %s", oj_status_name(status), oj_status_name(test->status), error->text);
    assert_int_equal(error->status, status);
    assert_true(error->text[0] != '\0');
    if (!strstr(error->text, test->says))
        fail_msg("'%s' does not say '%s'", error->text, test->says);
    if (test->section[0])
        assert_string_equal(error->section, test->section);
    if (test->relocation[0])
        assert_string_equal(error->relocation, test->relocation);
    if (test->symbol[0])
        assert_string_equal(error->symbol, test->symbol);
    if (test->offset != UINT64_MAX)
        assert_int_equal(error->offset, test->offset);
}

/* --- oracles ------------------------------------------------------------------------------------------------------ */

/* Layout is ours: sections in the order of their headers, traps between code, the GOT first. The base that code counts
 * GOT offsets from is made to be the first entry, which other linkers keep apart. */
static void write_script(const link_case *test, const char *path)
{
    FILE *file = fopen(path, "w");
    unsigned long long got_addr = test->addrs[OJ_SEGMENT_RODATA] - test->got_header;
    assert_non_null(file);
    fprintf(file,
            "SECTIONS {\n"
            "  .code 0x%llx : { *(.text*) } =%s\n"
            "  .rodata 0x%llx : { *(.got) *(.rodata* .data.rel.ro* .ARM.extab*) }\n"
            "  .ARM.exidx : { *(.ARM.exidx*) }\n"
            "  .got.plt 0x%llx : { *(.got.plt) }\n"
            "  .data 0x%llx : { *(.data*) *(.bss*) *(COMMON) }\n"
            "  .tdata : { *(.tdata*) }\n"
            "  .tbss : { *(.tbss*) }\n"
            "  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }\n"
            "}\n",
            (unsigned long long)test->addrs[OJ_SEGMENT_CODE], tools_of(test)->fill, got_addr, got_addr,
            (unsigned long long)test->addrs[OJ_SEGMENT_DATA]);
    assert_int_equal(fclose(file), 0);
}

/* Find a section by name. Trusts the file, which a linker wrote. */
static bool find_section(const uint8_t *file, const char *wanted, oji_elf_header *found)
{
    const oji_elf_format *format = oji_elf_find_format(file[4], file[5]);
    oji_elf_file header;
    oji_elf_header names, section;
    assert_non_null(format);
    header = oji_elf_decode_file(format, file);
    names =
        oji_elf_decode_section(format, file + header.headers_off + (uint64_t)header.names_index * header.section_size);
    for (uint32_t i = 1; i < header.n_sections; i++) {
        section = oji_elf_decode_section(format, file + header.headers_off + (uint64_t)i * header.section_size);
        if (strcmp((const char *)file + names.offset + section.name, wanted) != 0)
            continue;
        *found = section;
        return true;
    }
    return false;
}

/* ld.lld gives sections of one address one place in the file, so that the second GOT overwrites the first. */
static bool is_overwritten(const uint8_t *file, const oji_elf_header *section)
{
    oji_elf_header second;
    return find_section(file, ".got.plt", &second) && second.offset == section->offset && second.size > 0;
}

/* The index of unwind entries, which linkers order, is a section of its own there; ours ends the read-only segment. */
static uint64_t compare_index(const char *linker, const uint8_t *file, const oji_elf_header *rodata,
                              const oj_segment *segment)
{
    oji_elf_header index;
    uint64_t offset = (rodata->size + 3) & ~UINT64_C(3);
    if (!find_section(file, ".ARM.exidx", &index))
        return rodata->size;
    if (offset + index.size == segment->size)
        compare(linker, OJ_SEGMENT_RODATA, offset, (const uint8_t *)segment->write + offset, file + index.offset,
                index.size);
    return offset + index.size;
}

static void compare_output(const link_case *test, const char *linker, const uint8_t *file, const ojt_client *client)
{
    static const char *const sections[4] = {"", ".code", ".rodata", ".data"};
    for (uint32_t kind = OJ_SEGMENT_CODE; kind <= OJ_SEGMENT_DATA; kind++) {
        const oj_segment *segment = ojt_client_segment(client, kind);
        oji_elf_header theirs;
        uint8_t *zeroes;
        uint64_t size;
        if (!segment || (test->compares_code && kind != OJ_SEGMENT_CODE))
            continue;
        if (!find_section(file, sections[kind], &theirs))
            fail_msg("%s makes no %s", linker, sections[kind]);
        if (is_overwritten(file, &theirs))
            continue;
        size = kind == OJ_SEGMENT_RODATA ? compare_index(linker, file, &theirs, segment) : theirs.size;
        if (segment_size(test, kind, size) != segment->size)
            fail_msg("%s: %s has %llu bytes, ours %llu", linker, sections[kind], (unsigned long long)size,
                     (unsigned long long)segment->size);
        zeroes = calloc(1, theirs.size);
        assert_non_null(zeroes);
        compare(linker, kind, 0, segment->write, theirs.type == SHT_NOBITS ? zeroes : file + theirs.offset,
                theirs.size);
        free(zeroes);
    }
}

static void ask_oracle(const link_case *test, const char *linker, const char *folder, const ojt_client *client)
{
    char object[PATH_MAX], output[PATH_MAX], script[PATH_MAX], log[PATH_MAX], definitions[MAX_DEFINITIONS][128],
        flags[256];
    const char *arguments[MAX_ARGUMENTS] = {linker,
                                            "-m",
                                            tools_of(test)->ld_emulation,
                                            "-static",
                                            "-N",
                                            "-e",
                                            "0",
                                            "--no-check-sections",
                                            "--build-id=none",
                                            "-z",
                                            "noexecstack",
                                            "-T",
                                            script,
                                            "-o",
                                            output,
                                            object};
    size_t n = 16, size;
    int status;
    in_folder(object, folder, "case.o");
    in_folder(output, folder, linker);
    in_folder(script, folder, "script");
    in_folder(log, folder, "log");
    write_script(test, script);
    for (size_t i = 0; i < test->n_definitions; i++) {
        snprintf(definitions[i], sizeof definitions[i], "--defsym=%s=0x%llx", test->definitions[i].name,
                 (unsigned long long)test->definitions[i].addr);
        arguments[n++] = definitions[i];
    }
    oji_copy_text(flags, sizeof flags, test->oracle_flags);
    for (char *word = strtok(flags, " "); word; word = strtok(NULL, " "))
        arguments[n++] = word;
    status = run((char *const *)(uintptr_t)arguments, log);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return; /* not installed */
    if (test->status != OJ_OK) {
        if (status == 0)
            fail_msg("%s links what is expected to fail", linker);
        return;
    }
    if (status != 0)
        fail_with_log(linker, log);
    uint8_t *file = read_file(output, &size);
    compare_output(test, linker, file, client);
    free(file);
}

/* --- the test ----------------------------------------------------------------------------------------------------- */

static oj_status define_tls(void *context, oj_tls_module *module, oj_error *error)
{
    const link_case *test = context;
    (void)error;
    module->token = test->tls_token;
    module->tp_offset = test->tls_offset;
    return OJ_OK;
}

/* heap and stats may be NULL. */
static oj_status link_it(const link_case *test, const uint8_t *bytes, size_t size, uint32_t flags, ojt_heap *heap,
                         ojt_client *client, oj_link_stats *stats, oj_code **code, oj_error *error)
{
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(test->definitions, test->n_definitions)};
    oj_link_options options;
    oj_tls tls;
    oj_object_options object_options;
    oj_object *object = NULL;
    oj_status status;
    oj_object_options_init(&object_options);
    object_options.name = "case.o";
    object_options.allocator = heap ? &heap->table : NULL;
    status = oj_object_create(&object, bytes, size, &object_options, error);
    assert_int_equal(status != OJ_OK, object == NULL);
    if (status != OJ_OK)
        return status;
    oj_link_options_init(&options);
    options.flags = flags;
    options.memory = &client->table;
    options.allocator = heap ? &heap->table : NULL;
    options.resolvers = resolvers;
    options.n_resolvers = OJI_COUNT(resolvers);
    oj_tls_init(&tls);
    tls.get_addr = 0x70001000;
    tls.descriptor = 0x70002000;
    tls.define = define_tls;
    tls.context = (void *)(uintptr_t)test;
    options.tls = test->has_tls ? &tls : NULL;
    options.stats = stats;
    options.stats_size = sizeof *stats;
    status = oj_link((const oj_object *const *)&object, 1, &options, code, error);
    oj_object_destroy(object);
    return status;
}

/* Link with allocation `fail_at` failing; says in *was_met whether there was one. */
static oj_status link_with_failure(const link_case *test, const uint8_t *bytes, size_t size, uint32_t flags,
                                   size_t fail_at, bool *was_met)
{
    ojt_client client;
    ojt_heap heap;
    oj_error error;
    oj_code *code = NULL;
    oj_status status;
    memset(&error, 'x', sizeof error);
    ojt_heap_init(&heap);
    heap.fail_at = fail_at;
    ojt_client_init_buffers(&client, test->addrs[1], test->addrs[2], test->addrs[3]);
    status = link_it(test, bytes, size, flags, &heap, &client, NULL, &code, &error);
    assert_int_equal(status == OJ_OK, code != NULL);
    *was_met = fail_at != 0 && heap.n_calls >= fail_at;
    if (*was_met && status != OJ_E_NOMEM)
        fail_msg("allocation %zu, flags %u: %s: %s", fail_at, flags, oj_status_name(status), error.text);
    if (status != OJ_OK)
        assert_true(error.status == status && error.text[0] != '\0' && strlen(error.text) < sizeof error.text);
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
    assert_int_equal(heap.n_live, 0);
    return status;
}

/* e_shnum, which is 0 where it does not fit. */
static bool has_few_sections(const uint8_t *bytes)
{
    unsigned n = oji_load16(bytes + (bytes[4] == ELFCLASS64 ? 60 : 48));
    return n > 0 && n < OJT_MAX_SEGMENTS;
}

/* Whatever a link comes to when nothing fails, it comes to that again behind the last allocation. */
static void fail_each_allocation(const link_case *test, const uint8_t *bytes, size_t size)
{
    static const uint32_t flags[] = {0, OJ_LINK_SECTIONS_SINGLY,
                                     OJ_LINK_DROP_UNREFERENCED | OJ_LINK_KEEP_LOCAL_SYMBOLS};
    size_t points = 0;
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        bool was_met = false;
        oj_status status, last;
        size_t n = 1;
        if ((flags[i] & OJ_LINK_SECTIONS_SINGLY) && !has_few_sections(bytes))
            continue;
        last = status = link_with_failure(test, bytes, size, flags[i], 0, &was_met);
        for (was_met = true; was_met; n++)
            last = link_with_failure(test, bytes, size, flags[i], n, &was_met);
        assert_int_equal(last, status);
        points += n - 2;
    }
    print_message("%zu failure points\n", points);
    /* What its headers alone are refused for needs no memory. */
    assert_true(points > 0 || test->is_refused);
}

/* --- the flush ---------------------------------------------------------------------------------------------------- */

typedef struct recorder {
    ojt_client client; /* first: the table's context is both */
    oj_code **code;    /* where the link leaves its result */
    uint8_t *flushed[OJT_MAX_SEGMENTS];
} recorder;

static oj_status record_flush(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    recorder *r = context;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memcpy(bytes, write, size);
    assert_null(*r->code);
    assert_true(r->client.n_flushes < OJT_MAX_SEGMENTS);
    r->flushed[r->client.n_flushes] = bytes;
    return ojt_client_flush(context, write, run_addr, size, error);
}

/* Segments that are placed singly need addresses of their own, in reach of each other. */
static void spread(oj_placement *placement)
{
    uint64_t at = 0x10000000;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        at = (at + segment->alignment - 1) & ~(segment->alignment - 1);
        segment->run_addr = at;
        at += segment->size;
    }
}

/* What is written is flushed before permissions are set and cores synchronised. */
static void check_order(const ojt_client *client)
{
    char expected[sizeof client->log] = "pbe";
    memset(expected + 3, 'f', client->n_flushes);
    memcpy(expected + 3 + client->n_flushes, "Ps", 3);
    assert_string_equal(client->log, expected);
}

static void check_flushes(const recorder *r, const oj_code *code)
{
    size_t n_code = 0;
    for (size_t i = 0; i < oj_code_segment_count(code); i++) {
        oj_segment segment;
        assert_int_equal(oj_code_segment(code, i, &segment, sizeof segment), OJ_OK);
        if (segment.kind != OJ_SEGMENT_CODE)
            continue;
        assert_true(n_code < r->client.n_flushes);
        assert_ptr_equal(r->client.flush_write[n_code], segment.write);
        assert_int_equal(r->client.flush_addr[n_code], segment.run_addr);
        assert_int_equal(r->client.flush_size[n_code], segment.size);
        assert_memory_equal(r->flushed[n_code++], segment.write, segment.size);
    }
    assert_int_equal(n_code, r->client.n_flushes);
    check_order(&r->client);
}

static void check_counts(const link_case *test, const oj_link_stats *stats)
{
    if (!test->has_counts || OJT_STRESS)
        return;
    assert_int_equal(stats->n_stubs, test->counts[0]);
    assert_int_equal(stats->n_veneers, test->counts[1]);
    assert_int_equal(stats->n_got_entries, test->counts[2]);
}

/* Sections that are placed singly may be out of reach for what they hold: there is nothing to see then. */
static void record(const link_case *test, const uint8_t *bytes, size_t size, uint32_t flags)
{
    recorder r = {0};
    oj_code *code = NULL;
    oj_link_stats stats;
    oj_error error;
    r.code = &code;
    ojt_client_init_full(&r.client);
    r.client.on_heap = true;
    for (uint32_t kind = OJ_SEGMENT_CODE; kind <= OJ_SEGMENT_DATA; kind++)
        r.client.run[kind] = test->addrs[kind];
    r.client.table.flush = record_flush;
    r.client.mangle = flags & OJ_LINK_SECTIONS_SINGLY ? spread : NULL;
    if (link_it(test, bytes, size, flags, NULL, &r.client, &stats, &code, &error) == OJ_OK) {
        check_flushes(&r, code);
        if (flags == 0)
            check_counts(test, &stats);
    } else {
        assert_int_not_equal(flags, 0);
    }
    oj_code_destroy(code);
    assert_int_equal(r.client.n_live, 0);
    for (size_t i = 0; i < r.client.n_flushes; i++)
        free(r.flushed[i]);
}

/* --- a case ------------------------------------------------------------------------------------------------------- */

static void run_case(const link_case *test, const char *folder)
{
    ojt_client client;
    oj_code *code = NULL;
    oj_error error = {0};
    size_t size;
    uint8_t *bytes = assemble(test, folder, &size);
    oj_status status;
    if (!bytes) {
        print_message("%s is not installed\n", test->assembler[0] ? test->assembler : tools_of(test)->assembler);
        remove_folder(folder);
        skip();
    }
    ojt_client_init_buffers(&client, test->addrs[1], test->addrs[2], test->addrs[3]);
    status = link_it(test, bytes, size, 0, NULL, &client, NULL, &code, &error);
    assert_true(!test->is_refused || status == test->status);
    if (test->status != OJ_OK) {
        check_error(test, status, &error);
        assert_null(code);
        assert_int_equal(client.n_live, 0);
    } else {
        if (status != OJ_OK)
            fail_msg("%s: %s", oj_status_name(status), error.text);
        check_chunks(test, &client);
        record(test, bytes, size, 0);
        if (has_few_sections(bytes))
            record(test, bytes, size, OJ_LINK_SECTIONS_SINGLY);
    }
    if (!test->is_refused && (test->status == OJ_OK || test->status == OJ_E_RANGE)) {
        /* A stress build's GOT and stubs are where no other linker has any. */
        if (test->use_ld && !OJT_STRESS)
            ask_oracle(test, tools_of(test)->ld, folder, &client);
        if (test->use_lld && !OJT_STRESS)
            ask_oracle(test, tools_of(test)->lld, folder, &client);
    }
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
    if (size < LARGE_OBJECT)
        fail_each_allocation(test, bytes, size);
    free(bytes);
}

static void test_case(void **state)
{
    static link_case test;
    char folder[PATH_MAX];
    const char *parent = getenv("TMPDIR");
    read_case(&test, *state);
    if (test.relaxes && OJT_STRESS)
        skip();
    snprintf(folder, sizeof folder, "%s/ownjit-link-XXXXXX", parent && parent[0] ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
    run_case(&test, folder);
    remove_folder(folder);
}

/* Several cases of one architecture; OJT_SEED=N repeats one of them. */
static void run_random(const random_list *list, bool is_rejected)
{
    static link_case test;
    const char *wanted = getenv("OJT_SEED"), *parent = getenv("TMPDIR");
    uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : (oji_now() << 8 | 1);
    for (int i = 0; i < (wanted ? 1 : RANDOM_CASES); i++, seed += 2) {
        char folder[PATH_MAX], name[64], path[PATH_MAX];
        FILE *file;
        snprintf(folder, sizeof folder, "%s/ownjit-link-XXXXXX", parent && parent[0] ? parent : "/tmp");
        assert_non_null(mkdtemp(folder));
        snprintf(name, sizeof name, "%srandom.s", list->prefix);
        in_folder(path, folder, name);
        file = fopen(path, "w");
        assert_non_null(file);
        if (!list->forms)
            random_write_relaxed(file, list, seed | 1);
        else if (is_rejected)
            random_write_rejected(file, list, seed | 1);
        else
            random_write(file, list, seed | 1);
        assert_int_equal(fclose(file), 0);
        print_message("OJT_SEED=%llu, kept in %s where it fails\n", (unsigned long long)(seed | 1), folder);
        read_case(&test, path);
        run_case(&test, folder);
        remove_folder(folder);
    }
}

static void test_random(void **state) { run_random(*state, false); }
static void test_random_rejected(void **state) { run_random(*state, true); }

/* --- the list ----------------------------------------------------------------------------------------------------- */

static int is_case(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 2 && strcmp(entry->d_name + length - 2, ".s") == 0;
}

static void find_folder(char *folder)
{
    const char *source = getenv("OJT_SOURCE");
    char *slash;
    if (source)
        snprintf(folder, PATH_MAX, "%s/tests/link", source);
    else if (!realpath(__FILE__, folder))
        snprintf(folder, PATH_MAX, "tests/link/");
    if (!source && (slash = strrchr(folder, '/')) != NULL)
        *slash = '\0';
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[MAX_CASES + 2 * OJI_COUNT(random_lists)];
    static char random_names[2 * OJI_COUNT(random_lists)][40];
    char folder[PATH_MAX], path[PATH_MAX];
    struct dirent **entries;
    size_t n_tests;
    int n, failed;
    find_folder(folder);
    n = scandir(folder, &entries, is_case, alphasort);
    if (n <= 0 || n > MAX_CASES) {
        fprintf(stderr, "%d cases in %s\n", n, folder);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        in_folder(path, folder, entries[i]->d_name);
        entries[i]->d_name[strlen(entries[i]->d_name) - 2] = '\0';
        tests[i] = (struct CMUnitTest){entries[i]->d_name, test_case, NULL, NULL, strdup(path)};
    }
    n_tests = (size_t)n;
    for (size_t i = 0; i < 2 * OJI_COUNT(random_lists); i++) {
        const random_list *list = &random_lists[i / 2];
        if (i % 2 && !random_is_rejecting(list))
            continue;
        snprintf(random_names[i], sizeof random_names[i], "%srandom%s", list->prefix, i % 2 ? "_rejected" : "");
        tests[n_tests++] = (struct CMUnitTest){random_names[i], i % 2 ? test_random_rejected : test_random, NULL, NULL,
                                               (void *)(uintptr_t)list};
    }
    failed = ojt_main(argc, argv, tests, n_tests);
    for (int i = 0; i < n; i++) {
        free(tests[i].initial_state);
        free(entries[i]);
    }
    free(entries);
    return failed;
}
