/* Nothing is allocated outside oj_allocator: every public entry that needs no LLVM runs with a heap of the client's for
 * each handle, while malloc is watched. What is left to libc is listed by the last tests. */
#include "link/linktest.h"
#include "support/ar.h"
#include "test_allocator_watch.h"

#include <dlfcn.h>

static void allocator_watch_sees_every_call(void **state)
{
    void *volatile kept;
    int (*volatile align)(void **, size_t, size_t) = posix_memalign;
    char *(*volatile copy)(const char *) = strdup;
    (void)state;
    /* Valgrind has its own malloc, too. */
    if (!OJT_WATCHES || getenv("OJT_VALGRIND"))
        skip();
    ojt_watch();
    kept = malloc(10);
    free(kept);
    kept = calloc(2, 5);
    kept = realloc(kept, 30);
    free(kept);
    assert_int_equal(align((void **)&kept, 64, 64), 0);
    free(kept);
    kept = copy("by libc for us");
    free(kept);
    ojt_watch_end();
    assert_int_equal(ojt_n_by_program, 4);
    assert_int_equal(ojt_n_by_others, 1);
    assert_int_equal(ojt_n_freed, 4);
    kept = malloc(1);
    free(kept);
    assert_int_equal(ojt_n_by_program, 4);
    assert_int_equal(ojt_n_freed, 4);
}

/* --- inputs, made before the watch begins ------------------------------------------------------------------------- */

enum { N_FUNCTIONS = 30, N_SECTIONS = 12, ARCHIVE_SIZE = 8192 };

typedef struct inputs {
    ojt_counted heap;
    uint8_t *caller; /* caller() calls callee(), loads a variable, has a common symbol */
    size_t caller_size;
    uint8_t *callee; /* callee() and function_0 .. */
    size_t callee_size;
    uint8_t *sections; /* code in sections that call each other */
    uint8_t *weak_sections;
    size_t sections_size;
    uint8_t archive[ARCHIVE_SIZE]; /* of callee */
    size_t archive_size;
    oj_object_options object_options;
    oj_link_options link_options;
    oj_error error;
} inputs;

static char function_names[N_FUNCTIONS][16];

static void make_callee(inputs *in)
{
    static uint8_t code[(N_FUNCTIONS + 1) * 16];
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    for (uint32_t i = 0; i <= N_FUNCTIONS; i++)
        ojt_return_code(code + 16 * i, 10 + i);
    text = ojt_elf_add_code(&elf, code, sizeof code);
    ojt_elf_add_symbol(&elf, "local", text, 0, OJT_RETURN_SIZE, STB_LOCAL, STT_FUNC);
    ojt_elf_add_global(&elf, "callee", text, 0, OJT_RETURN_SIZE);
    for (uint32_t i = 0; i < N_FUNCTIONS; i++) {
        snprintf(function_names[i], sizeof function_names[i], "function_%u", i);
        ojt_elf_add_global(&elf, function_names[i], text, 16 * (i + 1), OJT_RETURN_SIZE);
    }
    in->callee = ojt_elf_finish(&elf, &in->callee_size);
}

static void make_caller(inputs *in)
{
    static const uint8_t data[16];
    ojt_elf elf;
    uint16_t text, section;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_calling_code, sizeof ojt_calling_code);
    section = ojt_elf_add_data(&elf, data, sizeof data);
    ojt_elf_add_section(&elf, ".bss", SHF_ALLOC | SHF_WRITE, 8, NULL, 40);
    ojt_elf_add_global(&elf, "caller", text, 0, sizeof ojt_calling_code);
    ojt_elf_add_symbol(&elf, "shared", SHN_COMMON, 8, 64, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "callee"));
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "strlen"), 0);
    in->caller = ojt_elf_finish(&elf, &in->caller_size);
}

