/* Phase two of linking: the units of a step are planned, placed, prepared and written, each into a code of its own, and
 * attached to the session as one.
 *
 * All names are resolved before any memory is asked for, and all memory is asked for before anything is written, so
 * that units may refer to each other in circles. */
#include "session/session.h"

#include "code/tls.h"

/* --- what plans ask ----------------------------------------------------------------------------------------------- */

/* What overrides leaves a unit's own strong definitions to it. */
static bool defines_strongly(const oji_session_name *name, const oji_session_unit *unit)
{
    for (const oji_session_definition *d = name->n_strong > 0 ? name->first : NULL; d; d = d->next)
        if (d->unit == unit && d->rank == OJI_SESSION_STRONG)
            return true;
    return false;
}

/* The object's global symbol of this name; 0 where there is none. */
static uint32_t find_symbol(const oji_session_step *step, const oj_object *object, const char *name, uint32_t name_size)
{
    uint32_t cursor = 0, index;
    uint64_t hash = oji_hash(name, name_size);
    while ((index = oji_table_next(&step->names, hash, &cursor)) != OJI_TABLE_NONE)
        if (object->symbols[index].name_size == name_size && memcmp(object->symbols[index].name, name, name_size) == 0)
            return index;
    return 0;
}

/* One entry for each name: an object may have any number of symbols of it. False where memory ends. */
static bool index_symbols(oji_session_step *step, const oj_object *object)
{
    step->names_of = NULL;
    if (!oji_table_init(&step->names, &step->arena, object->n_symbols - object->first_global))
        return false;
    for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
        const oji_symbol *symbol = &object->symbols[i];
        if (find_symbol(step, object, symbol->name, symbol->name_size) == 0)
            oji_table_add(&step->names, oji_hash(symbol->name, symbol->name_size), i);
    }
    step->names_of = object;
    return true;
}

/* The unit that asks must take the name for a thread-local variable. Few names are one: an object's symbols are indexed
 * when it asks for the first. */
static oj_status check_thread_local(oji_session_step *step, const oji_session_definition *chosen, oj_error *error)
{
    const oj_object *object = step->current->object;
    const oji_symbol *symbol;
    if (step->names_of != object && !index_symbols(step, object))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a module's thread-local variables");
    symbol = &object->symbols[find_symbol(step, object, chosen->name->text, chosen->name->name_size)];
    if (symbol->type == OJ_SYMBOL_THREAD_LOCAL || (symbol->uses & OJI_USES_TLS))
        return OJ_OK;
    return oji_session_report_thread_local(chosen, step->current->module->name, error);
}

/* The linker sees one unit at a time, and refuses such objects in one link. */
static bool can_call(const oji_session_unit *user, const oji_session_unit *other)
{
    return user->arch == other->arch && (user->abi == 0 || other->abi == 0 || user->abi == other->abi);
}

/* Alignments count among common symbols alone: those of others are what a compiler liked. That one is thread-local and
 * the other is not has a text of its own. */
static bool has_room(const oji_session_definition *chosen, const oji_session_definition *own)
{
    uint64_t rest = 0;
    if (chosen->is_thread_local != own->is_thread_local)
        return true;
    if (chosen->rank == OJI_SESSION_COMMON && own->rank == OJI_SESSION_COMMON && !chosen->is_thread_local)
        rest = chosen->addr & ((UINT64_C(1) << own->alignment_log2) - 1);
    return own->size <= chosen->size && rest == 0;
}

/* What was linked before stays as it is, and must do for the unit, whose accesses go as far as its own definition: it
 * would write behind the end. Of a step's own common ones the largest is chosen. */
static oj_status check_room(const oji_session_step *step, const oji_session_definition *chosen, oj_error *error)
{
    bool has_size = chosen->size > 0 || chosen->rank == OJI_SESSION_COMMON;
    if (!chosen->unit->code || !has_size)
        return OJ_OK;
    for (const oji_session_definition *own = chosen->name->first; own; own = own->next)
        if (own->unit == step->current && !has_room(chosen, own))
            return oji_session_report_room(chosen, own, error);
    return OJ_OK;
}

/* What the unit is told: the linker finds thread-local variables by their address in this thread. One that gave way to
 * a resolver's has none: what its own module uses in its place is not the session's. */
