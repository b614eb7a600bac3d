/* Links that tell debuggers and profilers: what is written where, what is undone, several threads, forks, hostile
 * files, and memory that ends. */
#include "link/linktest.h"
#include "support/process.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL_TOOLS (OJ_LINK_DEBUGGER | OJ_LINK_PERF_MAP | OJ_LINK_JITDUMP)

static char folder[64] = "/tmp/ownjit-debug-XXXXXX";
static char map_path[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/ownjit-debug-XXXXXX");
    snprintf(map_path, sizeof map_path, "/tmp/perf-%ld.map", (long)getpid());
    unlink(map_path);
    return mkdtemp(folder) && setenv("JITDUMPDIR", folder, 1) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    unlink(map_path);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static oj_status try_link(uint32_t flags, oj_code **code, oj_error *error)
{
    oj_object *object = ojt_object_returning("one.o", "told\nname", 42);
    oj_link_options options;
    oj_status status;
    oj_link_options_init(&options);
    options.flags = flags;
    status = oj_link((const oj_object *const *)&object, 1, &options, code, error);
    oj_object_destroy(object);
    return status;
}

static char *read_all(const char *path, size_t *size)
{
    static char buffer[1 << 16];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *size = fread(buffer, 1, sizeof buffer - 1, file);
    buffer[*size] = '\0';
    fclose(file);
    return buffer;
}

/* The one dump of the test's folder. */
static char dump_path[512];
static int n_dumps;

static int find_dump(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)type;
    (void)walk;
    if (S_ISREG(status->st_mode)) {
        snprintf(dump_path, sizeof dump_path, "%s", path);
        n_dumps++;
    }
    return 0;
}

static void find_dumps(void)
{
    n_dumps = 0;
    assert_int_equal(nftw(folder, find_dump, 16, FTW_PHYS), 0);
}

