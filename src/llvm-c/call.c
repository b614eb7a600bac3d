/* Calling a function of any type: LLVM itself compiles a caller that reads the arguments from memory, calls, and stores
 * the result, so that calling conventions are whatever LLVM makes of the function's type, convention and attributes.
 *
 *     define void @oj_call(i64 %function, i64 %arguments, i64 %result)
 *
 * %arguments is the address of an array of addresses, one for each argument. Addresses are integers and become pointers
 * where they are used, which is the same in LLVM with typed and with opaque pointers. There is one caller for each kind
 * of call that an engine has made. */
#include "llvm-c/drop_in.h"

#include <stdlib.h>

typedef void oji_caller(uint64_t function_addr, const void *const *arguments, void *result);

struct oji_mcjit_call {
    oji_mcjit_call *next;
    oj_code *code;
    oji_caller *run;
    LLVMContextRef context;
    unsigned n_running; /* calls under way, which the code stays for */
    bool is_listed;     /* among the engine's */
    LLVMTypeRef type;
    unsigned convention;
    unsigned n_arguments;
    size_t n_attributes;
    /* What a caller is found by: attributes (LLVM has each once in a context), by place, and behind them the types of
     * the arguments beyond the fixed ones. */
    const void *key[];
};

/* One call to be made. */
typedef struct plan {
    LLVMExecutionEngineRef engine;
    const oji_mcjit_api *api;
    LLVMContextRef context;
    LLVMValueRef function;
    LLVMTypeRef type;
    LLVMTypeRef result;
    unsigned n_fixed;
    unsigned n_arguments;
    unsigned convention;
    LLVMTypeRef *types; /* of all arguments */
    LLVMGenericValueRef *values;
    size_t n_attributes;
    const void **key; /* n_attributes + n_arguments - n_fixed */
} plan;

static const char *const function_attributes[] = {"target-cpu", "target-features"};

/* --- what is passed and how --------------------------------------------------------------------------------------- */

/* Floating types that C has no type for everywhere: passed as double, converted by the caller's code. */
static bool is_converted(unsigned kind)
{
    return kind == OJI_TYPE_HALF || kind == OJI_TYPE_BFLOAT || kind == OJI_TYPE_X86_FP80 || kind == OJI_TYPE_FP128 ||
           kind == OJI_TYPE_PPC_FP128;
}

/* Types whose generic value is the address of their bytes. */
static bool is_aggregate(unsigned kind)
{
    return kind == OJI_TYPE_STRUCT || kind == OJI_TYPE_ARRAY || kind == OJI_TYPE_VECTOR || kind == OJI_TYPE_X86_MMX;
}

static bool is_passed(unsigned kind)
{
    return is_converted(kind) || is_aggregate(kind) || kind == OJI_TYPE_INTEGER || kind == OJI_TYPE_POINTER ||
           kind == OJI_TYPE_FLOAT || kind == OJI_TYPE_DOUBLE;
}

/* The type of an argument beyond the fixed ones, promoted as C does. */
static LLVMTypeRef variadic_type(const plan *p, LLVMGenericValueRef value)
{
    const oji_mcjit_api *api = p->api;
    if (value->kind == OJI_VALUE_INT)
        return api->IntTypeInContext(p->context, value->width < 32 ? 32 : value->width);
    if (value->kind == OJI_VALUE_FLOAT || value->kind == OJI_VALUE_DOUBLE)
        return api->DoubleTypeInContext(p->context);
    return api->PointerType(api->IntTypeInContext(p->context, 8), 0);
}

static oj_status check_arguments(const plan *p, oj_error *error)
{
    unsigned kind = p->api->GetTypeKind(p->result);
    if (kind != OJI_TYPE_VOID && !is_passed(kind))
        return oji_fail(error, OJ_E_UNSUPPORTED, "the function's result is of a type that no generic value holds");
    for (unsigned i = 0; i < p->n_arguments; i++) {
        if (!oji_mcjit_is_value(p->values[i]))
            return oji_fail(error, OJ_E_MISUSE, "argument %u is no generic value", i);
        if (!is_passed(p->api->GetTypeKind(p->types[i])))
            return oji_fail(error, OJ_E_UNSUPPORTED, "argument %u is of a type that no generic value holds", i);
        if (is_aggregate(p->api->GetTypeKind(p->types[i])) && !p->values[i]->pointer)
            return oji_fail(error, OJ_E_MISUSE,
                            "argument %u is a struct, array or vector, and its generic value no "
                            "pointer to its bytes",
                            i);
    }
    return OJ_OK;
}