static uint8_t *make_sections(inputs *in, unsigned binding)
{
    static char names[N_SECTIONS][16], section_names[N_SECTIONS][24];
    ojt_elf elf;
    uint16_t sections[N_SECTIONS];
    uint32_t symbols[N_SECTIONS];
    ojt_elf_init(&elf);
    for (uint32_t i = 0; i < N_SECTIONS; i++) {
        snprintf(names[i], sizeof names[i], "part_%u", i);
        snprintf(section_names[i], sizeof section_names[i], ".text.part_%u", i);
        sections[i] = ojt_elf_add_section(&elf, section_names[i], SHF_ALLOC | SHF_EXECINSTR, 16, ojt_calling_code,
                                          sizeof ojt_calling_code);
        symbols[i] = ojt_elf_add_symbol(&elf, names[i], sections[i], 0, sizeof ojt_calling_code, binding, STT_FUNC);
    }
    for (uint32_t i = 0; i < N_SECTIONS; i++)
        ojt_elf_add_call(&elf, sections[i], 0, symbols[(i + 1) % N_SECTIONS]);
    return ojt_elf_finish(&elf, &in->sections_size);
}

/* One member, "m.o", whose index has `callee` alone; thin: the member is a file. */
static void make_archive(inputs *in, bool is_thin)
{
    static const uint8_t index[] = {0, 0, 0, 1, 0, 0, 0, 0, 'c', 'a', 'l', 'l', 'e', 'e', 0, 0};
    size_t end = SARMAG, field;
    memset(in->archive, 0, sizeof in->archive);
    memcpy(in->archive, is_thin ? "!<thin>\n" : ARMAG, SARMAG);
    end += ojt_ar_put_header(in->archive + end, "/", sizeof index);
    field = end + 4;
    memcpy(in->archive + end, index, sizeof index);
    end += sizeof index;
    if (is_thin) {
        end += ojt_ar_put_header(in->archive + end, "//", 6);
        memcpy(in->archive + end, "m.o/\n\n", 6);
        end += 6;
    }
    in->archive[field + 2] = (uint8_t)(end >> 8);
    in->archive[field + 3] = (uint8_t)end;
    end += ojt_ar_put_header(in->archive + end, is_thin ? "/0" : "m.o/", in->callee_size);
    if (!is_thin) {
        assert_true(end + in->callee_size <= sizeof in->archive);
        memcpy(in->archive + end, in->callee, in->callee_size);
        end += in->callee_size;
    }
    in->archive_size = end;
}

static void begin(inputs *in)
{
    memset(in, 0, sizeof *in);
    ojt_counted_init(&in->heap);
    make_callee(in);
    make_caller(in);
    in->sections = make_sections(in, STB_GLOBAL);
    in->weak_sections = make_sections(in, STB_WEAK);
    make_archive(in, false);
    oj_object_options_init(&in->object_options);
    in->object_options.allocator = &in->heap.table;
    oj_link_options_init(&in->link_options);
    in->link_options.allocator = &in->heap.table;
}

static void end(inputs *in)
{
    ojt_expect_all_given_back(&in->heap);
    free(in->caller);
    free(in->callee);
    free(in->sections);
    free(in->weak_sections);
}

static oj_object *read_object(inputs *in, const uint8_t *bytes, size_t size)
{
    oj_object *object;
    assert_int_equal(oj_object_create(&object, bytes, size, &in->object_options, &in->error), OJ_OK);
    return object;
}

/* --- objects and archives ----------------------------------------------------------------------------------------- */

static void ask_object(const oj_object *object)
{
    oj_section_info section;
    oj_symbol_info symbol;
    oj_relocation_info relocation;
    assert_non_null(oj_object_architecture(object));
    assert_true(strlen(oj_object_name(object)) > 0);
    for (size_t i = 0; i < oj_object_section_count(object); i++) {
        assert_int_equal(oj_object_section(object, i, &section, sizeof section), OJ_OK);
        for (size_t r = 0; r < section.n_relocations; r++)
            assert_int_equal(oj_object_relocation(object, i, r, &relocation, sizeof relocation), OJ_OK);
    }
    for (size_t i = 0; i < oj_object_symbol_count(object); i++)
        assert_int_equal(oj_object_symbol(object, i, &symbol, sizeof symbol), OJ_OK);
}

