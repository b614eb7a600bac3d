/* A FILE of any kind, told by its content, into an object. */
#include "tool.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first read; files that tell no size (pipes, /proc) grow from here. */
#define READ_STEP ((size_t)64 * 1024)

/* Read to the end of file: the size that stat told is a guess, the file may grow and shrink meanwhile. */
static bool read_all(int fd, size_t guess, char **data, size_t *size)
{
    size_t capacity = guess + 1 > READ_STEP ? guess + 1 : READ_STEP;
    char *bytes = malloc(capacity);
    size_t used = 0;
    while (bytes) {
        ssize_t n = read(fd, bytes + used, capacity - used);
        if (n == 0) {
            *data = bytes;
            *size = used;
            return true;
        }
        if (n < 0 && errno != EINTR)
            break;
        used += n > 0 ? (size_t)n : 0;
        if (used == capacity) {
            capacity *= 2;
            char *more = realloc(bytes, capacity);
            if (!more)
                break;
            bytes = more;
        }
    }
    int saved = bytes ? errno : ENOMEM;
    free(bytes);
    errno = saved;
    return false;
}

/* Never a terminal's controlling side, never inherited by clang or by the program; but standard input is the program's
 * as well, and stays open. */
bool read_file(const char *path, char **data, size_t *size)
{
    struct stat status;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail("cannot open '%s': %s", path, strerror(errno));
    bool is_known = fstat(fd, &status) == 0;
    if (is_known && S_ISDIR(status.st_mode)) {
        if (!is_stdin)
            close(fd);
        return fail("'%s' is a directory, not a file", path);
    }
    bool is_read = read_all(fd, is_known && status.st_size > 0 ? (size_t)status.st_size : 0, data, size);
    int saved = errno;
    if (!is_stdin)
        close(fd);
    return is_read || fail("cannot read '%s': %s", path, strerror(saved));
}

static bool starts_with(const char *data, size_t size, const char *start, size_t length)
{
    return size >= length && memcmp(data, start, length) == 0;
}

/* Does the first line that is neither blank nor an IR comment begin as textual IR does? C has the words too, so each
 * is taken with what must follow it. */
static bool looks_like_ir(const char *data, size_t size)
{
    static const char *const starts[] = {"define ",
                                         "declare ",
                                         "target datalayout",
                                         "target triple",
                                         "source_filename",
                                         "module asm",
                                         "attributes #",
                                         "@",
                                         "!",
                                         "$",
                                         "^0 =",
                                         "uselistorder"};
    const char *end = data + size;
    bool has_comment = false;
    while (data < end) {
        size_t blank = 0;
        while (data + blank < end && strchr(" \t\r\n", data[blank]) && data[blank] != '\0')
            blank++;
        data += blank;
        if (data == end || *data != ';')
            break;
        has_comment = true;
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        data = newline ? newline + 1 : end;
    }
    size_t left = (size_t)(end - data);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (starts_with(data, left, starts[i], strlen(starts[i])))
            return true;
    /* "%:" is C's digraph for '#'. */
    if (left >= 2 && data[0] == '%' && data[1] != ':')
        return true;
    return has_comment;
}

/* Content does not tell C++ from C: the endings that compilers take for it do. */
static bool is_named_cxx(const char *path)
{
    static const char *const endings[] = {".cpp", ".cc", ".cxx", ".c++", ".cp", ".C", ".CPP"};
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(ending, endings[i]) == 0)
            return true;
    return false;
}

/* Text that is not IR is taken for C or C++: no rule tells them from other text, and clang says best why it is none. */
static enum input_kind tell_kind(const char *path, const char *data, size_t size)
{
    if (starts_with(data, size, "BC\xC0\xDE", 4) || starts_with(data, size, "\xDE\xC0\x17\x0B", 4))
        return INPUT_BITCODE;
    if (starts_with(data, size, ELFMAG, SELFMAG))
        return INPUT_OBJECT;
    if (starts_with(data, size, "!<arch>\n", 8) || starts_with(data, size, "!<thin>\n", 8))
        return INPUT_ARCHIVE;
    if (size == 0 || starts_with(data, size, "#!", 2) || memchr(data, '\0', size))
        return INPUT_UNKNOWN;
    if (is_named_cxx(path))
        return INPUT_CXX;
    return looks_like_ir(data, size) ? INPUT_IR_TEXT : INPUT_C;
}

/* What objects of other systems begin with: Mach-O of 32 and 64 bits, COFF for x86-64, i386, AArch64, ARM, WebAssembly.
 * Source: <mach-o/loader.h>, MH_MAGIC; PE format, "Machine Types"; WebAssembly Core Specification, 5.5.16 */
