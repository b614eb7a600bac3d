/* From a plan to the code that is handed out. Everything that needs heap is allocated before memory is asked for, so
 * that after the last relocation nothing but a callback or the system can fail. */
#include "code/unwind.h"
#include "link/link.h"

/* Needs written targets, and plan->kept in the order of hashes, which is the one oji_code_find() bisects. Offsets of
 * names fit 32 bits: oji_code_allocate() has refused more. */
static void fill_symbols(const oj_plan *plan, oj_code *code)
{
    oji_code_symbol *symbols = oji_code_symbols(code);
    char *names = oji_code_names(code);
    uint32_t name_off = 0;
    for (uint32_t i = 0; i < plan->n_kept; i++) {
        const oji_link_member *member = &plan->members[plan->kept[i].member];
        const oji_symbol *symbol = &member->symbols[plan->kept[i].symbol];
        size_t name_size = strlen(symbol->name) + 1;
        symbols[i].addr = member->targets[plan->kept[i].symbol].addr;
        symbols[i].size =
            (symbol->size < OJI_CODE_MAX_SYMBOL_SIZE ? (uint32_t)symbol->size : OJI_CODE_MAX_SYMBOL_SIZE) &
            OJI_CODE_MAX_SYMBOL_SIZE;
        symbols[i].is_tls = oji_link_is_tls(member, symbol);
        symbols[i].name_off = name_off;
        memcpy(names + name_off, symbol->name, name_size);
        name_off += (uint32_t)name_size;
    }
}

/* Everything that release() and oj_code_patch() will want to know, since the plan may be gone by then. Sizes fit 32
 * bits: oji_link_append() keeps each segment below OJI_MAX_SECTION_SIZE. */
static void fill_segments(const oj_plan *plan, oj_code *code)
{
    oji_code_segment *segments = oji_code_segments(code);
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        const oj_segment *request = &plan->requests[i];
        segments[i].write = request->write;
        segments[i].run_addr = request->run_addr;
        segments[i].size = (uint32_t)request->size;
        segments[i].kind = (uint8_t)request->kind;
        segments[i].alignment_log2 = (uint8_t)__builtin_ctzll(request->alignment);
        segments[i].flags = (uint8_t)request->flags;
    }
}

/* Needs written targets. */
static void fill_arrays(const oj_plan *plan, oji_code_arrays *arrays)
{
    const oji_link_run *init, *fini;
    arrays->handle_addr = oji_link_base_addr(plan);
    if (!oji_link_has_arrays(plan))
        return;
    init = &plan->runs[OJI_RUN_INIT];
    fini = &plan->runs[OJI_RUN_FINI];
    arrays->n_init = init->size / plan->arch->got_entry_size;
    if (init->size > 0)
        arrays->init_addr = oji_link_run_addr(plan, init->segment) + init->offset;
    if (fini->size > 0)
        arrays->fini_addr = oji_link_run_addr(plan, fini->segment) + fini->offset;
}

/* Needs written targets. No name can be missing: check_wanted() has refused the link. Done when nothing can fail any
 * more, so that a failed link leaves the zeros of zero_wanted(). */
static void answer_wanted(const oj_plan *plan)
{
    for (size_t i = 0; i < plan->options.n_wanted; i++) {
        const oji_link_name *name = &plan->names[plan->wanted[i]];
        plan->options.wanted[i].addr =
            name->is_tls ? oji_link_tls_wanted_addr(plan, name) : oji_link_name_addr(plan, name);
    }
}

/* Write between write_begin and write_end; the latter is called whatever happened in between. After a failed write
 * it gets no error record, so that it cannot replace the reason. */
static oj_status write_placed(oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    const oj_memory *table = &plan->table;
    oj_status status, end_status = OJ_OK;
    if (table->write_begin) {
        oji_clear_error(error);
        status = table->write_begin(table->context, placement, error);
        if (status != OJ_OK)
            return oji_fail_callback(error, status, "oj_memory.write_begin");
    }
    status = oji_link_write(plan, error);
    if (status == OJ_OK)
        status = oji_link_read_unwind(plan, error);
    if (status == OJ_OK)
        status = oji_link_check_index(plan, error);
    if (table->write_end) {
        if (status == OJ_OK)
            oji_clear_error(error);
        end_status = table->write_end(table->context, placement, status == OJ_OK ? error : NULL);
    }
    if (status == OJ_OK && end_status != OJ_OK)
        return oji_fail_callback(error, end_status, "oj_memory.write_end");
    return status;
}

