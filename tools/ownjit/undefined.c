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
    fprintf(list->stream, "\n  %s  referred to by %s", undefined->name, undefined->object);
    if (undefined->section[0] != '\0')
        fprintf(list->stream, ", section %s+0x%llx", undefined->section, (unsigned long long)undefined->offset);
    if (undefined->n_references > 1)
        fprintf(list->stream, " (%llu references in all)", (unsigned long long)undefined->n_references);
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
    if (list->stream)
        fflush(list->stream);
    fail("%zu undefined symbol%s:%s\nSay where they are with %s.", list->n_names, list->n_names == 1 ? "" : "s",
         list->text ? list->text : " (no memory to list them)", advice);
}

void undefined_close(struct undefined_list *list)
{
    if (list->stream)
        fclose(list->stream);
    free(list->text);
}
