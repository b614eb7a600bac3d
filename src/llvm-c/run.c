/* The functions that run code: LLVMRunFunction, LLVMRunFunctionAsMain, constructors and destructors. */
#include "llvm-c/drop_in.h"

#include <stdlib.h>

/* Link everything, as MCJIT does before it runs anything; where that fails, what the function itself needs may still
 * be there. */
static oj_status find_code(LLVMExecutionEngineRef engine, LLVMValueRef function, uint64_t *addr, oj_error *error)
{
    oj_status status = OJ_OK;
    oji_mcjit_begin_turn(engine);
    *addr = 0;
    if (!function || !engine->library->api.IsAFunction(function))
        status = oji_fail(error, OJ_E_MISUSE, "the value is no function");
    if (status == OJ_OK) {
        oji_mcjit_link_all(engine, error);
        status = oji_mcjit_find_value(engine, function, addr, error);
    }
    oji_mcjit_end_turn(engine);
    return status;
}

static oj_status run(LLVMExecutionEngineRef engine, LLVMValueRef function, unsigned n, LLVMGenericValueRef *values,
                     LLVMGenericValueRef *result, oj_error *error)
{
    uint64_t addr;
    *result = NULL;
    OJI_TRY(find_code(engine, function, &addr, error));
    return oji_mcjit_call_function(engine, function, addr, n, values, result, error);
}

static void keep_error(LLVMExecutionEngineRef engine, const char *function, const oj_error *error)
{
    oji_mcjit_begin_turn(engine);
    oji_mcjit_keep_error(engine, function, error);
    oji_mcjit_end_turn(engine);
}

/* --- an engine that is LLVM's: generic values are ours there too, and are changed both ways ----------------------- */

static LLVMGenericValueRef to_llvm(const oji_mcjit_underneath *next, const oji_mcjit_api *api, LLVMContextRef context,
                                   LLVMGenericValueRef value, LLVMTypeRef type)
{
    if (!oji_mcjit_is_value(value))
        return NULL;
    if (value->kind == OJI_VALUE_INT)
        return next->CreateGenericValueOfInt(api->IntTypeInContext(context, value->width), value->words[0], 0);
    if (value->kind == OJI_VALUE_FLOAT || value->kind == OJI_VALUE_DOUBLE)
        return next->CreateGenericValueOfFloat(type, value->number);
    return next->CreateGenericValueOfPointer(value->pointer);
}

static LLVMGenericValueRef from_llvm(const oji_mcjit_underneath *next, const oji_mcjit_api *api,
                                     LLVMGenericValueRef theirs, LLVMTypeRef type)
{
    unsigned kind = api->GetTypeKind(type);
    LLVMGenericValueRef value;
    if (kind == OJI_TYPE_INTEGER) {
        uint64_t width = api->GetIntTypeWidth(type);
        value = oji_mcjit_new_value(OJI_VALUE_INT, width, oji_mcjit_words(width));
        if (value) {
            value->words[0] = next->GenericValueToInt(theirs, 0);
            oji_mcjit_mask(value->words, width);
        }
        return value;
    }
    value = oji_mcjit_new_value(kind == OJI_TYPE_FLOAT     ? OJI_VALUE_FLOAT
                                : kind == OJI_TYPE_POINTER ? OJI_VALUE_POINTER
                                                           : OJI_VALUE_DOUBLE,
                                1, 1);
    if (value && kind == OJI_TYPE_POINTER)
        value->pointer = next->GenericValueToPointer(theirs);
    else if (value && (kind == OJI_TYPE_FLOAT || kind == OJI_TYPE_DOUBLE))
        value->number = next->GenericValueToFloat(type, theirs);
    return value;
}

/* Only what LLVM's own header lets a program make of a generic value is needed. */
static bool can_convert(const oji_mcjit_underneath *next)
{
    return next && next->RunFunction && next->CreateGenericValueOfInt && next->CreateGenericValueOfFloat &&
           next->CreateGenericValueOfPointer && next->GenericValueToInt && next->GenericValueToFloat &&
           next->GenericValueToPointer && next->DisposeGenericValue;
}

