/* Callbacks that call back into the library: memory tables whose every member links, looks up and destroys something
 * else meanwhile, tables on top of the library's own provider, resolvers that link what they are asked for. No lock is
 * held then, and what happens inside leaves no trace outside. */
#include "link/linktest.h"

/* --- a callback that uses the library ----------------------------------------------------------------------------- */

static int n_reentered;

/* Read, plan, link, call, look up, list and destroy, with the default provider and no handle of the caller's. */
static void use_library(void)
{
    oj_object *object = ojt_object_returning("inner.o", "inner", 70);
    oj_code_symbol_info symbol;
    oj_plan *plan = NULL;
    oj_error error = {0};
    oj_code *code;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_OK);
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    assert_int_equal(ojt_call(code, "inner"), 70);
    assert_int_equal(oj_code_symbol(code, 0, &symbol, sizeof symbol), OJ_OK);
    assert_string_equal(symbol.name, "inner");
    oj_code_destroy(code);
    n_reentered++;
}

/* A table that forwards to a client's after using the library. The client comes first: one context serves both. */
typedef struct reentrant {
    ojt_client client;
    oj_memory table;
} reentrant;

static oj_status reenter_place(void *context, oj_placement *placement, oj_error *error)
{
    use_library();
    return ojt_client_place(context, placement, error);
}
static oj_status reenter_begin(void *context, const oj_placement *placement, oj_error *error)
{
    use_library();
    return ojt_client_begin(context, placement, error);
}
static oj_status reenter_end(void *context, const oj_placement *placement, oj_error *error)
{
    use_library();
    return ojt_client_end(context, placement, error);
}
static oj_status reenter_flush(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    use_library();
    return ojt_client_flush(context, write, run_addr, size, error);
}
static oj_status reenter_synchronize(void *context, const oj_placement *placement, oj_error *error)
{
    use_library();
    return ojt_client_synchronize(context, placement, error);
}
static void reenter_release(void *context, const oj_placement *placement)
{
    use_library();
    ojt_client_release(context, placement);
}

/* protect() makes the code executable too, as its absence would. */
static oj_status reenter_protect(void *context, const oj_placement *placement, oj_error *error)
{
    use_library();
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        uintptr_t page = (uintptr_t)segment->run_addr & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
        if (segment->kind == OJ_SEGMENT_CODE)
            assert_int_equal(
                mprotect((void *)page, (size_t)(segment->run_addr + segment->size - page), PROT_READ | PROT_EXEC), 0);
    }
    return ojt_client_protect(context, placement, error);
}

static void reentrant_init(reentrant *memory)
{
    ojt_client_init_full(&memory->client);
    memory->table = memory->client.table;
    memory->table.place = reenter_place;
    memory->table.write_begin = reenter_begin;
    memory->table.write_end = reenter_end;
    memory->table.flush = reenter_flush;
    memory->table.protect = reenter_protect;
    memory->table.synchronize = reenter_synchronize;
    memory->table.release = reenter_release;
    n_reentered = 0;
}

static void control_every_member_may_call_back(void **state)
{
    oj_object *object = ojt_object_returning("outer.o", "outer", 71);
    oj_link_options options;
    reentrant memory;
    oj_code *code;
    (void)state;
    reentrant_init(&memory);
    oj_link_options_init(&options);
    options.memory = &memory.table;
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(n_reentered, 6);
    assert_int_equal(ojt_call(code, "outer"), 71);
    oj_code_destroy(code);
    assert_int_equal(n_reentered, 7);
    assert_string_equal(memory.client.log, "pbefPsr");
    assert_int_equal(memory.client.n_live, 0);
}

/* Whatever fails after a callback has called back: the status is the failure's, and the memory given back once. */
static void control_failures_after_calling_back_are_the_links(void **state)
{
    static const char letters[] = "pbefPs";
    (void)state;
    for (const char *letter = letters; *letter; letter++) {
        oj_object *object = ojt_object_returning("outer.o", "outer", 71);
        oj_link_options options;
        oj_error error = {0};
        oj_code *code = (oj_code *)object;
        reentrant memory;
        size_t length;
        reentrant_init(&memory);
        memory.client.fail = *letter;
        memory.client.fail_status = OJ_E_CALLBACK;
        oj_link_options_init(&options);
        options.memory = &memory.table;
        assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_CALLBACK);
        assert_null(code);
        assert_non_null(strstr(error.text, "oj_memory."));
        length = strlen(memory.client.log);
        assert_int_equal(memory.client.log[length - 1] == 'r', *letter != 'p');
        assert_int_equal(memory.client.n_live, 0);
        oj_object_destroy(object);
    }
}

