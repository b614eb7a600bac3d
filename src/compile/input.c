/* IR from its source: bytes, file or live module. Files are read rather than mapped: a file that another process cuts
 * short would otherwise be a SIGBUS inside LLVM. */
#include "compile/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* LLVM keeps sizes of buffers in 64 bits but positions of text in 32. */
#define MAX_TEXT_SIZE UINT32_MAX
/* LLVM needs 0.4 to 1 KB of stack a level; what compilers write has fewer than 100. */
#define MAX_TEXT_DEPTH 1000u
#define FIRST_READ_SIZE (64u * 1024u)

/* Source: LLVM BitCodeFormat, "Magic Numbers" and "Bitcode Wrapper Format". */
static bool is_bitcode(const uint8_t *data, size_t size)
{
    static const uint8_t magic[4] = {'B', 'C', 0xC0, 0xDE};
    return size >= 4 && (memcmp(data, magic, 4) == 0 || oji_load32(data) == 0x0B17C0DE);
}

/* Text never has these: a binary file of another kind gets a message that says so, rather than a parse error. */
static bool looks_binary(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && i < 16; i++)
        if (data[i] < '\t' || data[i] == 0x7F)
            return true;
    return false;
}

/* Step over a comment between the marks that LLVM 20 and later have. Its lexer looks at one character after each star
 * and at none of these again: a second star there hides the end behind it, and so it does here. */
static size_t end_of_block_comment(const uint8_t *data, size_t size, size_t at)
{
    while (at < size) {
        if (data[at] != '*')
            at++;
        else if (at + 1 < size && data[at + 1] == '/')
            return at + 2;
        else
            at += 2;
    }
    return size;
}

/* Step over a string or comment that begins at `at`, exactly as LLVM's lexer does: to whom brackets count, what is text
 * here and not there would hide them. It knows no escaped quote (one is written \22), and a carriage return ends a
 * comment. Returns `at` where neither begins. An LLVM without block comments reads no further than to their mark. */
static size_t step_over(const uint8_t *data, size_t size, size_t at)
{
    size_t end = at + 1;
    switch (data[at]) {
    case '"':
        while (end < size && data[end] != '"')
            end++;
        return end < size ? end + 1 : size;
    case ';':
        while (end < size && data[end] != '\n' && data[end] != '\r')
            end++;
        return end;
    case '/':
        return end < size && data[end] == '*' ? end_of_block_comment(data, size, end + 1) : at;
    }
    return at;
}

static uint32_t line_of(const uint8_t *data, size_t at)
{
    uint32_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += data[i] == '\n';
    return line;
}

/* LLVM's text parser descends once for each bracket that is open, and has no limit of its own but the stack's end.
 * Returns the 1-based line where the nesting is too deep, or 0. Brackets of all kinds count together, a stray closing
 * one does not go below 0. */
static uint32_t find_deep_line(const uint8_t *data, size_t size)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < size;) {
        const size_t next = step_over(data, size, i);
        const uint8_t c = data[i];
        if (next > i) {
            i = next;
            continue;
        }
        if (c == '(' || c == '[' || c == '{' || c == '<')
            depth++;
        else if ((c == ')' || c == ']' || c == '}' || c == '>') && depth > 0)
            depth--;
        if (depth > MAX_TEXT_DEPTH)
            return line_of(data, i);
        i++;
    }
    return 0;
}

/* The line goes into the record as well, for those who show the source. */
static oj_status check_depth(const oji_input *input, oj_error *error)
{
    oji_place place = {.object = input->name, .offset = UINT64_MAX};
    uint32_t line = find_deep_line(input->data, input->size);
    if (line == 0)
        return OJ_OK;
    oji_fail_at(error, OJ_E_IR, &place, "%s:%u: brackets are nested more than %u deep", input->name, line,
                MAX_TEXT_DEPTH);
    if (error)
        error->line = line;
    return OJ_E_IR;
}

static bool begins_with(const oji_input *input, const char *start)
{
    return input->size >= strlen(start) && memcmp(input->data, start, strlen(start)) == 0;
}

/* What is compiled already is the likeliest thing to be taken for IR. */
static const char *what_it_is(const oji_input *input)
{
    if (begins_with(input, "\177ELF"))
        return "an ELF object, which oj_link_bytes() links: ";
    return begins_with(input, "!<arch>\n") ? "an archive, which oj_archive_create() opens: " : "";
}

/* Needs data and size. What is neither is refused before LLVM sees it, in words that name the input. */
static oj_status classify(oji_input *input, oj_error *error)
{
    oji_place place = {.object = input->name, .offset = UINT64_MAX};
    input->is_bitcode = is_bitcode(input->data, input->size);
    if (input->is_bitcode)
        return OJ_OK;
    if (input->size == 0)
        return oji_fail_at(error, OJ_E_IR, &place, "%s: the input is empty: neither bitcode nor textual IR",
                           input->name);
    if (looks_binary(input->data, input->size))
        return oji_fail_at(error, OJ_E_IR, &place, "%s: %sneither bitcode nor textual IR", input->name,
                           what_it_is(input));
    if (input->size > MAX_TEXT_SIZE)
        return oji_fail_at(error, OJ_E_IR, &place, "%s: textual IR of 4 GiB or more", input->name);
    return check_depth(input, error);
}

