/* Levels of control, 3: a client's memory, with every member of the table.
 *
 * Our code memory is a memory file with two views: one to write, closed except while the library writes, and one to
 * run. The library computes, resolves and relocates; we place, open and close, flush, protect, synchronize, release.
 * Each of these may be left out alone: the library then does it (control_place.c leaves out all but place).
 *
 *   run view     | code | constants | variables |     one reservation, so that all is in reach of all
 *   write view   | code | constants |                 variables are private memory, written where they are
 *
 * Build:  cc control_table.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <linux/membarrier.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char ir[] = "@steps = constant [3 x i32] [i32 10, i32 20, i32 30]\n"
                         "@calls = global i32 0\n"
                         "define i32 @climb(i64 %i) {\n"
                         "  %n = load i32, i32* @calls\n"
                         "  %n1 = add i32 %n, 1\n"
                         "  store i32 %n1, i32* @calls\n"
                         "  %where = getelementptr [3 x i32], [3 x i32]* @steps, i64 0, i64 %i\n"
                         "  %step = load i32, i32* %where\n"
                         "  %sum = add i32 %step, %n1\n"
                         "  ret i32 %sum\n"
                         "}\n";

/* --- our memory --------------------------------------------------------------------------------------------------- */

#define ZONE_SIZE ((size_t)1 << 20)
enum { ZONES = OJ_SEGMENT_DATA, FILE_ZONES = OJ_SEGMENT_RODATA };

struct views {
    unsigned char *run;   /* ZONES zones: code, constants, variables */
    unsigned char *write; /* FILE_ZONES zones */
    size_t used[ZONES];   /* bytes of each zone */
    size_t page;
    int n_live;    /* placements */
    char log[128]; /* the calls, in order */
};

/* A failed callback says why: its text becomes the link's. */
static oj_status note(struct views *views, const char *call, bool is_done, oj_error *error)
{
    strncat(views->log, call, sizeof views->log - strlen(views->log) - 1);
    if (!is_done && error)
        snprintf(error->text, sizeof error->text, "%s failed", call);
    return is_done ? OJ_OK : OJ_E_SYSTEM;
}

static bool open_views(struct views *views)
{
    int file = memfd_create("example code", MFD_CLOEXEC);
    void *run = mmap(NULL, ZONES * ZONE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (file < 0 || run == MAP_FAILED || ftruncate(file, (off_t)(FILE_ZONES * ZONE_SIZE)) != 0)
        return false;
    /* The run view is not executable yet: protect() makes it so where there is code. */
    void *mapped = mmap(run, FILE_ZONES * ZONE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
    void *write = mmap(NULL, FILE_ZONES * ZONE_SIZE, PROT_NONE, MAP_SHARED, file, 0);
    close(file);
    views->run = run;
    views->write = write;
    views->page = (size_t)sysconf(_SC_PAGESIZE);
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    return mapped != MAP_FAILED && write != MAP_FAILED;
}

static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    struct views *views = context;
    size_t used[ZONES];
    memcpy(used, views->used, sizeof used);
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        size_t zone = segment->kind - 1, alignment = (size_t)segment->alignment;
        size_t start = (used[zone] + alignment - 1) & ~(alignment - 1);
        if (alignment > views->page || start > ZONE_SIZE || segment->size > ZONE_SIZE - start) {
            snprintf(error->text, sizeof error->text, "a zone of %zu bytes is full", ZONE_SIZE);
            return OJ_E_NOMEM;
        }
        segment->run_addr = (uint64_t)(uintptr_t)(views->run + zone * ZONE_SIZE + start);
        segment->write = (zone < FILE_ZONES ? views->write : views->run) + zone * ZONE_SIZE + start;
        used[zone] = start + (size_t)segment->size;
    }
    memcpy(views->used, used, sizeof used);
    views->n_live++;
    return note(views, "place ", true, error);
}

/* The write view is open while the library writes, and at no other time. */
static oj_status write_begin(void *context, const oj_placement *placement, oj_error *error)
{
    struct views *views = context;
    (void)placement;
    return note(views, "write_begin ", mprotect(views->write, FILE_ZONES * ZONE_SIZE, PROT_READ | PROT_WRITE) == 0,
                error);
}

