/* The in-process compiler: IR -> object bytes through LLVM's C API. A context per compile, one target machine per
 * compiler. Stages of a compile: load, adopt target, verify, passes, emit; after each, a diagnostic of error severity
 * ends it, whatever LLVM's function returned. */
#include "compile/compile.h"
#include "llvm/llvm.h"

#include <stdio.h>

/* A compiler may be used by one thread at a time; what several compilers share is in the library's record. */
typedef struct in_process {
    oj_compiler base;
    uint64_t heap_size;
    oj_llvm *llvm;
    bool holds_llvm;
    bool verifies;
    bool is_contained; /* runs LLVM on threads that can be given up */
    oji_llvm_library *library;
    oji_llvm_target_options target;
    oji_llvm_machine *machine;
    oji_llvm_data_layout *layout;
    oji_llvm_pass_options *pass_options;
    unsigned pointer_size; /* bytes */
    const char *passes;    /* NULL = none */
    void (*diagnostic)(void *context, uint32_t severity, const char *text);
    void *diagnostic_context;
    char strings[]; /* triple, cpu, features, passes */
} in_process;

/* Object bytes in the buffer that LLVM gave. The library's record outlives compiler and handle. */
typedef struct buffer_bytes {
    oj_bytes base;
    oj_allocator allocator;
    const oji_llvm_api *api;
    oji_llvm_buffer *buffer;
} buffer_bytes;

/* Takes a handle without a buffer, as a failed compile leaves it. */
static void destroy_bytes(oj_bytes *bytes)
{
    buffer_bytes *ours = (buffer_bytes *)(void *)bytes;
    oj_allocator allocator = ours->allocator;
    if (ours->buffer)
        ours->api->DisposeMemoryBuffer(ours->buffer);
    oji_release(&allocator, ours, sizeof *ours);
}

/* --- one compile -------------------------------------------------------------------------------------------------- */

typedef struct job {
    in_process *compiler;
    const oji_llvm_api *api;
    const oji_input *input;
    oji_llvm_context *context;
    oji_llvm_module *module;
    oji_llvm_handler client_handler; /* of a live module's context */
    void *client_context;
    oji_llvm_listener listener;
    oj_compile_stats stats;
    /* What belongs to whoever started the job: it is there, and is given back, also where the thread is given up. */
    uint8_t *copy; /* of the input; NULL = none */
    buffer_bytes *bytes;
    oji_compile_names *names;
    oj_error *error;
    oj_status status;
} job;

/* Nothing in here can fail: LLVM ends the process where a context cannot be had. The listener's text buffer is left
 * unwritten but for its first byte. */
static void begin(job *j, in_process *compiler, const oji_input *input)
{
    memset(j, 0, offsetof(job, listener));
    j->compiler = compiler;
    j->api = &compiler->library->api;
    j->input = input;
    j->listener.api = j->api;
    j->listener.diagnostic = compiler->diagnostic;
    j->listener.diagnostic_context = compiler->diagnostic_context;
    j->listener.held = NULL;
    j->listener.n_errors = 0;
    j->listener.text[0] = '\0';
    memset(&j->stats, 0, sizeof *j - offsetof(job, stats));
    if (input->module) {
        j->module = input->module;
        j->context = j->api->GetModuleContext(input->module);
        j->client_handler = j->api->ContextGetDiagnosticHandler(j->context);
        j->client_context = j->api->ContextGetDiagnosticContext(j->context);
    } else {
        j->context = j->api->ContextCreate();
    }
    j->api->ContextSetDiagnosticHandler(j->context, oji_llvm_listen, &j->listener);
}

static void release_copy(job *j)
{
    oji_release(&j->compiler->base.allocator, j->copy, (uint64_t)j->input->size + 1);
    j->copy = NULL;
}

/* The module goes before its context; a live one stays, and its context gets its own handler back. */
static void end(job *j)
{
    release_copy(j);
    if (j->input->module) {
        j->api->ContextSetDiagnosticHandler(j->context, j->client_handler, j->client_context);
        return;
    }
    if (j->module)
        j->api->DisposeModule(j->module);
    j->api->ContextDispose(j->context);
}

/* The message begins with the IR's name, which is also the error's object. */
static oj_status fail_job(const job *j, oj_status status, const char *text, oj_error *error)
{
    oji_place place = {.object = j->input->name, .offset = UINT64_MAX};
    return oji_fail_at(error, status, &place, "%s: %s", j->input->name, text);
}

