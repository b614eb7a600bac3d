/* Names and addresses: an engine's modules as a session, one for each engine. The session is made when an address is
 * first asked for, so that passes run on a module until then take effect, and oj_mcjit_configure() too. */
#include "llvm-c/drop_in.h"

#include <dlfcn.h>

/* What LLVM's own engines find beside the process: names given by LLVMAddSymbol, libraries given to LLVM. */
static oj_status resolve_by_llvm(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    const oji_mcjit_library *library = context;
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        void *found = library->api.SearchForAddressOfSymbol(queries[i].name);
        if (found) {
            queries[i].addr = (uintptr_t)found;
            queries[i].found = 1;
        }
    }
    return OJ_OK;
}

/* MCJIT tells debuggers of all its code. That costs time and density, so here they are told of what has debug
 * information; a client's own memory is its own in that, too. */
static bool is_for_debuggers(const oji_mcjit_module *record)
{
    return record->engine->library->api.GetNamedMetadata(record->module, "llvm.dbg.cu", strlen("llvm.dbg.cu")) != NULL;
}

bool oji_mcjit_is_isolated(LLVMExecutionEngineRef engine)
{
    return engine->options.compiler && !oj_compiler_llvm(engine->options.compiler);
}

static oj_status add_bitcode(oji_mcjit_module *record, const char *name, const oj_module_options *options,
                             oj_error *error)
{
    const oji_mcjit_api *api = &record->engine->library->api;
    LLVMMemoryBufferRef buffer = api->WriteBitcodeToMemoryBuffer(record->module);
    oj_ir ir = oj_ir_bytes(api->GetBufferStart(buffer), api->GetBufferSize(buffer));
    oj_status status;
    ir.name = name;
    status = oj_session_add_ir(record->engine->session, &ir, options, &record->linked, error);
    api->DisposeMemoryBuffer(buffer);
    return status;
}

oj_status oji_mcjit_add_to_session(oji_mcjit_module *record, oj_error *error)
{
    LLVMExecutionEngineRef engine = record->engine;
    oj_ir ir = oj_ir_module(record->module);
    oj_module_options options;
    size_t length;
    oj_module_options_init(&options);
    if (is_for_debuggers(record))
        options.link_flags = OJ_LINK_DEBUGGER;
    ir.name = engine->library->api.GetModuleIdentifier(record->module, &length);
    if (oji_mcjit_is_isolated(engine))
        OJI_TRY(add_bitcode(record, ir.name, &options, error));
    else
        OJI_TRY(oj_session_add_ir(engine->session, &ir, &options, &record->linked, error));
    record->is_added = true;
    engine->n_unadded--;
    return OJ_OK;
}

static void choose_memory(LLVMExecutionEngineRef engine, oj_session_options *options)
{
    LLVMMCJITMemoryManagerRef manager = engine->manager;
    uint32_t flags = engine->options.flags;
    options->memory = engine->options.memory;
    if (!manager)
        return;
    manager->memory.flags = (flags & OJ_MCJIT_CACHE_BY_CLIENT ? OJ_CACHE_BY_CLIENT : 0) |
                            (flags & OJ_MCJIT_PERMISSIONS_BY_LIBRARY ? 0 : OJ_PERMISSIONS_BY_CLIENT);
    options->memory = &manager->memory;
    options->link_flags |= OJ_LINK_SECTIONS_SINGLY;
}

/* Local names are kept, because LLVMGetPointerToGlobal answers for internal functions too. The session would run
 * constructors before FinalizeMemory is called, and in the engine's turn. */
static oj_status make_session(LLVMExecutionEngineRef engine, oj_session **out, oj_error *error)
{
    oj_session_options options;
    oj_session_options_init(&options);
    options.compiler = engine->options.compiler ? engine->options.compiler : engine->compiler;
    options.link_flags = OJ_LINK_KEEP_LOCAL_SYMBOLS | (engine->options.link_flags & ~OJ_LINK_RUN_CONSTRUCTORS);
    choose_memory(engine, &options);
    return oj_session_create(out, &options, error);
}

oj_status oji_mcjit_try_session(LLVMExecutionEngineRef engine, oj_error *error)
{
    oj_session *session;
    OJI_TRY(make_session(engine, &session, error));
    oj_session_destroy(session);
    return OJ_OK;
}