/* LLVM's own engines end the process for a value that is none. */
static LLVMGenericValueRef run_by_llvm(const oji_mcjit_underneath *next, LLVMExecutionEngineRef engine,
                                       const oji_mcjit_api *api, LLVMValueRef function, unsigned n,
                                       LLVMGenericValueRef *values)
{
    LLVMTypeRef type = api->GlobalGetValueType(function);
    LLVMContextRef context = api->GetTypeContext(type);
    unsigned n_fixed = api->CountParamTypes(type), n_made = 0;
    LLVMGenericValueRef *theirs = calloc((size_t)n + 1, sizeof *theirs), result = NULL, answer = NULL;
    LLVMTypeRef *types = calloc((size_t)n_fixed + 1, sizeof *types);
    if (theirs && types && (values || n == 0)) {
        api->GetParamTypes(type, types);
        while (n_made < n &&
               (theirs[n_made] = to_llvm(next, api, context, values[n_made],
                                         n_made < n_fixed ? types[n_made] : api->DoubleTypeInContext(context))))
            n_made++;
        if (n_made == n) {
            result = next->RunFunction(engine, function, n, theirs);
            answer = from_llvm(next, api, result, api->GetReturnType(type));
            next->DisposeGenericValue(result);
        }
        while (n_made > 0)
            next->DisposeGenericValue(theirs[--n_made]);
    }
    free(theirs);
    free(types);
    return answer;
}

LLVMGenericValueRef LLVMRunFunction(LLVMExecutionEngineRef engine, LLVMValueRef function, unsigned n,
                                    LLVMGenericValueRef *values)
{
    oj_error error;
    LLVMGenericValueRef result;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMRunFunction");
        oji_mcjit_library *library = next ? oji_mcjit_bind(OJI_CALLER(), NULL) : NULL;
        return library && can_convert(next) ? run_by_llvm(next, engine, &library->api, function, n, values) : NULL;
    }
    if (run(engine, function, n, values, &result, &error) != OJ_OK)
        keep_error(engine, "LLVMRunFunction", &error);
    return result;
}

/* --- main --------------------------------------------------------------------------------------------------------- */

/* The signatures and texts are LLVM's, which ends the process with them. */
static oj_status check_main(const oji_mcjit_api *api, LLVMValueRef function, LLVMTypeRef *types, unsigned *n,
                            oj_error *error)
{
    LLVMTypeRef type = api->GlobalGetValueType(function);
    unsigned result = api->GetTypeKind(api->GetReturnType(type));
    *n = api->CountParamTypes(type);
    if (*n > 3)
        return oji_fail(error, OJ_E_MISUSE, "Invalid number of arguments of main() supplied");
    api->GetParamTypes(type, types);
    if (*n > 2 && api->GetTypeKind(types[2]) != OJI_TYPE_POINTER)
        return oji_fail(error, OJ_E_MISUSE, "Invalid type for third argument of main() supplied");
    if (*n > 1 && api->GetTypeKind(types[1]) != OJI_TYPE_POINTER)
        return oji_fail(error, OJ_E_MISUSE, "Invalid type for second argument of main() supplied");
    if (*n > 0 && (api->GetTypeKind(types[0]) != OJI_TYPE_INTEGER || api->GetIntTypeWidth(types[0]) != 32))
        return oji_fail(error, OJ_E_MISUSE, "Invalid type for first argument of main() supplied");
    if (result != OJI_TYPE_INTEGER && result != OJI_TYPE_VOID)
        return oji_fail(error, OJ_E_MISUSE, "Invalid return type of main() supplied");
    return OJ_OK;
}

