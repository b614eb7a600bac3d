/* LLVM's own engines, through LLVM's C API: what OwnJIT is measured against. The only file here that knows LLVM. */
#include "bench.h"

#include <dlfcn.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/OrcEE.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm/Config/llvm-config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t bench_llvm_major(void) { return LLVM_VERSION_MAJOR; }

void bench_llvm_version(char *buffer, size_t size)
{
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(buffer, size, "%u.%u.%u", major, minor, patch);
}

void bench_llvm_start(void)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMLinkInMCJIT();
}

static bool succeeded(LLVMErrorRef error)
{
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    bench_fail("LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

/* --- LLJIT -------------------------------------------------------------------------------------------------------- */

struct bench_lljit {
    LLVMOrcLLJITRef jit;
};

/* RuntimeDyld is asked for by name. JITLink is too where the C API can; LLVM 19 and 20 cannot, and there it is what
 * LLJIT takes by itself on x86-64 ELF (docs/benchmarks.md says how that was verified). */
static LLVMOrcObjectLayerRef create_runtimedyld(void *context, LLVMOrcExecutionSessionRef session, const char *triple)
{
    (void)context;
    (void)triple;
    return LLVMOrcCreateRTDyldObjectLinkingLayerWithSectionMemoryManager(session);
}

#if LLVM_VERSION_MAJOR >= 21
static LLVMOrcObjectLayerRef create_jitlink(void *context, LLVMOrcExecutionSessionRef session, const char *triple)
{
    LLVMOrcObjectLayerRef layer = NULL;
    (void)context;
    (void)triple;
    return succeeded(LLVMOrcCreateObjectLinkingLayerWithInProcessMemoryManager(&layer, session)) ? layer : NULL;
}
#endif

static void choose_linker(LLVMOrcLLJITBuilderRef builder, bench_engine engine)
{
    if (engine == BENCH_RUNTIMEDYLD)
        LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, create_runtimedyld, NULL);
#if LLVM_VERSION_MAJOR >= 21
    else
        LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, create_jitlink, NULL);
#endif
}

bench_lljit *bench_lljit_create(bench_engine engine, unsigned level)
{
    LLVMOrcDefinitionGeneratorRef process;
    bench_lljit *jit = calloc(1, sizeof *jit);
    LLVMTargetMachineRef machine = bench_machine_create(level);
    if (!jit || !machine)
        abort();
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder,
                                                  LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
    choose_linker(builder, engine);
    if (!succeeded(LLVMOrcCreateLLJIT(&jit->jit, builder)) ||
        !succeeded(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(jit->jit),
                                                                        NULL, NULL)))
        abort();
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit->jit), process);
    return jit;
}

void bench_lljit_destroy(bench_lljit *jit)
{
    if (jit)
        succeeded(LLVMOrcDisposeLLJIT(jit->jit));
    free(jit);
}

bench_prepared bench_lljit_prepare(bench_lljit *jit, bench_bytes bytes)
{
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit->jit);
    return (bench_prepared){
        .buffer = LLVMCreateMemoryBufferWithMemoryRange((const char *)bytes.data, bytes.size, "object", 0),
        .tracker = LLVMOrcJITDylibCreateResourceTracker(library),
    };
}

static void *lookup(bench_lljit *jit, const char *name)
{
    LLVMOrcExecutorAddress address = 0;
    return succeeded(LLVMOrcLLJITLookup(jit->jit, &address, name)) ? (void *)(uintptr_t)address : NULL;
}

void *bench_lljit_link(bench_lljit *jit, bench_prepared *prepared, const char *entry)
{
    LLVMMemoryBufferRef buffer = prepared->buffer;
    prepared->buffer = NULL;
    if (!succeeded(LLVMOrcLLJITAddObjectFileWithRT(jit->jit, prepared->tracker, buffer)))
        return NULL;
    return lookup(jit, entry);
}

void bench_lljit_remove(bench_prepared *prepared)
{
    succeeded(LLVMOrcResourceTrackerRemove(prepared->tracker));
    LLVMOrcReleaseResourceTracker(prepared->tracker);
    prepared->tracker = NULL;
}

void *bench_lljit_lookup(void *jit, const char *name) { return lookup(jit, name); }

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static LLVMModuleRef parse(LLVMContextRef context, bench_bytes bitcode)
{
    LLVMModuleRef module = NULL;
    LLVMMemoryBufferRef buffer =
        LLVMCreateMemoryBufferWithMemoryRange((const char *)bitcode.data, bitcode.size, "bitcode", 0);
    if (LLVMParseBitcodeInContext2(context, buffer, &module) != 0)
        module = NULL;
    LLVMDisposeMemoryBuffer(buffer);
    return module;
}

/* A context that a ThreadSafeContext owns: made on either side of LLVM 21's change of who makes it. */
static LLVMContextRef create_context(LLVMOrcThreadSafeContextRef *safe)
{
#if LLVM_VERSION_MAJOR >= 21
    LLVMContextRef context = LLVMContextCreate();
    *safe = LLVMOrcCreateNewThreadSafeContextFromLLVMContext(context);
    return context;
#else
    *safe = LLVMOrcCreateNewThreadSafeContext();
    return LLVMOrcThreadSafeContextGetContext(*safe);
#endif
}

void *bench_lljit_compile(bench_lljit *jit, bench_prepared *prepared, bench_bytes bitcode, const char *entry)
{
    LLVMOrcThreadSafeContextRef safe;
    LLVMModuleRef module = parse(create_context(&safe), bitcode);
    if (!module)
        return NULL;
    LLVMOrcThreadSafeModuleRef safe_module = LLVMOrcCreateNewThreadSafeModule(module, safe);
    LLVMOrcDisposeThreadSafeContext(safe);
    prepared->buffer = NULL;
    prepared->tracker = LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(jit->jit));
    if (!succeeded(LLVMOrcLLJITAddLLVMIRModuleWithRT(jit->jit, prepared->tracker, safe_module)))
        return NULL;
    return lookup(jit, entry);
}

