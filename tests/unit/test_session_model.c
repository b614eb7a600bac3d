/* Random steps on a session against a model of a linker's rules. The model knows names as numbers and modules as
 * rows; after each step every slot of every linked module must point where it says. OJT_SEED repeats a run. */
#include "session_support.h"

enum { NAMES = 7, MODULES = 10, STEPS = 400, RUNS = 12 };

typedef enum definition { NONE, STRONG, WEAK, COMMON, HIDDEN, PROTECTED } definition;
typedef enum reference { NO_REFERENCE, REFERENCE, WEAK_REFERENCE } reference;

/* Who has a name: a row, or one of these. */
enum { NOBODY = -1, ABSOLUTE = -2 };

typedef struct row {
    bool is_alive;
    bool is_linked;
    oj_module *module;
    oj_object *object;
    uint32_t serial; /* order of adding */
    definition defines[NAMES];
    reference refers[NAMES];
    uint64_t size[NAMES];
    bool is_lost[NAMES];           /* linked with another's in its place */
    int target[NAMES];             /* of each slot, once linked */
    uint64_t target_addr[NAMES];   /* of an absolute one */
    uint32_t target_serial[NAMES]; /* of a row, which may have been removed since */
} row;

typedef struct model {
    row rows[MODULES];
    int settled[NAMES];
    bool has_absolute[NAMES];
    bool is_listed[NAMES]; /* the absolute one is a strong definition */
    bool overrides[NAMES];
    uint64_t absolute[NAMES];
    uint32_t next_serial;
    uint64_t random;
    oj_session *session;
    ojt_client client;
    ojt_heap heap;
} model;

static const char *const name_text[NAMES] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6"};

static uint32_t pick(model *m, uint32_t n)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->random >> 33) % n;
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

/* The row that was added first among those that `good` accepts. */
static int first_row(const model *m, int name, definition a, definition b)
{
    int found = NOBODY;
    for (int r = 0; r < MODULES; r++)
        if (m->rows[r].is_alive && !m->rows[r].is_lost[name] &&
            (m->rows[r].defines[name] == a || m->rows[r].defines[name] == b) &&
            (found < 0 || m->rows[r].serial < m->rows[found].serial))
            found = r;
    return found;
}

static int choose_beneath(const model *m, int name)
{
    int best = NOBODY;
    if (m->settled[name] != NOBODY)
        return m->settled[name];
    if (m->has_absolute[name] && m->is_listed[name])
        return ABSOLUTE;
    best = first_row(m, name, STRONG, PROTECTED);
    if (best != NOBODY)
        return best;
    for (int r = 0; r < MODULES; r++) {
        const row *a = &m->rows[r], *b = best == NOBODY ? NULL : &m->rows[best];
        if (!a->is_alive || a->is_lost[name] || a->defines[name] != COMMON)
            continue;
        if (!b || a->size[name] > b->size[name] || (a->size[name] == b->size[name] && a->serial < b->serial))
            best = r;
    }
    return best != NOBODY ? best : first_row(m, name, WEAK, WEAK);
}

static int choose(const model *m, int name) { return m->overrides[name] ? ABSOLUTE : choose_beneath(m, name); }

/* What a slot of a row will point at. */
static int bind(const model *m, int r, int name)
{
    definition own = m->rows[r].defines[name];
    if (own == HIDDEN || own == PROTECTED || (own == STRONG && m->overrides[name]))
        return r;
    return choose(m, name);
}

static bool mentions(const row *r, int name) { return r->defines[name] != NONE || r->refers[name] != NO_REFERENCE; }

/* What is linked does not grow with a row that would write behind its end. */
static bool is_too_large(const model *m, int r, int name)
{
    int target = bind(m, r, name);
    return m->rows[r].defines[name] != NONE && target >= 0 && target != r && m->rows[target].is_linked &&
           m->rows[target].size[name] < m->rows[r].size[name];
}

/* Link what the rows in `set` need; nothing is changed where a strong reference is open, or a definition too
 * large, of which the linker hears first. */