/* LLVM reports success after some errors, invalid inline assembly among them. */
static oj_status check_errors(const job *j, oj_status status, oj_error *error)
{
    if (j->listener.n_errors == 0)
        return OJ_OK;
    return fail_job(j, status, j->listener.text[0] ? j->listener.text : "LLVM reported an error without a text", error);
}

/* LLVM 14 ends the process where a bit stream is malformed, and its text parser prints. */
#define FIRST_SAFE_READER 150000u

static oj_status fail_damage(const job *j, const char *damage, oj_error *error)
{
    char text[128];
    snprintf(text, sizeof text, "the bitcode is malformed: %s", damage);
    return fail_job(j, OJ_E_IR, text, error);
}

/* The buffer refers to the input's bytes without a copy, and asks for no zero after them. Modules are parsed at
 * once, not lazily, so that it can go. */
static oj_status parse_bitcode(job *j, oj_error *error)
{
    oji_llvm_buffer *buffer;
    int failed;
    if (j->compiler->library->version < FIRST_SAFE_READER) {
        const char *damage = oji_llvm_find_damage(j->input->data, j->input->size, &j->compiler->base.allocator);
        if (damage)
            return fail_damage(j, damage, error);
    }
    buffer = j->api->CreateMemoryBufferWithMemoryRange((const char *)j->input->data, j->input->size, j->input->name, 0);
    failed = j->api->ParseBitcodeInContext2(j->context, buffer, &j->module);
    j->api->DisposeMemoryBuffer(buffer);
    if (failed)
        j->module = NULL;
    OJI_TRY(check_errors(j, OJ_E_IR, error));
    return failed ? fail_job(j, OJ_E_IR, "LLVM cannot read the bitcode", error) : OJ_OK;
}

typedef struct text_parse {
    job *j;
    char *message;
    int failed;
} text_parse;

/* The parser takes the buffer, on failure too. */
static void run_text_parser(void *argument)
{
    text_parse *p = argument;
    job *j = p->j;
    oji_llvm_buffer *buffer =
        j->api->CreateMemoryBufferWithMemoryRange((const char *)j->input->data, j->input->size, j->input->name, 1);
    p->failed = j->api->ParseIRInContext(j->context, buffer, &j->module, &p->message);
}

/* LLVM 14 prints a warning at the first opaque pointer. Where capturing is refused it may print: that is better than
 * not compiling. What it reports meanwhile is told when the capturing thread has ended. */
static int parse_captured(text_parse *p)
{
    oji_llvm_held held;
    char said[64];
    int reason;
    held.n = 0;
    p->j->listener.held = &held;
    reason = oji_llvm_run_captured(run_text_parser, p, said, sizeof said);
    oji_llvm_tell_held(&p->j->listener);
    if (reason == OJI_LLVM_CAPTURE_REFUSED) {
        run_text_parser(p);
        reason = 0;
    }
    return reason;
}

static oj_status parse_text(job *j, oj_error *error)
{
    text_parse p = {j, NULL, 0};
    int reason = 0;
    if (j->compiler->library->version < FIRST_SAFE_READER)
        reason = parse_captured(&p);
    else
        run_text_parser(&p);
    if (p.failed)
        j->module = NULL;
    if (p.failed && reason == 0)
        oji_llvm_fail_parse(error, j->input->name, p.message);
    j->api->DisposeMessage(p.message);
    if (reason != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, reason, "%s: cannot read textual IR unheard", j->input->name);
    return p.failed ? OJ_E_IR : check_errors(j, OJ_E_IR, error);
}

static oj_status parse(job *j, oj_error *error)
{
    return j->input->is_bitcode ? parse_bitcode(j, error) : parse_text(j, error);
}

/* Vendor and system may differ, the architecture and the size of pointers may not: IR has them built in. Needs a
 * parsed module; gives it the compiler's triple and layout, without which the back end would compile for another
 * target than the machine's. */
