/* Status texts and the one function that makes errors. */

/* For the strerror_r() of POSIX: GNU's has another type under the same name. */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

uint32_t oj_version(void) { return OJ_VERSION_NUMBER; }

/* Made from the one list, so that number, name and text cannot disagree. A status of a client's callback may be in
 * no list. */
const char *oj_status_text(oj_status status)
{
    switch (status) {
#define TEXT(name, number, text) \
    case number:                 \
        return text;
        OJ_STATUS_LIST(TEXT)
#undef TEXT
    }
    return "unknown status";
}

const char *oj_status_name(oj_status status)
{
    switch (status) {
#define NAME(name, number, text) \
    case number:                 \
        return #name;
        OJ_STATUS_LIST(NAME)
#undef NAME
    }
    return "OJ_E_?";
}

/* Reads no further than the buffer is long: texts of clients and objects may have no end of their own near by. */
void oji_copy_text(char *buffer, size_t capacity, const char *text)
{
    size_t length = text ? strnlen(text, capacity) : 0;
    if (length == capacity) {
        memcpy(buffer, text, capacity - 4);
        memcpy(buffer + capacity - 4, "...", 4);
        return;
    }
    if (length > 0)
        memcpy(buffer, text, length);
    buffer[length] = '\0';
}

/* vsnprintf() returns the length that was wanted: at least the buffer's means that it was cut, which the dots show.
 * It fails only for what the C library cannot print; the status's own text is then better than none. */
static void format_text(oj_error *error, const char *format, va_list arguments)
{
    int length = vsnprintf(error->text, sizeof error->text, format, arguments);
    if (length < 0)
        oji_copy_text(error->text, sizeof error->text, oj_status_text(error->status));
    else if ((size_t)length >= sizeof error->text)
        memcpy(error->text + sizeof error->text - 4, "...", 4);
}

/* Every failure of the library passes here: a breakpoint on this function stops at the first sign of any. Only the
 * members before the texts are cleared as a whole; each text is written up to its zero. A record has some 2 KB,
 * and errors are also an answer that a caller expects. */
static oj_status make_error(oj_error *error, oj_status status, int system_error, const oji_place *place,
                            const char *format, va_list arguments)
{
    if (!error)
        return status;
    memset(error, 0, offsetof(oj_error, object));
    error->status = status;
    error->system_error = system_error;
    error->offset = place ? place->offset : UINT64_MAX;
    oji_copy_text(error->object, sizeof error->object, place ? place->object : NULL);
    oji_copy_text(error->section, sizeof error->section, place ? place->section : NULL);
    oji_copy_text(error->relocation, sizeof error->relocation, place ? place->relocation : NULL);
    oji_copy_text(error->symbol, sizeof error->symbol, place ? place->symbol : NULL);
    format_text(error, format, arguments);
    return status;
}

oj_status oji_fail_at(oj_error *error, oj_status status, const oji_place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    make_error(error, status, 0, place, format, arguments);
    va_end(arguments);
    return status;
}

oj_status oji_fail(oj_error *error, oj_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    make_error(error, status, 0, NULL, format, arguments);
    va_end(arguments);
    return status;
}

/* snprintf() cuts the reason where the text has filled the record. */
oj_status oji_fail_system(oj_error *error, oj_status status, int system_error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    make_error(error, status, system_error, NULL, format, arguments);
    va_end(arguments);
    if (error) {
        char reason[128];
        size_t length = strlen(error->text);
        /* It writes into our buffer and needs no memory. */
        if (strerror_r(system_error, reason, sizeof reason) != 0)
            snprintf(reason, sizeof reason, "error %d", system_error);
        snprintf(error->text + length, sizeof error->text - length, ": %s", reason);
    }
    return status;
}

oj_status oji_fail_nomem(oj_error *error, uint64_t size, const char *what)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: %llu bytes for %s", (unsigned long long)size, what);
}

/* What a callback leaves unset must not look like the failure of an earlier call. */
void oji_clear_error(oj_error *error)
{
    if (!error)
        return;
    memset(error, 0, offsetof(oj_error, object));
    error->offset = UINT64_MAX;
    error->object[0] = error->section[0] = error->relocation[0] = error->symbol[0] = error->text[0] = '\0';
}

