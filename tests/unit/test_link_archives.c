/* Members of archives: pulled when a name needs them, transitively, whatever the order; wanted names. */
#include "archive_recipe.h"

/* A link in a client's memory, with what it says of itself. */
typedef struct job {
    ojt_client client;
    oj_link_options options;
    oj_link_stats stats;
    oj_resolver objects_only;
    oj_error error;
    oj_code *code;
} job;

static void init_job(job *link, oj_archive *const *archives, size_t n_archives)
{
    memset(link, 0, sizeof *link);
    ojt_client_init(&link->client);
    oj_link_options_init(&link->options);
    link->objects_only = oj_resolver_objects();
    link->options.memory = &link->client.table;
    link->options.archives = archives;
    link->options.n_archives = n_archives;
    link->options.resolvers = &link->objects_only;
    link->options.n_resolvers = 1;
    link->options.stats = &link->stats;
    link->options.stats_size = sizeof link->stats;
}

static oj_status run(job *link, oj_object *object)
{
    return oj_link((const oj_object *const *)&object, 1, &link->options, &link->code, &link->error);
}

static void end(job *link)
{
    oj_code_destroy(link->code);
    assert_int_equal(link->client.n_live, 0);
}

static void archive_members_pulled_transitively_in_any_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        ojt_recipe upper = {0}, lower = {0};
        oj_archive *archives[2];
        oj_object *object = ojt_object_calling("main.o", "f", "one");
        job link;
        ojt_recipe_calling(&upper, "one", "two");
        ojt_recipe_returning(&upper, "unused", 1);
        ojt_recipe_calling(&upper, "three", "four");
        ojt_recipe_calling(&lower, "two", "three");
        ojt_recipe_returning(&lower, "four", 40);
        archives[order] = ojt_recipe_open(&upper);
        archives[1 - order] = ojt_recipe_open(&lower);
        init_job(&link, archives, 2);
        if (run(&link, object) != OJ_OK)
            fail_msg("%s", link.error.text);
        assert_int_equal(ojt_call(link.code, "f"), 44);
        assert_int_equal(link.stats.n_objects, 5);
        assert_null(oj_code_lookup(link.code, "unused"));
        oj_object_destroy(object);
        oj_archive_destroy(archives[0]);
        oj_archive_destroy(archives[1]);
        assert_int_equal(ojt_call(link.code, "f"), 44);
        end(&link);
    }
}

static void archive_member_of_defined_name_not_pulled(void **state)
{
    ojt_recipe made = {0};
    oj_archive *archive;
    oj_object *objects[] = {ojt_object_calling("main.o", "f", "g"), ojt_object_returning("g.o", "g", 7)};
    job link;
    (void)state;
    ojt_recipe_returning(&made, "g", 99);
    archive = ojt_recipe_open(&made);
    init_job(&link, &archive, 1);
    assert_int_equal(oj_link((const oj_object *const *)objects, 2, &link.options, &link.code, &link.error), OJ_OK);
    assert_int_equal(ojt_call(link.code, "f"), 8);
    assert_int_equal(link.stats.n_objects, 2);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
    oj_archive_destroy(archive);
    end(&link);
}

static void archive_first_archive_wins(void **state)
{
    ojt_recipe first = {0}, second = {0};
    oj_archive *archives[2];
    oj_object *object = ojt_object_calling("main.o", "f", "g");
    job link;
    (void)state;
    ojt_recipe_returning(&first, "g", 10);
    ojt_recipe_returning(&second, "g", 20);
    archives[0] = ojt_recipe_open(&first);
    archives[1] = ojt_recipe_open(&second);
    init_job(&link, archives, 2);
    assert_int_equal(run(&link, object), OJ_OK);
    assert_int_equal(ojt_call(link.code, "f"), 11);
    oj_object_destroy(object);
    oj_archive_destroy(archives[0]);
    oj_archive_destroy(archives[1]);
    end(&link);
}