static void allocator_objects(void **state)
{
    inputs in;
    oj_object *object;
    (void)state;
    begin(&in);
    ojt_watch();
    for (uint32_t flags = 0; flags <= (OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG); flags++) {
        in.object_options.flags = flags;
        in.object_options.name = "named.o";
        object = read_object(&in, in.callee, in.callee_size);
        ask_object(object);
        oj_object_destroy(object);
    }
    for (size_t size = 0; size < in.caller_size; size += 7)
        assert_int_not_equal(oj_object_create(&object, in.caller, size, &in.object_options, &in.error), OJ_OK);
    assert_true(strlen(oj_status_text(in.error.status)) > 0 && strlen(oj_status_name(in.error.status)) > 0);
    assert_int_equal(oj_version(), OJ_VERSION_NUMBER);
    for (size_t i = 0; oj_link_architecture(i); i++)
        assert_true(strlen(oj_link_architecture(i)) > 0);
    ojt_expect_no_heap("objects");
    end(&in);
}

static oj_archive *read_archive(inputs *in, uint32_t flags, const char *name)
{
    oj_archive_options options;
    oj_archive *archive;
    oj_archive_options_init(&options);
    options.flags = flags;
    options.name = name;
    options.allocator = &in->heap.table;
    assert_int_equal(oj_archive_create(&archive, in->archive, in->archive_size, &options, &in->error), OJ_OK);
    return archive;
}

static void ask_archive(oj_archive *archive)
{
    const oj_object *member;
    oj_error error;
    assert_int_equal(oj_archive_symbol_count(archive), 1);
    assert_string_equal(oj_archive_symbol(archive, 0), "callee");
    assert_int_equal(oj_archive_lookup(archive, "absent", &member, &error), OJ_E_NOT_FOUND);
    if (oj_archive_lookup(archive, "callee", &member, &error) != OJ_OK)
        fail_msg("%s", error.text);
    ask_object(member);
}

static void allocator_archives(void **state)
{
    inputs in;
    oj_archive *archive;
    (void)state;
    begin(&in);
    ojt_watch();
    for (uint32_t flags = 0; flags <= OJ_OBJECT_BORROW; flags++) {
        archive = read_archive(&in, flags, "libm.a");
        ask_archive(archive);
        oj_archive_destroy(archive);
    }
    ojt_expect_no_heap("archives");
    end(&in);
}

static void allocator_thin_archives(void **state)
{
    char folder[] = "/tmp/ownjit-test-XXXXXX", member[64], name[64];
    inputs in;
    oj_archive *archive;
    const oj_object *absent;
    FILE *file;
    (void)state;
    begin(&in);
    make_archive(&in, true);
    assert_non_null(mkdtemp(folder));
    snprintf(member, sizeof member, "%s/m.o", folder);
    snprintf(name, sizeof name, "%s/libm.a", folder);
    file = fopen(member, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(in.callee, 1, in.callee_size, file), in.callee_size);
    fclose(file);
    ojt_watch();
    archive = read_archive(&in, 0, name);
    ask_archive(archive);
    oj_archive_destroy(archive);
    archive = read_archive(&in, 0, "/nowhere/libm.a");
    assert_int_equal(oj_archive_lookup(archive, "callee", &absent, &in.error), OJ_E_SYSTEM);
    oj_archive_destroy(archive);
    ojt_expect_no_heap("thin archives");
    unlink(member);
    rmdir(folder);
    end(&in);
}

/* --- links -------------------------------------------------------------------------------------------------------- */

static void ask_code(const oj_code *code, const char *name)
{
    oj_code_symbol_info symbol;
    oj_segment segment;
    assert_non_null(oj_code_lookup(code, name));
    assert_int_equal(oj_code_lookup_addr(code, "absent"), 0);
    for (size_t i = 0; i < oj_code_symbol_count(code); i++)
        assert_int_equal(oj_code_symbol(code, i, &symbol, sizeof symbol), OJ_OK);
    for (size_t i = 0; i < oj_code_segment_count(code); i++)
        assert_int_equal(oj_code_segment(code, i, &segment, sizeof segment), OJ_OK);
    assert_true(oj_code_heap_size(code) > 0);
    assert_int_equal(oj_code_record_count(code), 0);
}

