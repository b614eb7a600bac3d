/* Thread-local variables of linked code, with threads that come and go around it. */
#include "code/tls.h"
#include "unit/test_tls_support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

/* A thread that is there before the code is linked, and looks at it on request. */
typedef struct worker {
    pthread_t thread;
    pthread_barrier_t barrier;
    const oj_code *code;
    int mark;
} worker;

static void *work(void *context)
{
    worker *self = context;
    pthread_barrier_wait(&self->barrier); /* linked */
    ojt_tls_check_copy(self->code, self->mark);
    pthread_barrier_wait(&self->barrier);
    pthread_barrier_wait(&self->barrier); /* the others have looked */
    assert_int_equal(*(int *)ojt_tls_call(self->code, "address"), self->mark);
    pthread_barrier_wait(&self->barrier);
    return NULL;
}

enum { WORKERS = 4 };

static void each_thread_has_its_copy(ojt_tls_model model)
{
    static worker workers[WORKERS];
    oj_code *code;
    for (int i = 0; i < WORKERS; i++) {
        workers[i].mark = i + 1;
        pthread_barrier_init(&workers[i].barrier, NULL, 2);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    code = ojt_tls_link(ojt_tls_object(model), NULL);
    ojt_tls_check_copy(code, 99);
    for (int i = 0; i < WORKERS; i++)
        workers[i].code = code;
    for (int step = 0; step < 4; step++)
        for (int i = 0; i < WORKERS; i++)
            pthread_barrier_wait(&workers[i].barrier);
    assert_int_equal(*(int *)ojt_tls_call(code, "address"), 99);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        pthread_barrier_destroy(&workers[i].barrier);
    }
    oj_code_destroy(code);
}

static void tls_dynamic_threads(void **state)
{
    (void)state;
    each_thread_has_its_copy(OJT_DYNAMIC);
}

static void tls_descriptor_threads(void **state)
{
    (void)state;
    each_thread_has_its_copy(OJT_DESCRIPTOR);
}

static void tls_initial_exec_threads(void **state)
{
    (void)state;
    each_thread_has_its_copy(OJT_INITIAL_EXEC);
}

static void tls_local_exec_threads(void **state)
{
    (void)state;
    each_thread_has_its_copy(OJT_LOCAL_EXEC);
}

/* --- blocks are given back ---------------------------------------------------------------------------------------- */

static void *touch(void *code)
{
    ojt_tls_check_copy(code, 5);
    return NULL;
}

static void tls_blocks_freed_at_thread_end(void **state)
{
    ojt_heap heap;
    oj_link_options options;
    oj_code *code;
    size_t n_live;
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    n_live = heap.n_live;
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, touch, code), 0);
        pthread_join(thread, NULL);
        assert_int_equal(heap.n_live, n_live);
    }
    ojt_tls_check_copy(code, 1);
    assert_int_equal(heap.n_live, n_live + 1);
    oj_code_destroy(code);
    assert_int_equal(heap.n_live, 0);
}

/* Of the waiting threads too, and the next code under the same number starts from its own image. */
static void tls_blocks_freed_with_the_code(void **state)
{
    worker waiting = {.mark = 7};
    ojt_heap heap;
    oj_link_options options;
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    waiting.code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    pthread_barrier_init(&waiting.barrier, NULL, 2);
    assert_int_equal(pthread_create(&waiting.thread, NULL, work, &waiting), 0);
    for (int step = 0; step < 4; step++)
        pthread_barrier_wait(&waiting.barrier);
    ojt_tls_check_copy(waiting.code, 8);
    oj_code_destroy((oj_code *)(uintptr_t)waiting.code);
    pthread_join(waiting.thread, NULL);
    pthread_barrier_destroy(&waiting.barrier);
    assert_int_equal(heap.n_live, 0);
    for (int i = 0; i < 1000; i++) {
        oj_code *code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
        ojt_tls_check_copy(code, i);
        oj_code_destroy(code);
    }
    assert_int_equal(heap.n_live, 0);
}