static oj_status link_rows(model *m, bool *set)
{
    bool grown = true, is_undefined = false;
    while (grown) {
        grown = false;
        for (int r = 0; r < MODULES; r++)
            for (int n = 0; set[r] && n < NAMES; n++) {
                int target = mentions(&m->rows[r], n) ? bind(m, r, n) : NOBODY;
                if (target == NOBODY && m->rows[r].refers[n] == REFERENCE)
                    is_undefined = true;
                if (target >= 0 && !set[target] && !m->rows[target].is_linked)
                    set[target] = grown = true;
            }
    }
    for (int r = 0; r < MODULES; r++)
        for (int n = 0; set[r] && n < NAMES; n++)
            if (is_too_large(m, r, n))
                return OJ_E_DUPLICATE;
    if (is_undefined)
        return OJ_E_UNDEFINED;
    for (int r = 0; r < MODULES; r++)
        for (int n = 0; set[r] && n < NAMES; n++)
            if (mentions(&m->rows[r], n)) {
                int target = m->rows[r].target[n] = bind(m, r, n);
                m->rows[r].target_addr[n] = m->absolute[n];
                m->rows[r].target_serial[n] = target >= 0 ? m->rows[target].serial : 0;
            }
    for (int r = 0; r < MODULES; r++)
        for (int n = 0; set[r] && n < NAMES; n++)
            m->rows[r].is_lost[n] = m->rows[r].defines[n] != NONE && m->rows[r].target[n] != r;
    for (int r = 0; r < MODULES; r++)
        m->rows[r].is_linked = m->rows[r].is_linked || set[r];
    return OJ_OK;
}

/* Once the choice has an address it stays. */
static void settle(model *m)
{
    for (int n = 0; n < NAMES; n++) {
        int chosen = choose_beneath(m, n);
        if (chosen == ABSOLUTE || (chosen >= 0 && m->rows[chosen].is_linked))
            m->settled[n] = chosen;
    }
}

