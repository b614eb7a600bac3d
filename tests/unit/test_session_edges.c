/* What a session answers where little is left: no memory for what is kept beside its codes, modules that are gone while
 * somebody waits for them, compilers that fail, more undefined names than a message holds. */
#include "archive_recipe.h"
#include "session_support.h"
#include "test_tls_support.h"

#include "compile/compile.h"
#include "session/session.h"

#include <stdatomic.h>
#include <sys/syscall.h>

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* --- a compiler without LLVM -------------------------------------------------------------------------------------- */

/* Nothing compiles. What it lists has one name, and but for live modules may have more. */
static bool lists_nothing;

static oj_status compile_words(oj_compiler *compiler, const oji_input *input, oj_bytes **out, oj_error *error)
{
    (void)compiler;
    (void)out;
    return oji_fail(error, OJ_E_COMPILE, "%s: does not compile", input->name);
}

static oj_status list_words(oj_compiler *compiler, const oji_input *input, oji_compile_names *names, oj_error *error)
{
    (void)compiler;
    if (lists_nothing)
        return oji_fail(error, OJ_E_IR, "%s: cannot be listed", input->name);
    names->may_define_more = !input->module;
    return names->add(names->context, "listed", 6, OJ_SYMBOL_GLOBAL) ? OJ_OK
                                                                     : oji_fail_nomem(error, 0, "a module's names");
}

static const oji_compiler_ops word_ops = {.compile = compile_words, .list = list_words};
static oj_compiler words = {.ops = &word_ops};

static oj_module_options with_words(void)
{
    oj_module_options options;
    oj_module_options_init(&options);
    options.compiler = &words;
    return options;
}

/* Adds IR with each allocation failing in turn: nothing of it stays, until it is added as a whole. */
static void add_ir_without_memory(const oj_ir *ir, const oj_module_options *options, const char *part)
{
    bool was_told = false;
    oj_status status = OJ_E_NOMEM;
    for (size_t step = 1; status != OJ_OK; step++) {
        ojt_heap heap;
        oj_session *session;
        oj_session_stats stats;
        oj_error error;
        size_t n_live;
        ojt_heap_init(&heap);
        session = ojt_session_with(NULL, &heap.table);
        n_live = heap.n_live;
        heap.fail_at = heap.n_calls + step;
        status = oj_session_add_ir(session, ir, options, NULL, &error);
        assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
        if (status != OJ_OK) {
            assert_int_equal(status, OJ_E_NOMEM);
            assert_int_equal(stats.n_modules, 0);
            assert_int_equal(stats.n_names, 0);
            /* But for the table of names, which stays. */
            assert_in_range(heap.n_live, n_live, n_live + 1);
            was_told = was_told || strstr(error.text, part);
            heap.fail_at = 0;
            assert_int_equal(oj_session_add_ir(session, ir, options, NULL, &error), OJ_OK);
        }
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
    }
    assert_true(was_told);
}

static void session_ir_without_memory_leaves_nothing(void **state)
{
    static const uint8_t bitcode[] = {'B', 'C', 0xC0, 0xDE, 0, 0, 0, 0};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    oj_module_options options = with_words();
    oj_ir ir = oj_ir_bytes(bitcode, sizeof bitcode);
    (void)state;
    add_ir_without_memory(&ir, &options, "a copy of the IR");
    options.names = names;
    options.n_names = OJI_COUNT(names);
    add_ir_without_memory(&ir, &options, "a module's names");
}