/* Both objects, with every kind of resolver, wanted names and statistics. */
static void link_with_everything(inputs *in, uint32_t flags)
{
    static oj_definition table[100];
    oj_object *objects[2] = {read_object(in, in->caller, in->caller_size),
                             read_object(in, in->callee, in->callee_size)};
    oj_wanted wanted = {"caller", 0};
    oj_resolver resolvers[3] = {oj_resolver_objects(), oj_resolver_table(table, OJI_COUNT(table)),
                                oj_resolver_process()};
    oj_link_stats stats;
    oj_code *code;
    for (size_t i = 0; i < OJI_COUNT(table); i++)
        table[i].name = "not_asked_for";
    in->link_options.flags = flags;
    in->link_options.resolvers = resolvers;
    in->link_options.n_resolvers = 3;
    in->link_options.wanted = &wanted;
    in->link_options.n_wanted = 1;
    in->link_options.stats = &stats;
    in->link_options.stats_size = sizeof stats;
    if (oj_link((const oj_object *const *)objects, 2, &in->link_options, &code, &in->error) != OJ_OK)
        fail_msg("%s", in->error.text);
    assert_int_equal(ojt_call_at(wanted.addr), 11);
    if (!(flags & OJ_LINK_KEEP_NO_SYMBOLS))
        ask_code(code, "caller");
    oj_code_destroy(code);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void allocator_links(void **state)
{
    static const uint32_t flags[] = {0,
                                     OJ_LINK_KEEP_NO_SYMBOLS,
                                     OJ_LINK_KEEP_LOCAL_SYMBOLS,
                                     OJ_LINK_WHOLE_PAGES,
                                     OJ_LINK_NO_UNWIND,
                                     OJ_LINK_PRIVATE_MEMORY,
                                     OJ_LINK_SECTIONS_SINGLY};
    inputs in;
    (void)state;
    begin(&in);
    ojt_watch();
    for (size_t i = 0; i < OJI_COUNT(flags); i++)
        link_with_everything(&in, flags[i]);
    ojt_expect_no_heap("links");
    end(&in);
}

/* More segments than any link of the usual kind has: 16 objects with a section each for every one of N_SECTIONS. */
static void allocator_many_sections_singly(void **state)
{
    enum { N_OBJECTS = 16 };
    oj_object *objects[N_OBJECTS];
    inputs in;
    oj_code *code;
    (void)state;
    begin(&in);
    ojt_watch();
    for (size_t i = 0; i < N_OBJECTS; i++)
        objects[i] = read_object(&in, i == 0 ? in.sections : in.weak_sections, in.sections_size);
    in.link_options.flags = OJ_LINK_SECTIONS_SINGLY;
    if (oj_link((const oj_object *const *)objects, N_OBJECTS, &in.link_options, &code, &in.error) != OJ_OK)
        fail_msg("%s", in.error.text);
    assert_int_equal(oj_code_segment_count(code), N_OBJECTS * N_SECTIONS);
    oj_code_destroy(code);
    for (size_t i = 0; i < N_OBJECTS; i++)
        oj_object_destroy(objects[i]);
    ojt_expect_no_heap("many sections placed singly");
    end(&in);
}

/* The callee's address, or nothing. */
static oj_status resolve_callee(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        queries[i].found = strcmp(queries[i].name, "callee") == 0 || strcmp(queries[i].name, "strlen") == 0;
        queries[i].addr = oj_code_lookup_addr(context, "callee");
    }
    return OJ_OK;
}

static void ignore_undefined(void *context, const oj_undefined *undefined)
{
    (void)undefined;
    ++*(size_t *)context;
}