/* What is linked inside a callback may fail with the callback's own error record: then it is the outer link's. */
static oj_status place_after_failing_inside(void *context, oj_placement *placement, oj_error *error)
{
    oj_object *object = ojt_object_calling("inner.o", "inner", "nobody_defines_this");
    oj_code *code;
    oj_status status = oj_link((const oj_object *const *)&object, 1, NULL, &code, error);
    (void)context;
    (void)placement;
    oj_object_destroy(object);
    assert_null(code);
    return status;
}

static void control_error_of_an_inner_link_is_kept(void **state)
{
    oj_object *object = ojt_object_returning("outer.o", "outer", 71);
    oj_link_options options;
    oj_error error = {0};
    ojt_client client;
    oj_code *code;
    (void)state;
    ojt_client_init(&client);
    client.table.place = place_after_failing_inside;
    oj_link_options_init(&options);
    options.memory = &client.table;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNDEFINED);
    assert_null(code);
    assert_int_equal(error.status, OJ_E_UNDEFINED);
    assert_non_null(strstr(error.text, "nobody_defines_this"));
    assert_string_equal(client.log, "");
    oj_object_destroy(object);
}

/* --- one table, several links at once ----------------------------------------------------------------------------- */

enum { DEPTH = 12 };

typedef struct nested {
    ojt_client client;
    oj_code *codes[DEPTH];
    int depth;
} nested;

/* Links a module of its own with the same table before it answers. */
static oj_status place_nested(void *context, oj_placement *placement, oj_error *error)
{
    nested *all = context;
    if (all->depth < DEPTH) {
        int depth = all->depth++;
        char name[16];
        oj_object *object;
        oj_link_options options;
        snprintf(name, sizeof name, "level_%d", depth);
        object = ojt_object_returning("level.o", name, (uint32_t)depth);
        oj_link_options_init(&options);
        options.memory = &all->client.table;
        all->codes[depth] = ojt_link(&object, 1, &options);
        oj_object_destroy(object);
    }
    return ojt_client_place(context, placement, error);
}

static void control_place_links_with_its_own_table(void **state)
{
    oj_object *object = ojt_object_returning("outer.o", "outer", 71);
    oj_link_options options;
    nested all = {0};
    oj_code *code;
    (void)state;
    ojt_client_init(&all.client);
    all.client.table.place = place_nested;
    oj_link_options_init(&options);
    options.memory = &all.client.table;
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(all.client.n_live, DEPTH + 1);
    assert_int_equal(ojt_call(code, "outer"), 71);
    for (int i = 0; i < DEPTH; i++) {
        char name[16];
        snprintf(name, sizeof name, "level_%d", i);
        assert_int_equal(ojt_call(all.codes[i], name), i);
        oj_code_destroy(all.codes[i]);
    }
    assert_int_equal(ojt_call(code, "outer"), 71);
    oj_code_destroy(code);
    assert_int_equal(all.client.n_live, 0);
}

/* --- resolvers ---------------------------------------------------------------------------------------------------- */

/* step_N calls step_N-1 and adds 1; step_0 returns 500. Each is linked when its caller's link asks for it. */
typedef struct steps {
    oj_code *codes[DEPTH + 1];
    int n_linked;
} steps;

static oj_code *link_step(steps *all, int number);

static oj_status resolve_step(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    steps *all = context;
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        int number;
        if (sscanf(queries[i].name, "step_%d", &number) != 1)
            continue;
        all->codes[number] = link_step(all, number);
        queries[i].addr = oj_code_lookup_addr(all->codes[number], queries[i].name);
        queries[i].found = 1;
    }
    return OJ_OK;
}

static oj_code *link_step(steps *all, int number)
{
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_callback(resolve_step, all)};
    char name[16], callee[16];
    oj_link_options options;
    oj_object *object;
    oj_code *code;
    snprintf(name, sizeof name, "step_%d", number);
    snprintf(callee, sizeof callee, "step_%d", number - 1);
    object = number > 0 ? ojt_object_calling(name, name, callee) : ojt_object_returning(name, name, 500);
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    all->n_linked++;
    return code;
}

static void control_resolver_links_what_it_is_asked_for(void **state)
{
    steps all = {0};
    oj_code *code = link_step(&all, DEPTH);
    (void)state;
    assert_int_equal(all.n_linked, DEPTH + 1);
    assert_int_equal(ojt_call(code, "step_12"), 500 + DEPTH);
    oj_code_destroy(code);
    for (int i = 0; i < DEPTH; i++)
        oj_code_destroy(all.codes[i]);
}