static oj_status tell(oji_session_step *step, const oji_session_definition *chosen, oj_query *query, oj_error *error)
{
    bool is_linked = !chosen->unit || chosen->unit->code;
    if (chosen->is_lost)
        return oji_session_report_given_away(chosen, step->current->module->name, error);
    query->found = step->is_placed || is_linked ? 1 : OJ_FOUND_LATER;
    query->addr = query->found == 1 ? chosen->addr : 0;
    if (!chosen->is_thread_local)
        return OJ_OK;
    OJI_TRY(check_thread_local(step, chosen, error));
    return is_linked ? oji_session_find_thread_local(chosen, &query->addr, error) : OJ_OK;
}

/* A unit of the same step has its address when all have been placed. Nobody's own definition is answered: the plan has
 * it. */
static oj_status answer(oji_session_step *step, oj_query *query, oj_error *error)
{
    const oji_session_name *name = oji_session_find(step->session, query->name, strlen(query->name));
    const oji_session_definition *chosen = name ? oji_session_choose_for(name, step->current) : NULL;
    if (!chosen || chosen->unit == step->current)
        return OJ_OK;
    if (chosen->unit && !chosen->unit->code && !chosen->unit->is_in_step)
        return OJ_OK;
    if (!chosen->is_own && name->overrides && defines_strongly(name, step->current))
        return OJ_OK;
    if (chosen->unit && !can_call(step->current, chosen->unit))
        return oji_session_report_architecture(chosen, step->current, error);
    if (chosen->unit)
        OJI_TRY(check_room(step, chosen, error));
    if (chosen->unit && !step->is_placed && !oji_session_add_edge(step->session, step->current, chosen->unit, name))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: what a module refers to");
    return tell(step, chosen, query, error);
}

static oj_status answer_all(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    for (size_t i = 0; i < n_queries; i++)
        OJI_TRY(answer(context, &queries[i], error));
    return OJ_OK;
}

/* --- plans -------------------------------------------------------------------------------------------------------- */

/* The session's definitions come before a unit's own, which it knows by itself; then the client's resolvers. The
 * array is the step's, as plans keep it. */
static oj_status list_resolvers(oji_session_step *step, oj_error *error)
{
    oj_session *session = step->session;
    uint64_t n = 3;
    for (oj_module *module = session->first_module; module; module = module->next)
        n += module->kind == OJI_MODULE_RESOLVER;
    step->resolvers = oji_arena_array(&step->arena, n, sizeof *step->resolvers);
    if (!step->resolvers)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a session's resolvers");
    step->resolvers[step->n_resolvers++] = oj_resolver_callback(answer_all, step);
    step->resolvers[step->n_resolvers++] = oj_resolver_objects();
    for (oj_module *module = session->first_module; module; module = module->next)
        if (module->kind == OJI_MODULE_RESOLVER)
            step->resolvers[step->n_resolvers++] = module->resolver;
    if (!(session->options.flags & OJ_SESSION_NO_PROCESS))
        step->resolvers[step->n_resolvers++] = oj_resolver_process();
    return OJ_OK;
}

/* The largest alignment of a common symbol that this unit has for all; 0 where its own is. */
static uint64_t shared_alignment(const oji_session_definition *d)
{
    uint8_t largest = d->alignment_log2;
    if (d->rank != OJI_SESSION_COMMON || d->name->n_common < 2 || oji_session_choose(d->name) != d)
        return 0;
    for (const oji_session_definition *other = d->name->first; other; other = other->next)
        if (other->rank == OJI_SESSION_COMMON && other->alignment_log2 > largest)
            largest = other->alignment_log2;
    return largest > d->alignment_log2 ? UINT64_C(1) << largest : 0;
}

/* What the linker is shown. */
typedef struct shown {
    oj_object object;
    oji_symbol symbols[];
} shown;

/* The linker takes the largest size and the largest alignment of those that it sees (gABI chapter 4, "Symbol Table"):
 * it is shown the others' alignments as an object of nothing else. *out NULL: there are none. */
