/* Compressed debug sections: made whole where that can be, and else left as they are, and marked. */
#include "elf_writer.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_library_hidden;
static bool is_library_poor; /* its functions are those of this program, which have no memory */

/* Takes the place of the C library's for everything in this program. */
void *dlopen(const char *file, int mode)
{
    void *(*real)(const char *, int);
    void *found = dlsym(RTLD_NEXT, "dlopen");
    memcpy(&real, &found, sizeof real);
    if (is_library_hidden && file && (strstr(file, "libz.") || strstr(file, "libzstd.")))
        return NULL;
    return real(is_library_poor ? NULL : file, mode);
}

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int uncompress(uint8_t *out, unsigned long *out_size, const uint8_t *in, unsigned long in_size);
EXPORTED int uncompress(uint8_t *out, unsigned long *out_size, const uint8_t *in, unsigned long in_size)
{
    (void)in;
    memset(out, 1, *out_size < in_size ? *out_size : in_size);
    return -4; /* Z_MEM_ERROR */
}

EXPORTED size_t ZSTD_decompress(void *out, size_t out_size, const void *in, size_t in_size);
EXPORTED size_t ZSTD_decompress(void *out, size_t out_size, const void *in, size_t in_size)
{
    (void)in;
    memset(out, 1, out_size < in_size ? out_size : in_size);
    return (size_t)-64;
}
EXPORTED unsigned ZSTD_isError(size_t result);
EXPORTED unsigned ZSTD_isError(size_t result) { return result > (size_t)-100; }
EXPORTED int ZSTD_getErrorCode(size_t result);
EXPORTED int ZSTD_getErrorCode(size_t result) { return -(int)result; /* 64: memory_allocation */ }

enum { WHOLE_SIZE = 200, HEADER_SIZE = 24 };

/* A section's content: header and stream. */
typedef struct content {
    uint8_t bytes[512];
    size_t size;
} content;

static uint8_t whole[WHOLE_SIZE];

static void start(content *c, uint32_t type, uint64_t size, uint64_t alignment)
{
    for (size_t i = 0; i < sizeof whole; i++)
        whole[i] = (uint8_t)(i * 7);
    memset(c, 0, sizeof *c);
    oji_store32(c->bytes, type);
    oji_store64(c->bytes + 8, size);
    oji_store64(c->bytes + 16, alignment);
    c->size = HEADER_SIZE;
}

static void put(content *c, const void *bytes, size_t size)
{
    assert_true(c->size + size <= sizeof c->bytes);
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
}

/* One stored block, and Adler-32 (RFC 1950, RFC 1951). */
static void put_zlib(content *c)
{
    uint32_t a = 1, b = 0;
    const uint8_t header[] = {0x78, 0x01, 1, WHOLE_SIZE, 0, (uint8_t)~WHOLE_SIZE, 0xff};
    uint8_t check[4];
    put(c, header, sizeof header);
    put(c, whole, sizeof whole);
    for (size_t i = 0; i < sizeof whole; i++) {
        a = (a + whole[i]) % 65521;
        b = (b + a) % 65521;
    }
    check[0] = (uint8_t)(b >> 8);
    check[1] = (uint8_t)b;
    check[2] = (uint8_t)(a >> 8);
    check[3] = (uint8_t)a;
    put(c, check, sizeof check);
}

/* A frame of one segment with its size in a byte, and one raw block (RFC 8878, 3.1.1). */
static void put_zstd(content *c)
{
    const uint32_t block = 1 | WHOLE_SIZE << 3;
    const uint8_t header[] = {0x28,       0xb5, 0x2f, 0xfd, 0x20, WHOLE_SIZE, (uint8_t)block, (uint8_t)(block >> 8),
                              block >> 16};
    put(c, header, sizeof header);
    put(c, whole, sizeof whole);
}

