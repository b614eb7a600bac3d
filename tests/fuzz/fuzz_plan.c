/* Any sequence of calls on plans and what comes of them, by hand: planned of one or two objects, placed, looked up,
 * linked, written to addresses of the client's, ended in any order. The input is a list of objects (size in 2 bytes,
 * and bytes), ended by size 0, and of steps of two bytes. Nothing is executed. */
#include "fuzz/buffers.h"
#include "fuzz/input.h"

enum { MAX_OBJECTS = 4, MAX_PLANS = 4, MAX_CODES = 32, MAX_STEPS = 64, MAX_BY_HAND = 256 };

static const char *const names[] = {"a", "f", "main", "first", "start", "far", "table", ""};

/* What a plan borrows is in its kit, which stays where it is. */
typedef struct kit {
    oj_wanted wanted;
    oj_resolver resolvers[2];
    oj_link_stats stats;
    bool is_used;
} kit;

typedef struct entry {
    oj_plan *plan;
    kit *kit;
    bool is_placed;
} entry;

typedef struct world {
    scene all;
    oj_memory memory;
    oj_object *objects[MAX_OBJECTS];
    size_t n_objects;
    entry plans[MAX_PLANS];
    kit kits[MAX_PLANS];
    size_t n_plans;
    oj_code *codes[MAX_CODES];
    size_t n_codes;
} world;

static void check(oj_status status, const oj_error *error)
{
    if (error->status != status || (status != OJ_OK && error->text[0] == '\0') || !strcmp(oj_status_name(status), ""))
        abort();
}

static void read_objects(world *w, input *in)
{
    while (w->n_objects < MAX_OBJECTS) {
        size_t size = next_size(in);
        input part = next_bytes(in, size);
        oj_object *object;
        if (size == 0)
            return;
        if (oj_object_create(&object, part.data, part.size, NULL, NULL) == OJ_OK) {
            if (runs_when_linked(object))
                oj_object_destroy(object);
            else
                w->objects[w->n_objects++] = object;
        }
    }
}

static kit *free_kit(world *w)
{
    kit *found = w->kits;
    while (found->is_used)
        found++;
    memset(found, 0, sizeof *found);
    return found;
}

static void make_plan(world *w, uint8_t choice)
{
    entry *made = &w->plans[w->n_plans];
    kit *lent;
    const oj_object *objects[2];
    oj_link_options options;
    oj_error error;
    oj_status status;
    if (w->n_plans == MAX_PLANS || w->n_objects == 0)
        return;
    objects[0] = w->objects[(choice & 7) % w->n_objects];
    objects[1] = w->objects[(choice >> 3 & 7) % w->n_objects];
    lent = free_kit(w);
    *made = (entry){.kit = lent};
    lent->wanted = (oj_wanted){names[choice & 7], 1};
    lent->resolvers[0] = oj_resolver_objects();
    lent->resolvers[1] = oj_resolver_callback(resolve, &w->all);
    oj_link_options_init(&options);
    options.memory = &w->memory;
    options.resolvers = lent->resolvers;
    options.n_resolvers = 2;
    options.flags = (choice & 64 ? OJ_LINK_SECTIONS_SINGLY : 0) | (choice & 128 ? OJ_LINK_DROP_UNREFERENCED : 0) |
                    (choice & 32 ? OJ_LINK_KEEP_LOCAL_SYMBOLS : 0);
    options.wanted = &lent->wanted;
    options.n_wanted = choice & 16 ? 1 : 0;
    options.stats = &lent->stats;
    options.stats_size = (choice & 15) * sizeof lent->stats / 15;
    status = oj_plan_create(&made->plan, objects, choice & 8 ? 2 : 1, &options, &error);
    check(status, &error);
    if ((status == OJ_OK) != (made->plan != NULL))
        abort();
    lent->is_used = status == OJ_OK;
    w->n_plans += status == OJ_OK;
}

/* Codes that have no room are ended at once. */
static void keep_code(world *w, oj_status status, oj_code *code, const oj_error *error)
{
    check(status, error);
    if ((status == OJ_OK) != (code != NULL))
        abort();
    if (code && w->n_codes < MAX_CODES)
        w->codes[w->n_codes++] = code;
    else
        oj_code_destroy(code);
}

static void place_plan(entry *e)
{
    oj_error error;
    oj_status status = oj_plan_place(e->plan, &error);
    check(status, &error);
    if (e->is_placed && status != OJ_E_MISUSE)
        abort();
    e->is_placed |= status == OJ_OK;
}

