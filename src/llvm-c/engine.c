/* Engines: how they begin and end, and which modules they own. As with MCJIT, creating an engine compiles nothing, an
 * engine owns its modules and disposes of them, and a creation that fails disposes of the module and of the memory
 * manager that it was given. */
#include "llvm-c/drop_in.h"

#include <stdlib.h>

bool oji_mcjit_is_engine(LLVMExecutionEngineRef engine) { return engine && engine->magic == OJI_ENGINE_MAGIC; }

/* Is this a thread of the library's that calls back for the owner of the turn, which waits for it inside the session?
 * The session knows for whom its threads work: it refuses them what needs its turn, and keeps others waiting for it.
 * What is asked for has no effect, as no name is empty. Needs the lock, and gives it up meanwhile. */
static bool works_for_owner(LLVMExecutionEngineRef engine)
{
    oj_session *session = engine->asked;
    oj_status status;
    if (!session)
        return false;
    pthread_mutex_unlock(&engine->lock);
    status = oj_session_undefine(session, "", NULL);
    pthread_mutex_lock(&engine->lock);
    return status == OJ_E_MISUSE;
}

void oji_mcjit_begin_turn(LLVMExecutionEngineRef engine)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->turn_depth > 0 && !pthread_equal(engine->turn_owner, pthread_self()) && !works_for_owner(engine))
        while (engine->turn_depth > 0)
            pthread_cond_wait(&engine->turn_ended, &engine->lock);
    if (engine->turn_depth++ == 0)
        engine->turn_owner = pthread_self();
    pthread_mutex_unlock(&engine->lock);
}

void oji_mcjit_end_turn(LLVMExecutionEngineRef engine)
{
    pthread_mutex_lock(&engine->lock);
    if (--engine->turn_depth == 0)
        pthread_cond_signal(&engine->turn_ended);
    pthread_mutex_unlock(&engine->lock);
}

/* --- which engine owns a module: one table for the process, so that none is owned twice --------------------------- */

static pthread_mutex_t owned_lock = PTHREAD_MUTEX_INITIALIZER;
static oji_mcjit_module **buckets;
static size_t n_buckets; /* 0, or a power of two */
static size_t n_owned;

static oji_mcjit_module **bucket_of(oji_mcjit_module **table, size_t n, const void *module)
{
    uint64_t hash = (uint64_t)(uintptr_t)module * UINT64_C(0x9E3779B97F4A7C15);
    return &table[(hash >> 32) & (n - 1)];
}

/* Needs owned_lock. Keeps the table at most half full; false where memory ends. */
static bool grow_table(void)
{
    size_t n = n_buckets ? n_buckets * 2 : 64;
    oji_mcjit_module **table;
    if (n_owned < n_buckets / 2)
        return true;
    table = calloc(n, sizeof(oji_mcjit_module *));
    if (!table)
        return n_buckets > 0;
    for (size_t i = 0; i < n_buckets; i++)
        while (buckets[i]) {
            oji_mcjit_module *record = buckets[i], **where = bucket_of(table, n, record->module);
            buckets[i] = record->in_bucket;
            record->in_bucket = *where;
            *where = record;
        }
    free(buckets);
    buckets = table;
    n_buckets = n;
    return true;
}

/* Needs owned_lock. */
static oji_mcjit_module *find_owned(LLVMModuleRef module)
{
    oji_mcjit_module *record = n_buckets ? *bucket_of(buckets, n_buckets, module) : NULL;
    while (record && record->module != module)
        record = record->in_bucket;
    return record;
}

oji_mcjit_module *oji_mcjit_find_module(LLVMModuleRef module)
{
    oji_mcjit_module *record;
    pthread_mutex_lock(&owned_lock);
    record = find_owned(module);
    pthread_mutex_unlock(&owned_lock);
    return record;
}

static oj_status fail_owned(const oji_mcjit_module *other, LLVMExecutionEngineRef engine, oj_error *error)
{
    return oji_fail(error, OJ_E_MISUSE, "the module is owned by %s",
                    other->engine == engine ? "this engine already" : "another engine");
}