/* Threads end while codes that they have used are destroyed. */
static void *link_and_touch(void *context)
{
    (void)context;
    for (int i = 0; i < 50; i++) {
        oj_code *code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), NULL);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, touch, code), 0);
        ojt_tls_check_copy(code, i);
        pthread_join(thread, NULL);
        oj_code_destroy(code);
    }
    return NULL;
}

static void tls_links_from_several_threads(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, link_and_touch, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* More codes than a thread's first vector has room for, all alive. */
static void tls_many_codes_have_their_own(void **state)
{
    enum { CODES = 1500 };
    static oj_code *codes[CODES];
    (void)state;
    for (int i = 0; i < CODES; i++) {
        codes[i] = ojt_tls_link(ojt_tls_object(i % 2 ? OJT_DYNAMIC : OJT_DESCRIPTOR), NULL);
        ojt_tls_check_copy(codes[i], i);
    }
    for (int i = 0; i < CODES; i++)
        assert_int_equal(*(int *)ojt_tls_call(codes[i], "address"), i);
    for (int i = 0; i < CODES; i++)
        oj_code_destroy(codes[i]);
}

/* --- a thread's vector grows -------------------------------------------------------------------------------------- */

static oji_tls *make_module(void)
{
    static oj_allocator allocator;
    const oji_tls_request request = {.allocator = &allocator, .size = 16, .alignment = 8};
    const oji_place place = {.symbol = "x"};
    oji_tls *module;
    assert_int_equal(oji_allocator_import(&allocator, NULL, NULL), OJ_OK);
    assert_int_equal(oji_tls_create(&module, &request, NULL), OJ_OK);
    assert_int_equal(oji_tls_define(module, false, &place, NULL), OJ_OK);
    return module;
}

typedef struct vectors {
    oji_tls **modules; /* by number: nobody else has any */
    size_t n_in_page;
    void **seen[3]; /* vectors that the thread has had, which all were longer than a page */
} vectors;

/* A handler that lets the vector grow may have interrupted an access, which goes on with what it has read before. */
static void *grow_after_reading(void *context)
{
    vectors *v = context;
    for (size_t i = 0; i < OJI_COUNT(v->seen); i++) {
        const oji_tls *module = v->modules[v->n_in_page << i];
        void *block = oji_tls_address(module, 0);
        v->seen[i] = oji_tls_this_thread.blocks;
        assert_non_null(block);
        for (size_t earlier = 0; earlier <= i; earlier++) {
            assert_int_equal(v->seen[earlier] == v->seen[i], earlier == i);
            module = v->modules[v->n_in_page << earlier];
            assert_ptr_equal(v->seen[earlier][module->number], oji_tls_address(module, 0));
        }
    }
    return NULL;
}

static bool is_mapped(const void *where)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        uintmax_t start, end;
        if (sscanf(line, "%jx-%jx ", &start, &end) == 2)
            found = found || (start <= (uintptr_t)where && (uintptr_t)where < end);
    }
    fclose(maps);
    return found;
}

static void tls_vectors_stay_until_their_thread_ends(void **state)
{
    vectors v = {.n_in_page = (size_t)sysconf(_SC_PAGESIZE) / sizeof(void *)};
    pthread_t thread;
    size_t n_modules;
    (void)state;
    n_modules = v.n_in_page << (OJI_COUNT(v.seen) - 1);
    v.modules = calloc(n_modules + 1, sizeof(oji_tls *));
    assert_non_null(v.modules);
    for (size_t i = 0; i < n_modules; i++) {
        oji_tls *module = make_module();
        assert_in_range(module->number, 1, n_modules);
        v.modules[module->number] = module;
    }
    assert_int_equal(pthread_create(&thread, NULL, grow_after_reading, &v), 0);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < OJI_COUNT(v.seen); i++)
        assert_false(is_mapped(v.seen[i]));
    for (size_t i = 1; i <= n_modules; i++)
        oji_tls_destroy(v.modules[i]);
    free(v.modules);
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