/* Live modules are asked again at each step; one that cannot be listed ends it. */
static void session_module_that_cannot_be_listed_again_is_told(void **state)
{
    static int nothing;
    oj_module_options options = with_words();
    oj_ir ir = oj_ir_module((struct LLVMOpaqueModule *)(void *)&nothing);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_error error;
    uint64_t addr;
    (void)state;
    ir.name = "live";
    assert_int_equal(oj_session_add_ir(session, &ir, &options, NULL, &error), OJ_OK);
    lists_nothing = true;
    assert_int_equal(oj_session_lookup(session, "other", &addr, &error), OJ_E_IR);
    assert_string_equal(error.text, "live: cannot be listed");
    lists_nothing = false;
    assert_int_equal(oj_session_lookup(session, "other", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_lookup(session, "listed", &addr, &error), OJ_E_COMPILE);
    oj_session_destroy(session);
}

/* What may define more than it tells is compiled for a name that nobody has. */
static void session_module_that_may_have_a_name_does_not_compile(void **state)
{
    oj_module_options options = with_words();
    oj_ir ir = oj_ir_bytes("text", 4);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_error error;
    uint64_t addr;
    (void)state;
    ir.name = "unknown";
    assert_int_equal(oj_session_add_ir(session, &ir, &options, NULL, &error), OJ_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(oj_session_lookup(session, "other", &addr, &error), OJ_E_COMPILE);
        assert_string_equal(error.text, "unknown: does not compile");
    }
    oj_session_destroy(session);
}

/* --- undefined names ---------------------------------------------------------------------------------------------- */

static oj_status resolve_nothing(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    (void)queries;
    (void)n_queries;
    (void)error;
    if (context)
        return oji_fail(error, OJ_E_UNDEFINED, "the client's own words");
    return OJ_OK;
}

static oj_object *object_with_undefined(const char *name, int n)
{
    static char texts[OJT_ELF_MAX][64];
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, "start", 1, STB_GLOBAL, STV_DEFAULT);
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "nobody_has_this_name_which_is_rather_long_for_a_name_%d", i);
        ojt_words_refer(&w, texts[i], STB_GLOBAL);
    }
    return ojt_words_finish(&w, name);
}

/* Looks up with each allocation failing in turn; says whether that was ever told with `part`. */
static bool look_up_without_memory(const oj_object *object, int n_resolvers, const char *part, oj_error *error)
{
    oj_status status = OJ_E_NOMEM;
    bool was_told = false;
    for (size_t step = 1; status == OJ_E_NOMEM; step++) {
        oj_resolver resolver = oj_resolver_callback(resolve_nothing, NULL);
        ojt_heap heap;
        oj_session *session;
        uint64_t addr;
        ojt_heap_init(&heap);
        session = ojt_session_with(NULL, &heap.table);
        ojt_session_add(session, object);
        for (int i = 0; i < n_resolvers; i++)
            assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, error), OJ_OK);
        heap.fail_at = heap.n_calls + step;
        status = oj_session_lookup(session, "start", &addr, error);
        was_told = was_told || strstr(error->text, part);
        heap.fail_at = 0;
        assert_int_equal(oj_session_code_count(session), 0);
        assert_int_equal(ojt_session_try(session, "start"), OJ_E_UNDEFINED);
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
    }
    assert_int_equal(status, OJ_E_UNDEFINED);
    return was_told;
}

/* More names than a message has room for are counted, and more names and resolvers than a step has room for are a
 * matter of memory. */
static void session_many_undefined_names_and_resolvers(void **state)
{
    oj_object *object;
    oj_error error;
    (void)state;
    ojt_needs_64_bits("where pointers are small a step has room for all of them");
    object = object_with_undefined("lacking.o", 30);
    assert_true(look_up_without_memory(object, 0, "a list of undefined symbols", &error));
    assert_has(error.text,
               "30 undefined symbols: 'nobody_has_this_name_which_is_rather_long_for_a_name_0' (lacking.o, ");
    assert_has(error.text, " more");
    assert_true(look_up_without_memory(object, 100, "a session's resolvers", &error));
    oj_object_destroy(object);
}

/* Names that come after one that there was no memory for. What a step has room for at first is shared with the list of
 * resolvers: with some number of them it is the table of names that ends it. */