static oj_status enter_owned(oji_mcjit_module *record, oj_error *error)
{
    oji_mcjit_module *other, **where;
    oj_status status = OJ_OK;
    pthread_mutex_lock(&owned_lock);
    other = find_owned(record->module);
    if (other) {
        status = fail_owned(other, record->engine, error);
    } else if (!grow_table()) {
        status = oji_fail_nomem(error, 64 * sizeof(oji_mcjit_module *), "the table of modules");
    } else {
        where = bucket_of(buckets, n_buckets, record->module);
        record->in_bucket = *where;
        *where = record;
        n_owned++;
    }
    pthread_mutex_unlock(&owned_lock);
    return status;
}

/* The table goes with the last module, so that a process without engines holds nothing. */
static void leave_owned(oji_mcjit_module *record)
{
    oji_mcjit_module **where;
    pthread_mutex_lock(&owned_lock);
    where = bucket_of(buckets, n_buckets, record->module);
    while (*where != record)
        where = &(*where)->in_bucket;
    *where = record->in_bucket;
    if (--n_owned == 0) {
        free(buckets);
        buckets = NULL;
        n_buckets = 0;
    }
    pthread_mutex_unlock(&owned_lock);
}

/* --- an engine's list of modules ---------------------------------------------------------------------------------- */

/* In the engine's turn, or before anybody else knows it. A callback of the session's may not change the session: its
 * module waits until an address is asked for. */
static oj_status own_module(LLVMExecutionEngineRef engine, LLVMModuleRef module, oj_error *error)
{
    oji_mcjit_module *record = calloc(1, sizeof *record);
    oj_status status;
    if (!record)
        return oji_fail_nomem(error, sizeof *record, "a module's record");
    record->module = module;
    record->context = engine->library->api.GetModuleContext(module);
    record->engine = engine;
    status = enter_owned(record, error);
    if (status == OJ_OK) {
        engine->n_unadded++;
        if (engine->session && engine->turn_depth == 1 && !oji_mcjit_is_isolated(engine))
            status = oji_mcjit_add_to_session(record, error);
        if (status != OJ_OK) {
            engine->n_unadded--;
            leave_owned(record);
        }
    }
    if (status != OJ_OK) {
        free(record);
        return status;
    }
    record->previous = engine->last;
    if (engine->last)
        engine->last->next = record;
    else
        engine->first = record;
    engine->last = record;
    return OJ_OK;
}

static void disown_module(oji_mcjit_module *record)
{
    LLVMExecutionEngineRef engine = record->engine;
    leave_owned(record);
    if (!record->is_added)
        engine->n_unadded--;
    if (record->previous)
        record->previous->next = record->next;
    else
        engine->first = record->next;
    if (record->next)
        record->next->previous = record->previous;
    else
        engine->last = record->previous;
    free(record);
}

/* --- creation ----------------------------------------------------------------------------------------------------- */

/* LLVMCreateMCJITCompilerForModule sets the attribute on what the first module has then, whichever way; the other two
 * do not. */
static void set_frame_pointer(const oji_mcjit_api *api, LLVMModuleRef module, bool kept)
{
    const char *value = kept ? "all" : "none";
    LLVMAttributeRef attribute =
        api->CreateStringAttribute(api->GetModuleContext(module), "frame-pointer", (unsigned)strlen("frame-pointer"),
                                   value, (unsigned)strlen(value));
    for (LLVMValueRef f = api->GetFirstFunction(module); f; f = api->GetNextFunction(f))
        api->AddAttributeAtIndex(f, OJI_FUNCTION_INDEX, attribute);
}

LLVMTargetMachineRef oji_mcjit_machine(LLVMExecutionEngineRef engine, oj_error *error)
{
    const oji_mcjit_api *api = &engine->library->api;
    const char *triple = oj_compiler_triple(engine->compiler);
    LLVMTargetRef target = NULL;
    char *text = NULL;
    if (engine->machine)
        return engine->machine;
    if (api->GetTargetFromTriple(triple, &target, &text)) {
        oji_fail(error, OJ_E_TARGET, "target triple \"%s\": %s", triple, text ? text : "not known to this LLVM");
        api->DisposeMessage(text);
        return NULL;
    }
    engine->machine = api->CreateTargetMachine(target, triple, "", "", engine->level, OJI_RELOC_PIC, engine->model);
    if (!engine->machine)
        oji_fail(error, OJ_E_TARGET, "target triple \"%s\": LLVM has no code generator for it", triple);
    return engine->machine;
}

LLVMTargetDataRef oji_mcjit_layout(LLVMExecutionEngineRef engine, oj_error *error)
{
    if (!engine->layout && oji_mcjit_machine(engine, error))
        engine->layout = engine->library->api.CreateTargetDataLayout(engine->machine);
    return engine->layout;
}