bool input_is_foreign(const void *data, size_t size)
{
    static const struct {
        const char *start;
        size_t length;
    } starts[] = {{"\xce\xfa\xed\xfe", 4}, {"\xcf\xfa\xed\xfe", 4}, {"\0asm", 4},   {"\x64\x86", 2},
                  {"\x4c\x01", 2},         {"\x64\xaa", 2},         {"\xc4\x01", 2}};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (starts_with(data, size, starts[i].start, starts[i].length))
            return true;
    return false;
}

const char *input_kind_name(enum input_kind kind)
{
    switch (kind) {
    case INPUT_BITCODE:
        return "bitcode";
    case INPUT_IR_TEXT:
        return "textual IR";
    case INPUT_OBJECT:
        return "an ELF file";
    case INPUT_ARCHIVE:
        return "an archive";
    case INPUT_C:
        return "C source";
    case INPUT_CXX:
        return "C++ source";
    case INPUT_UNKNOWN:
        break;
    }
    return "a file of no known kind";
}

bool input_read(struct input *input, const char *path)
{
    memset(input, 0, sizeof *input);
    input->name = path;
    if (!read_file(path, &input->data, &input->size))
        return false;
    input->kind = tell_kind(path, input->data, input->size);
    if (input->kind != INPUT_UNKNOWN)
        return true;
    if (input->size == 0)
        return fail("'%s' is empty", path);
    if (input_is_foreign(input->data, input->size))
        return fail("'%s' looks like an object that is not ELF (Mach-O, COFF or WebAssembly): a target triple "
                    "that ends in -elf makes it ELF",
                    path);
    return fail("'%s' is neither bitcode, textual IR, an ELF object nor C or C++ source", path);
}

/* A shared library or a program is ELF as well, and where it belongs is worth saying. */
static bool check_elf_type(const struct input *input)
{
    if (input->size < offsetof(Elf64_Ehdr, e_type) + 2)
        return true;
    const unsigned char *field = (const unsigned char *)input->data + offsetof(Elf64_Ehdr, e_type);
    bool is_big_endian = input->data[EI_DATA] == ELFDATA2MSB;
    unsigned type = (unsigned)field[is_big_endian] | (unsigned)field[!is_big_endian] << 8;
    if (type == ET_DYN)
        return fail("'%s' is a shared library or a finished program, not a relocatable object (.o). 'ownjit run' "
                    "takes a shared library with --load=FILE",
                    input->name);
    if (type == ET_EXEC)
        return fail("'%s' is a finished program, not a relocatable object (.o)", input->name);
    return true;
}

bool input_compile(struct input *input, struct codegen *codegen)
{
    if (input->kind == INPUT_C || input->kind == INPUT_CXX) {
        char *bitcode = NULL;
        size_t size = 0;
        /* First the compiler: it tells best what is wrong with a CPU or a triple. */
        if (!codegen_create_compiler(codegen))
            return false;
        uint64_t start = now_ns();
        if (!clang_compile(input, codegen, &bitcode, &size))
            return false;
        codegen->clang_ns += now_ns() - start;
        free(input->data);
        input->data = bitcode;
        input->size = size;
    }
    return codegen_compile(codegen, input->name, input->data, input->size, &input->compiled);
}

/* On failure the parts that were made stay for input_close(). */
bool input_make_object(struct input *input, struct codegen *codegen)
{
    oj_object_options options;
    oj_error error;
    const void *bytes = input->data;
    size_t size = input->size;
    if (input->kind == INPUT_ARCHIVE)
        return fail("'%s' is an archive: give it with --archive=%s", input->name, input->name);
    if (input->kind == INPUT_OBJECT && !check_elf_type(input))
        return false;
    if (input->kind != INPUT_OBJECT) {
        if (!input_compile(input, codegen))
            return false;
        bytes = oj_bytes_data(input->compiled);
        size = oj_bytes_size(input->compiled);
    }
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW | (codegen->options->wants_debug ? OJ_OBJECT_WITH_DEBUG : 0);
    options.name = input->name;
    if (oj_object_create(&input->object, bytes, size, &options, &error) != OJ_OK)
        return fail_library(input->name, &error);
    return true;
}

/* The object before what it borrows. */
void input_close(struct input *input)
{
    oj_object_destroy(input->object);
    oj_bytes_destroy(input->compiled);
    free(input->data);
    memset(input, 0, sizeof *input);
}