static void use_library_for(void *context, const oj_undefined *undefined)
{
    assert_string_equal(undefined->name, "missing");
    ++*(int *)context;
    use_library();
    /* What was lent is still there. */
    assert_string_equal(undefined->object, "outer.o");
}

static void control_undefined_callback_may_call_back(void **state)
{
    oj_object *object = ojt_object_calling("outer.o", "outer", "missing");
    oj_link_options options;
    oj_error error = {0};
    oj_code *code;
    int n_calls = 0;
    (void)state;
    oj_link_options_init(&options);
    options.undefined = use_library_for;
    options.undefined_context = &n_calls;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNDEFINED);
    assert_int_equal(n_calls, 1);
    assert_non_null(strstr(error.text, "missing"));
    oj_object_destroy(object);
}

/* --- heap --------------------------------------------------------------------------------------------------------- */

/* Uses the library, with another heap, before it answers. */
static void *allocate_and_call_back(void *context, size_t size)
{
    use_library();
    return ojt_heap_allocate(context, size);
}

static void release_and_call_back(void *context, void *pointer, size_t size)
{
    use_library();
    ojt_heap_release(context, pointer, size);
}

static void control_allocator_may_call_back(void **state)
{
    oj_memory_options memory_options;
    oj_link_options options;
    oj_memory *memory;
    oj_object *object;
    oj_error error = {0};
    oj_code *code;
    ojt_heap heap;
    (void)state;
    ojt_heap_init(&heap);
    heap.table.allocate = allocate_and_call_back;
    heap.table.release = release_and_call_back;
    n_reentered = 0;
    oj_memory_options_init(&memory_options);
    memory_options.allocator = &heap.table;
    assert_int_equal(oj_memory_create(&memory, &memory_options, &error), OJ_OK);
    object = ojt_object_returning("outer.o", "outer", 71);
    oj_link_options_init(&options);
    options.memory = memory;
    options.allocator = &heap.table;
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(ojt_call(code, "outer"), 71);
    oj_code_destroy(code);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
    assert_true(n_reentered >= 4);
    assert_int_equal(heap.n_live, 0);
}

/* --- a table on top of the library's own provider ----------------------------------------------------------------- */

/* Whatever the provider leaves to the library the table leaves to it, too. */
typedef struct wrapped {
    oj_memory table;
    const oj_memory *inner;
    int n_placed;
    int n_released;
    int n_patched;
    bool refuse_after_placing;
} wrapped;

static oj_status wrapped_place(void *context, oj_placement *placement, oj_error *error)
{
    wrapped *memory = context;
    oj_status status = memory->inner->place(memory->inner->context, placement, error);
    if (status != OJ_OK)
        return status;
    memory->n_placed++;
    if (!memory->refuse_after_placing)
        return OJ_OK;
    /* A place() that fails has to undo what it did. */
    memory->inner->release(memory->inner->context, placement);
    memory->n_placed--;
    snprintf(error->text, sizeof error->text, "placed, and thought better of it");
    return OJ_E_BUDGET;
}

static oj_status wrapped_begin(void *context, const oj_placement *placement, oj_error *error)
{
    wrapped *memory = context;
    return memory->inner->write_begin(memory->inner->context, placement, error);
}

static oj_status wrapped_protect(void *context, const oj_placement *placement, oj_error *error)
{
    const oj_memory *inner = ((wrapped *)context)->inner;
    return inner->protect(inner->context, placement, error);
}

static oj_status wrapped_synchronize(void *context, const oj_placement *placement, oj_error *error)
{
    const oj_memory *inner = ((wrapped *)context)->inner;
    return inner->synchronize(inner->context, placement, error);
}

static oj_status wrapped_patch(void *context, const oj_placement *placement, uint64_t run_addr, const void *bytes,
                               uint64_t size, int atomic, oj_error *error)
{
    wrapped *memory = context;
    memory->n_patched++;
    return memory->inner->patch(memory->inner->context, placement, run_addr, bytes, size, atomic, error);
}

static void wrapped_release(void *context, const oj_placement *placement)
{
    wrapped *memory = context;
    memory->n_released++;
    memory->inner->release(memory->inner->context, placement);
}

static void wrapped_init(wrapped *memory, const oj_memory *inner)
{
    memset(memory, 0, sizeof *memory);
    oj_memory_init(&memory->table);
    memory->inner = inner;
    memory->table.context = memory;
    memory->table.place = wrapped_place;
    memory->table.release = wrapped_release;
    if (inner->write_begin)
        memory->table.write_begin = wrapped_begin;
    if (inner->protect)
        memory->table.protect = wrapped_protect;
    if (inner->synchronize)
        memory->table.synchronize = wrapped_synchronize;
    if (inner->patch)
        memory->table.patch = wrapped_patch;
    /* The members that it has are forwarded, and it has no others. */
    assert_null(inner->flush);
    assert_null(inner->write_end);
}