static void debug_map_has_a_line_for_each_function(void **state)
{
    oj_code *code, *second;
    oj_error error;
    char line[64];
    struct stat found;
    size_t size;
    char *text;
    (void)state;
    assert_int_equal(try_link(OJ_LINK_PERF_MAP, &code, &error), OJ_OK);
    assert_int_equal(oj_code_record_count(code), 0);
    assert_int_equal(try_link(OJ_LINK_PERF_MAP, &second, &error), OJ_OK);
    text = read_all(map_path, &size);
    snprintf(line, sizeof line, "%llx 6 told?name\n", (unsigned long long)oj_code_lookup_addr(code, "told\nname"));
    assert_int_equal(strncmp(text, line, strlen(line)), 0);
    snprintf(line, sizeof line, "%llx 6 told?name\n", (unsigned long long)oj_code_lookup_addr(second, "told\nname"));
    assert_string_equal(text + strlen(line), line);
    assert_int_equal(stat(map_path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    oj_code_destroy(code);
    oj_code_destroy(second);
}

/* What others left there under the file's name is neither followed nor written to. */
static void debug_map_of_others_rejected(void **state)
{
    char victim[128];
    struct stat found;
    oj_code *code;
    oj_error error;
    (void)state;
    snprintf(victim, sizeof victim, "%s/victim", folder);
    close(open(victim, O_WRONLY | O_CREAT, 0600));
    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(hard ? link(victim, map_path) : symlink(victim, map_path), 0);
        assert_int_equal(try_link(OJ_LINK_PERF_MAP | OJ_LINK_DEBUGGER, &code, &error), OJ_E_SYSTEM);
        assert_null(code);
        assert_non_null(strstr(error.text, map_path));
        assert_int_equal(stat(victim, &found), 0);
        assert_int_equal(found.st_size, 0);
        unlink(map_path);
    }
    assert_int_equal(mkfifo(map_path, 0600), 0);
    assert_int_equal(try_link(OJ_LINK_PERF_MAP, &code, &error), OJ_E_SYSTEM);
}

/* Numbers of processes are used again. */
static void debug_map_of_an_earlier_process_is_replaced(void **state)
{
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    oj_code *code;
    oj_error error;
    size_t size;
    int fd = open(map_path, O_WRONLY | O_CREAT, 0600);
    (void)state;
    assert_int_equal(write(fd, "1 1 stale\n", 10), 10);
    assert_int_equal(futimens(fd, old), 0);
    close(fd);
    assert_int_equal(try_link(OJ_LINK_PERF_MAP, &code, &error), OJ_OK);
    assert_null(strstr(read_all(map_path, &size), "stale"));
    oj_code_destroy(code);
}

static void debug_map_of_this_process_is_added_to(void **state)
{
    oj_code *code;
    oj_error error;
    size_t size;
    int fd = open(map_path, O_WRONLY | O_CREAT, 0600);
    (void)state;
    assert_int_equal(write(fd, "1 1 other\n", 10), 10);
    close(fd);
    assert_int_equal(try_link(OJ_LINK_PERF_MAP, &code, &error), OJ_OK);
    assert_int_equal(strncmp(read_all(map_path, &size), "1 1 other\n", 10), 0);
    assert_non_null(strstr(read_all(map_path, &size), "told?name"));
    oj_code_destroy(code);
}

/* Header and one record of kind 0, with the function's bytes at its end (jitdump-specification.txt). */
static void debug_dump_has_the_code(void **state)
{
    oj_code *code;
    oj_error error;
    size_t size;
    const uint8_t *p;
    (void)state;
    assert_int_equal(try_link(OJ_LINK_JITDUMP, &code, &error), OJ_OK);
    find_dumps();
    assert_int_equal(n_dumps, 1);
    p = (const uint8_t *)read_all(dump_path, &size);
    assert_int_equal(oji_load32(p), 0x4a695444);
    assert_int_equal(oji_load32(p + 8), 40);
    assert_int_equal(oji_load32(p + 12), OJT_MACHINE);
    assert_int_equal(oji_load32(p + 20), getpid());
    p += 40;
    assert_int_equal(oji_load32(p), 0);
    assert_int_equal(40 + oji_load32(p + 4), size);
    assert_int_equal(oji_load64(p + 24), oj_code_lookup_addr(code, "told\nname"));
    assert_int_equal(oji_load64(p + 40), 6);
    assert_string_equal((const char *)p + 56, "told\nname");
    assert_memory_equal(p + 56 + 10, oj_code_lookup(code, "told\nname"), 6);
    oj_code_destroy(code);
}

static void debug_dump_without_a_folder_rejected(void **state)
{
    oj_code *code;
    oj_error error;
    (void)state;
    setenv("JITDUMPDIR", "/proc/nowhere", 1);
    assert_int_equal(try_link(ALL_TOOLS, &code, &error), OJ_E_SYSTEM);
    assert_null(code);
    assert_non_null(strstr(error.text, "/proc/nowhere"));
}

/* A code that is not in this process is told to nobody, and its bytes are not looked for here. */
static void debug_unreadable_code_is_zeros(void **state)
{
    oj_object *object = ojt_object_returning("one.o", "f", 42);
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    size_t size;
    (void)state;
    ojt_client_init_buffers(&client, 0x10000000, 0x10010000, 0x10020000);
    client.table.flags |= OJ_CACHE_BY_CLIENT | OJ_PERMISSIONS_BY_CLIENT;
    oj_link_options_init(&options);
    options.memory = &client.table;
    options.flags = ALL_TOOLS | OJ_LINK_NO_UNWIND;
    code = ojt_link(&object, 1, &options);
    find_dumps();
    assert_memory_equal(read_all(dump_path, &size) + size - 6, "\0\0\0\0\0\0", 6);
    oj_code_destroy(code);
    oj_object_destroy(object);
}

static void debug_record_is_taken_over_and_undone(void **state)
{
    oj_code *code;
    oj_error error;
    oj_taken taken;
    oj_segment segments[4];
    oj_record records[4];
    (void)state;
    assert_int_equal(try_link(OJ_LINK_DEBUGGER | OJ_LINK_NO_UNWIND, &code, &error), OJ_OK);
    assert_int_equal(oj_code_record_count(code), 1);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 4;
    taken.records = records;
    taken.n_records = 4;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_OK);
    assert_int_equal(taken.n_records, 1);
    assert_int_equal(records[0].kind, OJ_RECORD_DEBUGGER);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
}

