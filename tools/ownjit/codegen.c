/* LLVM, bound when something first needs it, and what it took. */
#include "tool.h"

#include <string.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const char *version_text(uint32_t version, char buffer[32])
{
    snprintf(buffer, 32, "%u.%u.%u", version / 10000, version / 100 % 100, version % 100);
    return buffer;
}

static bool bind_llvm(struct codegen *codegen)
{
    oj_llvm_options options;
    oj_error error;
    char version[32];
    if (codegen->llvm)
        return true;
    uint64_t start = now_ns();
    oj_llvm_options_init(&options);
    /* A version asked for is the installed one: a library loaded with --load might have brought another along. */
    if (codegen->options->llvm_version != 0) {
        options.source = OJ_LLVM_INSTALLED;
        options.version = codegen->options->llvm_version;
    }
    if (oj_llvm_create(&codegen->llvm, &options, &error) != OJ_OK)
        return fail_library(NULL, &error);
    codegen->llvm_ns = now_ns() - start;
    snprintf(codegen->llvm_text, sizeof codegen->llvm_text, "%s (%s)",
             version_text(oj_llvm_version(codegen->llvm), version), oj_llvm_path(codegen->llvm));
    return true;
}

/* LLVM's share of the time is that of starting the process that loads it. One worker: modules come one by one. */
static bool start_worker(struct codegen *codegen)
{
    oj_workers_options options;
    oj_workers_stats stats = {0};
    oj_error error;
    char version[32];
    if (codegen->workers)
        return true;
    uint64_t start = now_ns();
    oj_workers_options_init(&options);
    options.llvm_version = codegen->options->llvm_version;
    options.n_workers = 1;
    options.deadline_ms = codegen->options->deadline_ms;
    options.memory_size = codegen->options->memory_size;
    if (oj_workers_create(&codegen->workers, &options, &error) != OJ_OK ||
        oj_workers_start(codegen->workers, 1, &error) != OJ_OK)
        return fail_library(NULL, &error);
    (void)oj_workers_get_stats(codegen->workers, &stats, sizeof stats);
    codegen->llvm_ns = now_ns() - start;
    snprintf(codegen->llvm_text, sizeof codegen->llvm_text, "%s (in a worker process)",
             version_text(stats.llvm_version, version));
    return true;
}

unsigned codegen_llvm_major(const struct codegen *codegen)
{
    oj_workers_stats stats = {0};
    if (codegen->llvm)
        return oj_llvm_version(codegen->llvm) / 10000;
    (void)oj_workers_get_stats(codegen->workers, &stats, sizeof stats);
    return stats.llvm_version / 10000;
}

/* Errors come with the failed call; remarks and notes are for those who ask LLVM for them. */
static void show_diagnostic(void *context, uint32_t severity, const char *text)
{
    (void)context;
    if (severity == OJ_SEVERITY_WARNING)
        warn_user("%s", text);
}

/* -O sets both; without it code is generated at the library's default level and no passes are run. */
static void fill_options(oj_compiler_options *options, const struct codegen_options *given, char pipeline[24])
{
    static const uint32_t levels[] = {OJ_LEVEL_0, OJ_LEVEL_1, OJ_LEVEL_2, OJ_LEVEL_3};
    oj_compiler_options_init(options);
    options->passes = given->passes;
    if (given->level >= 0) {
        options->level = levels[given->level];
        snprintf(pipeline, 24, "default<O%d>", given->level);
        if (!given->passes)
            options->passes = pipeline;
    }
    options->cpu = given->cpu;
    options->features = given->features;
    options->triple = given->triple;
    options->relocation_model = given->relocation_model;
    options->code_model = given->code_model;
    options->diagnostic = show_diagnostic;
}

/* One compiler serves all modules: its target machine is made once. */
bool codegen_create_compiler(struct codegen *codegen)
{
    oj_compiler_options options;
    oj_error error;
    char pipeline[24];
    if (codegen->compiler)
        return true;
    if (codegen->options->isolates ? !start_worker(codegen) : !bind_llvm(codegen))
        return false;
    fill_options(&options, codegen->options, pipeline);
    options.llvm = codegen->llvm;
    options.workers = codegen->workers;
    options.isolation = codegen->workers ? OJ_ISOLATION_WORKER : OJ_ISOLATION_NONE;
    uint64_t start = now_ns();
    if (oj_compiler_create(&codegen->compiler, &options, &error) != OJ_OK)
        return fail_library(NULL, &error);
    codegen->create_ns = now_ns() - start;
    return true;
}

bool codegen_compile(struct codegen *codegen, const char *name, const void *ir, size_t size, oj_bytes **out)
{
    oj_compile_stats stats;
    oj_error error;
    if (!codegen_create_compiler(codegen))
        return false;
    /* Bytes rather than the file: it has been read, and may have come through a pipe. */
    oj_ir input = oj_ir_bytes(ir, size);
    input.name = name;
    if (oj_compile_object(codegen->compiler, &input, out, &error) != OJ_OK)
        return fail_library(name, &error);
    if (oj_compiler_get_stats(codegen->compiler, &stats, sizeof stats) == OJ_OK) {
        codegen->parse_ns += stats.parse_ns;
        codegen->passes_ns += stats.passes_ns;
        codegen->codegen_ns += stats.codegen_ns;
    }
    return true;
}

/* Objects are the client's own mappings: the worker may go. */
void codegen_end_compiler(struct codegen *codegen)
{
    oj_compiler_destroy(codegen->compiler);
    codegen->compiler = NULL;
    oj_workers_destroy(codegen->workers);
    codegen->workers = NULL;
}

/* The pages come back by themselves where they are needed again; a failure costs memory and nothing else. */
void codegen_trim(struct codegen *codegen)
{
    if (codegen->llvm)
        (void)oj_llvm_trim(codegen->llvm, NULL, NULL);
}

void codegen_unbind(struct codegen *codegen)
{
    codegen_end_compiler(codegen);
    oj_llvm_destroy(codegen->llvm);
    codegen->llvm = NULL;
}
