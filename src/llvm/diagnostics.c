/* What LLVM says, made into errors. */
#include "llvm/llvm.h"

#include <stdio.h>
#include <stdlib.h>

/* Room for dots and a zero is kept throughout. Needs a capacity of 4 at least. */
void oji_llvm_flatten(char *buffer, size_t capacity, const char *text)
{
    size_t length = 0;
    const char *p = text ? text + strspn(text, " \t\n\r") : "";
    while (*p && length + 4 < capacity) {
        size_t blanks = strspn(p, " \t\n\r");
        if (blanks == 0) {
            buffer[length++] = *p++;
            continue;
        }
        if (p[blanks] == '\0')
            break;
        /* A break becomes "; ", unless the line before already ends in a mark of its own. */
        if (memchr(p, '\n', blanks) && !strchr(",;:", buffer[length - 1]))
            buffer[length++] = ';';
        buffer[length++] = ' ';
        p += blanks;
    }
    buffer[length] = '\0';
    if (*p && length + 4 >= capacity)
        memcpy(buffer + capacity - 4, "...", 4);
}

/* What does not fit is dropped: there are no errors among it. */
static void hold(oji_llvm_held *held, unsigned severity, const char *text)
{
    if (held->n == OJI_LLVM_MAX_HELD)
        return;
    oji_llvm_flatten(held->lines[held->n], sizeof held->lines[0], text);
    held->severities[held->n++] = severity;
}

void oji_llvm_tell_held(oji_llvm_listener *listener)
{
    const oji_llvm_held *held = listener->held;
    listener->held = NULL;
    for (uint32_t i = 0; i < held->n; i++)
        listener->diagnostic(listener->diagnostic_context, held->severities[i], held->lines[i]);
}

/* Called by LLVM, on the compiling thread or on one that captures. Only the first error is kept: later ones mostly
 * follow from it, and there is one record. Texts are asked for only where somebody reads them. */
void oji_llvm_listen(oji_llvm_diagnostic *diagnostic, void *context)
{
    oji_llvm_listener *listener = context;
    const oji_llvm_api *api = listener->api;
    unsigned severity = api->GetDiagInfoSeverity(diagnostic);
    char *text;
    if (severity == OJI_LLVM_SEVERITY_ERROR ? listener->n_errors++ > 0 : !listener->diagnostic)
        return;
    text = api->GetDiagInfoDescription(diagnostic);
    if (severity == OJI_LLVM_SEVERITY_ERROR) {
        oji_llvm_flatten(listener->text, sizeof listener->text, text);
    } else if (listener->held) {
        hold(listener->held, severity, text);
    } else {
        char line[OJI_LLVM_TEXT_SIZE];
        oji_llvm_flatten(line, sizeof line, text);
        listener->diagnostic(listener->diagnostic_context, severity, line);
    }
    api->DisposeMessage(text);
}

/* Read ":LINE:COLUMN: error: " and step over it; false, with nothing stepped over, where the text does not begin so.
 * strtoul() skips blanks and takes signs; both would then fail at the colon or be a number that harms nobody. */
static bool read_position(const char **text, uint32_t *line, uint32_t *column)
{
    const char *at;
    char *end;
    unsigned long first, second;
    if (**text != ':')
        return false;
    first = strtoul(*text + 1, &end, 10);
    if (end == *text + 1 || *end != ':')
        return false;
    at = end + 1;
    second = strtoul(at, &end, 10);
    if (end == at || *end != ':')
        return false;
    *line = (uint32_t)first;
    *column = (uint32_t)second;
    *text = end + 1 + strspn(end + 1, " ");
    if (strncmp(*text, "error: ", 7) == 0)
        *text += 7;
    return true;
}

/* The message is "NAME:LINE:COLUMN: error: TEXT", then the source line and a line with a mark under the column.
 * Names may hold colons, so that the name is stepped over by its length before numbers are looked for. */
oj_status oji_llvm_fail_parse(oj_error *error, const char *name, const char *message)
{
    oji_place place = {.object = name, .offset = UINT64_MAX};
    const char *text = message ? message : "";
    uint32_t line = 0, column = 0;
    char flat[OJI_LLVM_TEXT_SIZE];
    char first[OJI_LLVM_TEXT_SIZE];
    if (strncmp(text, name, strlen(name)) == 0)
        text += strlen(name);
    if (!read_position(&text, &line, &column)) {
        oji_llvm_flatten(flat, sizeof flat, text);
        return oji_fail_at(error, OJ_E_IR, &place, "%s: %s", name, flat);
    }
    snprintf(first, sizeof first, "%.*s", (int)strcspn(text, "\n"), text);
    oji_llvm_flatten(flat, sizeof flat, first);
    oji_fail_at(error, OJ_E_IR, &place, "%s:%u:%u: %s", name, line, column, flat);
    if (error) {
        error->line = line;
        error->column = column;
    }
    return OJ_E_IR;
}
