/* The seven steps: from IR to machine code that is ours alone.
 *
 *   1. we decide to compile something        5. we get a pointer to a function
 *   2. we make LLVM IR                       6. the compiler and all of the IR are destroyed
 *   3. we create a compiler and name our     7. the code runs, and belongs to us alone
 *      own memory
 *   4. LLVM's phases run
 *
 * The code goes where we say: into a region of our own, through a table with two functions. At the end we take it
 * over: the library then holds not one byte for it. Ends with status 0 only if everything was as it should be.
 *
 * Build:  cc seven_steps.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bitcode from LLVM's own writer would do as well: oj_compile_bitcode() takes both. */
static const char ir[] = "@calls = global i32 0\n"
                         "define i32 @add(i32 %a, i32 %b) {\n"
                         "  %n = load i32, i32* @calls\n"
                         "  %n1 = add i32 %n, 1\n"
                         "  store i32 %n1, i32* @calls\n"
                         "  %sum = add i32 %a, %b\n"
                         "  ret i32 %sum\n"
                         "}\n";

/* --- our memory: one mapping, handed out from its start ----------------------------------------------------------- */

#define REGION_SIZE ((size_t)1 << 20)

struct region {
    unsigned char *start;
    size_t used;
    size_t page;
    int n_placed;
    int n_released;
};

/* Answer where each segment is written and where it runs: the same place here. Each begins on a page of its own, so
 * that it can have permissions of its own, which the library sets: we leave that, and the flushing, to it. */
static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    struct region *region = context;
    size_t used = region->used;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        if (segment->alignment > region->page || segment->size > REGION_SIZE - used) {
            snprintf(error->text, sizeof error->text, "the region of %zu bytes is full", REGION_SIZE);
            return OJ_E_NOMEM;
        }
        segment->write = region->start + used;
        segment->run_addr = (uint64_t)(uintptr_t)segment->write;
        printf("   place: %llu bytes of %s at %p\n", (unsigned long long)segment->size,
               segment->kind == OJ_SEGMENT_CODE     ? "code"
               : segment->kind == OJ_SEGMENT_RODATA ? "read-only data"
                                                    : "data",
               segment->write);
        used += ((size_t)segment->size + region->page - 1) & ~(region->page - 1);
    }
    region->used = used;
    region->n_placed++;
    return OJ_OK;
}

/* The memory is ours: a real allocator would make it available again. */
static void release(void *context, const oj_placement *placement)
{
    struct region *region = context;
    printf("   release: %zu segments come back\n", placement->n_segments);
    region->n_released++;
}

/* --- the steps ---------------------------------------------------------------------------------------------------- */

static bool is_inside(const struct region *region, const void *address)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)region->start;
    return offset < REGION_SIZE;
}

static bool fail(const char *what, const oj_error *error)
{
    fprintf(stderr, "seven_steps: %s: %s\n", what, error ? error->text : "not as expected");
    return false;
}

/* Steps 3 to 6. When this returns, nothing of LLVM's that belongs to us is left. */
static bool compile(const oj_memory *memory, oj_code **code)
{
    oj_error error;
    oj_compiler *compiler;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    puts("3. create a compiler");
    if (oj_compiler_create(&compiler, NULL, &error) != OJ_OK)
        return fail("no compiler", &error);
    puts("4. compile and link");
    oj_status status = oj_compile_bitcode(compiler, ir, sizeof ir - 1, &options, code, &error);
    puts("6. destroy the compiler");
    oj_compiler_destroy(compiler);
    return status == OJ_OK || fail("cannot compile", &error);
}

/* Calls add() as often as to make its counter `calls`, which shows that its data lives on with it. */
static bool run(int (*add)(int, int), const int *calls, int expected_calls)
{
    int sum = add(2, 3);
    printf("   add(2, 3) = %d, call number %d\n", sum, *calls);
    return (sum == 5 && *calls == expected_calls) || fail("a wrong result", NULL);
}

#define MAX_SEGMENTS 8

/* Take the code over, run it without the library, and give it back. */
static bool take_over(oj_code *code, int (*add)(int, int), const int *calls)
{
    oj_error error;
    oj_segment segments[MAX_SEGMENTS];
    oj_record records[MAX_SEGMENTS];
    oj_taken taken;
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = MAX_SEGMENTS;
    taken.records = records;
    taken.n_records = MAX_SEGMENTS;
    if (oj_code_take_over(code, &taken, &error) != OJ_OK) {
        oj_code_destroy(code);
        return fail("cannot take the code over", &error);
    }
    printf("   taken over: %zu segments, %zu records\n", taken.n_segments, taken.n_records);
    bool is_right = run(add, calls, 2);
    if (oj_taken_release(&taken, &error) != OJ_OK)
        return fail("cannot release", &error);
    return is_right;
}

static bool seven_steps(struct region *region)
{
    oj_memory memory;
    oj_code *code;
    oj_memory_init(&memory);
    memory.context = region;
    memory.place = place;
    memory.release = release;
    puts("1. something is worth compiling\n2. its IR is made");
    if (!compile(&memory, &code))
        return false;
    int (*add)(int, int) = (int (*)(int, int))(uintptr_t)oj_code_lookup_addr(code, "add");
    const int *calls = oj_code_lookup(code, "calls");
    if (!add || !calls || !is_inside(region, (const void *)(uintptr_t)add) || !is_inside(region, calls)) {
        oj_code_destroy(code);
        return fail("where is the code", NULL);
    }
    printf("5. add is at %p, its counter at %p: in our memory\n", (const void *)(uintptr_t)add, (const void *)calls);
    puts("7. run it");
    if (!run(add, calls, 1)) {
        oj_code_destroy(code);
        return false;
    }
    puts("   take it over, and run it again");
    if (!take_over(code, add, calls))
        return false;
    return (region->n_placed == 1 && region->n_released == 1) || fail("memory given or taken back too often", NULL);
}

int main(void)
{
    struct region region = {0};
    void *start = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        perror("seven_steps: mmap");
        return EXIT_FAILURE;
    }
    region.start = start;
    region.page = (size_t)sysconf(_SC_PAGESIZE);
    bool is_right = seven_steps(&region);
    munmap(start, REGION_SIZE);
    if (is_right)
        puts("all as expected");
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
