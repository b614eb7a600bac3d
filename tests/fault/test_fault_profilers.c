/* Profilers' files that cannot be written: on a full disk, below a folder whose name is too long, with more functions
 * than one write has. What is in a file afterwards can be read from its start to its end. Each in a process of its own,
 * as these files are opened once. */
#include "fault/failing_calls.h"
#include "support/test.h"

#include "code/debug.h"

#include <signal.h>
#include <sys/resource.h>

enum { N = 2000, NAME = 24, PERF_HEADER = 40, RECORD_LOAD = 0 };

static char names[N * NAME];
static oji_debug_symbol symbols[N];
static oji_debug_range range;
static uint8_t code[64];

/* n functions that all lie at the same bytes. */
static oji_debug_info info_of(uint32_t n)
{
    range = (oji_debug_range){.addr = (uint64_t)(uintptr_t)code, .size = sizeof code, .kind = OJ_SEGMENT_CODE};
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names + i * NAME, NAME, "function_%u", i);
        symbols[i] = (oji_debug_symbol){
            .addr = range.addr, .size = sizeof code, .name_off = i * NAME, .is_function = 1, .is_global = 1};
    }
    return (oji_debug_info){.ranges = &range,
                            .n_ranges = 1,
                            .symbols = symbols,
                            .n_symbols = n,
                            .names = names,
                            .names_size = (uint64_t)n * NAME,
                            .machine = 62};
}

static oj_status tell_jitdump(uint32_t n, oj_error *error)
{
    oji_debug_info info = info_of(n);
    oj_allocator heap;
    oji_arena arena;
    oj_status status;
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    oji_arena_init(&arena, &heap, NULL, 0);
    status = oji_jitdump_add(&info, &arena, error);
    oji_arena_free(&arena);
    return status;
}

/* --- a full disk -------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/ownjit-profilers-XXXXXX";

static size_t read_dump(uint8_t *bytes, size_t capacity)
{
    char command[160];
    FILE *found;
    size_t size;
    snprintf(command, sizeof command, "cat %s/.debug/jit/*/jit-%d.dump", folder, (int)getpid());
    found = popen(command, "r");
    assert_non_null(found);
    size = fread(bytes, 1, capacity, found);
    assert_int_equal(pclose(found), 0);
    return size;
}

/* Functions in the file, whose records follow each other to its end. */
static uint32_t count_functions(void)
{
    static uint8_t bytes[1 << 16];
    size_t size = read_dump(bytes, sizeof bytes), at = PERF_HEADER;
    uint32_t n = 0;
    while (at < size) {
        uint32_t record_size;
        assert_true(size - at >= 16);
        record_size = oji_load32_host(bytes + at + 4);
        assert_true(record_size >= 16 && record_size <= size - at);
        n += oji_load32_host(bytes + at) == RECORD_LOAD;
        at += record_size;
    }
    return n;
}

static size_t read_file(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "r");
    size_t size;
    assert_non_null(file);
    size = fread(text, 1, capacity, file);
    fclose(file);
    return size;
}

static oj_status tell_map_of_one(void)
{
    oji_debug_info info = info_of(1);
    oj_error error;
    return oji_perf_map_add(&info, &error);
}