/* 0 where no compile can be given up: the engine's own compiler contains nothing, and other processes have no live
 * modules. */
static uint64_t count_abandoned(LLVMExecutionEngineRef engine)
{
    oj_compile_stats stats;
    if (!engine->asked)
        return 0;
    oj_compiler_get_stats(engine->options.compiler, &stats, sizeof stats);
    return stats.n_abandoned;
}

/* The session is complete: threads that have no turn may ask it. */
static void let_ask(LLVMExecutionEngineRef engine)
{
    if (!engine->options.compiler || oji_mcjit_is_isolated(engine))
        return;
    pthread_mutex_lock(&engine->lock);
    engine->asked = engine->session;
    pthread_mutex_unlock(&engine->lock);
    engine->n_abandoned = count_abandoned(engine);
}

static oj_status create_session(LLVMExecutionEngineRef engine, oj_error *error)
{
    oj_resolver resolver = oj_resolver_callback(resolve_by_llvm, engine->library);
    oj_status status;
    OJI_TRY(make_session(engine, &engine->session, error));
    status = oj_session_add_resolver(engine->session, &resolver, NULL, error);
    if (status == OJ_OK) {
        let_ask(engine);
    } else {
        oj_session_destroy(engine->session);
        engine->session = NULL;
    }
    return status;
}

/* A module that cannot be added, such as one whose linkage is broken, is told again at each call. */
static oj_status add_all(LLVMExecutionEngineRef engine, oj_error *error)
{
    for (oji_mcjit_module *record = engine->n_unadded > 0 ? engine->first : NULL; record; record = record->next)
        if (!record->is_added)
            OJI_TRY(oji_mcjit_add_to_session(record, error));
    return OJ_OK;
}

/* Live modules are added as they come, once there is a session, and bitcode is written as late as can be. A callback of
 * the session's gets what is linked, and adds nothing. */
oj_status oji_mcjit_open_session(LLVMExecutionEngineRef engine, oj_error *error)
{
    if (!engine->session)
        OJI_TRY(create_session(engine, error));
    return engine->turn_depth == 1 ? add_all(engine, error) : OJ_OK;
}

/* LLVM marks names that are not to be mangled by a first byte of 1; symbols have none. */
const char *oji_mcjit_symbol_name(const char *name) { return name[0] == '\1' ? name + 1 : name; }

static void lose_context(LLVMExecutionEngineRef engine, LLVMContextRef context)
{
    for (oji_mcjit_module *record = engine->first; record; record = record->next)
        if (record->context == context)
            record->is_lost = true;
}

/* A compile that was given up leaves module and context in any state. Which module it was is told by its name alone: of
 * several that have it, all that are not compiled count as lost. */
static void note_loss(LLVMExecutionEngineRef engine, const oj_error *error)
{
    uint64_t n_abandoned = count_abandoned(engine);
    if (n_abandoned == engine->n_abandoned)
        return;
    engine->n_abandoned = n_abandoned;
    for (oji_mcjit_module *record = engine->first; record; record = record->next) {
        char name[sizeof error->object];
        if (!record->linked || oj_module_code_count(record->linked) > 0)
            continue;
        oji_copy_text(name, sizeof name, oj_module_name(record->linked));
        if (strcmp(name, error->object) == 0)
            lose_context(engine, record->context);
    }
}

/* Give the claim to the modules that are linked and whose constructors nobody has run or is about to run; false where
 * there are none. */
static bool claim_linked(LLVMExecutionEngineRef engine, uint64_t claim)
{
    size_t n_before = engine->n_constructed;
    if (n_before == oj_session_code_count(engine->session))
        return false;
    for (oji_mcjit_module *record = engine->first; record; record = record->next)
        if (!record->is_constructed && record->linked && oj_module_code_count(record->linked) > 0) {
            record->is_constructed = true;
            record->claim = claim;
            engine->n_constructed++;
        }
    return engine->n_constructed > n_before;
}

/* The first added; NULL where there is none left. One that was removed meanwhile stays as it is. */
static oji_mcjit_module *find_claimed(LLVMExecutionEngineRef engine, uint64_t claim)
{
    oji_mcjit_module *record = engine->first;
    while (record && record->claim != claim)
        record = record->next;
    return record;
}

