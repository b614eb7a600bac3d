/* A client that compiles in worker processes and has nothing of LLVM's about it: compiles the bitcode of its argument,
 * links it, and prints what it held, in bytes: peak while compiling, after it, after linking; then the sizes of
 * bitcode, object and code. */
#include "status.h"

#include <ownjit/ownjit.h>
#include <stdlib.h>

static void *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    void *bytes = NULL;
    if (!file || fseek(file, 0, SEEK_END) != 0 || ftell(file) <= 0)
        return NULL;
    *size = (size_t)ftell(file);
    rewind(file);
    /* Without a buffer of its own. */
    setvbuf(file, NULL, _IONBF, 0);
    bytes = malloc(*size);
    if (bytes && fread(bytes, 1, *size, file) != *size)
        return NULL;
    fclose(file);
    return bytes;
}

static int fail(const oj_error *error)
{
    fprintf(stderr, "ownjit-bench-client: %s\n", error->text);
    return 1;
}

static unsigned long code_size(const oj_link_stats *stats)
{
    return (unsigned long)(stats->code_size + stats->rodata_size + stats->data_size);
}

int main(int argc, char **argv)
{
    volatile unsigned sum = 0;
    size_t size = 0;
    void *bitcode = argc == 3 ? read_whole(argv[1], &size) : NULL;
    oj_workers_options pool;
    oj_compiler_options options;
    oj_link_options link;
    oj_link_stats stats;
    oj_workers *workers;
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_code *code;
    oj_error error;
    oj_ir ir = oj_ir_bytes(bitcode, size);
    if (!bitcode)
        return 2;
    oj_workers_options_init(&pool);
    pool.llvm_version = (uint32_t)strtoul(argv[2], NULL, 10);
    if (oj_workers_create(&workers, &pool, &error) != OJ_OK)
        return fail(&error);
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    options.workers = workers;
    options.level = OJ_LEVEL_0;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK ||
        oj_compile_object(compiler, &ir, &bytes, &error) != OJ_OK)
        return fail(&error);
    /* Pages that were never read are not resident: read them, as a link will. */
    for (size_t i = 0; i < oj_bytes_size(bytes); i++)
        sum += ((const unsigned char *)oj_bytes_data(bytes))[i];
    bench_status compiled = bench_status_read();
    oj_link_options_init(&link);
    link.stats = &stats;
    link.stats_size = sizeof stats;
    if (oj_link_bytes(oj_bytes_data(bytes), oj_bytes_size(bytes), &link, &code, &error) != OJ_OK)
        return fail(&error);
    bench_status linked = bench_status_read();
    return printf("%lu %lu %lu %zu %zu %lu\n", compiled.peak, compiled.resident, linked.resident, size,
                  oj_bytes_size(bytes), code_size(&stats)) < 0;
}