static size_t count_attributes(const plan *p)
{
    size_t n = OJI_COUNT(function_attributes);
    for (unsigned i = 0; i <= p->n_fixed; i++)
        n += 1 + p->api->GetAttributeCountAtIndex(p->function, i);
    return n;
}

/* A NULL ends the attributes of each place. */
static void list_attributes(plan *p)
{
    size_t at = 0;
    for (unsigned i = 0; i <= p->n_fixed; i++) {
        unsigned n = p->api->GetAttributeCountAtIndex(p->function, i);
        p->api->GetAttributesAtIndex(p->function, i, (LLVMAttributeRef *)(void *)&p->key[at]);
        at += n;
        p->key[at++] = NULL;
    }
    for (size_t i = 0; i < OJI_COUNT(function_attributes); i++)
        p->key[at++] = p->api->GetStringAttributeAtIndex(p->function, OJI_FUNCTION_INDEX, function_attributes[i],
                                                         (unsigned)strlen(function_attributes[i]));
}

static void end_plan(plan *p)
{
    free(p->types);
    free(p->key);
}

/* Needs a function; fills p, which end_plan() ends in every case. */
static oj_status make_plan(plan *p, LLVMExecutionEngineRef engine, LLVMValueRef function, unsigned n_values,
                           LLVMGenericValueRef *values, oj_error *error)
{
    const oji_mcjit_api *api = &engine->library->api;
    memset(p, 0, sizeof *p);
    p->engine = engine;
    p->api = api;
    p->function = function;
    p->type = api->GlobalGetValueType(function);
    p->context = api->GetTypeContext(p->type);
    p->result = api->GetReturnType(p->type);
    p->n_fixed = api->CountParamTypes(p->type);
    p->n_arguments = n_values;
    p->values = values;
    p->convention = api->GetFunctionCallConv(function);
    if (n_values < p->n_fixed || (n_values > p->n_fixed && !api->IsFunctionVarArg(p->type)) || (n_values && !values))
        return oji_fail(error, OJ_E_MISUSE, "%u arguments are given, and the function takes %u", n_values, p->n_fixed);
    p->n_attributes = count_attributes(p);
    p->types = calloc((size_t)n_values + 1, sizeof(LLVMTypeRef));
    p->key = calloc(p->n_attributes + n_values + 1, sizeof(void *));
    if (!p->types || !p->key)
        return oji_fail_nomem(error, ((size_t)n_values + 1) * sizeof(LLVMTypeRef), "a call");
    list_attributes(p);
    api->GetParamTypes(p->type, p->types);
    for (unsigned i = p->n_fixed; i < n_values; i++) {
        if (!oji_mcjit_is_value(values[i]))
            return oji_fail(error, OJ_E_MISUSE, "argument %u is no generic value", i);
        p->types[i] = variadic_type(p, values[i]);
        p->key[p->n_attributes + i - p->n_fixed] = p->types[i];
    }
    return check_arguments(p, error);
}

/* --- making a caller ---------------------------------------------------------------------------------------------- */

static LLVMValueRef pointer_to(const plan *p, LLVMBuilderRef builder, LLVMTypeRef type, LLVMValueRef addr)
{
    return p->api->BuildIntToPtr(builder, addr, p->api->PointerType(type, 0), "");
}

/* Nothing is known of the client's alignment. */
static LLVMValueRef load(const plan *p, LLVMBuilderRef builder, LLVMTypeRef type, LLVMValueRef addr)
{
    LLVMValueRef value = p->api->BuildLoad2(builder, type, pointer_to(p, builder, type, addr), "");
    p->api->SetAlignment(value, 1);
    return value;
}

static LLVMValueRef load_argument(const plan *p, LLVMBuilderRef builder, LLVMValueRef arguments, unsigned index)
{
    const oji_mcjit_api *api = p->api;
    LLVMTypeRef word = api->IntTypeInContext(p->context, 64), type = p->types[index];
    LLVMTypeRef number = api->DoubleTypeInContext(p->context);
    LLVMValueRef offset = api->ConstInt(word, (unsigned long long)index * sizeof(void *), 0);
    LLVMValueRef addr = load(p, builder, word, api->BuildAdd(builder, arguments, offset, ""));
    unsigned kind = api->GetTypeKind(type);
    if (!is_converted(kind))
        return load(p, builder, type, addr);
    if (kind == OJI_TYPE_HALF || kind == OJI_TYPE_BFLOAT)
        return api->BuildFPTrunc(builder, load(p, builder, number, addr), type, "");
    return api->BuildFPExt(builder, load(p, builder, number, addr), type, "");
}