/* A copy in one block, the strings behind the array: main() may write to it. NULL where memory ends. */
static char **copy_strings(const char *const *strings, size_t n)
{
    size_t size = (n + 1) * sizeof(char *);
    char **copy, *text;
    for (size_t i = 0; i < n; i++)
        size += strlen(strings[i] ? strings[i] : "") + 1;
    copy = malloc(size);
    if (!copy)
        return NULL;
    text = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = text;
        text = stpcpy(text, strings[i] ? strings[i] : "") + 1;
    }
    copy[n] = NULL;
    return copy;
}

static size_t count_strings(const char *const *strings)
{
    size_t n = 0;
    while (strings && strings[n])
        n++;
    return n;
}

static oj_status call_main(LLVMExecutionEngineRef engine, LLVMValueRef function, unsigned n, unsigned argc, char **argv,
                           char **environment, int *status_out, oj_error *error)
{
    LLVMGenericValueRef values[3], result = NULL;
    bool is_complete;
    oj_status status;
    values[0] = oji_mcjit_new_value(OJI_VALUE_INT, 32, 1);
    values[1] = LLVMCreateGenericValueOfPointer(argv);
    values[2] = LLVMCreateGenericValueOfPointer(environment);
    is_complete = values[0] && values[1] && values[2];
    if (is_complete)
        values[0]->words[0] = argc;
    status = is_complete ? run(engine, function, n, values, &result, error) : oji_fail_nomem(error, 64, "arguments");
    if (status == OJ_OK)
        *status_out = (int)LLVMGenericValueToInt(result, 0);
    LLVMDisposeGenericValue(result);
    for (size_t i = 0; i < OJI_COUNT(values); i++)
        LLVMDisposeGenericValue(values[i]);
    return status;
}

static oj_status run_main(LLVMExecutionEngineRef engine, LLVMValueRef function, unsigned argc, const char *const *argv,
                          const char *const *environment, int *status_out, oj_error *error)
{
    const oji_mcjit_api *api = &engine->library->api;
    LLVMTypeRef types[3];
    char **arguments, **variables;
    unsigned n = 0;
    oj_status status;
    if (!function || !api->IsAFunction(function) || (argc && !argv))
        return oji_fail(error, OJ_E_MISUSE, "the value is no function, or there are no arguments");
    OJI_TRY(check_main(api, function, types, &n, error));
    arguments = copy_strings(argv, argc);
    variables = copy_strings(environment, count_strings(environment));
    if (arguments && variables)
        status = call_main(engine, function, n, argc, arguments, variables, status_out, error);
    else
        status = oji_fail_nomem(error, argc * sizeof(char *), "the arguments of main()");
    free(arguments);
    free(variables);
    return status;
}

int LLVMRunFunctionAsMain(LLVMExecutionEngineRef engine, LLVMValueRef function, unsigned argc, const char *const *argv,
                          const char *const *environment)
{
    oj_error error;
    int status = -1;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMRunFunctionAsMain");
        return next && next->RunFunctionAsMain ? next->RunFunctionAsMain(engine, function, argc, argv, environment)
                                               : -1;
    }
    if (run_main(engine, function, argc, argv, environment, &status, &error) != OJ_OK)
        keep_error(engine, "LLVMRunFunctionAsMain", &error);
    return status;
}

/* --- constructors and destructors --------------------------------------------------------------------------------- */

/* One entry of llvm.global_ctors. */
typedef struct structor {
    uint64_t priority;
    LLVMValueRef function;
} structor;

/* NULL ends old lists; LLVM looks through casts, which typed pointers needed. */
static LLVMValueRef function_of(const oji_mcjit_api *api, LLVMValueRef value)
{
    if (value && !api->IsAFunction(value) && api->IsAConstantExpr(value) && api->GetNumOperands(value) > 0)
        value = api->GetOperand(value, 0);
    return value && api->IsAFunction(value) ? value : NULL;
}

static bool comes_after(uint64_t first, uint64_t second, bool is_descending)
{
    return is_descending ? first < second : first > second;
}

