/* Every call of the heap and of the system that the library makes fails in turn, for the parts that hold more than
 * memory: sessions, constructors, thread-local variables, unwind tables, debuggers' and profilers' files, patches.
 *
 * A round is: make everything, use it, end it, with one call failing. Each time the status is right, the text says
 * something, nothing is left (heap blocks, mappings, descriptors), and the same round succeeds when nothing fails. */
#include "fault/failing_calls.h"
#include "unit/test_tls_support.h"

#include "unit/archive_recipe.h"
#include "unit/session_support.h"
#include "unit/stackmap_writer.h"

#include <sys/wait.h>

/* Fails for want of memory, like the heap that it has inside the C library. */
int __cxa_atexit(void (*function)(void *), void *object, void *dso_handle);
OJT_REPLACED int __cxa_atexit(void (*function)(void *), void *object, void *dso_handle)
{
    static int (*next)(void (*)(void *), void *, void *);
    if (ojt_fails("__cxa_atexit", false))
        return -1;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "__cxa_atexit");
    return next(function, object, dso_handle);
}

/* --- inputs, made before anything fails --------------------------------------------------------------------------- */

/* A CIE of 24 bytes and an FDE of 24, whose function lies where a relocation says. */
static const uint8_t eh_frame[48] = {20, 0,    0,    0, 0, 0,    0, 0, 1, 'z', 'R', 0,    1,  0x78, 16,
                                     1,  0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, 20,  0,   0,    0,  28,   0,
                                     0,  0,    0,    0, 0, 0,    6, 0, 0, 0,   0,   0x44, 14, 16};
enum { FDE_ADDR = 32 };

static int n_constructed, n_destroyed;
static void construct(int n, char **arguments, char **environment)
{
    (void)n;
    (void)arguments;
    (void)environment;
    n_constructed++;
}

static void destruct(void) { n_destroyed++; }

typedef struct inputs {
    oj_object *everything;  /* function f, unwind table, stack map, constructor, destructor */
    oj_object *variables;   /* thread-local */
    oj_object *at_distance; /* thread-local, at a constant distance from the thread pointer */
    oj_object *described;   /* everything, with debug information */
    oj_object *modules[3];
    oj_archive *archive;
    oj_definition table[2];
    oj_resolver resolvers[2];
    ojt_stackmap stackmap;
} inputs;

static oj_object *make_everything(ojt_stackmap *map)
{
    static const uint8_t list[8];
    static uint8_t code[16];
    ojt_elf elf;
    uint16_t text, section;
    uint32_t f;
    ojt_put_header(map, 1, 0, 1);
    ojt_put_function(map, 0, 8, 1);
    ojt_put_empty_record(map, 7, 2);
    ojt_elf_init(&elf);
    memset(code, 0x90, sizeof code);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 42), sizeof code);
    f = ojt_elf_add_global(&elf, "f", text, 0, OJT_RETURN_SIZE);
    section = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, eh_frame, sizeof eh_frame);
    ojt_elf_add_reloc(&elf, section, FDE_ADDR, OJT_R_WORD_DISTANCE, f, 0);
    section = ojt_elf_add_section(&elf, ".llvm_stackmaps", SHF_ALLOC, 8, map->bytes, map->size);
    ojt_elf_add_addr(&elf, section, 16, f, 0);
    section = ojt_elf_add_section(&elf, ".init_array", SHF_ALLOC | SHF_WRITE, 8, list, sizeof list);
    elf.sections[section - 1].type = SHT_INIT_ARRAY;
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "construct"), 0);
    section = ojt_elf_add_section(&elf, ".fini_array", SHF_ALLOC | SHF_WRITE, 8, list, sizeof list);
    elf.sections[section - 1].type = SHT_FINI_ARRAY;
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "destruct"), 0);
    return ojt_object(&elf, "everything.o");
}

/* A line program (DWARF 4, 6.2.4) of one file and two rows, and an unwind table for debuggers (6.4.1): a CIE of 20
 * bytes and an FDE of 20. */