static void allocator_links_with_code_callbacks_and_libraries(void **state)
{
    inputs in;
    oj_object *caller, *callee;
    oj_code *code, *other;
    oj_resolver resolvers[4] = {oj_resolver_objects()};
    void *library = dlopen(NULL, RTLD_NOW);
    size_t n_undefined = 0;
    (void)state;
    begin(&in);
    ojt_watch();
    caller = read_object(&in, in.caller, in.caller_size);
    callee = read_object(&in, in.callee, in.callee_size);
    assert_int_equal(oj_link((const oj_object *const *)&callee, 1, &in.link_options, &other, &in.error), OJ_OK);
    resolvers[1] = oj_resolver_code(other);
    resolvers[2] = oj_resolver_library(library);
    resolvers[3] = oj_resolver_callback(resolve_callee, other);
    in.link_options.resolvers = resolvers;
    in.link_options.n_resolvers = 3;
    assert_int_equal(oj_link((const oj_object *const *)&caller, 1, &in.link_options, &code, &in.error), OJ_OK);
    assert_int_equal(ojt_call(code, "caller"), 11);
    oj_code_destroy(code);
    resolvers[1] = resolvers[3];
    in.link_options.n_resolvers = 2;
    assert_int_equal(oj_link((const oj_object *const *)&caller, 1, &in.link_options, &code, &in.error), OJ_OK);
    assert_int_equal(ojt_call(code, "caller"), 11);
    oj_code_destroy(code);
    in.link_options.n_resolvers = 1;
    in.link_options.undefined = ignore_undefined;
    in.link_options.undefined_context = &n_undefined;
    assert_int_equal(oj_link((const oj_object *const *)&caller, 1, &in.link_options, &code, &in.error), OJ_E_UNDEFINED);
    assert_int_equal(n_undefined, 2);
    oj_code_destroy(other);
    oj_object_destroy(caller);
    oj_object_destroy(callee);
    ojt_expect_no_heap("resolvers");
    dlclose(library);
    end(&in);
}

static void allocator_links_with_archives(void **state)
{
    inputs in;
    oj_object *caller;
    oj_archive *archive;
    oj_code *code;
    (void)state;
    begin(&in);
    ojt_watch();
    caller = read_object(&in, in.caller, in.caller_size);
    archive = read_archive(&in, 0, "libm.a");
    in.link_options.archives = &archive;
    in.link_options.n_archives = 1;
    if (oj_link((const oj_object *const *)&caller, 1, &in.link_options, &code, &in.error) != OJ_OK)
        fail_msg("%s", in.error.text);
    assert_int_equal(ojt_call(code, "caller"), 11);
    oj_code_destroy(code);
    oj_archive_destroy(archive);
    oj_object_destroy(caller);
    ojt_expect_no_heap("links with archives");
    end(&in);
}

static void allocator_link_bytes_right_and_wrong(void **state)
{
    inputs in;
    oj_code *code;
    (void)state;
    begin(&in);
    ojt_watch();
    assert_int_equal(oj_link_bytes(in.callee, in.callee_size, &in.link_options, &code, &in.error), OJ_OK);
    assert_int_equal(ojt_call(code, "function_3"), 14);
    oj_code_destroy(code);
    for (size_t size = 0; size < in.callee_size; size += 11)
        assert_int_not_equal(oj_link_bytes(in.callee, size, &in.link_options, &code, &in.error), OJ_OK);
    ojt_expect_no_heap("oj_link_bytes");
    end(&in);
}

/* --- plans, by hand, take-over, patches --------------------------------------------------------------------------- */

static void write_by_hand(inputs *in, oj_plan *plan)
{
    static _Alignas(4096) uint8_t buffers[16][4096];
    oj_segment segments[16];
    oj_range_info range;
    oj_code *code;
    size_t n = oj_plan_segment_count(plan);
    assert_true(n <= OJI_COUNT(segments));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(oj_plan_segment(plan, i, &segments[i], sizeof segments[i]), OJ_OK);
        segments[i].write = buffers[i];
        segments[i].run_addr = 0x10000 + i * sizeof buffers[0];
    }
    for (size_t i = 0; i < oj_plan_range_count(plan); i++)
        assert_int_equal(oj_plan_range(plan, i, &range, sizeof range), OJ_OK);
    assert_int_equal(oj_plan_write(plan, segments, n, &code, &in->error), OJ_OK);
    ask_code(code, "part_0");
    oj_code_destroy(code);
    segments[0].write = NULL;
    assert_int_equal(oj_plan_write(plan, segments, n, &code, &in->error), OJ_E_PLACEMENT);
}