/* The memory is asked for here, unless oj_plan_place() has; either way it is this link's from here on. A link of no
 * bytes asks no provider. Phases are timed only where statistics are wanted, because small links take a few
 * microseconds in all. */
static oj_status take_placement(oj_plan *plan, oj_error *error)
{
    uint64_t start = plan->options.stats ? oji_now() : 0;
    bool was_placed = plan->is_placed;
    plan->is_placed = plan->has_addresses = false;
    plan->is_incomplete = plan->is_prepared;
    plan->is_prepared = false;
    if (was_placed || plan->n_requests == 0)
        return OJ_OK;
    OJI_TRY(oji_link_place(plan, error));
    plan->stats.place_ns = plan->options.stats ? oji_now() - start : 0;
    return OJ_OK;
}

/* What was promised is asked for first: a client that does not keep its promise has cost nothing but the placement. */
static oj_status write_and_publish(oj_plan *plan, oj_error *error)
{
    bool timed = plan->options.stats != NULL;
    uint64_t start = timed ? oji_now() : 0, written;
    if (plan->has_later)
        OJI_TRY(oji_link_ask_later(plan, false, error));
    if (plan->n_requests == 0)
        return oji_link_write(plan, error);
    OJI_TRY(write_placed(plan, &plan->placement, error));
    written = timed ? oji_now() : 0;
    OJI_TRY(oji_link_publish(plan, &plan->placement, error));
    plan->stats.relocate_ns = written - start;
    plan->stats.publish_ns = timed ? oji_now() - written : 0;
    return OJ_OK;
}

/* Holds nothing on failure: once place() has answered, release() is told of the same placement exactly once. */
static oj_status place_and_publish(oj_plan *plan, void **token, oj_error *error)
{
    oj_status status;
    OJI_TRY(take_placement(plan, error));
    status = write_and_publish(plan, error);
    plan->has_addresses = status == OJ_OK;
    if (status == OJ_OK)
        *token = plan->placement.token;
    else if (plan->n_requests > 0)
        oji_link_release(plan);
    return status;
}

/* No callback, flush or permission: who chose the addresses brings the bytes there and publishes them. Phases that
 * do not take place count 0, rather than what an earlier link of the same plan left there. */
static oj_status write_by_hand(oj_plan *plan, const oj_segment *segments, size_t n_segments, oj_error *error)
{
    uint64_t start = plan->options.stats ? oji_now() : 0;
    plan->is_incomplete = plan->has_addresses = false;
    OJI_TRY(oji_link_place_by_hand(plan, segments, n_segments, error));
    if (plan->has_later)
        OJI_TRY(oji_link_ask_later(plan, false, error));
    OJI_TRY(oji_link_write(plan, error));
    plan->stats.place_ns = plan->stats.publish_ns = 0;
    plan->stats.relocate_ns = plan->options.stats ? oji_now() - start : 0;
    plan->has_addresses = true;
    return OJ_OK;
}

/* code->memory stays NULL where addresses were chosen by hand: there is nobody to give memory back to. A link of no
 * bytes asks no provider, but its absolute and external symbols still get their addresses. */
static oj_status fill_memory(oj_plan *plan, const oj_segment *by_hand, size_t n_by_hand, oj_code *code, oj_error *error)
{
    if (by_hand)
        return write_by_hand(plan, by_hand, n_by_hand, error);
    code->memory = plan->memory;
    return place_and_publish(plan, &code->token, error);
}

/* The default memory is this process's own, where code of another architecture could never run. */
oj_status oji_link_check_memory(const oj_plan *plan, const oj_object *object, oj_error *error)
{
    if (plan->arch == oji_arch_host() || plan->options.memory)
        return OJ_OK;
    return oji_fail(
        error, OJ_E_ARCHITECTURE,
        "%s is for %s, which this process does not run: it can be linked only into memory that the client names, "
        "or for addresses",
        object->name, oji_arch_name(plan->arch->id));
}