static oj_status show_alignments(oji_session_step *step, const oji_session_unit *unit, const oj_object **out,
                                 oj_error *error)
{
    static const oji_section no_section = {.name = ""};
    const uint64_t most = sizeof(shown) + ((uint64_t)unit->n_definitions + 1) * sizeof(oji_symbol);
    shown *made = NULL;
    *out = NULL;
    for (uint32_t i = 0; i < unit->n_definitions; i++) {
        const oji_session_definition *d = &unit->definitions[i];
        uint64_t alignment = shared_alignment(d);
        if (alignment == 0)
            continue;
        if (!made) {
            made = oji_arena_array(&step->arena, 1, most);
            if (!made)
                return oji_fail_nomem(error, most, "a session's common symbols");
            made->symbols[0] = (oji_symbol){.name = "", .section = OJI_SECTION_UNDEFINED};
            made->object = (oj_object){.name = unit->module->name,
                                       .sections = &no_section,
                                       .symbols = made->symbols,
                                       .n_sections = 1,
                                       .n_symbols = 1,
                                       .first_global = 1,
                                       .arch = unit->arch};
            *out = &made->object;
        }
        made->symbols[made->object.n_symbols++] =
            (oji_symbol){.name = d->name->text,
                         .value = alignment,
                         .section = OJI_SECTION_COMMON,
                         .name_size = d->name->name_size,
                         .binding = OJ_SYMBOL_GLOBAL,
                         .type = d->is_thread_local ? OJ_SYMBOL_THREAD_LOCAL : OJ_SYMBOL_DATA};
        made->object.has_tls |= d->is_thread_local;
    }
    return OJ_OK;
}

static oj_status plan_unit(oji_session_step *step, oji_session_unit *unit, oj_error *error)
{
    const oj_object *objects[2] = {unit->object, NULL};
    oj_link_options options;
    OJI_TRY(show_alignments(step, unit, &objects[1], error));
    oj_link_options_init(&options);
    /* Constructors run when all units of the step are there. */
    options.flags = (unit->module->link_flags & ~OJ_LINK_RUN_CONSTRUCTORS) | OJ_LINK_OMIT_UNWIND;
    /* Only this unit's own references are known to the linker, and others may want what is hidden. */
    if (unit->member)
        options.flags &= ~OJ_LINK_DROP_UNREFERENCED;
    options.memory = unit->module->memory;
    options.allocator = &step->session->allocator;
    options.resolvers = step->resolvers;
    options.n_resolvers = step->n_resolvers;
    options.undefined = oji_session_note_undefined;
    options.undefined_context = step;
    step->current = unit;
    return oj_plan_create(&unit->plan, objects, objects[1] ? 2 : 1, &options, error);
}

/* Undefined names of one unit do not end it: those of all are told at once. */
static oj_status plan_all(oji_session_step *step, oj_error *error)
{
    OJI_TRY(list_resolvers(step, error));
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        oj_status status = plan_unit(step, unit, error);
        if (step->is_out_of_memory)
            return oji_fail(error, OJ_E_NOMEM, "out of memory: a list of undefined symbols");
        if (status != OJ_OK && (status != OJ_E_UNDEFINED || step->n_undefined == 0))
            return status;
    }
    return step->n_undefined > 0 ? oji_session_report_undefined(step, error) : OJ_OK;
}

static oj_status place_all(oji_session_step *step, oj_error *error)
{
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        oj_status status = oj_plan_place(unit->plan, error);
        if (status != OJ_OK)
            oji_name_object(error, unit->module->name);
        OJI_TRY(status);
    }
    step->is_placed = true;
    return OJ_OK;
}

/* Has the definition given way to another of the session? What gave way to a resolver's has its address, and stays the
 * session's: all modules then use one and the same. */
static bool is_lost_to_another(const oji_session_definition *d)
{
    const oji_session_definition *chosen = oji_session_choose(d->name);
    return d->is_thread_local || !chosen || chosen->unit != d->unit;
}

/* Of definitions that are thread-local, or of those that are not. One that lost its name to another has no address of
 * its own in the plan. */
static oj_status find_addresses(const oji_session_unit *unit, bool thread_local, oj_error *error)
{
    for (uint32_t i = 0; i < unit->n_definitions; i++) {
        oji_session_definition *d = &unit->definitions[i];
        oj_status status;
        if (d->is_thread_local != thread_local)
            continue;
        status = oj_plan_lookup(unit->plan, d->name->text, &d->addr, error);
        d->is_lost = status == OJ_E_NOT_FOUND && !d->is_own && is_lost_to_another(d);
        if (status == OJ_E_NOT_FOUND && !d->is_lost)
            status = oj_plan_lookup_reference(unit->plan, d->name->text, &d->addr, error);
        if (status != OJ_OK && !d->is_lost)
            return status;
    }
    return OJ_OK;
}