/* An object with .debug_info of that content, and a relocation in its last 8 bytes as they are when they are whole. */
static oj_status try_object(const content *c, uint32_t flags, uint32_t *debug, oj_object **object, oj_error *error)
{
    oj_object_options options;
    oj_status status;
    ojt_sample sample;
    uint32_t table;
    ojt_sample_start(&sample);
    *debug = ojt_add_section(&sample.elf, ".debug_info", ELF_SHT_PROGBITS, ELF_SHF_COMPRESSED, c->bytes, c->size);
    sample.elf.sections[*debug].alignment = 8;
    table = ojt_add_table(&sample.elf, ".rela.debug_info", *debug);
    ojt_add_reloc(&sample.elf, table, WHOLE_SIZE - 8, 1, sample.f, 0);
    ojt_finish(&sample.elf);
    oj_object_options_init(&options);
    options.flags = flags;
    status = oj_object_create(object, sample.elf.bytes, sample.elf.size, &options, error);
    ojt_free(&sample.elf);
    return status;
}

static oj_object *read_object(const content *c, uint32_t flags, uint32_t *debug)
{
    oj_object *object = NULL;
    oj_error error;
    if (try_object(c, flags, debug, &object, &error) != OJ_OK)
        fail_msg("oj_object_create: %s", error.text);
    return object;
}

static void expect_whole(const content *c)
{
    oj_section_info info;
    oj_relocation_info reloc;
    uint32_t debug;
    oj_object *object = read_object(c, OJ_OBJECT_WITH_DEBUG, &debug);
    assert_int_equal(oj_object_section(object, debug, &info, sizeof info), OJ_OK);
    assert_int_equal(info.flags, 0);
    assert_int_equal(info.kind, OJ_SECTION_DEBUG);
    assert_int_equal(info.size, WHOLE_SIZE);
    assert_int_equal(info.alignment, 4);
    assert_memory_equal(info.bytes, whole, WHOLE_SIZE);
    assert_int_equal(info.n_relocations, 1);
    assert_int_equal(oj_object_relocation(object, debug, 0, &reloc, sizeof reloc), OJ_OK);
    assert_int_equal(reloc.offset, WHOLE_SIZE - 8);
    oj_object_destroy(object);
}

static void expect_compressed(const content *c, uint32_t flags)
{
    oj_section_info info;
    uint32_t debug;
    oj_object *object = read_object(c, flags, &debug);
    assert_int_equal(oj_object_section(object, debug, &info, sizeof info), OJ_OK);
    assert_int_equal(info.flags, OJ_SECTION_IS_COMPRESSED);
    assert_int_equal(info.size, c->size);
    assert_memory_equal(info.bytes, c->bytes, c->size);
    assert_int_equal(info.n_relocations, 0);
    oj_object_destroy(object);
}

static void elf_compressed_debug_made_whole_on_request(void **state)
{
    content c;
    (void)state;
    for (int zstd = 0; zstd < 2; zstd++) {
        start(&c, zstd ? ELF_COMPRESS_ZSTD : ELF_COMPRESS_ZLIB, WHOLE_SIZE, 4);
        zstd ? put_zstd(&c) : put_zlib(&c);
        expect_compressed(&c, 0);
        expect_whole(&c);
    }
}

static void elf_compressed_debug_without_its_library_left_out(void **state)
{
    content c;
    (void)state;
    for (int zstd = 0; zstd < 2; zstd++) {
        start(&c, zstd ? ELF_COMPRESS_ZSTD : ELF_COMPRESS_ZLIB, WHOLE_SIZE, 4);
        zstd ? put_zstd(&c) : put_zlib(&c);
        is_library_hidden = true;
        expect_compressed(&c, OJ_OBJECT_WITH_DEBUG);
        is_library_hidden = false;
        expect_whole(&c);
    }
}