static void session_undefined_names_after_the_memorys_end(void **state)
{
    oj_object *object = object_with_undefined("lacking.o", 30);
    bool was_told = false;
    (void)state;
    for (int n_resolvers = 0; n_resolvers < 50; n_resolvers += 2) {
        oj_error error;
        was_told = look_up_without_memory(object, n_resolvers, "a list of undefined symbols", &error) || was_told;
    }
    assert_true(was_told);
    oj_object_destroy(object);
}

/* A client's resolver may fail with the status of an undefined name: the words are its own. */
static void session_resolver_that_says_undefined_is_believed(void **state)
{
    oj_object *object = object_with_undefined("lacking.o", 1);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_resolver resolver = oj_resolver_callback(resolve_nothing, session);
    oj_error error;
    uint64_t addr;
    (void)state;
    ojt_session_add(session, object);
    assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "start", &addr, &error), OJ_E_UNDEFINED);
    assert_has(error.text, "the client's own words");
    oj_session_destroy(session);
    oj_object_destroy(object);
}

/* --- modules that are refused ------------------------------------------------------------------------------------- */

static void session_bytes_with_a_name_that_is_taken_refused(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_session_stats stats;
    oj_module *module;
    oj_error error;
    ojt_words w;
    size_t size;
    void *bytes;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "taken", 1, STB_GLOBAL, STV_DEFAULT);
    bytes = ojt_words_bytes(&w, &size);
    assert_int_equal(oj_session_add_bytes(session, bytes, size, NULL, &module, &error), OJ_OK);
    assert_int_equal(oj_session_add_bytes(session, bytes, size, NULL, &module, &error), OJ_E_DUPLICATE);
    assert_null(module);
    assert_string_equal(error.symbol, "taken");
    assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_modules, 1);
    oj_session_destroy(session);
    free(bytes);
}

/* An archive is linked as a whole: a member that is no object is named. */
static void session_archive_with_a_bad_member_is_not_linked(void **state)
{
    ojt_recipe recipe = {.n_members = 0};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_archive *archive;
    oj_module *module;
    oj_error error;
    (void)state;
    ojt_recipe_returning(&recipe, "good", 1);
    ojt_recipe_returning(&recipe, "bad", 2);
    memset(recipe.members[1], 'x', 4);
    archive = ojt_recipe_open(&recipe);
    assert_int_equal(oj_session_add_archive(session, archive, NULL, &module, &error), OJ_OK);
    assert_int_equal(oj_module_link(module, &error), OJ_E_FORMAT);
    assert_true(error.text[0] != '\0');
    assert_int_equal(oj_module_code_count(module), 0);
    assert_int_equal(ojt_session_call(session, "good"), 1);
    oj_session_destroy(session);
    oj_archive_destroy(archive);
}

/* --- thread-local variables --------------------------------------------------------------------------------------- */

/* `name` of 4 bytes that starts as `value`. */
static oj_object *thread_local_object(const char *object, const char *name, uint32_t value, unsigned binding,
                                      unsigned visibility)
{
    uint32_t image[2] = {value, 0}, symbol;
    char function[32];
    ojt_elf elf;
    uint16_t tdata;
    ojt_elf_init(&elf);
    tdata = ojt_elf_add_section(&elf, ".tdata", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, image, sizeof image);
    symbol = ojt_elf_add_symbol(&elf, name, tdata, 0, 4, binding, STT_TLS);
    elf.symbols[symbol].st_other = (unsigned char)visibility;
    snprintf(function, sizeof function, "at_%u", value);
    ojt_tls_add_function(&elf, function, symbol, OJT_DYNAMIC);
    return ojt_object(&elf, object);
}

