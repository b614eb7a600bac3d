/* Ask the places where names may be found, in the client's order. */
#include "link/link.h"

#include "link/options.h"

#include <stdio.h>

static const oj_resolver *resolver_at(const oj_plan *plan, size_t index, oj_resolver *copy)
{
    /* Clients built with an older header hand out shorter elements; the stride is theirs. */
    size_t stride = plan->options.resolvers[0].struct_size;
    const oj_resolver *given =
        (const oj_resolver *)(const void *)((const char *)plan->options.resolvers + index * stride);
    memset(copy, 0, sizeof *copy);
    memcpy(copy, given, stride < sizeof *copy ? stride : sizeof *copy);
    return copy;
}

/* All elements must have the first one's size, since the array's stride is made of it: an element that disagrees was
 * not set by the same header's init. */
oj_status oji_link_check_resolvers(const oj_plan *plan, oj_error *error)
{
    char name[64];
    for (size_t i = 0; i < plan->options.n_resolvers; i++) {
        oj_resolver resolver, checked;
        const oj_resolver *given = (const oj_resolver *)(const void *)((const char *)plan->options.resolvers +
                                                                       i * plan->options.resolvers[0].struct_size);
        OJI_TRY(oji_import(&checked, sizeof checked, sizeof checked, given, "oj_resolver", error));
        if (checked.struct_size != plan->options.resolvers[0].struct_size)
            return oji_fail(error, OJ_E_MISUSE, "oj_link_options.resolvers[%zu].struct_size is %u, the first one's %u",
                            i, checked.struct_size, plan->options.resolvers[0].struct_size);
        snprintf(name, sizeof name, "oj_link_options.resolvers[%zu]", i);
        OJI_TRY(oji_link_check_resolver(resolver_at(plan, i, &resolver), name, error));
    }
    return OJ_OK;
}

/* Which definitions of the objects give way to a resolver's: all where it is listed before them; what is to be the only
 * one in the process wherever another has it; and what C++ lets every object define (weak symbols) where an older code
 * has it, so that both use one and the same, as if the dynamic linker had loaded them. */
typedef enum override { OVERRIDE_NONE, OVERRIDE_UNIQUE, OVERRIDE_SHARED, OVERRIDE_ALL } override;

static override override_of(const oj_resolver *resolver)
{
    switch (resolver->kind) {
    case OJ_RESOLVER_CODE:
        return OVERRIDE_SHARED;
    case OJ_RESOLVER_PROCESS:
    case OJ_RESOLVER_LIBRARY:
    case OJ_RESOLVER_CXX:
        return OVERRIDE_UNIQUE;
    default:
        return OVERRIDE_NONE;
    }
}

/* May this name be looked for outside the objects now? Undefined ones may whatever their visibility: references to
 * __dso_handle, for one, are hidden and are defined outside every object. Overriding is what the dynamic linker does
 * to symbols of default visibility; hidden and protected ones are promised to their own component (gABI chapter 4,
 * "Symbol Visibility"). Names that nothing refers to are never asked for. */
static bool is_open(const oji_link_name *name, override may_override)
{
    if (!(name->uses & OJI_USE_REFERENCED))
        return false;
    if (name->definition == OJI_LINK_UNDEFINED)
        return true;
    if (name->definition >= OJI_LINK_EXTERNAL || name->is_hidden || name->is_protected)
        return false;
    return may_override == OVERRIDE_ALL || (may_override != OVERRIDE_NONE && name->is_unique) ||
           (may_override == OVERRIDE_SHARED && name->definition == OJI_LINK_WEAK);
}

/* The name keeps member and symbol: messages and GOT entries still need one that mentions it. */
static void found_at(oji_link_name *name, uint64_t addr)
{
    name->definition = OJI_LINK_EXTERNAL;
    name->addr = addr;
}

/* The first of several equal names counts, here and in ask_table(), which enters them in order. */
static bool lookup_table(const oj_resolver *resolver, const oji_link_name *name, uint64_t *addr)
{
    for (size_t i = 0; i < resolver->n_table; i++)
        if (strcmp(resolver->table[i].name, name->name) == 0) {
            *addr = resolver->table[i].addr;
            return true;
        }
    return false;
}

