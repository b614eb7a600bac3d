/* What tests of sessions share: modules made of words. A definition is a word of 8 bytes that holds its own number; a
 * reference is a slot of 8 bytes that linking fills with an address. */
#ifndef OJT_SESSION_SUPPORT_H
#define OJT_SESSION_SUPPORT_H

#include "link/linktest.h"

/* A module under construction. */
typedef struct ojt_words {
    ojt_elf elf;
    uint64_t words[OJT_ELF_MAX];
    uint16_t data;
    uint32_t n_words;
} ojt_words;

static inline void ojt_words_init(ojt_words *w)
{
    memset(w, 0, sizeof *w);
    ojt_elf_init(&w->elf);
    w->data = ojt_elf_add_data(&w->elf, w->words, sizeof w->words);
}

/* Define a word; binding and visibility as in elf.h. */
static inline void ojt_words_define(ojt_words *w, const char *name, uint64_t value, unsigned binding,
                                    unsigned visibility)
{
    uint32_t symbol = ojt_elf_add_symbol(&w->elf, name, w->data, w->n_words * 8, 8, binding, STT_OBJECT);
    w->elf.symbols[symbol].st_other = (unsigned char)visibility;
    w->words[w->n_words++] = value;
}

static inline void ojt_words_common(ojt_words *w, const char *name, uint64_t size)
{
    ojt_elf_add_symbol(&w->elf, name, SHN_COMMON, 8, size, STB_GLOBAL, STT_OBJECT);
}

/* A slot with the address of symbol number `symbol` of the builder. */
static inline void ojt_words_point(ojt_words *w, uint32_t symbol)
{
    ojt_elf_add_addr(&w->elf, w->data, w->n_words * 8, symbol, 0);
    w->words[w->n_words++] = 0;
}

static inline void ojt_words_refer(ojt_words *w, const char *name, unsigned binding)
{
    ojt_words_point(w, ojt_elf_add_symbol(&w->elf, name, SHN_UNDEF, 0, 0, binding, STT_NOTYPE));
}

/* Nothing runs here: only the heap is needed. */
static inline oj_object *ojt_words_finish(ojt_words *w, const char *name) { return ojt_object(&w->elf, name); }

static inline void *ojt_words_bytes(ojt_words *w, size_t *size) { return ojt_elf_finish(&w->elf, size); }

static inline oj_session *ojt_session_with(const oj_memory *memory, const oj_allocator *allocator)
{
    oj_session_options options;
    oj_session *session = NULL;
    oj_error error = {0};
    oj_session_options_init(&options);
    options.memory = memory;
    options.allocator = allocator;
    if (oj_session_create(&session, &options, &error) != OJ_OK)
        fail_msg("oj_session_create: %s", error.text);
    return session;
}

static inline oj_module *ojt_session_add(oj_session *session, const oj_object *object)
{
    oj_module *module = NULL;
    oj_error error = {0};
    if (oj_session_add_object(session, object, NULL, &module, &error) != OJ_OK)
        fail_msg("oj_session_add_object: %s", error.text);
    assert_non_null(module);
    return module;
}

static inline uint64_t ojt_session_lookup(oj_session *session, const char *name)
{
    oj_error error = {0};
    uint64_t addr = 0;
    if (oj_session_lookup(session, name, &addr, &error) != OJ_OK)
        fail_msg("oj_session_lookup(%s): %s", name, error.text);
    return addr;
}

static inline oj_status ojt_session_try(oj_session *session, const char *name)
{
    oj_error error;
    uint64_t addr = 1;
    oj_status status = oj_session_lookup(session, name, &addr, &error);
    assert_int_equal(status, error.status);
    assert_true(status == OJ_OK || addr == 0);
    return status;
}

static inline uint64_t ojt_word_at(uint64_t addr) { return *(const uint64_t *)(uintptr_t)addr; }

static inline int ojt_session_call(oj_session *session, const char *name)
{
    return ojt_call_at(ojt_session_lookup(session, name));
}

#endif