static bool has_strong(const model *m, int name)
{
    return (m->has_absolute[name] && m->is_listed[name]) || first_row(m, name, STRONG, PROTECTED) != NOBODY;
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

static uint64_t value_of(uint32_t serial, int name) { return (uint64_t)serial * 100 + (uint64_t)name; }

/* A row's slots lie one for each name behind the word "slots_<serial>". */
static uint64_t slot_of(model *m, int r, int name)
{
    char text[32];
    oj_error error;
    uint64_t addr;
    snprintf(text, sizeof text, "slots_%u", m->rows[r].serial);
    assert_int_equal(oj_module_lookup(m->rows[r].module, text, &addr, &error), OJ_OK);
    return ojt_word_at(addr + 8 + 8 * (uint64_t)name);
}

/* Common symbols have no value: where one is the target, all that have it must agree on the address. */
static void check_target(model *m, int r, int name, uint64_t *commons)
{
    const row *from = &m->rows[r];
    uint64_t got = slot_of(m, r, name);
    int target = from->target[name];
    if (target == NOBODY) {
        assert_int_equal(got, 0);
    } else if (target == ABSOLUTE) {
        assert_int_equal(got, from->target_addr[name]);
    } else if (m->rows[target].is_alive && m->rows[target].serial == from->target_serial[name]) {
        if (m->rows[target].defines[name] != COMMON) {
            assert_int_equal(ojt_word_at(got), value_of(from->target_serial[name], name));
        } else {
            assert_true(commons[target] == 0 || commons[target] == got);
            commons[target] = got;
        }
    }
}

static void check_all(model *m)
{
    oj_session_stats stats;
    size_t n_linked = 0;
    for (int n = 0; n < NAMES; n++) {
        uint64_t commons[MODULES] = {0};
        for (int r = 0; r < MODULES; r++)
            if (m->rows[r].is_alive && m->rows[r].is_linked && mentions(&m->rows[r], n))
                check_target(m, r, n, commons);
    }
    for (int r = 0; r < MODULES; r++)
        n_linked += m->rows[r].is_alive && m->rows[r].is_linked;
    assert_int_equal(oj_session_get_stats(m->session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_codes, n_linked);
    assert_int_equal(m->client.n_live, n_linked);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static oj_object *make_object(model *m, row *r, char *slots_name)
{
    static const unsigned bindings[] = {0, STB_GLOBAL, STB_WEAK, 0, STB_GLOBAL, STB_GLOBAL};
    uint32_t symbols[NAMES] = {0};
    ojt_words w;
    ojt_words_init(&w);
    for (int n = 0; n < NAMES; n++) {
        definition d = r->defines[n];
        symbols[n] = (uint32_t)w.elf.n_symbols;
        if (d == COMMON)
            ojt_words_common(&w, name_text[n], r->size[n]);
        else if (d != NONE)
            ojt_words_define(&w, name_text[n], value_of(r->serial, n), bindings[d],
                             d == HIDDEN      ? STV_HIDDEN
                             : d == PROTECTED ? STV_PROTECTED
                                              : STV_DEFAULT);
        else if (r->refers[n] != NO_REFERENCE)
            ojt_elf_add_symbol(&w.elf, name_text[n], SHN_UNDEF, 0, 0, r->refers[n] == REFERENCE ? STB_GLOBAL : STB_WEAK,
                               STT_NOTYPE);
        else
            symbols[n] = 0;
        if (d != NONE)
            w.elf.symbols[symbols[n]].st_size = r->size[n];
    }
    ojt_words_define(&w, slots_name, 0, STB_GLOBAL, STV_DEFAULT);
    for (int n = 0; n < NAMES; n++) {
        if (symbols[n] != 0)
            ojt_words_point(&w, symbols[n]);
        else
            w.n_words++;
    }
    (void)m;
    return ojt_words_finish(&w, slots_name);
}

static void step_add(model *m)
{
    char slots_name[32];
    bool is_duplicate = false;
    row *r = NULL;
    oj_error error;
    oj_status status;
    for (int i = 0; i < MODULES && !r; i++)
        if (!m->rows[i].is_alive)
            r = &m->rows[i];
    if (!r)
        return;
    memset(r, 0, sizeof *r);
    r->serial = ++m->next_serial;
    for (int n = 0; n < NAMES; n++) {
        uint32_t what = pick(m, 20);
        r->defines[n] = what < 2    ? STRONG
                        : what < 5  ? WEAK
                        : what == 5 ? COMMON
                        : what == 6 ? HIDDEN
                        : what == 7 ? PROTECTED
                                    : NONE;
        r->refers[n] = r->defines[n] != NONE ? NO_REFERENCE
                       : what < 11           ? REFERENCE
                       : what < 13           ? WEAK_REFERENCE
                                             : NO_REFERENCE;
        r->size[n] = 8u << pick(m, 3);
        is_duplicate |= (r->defines[n] == STRONG || r->defines[n] == PROTECTED) && has_strong(m, n);
    }
    snprintf(slots_name, sizeof slots_name, "slots_%u", r->serial);
    r->object = make_object(m, r, slots_name);
    status = oj_session_add_object(m->session, r->object, NULL, &r->module, &error);
    assert_int_equal(status, is_duplicate ? OJ_E_DUPLICATE : OJ_OK);
    r->is_alive = status == OJ_OK;
    if (is_duplicate)
        oj_object_destroy(r->object);
}

static void step_lookup(model *m)
{
    int name = (int)pick(m, NAMES), target = choose(m, name);
    bool set[MODULES] = {false};
    oj_status linked = OJ_OK;
    oj_error error;
    uint64_t addr;
    oj_status status = oj_session_lookup(m->session, name_text[name], &addr, &error);
    if (target >= 0 && !m->rows[target].is_linked) {
        set[target] = true;
        linked = link_rows(m, set);
    }
    assert_int_equal(status, target == NOBODY ? OJ_E_NOT_FOUND : linked);
    if (target == ABSOLUTE)
        assert_int_equal(addr, m->absolute[name]);
    if (target >= 0 && linked == OJ_OK && m->rows[target].defines[name] != COMMON)
        assert_int_equal(ojt_word_at(addr), value_of(m->rows[target].serial, name));
}

static void step_link(model *m)
{
    int r = (int)pick(m, MODULES);
    bool set[MODULES] = {false};
    oj_status linked = OJ_OK;
    oj_error error;
    if (!m->rows[r].is_alive)
        return;
    if (!m->rows[r].is_linked) {
        set[r] = true;
        linked = link_rows(m, set);
    }
    assert_int_equal(oj_module_link(m->rows[r].module, &error), linked);
}

static bool is_referred_to(const model *m, int removed)
{
    for (int r = 0; r < MODULES; r++)
        for (int n = 0; r != removed && m->rows[r].is_alive && m->rows[r].is_linked && n < NAMES; n++)
            if (mentions(&m->rows[r], n) && m->rows[r].target[n] == removed &&
                m->rows[r].target_serial[n] == m->rows[removed].serial)
                return true;
    return false;
}

static void step_remove(model *m)
{
    int r = (int)pick(m, MODULES);
    bool force = pick(m, 4) == 0, refused;
    oj_error error;
    if (!m->rows[r].is_alive)
        return;
    refused = !force && m->rows[r].is_linked && is_referred_to(m, r);
    assert_int_equal(oj_module_remove(m->rows[r].module, force ? OJ_REMOVE_REFERENCED : 0, &error),
                     refused ? OJ_E_REFERENCED : OJ_OK);
    if (refused)
        return;
    oj_object_destroy(m->rows[r].object);
    m->rows[r].is_alive = false;
    for (int n = 0; n < NAMES; n++)
        if (m->settled[n] == r)
            m->settled[n] = NOBODY;
}

static void step_define(model *m)
{
    int n = (int)pick(m, NAMES);
    bool overrides = pick(m, 2) == 0, refused = !overrides && (m->has_absolute[n] || has_strong(m, n));
    uint64_t addr = 0x1000 + pick(m, 1000);
    oj_error error;
    assert_int_equal(oj_session_define(m->session, name_text[n], addr, overrides ? OJ_DEFINE_OVERRIDE : 0, &error),
                     refused ? OJ_E_DUPLICATE : OJ_OK);
    if (refused)
        return;
    if (!m->has_absolute[n])
        m->is_listed[n] = !overrides;
    m->has_absolute[n] = true;
    m->absolute[n] = addr;
    m->overrides[n] = m->overrides[n] || overrides;
}

static void step_undefine(model *m)
{
    int n = (int)pick(m, NAMES);
    oj_error error;
    assert_int_equal(oj_session_undefine(m->session, name_text[n], &error),
                     m->has_absolute[n] ? OJ_OK : OJ_E_NOT_FOUND);
    m->has_absolute[n] = m->overrides[n] = m->is_listed[n] = false;
    if (m->settled[n] == ABSOLUTE)
        m->settled[n] = NOBODY;
}

static void run(uint64_t seed)
{
    model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random = seed;
    ojt_client_init(&m->client);
    m->client.on_heap = true;
    ojt_heap_init(&m->heap);
    m->session = ojt_session_with(&m->client.table, &m->heap.table);
    for (int n = 0; n < NAMES; n++)
        m->settled[n] = NOBODY;
    for (int i = 0; i < STEPS; i++) {
        uint32_t what = pick(m, 20);
        m->client.log[0] = '\0';
        if (what < 6)
            step_add(m);
        else if (what < 12)
            step_lookup(m);
        else if (what < 14)
            step_link(m);
        else if (what < 18)
            step_remove(m);
        else if (what == 18)
            step_define(m);
        else
            step_undefine(m);
        m->client.log[0] = '\0';
        settle(m);
        check_all(m);
    }
    oj_session_destroy(m->session);
    assert_int_equal(m->client.n_live, 0);
    assert_int_equal(m->heap.n_live, 0);
    for (int r = 0; r < MODULES; r++)
        if (m->rows[r].is_alive)
            oj_object_destroy(m->rows[r].object);
    free(m);
}

static void session_random_steps_agree_with_the_model(void **state)
{
    const char *given = getenv("OJT_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)oji_now();
    (void)state;
    for (int i = 0; i < (given ? 1 : RUNS); i++) {
        print_message("OJT_SEED=%llu\n", (unsigned long long)(seed + (uint64_t)i));
        run(seed + (uint64_t)i);
    }
}

OJT_MAIN(cmocka_unit_test(session_random_steps_agree_with_the_model))