static void store_result(const plan *p, LLVMBuilderRef builder, LLVMValueRef value, LLVMValueRef addr)
{
    const oji_mcjit_api *api = p->api;
    LLVMTypeRef type = p->result;
    unsigned kind = api->GetTypeKind(type);
    LLVMValueRef store;
    if (is_converted(kind)) {
        type = api->DoubleTypeInContext(p->context);
        value = kind == OJI_TYPE_HALF || kind == OJI_TYPE_BFLOAT ? api->BuildFPExt(builder, value, type, "")
                                                                 : api->BuildFPTrunc(builder, value, type, "");
    }
    store = api->BuildStore(builder, value, pointer_to(p, builder, type, addr));
    api->SetAlignment(store, 1);
}

static void copy_attributes(const plan *p, LLVMValueRef call)
{
    size_t at = 0;
    for (unsigned i = 0; i <= p->n_fixed; i++, at++)
        for (; p->key[at]; at++)
            p->api->AddCallSiteAttribute(call, i, (LLVMAttributeRef)(uintptr_t)p->key[at]);
}

/* The features a function is compiled with decide how vectors are passed: its caller gets the same. */
static LLVMValueRef add_caller(const plan *p, LLVMModuleRef module)
{
    const oji_mcjit_api *api = p->api;
    LLVMTypeRef word = api->IntTypeInContext(p->context, 64);
    LLVMTypeRef parameters[] = {word, word, word};
    LLVMTypeRef type = api->FunctionType(api->VoidTypeInContext(p->context), parameters, 3, 0);
    LLVMValueRef caller = api->AddFunction(module, "oj_call", type);
    for (size_t i = 0; i < OJI_COUNT(function_attributes); i++) {
        const void *attribute = p->key[p->n_attributes - OJI_COUNT(function_attributes) + i];
        if (attribute)
            api->AddAttributeAtIndex(caller, OJI_FUNCTION_INDEX, (LLVMAttributeRef)(uintptr_t)attribute);
    }
    return caller;
}

static void build_caller(const plan *p, LLVMModuleRef module, LLVMValueRef *arguments)
{
    const oji_mcjit_api *api = p->api;
    LLVMValueRef caller = add_caller(p, module), call;
    LLVMBuilderRef builder = api->CreateBuilderInContext(p->context);
    api->PositionBuilderAtEnd(builder, api->AppendBasicBlockInContext(p->context, caller, ""));
    for (unsigned i = 0; i < p->n_arguments; i++)
        arguments[i] = load_argument(p, builder, api->GetParam(caller, 1), i);
    call = api->BuildCall2(builder, p->type, pointer_to(p, builder, p->type, api->GetParam(caller, 0)), arguments,
                           p->n_arguments, "");
    api->SetInstructionCallConv(call, p->convention);
    copy_attributes(p, call);
    if (api->GetTypeKind(p->result) != OJI_TYPE_VOID)
        store_result(p, builder, call, api->GetParam(caller, 2));
    api->BuildRetVoid(builder);
    api->DisposeBuilder(builder);
}

/* A caller is none of the client's modules: it lies in memory of the library's own, whatever the engine's is. */
static oj_status compile_caller(const plan *p, oji_mcjit_call *call, oj_error *error)
{
    LLVMModuleRef module = p->api->ModuleCreateWithNameInContext("a caller for LLVMRunFunction", p->context);
    LLVMValueRef *arguments = calloc((size_t)p->n_arguments + 1, sizeof(LLVMValueRef));
    oj_ir ir = oj_ir_module(module);
    oj_link_options options;
    oj_wanted wanted = {"oj_call", 0};
    oj_status status;
    ir.name = "a caller for LLVMRunFunction";
    oj_link_options_init(&options);
    options.flags = OJ_LINK_KEEP_NO_SYMBOLS;
    options.wanted = &wanted;
    options.n_wanted = 1;
    if (arguments) {
        build_caller(p, module, arguments);
        status = oj_compile(p->engine->compiler, &ir, &options, &call->code, error);
    } else {
        status = oji_fail_nomem(error, ((size_t)p->n_arguments + 1) * sizeof(LLVMValueRef), "a call");
    }
    if (status == OJ_OK)
        call->run = (oji_caller *)(uintptr_t)wanted.addr;
    free(arguments);
    p->api->DisposeModule(module);
    return status;
}

static size_t key_length(const plan *p) { return p->n_attributes + p->n_arguments - p->n_fixed; }