/* Constructors that failed may be tried again, with all that were to follow. */
static void give_back(LLVMExecutionEngineRef engine, const oj_module *failed, uint64_t claim)
{
    for (oji_mcjit_module *record = engine->first; record; record = record->next)
        if (record->linked == failed || record->claim == claim) {
            record->is_constructed = false;
            record->claim = 0;
            engine->n_constructed--;
        }
}

/* Run the constructors of what is linked and finalized, each once, where the engine was configured so. Gives up the
 * turn while they run, since they may use the engine. They are asked for by module, because what another thread links
 * meanwhile may be in memory that cannot run yet; n_constructing keeps the modules. In a callback nothing runs: whoever
 * has called back does it. */
static oj_status construct(LLVMExecutionEngineRef engine, oj_error *error)
{
    const uint64_t claim = ++engine->n_claims;
    oji_mcjit_module *record;
    oj_status status = OJ_OK;
    if (!(engine->options.link_flags & OJ_LINK_RUN_CONSTRUCTORS) || engine->turn_depth > 1 ||
        !claim_linked(engine, claim))
        return OJ_OK;
    engine->n_constructing++;
    while (status == OJ_OK && (record = find_claimed(engine, claim))) {
        oj_module *module = record->linked;
        record->claim = 0;
        oji_mcjit_end_turn(engine);
        status = oj_module_construct(module, error);
        oji_mcjit_begin_turn(engine);
        if (status != OJ_OK)
            give_back(engine, module, claim);
    }
    engine->n_constructing--;
    return status;
}

/* FinalizeMemory is called once for all that one call has linked. Where it fails nothing is run and no address is
 * given, and the next call tries it again. */
static oj_status finalize(LLVMExecutionEngineRef engine, oj_status status, uint64_t *addr, oj_error *error)
{
    if (status == OJ_E_COMPILE)
        note_loss(engine, error);
    if (status == OJ_OK)
        status = oji_mcjit_finalize(engine->manager, error);
    if (status == OJ_OK)
        status = construct(engine, error);
    if (status != OJ_OK && addr)
        *addr = 0;
    return status;
}

oj_status oji_mcjit_find(LLVMExecutionEngineRef engine, const char *name, uint64_t *addr, oj_error *error)
{
    *addr = 0;
    OJI_TRY(oji_mcjit_open_session(engine, error));
    return finalize(engine, oj_session_lookup(engine->session, oji_mcjit_symbol_name(name), addr, error), addr, error);
}

/* What a reference to a name would find outside the engine's modules. */
static uint64_t find_outside(LLVMExecutionEngineRef engine, const char *name)
{
    void *found = engine->library->api.SearchForAddressOfSymbol(name);
    return (uintptr_t)(found ? found : dlsym(RTLD_DEFAULT, name));
}

/* A definition is its own module's, also where another module's has the name; but a name that the client mapped to an
 * address is there, unless it is a function, as with MCJIT. */
oj_status oji_mcjit_find_value(LLVMExecutionEngineRef engine, LLVMValueRef value, uint64_t *addr, oj_error *error)
{
    const oji_mcjit_api *api = &engine->library->api;
    oji_mcjit_module *record;
    const char *name;
    size_t length;
    oj_status status;
    *addr = 0;
    if (!value || !api->IsAGlobalValue(value))
        return oji_fail(error, OJ_E_MISUSE, "the value is no function, variable or alias");
    OJI_TRY(oji_mcjit_open_session(engine, error));
    name = oji_mcjit_symbol_name(api->GetValueName2(value, &length));
    record = oji_mcjit_find_module(api->GetGlobalParent(value));
    if (record && record->engine == engine && record->linked && !api->IsDeclaration(value))
        return finalize(engine, oj_module_lookup(record->linked, name, addr, error), addr, error);
    status = finalize(engine, oj_session_lookup(engine->session, name, addr, error), addr, error);
    if (status == OJ_E_NOT_FOUND)
        *addr = find_outside(engine, name);
    return *addr ? OJ_OK : status;
}

oj_status oji_mcjit_link_all(LLVMExecutionEngineRef engine, oj_error *error)
{
    OJI_TRY(oji_mcjit_open_session(engine, error));
    return finalize(engine, oj_session_link(engine->session, error), NULL, error);
}