/* A module without a layout gets its target's, for the passes that are run on it before it is compiled. The host's is
 * kept, because a target machine takes longer to make than everything else here. */
static oj_status set_data_layout(LLVMExecutionEngineRef engine, LLVMModuleRef module, oj_error *error)
{
    oji_mcjit_library *library = engine->library;
    const oji_mcjit_api *api = &library->api;
    bool is_host = api->GetTarget(module)[0] == '\0';
    char layout[OJI_MCJIT_LAYOUT_SIZE] = "";
    if (api->GetDataLayoutStr(module)[0])
        return OJ_OK;
    pthread_mutex_lock(&library->lock);
    if (is_host)
        memcpy(layout, library->layout, sizeof layout);
    pthread_mutex_unlock(&library->lock);
    if (!layout[0]) {
        LLVMTargetDataRef data = oji_mcjit_layout(engine, error);
        char *text = data ? api->CopyStringRepOfTargetData(data) : NULL;
        if (!data)
            return OJ_E_TARGET;
        oji_copy_text(layout, sizeof layout, text);
        api->DisposeMessage(text);
        pthread_mutex_lock(&library->lock);
        if (is_host)
            memcpy(library->layout, layout, sizeof layout);
        pthread_mutex_unlock(&library->lock);
    }
    api->SetDataLayout(module, layout);
    return OJ_OK;
}

/* MCJIT's own choice is the generic CPU, whatever the host is: code and calling conventions depend on it. Its default
 * code model is the large one; here the linker brings what is far into reach, and small code does. */
static oj_status create_compiler(LLVMExecutionEngineRef engine, LLVMModuleRef module, oj_error *error)
{
    const char *triple = engine->library->api.GetTarget(module);
    oj_compiler_options options;
    oj_compiler_options_init(&options);
    options.llvm = engine->library->llvm;
    options.level = OJ_LEVEL_0 + engine->level;
    options.code_model = engine->model == OJI_MODEL_LARGE    ? OJ_CODE_MODEL_LARGE
                         : engine->model == OJI_MODEL_MEDIUM ? OJ_CODE_MODEL_MEDIUM
                                                             : OJ_CODE_MODEL_SMALL;
    options.triple = triple[0] ? triple : NULL;
    options.cpu = "";
    options.features = "";
    return oj_compiler_create(&engine->compiler, &options, error);
}

/* Takes an engine at any stage of its making; the modules are gone already. */
static void free_engine(LLVMExecutionEngineRef engine)
{
    const oji_mcjit_api *api = &engine->library->api;
    engine->magic = 0;
    oji_mcjit_end_calls(engine);
    oj_session_destroy(engine->session);
    if (engine->layout)
        api->DisposeTargetData(engine->layout);
    if (engine->machine)
        api->DisposeTargetMachine(engine->machine);
    oj_compiler_destroy(engine->compiler);
    oji_mcjit_drop_manager(engine->manager);
    pthread_cond_destroy(&engine->turn_ended);
    pthread_mutex_destroy(&engine->lock);
    free(engine->message);
    free(engine);
}

static oj_status allocate_engine(LLVMExecutionEngineRef *out, oji_mcjit_library *library, oj_error *error)
{
    LLVMExecutionEngineRef engine = calloc(1, sizeof *engine);
    if (!engine)
        return oji_fail_nomem(error, sizeof *engine, "an engine");
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->turn_ended, NULL);
    engine->magic = OJI_ENGINE_MAGIC;
    engine->library = library;
    oj_mcjit_options_init(&engine->options);
    *out = engine;
    return OJ_OK;
}

/* The numbers of LLVM's enums; what is none of them gets what is nearest. */
static void choose(LLVMExecutionEngineRef engine, const struct LLVMMCJITCompilerOptions *options)
{
    engine->level = options->OptLevel > 3 ? 3 : options->OptLevel;
    engine->model =
        options->CodeModel == OJI_MODEL_MEDIUM || options->CodeModel == OJI_MODEL_LARGE ? options->CodeModel : 3;
}

