/* The public calls of ownjit/compiler.h: arguments checked here, the work done by the implementation. */
#include "compile/compile.h"

#include <ownjit/link.h>
#include <ownjit/object.h>
#include <pthread.h>
#include <unistd.h>

/* Numbers beyond an enum's last are refused here, so that implementations may index tables by them. */
static oj_status check_choices(const oj_compiler_options *options, oj_error *error)
{
    OJI_TRY(oji_check_flags(options->flags, OJ_COMPILER_NO_VERIFY, "oj_compiler_options.flags", error));
    OJI_TRY(oji_check_flags(options->reserved, 0, "oj_compiler_options.reserved", error));
    if (options->level > OJ_LEVEL_3)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.level is %u, which is no oj_level", options->level);
    if (options->relocation_model > OJ_RELOCATION_STATIC)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.relocation_model is %u, which is none",
                        options->relocation_model);
    if (options->code_model > OJ_CODE_MODEL_LARGE)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.code_model is %u, which is no oj_code_model",
                        options->code_model);
    if (options->isolation > OJ_ISOLATION_THREAD)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.isolation is %u, which is no oj_isolation",
                        options->isolation);
    if (options->isolation != OJ_ISOLATION_WORKER && (options->workers || options->deadline_ms || options->memory_size))
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.%s needs OJ_ISOLATION_WORKER",
                        options->workers       ? "workers"
                        : options->deadline_ms ? "deadline_ms"
                                               : "memory_size");
    if (options->isolation == OJ_ISOLATION_WORKER && options->llvm)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_options.llvm is of this process: a worker's is its pool's");
    return OJ_OK;
}

/* Which implementation it becomes is decided here, and nowhere else. */
oj_status oj_compiler_create(oj_compiler **out, const oj_compiler_options *options, oj_error *error)
{
    oj_compiler_options ours;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_compiler_create: out is NULL");
    *out = NULL;
    OJI_TRY(oji_import(&ours, sizeof ours, offsetof(oj_compiler_options, isolation), options, "oj_compiler_options",
                       error));
    OJI_TRY(check_choices(&ours, error));
    status = ours.isolation == OJ_ISOLATION_WORKER ? oji_compile_create_isolated(out, &ours, error)
                                                   : oji_compile_create_in_process(out, &ours, error);
    return status == OJ_OK ? oji_succeed(error) : status;
}

/* The table is the compiler's own: whoever made it knows how it ends. */
void oj_compiler_destroy(oj_compiler *compiler)
{
    if (compiler)
        compiler->ops->destroy(compiler);
}

oj_status oj_compiler_cancel(oj_compiler *compiler)
{
    if (!compiler)
        return OJ_E_MISUSE;
    if (!compiler->ops->cancel)
        return OJ_E_UNSUPPORTED;
    compiler->ops->cancel(compiler);
    return OJ_OK;
}

const oj_llvm *oj_compiler_llvm(const oj_compiler *compiler) { return compiler ? compiler->llvm : NULL; }

const char *oj_compiler_triple(const oj_compiler *compiler) { return compiler ? compiler->triple : NULL; }

const char *oj_compiler_cpu(const oj_compiler *compiler) { return compiler ? compiler->cpu : NULL; }

/* Of the last compile that succeeded; a failed one leaves them. */
oj_status oj_compiler_get_stats(const oj_compiler *compiler, oj_compile_stats *stats, size_t out_size)
{
    if (!stats)
        return OJ_E_MISUSE;
    memset(stats, 0, out_size);
    if (!compiler)
        return OJ_E_MISUSE;
    oji_export(stats, out_size, &compiler->stats, sizeof compiler->stats);
    return OJ_OK;
}

const void *oj_bytes_data(const oj_bytes *bytes) { return bytes ? bytes->data : NULL; }

size_t oj_bytes_size(const oj_bytes *bytes) { return bytes ? bytes->size : 0; }

/* The function came with the bytes, because they outlive the compiler that made them. */
void oj_bytes_destroy(oj_bytes *bytes)
{
    if (bytes)
        bytes->destroy(bytes);
}