static void archive_weak_reference_pulls_nothing(void **state)
{
    static const uint8_t zeroes[8];
    ojt_recipe made = {0};
    oj_archive *archive;
    oj_object *object;
    job link;
    ojt_elf elf;
    uint16_t data;
    (void)state;
    ojt_recipe_returning(&made, "g", 10);
    archive = ojt_recipe_open(&made);
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, zeroes, 8);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_symbol(&elf, "g", SHN_UNDEF, 0, 0, STB_WEAK, 0), 0);
    object = ojt_object(&elf, "main.o");
    init_job(&link, &archive, 1);
    assert_int_equal(run(&link, object), OJ_OK);
    assert_int_equal(link.stats.n_objects, 1);
    oj_object_destroy(object);
    oj_archive_destroy(archive);
    end(&link);
}

static void archive_lying_index_links_no_member_twice(void **state)
{
    ojt_recipe made = {0};
    oj_archive *archive;
    oj_object *object = ojt_object_calling("main.o", "f", "promised");
    job link;
    (void)state;
    ojt_recipe_returning(&made, "other", 10);
    ojt_recipe_index(&made, "promised", 0);
    archive = ojt_recipe_open(&made);
    init_job(&link, &archive, 1);
    assert_int_equal(run(&link, object), OJ_E_UNDEFINED);
    assert_string_equal(link.error.symbol, "promised");
    assert_null(link.code);
    oj_object_destroy(object);
    oj_archive_destroy(archive);
    end(&link);
}

static void archive_truth_in_second_archive_found_behind_a_lie(void **state)
{
    ojt_recipe lying = {0}, honest = {0};
    oj_archive *archives[2];
    oj_object *object = ojt_object_calling("main.o", "f", "promised");
    job link;
    (void)state;
    ojt_recipe_returning(&lying, "other", 10);
    ojt_recipe_index(&lying, "promised", 0);
    ojt_recipe_returning(&honest, "promised", 30);
    archives[0] = ojt_recipe_open(&lying);
    archives[1] = ojt_recipe_open(&honest);
    init_job(&link, archives, 2);
    assert_int_equal(run(&link, object), OJ_OK);
    assert_int_equal(ojt_call(link.code, "f"), 31);
    oj_object_destroy(object);
    oj_archive_destroy(archives[0]);
    oj_archive_destroy(archives[1]);
    end(&link);
}

static void archive_broken_member_fails_and_leaves_archive_usable(void **state)
{
    ojt_recipe made = {0};
    oj_archive *archive;
    oj_object *bad = ojt_object_calling("main.o", "f", "broken"), *good = ojt_object_calling("main.o", "f", "whole");
    job link;
    (void)state;
    ojt_recipe_returning(&made, "broken", 10);
    ojt_recipe_returning(&made, "whole", 20);
    made.members[0][EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
    archive = ojt_recipe_open(&made);
    for (int round = 0; round < 2; round++) {
        init_job(&link, &archive, 1);
        assert_true(run(&link, bad) != OJ_OK);
        assert_true(link.error.text[0] != '\0');
        assert_null(link.code);
        assert_string_equal(link.client.log, "");
        init_job(&link, &archive, 1);
        assert_int_equal(run(&link, good), OJ_OK);
        assert_int_equal(ojt_call(link.code, "f"), 21);
        end(&link);
    }
    oj_object_destroy(bad);
    oj_object_destroy(good);
    oj_archive_destroy(archive);
}

/* Two members that each define a name the other needs, and both define a third: a real duplicate. */
static void archive_duplicate_between_members_rejected(void **state)
{
    ojt_recipe made = {0};
    oj_archive *archive;
    oj_object *object = ojt_object_calling("main.o", "f", "one");
    job link;
    ojt_elf elf;
    uint8_t bytes[OJT_RETURN_SIZE];
    uint16_t text;
    (void)state;
    ojt_recipe_calling(&made, "one", "two");
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(bytes, 1), OJT_RETURN_SIZE);
    ojt_elf_add_global(&elf, "two", text, 0, OJT_RETURN_SIZE);
    ojt_elf_add_global(&elf, "one", text, 0, OJT_RETURN_SIZE);
    ojt_recipe_member(&made, &elf);
    ojt_recipe_index(&made, "two", 1);
    archive = ojt_recipe_open(&made);
    init_job(&link, &archive, 1);
    assert_int_equal(run(&link, object), OJ_E_DUPLICATE);
    assert_string_equal(link.error.symbol, "one");
    oj_object_destroy(object);
    oj_archive_destroy(archive);
    end(&link);
}