static const uint8_t debug_line[] = {
    0x30, 0,    0,   0,    4,  0,           /* unit_length, version */
    0x18, 0,    0,   0,                     /* header_length */
    1,    1,    1,   0xfb, 14, 10,          /* min_inst, max_ops, default_is_stmt, line_base, line_range, opcode_base */
    0,    1,    1,   1,    1,  0,  0, 0, 1, /* standard_opcode_lengths */
    0,    'a',  '.', 'c',  0,  0,  0, 0, 0, /* no folders; a.c; the end */
    0,    9,    2,   0,    0,  0,  0, 0, 0, 0, 0, /* set_address: offset 37 */
    0x13, 0x21, 2,   6,    0,  1,  1};            /* two rows, advance_pc 6, end_sequence */
static const uint8_t debug_frame[48] = {20,   0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1,  0, 1, 0x78, 16, 12, 7, 8,
                                        0x90, 1, 0, 0, 0,    0,    0,    0,    20, 0, 0, 0,    0,  0,  0, 0};
enum { LINE_ADDR = 37, FRAME_ADDR = 32 };

/* Debuggers and profilers are told of its lines and frames. */
static oj_object *make_described(void)
{
    static const uint8_t info[16] = {12, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8};
    static uint8_t code[16];
    oj_object_options options;
    oj_object *object = NULL;
    oj_error error = {0};
    ojt_elf elf;
    uint16_t text, section;
    uint32_t f;
    size_t size;
    uint8_t *bytes;
    ojt_elf_init(&elf);
    memset(code, 0x90, sizeof code);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 42), sizeof code);
    f = ojt_elf_add_global(&elf, "f", text, 0, OJT_RETURN_SIZE);
    section = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, eh_frame, sizeof eh_frame);
    ojt_elf_add_reloc(&elf, section, FDE_ADDR, OJT_R_WORD_DISTANCE, f, 0);
    ojt_elf_add_section(&elf, ".debug_info", 0, 1, info, sizeof info);
    section = ojt_elf_add_section(&elf, ".debug_line", 0, 1, debug_line, sizeof debug_line);
    ojt_elf_add_addr(&elf, section, LINE_ADDR, f, 0);
    section = ojt_elf_add_section(&elf, ".debug_frame", 0, 8, debug_frame, sizeof debug_frame);
    ojt_elf_add_addr(&elf, section, FRAME_ADDR, f, 0);
    bytes = ojt_elf_finish(&elf, &size);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_WITH_DEBUG;
    if (oj_object_create(&object, bytes, size, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return object;
}

/* A circle of two modules, which calls into an archive and refers to an absolute symbol. */
static void make_modules(inputs *in)
{
    ojt_recipe recipe = {.n_members = 0};
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, "first", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "second", STB_GLOBAL);
    ojt_words_refer(&w, "absolute", STB_GLOBAL);
    ojt_words_refer(&w, "f", STB_GLOBAL);
    in->modules[0] = ojt_words_finish(&w, "first.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "second", 2, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "first", STB_GLOBAL);
    ojt_words_refer(&w, "call_g", STB_GLOBAL);
    in->modules[1] = ojt_words_finish(&w, "second.o");
    in->modules[2] = ojt_object_calling("call_g.o", "call_g", "g");
    ojt_recipe_returning(&recipe, "g", 3);
    in->archive = ojt_recipe_open(&recipe);
}

static void begin(inputs *in)
{
    memset(in, 0, sizeof *in);
    in->everything = make_everything(&in->stackmap);
    in->variables = ojt_tls_object(OJT_DYNAMIC);
    in->at_distance = ojt_tls_object(OJT_INITIAL_EXEC);
    in->described = make_described();
    make_modules(in);
    in->table[0] = (oj_definition){"construct", (uint64_t)(uintptr_t)construct};
    in->table[1] = (oj_definition){"destruct", (uint64_t)(uintptr_t)destruct};
    in->resolvers[0] = oj_resolver_objects();
    in->resolvers[1] = oj_resolver_table(in->table, 2);
}

static void end(inputs *in)
{
    oj_object_destroy(in->everything);
    oj_object_destroy(in->variables);
    oj_object_destroy(in->at_distance);
    oj_object_destroy(in->described);
    for (int i = 0; i < 3; i++)
        oj_object_destroy(in->modules[i]);
    oj_archive_destroy(in->archive);
}

/* --- rounds: each ends what it made, whatever fails --------------------------------------------------------------- */

typedef oj_status (*round_of)(inputs *in, const oj_memory *memory, oj_error *error);

static oj_status link_one(inputs *in, const oj_object *object, const oj_memory *memory, uint32_t flags, oj_code **code,
                          oj_error *error)
{
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    options.flags = flags;
    if (object == in->everything) {
        options.resolvers = in->resolvers;
        options.n_resolvers = 2;
    }
    return oj_link(&object, 1, &options, code, error);
}

/* The destructor runs with the end of the code, and only where its constructor has. */
static oj_status round_constructors(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status;
    n_constructed = n_destroyed = 0;
    status = link_one(in, in->everything, memory, OJ_LINK_RUN_CONSTRUCTORS, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    assert_int_equal(n_constructed, status == OJ_OK);
    oj_code_destroy(code);
    assert_int_equal(n_destroyed, n_constructed);
    return status;
}

/* A process that cannot load libgcc when it first links has no unwinder to tell, then and later. Asked of the system's
 * own function, which does not fail in turn. */
static bool has_unwinder(void)
{
    void *(*open_library)(const char *, int);
    void *libgcc;
    *(void **)&open_library = dlsym(RTLD_NEXT, "dlopen");
    libgcc = open_library("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (libgcc)
        dlclose(libgcc);
    return libgcc != NULL;
}

static oj_status round_take_over(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_segment segments[8];
    oj_record records[8];
    oj_unwind_info unwind;
    oj_error ignored;
    oj_taken taken;
    oj_code *code = NULL;
    OJI_TRY(link_one(in, in->everything, memory, OJ_LINK_WHOLE_PAGES | OJ_LINK_KEEP_UNWIND, &code, error));
    assert_int_equal(oj_code_unwind(code, 0, &unwind, sizeof unwind), OJ_OK);
    assert_true(has_unwinder() || (ojt_failed && strcmp(ojt_failed, "dlopen") == 0));
    assert_int_equal(unwind.is_registered, has_unwinder());
    assert_int_equal(oj_code_stackmap_count(code), 1);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = OJI_COUNT(segments);
    taken.records = records;
    taken.n_records = OJI_COUNT(records);
    assert_int_equal(oj_code_take_over(code, &taken, &ignored), OJ_OK);
    assert_int_equal(oj_taken_release(&taken, &ignored), OJ_OK);
    return OJ_OK;
}

static oj_status round_patch(inputs *in, const oj_memory *memory, oj_error *error)
{
    static const uint8_t nine = 9;
    oj_code *code = NULL;
    oj_status status;
    OJI_TRY(link_one(in, in->everything, memory, 0, &code, error));
    status = oj_code_patch(code, oj_code_lookup_addr(code, "f") + 1, &nine, 1, 0, error);
    assert_int_equal(ojt_call(code, "f"), status == OJ_OK ? 9 : 42);
    oj_code_destroy(code);
    return status;
}

static oj_status round_stackmap(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_stackmap *map = (oj_stackmap *)in;
    oj_status status = oj_stackmap_create(&map, in->stackmap.bytes, in->stackmap.size, NULL, error);
    (void)memory;
    assert_int_equal(status == OJ_OK, map != NULL);
    oj_stackmap_destroy(map);
    return status;
}

/* What accesses cannot fail for is made ahead. */
static oj_status round_variables(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status;
    OJI_TRY(link_one(in, in->variables, memory, 0, &code, error));
    status = oj_code_prepare_thread(code, error);
    if (status == OJ_OK)
        assert_int_equal(*(int *)ojt_tls_call(code, "address"), 1234);
    oj_code_destroy(code);
    return status;
}

/* What the dynamic linker cannot be asked for without memory is answered by its own refusal. */
static oj_status round_at_distance(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status = link_one(in, in->at_distance, memory, 0, &code, error);
    if (status == OJ_OK)
        assert_int_equal(*(int *)ojt_tls_call(code, "address"), 1234);
    oj_code_destroy(code);
    return status;
}

/* More than what a patch needs no heap for. */
static oj_status round_long_patch(inputs *in, const oj_memory *memory, oj_error *error)
{
    static const uint8_t bytes[12] = {0xb8, 9, 0, 0, 0, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    oj_code *code = NULL;
    oj_status status;
    OJI_TRY(link_one(in, in->everything, memory, 0, &code, error));
    status = oj_code_patch(code, oj_code_lookup_addr(code, "f"), bytes, sizeof bytes, OJ_PATCH_STOPPED, error);
    assert_int_equal(ojt_call(code, "f"), status == OJ_OK ? 9 : 42);
    oj_code_destroy(code);
    return status;
}

static oj_status round_debugger(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *codes[3] = {NULL, NULL, NULL};
    oj_status status = OJ_OK;
    for (int i = 0; i < 3 && status == OJ_OK; i++) {
        status = link_one(in, i == 1 ? in->described : in->everything, memory, OJ_LINK_DEBUGGER, &codes[i], error);
        assert_int_equal(status == OJ_OK, codes[i] != NULL);
    }
    for (int i = 0; i < 3; i++)
        oj_code_destroy(codes[i]);
    return status;
}

static oj_status round_profilers(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_code *code = NULL;
    oj_status status = link_one(in, in->described, memory, OJ_LINK_PERF_MAP | OJ_LINK_JITDUMP, &code, error);
    assert_int_equal(status == OJ_OK, code != NULL);
    oj_code_destroy(code);
    return status;
}

static oj_status fill_session(inputs *in, oj_session *session, oj_error *error)
{
    uint64_t addr;
    for (int i = 0; i < 3; i++)
        OJI_TRY(oj_session_add_object(session, in->modules[i], NULL, NULL, error));
    OJI_TRY(oj_session_add_object(session, in->everything, NULL, NULL, error));
    OJI_TRY(oj_session_add_archive(session, in->archive, NULL, NULL, error));
    OJI_TRY(oj_session_add_resolver(session, &in->resolvers[1], NULL, error));
    OJI_TRY(oj_session_define(session, "absolute", 0x1234, 0, error));
    OJI_TRY(oj_session_lookup(session, "first", &addr, error));
    assert_int_equal(ojt_word_at(addr), 1);
    OJI_TRY(oj_session_link(session, error));
    return oj_session_construct(session, error);
}

static oj_status round_session(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_session_options options;
    oj_session *session = (oj_session *)in;
    oj_status status;
    n_constructed = n_destroyed = 0;
    oj_session_options_init(&options);
    options.memory = memory;
    status = oj_session_create(&session, &options, error);
    assert_int_equal(status == OJ_OK, session != NULL);
    if (status == OJ_OK)
        status = fill_session(in, session, error);
    oj_session_destroy(session);
    assert_int_equal(n_destroyed, n_constructed);
    return status;
}

static oj_status round_session_taken(inputs *in, const oj_memory *memory, oj_error *error)
{
    oj_session_options options;
    oj_session *session = NULL;
    oj_code *codes[8] = {NULL};
    oj_status status;
    oj_session_options_init(&options);
    options.memory = memory;
    OJI_TRY(oj_session_create(&session, &options, error));
    status = fill_session(in, session, error);
    if (status == OJ_OK)
        status = oj_session_take_code(session, codes, OJI_COUNT(codes), error);
    oj_session_destroy(session);
    for (size_t i = OJI_COUNT(codes); i-- > 0;)
        oj_code_destroy(codes[i]);
    return status;
}

/* --- failing ------------------------------------------------------------------------------------------------------ */

static oj_status run_round(inputs *in, round_of round, uint32_t mode, oj_error *error)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_status status;
    oj_error ignored;
    oj_memory_options_init(&options);
    options.mode = mode;
    OJI_TRY(oj_memory_create(&memory, &options, error));
    status = round(in, memory, error);
    assert_int_equal(oj_memory_destroy(memory, &ignored), OJ_OK);
    return status;
}

/* A constant distance is asked from the dynamic linker, whose own refusals are OJ_E_LIMIT. */
static bool is_refused_by_linker(const oj_error *error)
{
    return error->status == OJ_E_LIMIT && (strcmp(ojt_failed, "dlopen") == 0 || strcmp(ojt_failed, "dlinfo") == 0);
}

/* Heap that ends is told as such, unless there is a way around it. */
static void check_status(const char *what, long n, oj_status status, const oj_error *error)
{
    bool is_heap = strcmp(ojt_failed, "malloc") == 0;
    if (status == OJ_OK || is_refused_by_linker(error))
        return;
    if (status != OJ_E_NOMEM && (is_heap || (status != OJ_E_SYSTEM && status != OJ_E_PERMISSION)))
        fail_msg("%s: call %ld, %s: %s: %s", what, n, ojt_failed, oj_status_name(status), error->text);
    assert_int_equal(error->status, status);
    assert_true(error->text[0] != '\0' && strlen(error->text) < sizeof error->text);
}

static void fail_each(const char *what, round_of round, uint32_t mode, int reason)
{
    long n = 0, n_refused = 0;
    for (bool was_met = true; was_met; n++) {
        inputs in;
        oj_error error;
        oj_status status;
        const char *failed;
        bool undo_failed;
        size_t mapped;
        long n_live;
        int n_files;
        begin(&in);
        /* What stays for good, and libc's own, is there after the first. */
        ojt_fail(-1, 0);
        assert_int_equal(run_round(&in, round, mode, &error), OJ_OK);
        assert_false(ojt_fail_end());
        mapped = ojt_mapped_size();
        n_files = ojt_count_files();
        n_live = ojt_n_live;
        memset(&error, 'x', sizeof error);
        ojt_fail(n, reason);
        status = run_round(&in, round, mode, &error);
        was_met = ojt_fail_end();
        if (!was_met)
            assert_int_equal(status, OJ_OK);
        else
            check_status(what, n, status, &error);
        n_refused += status != OJ_OK;
        failed = ojt_failed;
        undo_failed = ojt_undo_failed;
        ojt_fail(-1, 0);
        assert_int_equal(run_round(&in, round, mode, &error), OJ_OK);
        ojt_armed = false;
        if (ojt_n_live != n_live)
            fail_msg("%s: call %ld, %s: %ld blocks are left", what, n, failed, ojt_n_live - n_live);
        if (!undo_failed && ojt_mapped_size() > mapped)
            fail_msg("%s: call %ld, %s: %zu bytes stay mapped", what, n, failed, ojt_mapped_size() - mapped);
        assert_int_equal(ojt_count_files(), n_files);
        end(&in);
        assert_true(n < 2000);
    }
    print_message("%s: %ld failure points, %ld refused\n", what, n - 1, n_refused);
    assert_true(n_refused > 0);
}

static void fail_in_both_modes(const char *what, round_of round)
{
    fail_each(what, round, OJ_MEMORY_MODE_VIEWS, ENOMEM);
    fail_each(what, round, OJ_MEMORY_MODE_PRIVATE, EPERM);
}

static void fault_constructors_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("constructors", round_constructors);
}

static void fault_take_over_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("take-over", round_take_over);
}

static void fault_patch_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("patches", round_patch);
}