/* A link by hand may be for another process, or for later. */
static void debug_link_by_hand_tells_nobody(void **state)
{
    oj_object *object = ojt_object_returning("one.o", "f", 42);
    static _Alignas(4096) uint8_t memory[4096];
    oj_link_options options;
    oj_segment segment;
    oj_plan *plan;
    oj_code *code;
    oj_error error;
    (void)state;
    oj_link_options_init(&options);
    options.flags = ALL_TOOLS | OJ_LINK_NO_UNWIND;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(plan), 1);
    assert_int_equal(oj_plan_segment(plan, 0, &segment, sizeof segment), OJ_OK);
    segment.write = memory;
    segment.run_addr = 0x7000000;
    assert_int_equal(oj_plan_write(plan, &segment, 1, &code, &error), OJ_OK);
    assert_int_equal(oj_code_record_count(code), 0);
    assert_int_equal(access(map_path, F_OK), -1);
    find_dumps();
    assert_int_equal(n_dumps, 0);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static void *link_repeatedly(void *context)
{
    (void)context;
    for (int i = 0; i < 60; i++) {
        oj_code *code;
        oj_error error;
        if (try_link(ALL_TOOLS, &code, &error) != OJ_OK)
            return error.text[0] ? (void *)1 : (void *)2;
        oj_code_destroy(code);
    }
    return NULL;
}

static void debug_several_threads_write_whole_lines(void **state)
{
    pthread_t threads[4];
    size_t size;
    char *text;
    int n_lines = 0;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, link_repeatedly, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    text = read_all(map_path, &size);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n_lines++)
        assert_non_null(strstr(line, " 6 told?name"));
    assert_int_equal(n_lines, 240);
}