/* Thread-local variables have addresses in this thread once their images are whole, which refer to other units. */
static oj_status prepare_all(oji_session_step *step, oj_error *error)
{
    for (const oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
        OJI_TRY(find_addresses(unit, false, error));
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        step->current = unit;
        OJI_TRY(oj_plan_prepare(unit->plan, error));
    }
    for (const oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
        OJI_TRY(find_addresses(unit, true, error));
    return OJ_OK;
}

/* Functions that choose others may call into every unit. */
static oj_status write_all(oji_session_step *step, oj_error *error)
{
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        step->current = unit;
        OJI_TRY(oj_plan_link(unit->plan, &unit->linked, error));
    }
    for (const oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
        OJI_TRY(oj_plan_complete(unit->plan, error));
    return OJ_OK;
}

/* --- attaching ---------------------------------------------------------------------------------------------------- */

/* Constructors run in the order of linking, as a linker's do in the order of its command line. Members of one archive
 * keep the order in which they were pulled. */
static oji_session_unit *merge(oji_session_unit *a, oji_session_unit *b)
{
    oji_session_unit *first = NULL, **end = &first;
    while (a && b) {
        oji_session_unit **smaller = a->module->sequence <= b->module->sequence ? &a : &b;
        *end = *smaller;
        end = &(*smaller)->next_in_step;
        *smaller = (*smaller)->next_in_step;
    }
    *end = a ? a : b;
    return first;
}

/* Sort the first n of a list, and cut it there; what follows is left in *rest. */
static oji_session_unit *sort_units(oji_session_unit *units, size_t n, oji_session_unit **rest)
{
    oji_session_unit *a, *b;
    if (n == 1) {
        *rest = units->next_in_step;
        units->next_in_step = NULL;
        return units;
    }
    a = sort_units(units, n / 2, &b);
    b = sort_units(b, n - n / 2, rest);
    return merge(a, b);
}

static void sort_step(oji_session_step *step)
{
    oji_session_unit *rest;
    size_t n = 0;
    for (const oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
        n++;
    step->first = sort_units(step->first, n, &rest);
}

/* Other threads have them elsewhere: what stays is the place in the code's block, which this thread has. */
static void count_in_block(oji_session_unit *unit)
{
    const oji_tls *module = oji_tls_of_code(unit->linked);
    uint64_t block = module ? (uint64_t)(uintptr_t)oji_tls_address(module, 0) : 0;
    for (uint32_t i = 0; i < unit->n_definitions; i++)
        if (unit->definitions[i].is_thread_local && !unit->definitions[i].is_lost)
            unit->definitions[i].addr -= block;
}

static void attach_code(oj_session *session, oji_session_unit *unit, uint64_t claim)
{
    count_in_block(unit);
    session->n_unconstructed++;
    unit->claim = oji_session_constructs(unit->module) ? claim : 0;
    unit->previous_linked = session->last_linked;
    unit->next_linked = NULL;
    if (session->last_linked)
        session->last_linked->next_linked = unit;
    else
        session->first_linked = unit;
    session->last_linked = unit;
    oji_session_attach_edges(unit);
    pthread_mutex_lock(&session->lock);
    unit->code = unit->linked;
    unit->module->n_codes++;
    session->stats.n_codes++;
    pthread_mutex_unlock(&session->lock);
    unit->linked = NULL;
}

/* A common symbol that lost has no memory, and a weak one is not what its module uses: neither is chosen for anybody,
 * now or when the winner is gone. Whoever asks the module for it is answered with what it uses. */
static void settle_names(oj_session *session, oji_session_unit *unit)
{
    for (uint32_t i = 0; i < unit->n_definitions; i++) {
        oji_session_definition *d = &unit->definitions[i];
        const oji_session_definition *chosen;
        if (d->is_own)
            continue;
        if (!d->is_lost) {
            oji_session_settle(session, d->name);
            continue;
        }
        chosen = oji_session_choose(d->name);
        d->addr = chosen->addr;
        d->winner = chosen->unit;
        d->name->n_lost++;
        oji_session_leave(session, d);
    }
}

/* Names are settled when all codes are there, since any of them may have the chosen definition. */
static uint64_t attach_all(oji_session_step *step)
{
    oj_session *session = step->session;
    uint64_t claim = ++session->n_claims;
    bool is_claimed = false;
    sort_step(step);
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        attach_code(session, unit, claim);
        is_claimed = is_claimed || unit->claim == claim;
    }
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
        settle_names(session, unit);
    pthread_mutex_lock(&session->lock);
    session->stats.n_links++;
    pthread_mutex_unlock(&session->lock);
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        unit->is_in_step = false;
        oji_session_release_object(unit);
    }
    return is_claimed ? claim : 0;
}