static oj_status create_engine(LLVMExecutionEngineRef *out, oji_mcjit_library *library, LLVMModuleRef module,
                               const struct LLVMMCJITCompilerOptions *options, oj_error *error)
{
    LLVMExecutionEngineRef engine = NULL;
    oj_status status;
    OJI_TRY(allocate_engine(&engine, library, error));
    choose(engine, options);
    status = create_compiler(engine, module, error);
    if (status == OJ_OK)
        status = set_data_layout(engine, module, error);
    if (status == OJ_OK)
        status = own_module(engine, module, error);
    if (status != OJ_OK) {
        free_engine(engine);
        return status;
    }
    engine->manager = options->MCJMM;
    *out = engine;
    return OJ_OK;
}

static void give_text(char **out, const char *text)
{
    if (out)
        *out = strdup(text);
}

/* A memory manager of C++ can be called by LLVM alone. */
static LLVMBool forward_creation(oji_mcjit_library *library, LLVMExecutionEngineRef *out, LLVMModuleRef module,
                                 struct LLVMMCJITCompilerOptions *options, char **text)
{
    oji_mcjit_forwarded("LLVMCreateMCJITCompilerForModule", "the memory manager is not made here");
    if (library->underneath.CreateMCJITCompilerForModule)
        return library->underneath.CreateMCJITCompilerForModule(out, module, options, sizeof *options, text);
    give_text(text, "the memory manager is not made here, and this program has no engine of LLVM's own");
    return 1;
}

static LLVMBool create(const void *caller, LLVMExecutionEngineRef *out, LLVMModuleRef module,
                       struct LLVMMCJITCompilerOptions *options, bool sets_frame_pointer, char **text)
{
    oj_error error;
    oji_mcjit_library *library = oji_mcjit_bind(caller, &error);
    oj_status status;
    if (!library || !module || !out) {
        give_text(text, library ? "the module or the place for the engine is NULL" : error.text);
        return 1;
    }
    *out = NULL;
    if (oji_mcjit_find_module(module)) {
        give_text(text, "the module is owned by another engine already");
        return 1;
    }
    if (sets_frame_pointer)
        set_frame_pointer(&library->api, module, options->NoFramePointerElim);
    if (options->MCJMM && !oji_mcjit_is_manager(options->MCJMM))
        return forward_creation(library, out, module, options, text);
    status = create_engine(out, library, module, options, &error);
    if (status == OJ_OK)
        return 0;
    oji_mcjit_log("no engine: %s", error.text);
    give_text(text, error.text);
    library->api.DisposeModule(module);
    oji_mcjit_drop_manager(options->MCJMM);
    return 1;
}

void LLVMInitializeMCJITCompilerOptions(struct LLVMMCJITCompilerOptions *given, size_t size)
{
    struct LLVMMCJITCompilerOptions options;
    memset(&options, 0, sizeof options);
    options.CodeModel = OJI_MODEL_JIT_DEFAULT;
    if (given)
        memcpy(given, &options, size < sizeof options ? size : sizeof options);
}

/* The text for a longer struct is LLVM's. */
LLVMBool LLVMCreateMCJITCompilerForModule(LLVMExecutionEngineRef *out, LLVMModuleRef module,
                                          struct LLVMMCJITCompilerOptions *given, size_t size, char **text)
{
    struct LLVMMCJITCompilerOptions options;
    if (size > sizeof options) {
        give_text(text, "Refusing to use options struct that is larger than my own; assuming LLVM library mismatch.");
        return 1;
    }
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    if (given)
        memcpy(&options, given, size);
    return create(OJI_CALLER(), out, module, &options, true, text);
}

LLVMBool LLVMCreateJITCompilerForModule(LLVMExecutionEngineRef *out, LLVMModuleRef module, unsigned level, char **text)
{
    struct LLVMMCJITCompilerOptions options;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    options.OptLevel = level;
    return create(OJI_CALLER(), out, module, &options, false, text);
}

/* LLVM chooses a compiler over its interpreter wherever it has one, at the default level. */
LLVMBool LLVMCreateExecutionEngineForModule(LLVMExecutionEngineRef *out, LLVMModuleRef module, char **text)
{
    struct LLVMMCJITCompilerOptions options;
    LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
    options.OptLevel = 2;
    return create(OJI_CALLER(), out, module, &options, false, text);
}

LLVMBool LLVMCreateInterpreterForModule(LLVMExecutionEngineRef *out, LLVMModuleRef module, char **text)
{
    oj_error error;
    oji_mcjit_library *library = oji_mcjit_bind(OJI_CALLER(), &error);
    oji_mcjit_forwarded("LLVMCreateInterpreterForModule", "the interpreter is LLVM's");
    if (library && library->underneath.CreateInterpreterForModule)
        return library->underneath.CreateInterpreterForModule(out, module, text);
    give_text(text, library ? "this program has no interpreter of LLVM's own" : error.text);
    return 1;
}