static void debug_child_of_fork_has_its_own_files(void **state)
{
    oj_code *code, *own;
    oj_error error;
    pid_t child;
    int status;
    size_t before, after;
    (void)state;
    assert_int_equal(try_link(ALL_TOOLS, &code, &error), OJ_OK);
    read_all(map_path, &before);
    child = fork();
    if (child == 0) {
        char path[64];
        int result = try_link(ALL_TOOLS, &own, &error);
        snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
        result |= access(path, F_OK);
        unlink(path);
        _exit(result);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    read_all(map_path, &after);
    assert_int_equal(before, after);
    find_dumps();
    assert_int_equal(n_dumps, 2);
    oj_code_destroy(code);
}

static void debug_each_allocation_may_fail(void **state)
{
    oj_object *object = ojt_object_returning("one.o", "f", 42);
    oj_status status = OJ_E_NOMEM;
    (void)state;
    for (size_t n = 1; status != OJ_OK; n++) {
        ojt_heap heap;
        oj_link_options options;
        oj_code *code;
        oj_error error;
        ojt_heap_init(&heap);
        heap.fail_at = n;
        heap.fail_from = true;
        oj_link_options_init(&options);
        options.allocator = &heap.table;
        options.flags = ALL_TOOLS;
        status = oj_link((const oj_object *const *)&object, 1, &options, &code, &error);
        if (status != OJ_OK) {
            assert_int_equal(status, OJ_E_NOMEM);
            assert_true(error.text[0] != '\0');
        }
        oj_code_destroy(code);
        assert_int_equal(heap.n_live, 0);
        assert_true(n < 1000);
    }
    oj_object_destroy(object);
}

/* What is kept for a code is its allocator's, and no one else's: codes that share a symbol file come and go, and each
 * allocator has its own back as soon as its codes are gone. */
static void debug_symbol_files_are_of_the_links_allocator(void **state)
{
    enum { N = 20 };
    oj_object *object = ojt_object_returning("one.o", "f", 42);
    ojt_heap heaps[2];
    oj_code *codes[N];
    oj_debugger_stats stats, none;
    oj_error error;
    (void)state;
    ojt_heap_init(&heaps[0]);
    ojt_heap_init(&heaps[1]);
    assert_int_equal(oj_debugger_get_stats(&none, sizeof none), OJ_OK);
    for (int i = 0; i < N; i++) {
        oj_link_options options;
        oj_link_options_init(&options);
        options.allocator = &heaps[i % 2].table;
        options.flags = OJ_LINK_DEBUGGER | OJ_LINK_NO_UNWIND;
        assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &codes[i], &error), OJ_OK);
        assert_int_equal(heaps[i % 2].n_live, (i / 2 + 1) * 2); /* the handle, and what is kept */
    }
    assert_int_equal(oj_debugger_get_stats(&stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_codes - none.n_codes, N);
    assert_in_range(stats.n_files - none.n_files, 1, N - 1);
    assert_true(stats.own_size - none.own_size >= N * strlen("f") && stats.shared_size > none.shared_size);
    for (int i = 0; i < N; i++)
        oj_code_destroy(codes[i / (N / 2) + i % (N / 2) * 2]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(heaps[i].n_live, 0);
    assert_int_equal(oj_debugger_get_stats(&stats, sizeof stats), OJ_OK);
    assert_memory_equal(&stats, &none, sizeof stats);
    assert_int_equal(oj_debugger_get_stats(NULL, 0), OJ_E_MISUSE);
    oj_object_destroy(object);
}

/* A file of its own is the allocator's too; taken-over code keeps both until it is given back. */
static void debug_record_of_taken_code_is_the_allocators(void **state)
{
    oj_object *object = ojt_object_returning("one.o", "f", 42);
    oj_link_options options;
    ojt_heap heap;
    oj_segment segments[4];
    oj_record records[1];
    oj_taken taken;
    oj_code *code;
    oj_error error;
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    options.flags = OJ_LINK_DEBUGGER | OJ_LINK_NO_UNWIND;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_OK);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 4;
    taken.records = records;
    taken.n_records = 1;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_OK);
    assert_int_equal(heap.n_live, 1);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_int_equal(heap.n_live, 0);
    oj_object_destroy(object);
}

/* --- the client's allocator --------------------------------------------------------------------------------------- */

/* While it is called another thread makes a link that is told to profilers as well. */
typedef struct watched {
    oj_allocator table;
    pthread_t thread;
    bool is_stuck;
    uint32_t n_calls;
} watched;

static void *link_for_profilers(void *context)
{
    oj_code *code;
    oj_error error;
    (void)context;
    if (try_link(OJ_LINK_JITDUMP, &code, &error) != OJ_OK)
        return &n_dumps;
    oj_code_destroy(code);
    return NULL;
}

static void *allocate_while_another_links(void *context, size_t size)
{
    watched *heap = context;
    struct timespec deadline;
    void *result = NULL;
    heap->n_calls++;
    if (heap->is_stuck)
        return malloc(size);
    assert_int_equal(pthread_create(&heap->thread, NULL, link_for_profilers, NULL), 0);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    heap->is_stuck = pthread_timedjoin_np(heap->thread, &result, &deadline) != 0;
    assert_null(result);
    return malloc(size);
}

static void release_to_malloc(void *context, void *pointer, size_t size)
{
    (void)context;
    (void)size;
    free(pointer);
}