static void set_limit(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int count_folders(void)
{
    char command[160];
    FILE *found;
    int n = -1;
    snprintf(command, sizeof command, "ls %s/.debug/jit | wc -l", folder);
    found = popen(command, "r");
    assert_non_null(found);
    assert_int_equal(fscanf(found, "%d", &n), 1);
    assert_int_equal(pclose(found), 0);
    return n;
}

/* At each size that the file may have: what does not fit is taken back, the file and its folder where it has none. */
static void fill_disk(void)
{
    uint32_t n_told = 1, n_refused = 0;
    oj_error error;
    set_limit(10);
    assert_int_equal(tell_jitdump(1, &error), OJ_E_SYSTEM);
    set_limit(RLIM_INFINITY);
    assert_int_equal(count_folders(), 0);
    assert_int_equal(tell_jitdump(1, &error), OJ_OK);
    for (rlim_t size = 0; size < 800; size += 50) {
        oj_status status;
        set_limit(size);
        status = tell_jitdump(2, &error);
        set_limit(RLIM_INFINITY);
        if (status != OJ_OK) {
            assert_int_equal(status, OJ_E_SYSTEM);
            assert_int_equal(error.system_error, EFBIG);
            n_refused++;
        } else {
            n_told += 2;
        }
        assert_int_equal(count_functions(), n_told);
        assert_int_equal(tell_jitdump(1, &error), OJ_OK);
        assert_int_equal(count_functions(), ++n_told);
    }
    assert_true(n_refused > 4);
}

static void fault_profilers_full_disk(void **state)
{
    char command[80];
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("JITDUMPDIR", folder, 1);
    assert_int_equal(ojt_returns_in_child(fill_disk), 0);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* At each size, too: what was begun of a line is ended before the next one. A signal that waits is the client's. */
static void fill_map(void)
{
    const char *line;
    char path[64], text[1 << 14];
    int n_refused = 0, n_told = 0;
    oj_error error;
    sigset_t set;
    int signal = 0;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    for (rlim_t size = 0; size < 200; size += 7) {
        oji_debug_info info = info_of(2);
        oj_status status;
        set_limit(size);
        status = oji_perf_map_add(&info, &error);
        set_limit(RLIM_INFINITY);
        assert_true(status == OJ_OK || (status == OJ_E_SYSTEM && error.system_error == EFBIG));
        n_refused += status != OJ_OK;
        info = info_of(1);
        assert_int_equal(oji_perf_map_add(&info, &error), OJ_OK);
        n_told++;
    }
    assert_true(n_refused > 4);
    text[read_file(path, text, sizeof text - 1)] = '\0';
    unlink(path);
    for (line = text; (line = strstr(line, "function_0\n")); line++) {
        const char *start = line;
        unsigned long long addr, told_size;
        while (start > text && start[-1] != '\n')
            start--;
        assert_int_equal(sscanf(start, "%llx %llx function_0\n", &addr, &told_size), 2);
        assert_int_equal(addr, (uintptr_t)code);
        assert_int_equal(told_size, sizeof code);
        n_told--;
    }
    assert_true(n_told <= 0); /* one for each, and what was there of those refused */
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    raise(SIGXFSZ);
    set_limit(0);
    assert_int_equal(tell_map_of_one(), OJ_E_SYSTEM);
    set_limit(RLIM_INFINITY);
    assert_int_equal(sigwait(&set, &signal), 0);
    assert_int_equal(signal, SIGXFSZ);
    unlink(path);
}

static void fault_profilers_full_map(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(fill_map), 0);
}

/* --- more than an object can mean -------------------------------------------------------------------------------- */

enum { LARGE = 1 << 16, PATH = 4000, ROWS = 1000 };
static uint8_t large[LARGE];

/* Version 2, with special opcodes alone: each row is one line and one address further. */
static size_t write_lines(uint8_t *unit, uint64_t addr)
{
    const uint8_t head[] = {1, 1, 1, 1, 1, 0}; /* minimum, statements, line base and range, opcodes, no folder */
    uint8_t *p = unit + 10;
    memcpy(p, head, sizeof head);
    memset(p + sizeof head, 'x', PATH);
    memset(p + sizeof head + PATH, 0, 5); /* ends the name, folder, time, size, ends the files */
    p += sizeof head + PATH + 5;
    oji_store16_host(unit + 4, 2);
    oji_store32_host(unit + 6, (uint32_t)(p - unit - 10));
    *p++ = 0;
    *p++ = 1 + sizeof(uint64_t);
    *p++ = 2; /* DW_LNE_set_address */
    oji_store64_host(p, addr);
    p += 8;
    memset(p, 2, ROWS);
    p += ROWS;
    oji_store32_host(unit, (uint32_t)(p - unit - 4));
    return (size_t)(p - unit);
}

static char bounded_folder[] = "/tmp/ownjit-bounded-XXXXXX";

static unsigned long long size_of_dump(void)
{
    char command[160];
    unsigned long long size = 0;
    FILE *found;
    snprintf(command, sizeof command, "stat -c %%s %s/.debug/jit/*/jit-%d.dump", bounded_folder, (int)getpid());
    found = popen(command, "r");
    assert_non_null(found);
    assert_int_equal(fscanf(found, "%llu", &size), 1);
    assert_int_equal(pclose(found), 0);
    return size;
}

static oj_status tell_large(uint32_t n, oji_debug_data lines, oj_error *error)
{
    oji_debug_info info = info_of(n);
    oj_allocator heap;
    oji_arena arena;
    oj_status status;
    range = (oji_debug_range){.addr = (uint64_t)(uintptr_t)large, .size = sizeof large, .kind = OJ_SEGMENT_CODE};
    for (uint32_t i = 0; i < n; i++) {
        symbols[i].addr = range.addr;
        symbols[i].size = range.size;
    }
    info.sections[OJI_DEBUG_LINE] = lines;
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    oji_arena_init(&arena, &heap, NULL, 0);
    status = oji_jitdump_add(&info, &arena, error);
    oji_arena_free(&arena);
    return status;
}

/* Functions that all lie at the same 64 KiB, 131 MB in all, and with lines of a long name, 400 MB in all. */
static void tell_of_all_everywhere(void)
{
    static uint8_t unit[PATH + ROWS + 100];
    const oji_debug_data lines = {unit, write_lines(unit, (uint64_t)(uintptr_t)large)};
    oj_error error;
    unsigned long long one, all;
    assert_int_equal(tell_large(1, lines, &error), OJ_OK);
    one = size_of_dump();
    assert_true(one > (unsigned long long)LARGE + ROWS * PATH);
    assert_int_equal(tell_large(N, (oji_debug_data){NULL, 0}, &error), OJ_OK);
    all = size_of_dump();
    assert_true(all - one > 100 * LARGE && all - one < 32 * 1024 * 1024);
    assert_int_equal(tell_large(100, lines, &error), OJ_OK);
    assert_true(size_of_dump() - all < 48 * 1024 * 1024);
}

static void fault_profilers_dump_is_bounded(void **state)
{
    char command[80];
    (void)state;
    assert_non_null(mkdtemp(bounded_folder));
    setenv("JITDUMPDIR", bounded_folder, 1);
    assert_int_equal(ojt_returns_in_child(tell_of_all_everywhere), 0);
    snprintf(command, sizeof command, "rm -r %s", bounded_folder);
    assert_int_equal(system(command), 0);
}

/* --- names and writes --------------------------------------------------------------------------------------------- */

static void name_a_long_folder(void)
{
    static char path[8192];
    oj_error error;
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    setenv("JITDUMPDIR", path, 1);
    assert_int_equal(tell_jitdump(1, &error), OJ_E_LIMIT);
    assert_non_null(strstr(error.text, "8191 bytes"));
}

static void fault_profilers_long_folder(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(name_a_long_folder), 0);
}