static void tls_usable_after_fork(void **state)
{
    oj_code *code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), NULL);
    oj_code *fixed = ojt_tls_link(ojt_tls_object(OJT_LOCAL_EXEC), NULL);
    int status;
    pid_t child;
    (void)state;
    ojt_tls_check_copy(code, 3);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t thread;
        oj_code *another = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), NULL);
        ojt_tls_check_copy(another, 4);
        if (*(int *)ojt_tls_call(code, "address") != 3 || pthread_create(&thread, NULL, touch, code) != 0)
            _exit(1);
        pthread_join(thread, NULL);
        ojt_tls_check_copy(fixed, 4);
        oj_code_destroy(another);
        oj_code_destroy(code);
        oj_code_destroy(fixed);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(*(int *)ojt_tls_call(code, "address"), 3);
    ojt_tls_check_copy(fixed, 5);
    oj_code_destroy(code);
    oj_code_destroy(fixed);
}

/* --- memory ends -------------------------------------------------------------------------------------------------- */

typedef struct scarce {
    oj_allocator table;
    atomic_bool is_empty;
    atomic_int n_refused;
} scarce;

static void *scarce_allocate(void *context, size_t size)
{
    scarce *heap = context;
    if (!atomic_load(&heap->is_empty))
        return malloc(size);
    atomic_fetch_add(&heap->n_refused, 1);
    return NULL;
}

static void scarce_release(void *context, void *pointer, size_t size)
{
    (void)context;
    (void)size;
    free(pointer);
}

static void *prepare(void *code)
{
    oj_error error;
    assert_int_equal(oj_code_prepare_thread(code, &error), OJ_E_NOMEM);
    assert_true(error.text[0] != '\0');
    assert_null(oj_code_lookup(code, "value"));
    ojt_tls_check_copy(code, 6);
    assert_int_equal(oj_code_prepare_thread(code, &error), OJ_OK);
    return NULL;
}

/* A thread is told before it runs code; one that runs it all the same waits for memory. */
static void tls_access_waits_for_memory(void **state)
{
    scarce heap = {.is_empty = false};
    oj_link_options options;
    oj_code *code;
    pthread_t thread;
    (void)state;
    oj_allocator_init(&heap.table);
    heap.table.context = &heap;
    heap.table.allocate = scarce_allocate;
    heap.table.release = scarce_release;
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), &options);
    atomic_store(&heap.is_empty, true);
    assert_int_equal(pthread_create(&thread, NULL, prepare, code), 0);
    while (atomic_load(&heap.n_refused) < 5)
        usleep(1000);
    atomic_store(&heap.is_empty, false);
    pthread_join(thread, NULL);
    assert_int_equal(oj_code_prepare_thread(NULL, NULL), OJ_E_MISUSE);
    oj_code_destroy(code);
}

/* --- destructors -------------------------------------------------------------------------------------------------- */

static char noted[32];
static void note(void *letter)
{
    size_t length = strlen(noted);
    noted[length] = *(const char *)letter;
    noted[length + 1] = '\0';
}

/* "handle" gives the code's __dso_handle, "register_it" is __cxa_thread_atexit. */
static oj_code *link_registering(void)
{
    static const uint64_t fields[2];
    ojt_elf elf;
    uint16_t data;
    noted[0] = '\0';
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, fields, sizeof fields);
    ojt_elf_add_symbol(&elf, "handle", data, 0, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_symbol(&elf, "register_it", data, 8, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_undefined(&elf, "__dso_handle"), 0);
    ojt_elf_add_addr(&elf, data, 8, ojt_elf_add_undefined(&elf, "__cxa_thread_atexit"), 0);
    return ojt_tls_link(ojt_object(&elf, "registering.o"), NULL);
}

typedef int (*registering)(void (*)(void *), void *, void *);

static void enroll(const oj_code *code, const char *letters)
{
    registering function = *(registering *)oj_code_lookup(code, "register_it");
    void *handle = *(void **)oj_code_lookup(code, "handle");
    for (; *letters; letters++)
        assert_int_equal(function(note, (void *)(uintptr_t)letters, handle), 0);
}