static bool is_status(oj_status status)
{
    switch (status) {
#define KNOWN(name, number, text) case number:
        OJ_STATUS_LIST(KNOWN)
#undef KNOWN
        return true;
    }
    return false;
}

/* A number that is no status must not reach clients that switch over statuses. What the callback wrote goes behind the
 * number, cut to what fits. */
static oj_status fail_without_status(oj_error *error, oj_status status, const char *callback)
{
    char own[sizeof error->text] = "";
    if (error)
        oji_copy_text(own, sizeof own, error->text);
    return oji_fail(error, OJ_E_CALLBACK, "%s() returned %d, which is no status%s%s", callback, (int)status,
                    own[0] ? ": " : "", own);
}

/* The status is the callback's as the library passes it on, whatever the record says. */
oj_status oji_fail_callback(oj_error *error, oj_status status, const char *callback)
{
    if (error) {
        /* The callback's record is input: its strings end where their buffers do. */
        error->object[sizeof error->object - 1] = error->section[sizeof error->section - 1] = '\0';
        error->relocation[sizeof error->relocation - 1] = error->symbol[sizeof error->symbol - 1] = '\0';
        error->text[sizeof error->text - 1] = '\0';
    }
    if (!is_status(status))
        return fail_without_status(error, status, callback);
    if (!error || error->text[0] == '\0')
        return oji_fail(error, status, "%s() failed: %s", callback, oj_status_text(status));
    error->status = status;
    return status;
}

/* Two stores: success is the path whose time counts. */
void oji_name_object(oj_error *error, const char *object)
{
    if (error && error->object[0] == '\0')
        oji_copy_text(error->object, sizeof error->object, object);
}

oj_status oji_succeed(oj_error *error)
{
    if (error) {
        error->status = OJ_OK;
        error->text[0] = '\0';
    }
    return OJ_OK;
}

/* Bytes. Bounds how far a struct that was never initialised is read. */
enum { LARGEST_STRUCT = 4096 };

/* Every struct begins with its struct_size, which is copied out because `given` has no type here. A tail of zeroes
 * is a newer client that asks for nothing new. What is not copied is zeroed, and nothing twice: small links import
 * several. */
oj_status oji_import(void *ours, size_t our_size, size_t minimum, const void *given, const char *name, oj_error *error)
{
    uint32_t size = 0;
    if (given)
        memcpy(&size, given, sizeof size);
    if (size < our_size)
        memset(ours, 0, our_size);
    if (!given)
        return OJ_OK;
    if (size < minimum)
        return oji_fail(error, OJ_E_MISUSE, "%s.struct_size is %u, below %zu: it was not made by its inline function",
                        name, size, minimum);
    /* No version of a struct is as large; what the client set here never was an init()'s. */
    if (size > LARGEST_STRUCT)
        return oji_fail(error, OJ_E_VERSION, "%s.struct_size is %u: it was not made by its inline function", name,
                        size);
    for (size_t i = our_size; i < size; i++)
        if (((const uint8_t *)given)[i] != 0)
            return oji_fail(error, OJ_E_VERSION,
                            "%s has %u bytes and sets one that this library (version %d.%d.%d, %zu bytes) does not "
                            "know",
                            name, size, OJ_VERSION_MAJOR, OJ_VERSION_MINOR, OJ_VERSION_PATCH, our_size);
    memcpy(ours, given, size < our_size ? size : our_size);
    return OJ_OK;
}

/* The bytes a newer client knows and we do not are zero, which means default. */
oj_status oji_check_flags(uint32_t flags, uint32_t known, const char *name, oj_error *error)
{
    if (flags & ~known)
        return oji_fail(error, OJ_E_VERSION, "%s has bits that this library (version %d.%d.%d) does not know: 0x%x",
                        name, OJ_VERSION_MAJOR, OJ_VERSION_MINOR, OJ_VERSION_PATCH, flags & ~known);
    return OJ_OK;
}

void oji_export(void *out, size_t out_size, const void *ours, size_t our_size)
{
    size_t known = out_size < our_size ? out_size : our_size;
    memcpy(out, ours, known);
    if (out_size > known)
        memset((uint8_t *)out + known, 0, out_size - known);
}
