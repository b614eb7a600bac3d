/* Links that refer to each other: placed ahead, addresses told later. */
#include "unit/test_tls_support.h"

/* Answers one name from a plan that must be placed by then. */
typedef struct promise {
    oj_plan *other;
    const char *name;
    bool breaks;     /* never tell the address */
    oj_status fails; /* the second call's status */
    int n_calls;
} promise;

static oj_status tell_later(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    promise *p = context;
    p->n_calls++;
    for (size_t i = 0; i < n_queries; i++) {
        if (strcmp(queries[i].name, p->name) != 0)
            continue;
        queries[i].found = OJ_FOUND_LATER;
        if (p->n_calls > 1 && !p->breaks) {
            if (p->fails != OJ_OK)
                return p->fails;
            assert_int_equal(oj_plan_lookup(p->other, p->name, &queries[i].addr, error), OJ_OK);
            queries[i].found = 1;
        }
    }
    return OJ_OK;
}

static oj_plan *plan_with(oj_object *object, const oj_resolver *resolvers, size_t n_resolvers, ojt_client *client,
                          const oj_allocator *heap)
{
    oj_link_options options;
    oj_error error;
    oj_plan *plan;
    oj_link_options_init(&options);
    options.memory = &client->table;
    options.resolvers = resolvers;
    options.n_resolvers = n_resolvers;
    options.allocator = heap;
    if (oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error) != OJ_OK)
        fail_msg("oj_plan_create: %s", error.text);
    return plan;
}

/* a() calls b() of the other object, which calls c() of the first. */
static oj_object *calling_and_returning(void)
{
    static uint8_t code[sizeof ojt_calling_code + OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t text;
    memcpy(code, ojt_calling_code, sizeof ojt_calling_code);
    ojt_return_code(code + sizeof ojt_calling_code, 40);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, code, sizeof code);
    ojt_elf_add_global(&elf, "a", text, 0, sizeof ojt_calling_code);
    ojt_elf_add_global(&elf, "c", text, sizeof ojt_calling_code, OJT_RETURN_SIZE);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "b"));
    return ojt_object(&elf, "ac.o");
}

static void later_plans_refer_to_each_other(void **state)
{
    oj_object *first = calling_and_returning(), *second = ojt_object_calling("b.o", "b", "c");
    promise of_first = {.name = "b"}, of_second = {.name = "c"};
    const oj_resolver from_second = oj_resolver_callback(tell_later, &of_first),
                      from_first = oj_resolver_callback(tell_later, &of_second);
    ojt_client client;
    oj_plan *a, *b;
    oj_code *code_a, *code_b;
    oj_error error;
    uint64_t addr;
    (void)state;
    ojt_client_init(&client);
    of_second.other = a = plan_with(first, &from_second, 1, &client, NULL);
    of_first.other = b = plan_with(second, &from_first, 1, &client, NULL);
    assert_int_equal(oj_plan_place(a, &error), OJ_OK);
    assert_int_equal(oj_plan_place(b, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup_reference(a, "b", &addr, &error), OJ_E_UNSUPPORTED);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_plan_lookup(a, "c", &addr, &error), OJ_OK);
    assert_int_equal(oj_plan_link(a, &code_a, &error), OJ_OK);
    assert_int_equal(oj_plan_link(b, &code_b, &error), OJ_OK);
    assert_int_equal(oj_code_lookup_addr(code_a, "c"), addr);
    oj_plan_destroy(a);
    oj_plan_destroy(b);
    oj_object_destroy(first);
    oj_object_destroy(second);
    assert_int_equal(ojt_call(code_a, "a"), 42);
    oj_code_destroy(code_a);
    oj_code_destroy(code_b);
    assert_int_equal(client.n_live, 0);
}

/* What thread-local variables and indirect functions of several plans need; the calls in any other order are
 * refused. */