static oj_status adopt_target(job *j, oj_error *error)
{
    in_process *c = j->compiler;
    const char *triple = j->api->GetTarget(j->module);
    const char *layout = j->api->GetDataLayoutStr(j->module);
    char text[512];
    if (triple[0] && strcmp(triple, c->base.triple) != 0 && !oji_llvm_is_target(c->library, triple, c->target.target)) {
        snprintf(text, sizeof text, "the IR is for \"%.128s\", this compiler for \"%.128s\"", triple, c->base.triple);
        return fail_job(j, OJ_E_TARGET, text, error);
    }
    if (layout[0] && j->api->PointerSize(j->api->GetModuleDataLayout(j->module)) != c->pointer_size) {
        snprintf(text, sizeof text, "the IR's data layout has pointers of %u bytes, \"%.128s\" of %u",
                 j->api->PointerSize(j->api->GetModuleDataLayout(j->module)), c->base.triple, c->pointer_size);
        return fail_job(j, OJ_E_TARGET, text, error);
    }
    if (strcmp(triple, c->base.triple) != 0)
        j->api->SetTarget(j->module, c->base.triple);
    j->api->SetModuleDataLayout(j->module, c->layout);
    return oji_llvm_check_attributes(&c->target, j->module, j->input->name, &j->listener, error);
}

/* The message is allocated also where nothing is wrong. RETURN_STATUS, as LLVM's other choices print or end the
 * process. */
static oj_status verify(job *j, oj_error *error)
{
    char *message = NULL;
    int broken;
    if (!j->compiler->verifies)
        return OJ_OK;
    broken = j->api->VerifyModule(j->module, OJI_LLVM_RETURN_STATUS, &message);
    if (broken) {
        char text[OJI_LLVM_TEXT_SIZE];
        oji_llvm_flatten(text, sizeof text, message);
        fail_job(j, OJ_E_IR, text, error);
    }
    j->api->DisposeMessage(message);
    return broken ? OJ_E_IR : OJ_OK;
}

/* The trial has a context of its own, so that nothing of it is seen by the real one. */
static oj_status try_without_debug_info(job *j, uint8_t *copy, oj_error *error)
{
    oji_input input = *j->input;
    job trial;
    oj_status status;
    memcpy(copy, input.data, input.size);
    copy[input.size] = 0;
    oji_llvm_hide_debug_flag(copy, input.size, input.is_bitcode);
    input.data = copy;
    begin(&trial, j->compiler, &input);
    /* The client hears the warnings of the second reading. */
    trial.listener.diagnostic = NULL;
    status = parse(&trial, error);
    if (status == OJ_OK)
        status = verify(&trial, error);
    end(&trial);
    return status;
}

/* Where a module says that it has debug information, LLVM's readers verify it themselves, and for a broken one they
 * print and end the process. So it is first read and verified with that flag hidden, which makes them drop debug
 * information, and read again. A live module is as its maker left it: reading is past, and only verify() looks at
 * it. */
static oj_status load(job *j, oj_error *error)
{
    const oji_input *input = j->input;
    const oj_allocator *allocator = &j->compiler->base.allocator;
    if (input->module)
        return OJ_OK;
    if (j->compiler->verifies && oji_llvm_has_debug_flag(input->data, input->size, input->is_bitcode)) {
        j->copy = oji_allocate(allocator, (uint64_t)input->size + 1);
        if (!j->copy)
            return oji_fail_nomem(error, (uint64_t)input->size + 1, "a copy of the IR");
        OJI_TRY(try_without_debug_info(j, j->copy, error));
        release_copy(j);
    }
    return parse(j, error);
}

/* LLVM's parser of pipelines, and the passes it makes, descend once for each bracket and end with the stack. */
#define MAX_PASS_DEPTH 100u

static bool is_too_deep(const char *passes)
{
    unsigned depth = 0;
    for (; *passes && depth <= MAX_PASS_DEPTH; passes++)
        if (*passes == '(')
            depth++;
        else if (*passes == ')' && depth > 0)
            depth--;
    return depth > MAX_PASS_DEPTH;
}

/* LLVM parses the pipeline's text first: one that it does not know comes back as an error, the module unchanged. */
static oj_status run_passes(job *j, oj_error *error)
{
    const in_process *c = j->compiler;
    oji_llvm_error *failure;
    char text[OJI_LLVM_TEXT_SIZE];
    char *message;
    if (!c->passes)
        return OJ_OK;
    if (is_too_deep(c->passes))
        return oji_fail(error, OJ_E_PASSES, "pass pipeline \"%.64s...\": nested more than %u deep", c->passes,
                        MAX_PASS_DEPTH);
    failure = j->api->RunPasses(j->module, c->passes, c->machine, c->pass_options);
    if (!failure)
        return check_errors(j, OJ_E_COMPILE, error);
    /* Taking the message ends the error. */
    message = j->api->GetErrorMessage(failure);
    oji_llvm_flatten(text, sizeof text, message);
    j->api->DisposeErrorMessage(message);
    return oji_fail(error, OJ_E_PASSES, "pass pipeline \"%s\": %s", c->passes, text);
}