static void fault_stackmap_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("stack maps", round_stackmap);
}

static void fault_variables_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("thread-local variables", round_variables);
}

static void fault_debugger_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("debuggers", round_debugger);
}

static void fault_session_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("sessions", round_session);
}

static void fault_session_taken_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("sessions whose code is taken", round_session_taken);
}

/* What a process makes once and keeps (profilers' files, tables of threads, of unwinding, of the debugger) can fail in
 * its first call alone: a process for each failure. Ends with 10: it went on all the same, 11: refused, 12: nothing was
 * left to fail. */
static void fail_in_child(const char *what, round_of round, long n, int reason)
{
    inputs in;
    oj_error error;
    oj_status status;
    bool was_met;
    begin(&in);
    memset(&error, 'x', sizeof error);
    ojt_fail(n, reason);
    status = run_round(&in, round, OJ_MEMORY_MODE_DEFAULT, &error);
    was_met = ojt_fail_end();
    if (was_met)
        check_status(what, n, status, &error);
    else
        assert_int_equal(status, OJ_OK);
    if (run_round(&in, round, OJ_MEMORY_MODE_DEFAULT, &error) != OJ_OK)
        fail_msg("%s, call %ld: no retry succeeds: %s", what, n, error.text);
    end(&in);
    _exit(was_met ? status == OJ_OK ? 10 : 11 : 12);
}

