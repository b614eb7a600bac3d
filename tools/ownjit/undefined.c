/* The text of all undefined names of a link, gathered so that their number stands above them. */
#include "tool.h"

#include <stdlib.h>

static void add_undefined(void *context, const oj_undefined *undefined)
{
    struct undefined_list *list = context;
    list->n_names++;
    /* Without memory for the text the number of names is still told. */
    if (!list->stream)
        return;
    fputs("  ", list->stream);
    put_printable(list->stream, undefined->name);
    fputs("  referred to by ", list->stream);
    put_printable(list->stream, undefined->object);
    if (undefined->section[0] != '\0') {
        fputs(", section ", list->stream);
        put_printable(list->stream, undefined->section);
        fprintf(list->stream, "+0x%llx", (unsigned long long)undefined->offset);
    }
    if (undefined->n_references > 1)
        fprintf(list->stream, " (%llu references in all)", (unsigned long long)undefined->n_references);
    putc('\n', list->stream);
}

void undefined_open(struct undefined_list *list, oj_link_options *options)
{
    list->text = NULL;
    list->size = list->n_names = 0;
    list->stream = open_memstream(&list->text, &list->size);
    options->undefined = add_undefined;
    options->undefined_context = list;
}

void undefined_fail(struct undefined_list *list, const char *advice)
{
    if (list->stream) {
        fprintf(list->stream, "Say where they are with %s.", advice);
        fflush(list->stream);
    }
    fail_with(list->text ? list->text : "There is no memory to list them.", "%zu undefined symbol%s:", list->n_names,
              list->n_names == 1 ? "" : "s");
}

void undefined_close(struct undefined_list *list)
{
    if (list->stream)
        fclose(list->stream);
    free(list->text);
}