/* LLVM gives a buffer on failure too. Needs verified IR: instruction selection ends the process for much of what the
 * verifier refuses. Errors that were listened to say more than the returned message, so they are told first. */
static oj_status emit(job *j, buffer_bytes *bytes, oj_error *error)
{
    char *message = NULL;
    oj_status status = OJ_OK;
    if (j->api->TargetMachineEmitToMemoryBuffer(j->compiler->machine, j->module, OJI_LLVM_OBJECT_FILE, &message,
                                                &bytes->buffer)) {
        char text[OJI_LLVM_TEXT_SIZE];
        oji_llvm_flatten(text, sizeof text, message);
        status = fail_job(j, OJ_E_COMPILE, text[0] ? text : "LLVM cannot emit an object", error);
        j->api->DisposeMessage(message);
    }
    OJI_TRY(check_errors(j, OJ_E_COMPILE, error));
    OJI_TRY(status);
    if (!bytes->buffer)
        return fail_job(j, OJ_E_NOMEM, "LLVM had no memory for the object", error);
    bytes->base.data = j->api->GetBufferStart(bytes->buffer);
    bytes->base.size = j->api->GetBufferSize(bytes->buffer);
    return OJ_OK;
}

/* One clock reading ends a phase and begins the next. Statistics are written when everything has succeeded. */
static oj_status run(job *j, buffer_bytes *bytes, oj_error *error)
{
    uint64_t start = oji_now(), parsed, optimised;
    oji_compile_enter(&j->compiler->base, OJI_PHASE_PARSE);
    OJI_TRY(load(j, error));
    parsed = oji_now();
    oji_compile_enter(&j->compiler->base, OJI_PHASE_VERIFY);
    OJI_TRY(adopt_target(j, error));
    OJI_TRY(verify(j, error));
    oji_compile_enter(&j->compiler->base, OJI_PHASE_PASSES);
    OJI_TRY(run_passes(j, error));
    oji_compile_enter(&j->compiler->base, OJI_PHASE_CODEGEN);
    optimised = oji_now();
    OJI_TRY(emit(j, bytes, error));
    j->stats.parse_ns = parsed - start;
    j->stats.passes_ns = optimised - parsed;
    j->stats.codegen_ns = oji_now() - optimised;
    j->stats.object_size = bytes->base.size;
    return OJ_OK;
}

static void run_compile(void *argument)
{
    job *j = argument;
    j->status = run(j, j->bytes, j->error);
}

/* Context, module and target machine may be in any state: nothing of LLVM's is touched again, but for the handler of a
 * live module's context, which must not lead here any more. */
static oj_status abandon(job *j, const char *reason, oj_error *error)
{
    char text[OJI_LLVM_TEXT_SIZE + 32];
    snprintf(text, sizeof text, "LLVM gave up: %s", reason);
    release_copy(j);
    if (j->input->module)
        j->api->ContextSetDiagnosticHandler(j->context, j->client_handler, j->client_context);
    j->compiler->machine = NULL;
    j->compiler->base.stats.n_abandoned++;
    j->compiler->base.has_lost_input = true;
    return fail_job(j, OJ_E_COMPILE, text, error);
}

/* Ends the job in every case. */
static oj_status run_contained(job *j, void (*work)(void *), oj_error *error)
{
    oji_llvm_containment containment = {.function = work, .argument = j};
    int failed = oji_llvm_run_contained(&containment);
    if (!failed && containment.is_fatal)
        return abandon(j, containment.text, error);
    end(j);
    return failed ? oji_fail_system(error, OJ_E_SYSTEM, failed, "no thread to compile %s on", j->input->name)
                  : j->status;
}

/* Ends the job in every case. */
static oj_status run_job(job *j, void (*work)(void *), oj_error *error)
{
    j->error = error;
    if (j->compiler->is_contained)
        return run_contained(j, work, error);
    work(j);
    end(j);
    return j->status;
}

