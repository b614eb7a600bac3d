/* Public entries of the linker: arguments are checked here, inner functions assume them. */
#include "link/link.h"

#include "code/tls.h"
#include "link/options.h"

/* Small links fit in these bytes of stack and take no heap but the code's own. */
#ifdef OJ_STRESS
enum { STACK_ARENA = 16 };
#else
enum { STACK_ARENA = 6 * 1024 };
#endif

/* Elements of wanted and archives are followed later without a check. */
static oj_status check_options(const oj_link_options *options, oj_error *error)
{
    OJI_TRY(oji_link_check_flags(options->flags, "oj_link_options.flags", error));
    if (!options->resolvers && options->n_resolvers > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_link_options.resolvers is NULL but n_resolvers is %zu",
                        options->n_resolvers);
    if (!options->archives && options->n_archives > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_link_options.archives is NULL but n_archives is %zu",
                        options->n_archives);
    for (size_t i = 0; i < options->n_archives; i++)
        if (!options->archives[i])
            return oji_fail(error, OJ_E_MISUSE, "oj_link_options.archives[%zu] is NULL", i);
    if (!options->wanted && options->n_wanted > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_link_options.wanted is NULL but n_wanted is %zu", options->n_wanted);
    for (size_t i = 0; i < options->n_wanted; i++)
        if (!options->wanted[i].name)
            return oji_fail(error, OJ_E_MISUSE, "oj_link_options.wanted[%zu].name is NULL", i);
    return OJ_OK;
}

/* Half of 32 bits leaves room for the members that archives bring, and for OJI_NONE. */
static oj_status check_objects(const oj_object *const *objects, size_t n_objects, oj_error *error)
{
    if (!objects || n_objects == 0)
        return oji_fail(error, OJ_E_MISUSE, "no objects to link");
    if (n_objects > UINT32_MAX / 2)
        return oji_fail(error, OJ_E_LIMIT, "%zu objects in one link", n_objects);
    for (size_t i = 0; i < n_objects; i++)
        if (!objects[i])
            return oji_fail(error, OJ_E_MISUSE, "objects[%zu] is NULL", i);
    return OJ_OK;
}

/* The client's table is kept by address as well: a code names it for its whole life, and the copy ends with the
 * plan. */
static oj_status import_memory(oj_plan *plan, oj_error *error)
{
    plan->memory = plan->options.memory ? plan->options.memory : oj_memory_default();
    OJI_TRY(oji_code_import_memory(&plan->table, plan->memory, error));
    if (!plan->table.place)
        return oji_fail(error, OJ_E_MISUSE, "oj_memory.place is NULL");
    return OJ_OK;
}

static oj_status import_tls(oj_plan *plan, oj_error *error)
{
    if (!plan->options.tls)
        return OJ_OK;
    OJI_TRY(oji_import(&plan->tls.client, sizeof plan->tls.client, sizeof plan->tls.client, plan->options.tls, "oj_tls",
                       error));
    OJI_TRY(oji_check_flags(plan->tls.client.flags, 0, "oj_tls.flags", error));
    if (plan->tls.client.get_addr == 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_tls.get_addr is 0");
    return OJ_OK;
}

/* Results are zero on every failure, whatever an earlier link left in them. */
static void zero_wanted(const oj_link_options *options)
{
    for (size_t i = 0; i < options->n_wanted; i++)
        options->wanted[i].addr = 0;
}

/* Everything up to layout, with options that have been imported. On failure the plan has been emptied. Whatever returns
 * before the arena is begun holds nothing. A plan that has a buffer lives no longer than one link. */
static oj_status open_plan(oj_plan *plan, const oj_object *const *objects, size_t n_objects,
                           const oj_link_options *options, void *buffer, size_t buffer_size, oj_error *error)
{
    oj_status status;
    memset(plan, 0, sizeof *plan);
    plan->is_once = buffer != NULL;
    plan->options = *options;
    OJI_TRY(check_objects(objects, n_objects, error));
    OJI_TRY(check_options(&plan->options, error));
    OJI_TRY(oji_allocator_import(&plan->allocator, plan->options.allocator, error));
    OJI_TRY(import_memory(plan, error));
    OJI_TRY(import_tls(plan, error));
    OJI_TRY(oji_link_check_resolvers(plan, error));
    plan->arch = oji_arch_find(objects[0]->arch);
    if (!plan->arch)
        return oji_fail(error, OJ_E_ARCHITECTURE, "%s is for an architecture that cannot be linked", objects[0]->name);
    zero_wanted(&plan->options);
    /* A plan may yet be linked for addresses. Of what cannot be linked here no name is asked for. */
    if (plan->is_once)
        OJI_TRY(oji_link_check_memory(plan, objects[0], error));
    oji_arena_init(&plan->arena, &plan->allocator, buffer, buffer_size);
    status = oji_link_resolve(plan, objects, n_objects, error);
    if (status == OJ_OK)
        status = oji_link_layout(plan, error);
    if (status != OJ_OK)
        oji_arena_free(&plan->arena);
    return status;
}

static oj_status import_options(oj_link_options *ours, const oj_link_options *options, oj_error *error)
{
    return oji_import(ours, sizeof *ours, sizeof *ours, options, "oj_link_options", error);
}

/* Plan and arena lie on the stack: a link of one small function allocates nothing but its code's handle. */
static oj_status link_once(const oj_object *const *objects, size_t n_objects, const oj_link_options *options,
                           uint64_t parse_ns, oj_code **out, oj_error *error)
{
    _Alignas(max_align_t) uint8_t buffer[STACK_ARENA];
    oj_plan plan;
    oj_status status;
    OJI_TRY(open_plan(&plan, objects, n_objects, options, buffer, sizeof buffer, error));
    plan.stats.parse_ns = parse_ns;
    status = oji_link_finish(&plan, NULL, 0, out, error);
    oji_arena_free(&plan.arena);
    return status == OJ_OK ? oji_succeed(error) : status;
}

oj_status oj_link(const oj_object *const *objects, size_t n_objects, const oj_link_options *options, oj_code **out,
                  oj_error *error)
{
    oj_link_options imported;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    OJI_TRY(import_options(&imported, options, error));
    return link_once(objects, n_objects, &imported, 0, out, error);
}

/* The object borrows `bytes` and ends with the call; a code refers to neither. Of the options only a few are looked at
 * before open_plan() judges them. */
oj_status oj_link_bytes(const void *bytes, size_t size, const oj_link_options *options, oj_code **out, oj_error *error)
{
    oj_object_options object_options;
    oj_link_options imported;
    oj_object *object;
    uint64_t start;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    OJI_TRY(import_options(&imported, options, error));
    oj_object_options_init(&object_options);
    object_options.flags = OJ_OBJECT_BORROW;
    if (imported.flags & (OJ_LINK_DEBUGGER | OJ_LINK_JITDUMP))
        object_options.flags |= OJ_OBJECT_WITH_DEBUG;
    object_options.allocator = imported.allocator;
    start = imported.stats ? oji_now() : 0;
    OJI_TRY(oj_object_create(&object, bytes, size, &object_options, error));
    status =
        link_once((const oj_object *const *)&object, 1, &imported, imported.stats ? oji_now() - start : 0, out, error);
    oj_object_destroy(object);
    return status;
}

/* No stack arena here: the plan outlives this call. It is made on the stack and moved, so that its heap block is
 * asked for when nothing else can fail. */
oj_status oj_plan_create(oj_plan **out, const oj_object *const *objects, size_t n_objects,
                         const oj_link_options *options, oj_error *error)
{
    oj_link_options imported;
    oj_plan opened, *plan;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    OJI_TRY(import_options(&imported, options, error));
    OJI_TRY(open_plan(&opened, objects, n_objects, &imported, NULL, 0, error));
    plan = oji_link_list_ranges(&opened) ? oji_allocate(&opened.allocator, sizeof *plan) : NULL;
    if (!plan) {
        oji_arena_free(&opened.arena);
        return oji_fail_nomem(error, sizeof *plan, "a plan");
    }
    *plan = opened;
    /* The arena pointed into the plan that was on the stack. */
    plan->arena.allocator = &plan->allocator;
    *out = plan;
    return oji_succeed(error);
}

oj_status oj_plan_link(oj_plan *plan, oj_code **out, oj_error *error)
{
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    if (!plan)
        return oji_fail(error, OJ_E_MISUSE, "plan is NULL");
    zero_wanted(&plan->options);
    OJI_TRY(oji_link_finish(plan, NULL, 0, out, error));
    return oji_succeed(error);
}

oj_status oj_plan_place(oj_plan *plan, oj_error *error)
{
    if (!plan || plan->is_placed)
        return oji_fail(error, OJ_E_MISUSE, plan ? "the plan is placed already" : "plan is NULL");
    OJI_TRY(oji_link_place_ahead(plan, error));
    return oji_succeed(error);
}

/* Constructors may call what others of the step define, which is not complete when this plan is linked. */
oj_status oj_plan_prepare(oj_plan *plan, oj_error *error)
{
    if (!plan || !plan->is_placed || plan->is_prepared)
        return oji_fail(error, OJ_E_MISUSE,
                        !plan              ? "plan is NULL"
                        : !plan->is_placed ? "the plan is not placed: oj_plan_place() comes first"
                                           : "the plan is prepared already");
    if (plan->options.flags & OJ_LINK_RUN_CONSTRUCTORS)
        return oji_fail(error, OJ_E_MISUSE, "a plan with OJ_LINK_RUN_CONSTRUCTORS cannot be one of several");
    OJI_TRY(oji_link_prepare(plan, error));
    return oji_succeed(error);
}

oj_status oj_plan_complete(oj_plan *plan, oj_error *error)
{
    if (!plan || !plan->is_incomplete)
        return oji_fail(error, OJ_E_MISUSE,
                        plan ? "the plan was not prepared and linked: oj_plan_prepare() and oj_plan_link() come first"
                             : "plan is NULL");
    OJI_TRY(oji_link_choose_ifuncs(plan, error));
    plan->is_incomplete = false;
    return oji_succeed(error);
}

/* Known between oj_plan_prepare() and oj_plan_link(): afterwards the module is the code's, which may be gone. */
static oj_status look_up_thread_local(const oj_plan *plan, const oji_link_name *name, uint64_t *addr, oj_error *error)
{
    const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
    if (!plan->tls.is_made || plan->options.tls)
        return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                           "'%s' is thread-local: only its code tells where each thread has it", name->name);
    OJI_TRY(oji_tls_prepare(plan->tls.module, error));
    *addr = (uint64_t)(uintptr_t)oji_tls_address(plan->tls.module, oji_link_name_addr(plan, name));
    return oji_succeed(error);
}

/* NULL without a failure: the plan does not know the name. A single object's names have no table until they are asked
 * for. */
static oj_status find_placed(oj_plan *plan, const char *name, uint64_t *addr, const oji_link_name **out,
                             oj_error *error)
{
    *out = NULL;
    if (!addr)
        return oji_fail(error, OJ_E_MISUSE, "addr is NULL");
    *addr = 0;
    if (!plan || !name)
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", plan ? "name" : "plan");
    if (!plan->has_addresses)
        return oji_fail(error, OJ_E_MISUSE,
                        "the plan is not placed: its symbols have no addresses before oj_plan_place()");
    if (!oji_link_index_names(plan))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a plan's table of names");
    *out = oji_link_find_name(plan, name, strlen(name));
    return OJ_OK;
}

/* Of a plan that there is, none is undefined. */
oj_status oj_plan_lookup(oj_plan *plan, const char *name, uint64_t *addr, oj_error *error)
{
    const oji_place place = {.symbol = name, .offset = UINT64_MAX};
    const oji_link_name *found;
    OJI_TRY(find_placed(plan, name, addr, &found, error));
    if (!found || found->definition >= OJI_LINK_EXTERNAL)
        return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "the plan does not define '%s'", name);
    if (found->is_tls)
        return look_up_thread_local(plan, found, addr, error);
    *addr = oji_link_name_addr(plan, found);
    return oji_succeed(error);
}