/* A module's weak variable gave way to another's, which then is removed: nobody has it for the module any more. */
static void session_lost_thread_local_whose_winner_is_gone(void **state)
{
    oj_object *objects[3] = {thread_local_object("weak.o", "x", 1, STB_WEAK, STV_DEFAULT),
                             thread_local_object("strong.o", "x", 2, STB_GLOBAL, STV_DEFAULT),
                             thread_local_object("later.o", "x", 3, STB_GLOBAL, STV_DEFAULT)};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *weak = ojt_session_add(session, objects[0]), *strong = ojt_session_add(session, objects[1]);
    oj_error error;
    uint64_t addr;
    (void)state;
    assert_int_equal(oj_session_link(session, &error), OJ_OK);
    assert_int_equal(oj_module_lookup(weak, "x", &addr, &error), OJ_OK);
    assert_int_equal(*(const uint32_t *)(uintptr_t)addr, 2);
    assert_int_equal(oj_module_remove(strong, OJ_REMOVE_REFERENCED, &error), OJ_OK);
    assert_int_equal(oj_module_lookup(weak, "x", &addr, &error), OJ_E_NOT_FOUND);
    assert_string_equal(error.text, "the module that has 'x' is gone");
    assert_int_equal(addr, 0);
    assert_int_equal(oj_session_define(session, "x", 0x1234, 0, &error), OJ_OK);
    assert_int_equal(oj_module_lookup(weak, "x", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_undefine(session, "x", &error), OJ_OK);
    ojt_session_add(session, objects[2]);
    assert_int_equal(oj_module_lookup(weak, "x", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_link(session, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "x", &addr, &error), OJ_OK);
    assert_int_equal(*(const uint32_t *)(uintptr_t)addr, 3);
    /* Which the module was not linked with. */
    assert_int_equal(oj_module_lookup(weak, "x", &addr, &error), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    for (size_t i = 0; i < OJI_COUNT(objects); i++)
        oj_object_destroy(objects[i]);
}

/* As above, of a common symbol and a weak one, which have no copies. */
static void session_lost_definition_whose_winner_is_gone(void **state)
{
    for (int is_common = 0; is_common < 2; is_common++) {
        oj_session *session = ojt_session_with(NULL, NULL);
        oj_module *loser, *winner;
        oj_object *objects[2];
        oj_error error;
        uint64_t addr;
        ojt_words w;
        ojt_words_init(&w);
        if (is_common)
            ojt_words_common(&w, "x", 8);
        else
            ojt_words_define(&w, "x", 1, STB_WEAK, STV_DEFAULT);
        ojt_words_point(&w, 1);
        objects[0] = ojt_words_finish(&w, "loser.o");
        ojt_words_init(&w);
        ojt_words_define(&w, "x", 2, STB_GLOBAL, STV_DEFAULT);
        objects[1] = ojt_words_finish(&w, "winner.o");
        loser = ojt_session_add(session, objects[0]);
        winner = ojt_session_add(session, objects[1]);
        assert_int_equal(oj_session_link(session, &error), OJ_OK);
        assert_int_equal(oj_module_lookup(loser, "x", &addr, &error), OJ_OK);
        assert_int_equal(ojt_word_at(addr), 2);
        assert_int_equal(oj_module_remove(winner, OJ_REMOVE_REFERENCED, &error), OJ_OK);
        assert_int_equal(oj_module_lookup(loser, "x", &addr, &error), OJ_E_NOT_FOUND);
        assert_string_equal(error.text, "the module that has 'x' is gone");
        assert_int_equal(addr, 0);
        oj_session_destroy(session);
        oj_object_destroy(objects[0]);
        oj_object_destroy(objects[1]);
    }
    (void)state;
}

OJT_CALLS_LINKED_CODE static void *tls_call_at(uint64_t addr)
{
    void *(*function)(void) = (void *(*)(void))(uintptr_t)addr;
    return function();
}

/* Two modules' weak variable is a code's, which comes before weak ones: in one step the second would be told of
 * the first's, which is nowhere. */
static void session_thread_local_given_away_to_a_resolvers(void **state)
{
    oj_object *older = thread_local_object("older.o", "x", 7, STB_GLOBAL, STV_DEFAULT);
    oj_object *objects[2] = {thread_local_object("first.o", "x", 1, STB_WEAK, STV_DEFAULT),
                             thread_local_object("second.o", "x", 2, STB_WEAK, STV_DEFAULT)};
    oj_code *code = ojt_link(&older, 1, NULL);
    oj_resolver resolver = oj_resolver_code(code);
    (void)state;
    for (int is_one_step = 0; is_one_step < 2; is_one_step++) {
        oj_session *session = ojt_session_with(NULL, NULL);
        uint64_t at_1 = 0, at_2 = 0;
        oj_error error;
        assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, &error), OJ_OK);
        ojt_session_add(session, objects[0]);
        if (!is_one_step)
            assert_int_equal(oj_session_lookup(session, "at_1", &at_1, &error), OJ_OK);
        ojt_session_add(session, objects[1]);
        if (is_one_step) {
            assert_int_equal(oj_session_link(session, &error), OJ_E_UNSUPPORTED);
            assert_has(error.text, "'x' of first.o");
            assert_string_equal(error.object, "second.o");
            assert_int_equal(oj_session_code_count(session), 0);
            assert_int_equal(oj_session_lookup(session, "at_1", &at_1, &error), OJ_OK);
        }
        assert_int_equal(oj_session_lookup(session, "at_2", &at_2, &error), OJ_OK);
        assert_int_equal(*(const uint32_t *)tls_call_at(at_1), 7);
        assert_ptr_equal(tls_call_at(at_1), tls_call_at(at_2));
        assert_ptr_equal(tls_call_at(at_1), ojt_tls_call(code, "at_7"));
        oj_session_destroy(session);
    }
    oj_code_destroy(code);
    oj_object_destroy(older);
    for (size_t i = 0; i < OJI_COUNT(objects); i++)
        oj_object_destroy(objects[i]);
}

/* The session has no variable of the name then: nothing is linked for it. */
static void session_thread_local_given_away_is_not_found(void **state)
{
    oj_object *older = thread_local_object("older.o", "x", 7, STB_GLOBAL, STV_DEFAULT),
              *weak = thread_local_object("weak.o", "x", 1, STB_WEAK, STV_DEFAULT);
    oj_code *code = ojt_link(&older, 1, NULL);
    oj_resolver resolver = oj_resolver_code(code);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_error error;
    (void)state;
    assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, &error), OJ_OK);
    ojt_session_add(session, weak);
    assert_int_equal(ojt_session_try(session, "x"), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_code_count(session), 0);
    assert_int_equal(*(const uint32_t *)tls_call_at(ojt_session_lookup(session, "at_1")), 7);
    assert_int_equal(ojt_session_try(session, "x"), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_code_count(session), 1);
    oj_session_destroy(session);
    oj_code_destroy(code);
    oj_object_destroy(older);
    oj_object_destroy(weak);
}