/* The handle is allocated first, so that nothing can fail once LLVM has given the object. */
static oj_status compile(oj_compiler *compiler, const oji_input *input, oj_bytes **out, oj_error *error)
{
    in_process *c = (in_process *)(void *)compiler;
    buffer_bytes *bytes;
    job j;
    oj_status status;
    /* The last one may have been lost with an abandoned compile; this LLVM is known to know CPU and features. */
    if (!c->machine)
        OJI_TRY(oji_llvm_create_machine(&c->target, true, &c->machine, error));
    bytes = oji_allocate_zeroed(&compiler->allocator, sizeof *bytes);
    if (!bytes)
        return oji_fail_nomem(error, sizeof *bytes, "an object's handle");
    bytes->base.destroy = destroy_bytes;
    bytes->allocator = compiler->allocator;
    bytes->api = &c->library->api;
    begin(&j, c, input);
    j.bytes = bytes;
    status = run_job(&j, run_compile, error);
    if (status != OJ_OK) {
        destroy_bytes(&bytes->base);
        return status;
    }
    j.stats.n_abandoned = compiler->stats.n_abandoned;
    compiler->stats = j.stats;
    *out = &bytes->base;
    return OJ_OK;
}

static void run_list(void *argument)
{
    job *j = argument;
    j->status = load(j, j->error);
    if (j->status == OJ_OK && !oji_llvm_list_names(j->api, j->module, j->names))
        j->status = oji_fail(j->error, OJ_E_NOMEM, "out of memory: the names that %s defines", j->input->name);
}

/* Needs nothing of the target: a live module is only looked at. */
static oj_status list(oj_compiler *compiler, const oji_input *input, oji_compile_names *names, oj_error *error)
{
    job j;
    begin(&j, (in_process *)(void *)compiler, input);
    j.names = names;
    return run_job(&j, run_list, error);
}

/* --- a compiler's life -------------------------------------------------------------------------------------------- */

/* Takes a compiler at any stage of its making. Parts that were not made are NULL, the block having been zeroed. The
 * machine goes before the handle on LLVM, whose functions dispose of it. */
static void destroy(oj_compiler *compiler)
{
    in_process *c = (in_process *)(void *)compiler;
    oj_allocator allocator = compiler->allocator;
    const oji_llvm_api *api = &c->library->api;
    if (c->pass_options)
        api->DisposePassBuilderOptions(c->pass_options);
    if (c->layout)
        api->DisposeTargetData(c->layout);
    if (c->machine)
        api->DisposeTargetMachine(c->machine);
    if (c->is_contained)
        oji_llvm_contain_end(c->library);
    if (c->holds_llvm)
        oj_llvm_destroy(c->llvm);
    oji_release(&allocator, c, c->heap_size);
}

/* A module refers to its context from its beginning to its end. */
static bool shares_context(const oj_compiler *compiler, oji_llvm_module *module, const oj_compiler *other,
                           oji_llvm_module *others)
{
    const in_process *a = (const in_process *)(const void *)compiler, *b = (const in_process *)(const void *)other;
    return other->ops == compiler->ops && a->library == b->library &&
           a->library->api.GetModuleContext(module) == a->library->api.GetModuleContext(others);
}

static const oji_compiler_ops in_process_ops = {compile, destroy, list, NULL, shares_context};

/* The strings a compiler is made of, the host's filled in where the client named none. */
typedef struct choices {
    const char *triple;
    const char *cpu;
    const char *features;
    const char *passes;
    bool known; /* CPU and features are the host's, as this LLVM itself named them */
} choices;

/* The defaults of compiler.h: the host's CPU only for the host's triple, its features only for its own CPU.
 * Everything chosen is borrowed, from options or the library's record, until allocate_compiler() copies it. */
static oj_status choose(choices *chosen, oji_llvm_library *library, const oj_compiler_options *options, oj_error *error)
{
    const oji_llvm_host *host = NULL;
    chosen->triple = options->triple;
    chosen->cpu = options->cpu ? options->cpu : "";
    chosen->features = options->features ? options->features : "";
    chosen->passes = options->passes ? options->passes : "";
    if (!options->triple) {
        host = oji_llvm_get_host(library);
        if (!host)
            return oji_fail(error, OJ_E_TARGET, "LLVM's names for this machine are too long: name a triple");
        chosen->triple = host->triple;
        if (!options->cpu)
            chosen->cpu = host->cpu;
        if (!options->cpu && !options->features)
            chosen->features = host->features;
    }
    chosen->known = (host && !options->cpu && !options->features) || (!chosen->cpu[0] && !chosen->features[0]);
    return OJ_OK;
}

/* allocate_compiler() has counted it. */
static const char *keep_string(char **next, const char *text)
{
    size_t size = strlen(text) + 1;
    char *kept = memcpy(*next, text, size);
    *next += size;
    return kept;
}