static void *enroll_abc(void *code)
{
    enroll(code, "abc");
    return NULL;
}

static void tls_destructors_run_at_thread_end(void **state)
{
    oj_code *code = link_registering();
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, enroll_abc, code), 0);
    pthread_join(thread, NULL);
    assert_string_equal(noted, "cba");
    oj_code_destroy(code);
    assert_string_equal(noted, "cba");
}

/* The code's own, in reverse order, and nobody else's. */
static void tls_destructors_run_with_the_code(void **state)
{
    oj_code *code = link_registering(), *other = link_registering();
    (void)state;
    enroll(code, "ab");
    enroll(other, "xy");
    enroll(code, "c");
    oj_code_destroy(code);
    assert_string_equal(noted, "cba");
    oj_code_destroy(other);
    assert_string_equal(noted, "cbayx");
}

static void *enroll_and_wait(void *context)
{
    worker *self = context;
    enroll(self->code, "pq");
    pthread_barrier_wait(&self->barrier);
    pthread_barrier_wait(&self->barrier);
    return NULL;
}

/* Of a thread that lives on: it must not run them later, when the code is gone. */
static void tls_destructors_of_other_threads_run_with_the_code(void **state)
{
    worker waiting = {.code = link_registering()};
    (void)state;
    pthread_barrier_init(&waiting.barrier, NULL, 2);
    assert_int_equal(pthread_create(&waiting.thread, NULL, enroll_and_wait, &waiting), 0);
    pthread_barrier_wait(&waiting.barrier);
    assert_string_equal(noted, "");
    oj_code_destroy((oj_code *)(uintptr_t)waiting.code);
    assert_string_equal(noted, "qp");
    pthread_barrier_wait(&waiting.barrier);
    pthread_join(waiting.thread, NULL);
    assert_string_equal(noted, "qp");
    pthread_barrier_destroy(&waiting.barrier);
}

/* --- variables of the process ------------------------------------------------------------------------------------- */

static __thread char of_process[5000];

static void *find_of_process(void *context)
{
    return (void *)((uintptr_t)oji_tls_get_addr(context) - (uintptr_t)of_process);
}

/* Offsets count from the block's start, wherever the dynamic linker's do. */
static void tls_variables_of_the_process_are_where_it_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof of_process; i += 999) {
        uint64_t token, offset;
        oji_tls_entry entry;
        pthread_t thread;
        void *apart;
        assert_true(oji_tls_locate((uintptr_t)&of_process[i], &token, &offset));
        entry = (oji_tls_entry){(uintptr_t)token, (uintptr_t)offset};
        assert_ptr_equal(oji_tls_get_addr(&entry), &of_process[i]);
        assert_int_equal(pthread_create(&thread, NULL, find_of_process, &entry), 0);
        assert_int_equal(pthread_join(thread, &apart), 0);
        assert_int_equal((uintptr_t)apart, i);
    }
}

OJT_MAIN(cmocka_unit_test(tls_dynamic_threads), cmocka_unit_test(tls_descriptor_threads),
         cmocka_unit_test(tls_initial_exec_threads), cmocka_unit_test(tls_local_exec_threads),
         cmocka_unit_test(tls_blocks_freed_at_thread_end), cmocka_unit_test(tls_blocks_freed_with_the_code),
         cmocka_unit_test(tls_links_from_several_threads), cmocka_unit_test(tls_many_codes_have_their_own),
         cmocka_unit_test(tls_vectors_stay_until_their_thread_ends), cmocka_unit_test(tls_usable_after_fork),
         cmocka_unit_test(tls_access_waits_for_memory), cmocka_unit_test(tls_destructors_run_at_thread_end),
         cmocka_unit_test(tls_destructors_run_with_the_code),
         cmocka_unit_test(tls_destructors_of_other_threads_run_with_the_code),
         cmocka_unit_test(tls_variables_of_the_process_are_where_it_has_them))