/* An object that takes a variable for an ordinary one is refused by its symbols, for whose names there must be room. */
static void session_thread_local_names_without_memory(void **state)
{
    static char texts[OJT_ELF_MAX][8];
    oj_object *has = thread_local_object("has.o", "x", 1, STB_GLOBAL, STV_DEFAULT), *takes;
    oj_status status = OJ_E_NOMEM;
    bool was_told = false;
    /* So many that what a step has beside the heap is mostly used. */
    oj_resolver resolver = oj_resolver_callback(resolve_nothing, NULL);
    const size_t n_resolvers = 1500 / sizeof resolver;
    ojt_words w;
    (void)state;
    ojt_needs_64_bits("where pointers are small a step has room for all of them");
    ojt_words_init(&w);
    ojt_words_define(&w, "start", 1, STB_GLOBAL, STV_DEFAULT);
    for (int i = 0; i < 48; i++) {
        snprintf(texts[i], sizeof texts[i], "w%d", i);
        ojt_words_define(&w, texts[i], 1, STB_GLOBAL, STV_DEFAULT);
    }
    ojt_words_refer(&w, "x", STB_GLOBAL);
    takes = ojt_words_finish(&w, "takes.o");
    for (size_t step = 1; status == OJ_E_NOMEM; step++) {
        oj_session *session;
        oj_error error;
        ojt_heap heap;
        uint64_t addr;
        ojt_heap_init(&heap);
        session = ojt_session_with(NULL, &heap.table);
        ojt_session_add(session, has);
        ojt_session_add(session, takes);
        for (size_t i = 0; i < n_resolvers; i++)
            assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, &error), OJ_OK);
        heap.fail_at = heap.n_calls + step;
        status = oj_session_lookup(session, "start", &addr, &error);
        was_told = was_told || strstr(error.text, "a module's thread-local variables");
        assert_has(error.text, status == OJ_E_NOMEM ? "out of memory" : "'x' is thread-local in has.o");
        heap.fail_at = 0;
        assert_int_equal(ojt_session_try(session, "start"), OJ_E_MALFORMED);
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
    }
    assert_int_equal(status, OJ_E_MALFORMED);
    assert_true(was_told);
    oj_object_destroy(has);
    oj_object_destroy(takes);
}