static void later_plans_prepared_linked_and_completed(void **state)
{
    oj_object *object = ojt_tls_object(OJT_DYNAMIC), *user = ojt_tls_user("value", OJT_DYNAMIC, STB_GLOBAL);
    promise of_user = {.name = "value"};
    const oj_resolver from_definer = oj_resolver_callback(tell_later, &of_user);
    ojt_client client;
    oj_plan *a, *b;
    oj_code *code_a, *code_b;
    oj_error error;
    uint64_t addr;
    (void)state;
    ojt_client_init(&client);
    of_user.other = a = plan_with(object, NULL, 0, &client, NULL);
    b = plan_with(user, &from_definer, 1, &client, NULL);
    assert_int_equal(oj_plan_prepare(a, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "oj_plan_place()"));
    assert_int_equal(oj_plan_place(a, &error), OJ_OK);
    assert_int_equal(oj_plan_place(b, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup(a, "value", &addr, &error), OJ_E_UNSUPPORTED);
    assert_int_equal(oj_plan_complete(a, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "oj_plan_link()"));
    assert_int_equal(oj_plan_prepare(a, &error), OJ_OK);
    assert_int_equal(oj_plan_prepare(a, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_prepare(b, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup_reference(a, "value", &addr, &error), OJ_E_UNSUPPORTED);
    assert_int_equal(oj_plan_lookup(a, "value", &addr, &error), OJ_OK);
    assert_int_equal(*(int *)(uintptr_t)addr, 1234);
    assert_int_equal(oj_plan_complete(a, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_link(b, &code_b, &error), OJ_OK);
    assert_int_equal(oj_plan_link(a, &code_a, &error), OJ_OK);
    assert_int_equal(oj_plan_complete(a, &error), OJ_OK);
    assert_int_equal(oj_plan_complete(a, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_lookup(a, "value", &addr, &error), OJ_E_UNSUPPORTED);
    assert_int_equal(oj_plan_prepare(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_complete(NULL, &error), OJ_E_MISUSE);
    oj_plan_destroy(a);
    oj_plan_destroy(b);
    oj_object_destroy(object);
    oj_object_destroy(user);
    ojt_tls_check_copy(code_a, 5);
    assert_ptr_equal(ojt_tls_call(code_b, "address"), ojt_tls_call(code_a, "address"));
    oj_code_destroy(code_b);
    oj_code_destroy(code_a);
    assert_int_equal(client.n_live, 0);
}

/* What was prepared goes with the plan. Each allocation fails in turn. */
static void later_prepared_plan_that_is_not_linked_is_given_back(void **state)
{
    oj_object *object = ojt_tls_object(OJT_DYNAMIC);
    oj_status status = OJ_E_NOMEM;
    (void)state;
    for (size_t step = 1; status != OJ_OK; step++) {
        ojt_client client;
        ojt_heap heap;
        oj_error error;
        oj_plan *plan;
        uint64_t addr;
        ojt_client_init(&client);
        ojt_heap_init(&heap);
        plan = plan_with(object, NULL, 0, &client, &heap.table);
        assert_int_equal(oj_plan_place(plan, &error), OJ_OK);
        heap.fail_at = heap.n_calls + step;
        status = oj_plan_prepare(plan, &error);
        if (status == OJ_OK)
            status = oj_plan_lookup(plan, "value", &addr, &error);
        assert_true(status == OJ_OK || status == OJ_E_NOMEM);
        oj_plan_destroy(plan);
        assert_int_equal(heap.n_live, 0);
        assert_int_equal(client.n_live, 0);
    }
    oj_object_destroy(object);
}

static void later_placed_plan_that_is_not_linked_is_given_back(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "a", 1);
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    uint64_t addr = 1;
    (void)state;
    ojt_client_init(&client);
    plan = plan_with(object, NULL, 0, &client, NULL);
    assert_int_equal(oj_plan_lookup(plan, "a", &addr, &error), OJ_E_MISUSE);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_plan_place(plan, &error), OJ_OK);
    assert_int_equal(oj_plan_place(plan, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_lookup(plan, "other", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(oj_plan_lookup_reference(plan, "other", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(oj_plan_lookup_reference(plan, "a", &addr, &error), OJ_OK);
    assert_int_equal(addr, client.segments[0].run_addr);
    assert_int_equal(oj_plan_lookup(plan, "a", &addr, &error), OJ_OK);
    assert_int_equal(addr, client.segments[0].run_addr);
    oj_code *code;
    assert_int_equal(oj_plan_write(plan, client.segments, 1, &code, &error), OJ_E_MISUSE);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    assert_string_equal(client.log, "pr");
    assert_int_equal(client.n_live, 0);
    assert_int_equal(oj_plan_place(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_lookup(NULL, "a", &addr, &error), OJ_E_MISUSE);
}

/* Each way to break the promise leaves nothing placed, and the plan can be linked again. */
static void later_broken_promise_is_a_status(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        oj_object *object = ojt_object_calling("a.o", "a", "b"), *other = ojt_object_returning("b.o", "b", 6);
        promise p = {.name = "b", .breaks = way == 0, .fails = way == 1 ? OJ_E_CALLBACK : OJ_OK};
        const oj_resolver resolver = oj_resolver_callback(tell_later, &p);
        oj_status expected = way == 0 ? OJ_E_UNDEFINED : way == 1 ? OJ_E_CALLBACK : OJ_E_NOMEM;
        ojt_client client;
        ojt_heap heap;
        oj_error error;
        oj_plan *plan, *b;
        oj_code *code;
        ojt_client_init(&client);
        ojt_heap_init(&heap);
        p.other = b = plan_with(other, NULL, 0, &client, NULL);
        plan = plan_with(object, &resolver, 1, &client, &heap.table);
        assert_int_equal(oj_plan_place(b, &error), OJ_OK);
        /* Of a link the code's handle comes first, then the queries. */
        heap.fail_at = way == 2 ? heap.n_calls + 2 : 0;
        assert_int_equal(oj_plan_link(plan, &code, &error), expected);
        assert_null(code);
        assert_int_equal(client.n_live, 1);
        if (way == 0)
            assert_string_equal(error.symbol, "b");
        heap.fail_at = 0;
        p.breaks = false;
        p.fails = OJ_OK;
        assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
        oj_code *code_b;
        assert_int_equal(oj_plan_link(b, &code_b, &error), OJ_OK);
        assert_int_equal(ojt_call(code, "a"), 7);
        oj_code_destroy(code);
        oj_code_destroy(code_b);
        oj_plan_destroy(plan);
        oj_plan_destroy(b);
        oj_object_destroy(object);
        oj_object_destroy(other);
        assert_int_equal(client.n_live, 0);
        assert_int_equal(heap.n_live, 0);
    }
}

OJT_MAIN(cmocka_unit_test(later_plans_prepared_linked_and_completed),
         cmocka_unit_test(later_prepared_plan_that_is_not_linked_is_given_back),
         cmocka_unit_test(later_plans_refer_to_each_other),
         cmocka_unit_test(later_placed_plan_that_is_not_linked_is_given_back),
         cmocka_unit_test(later_broken_promise_is_a_status))
