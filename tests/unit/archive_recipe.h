/* Archives as GNU ar would write them, from small objects. */
#ifndef OJT_ARCHIVE_RECIPE_H
#define OJT_ARCHIVE_RECIPE_H

#include "link/linktest.h"
#include "support/ar.h"

enum { OJT_RECIPE_MEMBERS = 8, OJT_RECIPE_INDEX = 8 };

/* What an archive is made of. */
typedef struct ojt_recipe {
    uint8_t *members[OJT_RECIPE_MEMBERS];
    size_t sizes[OJT_RECIPE_MEMBERS];
    const char *index_names[OJT_RECIPE_INDEX];
    int index_members[OJT_RECIPE_INDEX];
    int n_members;
    int n_index;
} ojt_recipe;

static inline void ojt_recipe_member(ojt_recipe *made, ojt_elf *elf)
{
    made->members[made->n_members] = ojt_elf_finish(elf, &made->sizes[made->n_members]);
    made->n_members++;
}

static inline void ojt_recipe_index(ojt_recipe *made, const char *name, int member)
{
    made->index_names[made->n_index] = name;
    made->index_members[made->n_index++] = member;
}

static inline void ojt_recipe_returning(ojt_recipe *made, const char *function, uint32_t value)
{
    uint8_t bytes[OJT_RETURN_SIZE];
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, function, ojt_elf_add_code(&elf, ojt_return_code(bytes, value), OJT_RETURN_SIZE), 0,
                       OJT_RETURN_SIZE);
    ojt_recipe_member(made, &elf);
    ojt_recipe_index(made, function, made->n_members - 1);
}

static inline void ojt_recipe_calling(ojt_recipe *made, const char *function, const char *callee)
{
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_calling_code, sizeof ojt_calling_code);
    ojt_elf_add_global(&elf, function, text, 0, sizeof ojt_calling_code);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, callee));
    ojt_recipe_member(made, &elf);
    ojt_recipe_index(made, function, made->n_members - 1);
}

static inline void ojt_recipe_put32be(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Write the archive as GNU ar would, and open it. The members are freed. */
static inline oj_archive *ojt_recipe_open(ojt_recipe *made)
{
    uint8_t bytes[16384];
    size_t offsets[OJT_RECIPE_MEMBERS], index_size = 4 + 4 * (size_t)made->n_index, position, index = SARMAG;
    oj_archive *archive = NULL;
    oj_error error = {0};
    memset(bytes, '\n', sizeof bytes);
    memcpy(bytes, ARMAG, SARMAG);
    for (int i = 0; i < made->n_index; i++)
        index_size += strlen(made->index_names[i]) + 1;
    ojt_ar_put_header(bytes + index, "/", index_size);
    position = index + sizeof(struct ar_hdr) + index_size;
    for (int i = 0; i < made->n_members; i++) {
        char name[16];
        position = (position + 1) & ~(size_t)1;
        offsets[i] = position;
        snprintf(name, sizeof name, "m%d.o/", i);
        assert_true(position + sizeof(struct ar_hdr) + made->sizes[i] < sizeof bytes);
        ojt_ar_put_header(bytes + position, name, made->sizes[i]);
        memcpy(bytes + position + sizeof(struct ar_hdr), made->members[i], made->sizes[i]);
        position += sizeof(struct ar_hdr) + made->sizes[i];
        free(made->members[i]);
    }
    index += sizeof(struct ar_hdr);
    ojt_recipe_put32be(bytes + index, (size_t)made->n_index);
    index += 4;
    for (int i = 0; i < made->n_index; i++, index += 4)
        ojt_recipe_put32be(bytes + index, offsets[made->index_members[i]]);
    for (int i = 0; i < made->n_index; i++) {
        memcpy(bytes + index, made->index_names[i], strlen(made->index_names[i]) + 1);
        index += strlen(made->index_names[i]) + 1;
    }
    if (oj_archive_create(&archive, bytes, position, NULL, &error) != OJ_OK)
        fail_msg("oj_archive_create: %s", error.text);
    return archive;
}

#endif
