/* Messages to the user: one each, on stderr, beginning with the program's name. */
#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Escape sequences in a symbol's name must not reach the terminal. Newlines and tabs are layout of our own. */
static void replace_controls(char *text, bool keep_layout)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 || c == 0x7f) && !(keep_layout && (c == '\n' || c == '\t')))
            *text = '?';
    }
}

const char *printable(char *buffer, size_t size, const char *text)
{
    int length = snprintf(buffer, size, "%s", text);
    if (length >= (int)size)
        memcpy(buffer + size - 4, "...", 4);
    replace_controls(buffer, false);
    return buffer;
}

static void print_message(const char *prefix, const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) {
        fputs("ownjit: out of memory while writing a message\n", stderr);
        return;
    }
    replace_controls(text, true);
    fprintf(stderr, "%s%s\n", prefix, text);
    free(text);
}

bool fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("ownjit: ", format, arguments);
    va_end(arguments);
    return false;
}

void warn_user(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("ownjit: warning: ", format, arguments);
    va_end(arguments);
}

/* What the user can do about a status; "" where the library's text says it all. */
static const char *advice(oj_status status)
{
    switch (status) {
    case OJ_E_NO_LLVM:
        return "\nAn ELF object runs without LLVM.";
    case OJ_E_PASSES:
        return "\nPasses are written as opt(1) takes them, for instance --passes='function(mem2reg,instcombine)'.";
    case OJ_E_DUPLICATE:
        return "\nEach function and variable may be defined in one module only; make the others static.";
    case OJ_E_PERMISSION:
        return "\nThis system forbids making memory executable in every way that is known.";
    case OJ_E_WORKER_DEADLINE:
        return "\n--deadline=MS says how many milliseconds a module may take.";
    case OJ_E_WORKER_MEMORY:
        return "\n--memory=MIB says how many mebibytes a module may take.";
    case OJ_E_NOMEM:
        return "\nFree some memory, or raise the limit (ulimit -v).";
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
    return fail("%s%s%s%s", is_named ? "" : place, is_named ? "" : ": ", text, advice(error->status));
}