/* A function with an unwind table: a CIE, and an FDE whose function is at 0x20. */
static oj_object *make_unwound(const char *function)
{
    static const uint8_t frames[] = {0x14, 0,    0, 0, 0,    0, 0, 0, 1,    0x7a, 0x52, 0, 1,    0x78, 0x10, 1,
                                     0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, 0x14, 0,    0,    0, 0x1c, 0,    0,    0,
                                     0,    0,    0, 0, 6,    0, 0, 0, 0,    0,    0,    0, 0,    0,    0,    0};
    static uint8_t bytes[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t text, table;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(bytes, 6), sizeof bytes);
    table = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, frames, sizeof frames);
    ojt_elf_add_reloc(&elf, table, 0x20, OJT_R_WORD_DISTANCE, ojt_elf_add_global(&elf, function, text, 0, sizeof bytes),
                      0);
    return ojt_object(&elf, "unwound.o");
}

/* Functions far from each other have a table each in what profilers read: these are more than the arena holds. */
static void debug_allocator_is_called_without_locks(void **state)
{
    enum { N = 300 };
    static char names[N][8];
    static oj_object *objects[N];
    oj_link_options options;
    watched heap = {.n_calls = 0};
    oj_code *code;
    (void)state;
    ojt_only_on(EM_X86_64, "its unwind table is of x86-64");
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        objects[i] = make_unwound(names[i]);
    }
    oj_allocator_init(&heap.table);
    heap.table.context = &heap;
    heap.table.allocate = allocate_while_another_links;
    heap.table.release = release_to_malloc;
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    options.flags = OJ_LINK_JITDUMP | OJ_LINK_SECTIONS_SINGLY;
    code = ojt_link(objects, N, &options);
    if (heap.is_stuck)
        pthread_join(heap.thread, NULL);
    assert_false(heap.is_stuck);
    assert_true(heap.n_calls > 3);
    oj_code_destroy(code);
    for (int i = 0; i < N; i++)
        oj_object_destroy(objects[i]);
}

/* --- descriptors that are the client's by now --------------------------------------------------------------------- */

enum { N_PLACES = 16 };

/* Of this process. */
static void unlink_map(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
    unlink(path);
}

static uint32_t flags_of_test;

/* As a daemon does: all descriptors are closed, and its own come in every place that one of ours may have had. */
static int link_where_all_is_closed(void)
{
    char path[128];
    struct stat log, now;
    oj_code *code;
    int fd;
    closefrom(3);
    snprintf(path, sizeof path, "%s/log", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    for (int other = 3; other < N_PLACES; other++)
        if (other != fd && dup2(fd, other) < 0)
            return 1;
    if (fstat(fd, &log) != 0 || try_link(flags_of_test, &code, NULL) != OJ_OK)
        return 2;
    unlink_map();
    for (int other = 3; other < N_PLACES; other++)
        if (fstat(other, &now) != 0 || now.st_ino != log.st_ino || now.st_size != 0)
            return 3;
    return 0;
}

static int link_twice(void)
{
    oj_code *code;
    return try_link(flags_of_test, &code, NULL) == OJ_OK ? link_where_all_is_closed() : 4;
}

/* Nothing has come in the places. */
static int link_after_all_was_closed(void)
{
    oj_code *codes[2];
    int result = try_link(flags_of_test, &codes[0], NULL) == OJ_OK ? 0 : 4;
    closefrom(3);
    if (result == 0 && try_link(flags_of_test, &codes[1], NULL) != OJ_OK)
        result = 6;
    unlink_map();
    return result;
}

/* The file that its parent has open is nothing to a child. */
static int link_and_in_a_child(void)
{
    oj_code *code;
    pid_t pid;
    if (try_link(flags_of_test, &code, NULL) != OJ_OK)
        return 4;
    unlink_map();
    pid = fork();
    if (pid == 0)
        _exit(link_where_all_is_closed());
    return pid < 0 ? 5 : ojt_wait(pid);
}

static int in_child(int (*function)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(function());
    return ojt_wait(pid);
}

static void debug_descriptors_of_the_client_are_left_alone(void **state)
{
    static const uint32_t flags[] = {OJ_LINK_PERF_MAP, OJ_LINK_JITDUMP};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        flags_of_test = flags[i];
        assert_int_equal(in_child(link_twice), 0);
        assert_int_equal(in_child(link_after_all_was_closed), 0);
        assert_int_equal(in_child(link_and_in_a_child), 0);
    }
}

