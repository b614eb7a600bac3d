/* A link case: a file of assembly that says in its comments where it is linked, what it comes to and who must agree.
 *
 * Directives stand in comments at a line's start:
 *   # code ADDR, # rodata ADDR, # data ADDR   run addresses of the segments (defaults below)
 *   # define NAME ADDR                        an external symbol
 *   # expect SEGMENT BYTES                    the whole segment, in hexadecimal; several lines follow one another
 *   # expect SEGMENT @OFFSET BYTES            bytes at an offset
 *   # says TEXT                               is part of the error's text
 *   # fails STATUS [section=S] [offset=N] [relocation=R] [symbol=S]
 *   # refused STATUS ...                      the same, already when the object is read
 *   # tls [TOKEN OFFSET]                      a client's thread-local storage: what its block's token is, and where it
 *                                             lies from the thread pointer on
 *   # assembler COMMAND                       instead of the architecture's; `-o OBJECT SOURCE` is added
 *   # relaxes                                 expects relaxed loads or direct calls: skipped under OJ_STRESS
 *   # oracle ld | lld | none: REASON          which other linkers must agree; without the line both must. Where a
 *                                             link is to fail with OJ_E_RANGE they must fail too
 *   # oracle-flags FLAGS                      more arguments for them
 *   # oracle-got BYTES                          its GOT begins with so many of its own, which lie before the segment
 *   # oracle-compares code                      code only: entries of the GOT are the dynamic linker's to fill
 *   # random                                  nothing is expected but what the others make of it
 *   # counts STUBS VENEERS ENTRIES            of the link's statistics: stubs, those of them that bring a callee in
 *                                             reach, entries of the GOT; not looked at under OJ_STRESS */
#ifndef OJT_CASE_FILE_H
#define OJT_CASE_FILE_H

#include "support/test.h"

#include "base/base.h"

#include <ownjit/ownjit.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEFINITIONS = 16, MAX_CHUNKS = 32, MAX_BYTES = 512 };

typedef struct chunk {
    uint32_t kind; /* oj_segment_kind */
    bool is_whole;
    uint64_t offset; /* of a part */
    uint8_t bytes[MAX_BYTES];
    size_t size;
} chunk;

typedef struct link_case {
    char path[PATH_MAX];
    uint64_t addrs[4];
    oj_definition definitions[MAX_DEFINITIONS];
    size_t n_definitions;
    chunk chunks[MAX_CHUNKS];
    size_t n_chunks;
    oj_status status;
    bool is_refused;
    bool relaxes;
    bool is_random;
    bool has_tls;
    bool compares_code;
    uint64_t got_header; /* bytes, of another linker */
    uint64_t tls_token;
    uint64_t tls_offset;
    char assembler[128];
    bool use_ld;
    bool use_lld;
    uint64_t counts[3]; /* stubs, veneers, GOT entries */
    bool has_counts;
    uint64_t offset; /* UINT64_MAX = not said */
    char section[128];
    char relocation[64];
    char symbol[256];
    char oracle_flags[256];
    char says[128];
    char names[MAX_DEFINITIONS][64];
} link_case;

static const char *const kind_names[4] = {"", "code", "rodata", "data"};

/* --- directives --------------------------------------------------------------------------------------------------- */

