/* Levels of control, 3: a table with one function.
 *
 * place() says where the segments go, and that is all that is taken over. The library flushes, and sets permissions on
 * the pages of what it was given: code ends up readable and executable, constants readable, variables writable. So each
 * segment begins on a page of its own here. Without release() the memory simply stays ours.
 *
 * Build:  cc control_place.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char ir[] = "@primes = constant [4 x i32] [i32 2, i32 3, i32 5, i32 7]\n"
                         "@asked = global i32 0\n"
                         "define i32 @prime(i64 %i) {\n"
                         "  %n = load i32, i32* @asked\n"
                         "  %n1 = add i32 %n, 1\n"
                         "  store i32 %n1, i32* @asked\n"
                         "  %where = getelementptr [4 x i32], [4 x i32]* @primes, i64 0, i64 %i\n"
                         "  %prime = load i32, i32* %where\n"
                         "  ret i32 %prime\n"
                         "}\n";

struct region {
    unsigned char *start;
    size_t size;
    size_t used;
};

static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    struct region *region = context;
    size_t used = region->used, page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        if (segment->alignment > page || segment->size > region->size - used) {
            snprintf(error->text, sizeof error->text, "the region of %zu bytes is full", region->size);
            return OJ_E_NOMEM;
        }
        segment->write = region->start + used;
        segment->run_addr = (uint64_t)(uintptr_t)segment->write;
        used += ((size_t)segment->size + page - 1) & ~(page - 1);
    }
    region->used = used;
    return OJ_OK;
}

static oj_code *compile(const oj_memory *memory, oj_error *error)
{
    oj_compiler *compiler;
    oj_code *code;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    oj_compile_bitcode(compiler, ir, sizeof ir - 1, &options, &code, error);
    oj_compiler_destroy(compiler);
    return code;
}

/* Does the kernel say that the page of `addr` has these permissions? */
static bool has_permissions(uint64_t addr, const char *expected)
{
    char line[512], permissions[5] = "none";
    unsigned long start, end;
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = sscanf(line, "%lx-%lx %4s", &start, &end, permissions) == 3 && addr >= start && addr < end;
    if (maps)
        fclose(maps);
    printf("   0x%llx %s\n", (unsigned long long)addr, permissions);
    return found && strcmp(permissions, expected) == 0;
}

/* Every segment has the permissions of its kind, and none was set by us. */
static bool check_permissions(const oj_code *code)
{
    static const char *const expected[] = {
        [OJ_SEGMENT_CODE] = "r-xp", [OJ_SEGMENT_RODATA] = "r--p", [OJ_SEGMENT_DATA] = "rw-p"};
    oj_segment segment;
    for (size_t i = 0; i < oj_code_segment_count(code); i++)
        if (oj_code_segment(code, i, &segment, sizeof segment) != OJ_OK ||
            !has_permissions(segment.run_addr, expected[segment.kind]))
            return false;
    return true;
}

static bool run(struct region *region)
{
    oj_error error;
    oj_memory memory;
    oj_memory_init(&memory);
    memory.context = region;
    memory.place = place;
    oj_code *code = compile(&memory, &error);
    if (!code) {
        fprintf(stderr, "control_place: %s\n", error.text);
        return false;
    }
    int (*prime)(int64_t) = (int (*)(int64_t))(uintptr_t)oj_code_lookup_addr(code, "prime");
    bool is_right = check_permissions(code) && prime(2) == 5;
    /* There is no release(): the handle ends, and the memory stays as it is until we unmap it. */
    oj_code_destroy(code);
    printf("   prime(3) = %d, after its handle has ended\n", prime(3));
    return is_right && prime(3) == 7;
}

int main(void)
{
    struct region region = {.size = (size_t)1 << 20};
    void *start = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        perror("control_place: mmap");
        return EXIT_FAILURE;
    }
    region.start = start;
    bool is_right = run(&region);
    munmap(start, region.size);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