static atomic_bool asking_ends;

static void *ask(void *context)
{
    oj_debugger_stats stats;
    while (!atomic_load(&asking_ends))
        oj_debugger_get_stats(&stats, sizeof stats);
    return context;
}

/* Also before anything was linked. */
static void debug_stats_are_told_in_a_child(void **state)
{
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, ask, NULL), 0);
    for (int i = 0; i < 200; i++) {
        oj_debugger_stats stats;
        int status;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            alarm(20);
            _exit(oj_debugger_get_stats(&stats, sizeof stats) != OJ_OK);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    atomic_store(&asking_ends, true);
    pthread_join(thread, NULL);
}

/* --- handlers of fork() that are there twice ---------------------------------------------------------------------- */

/* Handlers are registered, and then their maker is slow: the n-th time on this thread. */
static _Thread_local int slow_at;
static atomic_bool is_inside;

/* ThreadSanitizer registers its own before it can run anything. */
#ifndef OJT_WATCHES_THREADS
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso_handle);
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    int failed = __register_atfork(prepare, parent, child, NULL);
    if (slow_at > 0 && --slow_at == 0) {
        atomic_store(&is_inside, true);
        usleep(200 * 1000);
    }
    return failed;
}
#endif

static int which_is_slow;

static void *link_slowly(void *context)
{
    oj_code *code;
    slow_at = which_is_slow;
    try_link(ALL_TOOLS, &code, NULL);
    atomic_store(&is_inside, true);
    return context;
}

static int link_and_fork(void)
{
    oj_code *code;
    pid_t pid;
    alarm(30);
    if (try_link(ALL_TOOLS, &code, NULL) != OJ_OK)
        return 1;
    unlink_map();
    pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? 2 : ojt_wait(pid);
}

/* The C library begins again in a child what was under way there. */
static int fork_while_handlers_are_made(void)
{
    pthread_t thread;
    pid_t pid;
    atomic_store(&is_inside, false);
    if (pthread_create(&thread, NULL, link_slowly, NULL) != 0)
        return 3;
    while (!atomic_load(&is_inside))
        usleep(1000);
    pid = fork();
    if (pid == 0)
        _exit(link_and_fork());
    pthread_join(thread, NULL);
    unlink_map();
    return pid < 0 ? 4 : ojt_wait(pid);
}

static void debug_child_of_fork_in_a_first_link_may_fork(void **state)
{
    (void)state;
#ifdef OJT_WATCHES_THREADS
    skip();
#endif
    for (which_is_slow = 1; which_is_slow <= 6; which_is_slow++)
        assert_int_equal(in_child(fork_while_handlers_are_made), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
OJT_MAIN(TEST(debug_map_has_a_line_for_each_function), TEST(debug_map_of_others_rejected),
         TEST(debug_map_of_an_earlier_process_is_replaced), TEST(debug_map_of_this_process_is_added_to),
         TEST(debug_dump_has_the_code), TEST(debug_dump_without_a_folder_rejected),
         TEST(debug_unreadable_code_is_zeros), TEST(debug_record_is_taken_over_and_undone),
         TEST(debug_link_by_hand_tells_nobody), TEST(debug_several_threads_write_whole_lines),
         TEST(debug_child_of_fork_has_its_own_files), TEST(debug_each_allocation_may_fail),
         TEST(debug_symbol_files_are_of_the_links_allocator), TEST(debug_record_of_taken_code_is_the_allocators),
         TEST(debug_allocator_is_called_without_locks), TEST(debug_descriptors_of_the_client_are_left_alone),
         TEST(debug_stats_are_told_in_a_child), TEST(debug_child_of_fork_in_a_first_link_may_fork))