oj_status oj_plan_lookup_reference(oj_plan *plan, const char *name, uint64_t *addr, oj_error *error)
{
    const oji_place place = {.symbol = name, .offset = UINT64_MAX};
    const oji_link_name *found;
    OJI_TRY(find_placed(plan, name, addr, &found, error));
    if (!found)
        return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "the plan neither defines '%s' nor refers to it", name);
    if (found->is_tls || found->later != 0)
        return oji_fail_at(error, OJ_E_UNSUPPORTED, &place, "'%s' %s", name,
                           found->is_tls ? "is thread-local: a reference to it leads elsewhere in each thread"
                                         : "has an address that its resolver tells later");
    *addr = oji_link_name_addr(plan, found);
    return oji_succeed(error);
}

/* NULL with no segments is a link of no bytes. Inside, by_hand NULL would mean the provider: so it is never passed. */
oj_status oj_plan_write(oj_plan *plan, const oj_segment *segments, size_t n_segments, oj_code **out, oj_error *error)
{
    const oj_segment none = {0};
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    if (!plan || (!segments && n_segments > 0))
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", plan ? "segments" : "plan");
    if (plan->is_placed)
        return oji_fail(error, OJ_E_MISUSE,
                        "the plan is placed already: its addresses are its provider's, and oj_plan_link() uses "
                        "them");
    if (plan->has_unwind_aside)
        return oji_fail(error, OJ_E_MISUSE, "the plan has left its unwind tables out: OJ_LINK_OMIT_UNWIND");
    zero_wanted(&plan->options);
    OJI_TRY(oji_link_finish(plan, segments ? segments : &none, n_segments, out, error));
    return oji_succeed(error);
}

/* The allocator lies inside the block that it frees. A placement that became no code's is given back, and so is what
 * was prepared in it. */
void oj_plan_destroy(oj_plan *plan)
{
    if (plan) {
        oj_allocator allocator = plan->allocator;
        if (plan->tls.is_made)
            oji_link_tls_abandon(plan);
        if (plan->is_placed && plan->n_requests > 0)
            oji_link_release(plan);
        oji_arena_free(&plan->arena);
        oji_release(&allocator, plan, sizeof *plan);
    }
}

const char *oj_link_architecture(size_t index)
{
    const oji_arch *arch = oji_arch_at(index);
    return arch ? oji_arch_name(arch->id) : NULL;
}