/* Codes end before plans and edges; nothing has run in them. No definition has lost its name. */
static void undo(oji_session_step *step)
{
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        for (uint32_t i = 0; i < unit->n_definitions; i++)
            unit->definitions[i].is_lost = false;
        oj_code_destroy(unit->linked);
        unit->linked = NULL;
    }
}

static void destroy_plans(oji_session_step *step)
{
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step) {
        oj_plan_destroy(unit->plan);
        unit->plan = NULL;
    }
}

/* --- a step ------------------------------------------------------------------------------------------------------- */

static oj_status take_archive(oji_session_step *step, const oji_session_goal *goal, oj_error *error)
{
    oj_archive *archive = goal->module->archive;
    size_t n = goal->name ? 1 : oj_archive_symbol_count(archive);
    for (size_t i = 0; i < n; i++) {
        const char *name = goal->name ? goal->name : oj_archive_symbol(archive, i);
        oji_session_unit *pulled;
        OJI_TRY(oji_session_pull(step, goal->module, name, strlen(name), &pulled, error));
    }
    return OJ_OK;
}

static oj_status take_goal(oji_session_step *step, const oji_session_goal *goal, oj_error *error)
{
    if (goal->module && goal->module->kind == OJI_MODULE_ARCHIVE)
        return take_archive(step, goal, error);
    if (goal->module)
        return oji_session_has_units(goal->module) ? oji_session_take_unit(step, &goal->module->own, error) : OJ_OK;
    step->wanted = goal->name;
    for (oj_module *module = goal->name ? NULL : step->session->first_module; module; module = module->next)
        if (oji_session_has_units(module))
            OJI_TRY(oji_session_take_unit(step, &module->own, error));
    return OJ_OK;
}

/* Members may be pulled in vain, and a variable may give way to a resolver's: then the wanted name is nobody's. */
static oj_status check_wanted(const oji_session_step *step, oj_error *error)
{
    const oji_session_name *name =
        step->wanted ? oji_session_find(step->session, step->wanted, strlen(step->wanted)) : NULL;
    const oji_session_definition *chosen = name ? oji_session_choose(name) : NULL;
    return step->wanted && (!chosen || chosen->is_lost) ? oji_session_report_not_found(step->wanted, error) : OJ_OK;
}

static oj_status link_step(oji_session_step *step, const oji_session_goal *goal, oj_error *error)
{
    OJI_TRY(oji_session_refresh_hints(step->session, error));
    OJI_TRY(take_goal(step, goal, error));
    OJI_TRY(oji_session_close(step, error));
    OJI_TRY(check_wanted(step, error));
    if (!step->first)
        return OJ_OK;
    OJI_TRY(plan_all(step, error));
    OJI_TRY(place_all(step, error));
    OJI_TRY(prepare_all(step, error));
    OJI_TRY(check_wanted(step, error));
    return write_all(step, error);
}

oj_status oji_session_link(oj_session *session, const oji_session_goal *goal, uint64_t *claim, oj_error *error)
{
    oji_session_step step = {.session = session};
    max_align_t buffer[64]; /* spares the heap in the common case of few resolvers */
    oj_status status;
    *claim = 0;
    oji_arena_init(&step.arena, &session->allocator, buffer, sizeof buffer);
    status = link_step(&step, goal, error);
    if (status != OJ_OK)
        undo(&step);
    destroy_plans(&step);
    if (status != OJ_OK)
        oji_session_abandon(&step);
    else if (step.first)
        *claim = attach_all(&step);
    oji_arena_free(&step.arena);
    return status;
}