/* The list of a module by priority (constructors the lowest first, destructors the highest), equal ones in their order.
 * MCJIT calls a list in its order alone. NULL for none; one that is local to its module is the module's own business,
 * as in LLVM. The caller frees it. */
static oj_status list_structors(const oji_mcjit_api *api, LLVMModuleRef module, const char *name, structor **out,
                                size_t *n_out, oj_error *error)
{
    const bool is_descending = strcmp(name, "llvm.global_dtors") == 0;
    LLVMValueRef global = api->GetNamedGlobal(module, name), list;
    unsigned linkage = global ? api->GetLinkage(global) : 0;
    structor *structors;
    int n;
    *out = NULL;
    *n_out = 0;
    if (!global || api->IsDeclaration(global) || linkage == OJI_LINKAGE_INTERNAL || linkage == OJI_LINKAGE_PRIVATE)
        return OJ_OK;
    list = api->GetInitializer(global);
    n = list ? api->GetNumOperands(list) : 0;
    if (n <= 0)
        return OJ_OK;
    *out = structors = calloc((size_t)n, sizeof *structors);
    if (!structors)
        return oji_fail_nomem(error, (size_t)n * sizeof *structors, name);
    for (int i = 0; i < n; i++) {
        LLVMValueRef entry = api->GetOperand(list, (unsigned)i), priority;
        bool is_entry = entry && api->GetNumOperands(entry) >= 2;
        structor found = {0, is_entry ? function_of(api, api->GetOperand(entry, 1)) : NULL};
        size_t at = *n_out;
        if (!found.function)
            continue;
        priority = api->IsAConstantInt(api->GetOperand(entry, 0));
        found.priority = priority ? api->ConstIntGetZExtValue(priority) : 65535;
        for (; at > 0 && comes_after(structors[at - 1].priority, found.priority, is_descending); at--)
            structors[at] = structors[at - 1];
        structors[at] = found;
        ++*n_out;
    }
    return OJ_OK;
}

/* The first failure is kept, and the others are run. */
static void run_structors(LLVMExecutionEngineRef engine, LLVMModuleRef module, const char *list, const char *function)
{
    oj_error error;
    size_t n;
    structor *structors;
    if (list_structors(&engine->library->api, module, list, &structors, &n, &error) != OJ_OK)
        keep_error(engine, function, &error);
    for (size_t i = 0; i < n; i++) {
        LLVMGenericValueRef result;
        if (run(engine, structors[i].function, 0, NULL, &result, &error) != OJ_OK)
            keep_error(engine, function, &error);
        LLVMDisposeGenericValue(result);
    }
    free(structors);
}

/* A constructor may add modules, whose own are run then, too; the list is walked without the turn. */
static void run_all(LLVMExecutionEngineRef engine, const char *list, const char *function)
{
    oj_error error;
    oj_status status;
    oji_mcjit_begin_turn(engine);
    status = oji_mcjit_link_all(engine, &error);
    if (status != OJ_OK)
        oji_mcjit_keep_error(engine, function, &error);
    oji_mcjit_end_turn(engine);
    for (oji_mcjit_module *record = status == OJ_OK ? engine->first : NULL; record; record = record->next)
        run_structors(engine, record->module, list, function);
}

void LLVMRunStaticConstructors(LLVMExecutionEngineRef engine)
{
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMRunStaticConstructors");
        if (next && next->RunStaticConstructors)
            next->RunStaticConstructors(engine);
        return;
    }
    run_all(engine, "llvm.global_ctors", "LLVMRunStaticConstructors");
}

void LLVMRunStaticDestructors(LLVMExecutionEngineRef engine)
{
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMRunStaticDestructors");
        if (next && next->RunStaticDestructors)
            next->RunStaticDestructors(engine);
        return;
    }
    run_all(engine, "llvm.global_dtors", "LLVMRunStaticDestructors");
}