/* --- engines of llvm-c/ExecutionEngine.h: LLVM's own, and the drop-in's ------------------------------------------- */

typedef struct engine_calls {
    __typeof__(LLVMInitializeMCJITCompilerOptions) *initialize;
    __typeof__(LLVMCreateMCJITCompilerForModule) *create;
    __typeof__(LLVMGetFunctionAddress) *address;
    __typeof__(LLVMDisposeExecutionEngine) *dispose;
    /* Of the drop-in alone; as in ownjit/mcjit.h. */
    size_t (*count)(LLVMExecutionEngineRef engine);
    int (*take)(LLVMExecutionEngineRef engine, struct oj_code **codes, size_t n, void *error);
} engine_calls;

static const engine_calls stock = {LLVMInitializeMCJITCompilerOptions,
                                   LLVMCreateMCJITCompilerForModule,
                                   LLVMGetFunctionAddress,
                                   LLVMDisposeExecutionEngine,
                                   NULL,
                                   NULL};
static engine_calls drop_in;

/* Bound deeply: the library's own functions are to be found before this program's LLVM and its copy of OwnJIT, as they
 * are where it is preloaded. memcpy, because ISO C has no cast from void * to a function pointer. */
bool bench_drop_in_load(void)
{
    static const char *const names[] = {"LLVMInitializeMCJITCompilerOptions",
                                        "LLVMCreateMCJITCompilerForModule",
                                        "LLVMGetFunctionAddress",
                                        "LLVMDisposeExecutionEngine",
                                        "oj_mcjit_code_count",
                                        "oj_mcjit_take_code"};
    void *library = dlopen(BENCH_DROP_IN, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND), *found[6];
    if (!library)
        return bench_fail("dlopen: %s", dlerror());
    for (size_t i = 0; i < 6; i++)
        if (!(found[i] = dlsym(library, names[i])))
            return bench_fail("dlsym: %s", dlerror());
    memcpy(&drop_in, found, sizeof found);
    return true;
}

static const engine_calls *calls_of(const bench_mcjit *jit) { return jit->is_drop_in ? &drop_in : &stock; }

bool bench_mcjit_parse(bench_mcjit *jit, bench_bytes bitcode, bool is_drop_in)
{
    jit->is_drop_in = is_drop_in;
    jit->engine = NULL;
    jit->context = LLVMContextCreate();
    jit->module = parse(jit->context, bitcode);
    return jit->module != NULL;
}

void *bench_mcjit_open(bench_mcjit *jit, unsigned level, const char *entry)
{
    const engine_calls *calls = calls_of(jit);
    LLVMExecutionEngineRef engine = NULL;
    struct LLVMMCJITCompilerOptions options;
    char *text = NULL;
    calls->initialize(&options, sizeof options);
    options.OptLevel = level;
    options.EnableFastISel = level == 0;
    if (calls->create(&engine, jit->module, &options, sizeof options, &text) != 0) {
        bench_fail("MCJIT: %s", text);
        LLVMDisposeMessage(text);
        return NULL;
    }
    jit->engine = engine;
    return (void *)(uintptr_t)calls->address(engine, entry);
}

void *bench_mcjit_compile(bench_mcjit *jit, bench_bytes bitcode, unsigned level, const char *entry)
{
    return bench_mcjit_parse(jit, bitcode, false) ? bench_mcjit_open(jit, level, entry) : NULL;
}

void *bench_mcjit_lookup(void *jit, const char *name)
{
    return (void *)(uintptr_t)calls_of(jit)->address(((bench_mcjit *)jit)->engine, name);
}

bool bench_mcjit_take(bench_mcjit *jit, struct oj_code **code)
{
    return drop_in.count(jit->engine) == 1 && drop_in.take(jit->engine, code, 1, NULL) == 0;
}

void bench_mcjit_destroy(bench_mcjit *jit)
{
    if (jit->engine)
        calls_of(jit)->dispose(jit->engine);
    LLVMContextDispose(jit->context);
}

/* This host's CPU and features, asked for once, as OwnJIT does. */
void *bench_machine_create(unsigned level)
{
    static char *triple, *cpu, *features;
    LLVMTargetRef target;
    char *text = NULL;
    if (!triple) {
        triple = LLVMGetDefaultTargetTriple();
        cpu = LLVMGetHostCPUName();
        features = LLVMGetHostCPUFeatures();
    }
    if (LLVMGetTargetFromTriple(triple, &target, &text) != 0) {
        bench_fail("LLVM: %s", text);
        LLVMDisposeMessage(text);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, triple, cpu, features, (LLVMCodeGenOptLevel)level, LLVMRelocPIC,
                                   LLVMCodeModelSmall);
}

void bench_machine_destroy(void *machine) { LLVMDisposeTargetMachine(machine); }

bool bench_llvm_emit(void *machine, bench_bytes bitcode, bool verify)
{
    LLVMMemoryBufferRef object = NULL;
    char *text = NULL;
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = parse(context, bitcode);
    bool ok = module != NULL;
    if (ok && verify) {
        ok = LLVMVerifyModule(module, LLVMReturnStatusAction, &text) == 0;
        LLVMDisposeMessage(text);
        text = NULL;
    }
    ok = ok && LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMObjectFile, &text, &object) == 0;
    LLVMDisposeMessage(text);
    if (object)
        LLVMDisposeMemoryBuffer(object);
    if (module)
        LLVMDisposeModule(module);
    LLVMContextDispose(context);
    return ok;
}