static void wanted_name_pulls_its_member(void **state)
{
    ojt_recipe made = {0};
    oj_archive *archive;
    oj_object *object = ojt_object_returning("main.o", "f", 1);
    oj_wanted wanted[] = {{"inside", 1}, {"f", 1}};
    job link;
    (void)state;
    ojt_recipe_returning(&made, "inside", 60);
    archive = ojt_recipe_open(&made);
    init_job(&link, &archive, 1);
    link.options.wanted = wanted;
    link.options.n_wanted = 2;
    assert_int_equal(run(&link, object), OJ_OK);
    assert_int_equal(link.stats.n_objects, 2);
    assert_int_equal(wanted[0].addr, oj_code_lookup_addr(link.code, "inside"));
    assert_int_equal(wanted[1].addr, oj_code_lookup_addr(link.code, "f"));
    assert_true(wanted[0].addr != 0 && wanted[1].addr != 0);
    oj_object_destroy(object);
    oj_archive_destroy(archive);
    end(&link);
}

static void wanted_name_not_defined_is_named_and_zeroed(void **state)
{
    oj_object *object = ojt_object_calling("main.o", "f", "getpid");
    oj_wanted wanted[] = {{"f", 1}, {"getpid", 1}};
    job link;
    (void)state;
    init_job(&link, NULL, 0);
    link.options.resolvers = NULL;
    link.options.n_resolvers = 0;
    link.options.wanted = wanted;
    link.options.n_wanted = 2;
    assert_int_equal(run(&link, object), OJ_E_NOT_FOUND);
    assert_string_equal(link.error.symbol, "getpid");
    assert_int_equal(wanted[0].addr, 0);
    assert_int_equal(wanted[1].addr, 0);
    assert_null(link.code);
    oj_object_destroy(object);
    end(&link);
}

static void wanted_names_zeroed_on_later_failure(void **state)
{
    oj_object *object = ojt_object_returning("main.o", "f", 1);
    oj_wanted wanted = {"f", 1};
    job link;
    (void)state;
    init_job(&link, NULL, 0);
    link.options.wanted = &wanted;
    link.options.n_wanted = 1;
    link.client.fail = 'p';
    link.client.fail_status = OJ_E_BUDGET;
    assert_int_equal(run(&link, object), OJ_E_BUDGET);
    assert_int_equal(wanted.addr, 0);
    link.client.fail = 0;
    assert_int_equal(run(&link, object), OJ_OK);
    assert_int_equal(wanted.addr, oj_code_lookup_addr(link.code, "f"));
    oj_object_destroy(object);
    end(&link);
}

static void wanted_hidden_weak_and_common_names_are_answered(void **state)
{
    oj_wanted wanted[] = {{"hidden", 0}, {"weak", 0}, {"shared", 0}};
    uint8_t bytes[OJT_RETURN_SIZE];
    oj_object *object;
    job link;
    ojt_elf elf;
    uint16_t text;
    (void)state;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(bytes, 1), OJT_RETURN_SIZE);
    ojt_elf_add_global(&elf, "hidden", text, 0, OJT_RETURN_SIZE);
    elf.symbols[1].st_other = STV_HIDDEN;
    ojt_elf_add_symbol(&elf, "weak", text, 5, 1, STB_WEAK, STT_FUNC);
    ojt_elf_add_symbol(&elf, "shared", SHN_COMMON, 16, 16, STB_GLOBAL, STT_OBJECT);
    object = ojt_object(&elf, "main.o");
    init_job(&link, NULL, 0);
    link.options.wanted = wanted;
    link.options.n_wanted = 3;
    assert_int_equal(run(&link, object), OJ_OK);
    assert_int_equal(wanted[0].addr, ojt_client_segment(&link.client, OJ_SEGMENT_CODE)->run_addr);
    assert_int_equal(wanted[1].addr, wanted[0].addr + 5);
    assert_int_equal(wanted[2].addr, ojt_client_segment(&link.client, OJ_SEGMENT_DATA)->run_addr);
    oj_object_destroy(object);
    end(&link);
}

