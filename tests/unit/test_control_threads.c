/* A client's pages and tables with threads: linked code comes and goes between functions of another compiler that run
 * all the while, and one table serves several threads that link at once. */
#include "link/linktest.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* --- one page, two compilers -------------------------------------------------------------------------------------- */

enum { GRANULE = 16, LINKED_AT = 5 * GRANULE, LINKED_SIZE = 4 * GRANULE, N_NEIGHBOURS = 3 };

/* A page seen twice. Its granules are taken by neighbours, by one linked code, or by the filler 0x5a. */
typedef struct page {
    oj_memory table;
    uint8_t *run;
    uint8_t *write;
    size_t size;
    size_t linked_size; /* bytes of the last placement */
    int n_live;
} page;

static const size_t neighbour_at[N_NEIGHBOURS] = {0, LINKED_AT - GRANULE, LINKED_AT + LINKED_SIZE};

static oj_status place_in_page(void *context, oj_placement *placement, oj_error *error)
{
    page *shared = context;
    (void)error;
    assert_int_equal(shared->n_live, 0);
    assert_int_equal(placement->n_segments, 1);
    assert_in_range(placement->segments[0].size, 1, LINKED_SIZE);
    assert_in_range(placement->segments[0].alignment, 1, GRANULE);
    placement->segments[0].run_addr = (uint64_t)(uintptr_t)(shared->run + LINKED_AT);
    placement->segments[0].write = shared->write + LINKED_AT;
    shared->linked_size = (size_t)placement->segments[0].size;
    shared->n_live++;
    return OJ_OK;
}

static void release_in_page(void *context, const oj_placement *placement)
{
    page *shared = context;
    assert_ptr_equal(placement->segments[0].write, shared->write + LINKED_AT);
    shared->n_live--;
}

static void open_page(page *shared)
{
    int file = memfd_create("test page", MFD_CLOEXEC);
    memset(shared, 0, sizeof *shared);
    shared->size = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, (off_t)shared->size), 0);
    shared->run = mmap(NULL, shared->size, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    shared->write = mmap(NULL, shared->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_ptr_not_equal(shared->run, MAP_FAILED);
    assert_ptr_not_equal(shared->write, MAP_FAILED);
    close(file);
    memset(shared->write, 0x5a, shared->size);
    oj_memory_init(&shared->table);
    shared->table.flags = OJ_PERMISSIONS_BY_CLIENT;
    shared->table.context = shared;
    shared->table.place = place_in_page;
    shared->table.release = release_in_page;
}

static void close_page(page *shared)
{
    munmap(shared->run, shared->size);
    munmap(shared->write, shared->size);
}

typedef struct neighbour {
    uint64_t addr;
    int value;
    atomic_ulong n_calls;
    atomic_ulong n_wrong;
} neighbour;

static atomic_bool is_over;

static void *run_neighbour(void *context)
{
    neighbour *self = context;
    while (!atomic_load(&is_over)) {
        if (ojt_call_at(self->addr) != self->value)
            atomic_fetch_add(&self->n_wrong, 1);
        atomic_fetch_add(&self->n_calls, 1);
    }
    return NULL;
}

static void start_neighbours(const page *shared, neighbour *neighbours, pthread_t *threads)
{
    atomic_store(&is_over, false);
    for (int i = 0; i < N_NEIGHBOURS; i++) {
        uint8_t code[OJT_RETURN_SIZE];
        neighbours[i].value = 1000 + i;
        neighbours[i].addr = (uint64_t)(uintptr_t)(shared->run + neighbour_at[i]);
        memcpy(shared->write + neighbour_at[i], ojt_return_code(code, (uint32_t)neighbours[i].value), sizeof code);
        assert_int_equal(pthread_create(&threads[i], NULL, run_neighbour, &neighbours[i]), 0);
    }
}

/* Link, run and destroy; only the bytes that were asked for may change. */
static void link_in_page(page *shared, uint8_t *before, uint32_t value)
{
    oj_object *object = ojt_object_returning("between.o", "between", value);
    oj_link_options options;
    size_t linked_end;
    oj_code *code;
    oj_link_options_init(&options);
    options.memory = &shared->table;
    memcpy(before, shared->write, shared->size);
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(oj_code_lookup_addr(code, "between"), (uintptr_t)shared->run + LINKED_AT);
    assert_int_equal(ojt_call(code, "between"), value);
    oj_code_destroy(code);
    assert_memory_equal(before, shared->write, LINKED_AT);
    linked_end = LINKED_AT + shared->linked_size;
    assert_memory_equal(before + linked_end, shared->write + linked_end, shared->size - linked_end);
}

static void control_threads_neighbours_in_a_page_are_not_disturbed(void **state)
{
    const uint32_t n_rounds = getenv("OJT_VALGRIND") ? 20 : 1000;
    neighbour neighbours[N_NEIGHBOURS] = {{0}};
    pthread_t threads[N_NEIGHBOURS];
    uint8_t *before;
    page shared;
    (void)state;
    open_page(&shared);
    before = malloc(shared.size);
    assert_non_null(before);
    start_neighbours(&shared, neighbours, threads);
    for (uint32_t i = 0; i < n_rounds; i++) {
        link_in_page(&shared, before, i);
        /* All of them have run meanwhile, now and then. */
        for (int n = 0; n < N_NEIGHBOURS && i % 100 == 0; n++) {
            unsigned long seen = atomic_load(&neighbours[n].n_calls);
            while (atomic_load(&neighbours[n].n_calls) == seen)
                sched_yield();
        }
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < N_NEIGHBOURS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&neighbours[i].n_wrong), 0);
    }
    assert_int_equal(shared.n_live, 0);
    free(before);
    close_page(&shared);
}