/* A long table is put into a hash table once; a short one is searched faster than that. */
static oj_status ask_table(oj_plan *plan, const oj_resolver *resolver, override may_override, oj_error *error)
{
    oji_table by_name;
    if (resolver->n_table > UINT32_MAX / 4 || !oji_table_init(&by_name, &plan->arena, resolver->n_table))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a resolver's table of %zu names", resolver->n_table);
    for (uint32_t i = 0; i < resolver->n_table; i++)
        oji_table_add(&by_name, oji_hash(resolver->table[i].name, strlen(resolver->table[i].name)), i);
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        uint32_t cursor = 0, index;
        if (!is_open(name, may_override))
            continue;
        while ((index = oji_table_next(&by_name, oji_hash(name->name, name->name_size), &cursor)) != OJI_TABLE_NONE)
            if (strcmp(resolver->table[index].name, name->name) == 0) {
                found_at(name, resolver->table[index].addr);
                break;
            }
    }
    return OJ_OK;
}

static oj_status check_found(const oji_link_name *name, const oj_query *query, oj_error *error)
{
    const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
    if (query->found <= OJ_FOUND_LATER)
        return OJ_OK;
    return oji_fail_at(error, OJ_E_CALLBACK, &place,
                       "oj_resolver.resolve set found to %u for '%s', which means nothing", query->found, name->name);
}

/* Meets the names that were asked for in the same order, because a name stays open until it is found, and each is
 * passed before it can change. */
static oj_status take_answers(oj_plan *plan, uint32_t index, const oj_query *queries, override may_override,
                              oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        const oj_query *query;
        if (!is_open(name, may_override))
            continue;
        query = queries++;
        OJI_TRY(check_found(name, query, error));
        if (query->found)
            found_at(name, query->addr);
        if (query->found == OJ_FOUND_LATER) {
            name->later = index + 1;
            plan->has_later = true;
        }
    }
    return OJ_OK;
}

/* One call for all names: a client that must lock or send does so once. No lock is held. */
static oj_status ask_callback(oj_plan *plan, uint32_t index, const oj_resolver *resolver, override may_override,
                              oj_error *error)
{
    oj_query *queries = oji_arena_array(&plan->arena, plan->n_names, sizeof *queries);
    size_t n_queries = 0;
    oj_status status;
    if (!queries)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: %u queries of a resolver", plan->n_names);
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (is_open(&plan->names[i], may_override)) {
            queries[n_queries].name = plan->names[i].name;
            queries[n_queries++].is_weak = !plan->names[i].is_strong_reference;
        }
    if (n_queries == 0)
        return OJ_OK;
    oji_clear_error(error);
    status = resolver->resolve(resolver->context, queries, n_queries, error);
    if (status != OJ_OK)
        return oji_fail_callback(error, status, "oj_resolver.resolve");
    return take_answers(plan, index, queries, may_override, error);
}

/* For kinds that answer one name at a time. An address of 0 can be an answer of a table, and is taken as such. */
static bool lookup(const oj_resolver *resolver, const oji_link_name *name, uint64_t *addr)
{
    switch (resolver->kind) {
    case OJ_RESOLVER_TABLE:
        return lookup_table(resolver, name, addr);
    case OJ_RESOLVER_PROCESS:
        return oji_link_process_lookup(name->name, addr);
    case OJ_RESOLVER_LIBRARY:
        return oji_link_library_lookup(resolver->context, name->name, addr);
    default:
        return false;
    }
}

/* A code tells whether its symbols are thread-local. */
static oj_status ask_code(oj_plan *plan, const oj_resolver *resolver, override may_override, oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        const oji_code_symbol *symbol =
            is_open(name, may_override) ? oji_code_find_symbol(resolver->code, name->name, name->name_size) : NULL;
        if (symbol)
            OJI_TRY(oji_link_tls_take_code(plan, name, resolver->code, symbol, error));
    }
    return OJ_OK;
}