/* Memory ends at each place in turn; at last f() gives `value`. */
static void fail_each_allocation(oj_archive *const *archives, size_t n_archives, oj_object *object, int value,
                                 uint64_t n_objects)
{
    bool was_met = true;
    for (size_t n = 1; was_met; n++) {
        ojt_heap heap;
        job link;
        oj_status status;
        init_job(&link, archives, n_archives);
        ojt_heap_init(&heap);
        heap.fail_at = n;
        link.options.allocator = &heap.table;
        status = run(&link, object);
        was_met = heap.n_calls >= n;
        if (status != (was_met ? OJ_E_NOMEM : OJ_OK))
            fail_msg("allocation %zu: %s", n, link.error.text);
        if (status == OJ_OK) {
            assert_int_equal(ojt_call(link.code, "f"), value);
            assert_int_equal(link.stats.n_objects, n_objects);
        }
        end(&link);
        assert_int_equal(heap.n_live, 0);
    }
}

/* Versions of names that only a member defines: memory ends at each place. */
static void archive_member_with_versions_survives_every_allocation(void **state)
{
    oj_object *object = ojt_object_calling("main.o", "f", "one@@V");
    ojt_recipe recipe = {0};
    oj_archive *archive;
    (void)state;
    ojt_recipe_returning(&recipe, "one@V", 1);
    ojt_recipe_returning(&recipe, "one@@V", 2);
    archive = ojt_recipe_open(&recipe);
    fail_each_allocation(&archive, 1, object, 3, 2);
    oj_object_destroy(object);
    oj_archive_destroy(archive);
}

static void recipe_of_shared(ojt_recipe *recipe, const uint32_t *value)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "h", "i", "j", "k",
                                        "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    ojt_elf elf;
    ojt_elf_init(&elf);
    /* As many others as need more room than there is at first. */
    for (size_t i = 0; i < OJI_COUNT(names); i++)
        ojt_elf_add_symbol(&elf, names[i], SHN_ABS, 1, 0, STB_GLOBAL, STT_NOTYPE);
    ojt_elf_add_symbol(&elf, "shared", value ? ojt_elf_add_data(&elf, value, 4) : SHN_COMMON, value ? 0 : 4, 4,
                       STB_GLOBAL, STT_OBJECT);
    ojt_recipe_member(recipe, &elf);
    ojt_recipe_index(recipe, "shared", recipe->n_members - 1);
}

/* A member that has it as common, too, is in an archive's index as well, and adds nothing. Memory ends at each
 * place. */
static void archive_common_pulls_its_definition(void **state)
{
    static const uint32_t value = 5;
    ojt_recipe common = {0}, data = {0};
    oj_archive *archives[2];
    oj_object *object;
    ojt_elf elf;
    uint16_t text;
    uint32_t f, shared;
    (void)state;
    recipe_of_shared(&common, NULL);
    recipe_of_shared(&data, &value);
    archives[0] = ojt_recipe_open(&common);
    archives[1] = ojt_recipe_open(&data);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_loading_code, sizeof ojt_loading_code);
    f = ojt_elf_add_global(&elf, "f", text, 0, sizeof ojt_loading_code);
    shared = ojt_elf_add_symbol(&elf, "shared", SHN_COMMON, 4, 4, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_load(&elf, text, 0, f, shared);
    object = ojt_object(&elf, "main.o");
    fail_each_allocation(archives, 1, object, 0, 1);
    fail_each_allocation(archives, 2, object, 5, 2);
    oj_object_destroy(object);
    oj_archive_destroy(archives[0]);
    oj_archive_destroy(archives[1]);
}

OJT_MAIN(cmocka_unit_test(archive_common_pulls_its_definition),
         cmocka_unit_test(archive_member_with_versions_survives_every_allocation),
         cmocka_unit_test(archive_members_pulled_transitively_in_any_order),
         cmocka_unit_test(archive_member_of_defined_name_not_pulled), cmocka_unit_test(archive_first_archive_wins),
         cmocka_unit_test(archive_weak_reference_pulls_nothing),
         cmocka_unit_test(archive_lying_index_links_no_member_twice),
         cmocka_unit_test(archive_truth_in_second_archive_found_behind_a_lie),
         cmocka_unit_test(archive_broken_member_fails_and_leaves_archive_usable),
         cmocka_unit_test(archive_duplicate_between_members_rejected), cmocka_unit_test(wanted_name_pulls_its_member),
         cmocka_unit_test(wanted_name_not_defined_is_named_and_zeroed),
         cmocka_unit_test(wanted_names_zeroed_on_later_failure),
         cmocka_unit_test(wanted_hidden_weak_and_common_names_are_answered))