/* A symbol that says it is thread-local, of a code that has no bytes of such. */
static void session_thread_local_without_bytes_refused(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *object;
    oj_error error;
    uint64_t addr;
    ojt_elf elf;
    (void)state;
    ojt_elf_init(&elf);
    ojt_elf_add_data(&elf, "data...", 8);
    ojt_elf_add_symbol(&elf, "x", SHN_ABS, 16, 0, STB_GLOBAL, STT_TLS);
    object = ojt_object(&elf, "strange.o");
    ojt_session_add(session, object);
    assert_int_equal(oj_session_lookup(session, "x", &addr, &error), OJ_E_UNSUPPORTED);
    assert_has(error.text, "'x' is thread-local");
    assert_int_equal(oj_session_code_count(session), 0);
    assert_int_equal(addr, 0);
    oj_session_destroy(session);
    oj_object_destroy(object);
}

typedef struct asking {
    oj_session *session;
    oj_module *module;
    ojt_heap heap;
    oj_error error;
    atomic_int thread; /* its number, once it is about to ask */
    bool failed;
} asking;

static bool fails_then_succeeds(asking *a, bool in_module)
{
    const char *name = in_module ? "hidden" : "open";
    uint64_t addr;
    oj_status status;
    a->heap.fail_at = a->heap.n_calls + 1;
    status = in_module ? oj_module_lookup(a->module, name, &addr, &a->error)
                       : oj_session_lookup(a->session, name, &addr, &a->error);
    a->heap.fail_at = 0;
    if (status != OJ_E_NOMEM || addr != 0 || !strstr(a->error.text, "this thread's thread-local variables"))
        return false;
    status = in_module ? oj_module_lookup(a->module, name, &addr, &a->error)
                       : oj_session_lookup(a->session, name, &addr, &a->error);
    return status == OJ_OK && *(const uint32_t *)(uintptr_t)addr == 5;
}

static void *ask_for_open(void *argument)
{
    ((asking *)argument)->failed = !fails_then_succeeds(argument, false);
    return NULL;
}

static void *ask_for_hidden(void *argument)
{
    ((asking *)argument)->failed = !fails_then_succeeds(argument, true);
    return NULL;
}

