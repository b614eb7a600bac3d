/* The functions that give addresses, find functions, and tell an engine's target. A failure gives 0 or NULL, where
 * MCJIT ends the process, and its text is kept for LLVMExecutionEngineGetErrMsg. */
#include "llvm-c/drop_in.h"

/* That nobody defines the name is an answer, and not a failure. */
static uint64_t answer(LLVMExecutionEngineRef engine, const char *function, oj_status status, uint64_t addr,
                       const oj_error *error)
{
    if (status != OJ_OK && status != OJ_E_NOT_FOUND)
        oji_mcjit_keep_error(engine, function, error);
    return status == OJ_OK ? addr : 0;
}

static uint64_t find_name(LLVMExecutionEngineRef engine, const char *name, const char *function)
{
    oj_error error;
    oj_status status;
    uint64_t addr = 0;
    oji_mcjit_begin_turn(engine);
    status = name ? oji_mcjit_find(engine, name, &addr, &error) : oji_fail(&error, OJ_E_MISUSE, "the name is NULL");
    addr = answer(engine, function, status, addr, &error);
    oji_mcjit_end_turn(engine);
    return addr;
}

uint64_t LLVMGetGlobalValueAddress(LLVMExecutionEngineRef engine, const char *name)
{
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMGetGlobalValueAddress");
        return next && next->GetGlobalValueAddress ? next->GetGlobalValueAddress(engine, name) : 0;
    }
    return find_name(engine, name, "LLVMGetGlobalValueAddress");
}

uint64_t LLVMGetFunctionAddress(LLVMExecutionEngineRef engine, const char *name)
{
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMGetFunctionAddress");
        return next && next->GetFunctionAddress ? next->GetFunctionAddress(engine, name) : 0;
    }
    return find_name(engine, name, "LLVMGetFunctionAddress");
}

/* MCJIT links every module first, and so do we; where one of the others cannot be linked, the value's own may still. */
void *LLVMGetPointerToGlobal(LLVMExecutionEngineRef engine, LLVMValueRef global)
{
    oj_error error;
    oj_status status;
    uint64_t addr = 0;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMGetPointerToGlobal");
        return next && next->GetPointerToGlobal ? next->GetPointerToGlobal(engine, global) : NULL;
    }
    oji_mcjit_begin_turn(engine);
    oji_mcjit_link_all(engine, &error);
    status = oji_mcjit_find_value(engine, global, &addr, &error);
    if (status == OJ_E_NOT_FOUND)
        oji_mcjit_keep_error(engine, "LLVMGetPointerToGlobal", &error);
    addr = answer(engine, "LLVMGetPointerToGlobal", status, addr, &error);
    oji_mcjit_end_turn(engine);
    return (void *)(uintptr_t)addr;
}

/* Address NULL takes the mapping back. */
static oj_status map_value(LLVMExecutionEngineRef engine, LLVMValueRef global, const void *address, oj_error *error)
{
    const oji_mcjit_api *api = &engine->library->api;
    const char *name;
    size_t length;
    if (!global || !api->IsAGlobalValue(global))
        return oji_fail(error, OJ_E_MISUSE, "the value is no function, variable or alias");
    name = oji_mcjit_symbol_name(api->GetValueName2(global, &length));
    if (!name[0])
        return oji_fail(error, OJ_E_MISUSE, "the value has no name");
    OJI_TRY(oji_mcjit_open_session(engine, error));
    if (address)
        return oj_session_define(engine->session, name, (uintptr_t)address, OJ_DEFINE_OVERRIDE, error);
    oj_session_undefine(engine->session, name, NULL);
    return OJ_OK;
}

void LLVMAddGlobalMapping(LLVMExecutionEngineRef engine, LLVMValueRef global, void *address)
{
    oj_error error;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMAddGlobalMapping");
        if (next && next->AddGlobalMapping)
            next->AddGlobalMapping(engine, global, address);
        return;
    }
    oji_mcjit_begin_turn(engine);
    if (map_value(engine, global, address, &error) != OJ_OK)
        oji_mcjit_keep_error(engine, "LLVMAddGlobalMapping", &error);
    oji_mcjit_end_turn(engine);
}

static LLVMValueRef find_function(LLVMExecutionEngineRef engine, const char *name)
{
    const oji_mcjit_api *api = &engine->library->api;
    for (oji_mcjit_module *record = engine->first; record; record = record->next) {
        LLVMValueRef function = record->is_lost ? NULL : api->GetNamedFunction(record->module, name);
        if (function && !api->IsDeclaration(function))
            return function;
    }
    return NULL;
}

LLVMBool LLVMFindFunction(LLVMExecutionEngineRef engine, const char *name, LLVMValueRef *out)
{
    LLVMValueRef function;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMFindFunction");
        return next && next->FindFunction ? next->FindFunction(engine, name, out) : 1;
    }
    oji_mcjit_begin_turn(engine);
    function = name ? find_function(engine, name) : NULL;
    oji_mcjit_end_turn(engine);
    if (function && out)
        *out = function;
    return function == NULL;
}

LLVMTargetDataRef LLVMGetExecutionEngineTargetData(LLVMExecutionEngineRef engine)
{
    oj_error error;
    LLVMTargetDataRef layout;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMGetExecutionEngineTargetData");
        return next && next->GetExecutionEngineTargetData ? next->GetExecutionEngineTargetData(engine) : NULL;
    }
    oji_mcjit_begin_turn(engine);
    layout = oji_mcjit_layout(engine, &error);
    if (!layout)
        oji_mcjit_keep_error(engine, "LLVMGetExecutionEngineTargetData", &error);
    oji_mcjit_end_turn(engine);
    return layout;
}

LLVMTargetMachineRef LLVMGetExecutionEngineTargetMachine(LLVMExecutionEngineRef engine)
{
    oj_error error;
    LLVMTargetMachineRef machine;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next =
            oji_mcjit_forward(engine, OJI_CALLER(), "LLVMGetExecutionEngineTargetMachine");
        return next && next->GetExecutionEngineTargetMachine ? next->GetExecutionEngineTargetMachine(engine) : NULL;
    }
    oji_mcjit_begin_turn(engine);
    machine = oji_mcjit_machine(engine, &error);
    if (!machine)
        oji_mcjit_keep_error(engine, "LLVMGetExecutionEngineTargetMachine", &error);
    oji_mcjit_end_turn(engine);
    return machine;
}

/* LLVM's two do nothing since MCJIT is its only compiler, and answer NULL: callers know no more than that. */
void LLVMFreeMachineCodeForFunction(LLVMExecutionEngineRef engine, LLVMValueRef function)
{
    (void)engine;
    (void)function;
}

void *LLVMRecompileAndRelinkFunction(LLVMExecutionEngineRef engine, LLVMValueRef function)
{
    (void)engine;
    (void)function;
    return NULL;
}

/* Listeners are LLVM's objects: only its ORC layers take them, no function of this header does. */
#define FORWARD_LISTENER(name)                                                          \
    LLVMJITEventListenerRef LLVM##name(void)                                            \
    {                                                                                   \
        oji_mcjit_library *library = oji_mcjit_bind(OJI_CALLER(), NULL);                \
        oji_mcjit_forwarded("LLVM" #name, "listeners are for LLVM's ORC layers");       \
        return library && library->underneath.name ? library->underneath.name() : NULL; \
    }
FORWARD_LISTENER(CreateGDBRegistrationListener)
FORWARD_LISTENER(CreateIntelJITEventListener)
FORWARD_LISTENER(CreateOProfileJITEventListener)
FORWARD_LISTENER(CreatePerfJITEventListener)