/* Only until the plan is linked or destroyed: the placement is released then, or becomes a code's. */
oj_status oji_link_place_ahead(oj_plan *plan, oj_error *error)
{
    OJI_TRY(oji_link_check_memory(plan, plan->members[0].object, error));
    OJI_TRY(take_placement(plan, error));
    plan->is_placed = plan->has_addresses = true;
    return OJ_OK;
}

/* What promises only image and code of others need: thread-local addresses are told once all have been prepared. */
oj_status oji_link_prepare(oj_plan *plan, oj_error *error)
{
    if (oji_link_tls_needs_module(plan)) {
        if (plan->has_later)
            OJI_TRY(oji_link_ask_later(plan, true, error));
        OJI_TRY(oji_link_make_tls_ahead(plan, error));
    }
    plan->is_prepared = true;
    return OJ_OK;
}

/* What needs code that can run, and is told to the process. Constructors come last, and find everything in place. */
static oj_status start_code(oj_plan *plan, oj_code *code, oj_error *error)
{
    if (!oji_unwind_enter_code(code))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: which stretches of addresses have code");
    OJI_TRY(oji_link_attach(plan, code, error));
    if (!plan->is_incomplete)
        OJI_TRY(oji_link_choose_ifuncs(plan, error));
    return plan->options.flags & OJ_LINK_RUN_CONSTRUCTORS ? oj_code_construct(code, error) : OJ_OK;
}

/* What was placed by hand may run elsewhere, or later: nobody is told of it here, unless its constructors are run. */
static oji_code_room measure(oj_plan *plan, bool by_hand)
{
    uint32_t n_late = by_hand ? oji_link_count_late_records(plan) : 0;
    uint64_t n_records = oji_link_count_records(plan, by_hand) + n_late + oji_link_tls_needs_module(plan);
    return (oji_code_room){.n_segments = plan->n_requests,
                           .n_records = n_records,
                           .n_stackmaps = oji_link_count_stackmaps(plan),
                           .has_arrays = oji_link_has_arrays(plan) || n_late > 0,
                           .n_symbols = plan->n_kept,
                           .names_size = plan->kept_names_size};
}

/* A plan may pass here again, after a failure too: every field that is written here is set anew by the next link. */
oj_status oji_link_finish(oj_plan *plan, const oj_segment *by_hand, size_t n_by_hand, oj_code **out, oj_error *error)
{
    oji_code_room room;
    oj_code *code;
    oj_status status;
    if (!by_hand)
        OJI_TRY(oji_link_check_memory(plan, plan->members[0].object, error));
    OJI_TRY(oji_link_check_ifuncs(plan, by_hand != NULL, error));
    room = measure(plan, by_hand != NULL);
    code = oji_code_allocate(&plan->allocator, &room);
    if (!code)
        return oji_fail_nomem(error, plan->kept_names_size + (uint64_t)plan->n_kept * sizeof(oji_code_symbol),
                              "the code's handle");
    code->arch = (uint8_t)plan->arch->id;
    code->is_foreign = plan->arch != oji_arch_host();
    /* An earlier link's belongs to its code, and this one may fail before it has one, unless it was made ahead. */
    if (!plan->tls.is_made)
        plan->tls.module = NULL;
    status = fill_memory(plan, by_hand, n_by_hand, code, error);
    if (status != OJ_OK) {
        plan->is_incomplete = false;
        oji_link_tls_abandon(plan);
        oji_code_free(code);
        return status;
    }
    fill_segments(plan, code);
    oji_link_list_stackmaps(plan, code);
    if (code->has_arrays)
        fill_arrays(plan, oji_code_arrays_of(code));
    fill_symbols(plan, code);
    oji_link_tls_hand_over(plan, code);
    status = oji_link_tls_prepare_wanted(plan, error);
    if (status == OJ_OK)
        status = by_hand ? oji_link_attach(plan, code, error) : start_code(plan, code, error);
    if (status != OJ_OK) {
        plan->is_incomplete = plan->has_addresses = false;
        oj_code_destroy(code);
        return status;
    }
    answer_wanted(plan);
    if (plan->options.stats)
        oji_export(plan->options.stats, plan->options.stats_size, &plan->stats, sizeof plan->stats);
    *out = code;
    return OJ_OK;
}