static bool fits(const plan *p, const oji_mcjit_call *call)
{
    return call->type == p->type && call->convention == p->convention && call->n_arguments == p->n_arguments &&
           call->n_attributes == p->n_attributes && memcmp(call->key, p->key, key_length(p) * sizeof(void *)) == 0;
}

/* Needs the engine's turn. */
static bool has_context(LLVMExecutionEngineRef engine, LLVMContextRef context)
{
    for (const oji_mcjit_module *record = engine->first; record; record = record->next)
        if (record->context == context)
            return true;
    return false;
}

static oj_status make_caller(const plan *p, oji_mcjit_call **out, oj_error *error)
{
    size_t size = sizeof(oji_mcjit_call) + key_length(p) * sizeof(void *);
    oji_mcjit_call *call = calloc(1, size);
    oj_status status;
    if (!call)
        return oji_fail_nomem(error, size, "a call");
    call->context = p->context;
    call->type = p->type;
    call->convention = p->convention;
    call->n_arguments = p->n_arguments;
    call->n_attributes = p->n_attributes;
    memcpy(call->key, p->key, key_length(p) * sizeof(void *));
    status = compile_caller(p, call, error);
    if (status == OJ_OK)
        *out = call;
    else
        free(call);
    return status;
}

static void free_caller(oji_mcjit_call *call)
{
    oj_code_destroy(call->code);
    free(call);
}

/* Needs the engine's turn; leave_caller() ends what it begins. A caller is kept while the engine has a module of its
 * context: without one nobody says when the context ends, and its types' addresses are those of others. */
static oj_status enter_caller(const plan *p, oji_mcjit_call **out, oj_error *error)
{
    oji_mcjit_call *call = p->engine->calls;
    while (call && !fits(p, call))
        call = call->next;
    if (!call) {
        OJI_TRY(make_caller(p, &call, error));
        call->is_listed = has_context(p->engine, p->context);
        if (call->is_listed) {
            call->next = p->engine->calls;
            p->engine->calls = call;
        }
    }
    call->n_running++;
    *out = call;
    return OJ_OK;
}

static void leave_caller(LLVMExecutionEngineRef engine, oji_mcjit_call *call)
{
    bool is_over;
    oji_mcjit_begin_turn(engine);
    is_over = --call->n_running == 0 && !call->is_listed;
    oji_mcjit_end_turn(engine);
    if (is_over)
        free_caller(call);
}

void oji_mcjit_forget_calls(LLVMExecutionEngineRef engine, LLVMContextRef context)
{
    oji_mcjit_call **where = &engine->calls;
    if (!engine->calls || has_context(engine, context))
        return;
    while (*where) {
        oji_mcjit_call *call = *where;
        if (call->context != context) {
            where = &call->next;
            continue;
        }
        *where = call->next;
        call->is_listed = false;
        if (call->n_running == 0)
            free_caller(call);
    }
}

void oji_mcjit_end_calls(LLVMExecutionEngineRef engine)
{
    while (engine->calls) {
        oji_mcjit_call *call = engine->calls;
        engine->calls = call->next;
        free_caller(call);
    }
}

uint64_t oji_mcjit_count_calls(LLVMExecutionEngineRef engine)
{
    uint64_t count = 0;
    for (const oji_mcjit_call *call = engine->calls; call; call = call->next)
        count++;
    return count;
}

/* --- making a call ------------------------------------------------------------------------------------------------ */

/* Words for what is copied of an argument: all but aggregates, whose bytes stay where they are. */
static uint64_t argument_words(const plan *p, unsigned index)
{
    unsigned kind = p->api->GetTypeKind(p->types[index]);
    return kind == OJI_TYPE_INTEGER ? oji_mcjit_words(p->api->GetIntTypeWidth(p->types[index]))
           : is_aggregate(kind)     ? 0
                                    : 1;
}

/* An integer of another width is cut or extended by zeros, as LLVM's own callers do. */
static const void *write_argument(const plan *p, unsigned index, uint64_t *words)
{
    LLVMGenericValueRef value = p->values[index];
    unsigned kind = p->api->GetTypeKind(p->types[index]);
    uint64_t n = argument_words(p, index);
    float single = (float)value->number;
    if (is_aggregate(kind))
        return value->pointer;
    if (kind == OJI_TYPE_INTEGER) {
        memcpy(words, value->words, (size_t)(n < value->n_words ? n : value->n_words) * sizeof *words);
        oji_mcjit_mask(words, p->api->GetIntTypeWidth(p->types[index]));
    } else if (kind == OJI_TYPE_POINTER) {
        memcpy(words, &value->pointer, sizeof value->pointer);
    } else if (kind == OJI_TYPE_FLOAT) {
        memcpy(words, &single, sizeof single);
    } else {
        memcpy(words, &value->number, sizeof value->number);
    }
    return words;
}