static void fail_fresh(const char *what, round_of round)
{
    int result = 0, n_refused = 0;
    long n = 0;
    for (; result != 12; n++) {
        char map[64];
        int status;
        pid_t child = fork();
        if (child == 0)
            fail_in_child(what, round, n, n % 3 == 0 ? ENOMEM : n % 3 == 1 ? EACCES : ENOSPC);
        assert_int_equal(waitpid(child, &status, 0), child);
        snprintf(map, sizeof map, "/tmp/perf-%d.map", (int)child);
        unlink(map);
        assert_true(WIFEXITED(status));
        result = WEXITSTATUS(status);
        assert_in_range(result, 10, 12);
        n_refused += result == 11;
        assert_true(n < 2000);
    }
    print_message("%s, first in a process: %ld failure points, %d refused\n", what, n - 1, n_refused);
    assert_true(n > 5);
    /* Where the mode is the library's choice, whatever fails but the heap has a way around it. */
    assert_true(n_refused > 0 || !OJT_OWN_HEAP);
}

static void fault_profilers_every_call(void **state)
{
    char folder[] = "/tmp/ownjit-fault-XXXXXX", command[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("JITDUMPDIR", folder, 1);
    fail_fresh("profilers", round_profilers);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void fault_first_variables_every_call(void **state)
{
    (void)state;
    fail_fresh("thread-local variables", round_variables);
}

static void fault_first_debugger_every_call(void **state)
{
    (void)state;
    fail_fresh("debuggers", round_debugger);
}

static void fault_first_take_over_every_call(void **state)
{
    (void)state;
    fail_fresh("take-over", round_take_over);
}

static void fault_first_session_every_call(void **state)
{
    (void)state;
    fail_fresh("sessions", round_session);
}

static void fault_at_distance_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("variables at a constant distance", round_at_distance);
    fail_fresh("variables at a constant distance", round_at_distance);
}

static void fault_long_patch_every_call(void **state)
{
    (void)state;
    fail_in_both_modes("long patches", round_long_patch);
}

OJT_MAIN(cmocka_unit_test(fault_constructors_every_call), cmocka_unit_test(fault_take_over_every_call),
         cmocka_unit_test(fault_patch_every_call), cmocka_unit_test(fault_stackmap_every_call),
         cmocka_unit_test(fault_variables_every_call), cmocka_unit_test(fault_debugger_every_call),
         cmocka_unit_test(fault_session_every_call), cmocka_unit_test(fault_session_taken_every_call),
         cmocka_unit_test(fault_profilers_every_call), cmocka_unit_test(fault_first_variables_every_call),
         cmocka_unit_test(fault_first_debugger_every_call), cmocka_unit_test(fault_first_take_over_every_call),
         cmocka_unit_test(fault_first_session_every_call), cmocka_unit_test(fault_long_patch_every_call),
         cmocka_unit_test(fault_at_distance_every_call))