static void allocator_plans(void **state)
{
    static const uint32_t flags[] = {0, OJ_LINK_SECTIONS_SINGLY};
    inputs in;
    (void)state;
    begin(&in);
    ojt_watch();
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        oj_object *object = read_object(&in, in.sections, in.sections_size);
        oj_plan *plan;
        oj_code *code;
        in.link_options.flags = flags[i];
        assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &in.link_options, &in.error),
                         OJ_OK);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(oj_plan_link(plan, &code, &in.error), OJ_OK);
            oj_code_destroy(code);
        }
        write_by_hand(&in, plan);
        oj_plan_destroy(plan);
        oj_object_destroy(object);
    }
    ojt_expect_no_heap("plans");
    end(&in);
}

/* Many segments, so that what a few of them have on the stack does not do. */
static void allocator_take_over_and_patch(void **state)
{
    static const uint8_t trap = 0xcc;
    inputs in;
    oj_object *object;
    oj_segment segments[16];
    oj_taken taken;
    oj_code *code;
    oj_status status;
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    begin(&in);
    ojt_watch();
    object = read_object(&in, in.sections, in.sections_size);
    in.link_options.flags = OJ_LINK_SECTIONS_SINGLY;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &in.link_options, &code, &in.error), OJ_OK);
    oj_object_destroy(object);
    status = oj_code_patch(code, oj_code_lookup_addr(code, "part_5"), &trap, 1, 0, &in.error);
    if (status != OJ_OK)
        fail_msg("%s", in.error.text);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 1;
    assert_int_equal(oj_code_take_over(code, &taken, &in.error), OJ_E_MISUSE);
    taken.n_segments = OJI_COUNT(segments);
    assert_int_equal(oj_code_take_over(code, &taken, &in.error), OJ_OK);
    assert_int_equal(in.heap.n_live, 0);
    assert_int_equal(oj_taken_release(&taken, &in.error), OJ_OK);
    ojt_expect_no_heap("take-over and patches");
    end(&in);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static void fill_provider(inputs *in, const oj_memory *memory)
{
    enum { N = 600 };
    static oj_code *codes[N];
    oj_memory_stats stats;
    in->link_options.memory = memory;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < N; i++) {
            in->link_options.flags = i % 100 == 99 ? OJ_LINK_WHOLE_PAGES : i % 100 == 98 ? OJ_LINK_PRIVATE_MEMORY : 0;
            if (oj_link_bytes(in->callee, in->callee_size, &in->link_options, &codes[i], &in->error) != OJ_OK)
                fail_msg("%s", in->error.text);
        }
        assert_int_equal(oj_memory_get_stats(memory, &stats, sizeof stats, &in->error), OJ_OK);
        assert_int_equal(stats.n_placements, N);
        for (size_t i = 0; i < N; i++)
            oj_code_destroy(codes[i]);
    }
}

