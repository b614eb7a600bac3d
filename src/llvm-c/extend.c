/* The calls of ownjit/mcjit.h. */
#include "llvm-c/drop_in.h"

static oj_status check_engine(LLVMExecutionEngineRef engine, const char *function, oj_error *error)
{
    if (oji_mcjit_is_engine(engine))
        return OJ_OK;
    return oji_fail(error, OJ_E_MISUSE, "%s: the engine is %s", function,
                    engine ? "not one of libownjit-mcjit's" : "NULL");
}

static oj_status check_options(LLVMExecutionEngineRef engine, const oj_mcjit_options *options, oj_error *error)
{
    const uint32_t known = OJ_MCJIT_CACHE_BY_CLIENT | OJ_MCJIT_PERMISSIONS_BY_LIBRARY;
    OJI_TRY(oji_check_flags(options->flags, known, "oj_mcjit_options.flags", error));
    OJI_TRY(oji_check_flags(options->reserved, 0, "oj_mcjit_options.reserved", error));
    OJI_TRY(oji_check_flags(options->link_flags, OJI_LINK_FLAGS, "oj_mcjit_options.link_flags", error));
    if (engine->session)
        return oji_fail(error, OJ_E_MISUSE, "oj_mcjit_configure: an address of the engine has been asked for already");
    if (options->memory && engine->manager)
        return oji_fail(error, OJ_E_MISUSE, "oj_mcjit_options.memory is given, and the engine has a memory manager");
    return OJ_OK;
}

static oj_status set_options(LLVMExecutionEngineRef engine, const oj_mcjit_options *options, oj_error *error)
{
    const oj_mcjit_options before = engine->options;
    oj_status status;
    OJI_TRY(check_options(engine, options, error));
    engine->options = *options;
    status = oji_mcjit_try_session(engine, error);
    if (status != OJ_OK)
        engine->options = before;
    return status;
}

oj_status oj_mcjit_configure(LLVMExecutionEngineRef engine, const oj_mcjit_options *options, oj_error *error)
{
    oj_mcjit_options ours;
    oj_status status;
    OJI_TRY(check_engine(engine, "oj_mcjit_configure", error));
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_mcjit_options", error));
    oji_mcjit_begin_turn(engine);
    status = set_options(engine, &ours, error);
    oji_mcjit_end_turn(engine);
    return status == OJ_OK ? oji_succeed(error) : status;
}

size_t oj_mcjit_code_count(LLVMExecutionEngineRef engine)
{
    size_t count;
    if (!oji_mcjit_is_engine(engine))
        return 0;
    oji_mcjit_begin_turn(engine);
    count = engine->session ? oj_session_code_count(engine->session) : 0;
    oji_mcjit_end_turn(engine);
    return count;
}

/* Modules with code are told from the others first, because a handle of one that has ended may not be looked at. */
static oj_status take_code(LLVMExecutionEngineRef engine, oj_code **codes, size_t n_codes, oj_error *error)
{
    if (engine->n_constructing > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_mcjit_take_code: constructors of the engine's code are running");
    for (oji_mcjit_module *record = engine->first; record; record = record->next)
        record->is_compiled = record->linked && oj_module_code_count(record->linked) > 0;
    OJI_TRY(oj_session_take_code(engine->session, codes, n_codes, error));
    for (oji_mcjit_module *record = engine->first; record; record = record->next)
        if (record->is_compiled)
            record->linked = NULL;
    engine->n_constructed = 0;
    return OJ_OK;
}

oj_status oj_mcjit_take_code(LLVMExecutionEngineRef engine, oj_code **codes, size_t n_codes, oj_error *error)
{
    oj_status status = OJ_OK;
    OJI_TRY(check_engine(engine, "oj_mcjit_take_code", error));
    if (!codes && n_codes > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_mcjit_take_code: codes is NULL");
    for (size_t i = 0; i < n_codes; i++)
        codes[i] = NULL;
    oji_mcjit_begin_turn(engine);
    if (engine->session)
        status = take_code(engine, codes, n_codes, error);
    oji_mcjit_end_turn(engine);
    return status == OJ_OK ? oji_succeed(error) : status;
}

static void count(LLVMExecutionEngineRef engine, oj_mcjit_stats *stats)
{
    oj_session_stats session;
    oji_mcjit_begin_turn(engine);
    memset(&session, 0, sizeof session);
    if (engine->session)
        oj_session_get_stats(engine->session, &session, sizeof session);
    for (const oji_mcjit_module *record = engine->first; record; record = record->next)
        stats->n_modules++;
    stats->n_codes = session.n_codes;
    stats->n_compiles = session.n_compiles;
    stats->n_callers = oji_mcjit_count_calls(engine);
    stats->n_failures = engine->n_failures;
    oji_mcjit_end_turn(engine);
}

oj_status oj_mcjit_get_stats(LLVMExecutionEngineRef engine, oj_mcjit_stats *stats, size_t out_size)
{
    oj_mcjit_stats ours;
    if (!stats)
        return OJ_E_MISUSE;
    memset(stats, 0, out_size);
    if (engine)
        OJI_TRY(check_engine(engine, "oj_mcjit_get_stats", NULL));
    memset(&ours, 0, sizeof ours);
    ours.n_forwarded = oji_mcjit_forward_count();
    if (engine)
        count(engine, &ours);
    oji_export(stats, out_size, &ours, sizeof ours);
    return OJ_OK;
}
