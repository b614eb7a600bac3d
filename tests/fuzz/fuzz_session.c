/* Any sequence of calls on a session, with any bytes as objects and archives. The input is a list of steps: a byte that
 * says what, a byte of choice, and for those that take bytes their size (2 bytes) and the bytes. Names come from a
 * fixed list, so that modules meet. Nothing is executed: memory is plain buffers. */
#include "fuzz/buffers.h"
#include "fuzz/input.h"

enum { MAX_MODULES = 16, MAX_STEPS = 64, MAX_CODES = 256 };

static const char *const names[] = {"a", "b", "f", "g", "main", "first", "second", "add"};

typedef struct world {
    oj_session *session;
    oj_module *modules[MAX_MODULES];
    size_t n_modules;
    oj_archive *archives[MAX_MODULES];
    size_t n_archives;
    oj_code *codes[MAX_CODES];
    size_t n_codes;
} world;

static void check(oj_status status, const oj_error *error)
{
    if (error->status != status || (status != OJ_OK && error->text[0] == '\0'))
        abort();
}

/* Of an object, and of each that an archive may have as a member: with what lies behind it, where fewer tables end
 * outside. */
static bool has_what_runs(input part)
{
    for (size_t i = 0; i + 4 <= part.size; i++) {
        oj_object *object = NULL;
        bool runs;
        if (memcmp(part.data + i, "\177ELF", 4) != 0 ||
            oj_object_create(&object, part.data + i, part.size - i, NULL, NULL) != OJ_OK)
            continue;
        runs = runs_when_linked(object);
        oj_object_destroy(object);
        if (runs)
            return true;
    }
    return false;
}

static void add_bytes(world *w, input *s, uint8_t choice)
{
    input part = next_bytes(s, next_size(s));
    oj_module_options options;
    oj_module *module = NULL;
    oj_error error;
    oj_status status;
    oj_module_options_init(&options);
    options.link_flags = choice & 1 ? OJ_LINK_SECTIONS_SINGLY : 0;
    if (w->n_modules == MAX_MODULES || has_what_runs(part))
        return;
    status = oj_session_add_bytes(w->session, part.data, part.size, &options, &module, &error);
    check(status, &error);
    if ((status == OJ_OK) != (module != NULL))
        abort();
    if (module)
        w->modules[w->n_modules++] = module;
}

static void add_archive(world *w, input *s)
{
    input part = next_bytes(s, next_size(s));
    oj_archive *archive = NULL;
    oj_module *module = NULL;
    oj_error error;
    if (w->n_modules == MAX_MODULES || w->n_archives == MAX_MODULES || has_what_runs(part) ||
        oj_archive_create(&archive, part.data, part.size, NULL, &error) != OJ_OK)
        return;
    w->archives[w->n_archives++] = archive;
    check(oj_session_add_archive(w->session, archive, NULL, &module, &error), &error);
    if (module)
        w->modules[w->n_modules++] = module;
}

static void look_up(world *w, uint8_t choice)
{
    uint64_t addr = 1;
    oj_error error;
    oj_status status = oj_session_lookup(w->session, names[choice % 8], &addr, &error);
    check(status, &error);
    if (status != OJ_OK && addr != 0)
        abort();
}

static void remove_module(world *w, uint8_t choice)
{
    oj_error error;
    if (w->n_modules == 0)
        return;
    choice = (uint8_t)(choice % w->n_modules);
    if (oj_module_remove(w->modules[choice], 0, &error) == OJ_OK)
        w->modules[choice] = w->modules[--w->n_modules];
}

/* Modules that were linked end with it; which, their owner can no longer tell. */
static void take_code(world *w)
{
    oj_error error;
    if (oj_session_take_code(w->session, w->codes + w->n_codes, MAX_CODES - w->n_codes, &error) != OJ_OK)
        return;
    while (w->n_codes < MAX_CODES && w->codes[w->n_codes])
        w->n_codes++;
    w->n_modules = 0;
}

static void step(world *w, input *s)
{
    uint8_t what = next_byte(s), choice = next_byte(s);
    oj_session_stats stats;
    oj_error error;
    switch (what % 9) {
    case 0:
    case 1:
        add_bytes(w, s, choice);
        break;
    case 2:
        add_archive(w, s);
        break;
    case 3:
        check(oj_session_define(w->session, names[choice % 8], 0x10000000, choice & 8 ? OJ_DEFINE_OVERRIDE : 0, &error),
              &error);
        break;
    case 4:
        oj_session_undefine(w->session, names[choice % 8], &error);
        break;
    case 5:
        look_up(w, choice);
        break;
    case 6:
        check(oj_session_link(w->session, &error), &error);
        break;
    case 7:
        remove_module(w, choice);
        break;
    default:
        if (choice % 4 == 0)
            take_code(w);
        if (oj_session_get_stats(w->session, &stats, sizeof stats) != OJ_OK ||
            stats.n_codes != oj_session_code_count(w->session))
            abort();
    }
}

static void end(world *w)
{
    oj_session_destroy(w->session);
    for (size_t i = w->n_codes; i > 0; i--)
        oj_code_destroy(w->codes[i - 1]);
    for (size_t i = 0; i < w->n_archives; i++)
        oj_archive_destroy(w->archives[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input s = {data, size};
    uint8_t choice = next_byte(&s);
    scene all = {bases[choice & 3], (choice & 4) != 0};
    oj_resolver resolver = oj_resolver_callback(resolve, &all);
    oj_session_options options;
    oj_memory memory;
    oj_error error;
    static world empty;
    world w = empty;
    memory_init(&memory, &all);
    oj_session_options_init(&options);
    options.memory = &memory;
    options.flags = OJ_SESSION_NO_PROCESS;
    if (oj_session_create(&w.session, &options, &error) != OJ_OK)
        return 0;
    if (choice & 8)
        check(oj_session_add_resolver(w.session, &resolver, NULL, &error), &error);
    for (int i = 0; i < MAX_STEPS && s.size > 0; i++)
        step(&w, &s);
    end(&w);
    return 0;
}
