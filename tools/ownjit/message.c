/* Messages to the user: one each, on stderr, beginning with the program's name. */
#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Length of the control character that `text` begins with: 0 where it begins with none. Those of ISO 6429 that have two
 * bytes in UTF-8 (U+0080 to U+009F) begin escape sequences as well. */
static size_t control_length(const char *text)
{
    unsigned char first = (unsigned char)text[0], second = first != '\0' ? (unsigned char)text[1] : 0;
    if (first == 0xc2 && second >= 0x80 && second <= 0x9f)
        return 2;
    return (first > 0 && first < 0x20) || first == 0x7f;
}

/* Neither escape sequences of a name may reach the terminal, nor a line that looks like a message of ours. */
static void replace_controls(char *text)
{
    char *to = text;
    while (*text != '\0') {
        size_t length = control_length(text);
        *to++ = length > 0 ? '?' : *text;
        text += length > 0 ? length : 1;
    }
    *to = '\0';
}

const char *printable(char *buffer, size_t size, const char *text)
{
    int length = snprintf(buffer, size, "%s", text);
    if (length >= (int)size)
        memcpy(buffer + size - 4, "...", 4);
    replace_controls(buffer);
    return buffer;
}

void put_printable(FILE *stream, const char *text)
{
    while (*text != '\0') {
        size_t length = control_length(text);
        putc(length > 0 ? '?' : *text, stream);
        text += length > 0 ? length : 1;
    }
}

static void print_message(const char *prefix, const char *more, const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) {
        fputs("ownjit: out of memory while writing a message\n", stderr);
        return;
    }
    replace_controls(text);
    fprintf(stderr, "%s%s\n%s%s", prefix, text, more, more[0] != '\0' ? "\n" : "");
    free(text);
}

bool fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("ownjit: ", "", format, arguments);
    va_end(arguments);
    return false;
}

bool fail_with(const char *more, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("ownjit: ", more, format, arguments);
    va_end(arguments);
    return false;
}

void warn_user(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("ownjit: warning: ", "", format, arguments);
    va_end(arguments);
}

/* What the user can do about a status; "" where the library's text says it all. */
static const char *advice(oj_status status)
{
    switch (status) {
    case OJ_E_NO_LLVM:
        return "An ELF object runs without LLVM.";
    case OJ_E_PASSES:
        return "Passes are written as opt(1) takes them, for instance --passes='function(mem2reg,instcombine)'.";
    case OJ_E_DUPLICATE:
        return "Each function and variable may be defined in one module only; make the others static.";
    case OJ_E_PERMISSION:
        return "This system forbids making memory executable in every way that is known.";
    case OJ_E_WORKER_DEADLINE:
        return "--deadline=MS says how many milliseconds a module may take.";
    case OJ_E_WORKER_MEMORY:
        return "--memory=MIB says how many mebibytes a module may take.";
    case OJ_E_NOMEM:
        return "Free some memory, or raise the limit (ulimit -v).";
    default:
        return "";
    }
}

bool fail_library(const char *name, const oj_error *error)
{
    const char *place = name ? name : error->object;
    const char *text = error->text[0] != '\0' ? error->text : oj_status_text(error->status);
    /* Most texts name the file; the user must never have to guess it. */
    bool is_named = place[0] == '\0' || strstr(text, place) != NULL;
    return fail_with(advice(error->status), "%s%s%s", is_named ? "" : place, is_named ? "" : ": ", text);
}