/* The result lands in words, with room for what its type stores. */
static oj_status allocate_result(const plan *p, LLVMGenericValueRef *out, oj_error *error)
{
    unsigned kind = p->api->GetTypeKind(p->result);
    oji_value_kind value_kind = kind == OJI_TYPE_INTEGER   ? OJI_VALUE_INT
                                : kind == OJI_TYPE_POINTER ? OJI_VALUE_POINTER
                                : kind == OJI_TYPE_FLOAT   ? OJI_VALUE_FLOAT
                                : is_aggregate(kind)       ? OJI_VALUE_AGGREGATE
                                                           : OJI_VALUE_DOUBLE;
    uint64_t width = kind == OJI_TYPE_INTEGER ? p->api->GetIntTypeWidth(p->result) : 1;
    uint64_t n_words = oji_mcjit_words(width);
    if (is_aggregate(kind)) {
        LLVMTargetDataRef layout = oji_mcjit_layout(p->engine, error);
        if (!layout)
            return OJ_E_TARGET;
        n_words = p->api->StoreSizeOfType(layout, p->result) / 8 + 1;
    }
    *out = oji_mcjit_new_value(value_kind, width, n_words);
    return *out ? OJ_OK : oji_fail_nomem(error, n_words * 8, "a generic value");
}

/* Turn the bytes that the caller stored into what the accessors read. */
static void read_result(const plan *p, LLVMGenericValueRef value)
{
    float single;
    switch (value->kind) {
    case OJI_VALUE_INT:
        oji_mcjit_mask(value->words, value->width);
        return;
    case OJI_VALUE_POINTER:
        memcpy(&value->pointer, value->words, sizeof value->pointer);
        break;
    case OJI_VALUE_FLOAT:
        memcpy(&single, value->words, sizeof single);
        value->number = single;
        break;
    case OJI_VALUE_AGGREGATE:
        value->pointer = value->words;
        return;
    default:
        memcpy(&value->number, value->words, sizeof value->number);
    }
    (void)p;
    value->words[0] = 0;
}

/* One block: addresses, then what is copied. Its size is bounded by the types' own, which LLVM keeps below 2^24
 *            bits. */
static oj_status make_call(const plan *p, const oji_mcjit_call *call, uint64_t run_addr, LLVMGenericValueRef result,
                           oj_error *error)
{
    uint64_t n_words = p->n_arguments;
    const void **addresses;
    uint64_t *words;
    for (unsigned i = 0; i < p->n_arguments; i++)
        n_words += argument_words(p, i);
    addresses = n_words < SIZE_MAX ? calloc((size_t)n_words + 1, sizeof(uint64_t)) : NULL;
    if (!addresses)
        return oji_fail_nomem(error, (n_words + 1) * sizeof(uint64_t), "the arguments of a call");
    words = (uint64_t *)(void *)(addresses + p->n_arguments);
    for (unsigned i = 0; i < p->n_arguments; i++) {
        addresses[i] = write_argument(p, i, words);
        words += argument_words(p, i);
    }
    call->run(run_addr, addresses, result->words);
    free(addresses);
    read_result(p, result);
    return OJ_OK;
}

oj_status oji_mcjit_call_function(LLVMExecutionEngineRef engine, LLVMValueRef function, uint64_t run_addr,
                                  unsigned n_values, LLVMGenericValueRef *values, LLVMGenericValueRef *result,
                                  oj_error *error)
{
    oji_mcjit_call *call = NULL;
    plan p;
    oj_status status;
    *result = NULL;
    oji_mcjit_begin_turn(engine);
    status = make_plan(&p, engine, function, n_values, values, error);
    /* First, because LLVM has no end to a result that memory has no room for. */
    if (status == OJ_OK)
        status = allocate_result(&p, result, error);
    if (status == OJ_OK)
        status = enter_caller(&p, &call, error);
    oji_mcjit_end_turn(engine);
    if (status == OJ_OK) {
        status = make_call(&p, call, run_addr, *result, error);
        leave_caller(engine, call);
    }
    if (status != OJ_OK) {
        LLVMDisposeGenericValue(*result);
        *result = NULL;
    }
    end_plan(&p);
    return status;
}