static void link_plan(world *w, entry *e)
{
    oj_code *code;
    oj_error error;
    oj_status status = oj_plan_link(e->plan, &code, &error);
    keep_code(w, status, code, &error);
    e->is_placed = false;
}

static void look_up(entry *e, uint8_t choice)
{
    uint64_t addr = 1, target = 1;
    oj_error error;
    oj_status status = oj_plan_lookup(e->plan, names[choice & 7], &addr, &error);
    check(status, &error);
    if (status != OJ_OK && addr != 0)
        abort();
    status = oj_plan_lookup_reference(e->plan, names[choice & 7], &target, &error);
    check(status, &error);
    if (status != OJ_OK ? target != 0 : addr != 0 && target != addr)
        abort();
}

/* Addresses of the client's, good and bad ones: each segment in a buffer of its own that ends with the plan. */
static void write_plan(world *w, entry *e, uint8_t choice)
{
    oj_segment segments[MAX_BY_HAND];
    oj_placement placement = {.segments = segments, .n_segments = oj_plan_segment_count(e->plan)};
    oj_code *code;
    oj_error error;
    oj_status status;
    if (placement.n_segments > MAX_BY_HAND)
        return;
    for (size_t i = 0; i < placement.n_segments; i++)
        if (oj_plan_segment(e->plan, i, &segments[i], sizeof segments[i]) != OJ_OK)
            abort();
    if (place(&w->all, &placement, &error) != OJ_OK)
        return;
    if (placement.n_segments > 0 && choice & 8)
        segments[choice % placement.n_segments].run_addr += choice & 4 ? 1 : UINT64_C(0x7fffff000);
    if (placement.n_segments > 0 && choice & 16)
        segments[choice % placement.n_segments].write = NULL;
    status = oj_plan_write(e->plan, segments, placement.n_segments - (choice & 32 ? 1 : 0), &code, &error);
    check(status, &error);
    if (e->is_placed && status != OJ_E_MISUSE)
        abort();
    /* Its memory goes first: it is ours, and the handle must not touch it. */
    release(&w->all, &placement);
    keep_code(w, status, code, &error);
}

static void end_plan(world *w, entry *e)
{
    oj_plan_destroy(e->plan);
    e->kit->is_used = false;
    *e = w->plans[--w->n_plans];
}

static void use_code(world *w, uint8_t choice)
{
    size_t i = w->n_codes ? choice % w->n_codes : 0;
    oj_code_symbol_info info;
    if (w->n_codes == 0)
        return;
    for (size_t k = 0; k < oj_code_symbol_count(w->codes[i]); k++)
        if (oj_code_symbol(w->codes[i], k, &info, sizeof info) != OJ_OK || !info.name)
            abort();
    oj_code_lookup_addr(w->codes[i], names[choice & 7]);
    if (choice & 8) {
        oj_code_destroy(w->codes[i]);
        w->codes[i] = w->codes[--w->n_codes];
    }
}

static void step(world *w, input *in)
{
    uint8_t what = next_byte(in), choice = next_byte(in);
    entry *e = w->n_plans ? &w->plans[(what >> 4) % w->n_plans] : NULL;
    what %= 8;
    if (what < 2 || !e)
        make_plan(w, choice);
    else if (what == 2)
        place_plan(e);
    else if (what == 3)
        link_plan(w, e);
    else if (what == 4)
        look_up(e, choice);
    else if (what == 5)
        write_plan(w, e, choice);
    else if (what == 6)
        use_code(w, choice);
    else
        end_plan(w, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world empty;
    world w = empty;
    input in = {data, size};
    uint8_t choice = next_byte(&in);
    w.all = (scene){bases[choice & 3], (choice & 4) != 0};
    memory_init(&w.memory, &w.all);
    read_objects(&w, &in);
    for (int i = 0; i < MAX_STEPS && in.size > 0; i++)
        step(&w, &in);
    /* Objects are kept by plans, and codes by nobody. */
    while (w.n_plans > 0)
        oj_plan_destroy(w.plans[--w.n_plans].plan);
    while (w.n_objects > 0)
        oj_object_destroy(w.objects[--w.n_objects]);
    while (w.n_codes > 0)
        oj_code_destroy(w.codes[--w.n_codes]);
    return 0;
}