/* Give text its terminating zero, in a copy: the byte after the client's text is not ours to read. */
static oj_status terminate(oji_input *input, const oj_allocator *allocator, oj_error *error)
{
    uint8_t *copy = oji_allocate(allocator, (uint64_t)input->size + 1);
    if (!copy)
        return oji_fail_nomem(error, (uint64_t)input->size + 1, "a copy of the textual IR");
    memcpy(copy, input->data, input->size);
    copy[input->size] = 0;
    input->heap = copy;
    input->heap_size = (uint64_t)input->size + 1;
    input->data = copy;
    return OJ_OK;
}

/* Move what has been read into a buffer of twice the size. Twice, so that reading a pipe copies each byte about
 * once. On failure the old buffer stays, and the caller frees it. */
static oj_status grow(oji_input *input, const oj_allocator *allocator, oj_error *error)
{
    uint64_t wanted;
    void *larger;
    if (!oji_mul(input->heap_size, 2, &wanted))
        wanted = UINT64_MAX;
    larger = oji_allocate(allocator, wanted);
    if (!larger)
        return oji_fail_nomem(error, wanted, input->name);
    memcpy(larger, input->heap, input->size);
    oji_release(allocator, input->heap, input->heap_size);
    input->heap = larger;
    input->heap_size = wanted;
    return OJ_OK;
}

/* Read to the end, whatever size the file had at its opening: pipes have none and files grow. One byte is kept free
 * for the terminating zero, which bitcode does without and text needs. */
static oj_status read_all(int fd, oji_input *input, const oj_allocator *allocator, oj_error *error)
{
    for (;;) {
        ssize_t got;
        if (input->size + 1 >= input->heap_size)
            OJI_TRY(grow(input, allocator, error));
        got = read(fd, (uint8_t *)input->heap + input->size, (size_t)input->heap_size - input->size - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return oji_fail_system(error, OJ_E_SYSTEM, errno, "%s: cannot read", input->name);
        if (got == 0)
            break;
        input->size += (size_t)got;
    }
    ((uint8_t *)input->heap)[input->size] = 0;
    input->data = input->heap;
    return OJ_OK;
}

static oj_status read_descriptor(int fd, oji_input *input, const oj_allocator *allocator, oj_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, errno, "%s: cannot read", input->name);
    /* Two more than the size: the terminating zero, and room in which the read that finds the end does not grow. */
    input->heap_size = S_ISREG(status.st_mode) && status.st_size > 0 ? (uint64_t)status.st_size + 2 : FIRST_READ_SIZE;
    input->heap = oji_allocate(allocator, input->heap_size);
    if (!input->heap)
        return oji_fail_nomem(error, input->heap_size, input->name);
    return read_all(fd, input, allocator, error);
}

/* The descriptor is closed before anything is made of the bytes. O_CLOEXEC, since a process that another thread
 * starts meanwhile must not inherit it. */
static oj_status open_file(oji_input *input, const char *path, const oj_allocator *allocator, oj_error *error)
{
    oj_status status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return oji_fail_system(error, OJ_E_SYSTEM, errno, "%s: cannot open", path);
    status = read_descriptor(fd, input, allocator, error);
    close(fd);
    return status == OJ_OK ? classify(input, error) : status;
}

/* Bitcode is read where it lies, text is copied. Bitcode is not modified by LLVM, and LLVM's buffer for it asks for
 * no zero at its end. */
static oj_status open_bytes(oji_input *input, const oj_ir *ir, const oj_allocator *allocator, oj_error *error)
{
    if (!ir->bytes && ir->size != 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_ir.bytes is NULL");
    input->data = ir->bytes;
    input->size = ir->size;
    OJI_TRY(classify(input, error));
    return input->is_bitcode ? OJ_OK : terminate(input, allocator, error);
}

/* Needs input->name set. The module is not looked at: it belongs to an LLVM that only the implementation knows. */
static oj_status open_kind(oji_input *input, const oj_ir *ir, const oj_allocator *allocator, oj_error *error)
{
    switch (ir->kind) {
    case OJ_IR_BYTES:
        return open_bytes(input, ir, allocator, error);
    case OJ_IR_FILE:
        if (!ir->path)
            return oji_fail(error, OJ_E_MISUSE, "oj_ir.path is NULL");
        if (!ir->name)
            input->name = ir->path;
        return open_file(input, ir->path, allocator, error);
    case OJ_IR_MODULE:
        if (!ir->module)
            return oji_fail(error, OJ_E_MISUSE, "oj_ir.module is NULL");
        input->module = ir->module;
        return OJ_OK;
    }
    return oji_fail(error, OJ_E_MISUSE, "oj_ir.kind is %u, which is no oj_ir_kind", ir->kind);
}

/* Failing holds nothing: what was read before the failure is released here. */
oj_status oji_compile_open_input(oji_input *input, const oj_ir *ir, const oj_allocator *allocator, oj_error *error)
{
    oj_status status;
    memset(input, 0, sizeof *input);
    input->name = ir->name ? ir->name : "module";
    status = open_kind(input, ir, allocator, error);
    if (status != OJ_OK)
        oji_compile_close_input(input, allocator);
    return status;
}

/* Closing twice does nothing the second time; bytes of the client's are not touched. */
void oji_compile_close_input(oji_input *input, const oj_allocator *allocator)
{
    oji_release(allocator, input->heap, input->heap_size);
    input->heap = NULL;
}