oj_status oji_compile_begin(oj_compiler *compiler, oj_error *error)
{
    int32_t here = (int32_t)getpid();
    if (atomic_exchange(&compiler->busy_in, here) == here)
        return oji_fail(error, OJ_E_MISUSE,
                        "the compiler is compiling already: it takes one module at a time, and none from a callback of "
                        "its own; create another compiler");
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &compiler->cancel_state);
    compiler->has_lost_input = false;
    return OJ_OK;
}

void oji_compile_end(oj_compiler *compiler)
{
    int cancel_state = compiler->cancel_state;
    atomic_store(&compiler->busy_in, 0);
    pthread_setcancelstate(cancel_state, NULL);
}

/* The input is closed in every case; the object does not refer to it. */
static oj_status compile_opened(oj_compiler *compiler, const oj_ir *ir, oj_bytes **out, oj_error *error)
{
    oji_input input;
    oj_status status;
    OJI_TRY(oji_compile_open_input(&input, ir, &compiler->allocator, error));
    status = oji_compile_begin(compiler, error);
    if (status == OJ_OK) {
        status = compiler->ops->compile(compiler, &input, out, error);
        oji_compile_end(compiler);
    }
    oji_compile_close_input(&input, &compiler->allocator);
    return status;
}

/* `ours` is a copy of the struct, not of what it points to: bytes and module are the client's until the call returns. A
 * thread that were cancelled while it reads a file would take the file and what was read with it. */
static oj_status compile_ir(oj_compiler *compiler, const oj_ir *ir, oj_bytes **out, oj_error *error)
{
    oj_ir ours;
    oj_status status;
    int cancel_state;
    if (!compiler || !ir)
        return oji_fail(error, OJ_E_MISUSE, "oj_compile: %s is NULL", compiler ? "ir" : "compiler");
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, ir, "oj_ir", error));
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    status = compile_opened(compiler, &ours, out, error);
    pthread_setcancelstate(cancel_state, NULL);
    return status;
}

/* *out is NULL before any check, so that it is NULL on every failure. */
oj_status oj_compile_object(oj_compiler *compiler, const oj_ir *ir, oj_bytes **out, oj_error *error)
{
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_compile_object: out is NULL");
    *out = NULL;
    OJI_TRY(compile_ir(compiler, ir, out, error));
    return oji_succeed(error);
}

/* The object borrows the compiler's own buffer, and takes the IR's name into the linker's messages. A code refers to
 * neither object nor bytes, so both may end here, whether linking succeeded or not. */
static oj_status link_compiled(const oj_compiler *compiler, const oj_bytes *bytes, const oj_ir *ir,
                               const oj_link_options *link_options, oj_code **out, oj_error *error)
{
    oj_object_options options;
    oj_object *object;
    oj_status status;
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    if (link_options && (link_options->flags & (OJ_LINK_DEBUGGER | OJ_LINK_JITDUMP)))
        options.flags |= OJ_OBJECT_WITH_DEBUG;
    options.name = ir->name ? ir->name : ir->kind == OJ_IR_FILE ? ir->path : "module";
    options.allocator = &compiler->allocator;
    OJI_TRY(oj_object_create(&object, bytes->data, bytes->size, &options, error));
    status = oj_link((const oj_object *const *)&object, 1, link_options, out, error);
    oj_object_destroy(object);
    return status;
}

/* Success is oj_link()'s own: it has filled the record. */
oj_status oj_compile(oj_compiler *compiler, const oj_ir *ir, const oj_link_options *link_options, oj_code **out,
                     oj_error *error)
{
    oj_bytes *bytes = NULL;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_compile: out is NULL");
    *out = NULL;
    OJI_TRY(compile_ir(compiler, ir, &bytes, error));
    status = link_compiled(compiler, bytes, ir, link_options, out, error);
    oj_bytes_destroy(bytes);
    return status;
}

oj_status oj_compile_bitcode(oj_compiler *compiler, const void *bitcode, size_t size,
                             const oj_link_options *link_options, oj_code **out, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(bitcode, size);
    return oj_compile(compiler, &ir, link_options, out, error);
}