/* Both exist to make a linker bring LLVM's own engines in. */
void LLVMLinkInMCJIT(void) {}
void LLVMLinkInInterpreter(void) {}

/* --- the end, and modules that come and go ------------------------------------------------------------------------ */

/* The session refers to modules that are not compiled yet, and goes first. */
void LLVMDisposeExecutionEngine(LLVMExecutionEngineRef engine)
{
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMDisposeExecutionEngine");
        if (next && next->DisposeExecutionEngine)
            next->DisposeExecutionEngine(engine);
        return;
    }
    oj_session_destroy(engine->session);
    engine->session = engine->asked = NULL;
    while (engine->first) {
        LLVMModuleRef module = engine->first->module;
        bool is_lost = engine->first->is_lost;
        disown_module(engine->first);
        if (!is_lost)
            engine->library->api.DisposeModule(module);
    }
    free_engine(engine);
}

void LLVMAddModule(LLVMExecutionEngineRef engine, LLVMModuleRef module)
{
    oj_error error;
    oj_status status;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMAddModule");
        if (next && next->AddModule)
            next->AddModule(engine, module);
        return;
    }
    oji_mcjit_begin_turn(engine);
    status = module ? OJ_OK : oji_fail(&error, OJ_E_MISUSE, "the module is NULL");
    if (status == OJ_OK && !oji_mcjit_find_module(module))
        status = set_data_layout(engine, module, &error);
    if (status == OJ_OK)
        status = own_module(engine, module, &error);
    if (status != OJ_OK)
        oji_mcjit_keep_error(engine, "LLVMAddModule", &error);
    oji_mcjit_end_turn(engine);
}

/* Code that was made of the module stays with the engine, as MCJIT's does; what was not compiled is forgotten, but for
 * callbacks, to which the session refuses that: it may be about to compile it. */
static oj_status forget_module(oji_mcjit_module *record, oj_error *error)
{
    LLVMExecutionEngineRef engine = record->engine;
    LLVMContextRef context = record->context;
    if (record->linked && oj_module_code_count(record->linked) == 0)
        OJI_TRY(oj_module_remove(record->linked, 0, error));
    disown_module(record);
    oji_mcjit_forget_calls(engine, context);
    return OJ_OK;
}

LLVMBool LLVMRemoveModule(LLVMExecutionEngineRef engine, LLVMModuleRef module, LLVMModuleRef *out, char **text)
{
    oj_error error;
    oji_mcjit_module *record;
    oj_status status;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMRemoveModule");
        if (next && next->RemoveModule)
            return next->RemoveModule(engine, module, out, text);
        give_text(text, "the engine is NULL or not known");
        return 1;
    }
    oji_mcjit_begin_turn(engine);
    record = module ? oji_mcjit_find_module(module) : NULL;
    status = record && record->engine == engine
                 ? forget_module(record, &error)
                 : oji_fail(&error, OJ_E_MISUSE, "the module is not one of this engine's");
    oji_mcjit_end_turn(engine);
    if (out)
        *out = status == OJ_OK ? module : NULL;
    if (status != OJ_OK)
        give_text(text, error.text);
    return status != OJ_OK;
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

/* Where no memory is left for the text, the log alone has it. */
void oji_mcjit_keep_error(LLVMExecutionEngineRef engine, const char *function, const oj_error *error)
{
    char *text = strdup(error->text);
    engine->n_failures++;
    oji_mcjit_log("%s: %s", function, error->text);
    if (text) {
        free(engine->message);
        engine->message = text;
    }
}

LLVMBool LLVMExecutionEngineGetErrMsg(LLVMExecutionEngineRef engine, char **out)
{
    char *message;
    if (!oji_mcjit_is_engine(engine)) {
        const oji_mcjit_underneath *next = oji_mcjit_forward(engine, OJI_CALLER(), "LLVMExecutionEngineGetErrMsg");
        return next && next->ExecutionEngineGetErrMsg ? next->ExecutionEngineGetErrMsg(engine, out) : 0;
    }
    oji_mcjit_begin_turn(engine);
    message = engine->message;
    engine->message = NULL;
    oji_mcjit_end_turn(engine);
    if (out)
        *out = message;
    else
        free(message);
    return message != NULL;
}