/* A thread's own copy is made when the thread first asks for it. */
static void session_thread_without_memory_for_its_variables(void **state)
{
    oj_object *objects[2] = {thread_local_object("open.o", "open", 5, STB_GLOBAL, STV_DEFAULT),
                             thread_local_object("hidden.o", "hidden", 5, STB_GLOBAL, STV_HIDDEN)};
    (void)state;
    for (int i = 0; i < 2; i++) {
        asking a = {.session = NULL};
        oj_session_options options;
        pthread_t thread;
        oj_error error;
        ojt_heap_init(&a.heap);
        oj_session_options_init(&options);
        options.allocator = &a.heap.table;
        options.link_flags = OJ_LINK_KEEP_LOCAL_SYMBOLS;
        assert_int_equal(oj_session_create(&a.session, &options, &error), OJ_OK);
        a.module = ojt_session_add(a.session, objects[i]);
        assert_int_equal(oj_session_link(a.session, &error), OJ_OK);
        assert_int_equal(pthread_create(&thread, NULL, i ? ask_for_hidden : ask_for_open, &a), 0);
        pthread_join(thread, NULL);
        if (a.failed)
            fail_msg("%d: %s", i, a.error.text);
        oj_session_destroy(a.session);
        assert_int_equal(a.heap.n_live, 0);
        oj_object_destroy(objects[i]);
    }
}

static void *ask_late(void *argument)
{
    asking *a = argument;
    uint64_t addr;
    atomic_store(&a->thread, (int)syscall(SYS_gettid));
    a->failed = oj_session_lookup(a->session, "open", &addr, &a->error) != OJ_E_NOT_FOUND || addr != 0;
    return NULL;
}

/* It sleeps nowhere else. */
static void wait_until_asleep(asking *a)
{
    char path[64], letter = 'R';
    while (atomic_load(&a->thread) == 0)
        usleep(100);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(&a->thread));
    while (letter != 'S') {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &letter), 1);
        fclose(file);
        usleep(100);
    }
}

/* Found, waited for, and gone: another thread has removed the module before this one had the turn. */
static void session_thread_local_removed_while_waited_for(void **state)
{
    oj_object *object = thread_local_object("open.o", "open", 5, STB_GLOBAL, STV_DEFAULT);
    asking a = {.session = ojt_session_with(NULL, NULL)};
    pthread_t thread;
    oj_error error;
    (void)state;
    a.module = ojt_session_add(a.session, object);
    assert_int_equal(oj_session_link(a.session, &error), OJ_OK);
    assert_int_equal(oji_session_begin(a.session, &error), OJ_OK);
    assert_int_equal(pthread_create(&thread, NULL, ask_late, &a), 0);
    wait_until_asleep(&a);
    oji_session_detach_module(a.session, a.module);
    oji_session_end(a.session);
    oji_session_end_codes(a.module);
    oji_session_free_module(a.session, a.module);
    pthread_join(thread, NULL);
    if (a.failed)
        fail_msg("%s: %s", oj_status_name(a.error.status), a.error.text);
    assert_string_equal(a.error.text, "no module of the session defines 'open'");
    oj_session_destroy(a.session);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(session_ir_without_memory_leaves_nothing),
         cmocka_unit_test(session_module_that_cannot_be_listed_again_is_told),
         cmocka_unit_test(session_module_that_may_have_a_name_does_not_compile),
         cmocka_unit_test(session_many_undefined_names_and_resolvers),
         cmocka_unit_test(session_undefined_names_after_the_memorys_end),
         cmocka_unit_test(session_resolver_that_says_undefined_is_believed),
         cmocka_unit_test(session_bytes_with_a_name_that_is_taken_refused),
         cmocka_unit_test(session_archive_with_a_bad_member_is_not_linked),
         cmocka_unit_test(session_lost_thread_local_whose_winner_is_gone),
         cmocka_unit_test(session_lost_definition_whose_winner_is_gone),
         cmocka_unit_test(session_thread_local_given_away_to_a_resolvers),
         cmocka_unit_test(session_thread_local_given_away_is_not_found),
         cmocka_unit_test(session_thread_local_without_bytes_refused),
         cmocka_unit_test(session_thread_local_names_without_memory),
         cmocka_unit_test(session_thread_without_memory_for_its_variables),
         cmocka_unit_test(session_thread_local_removed_while_waited_for))