static inline oj_status status_of(const char *name)
{
#define MATCH(status, number, text) \
    if (strcmp(name, #status) == 0) \
        return number;
    OJ_STATUS_LIST(MATCH)
#undef MATCH
    fail_msg("no status named %s", name);
    return OJ_OK;
}

static inline void read_bytes(chunk *part, char *word)
{
    for (; word; word = strtok(NULL, " \t\n")) {
        char *end;
        unsigned long value = strtoul(word, &end, 16);
        if (*end != '\0' || value > 0xff || part->size == MAX_BYTES)
            fail_msg("'%s' is no byte", word);
        part->bytes[part->size++] = (uint8_t)value;
    }
}

static inline uint32_t kind_of(const char *name)
{
    uint32_t kind = 1;
    while (kind < 4 && (!name || strcmp(name, kind_names[kind]) != 0))
        kind++;
    if (kind == 4)
        fail_msg("no segment named %s", name ? name : "");
    return kind;
}

static inline void read_expect(link_case *test)
{
    uint32_t kind = kind_of(strtok(NULL, " \t\n"));
    char *word = strtok(NULL, " \t\n");
    chunk *part = NULL;
    bool is_whole = word && word[0] != '@';
    for (size_t i = 0; i < test->n_chunks && is_whole; i++)
        if (test->chunks[i].kind == kind && test->chunks[i].is_whole)
            part = &test->chunks[i];
    if (!part) {
        assert_true(test->n_chunks < MAX_CHUNKS);
        part = &test->chunks[test->n_chunks++];
        part->kind = kind;
        part->is_whole = is_whole;
    }
    if (!is_whole) {
        part->offset = strtoull(word + 1, NULL, 0);
        word = strtok(NULL, " \t\n");
    }
    read_bytes(part, word);
}

static inline void read_failure(link_case *test)
{
    char *word = strtok(NULL, " \t\n");
    test->status = status_of(word);
    while ((word = strtok(NULL, " \t\n")) != NULL) {
        if (sscanf(word, "section=%127s", test->section) == 1 ||
            sscanf(word, "relocation=%63s", test->relocation) == 1 || sscanf(word, "symbol=%255s", test->symbol) == 1)
            continue;
        if (strncmp(word, "offset=", 7) != 0)
            fail_msg("cannot read '%s'", word);
        test->offset = strtoull(word + 7, NULL, 0);
    }
}

static inline void read_oracle(link_case *test)
{
    const char *which = strtok(NULL, " \t\n");
    test->use_ld = which && strcmp(which, "ld") == 0;
    test->use_lld = which && strcmp(which, "lld") == 0;
    if (!test->use_ld && !test->use_lld && (!which || strcmp(which, "none:") != 0 || !strtok(NULL, "\n")))
        fail_msg("an oracle line names ld or lld, or gives a reason");
}

static inline void read_define(link_case *test)
{
    const char *name = strtok(NULL, " \t\n"), *addr = strtok(NULL, " \t\n");
    assert_true(name && addr && test->n_definitions < MAX_DEFINITIONS);
    oji_copy_text(test->names[test->n_definitions], sizeof test->names[0], name);
    test->definitions[test->n_definitions].name = test->names[test->n_definitions];
    test->definitions[test->n_definitions++].addr = strtoull(addr, NULL, 0);
}

static inline void read_counts(link_case *test)
{
    for (size_t i = 0; i < OJI_COUNT(test->counts); i++) {
        const char *word = strtok(NULL, " \t\n");
        assert_non_null(word);
        test->counts[i] = strtoull(word, NULL, 0);
    }
    test->has_counts = true;
}

/* Without numbers, such as can be told apart in the linked bytes. */
static inline void read_tls(link_case *test)
{
    const char *token = strtok(NULL, " \t\n"), *offset = strtok(NULL, " \t\n");
    assert_int_equal(token != NULL, offset != NULL);
    test->has_tls = true;
    test->tls_token = token ? strtoull(token, NULL, 0) : 0x11223344;
    test->tls_offset = offset ? strtoull(offset, NULL, 0) : (uint64_t)-0x1000;
}

static inline void read_directive(link_case *test, char *line)
{
    char *word = strtok(line, " \t\n");
    if (!word)
        return;
    if (strcmp(word, "expect") == 0)
        read_expect(test);
    else if (strcmp(word, "define") == 0)
        read_define(test);
    else if (strcmp(word, "fails") == 0)
        read_failure(test);
    else if (strcmp(word, "refused") == 0)
        read_failure(test), test->is_refused = true;
    else if (strcmp(word, "relaxes") == 0)
        test->relaxes = true;
    else if (strcmp(word, "tls") == 0)
        read_tls(test);
    else if (strcmp(word, "assembler") == 0)
        oji_copy_text(test->assembler, sizeof test->assembler, strtok(NULL, "\n"));
    else if (strcmp(word, "oracle-got") == 0)
        test->got_header = strtoull(strtok(NULL, " \t\n"), NULL, 0);
    else if (strcmp(word, "oracle-compares") == 0)
        test->compares_code = true;
    else if (strcmp(word, "random") == 0)
        test->is_random = true;
    else if (strcmp(word, "counts") == 0)
        read_counts(test);
    else if (strcmp(word, "says") == 0)
        oji_copy_text(test->says, sizeof test->says, strtok(NULL, "\n"));
    else if (strcmp(word, "oracle") == 0)
        read_oracle(test);
    else if (strcmp(word, "oracle-flags") == 0)
        oji_copy_text(test->oracle_flags, sizeof test->oracle_flags, strtok(NULL, "\n"));
    else if (strcmp(word, "code") == 0 || strcmp(word, "rodata") == 0 || strcmp(word, "data") == 0)
        test->addrs[kind_of(word)] = strtoull(strtok(NULL, " \t\n"), NULL, 0);
    else
        fail_msg("no directive named %s", word);
}

static inline void read_case(link_case *test, const char *path)
{
    char line[2048];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    memset(test, 0, sizeof *test);
    oji_copy_text(test->path, sizeof test->path, path);
    test->addrs[OJ_SEGMENT_CODE] = 0x10000000;
    test->addrs[OJ_SEGMENT_RODATA] = 0x10200000;
    test->addrs[OJ_SEGMENT_DATA] = 0x10400000;
    test->offset = UINT64_MAX;
    test->use_ld = test->use_lld = true;
    while (fgets(line, sizeof line, file))
        if (line[0] == '#' && line[1] == ' ' && line[2] != ' ')
            read_directive(test, line + 2);
    fclose(file);
    if (test->status == OJ_OK && test->n_chunks == 0 && !test->is_random)
        fail_msg("%s expects nothing", path);
}

#endif