static uint64_t placements_of(const oj_memory *memory)
{
    oj_memory_stats stats;
    assert_int_equal(oj_memory_get_stats(memory, &stats, sizeof stats, NULL), OJ_OK);
    return stats.n_placements;
}

static void use_wrapped(wrapped *memory, oj_object *object)
{
    /* mov $72, %eax: its first byte stays, the number changes. */
    static const uint8_t instruction[5] = {0xb8, 72, 0, 0, 0};
    oj_link_options options;
    oj_error error = {0};
    oj_code *code;
    oj_link_options_init(&options);
    options.memory = &memory->table;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(ojt_call(code, "outer"), 71);
    if (memory->table.patch && OJT_MACHINE == EM_X86_64) {
        assert_int_equal(oj_code_patch(code, oj_code_lookup_addr(code, "outer"), instruction, 5, 0, &error), OJ_OK);
        assert_int_equal(ojt_call(code, "outer"), 72);
        assert_int_equal(memory->n_patched, 1);
    }
    oj_code_destroy(code);
    memory->refuse_after_placing = true;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_BUDGET);
    assert_string_equal(error.text, "placed, and thought better of it");
    assert_int_equal(memory->n_placed, 1);
    assert_int_equal(memory->n_released, 1);
}

static void control_table_on_top_of_a_provider_works(void **state)
{
    static const uint32_t modes[] = {OJ_MEMORY_MODE_VIEWS, OJ_MEMORY_MODE_PRIVATE};
    int n_tried = 0;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(modes); i++) {
        oj_object *object;
        oj_memory_options options;
        oj_memory *inner;
        oj_error error = {0};
        wrapped memory;
        oj_memory_options_init(&options);
        options.mode = modes[i];
        if (oj_memory_create(&inner, &options, &error) == OJ_E_PERMISSION)
            continue;
        object = ojt_object_returning("outer.o", "outer", 71);
        wrapped_init(&memory, inner);
        /* Patching in private mode needs MREMAP_DONTUNMAP, which Valgrind does not know. */
        if (getenv("OJT_VALGRIND") && modes[i] == OJ_MEMORY_MODE_PRIVATE)
            memory.table.patch = NULL;
        use_wrapped(&memory, object);
        assert_int_equal(placements_of(inner), 0);
        assert_int_equal(oj_memory_destroy(inner, &error), OJ_OK);
        oj_object_destroy(object);
        n_tried++;
    }
    assert_true(n_tried > 0);
}

/* A provider that is asked to end by the client's own callback, while it holds the link's memory, refuses. */
static oj_status protect_and_try_to_end(void *context, const oj_placement *placement, oj_error *error)
{
    wrapped *memory = context;
    oj_error ignored;
    union {
        const oj_memory *lent;
        oj_memory *owned;
    } inner = {memory->inner};
    assert_int_equal(oj_memory_destroy(inner.owned, &ignored), OJ_E_MISUSE);
    return memory->inner->protect ? wrapped_protect(context, placement, error) : OJ_OK;
}

static void control_provider_in_use_is_not_ended_by_a_callback(void **state)
{
    oj_object *object = ojt_object_returning("outer.o", "outer", 71);
    oj_link_options options;
    oj_memory *inner;
    oj_error error = {0};
    oj_code *code;
    wrapped memory;
    (void)state;
    assert_int_equal(oj_memory_create(&inner, NULL, &error), OJ_OK);
    wrapped_init(&memory, inner);
    memory.table.protect = protect_and_try_to_end;
    oj_link_options_init(&options);
    options.memory = &memory.table;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(ojt_call(code, "outer"), 71);
    oj_code_destroy(code);
    assert_int_equal(oj_memory_destroy(inner, &error), OJ_OK);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(control_every_member_may_call_back),
         cmocka_unit_test(control_failures_after_calling_back_are_the_links),
         cmocka_unit_test(control_error_of_an_inner_link_is_kept),
         cmocka_unit_test(control_place_links_with_its_own_table),
         cmocka_unit_test(control_resolver_links_what_it_is_asked_for),
         cmocka_unit_test(control_undefined_callback_may_call_back), cmocka_unit_test(control_allocator_may_call_back),
         cmocka_unit_test(control_table_on_top_of_a_provider_works),
         cmocka_unit_test(control_provider_in_use_is_not_ended_by_a_callback))
