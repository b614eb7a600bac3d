/* Levels of control, 6: by hand.
 *
 * A plan knows the exact sizes before there is any memory. We read them, choose addresses, have the bytes written into
 * buffers of ours, and publish them ourselves: the library touches no page, flushes nothing and sets no permission. One
 * plan serves any number of times; each time gives code and variables of its own.
 *
 * Build:  cc control_by_hand.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const char ir[] = "@count = global i32 100\n"
                         "define i32 @next() {\n"
                         "  %n = load i32, i32* @count\n"
                         "  %n1 = add i32 %n, 1\n"
                         "  store i32 %n1, i32* @count\n"
                         "  ret i32 %n1\n"
                         "}\n";

enum { COPIES = 3, MAX_SEGMENTS = 3 };

/* What one copy was written to, and its function there. */
struct copy {
    void *start;
    size_t size;
    int (*next)(void);
};

static bool fail(const char *what, const oj_error *error)
{
    fprintf(stderr, "control_by_hand: %s%s%s\n", what, error ? ": " : "", error ? error->text : "");
    return false;
}

static oj_object *compile(oj_error *error)
{
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_object *object = NULL;
    oj_ir source = oj_ir_bytes(ir, sizeof ir - 1);
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    if (oj_compile_object(compiler, &source, &bytes, error) == OJ_OK) {
        oj_object_create(&object, oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, error);
        oj_bytes_destroy(bytes);
    }
    oj_compiler_destroy(compiler);
    return object;
}

static size_t round_up(uint64_t size, size_t page) { return ((size_t)size + page - 1) & ~(page - 1); }

/* Publish: the cache, then permissions. Nothing ran at these addresses before, so that no core need be told. */
static bool publish(const oj_segment *segments, size_t n_segments, size_t page)
{
    static const int permissions[] = {[OJ_SEGMENT_CODE] = PROT_READ | PROT_EXEC,
                                      [OJ_SEGMENT_RODATA] = PROT_READ,
                                      [OJ_SEGMENT_DATA] = PROT_READ | PROT_WRITE};
    for (size_t i = 0; i < n_segments; i++) {
        char *start = segments[i].write;
        if (segments[i].kind == OJ_SEGMENT_CODE)
            __builtin___clear_cache(start, start + segments[i].size);
        if (mprotect(start, round_up(segments[i].size, page), permissions[segments[i].kind]) != 0)
            return false;
    }
    return true;
}

/* Choose addresses in a mapping of our own, a page and more apart, as the permissions differ. */
static bool choose(oj_plan *plan, oj_segment *segments, struct copy *copy, size_t page)
{
    size_t n_segments = oj_plan_segment_count(plan), offset = 0;
    for (size_t i = 0; i < n_segments; i++) {
        if (oj_plan_segment(plan, i, &segments[i], sizeof segments[i]) != OJ_OK || segments[i].alignment > page)
            return false;
        copy->size += round_up(segments[i].size, page);
    }
    copy->start = mmap(NULL, copy->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy->start == MAP_FAILED)
        return false;
    for (size_t i = 0; i < n_segments; i++) {
        segments[i].write = (char *)copy->start + offset;
        segments[i].run_addr = (uint64_t)(uintptr_t)segments[i].write;
        offset += round_up(segments[i].size, page);
    }
    return true;
}

static bool write_copy(oj_plan *plan, struct copy *copy)
{
    oj_error error;
    oj_code *code;
    oj_segment segments[MAX_SEGMENTS];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n_segments = oj_plan_segment_count(plan);
    if (n_segments > MAX_SEGMENTS || !choose(plan, segments, copy, page))
        return fail("no memory for a copy", NULL);
    if (oj_plan_write(plan, segments, n_segments, &code, &error) != OJ_OK)
        return fail("cannot write", &error);
    copy->next = (int (*)(void))(uintptr_t)oj_code_lookup_addr(code, "next");
    /* The handle only knows addresses: the memory is ours. */
    oj_code_destroy(code);
    return publish(segments, n_segments, page) || fail("cannot publish", NULL);
}

static void show(const oj_plan *plan)
{
    static const char *const kinds[] = {[OJ_RANGE_SECTION] = "section",
                                        [OJ_RANGE_COMMON] = "common",
                                        [OJ_RANGE_GOT] = "GOT",
                                        [OJ_RANGE_STUBS] = "stubs"};
    oj_range_info range;
    for (size_t i = 0; i < oj_plan_range_count(plan); i++)
        if (oj_plan_range(plan, i, &range, sizeof range) == OJ_OK)
            printf("   segment %u +%-4llu %4llu bytes  %s %s\n", range.segment, (unsigned long long)range.offset,
                   (unsigned long long)range.size, kinds[range.kind], range.section);
}

static bool write_copies(struct copy *copies)
{
    oj_error error;
    oj_plan *plan;
    oj_object *object = compile(&error);
    if (!object)
        return fail("cannot compile", &error);
    if (oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error) != OJ_OK) {
        oj_object_destroy(object);
        return fail("cannot plan", &error);
    }
    show(plan);
    bool is_right = true;
    for (int i = 0; i < COPIES; i++)
        is_right = is_right && write_copy(plan, &copies[i]);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    return is_right;
}

int main(void)
{
    struct copy copies[COPIES] = {{0}};
    bool is_right = write_copies(copies);
    /* Nothing of the library's is left. Each copy counts for itself: the first once, the second twice, ... */
    for (int i = 0; i < COPIES && is_right; i++)
        for (int n = 1; n <= i + 1; n++)
            is_right = is_right && copies[i].next() == 100 + n;
    if (is_right)
        printf("   %d copies from one plan, each with its own variables\n", COPIES);
    for (int i = 0; i < COPIES; i++)
        if (copies[i].size > 0)
            munmap(copies[i].start, copies[i].size);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