/* The libraries are opened for good: a process of its own. */
static void elf_compressed_debug_out_of_memory_told(void **state)
{
    int status;
    pid_t child = fork();
    (void)state;
    for (int zstd = 0; child == 0 && zstd < 2; zstd++) {
        oj_object *object = (oj_object *)&status;
        content c;
        oj_error error;
        uint32_t debug;
        is_library_poor = true;
        start(&c, zstd ? ELF_COMPRESS_ZSTD : ELF_COMPRESS_ZLIB, WHOLE_SIZE, 4);
        zstd ? put_zstd(&c) : put_zlib(&c);
        assert_int_equal(try_object(&c, OJ_OBJECT_WITH_DEBUG, &debug, &object, &error), OJ_E_NOMEM);
        assert_null(object);
        assert_non_null(strstr(error.text, ".debug_info"));
    }
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void elf_compressed_debug_that_lies_left_out(void **state)
{
    static const struct {
        uint64_t size;
        uint64_t alignment;
    } lies[] = {{WHOLE_SIZE - 1, 4}, {WHOLE_SIZE + 1, 4}, {0, 4},          {UINT64_MAX, 4},
                {1u << 20, 4},       {1u << 31, 4},       {WHOLE_SIZE, 3}, {WHOLE_SIZE, UINT64_C(1) << 40}};
    content c;
    (void)state;
    for (int zstd = 0; zstd < 2; zstd++) {
        const uint32_t type = zstd ? ELF_COMPRESS_ZSTD : ELF_COMPRESS_ZLIB;
        size_t end;
        for (size_t i = 0; i < OJI_COUNT(lies); i++) {
            start(&c, type, lies[i].size, lies[i].alignment);
            zstd ? put_zstd(&c) : put_zlib(&c);
            expect_compressed(&c, OJ_OBJECT_WITH_DEBUG);
        }
        start(&c, type, WHOLE_SIZE, 4);
        zstd ? put_zstd(&c) : put_zlib(&c);
        end = c.size;
        /* Every truncation, inside the header, too; then every byte of header and stream but the data's own changed,
         * which neither may write beyond the room nor fail. */
        for (c.size = 1; c.size < end; c.size++)
            expect_compressed(&c, OJ_OBJECT_WITH_DEBUG);
        for (size_t i = 0; i < HEADER_SIZE + 9; i++) {
            uint32_t debug;
            c.bytes[i] ^= 0x15;
            oj_object_destroy(read_object(&c, OJ_OBJECT_WITH_DEBUG, &debug));
            c.bytes[i] ^= 0x15;
        }
        expect_whole(&c);
        /* The other's format, or nobody's. */
        oji_store32(c.bytes, type ^ 3);
        expect_compressed(&c, OJ_OBJECT_WITH_DEBUG);
        oji_store32(c.bytes, 0x60000000);
        expect_compressed(&c, OJ_OBJECT_WITH_DEBUG);
    }
}

/* 128 KiB of one byte in 13 bytes of zstd: beyond 64 times what the object has. Two that fit alone exceed it
 * together. */
static void elf_compressed_debug_bomb_left_out(void **state)
{
    const uint32_t size = 1u << 17, block = 1 | 1 << 1 | size << 3;
    const uint8_t stream[] = {0x28,          0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 2, 0, (uint8_t)block, (uint8_t)(block >> 8),
                              (block >> 16), 0};
    size_t n_whole = 0;
    (void)state;
    for (size_t padding = 0; padding < 2; padding++) {
        oj_object_options options;
        oj_object *object;
        oj_section_info info;
        ojt_sample sample;
        oj_error error;
        content c;
        start(&c, ELF_COMPRESS_ZSTD, size, 1);
        put(&c, stream, sizeof stream);
        ojt_sample_start(&sample);
        for (int i = 0; i < 2; i++)
            ojt_add_section(&sample.elf, i ? ".debug_line" : ".debug_info", ELF_SHT_PROGBITS, ELF_SHF_COMPRESSED,
                            c.bytes, c.size);
        ojt_add_section(&sample.elf, ".comment", ELF_SHT_PROGBITS, 0, NULL, padding * 2048);
        ojt_finish(&sample.elf);
        oj_object_options_init(&options);
        options.flags = OJ_OBJECT_WITH_DEBUG;
        assert_int_equal(oj_object_create(&object, sample.elf.bytes, sample.elf.size, &options, &error), OJ_OK);
        for (size_t i = 1; i < oj_object_section_count(object); i++) {
            assert_int_equal(oj_object_section(object, i, &info, sizeof info), OJ_OK);
            n_whole += info.kind == OJ_SECTION_DEBUG && info.flags == 0 && info.size == size;
        }
        assert_int_equal(n_whole, padding);
        oj_object_destroy(object);
        ojt_free(&sample.elf);
    }
}

OJT_MAIN(cmocka_unit_test(elf_compressed_debug_out_of_memory_told),
         cmocka_unit_test(elf_compressed_debug_without_its_library_left_out),
         cmocka_unit_test(elf_compressed_debug_made_whole_on_request),
         cmocka_unit_test(elf_compressed_debug_that_lies_left_out),
         cmocka_unit_test(elf_compressed_debug_bomb_left_out))
