/* Levels of control, 5: pages shared with the client's other compiler.
 *
 * One page of ours, with functions of another compiler of ours at both its ends, which threads call all the time. Code
 * that the library links is put between them, again and again. The page is never anything but readable and executable
 * where it runs: we write through a second view, and OJ_PERMISSIONS_BY_CLIENT says that permissions are ours (with two
 * views the library would leave them alone anyway).
 *
 *   run view     | other | <- linked code -> | other | variables |
 *   write view   | other | <- linked code -> | other |
 *
 * The other compiler's functions are bytes for x86-64.
 *
 * Build:  cc control_shared_page.c $(pkg-config --cflags --libs ownjit) -lpthread */
#include <ownjit/ownjit.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char ir[] = "@calls = global i32 0\n"
                         "define i32 @triple(i32 %x) {\n"
                         "  %n = load i32, i32* @calls\n"
                         "  %n1 = add i32 %n, 1\n"
                         "  store i32 %n1, i32* @calls\n"
                         "  %y = mul i32 %x, 3\n"
                         "  ret i32 %y\n"
                         "}\n";

/* --- our page ----------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 2000, NEIGHBOUR_SIZE = 16 };

struct page {
    unsigned char *run;   /* the page, and one more for variables */
    unsigned char *write; /* the page */
    size_t size;
    size_t free_start; /* between the neighbours, bytes from the start */
    size_t free_end;
    int n_live;
};

static bool open_page(struct page *page)
{
    page->size = (size_t)sysconf(_SC_PAGESIZE);
    int file = memfd_create("example page", MFD_CLOEXEC);
    void *run = mmap(NULL, 2 * page->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (file < 0 || run == MAP_FAILED || ftruncate(file, (off_t)page->size) != 0)
        return false;
    void *mapped = mmap(run, page->size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0);
    void *write = mmap(NULL, page->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    page->run = run;
    page->write = write;
    page->free_start = NEIGHBOUR_SIZE;
    page->free_end = page->size - NEIGHBOUR_SIZE;
    return mapped != MAP_FAILED && write != MAP_FAILED;
}

static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    struct page *page = context;
    size_t code_end = page->free_start, data_end = page->size;
    if (page->n_live > 0)
        return OJ_E_NOMEM;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        bool is_data = segment->kind == OJ_SEGMENT_DATA;
        size_t *end = is_data ? &data_end : &code_end, limit = is_data ? 2 * page->size : page->free_end;
        size_t start = (*end + (size_t)segment->alignment - 1) & ~((size_t)segment->alignment - 1);
        if (segment->alignment > page->size || start > limit || segment->size > limit - start) {
            snprintf(error->text, sizeof error->text, "no room between the neighbours");
            return OJ_E_NOMEM;
        }
        segment->run_addr = (uint64_t)(uintptr_t)(page->run + start);
        segment->write = (is_data ? page->run : page->write) + start;
        *end = start + (size_t)segment->size;
    }
    page->n_live++;
    return OJ_OK;
}

static void release(void *context, const oj_placement *placement)
{
    struct page *page = context;
    (void)placement;
    page->n_live--;
}

/* --- the neighbours ----------------------------------------------------------------------------------------------- */

static atomic_bool is_over, is_disturbed;

struct neighbour {
    unsigned char *run;
    int addend;
    atomic_ulong n_calls;
};

/* lea addend(%rdi), %eax; ret */
static void compile_neighbour(const struct page *page, size_t offset, struct neighbour *neighbour)
{
    const unsigned char code[] = {0x8d, 0x47, (unsigned char)neighbour->addend, 0xc3};
    memcpy(page->write + offset, code, sizeof code);
    neighbour->run = page->run + offset;
    __builtin___clear_cache((char *)neighbour->run, (char *)neighbour->run + sizeof code);
}

static void *call_neighbour(void *context)
{
    struct neighbour *neighbour = context;
    int (*function)(int) = (int (*)(int))(uintptr_t)neighbour->run;
    for (int x = 0; !atomic_load(&is_over); x = (x + 1) & 0xffff) {
        if (function(x) != x + neighbour->addend)
            atomic_store(&is_disturbed, true);
        atomic_fetch_add(&neighbour->n_calls, 1);
    }
    return NULL;
}

/* --- linked code between them ------------------------------------------------------------------------------------- */

static bool link_between(oj_object *object, const oj_memory *memory, const struct page *page)
{
    oj_error error;
    oj_code *code;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    for (int i = 0; i < ROUNDS; i++) {
        if (oj_link((const oj_object *const *)&object, 1, &options, &code, &error) != OJ_OK) {
            fprintf(stderr, "control_shared_page: %s\n", error.text);
            return false;
        }
        uint64_t addr = oj_code_lookup_addr(code, "triple");
        int (*triple)(int) = (int (*)(int))(uintptr_t)addr;
        bool is_right = triple(i) == 3 * i && addr - (uint64_t)(uintptr_t)page->run < page->size;
        oj_code_destroy(code);
        /* What is gone shall trap. */
        memset(page->write + page->free_start, 0xcc, page->free_end - page->free_start);
        if (!is_right)
            return false;
    }
    return true;
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

/* Link while both neighbours are called by a thread each. */
static bool run(struct page *page, oj_object *object)
{
    struct neighbour neighbours[2] = {{.addend = 5}, {.addend = 9}};
    pthread_t threads[2];
    int n_threads = 0;
    oj_memory memory;
    oj_memory_init(&memory);
    memory.flags = OJ_PERMISSIONS_BY_CLIENT;
    memory.context = page;
    memory.place = place;
    memory.release = release;
    compile_neighbour(page, 0, &neighbours[0]);
    compile_neighbour(page, page->free_end, &neighbours[1]);
    while (n_threads < 2 && pthread_create(&threads[n_threads], NULL, call_neighbour, &neighbours[n_threads]) == 0)
        n_threads++;
    for (int i = 0; i < n_threads; i++)
        while (atomic_load(&neighbours[i].n_calls) == 0)
            sched_yield();
    bool is_right = n_threads == 2 && link_between(object, &memory, page);
    atomic_store(&is_over, true);
    for (int i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    printf("   linked %d times; the neighbours were called %lu and %lu times\n", ROUNDS, neighbours[0].n_calls,
           neighbours[1].n_calls);
    return is_right && !is_disturbed;
}

int main(void)
{
    oj_error error;
    struct page page = {0};
    if (!open_page(&page)) {
        perror("control_shared_page: no page with two views");
        return EXIT_FAILURE;
    }
    oj_object *object = compile(&error);
    if (!object) {
        fprintf(stderr, "control_shared_page: %s\n", error.text);
        return EXIT_FAILURE;
    }
    bool is_right = run(&page, object);
    oj_object_destroy(object);
    munmap(page.run, 2 * page.size);
    munmap(page.write, page.size);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