static oj_status write_end(void *context, const oj_placement *placement, oj_error *error)
{
    struct views *views = context;
    (void)placement;
    return note(views, "write_end ", mprotect(views->write, FILE_ZONES * ZONE_SIZE, PROT_NONE) == 0, error);
}

/* Called once for each range of code, with both its addresses. */
static oj_status flush(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    char *run = (char *)(uintptr_t)run_addr;
    (void)write;
    __builtin___clear_cache(run, run + size);
    return note(context, "flush ", true, error);
}

/* Pages that hold code already stay executable all the while. */
static oj_status protect(void *context, const oj_placement *placement, oj_error *error)
{
    struct views *views = context;
    bool is_done = true;
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        if (segment->kind != OJ_SEGMENT_CODE)
            continue;
        uintptr_t start = (uintptr_t)segment->run_addr & ~(views->page - 1);
        uintptr_t end = (uintptr_t)(segment->run_addr + segment->size);
        is_done = is_done && mprotect((void *)start, end - start, PROT_READ | PROT_EXEC) == 0;
    }
    return note(views, "protect ", is_done, error);
}

/* Addresses are used again here, so other cores must drop what they fetched from them before. A kernel without the
 * call is one on which nothing more can be done. */
static oj_status synchronize(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    return note(context, "synchronize ", true, error);
}

/* A simple allocator: when the last placement is gone, all is free again. */
static void release(void *context, const oj_placement *placement)
{
    struct views *views = context;
    (void)placement;
    if (--views->n_live == 0)
        memset(views->used, 0, sizeof views->used);
    note(views, "release", true, NULL);
}

static void init_table(oj_memory *memory, struct views *views)
{
    oj_memory_init(memory);
    memory->context = views;
    memory->place = place;
    memory->write_begin = write_begin;
    memory->write_end = write_end;
    memory->flush = flush;
    memory->protect = protect;
    memory->synchronize = synchronize;
    memory->release = release;
}

/* --- its use ------------------------------------------------------------------------------------------------------ */

static bool compile_and_run(oj_compiler *compiler, const oj_memory *memory, struct views *views)
{
    oj_error error;
    oj_code *code;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    views->log[0] = '\0';
    if (oj_compile_bitcode(compiler, ir, sizeof ir - 1, &options, &code, &error) != OJ_OK) {
        fprintf(stderr, "control_table: %s\n", error.text);
        return false;
    }
    uint64_t addr = oj_code_lookup_addr(code, "climb");
    int (*climb)(int64_t) = (int (*)(int64_t))(uintptr_t)addr;
    bool is_inside = addr - (uint64_t)(uintptr_t)views->run < ZONE_SIZE;
    bool is_right = climb(1) == 21 && climb(2) == 32;
    oj_code_destroy(code);
    printf("   %s\n", views->log);
    return is_inside && is_right &&
           strcmp(views->log, "place write_begin write_end flush protect synchronize release") == 0;
}

/* The memory outlives the compiler, and the second round runs at the addresses of the first. */
static bool run(struct views *views)
{
    oj_error error;
    oj_compiler *compiler;
    oj_memory memory;
    init_table(&memory, views);
    if (oj_compiler_create(&compiler, NULL, &error) != OJ_OK) {
        fprintf(stderr, "control_table: %s\n", error.text);
        return false;
    }
    bool is_right = compile_and_run(compiler, &memory, views) && compile_and_run(compiler, &memory, views);
    oj_compiler_destroy(compiler);
    return is_right && views->n_live == 0;
}

int main(void)
{
    struct views views = {0};
    if (!open_views(&views)) {
        perror("control_table: no memory with two views");
        return EXIT_FAILURE;
    }
    bool is_right = run(&views);
    munmap(views.run, ZONES * ZONE_SIZE);
    munmap(views.write, FILE_ZONES * ZONE_SIZE);
    puts(is_right ? "   all as expected" : "   not as expected");
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
