/* What reading objects asks of the system: libraries that decompress, loaded when they are first needed and for good.
 * Their few functions are called by prototypes of our own, so that neither is needed to build. They take memory from
 * the C library's heap, and give it back before they return.
 * Source: zlib.h, uncompress() and its return codes; zstd.h, "Simple API"; zstd_errors.h. */
#include "elf/elf.h"

#include <dlfcn.h>
#include <stdatomic.h>

typedef int uncompress_function(uint8_t *out, unsigned long *out_size, const uint8_t *in, unsigned long in_size);
typedef size_t decompress_function(void *out, size_t out_size, const void *in, size_t in_size);
typedef unsigned is_error_function(size_t result);
typedef int error_code_function(size_t result);

enum { Z_OK = 0, Z_MEM_ERROR = -4, ZSTD_MEMORY_ALLOCATION = 64 };

/* A library that is missing is tried again: it may be installed while a process lives. */
static void *open_library(_Atomic(void *) *library, const char *file)
{
    void *handle = atomic_load(library);
    if (!handle) {
        handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        /* Two threads may both open it: it is one library, and stays. */
        if (handle)
            atomic_store(library, handle);
    }
    return handle;
}

/* ISO C has no conversion of dlsym()'s result to a function; POSIX promises that its bits are one. */
static bool bind(void *library, const char *name, void *function, size_t size)
{
    void *found = library ? dlsym(library, name) : NULL;
    memcpy(function, &found, size);
    return found != NULL;
}

static oji_elf_inflation inflate_zlib(const oji_elf_compression *compression, uint8_t *out)
{
    static _Atomic(void *) library;
    uncompress_function *uncompress;
    unsigned long size = (unsigned long)compression->size;
    int result;
    if (!bind(open_library(&library, "libz.so.1"), "uncompress", &uncompress, sizeof uncompress))
        return OJI_ELF_BROKEN;
    result = uncompress(out, &size, compression->bytes.data, (unsigned long)compression->bytes.size);
    if (result == Z_MEM_ERROR)
        return OJI_ELF_NO_MEMORY;
    return result == Z_OK && size == compression->size ? OJI_ELF_WHOLE : OJI_ELF_BROKEN;
}

static oji_elf_inflation inflate_zstd(const oji_elf_compression *compression, uint8_t *out)
{
    static _Atomic(void *) library;
    void *handle = open_library(&library, "libzstd.so.1");
    decompress_function *decompress;
    is_error_function *is_error;
    error_code_function *error_code;
    size_t result;
    if (!bind(handle, "ZSTD_decompress", &decompress, sizeof decompress) ||
        !bind(handle, "ZSTD_isError", &is_error, sizeof is_error) ||
        !bind(handle, "ZSTD_getErrorCode", &error_code, sizeof error_code))
        return OJI_ELF_BROKEN;
    result = decompress(out, (size_t)compression->size, compression->bytes.data, (size_t)compression->bytes.size);
    if (is_error(result))
        return error_code(result) == ZSTD_MEMORY_ALLOCATION ? OJI_ELF_NO_MEMORY : OJI_ELF_BROKEN;
    return result == compression->size ? OJI_ELF_WHOLE : OJI_ELF_BROKEN;
}

oji_elf_inflation oji_elf_inflate(const oji_elf_compression *compression, uint8_t *out)
{
    switch (compression->type) {
    case ELF_COMPRESS_ZLIB:
        return inflate_zlib(compression, out);
    case ELF_COMPRESS_ZSTD:
        return inflate_zstd(compression, out);
    default:
        return OJI_ELF_BROKEN;
    }
}