/* One block: the struct, then its strings, so that the client's own may go. */
static oj_status allocate_compiler(in_process **out, const choices *chosen, const oj_allocator *allocator,
                                   oj_error *error)
{
    uint64_t size = sizeof(in_process) + strlen(chosen->triple) + strlen(chosen->cpu) + strlen(chosen->features) +
                    strlen(chosen->passes) + 4;
    in_process *c = oji_allocate_zeroed(allocator, size);
    char *next;
    if (!c)
        return oji_fail_nomem(error, size, "a compiler");
    next = c->strings;
    c->base.ops = &in_process_ops;
    c->base.allocator = *allocator;
    c->heap_size = size;
    c->base.triple = keep_string(&next, chosen->triple);
    c->base.cpu = keep_string(&next, chosen->cpu);
    c->target.triple = c->base.triple;
    c->target.cpu = c->base.cpu;
    c->target.features = keep_string(&next, chosen->features);
    c->passes = chosen->passes[0] ? keep_string(&next, chosen->passes) : NULL;
    *out = c;
    return OJ_OK;
}

/* LLVM's own default would depend on the target: the small model is named. */
static unsigned code_model_of(uint32_t model)
{
    return model == OJ_CODE_MODEL_LARGE    ? OJI_LLVM_MODEL_LARGE
           : model == OJ_CODE_MODEL_MEDIUM ? OJI_LLVM_MODEL_MEDIUM
                                           : OJI_LLVM_MODEL_SMALL;
}

/* Fills target, machine, layout; on failure destroy() disposes of what there is. The machine is kept for the
 * compiler's life so that a compile makes none. */
static oj_status create_machine(in_process *c, const oj_compiler_options *options, bool known, oj_error *error)
{
    const oji_llvm_api *api = &c->library->api;
    oji_llvm_target_options *target = &c->target;
    OJI_TRY(oji_llvm_find_target(c->library, c->base.triple, &target->target, error));
    target->library = c->library;
    target->level = options->level == OJ_LEVEL_DEFAULT ? 2 : options->level - OJ_LEVEL_0;
    target->reloc = options->relocation_model == OJ_RELOCATION_STATIC ? OJI_LLVM_RELOC_STATIC : OJI_LLVM_RELOC_PIC;
    target->model = code_model_of(options->code_model);
    OJI_TRY(oji_llvm_create_machine(target, known, &c->machine, error));
    c->layout = api->CreateTargetDataLayout(c->machine);
    c->pointer_size = api->PointerSize(c->layout);
    if (c->passes)
        c->pass_options = api->CreatePassBuilderOptions();
    return OJ_OK;
}

/* On failure `llvm` stays the caller's, whoever made it. */
static oj_status create_with(oj_compiler **out, oj_llvm *llvm, const oj_compiler_options *options,
                             const oj_allocator *allocator, oj_error *error)
{
    in_process *c = NULL;
    choices chosen = {NULL, NULL, NULL, NULL, false};
    oj_status status;
    OJI_TRY(choose(&chosen, llvm->library, options, error));
    OJI_TRY(allocate_compiler(&c, &chosen, allocator, error));
    c->base.llvm = c->llvm = llvm;
    c->library = llvm->library;
    c->verifies = !(options->flags & OJ_COMPILER_NO_VERIFY);
    c->diagnostic = options->diagnostic;
    c->diagnostic_context = options->diagnostic_context;
    status = create_machine(c, options, chosen.known, error);
    if (status != OJ_OK) {
        destroy(&c->base);
        return status;
    }
    c->is_contained = options->isolation == OJ_ISOLATION_THREAD;
    if (c->is_contained)
        oji_llvm_contain(c->library);
    /* Last, so that destroy() above leaves it to the caller. One that was made for the compiler alone is its own. */
    if (options->llvm)
        oji_llvm_hold(llvm);
    c->holds_llvm = true;
    *out = &c->base;
    return OJ_OK;
}

oj_status oji_compile_create_in_process(oj_compiler **out, const oj_compiler_options *options, oj_error *error)
{
    oj_allocator allocator;
    oj_llvm *llvm = options->llvm;
    oj_status status;
    OJI_TRY(oji_allocator_import(&allocator, options->allocator, error));
    if (!llvm) {
        oj_llvm_options llvm_options;
        oj_llvm_options_init(&llvm_options);
        llvm_options.allocator = &allocator;
        OJI_TRY(oj_llvm_create(&llvm, &llvm_options, error));
    }
    status = create_with(out, llvm, options, &allocator, error);
    if (status != OJ_OK && !options->llvm)
        oj_llvm_destroy(llvm);
    return status;
}