/* Names of C++ as its ABI forms them, and of what its compilers call. Source: Itanium C++ ABI, 5.1 and 2, 3; its level
 * I, "Base ABI" (_Unwind_). */
static bool is_cxx(const char *name)
{
    static const char *const starts[] = {"_Z", "__cxa_", "__gxx_", "__dynamic_cast", "_Unwind_"};
    for (size_t i = 0; name[0] == '_' && i < OJI_COUNT(starts); i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* Made by libc++'s headers: in its inline namespace (std::__1), or tagged as its own. What is open may be neither, as
 * its exceptions are not. */
static bool is_libcxx(const char *name)
{
    return name[0] == '_' && name[1] == 'Z' && (strstr(name, "St3__1") || strstr(name, "B8ne"));
}

/* Names may be C++'s and in the process already; a weak reference to one is no reason to load a library. */
static void *load_cxx(const oj_plan *plan)
{
    bool is_needed = false;
    for (uint32_t i = 0; i < plan->n_names && !is_needed; i++) {
        const oji_link_name *name = &plan->names[i];
        is_needed = is_open(name, OVERRIDE_NONE) && name->is_strong_reference && is_cxx(name->name);
    }
    if (!is_needed)
        return NULL;
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (is_libcxx(plan->names[i].name))
            return oji_link_cxx_library(OJ_CXX_LIBCXX);
    return oji_link_cxx_library(OJ_CXX_LIBSTDCXX);
}

oj_status oj_cxx_library_load(uint32_t which, oj_error *error)
{
    oji_clear_error(error);
    if (which != OJ_CXX_LIBSTDCXX && which != OJ_CXX_LIBCXX)
        return oji_fail(error, OJ_E_MISUSE, "%u is no oj_cxx_library", which);
    if (!oji_link_cxx_library(which))
        return oji_fail(error, OJ_E_NOT_FOUND, "there is no %s that can be loaded",
                        which == OJ_CXX_LIBCXX ? "libc++.so.1" : "libstdc++.so.6");
    return OJ_OK;
}

/* A library that is not installed leaves the names open, and they are reported. */
static oj_status ask_cxx(oj_plan *plan, override may_override, oj_error *error)
{
    void *library = load_cxx(plan);
    for (uint32_t i = 0; library && i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        uint64_t addr;
        if (!is_open(name, may_override))
            continue;
        if ((is_cxx(name->name) || !oji_link_process_lookup(name->name, &addr)) &&
            !oji_link_library_lookup(library, name->name, &addr))
            continue;
        found_at(name, addr);
        OJI_TRY(oji_link_tls_check_plain(plan, name, error));
    }
    return OJ_OK;
}

/* Eight is where hashing a table costs about as much as comparing its names. */
static oj_status ask(oj_plan *plan, uint32_t index, const oj_resolver *resolver, override may_override, oj_error *error)
{
    if (resolver->kind == OJ_RESOLVER_CALLBACK)
        return ask_callback(plan, index, resolver, may_override, error);
    if (resolver->kind == OJ_RESOLVER_TABLE && resolver->n_table > 8)
        return ask_table(plan, resolver, may_override, error);
    if (resolver->kind == OJ_RESOLVER_CODE)
        return ask_code(plan, resolver, may_override, error);
    if (resolver->kind == OJ_RESOLVER_CXX)
        return ask_cxx(plan, may_override, error);
    if (resolver->kind == OJ_RESOLVER_PROCESS)
        OJI_TRY(oji_link_add_runtime(plan, error));
    for (uint32_t i = 0; i < plan->n_names; i++) {
        uint64_t addr;
        if (!is_open(&plan->names[i], may_override))
            continue;
        if (resolver->kind == OJ_RESOLVER_PROCESS)
            oji_link_tls_ask_static(plan, &plan->names[i]);
        if (!lookup(resolver, &plan->names[i], &addr))
            continue;
        found_at(&plan->names[i], addr);
        if (resolver->kind != OJ_RESOLVER_TABLE)
            OJI_TRY(oji_link_tls_check_plain(plan, &plan->names[i], error));
    }
    return OJ_OK;
}

/* The position of the objects' own definitions; 0 where the client does not list them: they come first. */
static size_t objects_position(const oj_plan *plan)
{
    oj_resolver resolver;
    for (size_t i = 0; i < plan->options.n_resolvers; i++)
        if (resolver_at(plan, i, &resolver)->kind == OJ_RESOLVER_OBJECTS)
            return i;
    return 0;
}

/* Needs all definitions, archives' included: what is overridden must be known to be so. */
oj_status oji_link_ask_before_objects(oj_plan *plan, oj_error *error)
{
    size_t position = objects_position(plan);
    oj_resolver resolver;
    for (size_t i = 0; i < position; i++)
        OJI_TRY(ask(plan, (uint32_t)i, resolver_at(plan, i, &resolver), OVERRIDE_ALL, error));
    return OJ_OK;
}

/* Without a list of the client's there is one resolver, the process. */
oj_status oji_link_ask_after_objects(oj_plan *plan, oj_error *error)
{
    oj_resolver resolver;
    if (!plan->options.resolvers) {
        resolver = oj_resolver_process();
        return ask(plan, 0, &resolver, override_of(&resolver), error);
    }
    for (size_t i = objects_position(plan); i < plan->options.n_resolvers; i++) {
        resolver_at(plan, i, &resolver);
        OJI_TRY(ask(plan, (uint32_t)i, &resolver, override_of(&resolver), error));
    }
    return OJ_OK;
}

/* --- addresses that were promised --------------------------------------------------------------------------------- */

/* What is asked of one resolver, index + 1, in one call. */
typedef struct promises {
    uint32_t later;
    bool early;
} promises;

static bool is_promised(const oji_link_name *name, promises asked)
{
    return name->later == asked.later && !(asked.early && name->is_tls);
}

/* Take the answers of one resolver; all of them must be there. */
static oj_status take_promised(oj_plan *plan, promises asked, const oj_query *queries, oj_error *error)
{
    size_t next = 0;
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        const oji_place place = {.symbol = name->name, .offset = UINT64_MAX};
        if (!is_promised(name, asked))
            continue;
        OJI_TRY(check_found(name, &queries[next], error));
        if (queries[next].found != 1)
            return oji_fail_at(error, OJ_E_UNDEFINED, &place,
                               "oj_resolver.resolve promised an address for '%s' and gave none", name->name);
        name->addr = queries[next++].addr;
    }
    return OJ_OK;
}

/* In heap that is given back at once: a plan may be linked any number of times. */
static oj_status ask_promised(oj_plan *plan, promises asked, oj_error *error)
{
    uint64_t n_queries = 0, next = 0;
    oj_resolver resolver;
    oj_query *queries;
    oj_status status;
    for (uint32_t i = 0; i < plan->n_names; i++)
        n_queries += is_promised(&plan->names[i], asked);
    if (n_queries == 0)
        return OJ_OK;
    queries = oji_allocate_zeroed(&plan->allocator, n_queries * sizeof *queries);
    if (!queries)
        return oji_fail_nomem(error, n_queries * sizeof *queries, "queries of a resolver");
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (is_promised(&plan->names[i], asked)) {
            queries[next].name = plan->names[i].name;
            queries[next++].is_weak = !plan->names[i].is_strong_reference;
        }
    resolver_at(plan, asked.later - 1, &resolver);
    oji_clear_error(error);
    status = resolver.resolve(resolver.context, queries, (size_t)n_queries, error);
    if (status == OJ_OK)
        status = take_promised(plan, asked, queries, error);
    else
        status = oji_fail_callback(error, status, "oj_resolver.resolve");
    oji_release(&plan->allocator, queries, n_queries * sizeof *queries);
    return status;
}

/* The index fits: only callbacks promise, and their index was a name's then. */
oj_status oji_link_ask_later(oj_plan *plan, bool early, oj_error *error)
{
    for (size_t i = 0; i < plan->options.n_resolvers; i++)
        OJI_TRY(ask_promised(plan, (promises){.later = (uint32_t)i + 1, .early = early}, error));
    return early ? OJ_OK : oji_link_tls_locate_names(plan, true, error);
}