/* What a symbol claims beyond its segment belongs to others. */
static void claim_too_much(void)
{
    oji_debug_info info = info_of(3);
    char path[64], text[256];
    oj_error error;
    symbols[0].size = sizeof code + 1;
    symbols[1].addr -= 1;
    assert_int_equal(oji_perf_map_add(&info, &error), OJ_OK);
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    text[read_file(path, text, sizeof text - 1)] = '\0';
    unlink(path);
    assert_non_null(strstr(text, " function_2\n"));
    assert_null(strchr(strchr(text, '\n') + 1, '\n'));
}

static void fault_profilers_claims_beyond_segments_left_out(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(claim_too_much), 0);
}

/* What an earlier process of this number has left. */
static void leave_old_map(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("1000 10 old\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_long_map(void)
{
    oji_debug_info info = info_of(N);
    char path[64];
    long n = 0;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    leave_old_map(path);
    /* A call may fail without a status: one that asks how old that map is. */
    for (bool was_met = true; was_met; n++) {
        oj_error error;
        oj_status status;
        ojt_fail(n, ENOSPC);
        status = oji_perf_map_add(&info, &error);
        was_met = ojt_fail_end();
        assert_true(status == OJ_OK || (was_met && status == OJ_E_SYSTEM && error.system_error == ENOSPC));
    }
    unlink(path);
    print_message("a map of %d functions: %ld failure points\n", N, n - 1);
    assert_true(n > 3);
}

static void fault_profilers_long_map(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(write_long_map), 0);
}

OJT_MAIN(cmocka_unit_test(fault_profilers_full_disk), cmocka_unit_test(fault_profilers_full_map),
         cmocka_unit_test(fault_profilers_dump_is_bounded), cmocka_unit_test(fault_profilers_long_folder),
         cmocka_unit_test(fault_profilers_long_map), cmocka_unit_test(fault_profilers_claims_beyond_segments_left_out))