/* --- one table, several threads ----------------------------------------------------------------------------------- */

enum { N_THREADS = 4, N_LINKS = 100 };

/* Hands out granules of a mapping with two views, under a lock of its own; nothing is used twice. */
typedef struct shared_heap {
    oj_memory table;
    pthread_mutex_t lock;
    uint8_t *run;
    uint8_t *write;
    size_t size;
    size_t used;
    size_t n_live;
    atomic_size_t n_calls; /* of every member but place and release */
} shared_heap;

static oj_status place_shared(void *context, oj_placement *placement, oj_error *error)
{
    shared_heap *heap = context;
    oj_status status = OJ_OK;
    (void)error;
    pthread_mutex_lock(&heap->lock);
    for (size_t i = 0; i < placement->n_segments && status == OJ_OK; i++) {
        size_t size = ((size_t)placement->segments[i].size + 63) & ~(size_t)63;
        if (placement->segments[i].alignment > 64 || size > heap->size - heap->used)
            status = OJ_E_NOMEM;
        placement->segments[i].run_addr = (uint64_t)(uintptr_t)(heap->run + heap->used);
        placement->segments[i].write = heap->write + heap->used;
        heap->used += status == OJ_OK ? size : 0;
    }
    heap->n_live += status == OJ_OK;
    pthread_mutex_unlock(&heap->lock);
    return status;
}

static void release_shared(void *context, const oj_placement *placement)
{
    shared_heap *heap = context;
    (void)placement;
    pthread_mutex_lock(&heap->lock);
    heap->n_live--;
    pthread_mutex_unlock(&heap->lock);
}

static oj_status count_call(void *context, const oj_placement *placement, oj_error *error)
{
    (void)placement;
    (void)error;
    atomic_fetch_add(&((shared_heap *)context)->n_calls, 1);
    return OJ_OK;
}

static void *link_many(void *context)
{
    shared_heap *heap = context;
    oj_code *codes[N_LINKS];
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = &heap->table;
    for (uint32_t i = 0; i < N_LINKS; i++) {
        oj_object *object = ojt_object_returning("one.o", "one", i);
        codes[i] = ojt_link(&object, 1, &options);
        oj_object_destroy(object);
    }
    for (uint32_t i = 0; i < N_LINKS; i++) {
        assert_int_equal(ojt_call(codes[i], "one"), i);
        oj_code_destroy(codes[i]);
    }
    return NULL;
}

static void open_heap(shared_heap *heap)
{
    int file = memfd_create("test heap", MFD_CLOEXEC);
    memset(heap, 0, sizeof *heap);
    heap->size = 1 << 20;
    assert_int_equal(pthread_mutex_init(&heap->lock, NULL), 0);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, (off_t)heap->size), 0);
    heap->run = mmap(NULL, heap->size, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    heap->write = mmap(NULL, heap->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_ptr_not_equal(heap->run, MAP_FAILED);
    assert_ptr_not_equal(heap->write, MAP_FAILED);
    close(file);
    oj_memory_init(&heap->table);
    heap->table.context = heap;
    heap->table.place = place_shared;
    heap->table.write_begin = count_call;
    heap->table.write_end = count_call;
    heap->table.protect = count_call;
    heap->table.release = release_shared;
}

static void control_threads_share_a_table(void **state)
{
    pthread_t threads[N_THREADS];
    shared_heap heap;
    (void)state;
    open_heap(&heap);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, link_many, &heap), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(heap.n_live, 0);
    assert_int_equal(atomic_load(&heap.n_calls), 3 * N_THREADS * N_LINKS);
    munmap(heap.run, heap.size);
    munmap(heap.write, heap.size);
    pthread_mutex_destroy(&heap.lock);
}

OJT_MAIN(cmocka_unit_test(control_threads_neighbours_in_a_page_are_not_disturbed),
         cmocka_unit_test(control_threads_share_a_table))