static void allocator_memory_providers(void **state)
{
    static const uint32_t modes[] = {OJ_MEMORY_MODE_DEFAULT, OJ_MEMORY_MODE_VIEWS, OJ_MEMORY_MODE_PRIVATE};
    inputs in;
    oj_memory_options options;
    oj_memory *memory;
    int n_tried = 0;
    (void)state;
    begin(&in);
    oj_memory_options_init(&options);
    options.allocator = &in.heap.table;
    options.slab_size = 1 << 20;
    ojt_watch();
    for (size_t i = 0; i < OJI_COUNT(modes); i++) {
        options.mode = modes[i];
        if (oj_memory_create(&memory, &options, &in.error) != OJ_OK)
            continue;
        assert_true(strlen(oj_memory_mode_name(oj_memory_mode_in_use(memory))) > 0);
        fill_provider(&in, memory);
        assert_int_equal(oj_memory_destroy(memory, &in.error), OJ_OK);
        n_tried++;
    }
    options.budget = 1;
    options.mode = 0;
    assert_int_equal(oj_memory_create(&memory, &options, &in.error), OJ_OK);
    in.link_options.memory = memory;
    oj_code *code;
    assert_int_equal(oj_link_bytes(in.callee, in.callee_size, &in.link_options, &code, &in.error), OJ_E_BUDGET);
    assert_int_equal(oj_memory_destroy(memory, &in.error), OJ_OK);
    ojt_expect_no_heap("memory providers");
    assert_true(n_tried > 1);
    end(&in);
}

/* A client's table asks for nothing of the library's but bookkeeping. */
static oj_status place_static(void *context, oj_placement *placement, oj_error *error)
{
    static _Alignas(4096) uint8_t memory[4][4096];
    (void)context;
    (void)error;
    assert_true(placement->n_segments <= OJI_COUNT(memory));
    for (size_t i = 0; i < placement->n_segments; i++) {
        placement->segments[i].write = memory[i];
        placement->segments[i].run_addr = (uint64_t)(uintptr_t)memory[i];
    }
    return OJ_OK;
}

static void allocator_client_memory(void **state)
{
    inputs in;
    oj_memory memory;
    oj_code *code;
    (void)state;
    begin(&in);
    oj_memory_init(&memory);
    memory.flags = OJ_PERMISSIONS_BY_CLIENT;
    memory.place = place_static;
    in.link_options.memory = &memory;
    ojt_watch();
    assert_int_equal(oj_link_bytes(in.callee, in.callee_size, &in.link_options, &code, &in.error), OJ_OK);
    ask_code(code, "callee");
    oj_code_destroy(code);
    ojt_expect_no_heap("a client's memory");
    end(&in);
}

/* The default provider has no allocator to be given: it takes no heap at all. */
static void allocator_default_provider_takes_none(void **state)
{
    inputs in;
    oj_code *code;
    (void)state;
    begin(&in);
    ojt_watch();
    assert_non_null(oj_memory_default());
    assert_int_equal(oj_link_bytes(in.callee, in.callee_size, &in.link_options, &code, &in.error), OJ_OK);
    oj_code_destroy(code);
    ojt_expect_no_heap("the default provider");
    end(&in);
}

/* --- what is libc's ----------------------------------------------------------------------------------------------- */

/* dlsym() writes a message on libc's heap for a name that it does not find, and frees it at the next one. */
static void allocator_unknown_process_names_take_libcs_heap_only(void **state)
{
    inputs in;
    oj_code *code;
    (void)state;
    begin(&in);
    ojt_watch();
    assert_int_equal(oj_link_bytes(in.caller, in.caller_size, &in.link_options, &code, &in.error), OJ_E_UNDEFINED);
    ojt_expect_no_heap_of_ours("names that the process does not have");
    assert_in_range(ojt_n_by_others, 0, 8);
    end(&in);
}

OJT_MAIN(cmocka_unit_test(allocator_watch_sees_every_call), cmocka_unit_test(allocator_objects),
         cmocka_unit_test(allocator_archives), cmocka_unit_test(allocator_thin_archives),
         cmocka_unit_test(allocator_links), cmocka_unit_test(allocator_many_sections_singly),
         cmocka_unit_test(allocator_links_with_code_callbacks_and_libraries),
         cmocka_unit_test(allocator_links_with_archives), cmocka_unit_test(allocator_link_bytes_right_and_wrong),
         cmocka_unit_test(allocator_plans), cmocka_unit_test(allocator_take_over_and_patch),
         cmocka_unit_test(allocator_memory_providers), cmocka_unit_test(allocator_client_memory),
         cmocka_unit_test(allocator_default_provider_takes_none),
         cmocka_unit_test(allocator_unknown_process_names_take_libcs_heap_only))
