/* Archives: GNU and thin, right and wrong. */
#include "archive_writer.h"
#include "object_walk.h"
#include "support/heap.h"

#include <sys/stat.h>
#include <unistd.h>

static oj_archive *must_open(const ojt_ar *ar, uint32_t flags, const char *name)
{
    oj_archive_options options;
    oj_archive *archive = NULL;
    oj_error error;
    oj_archive_options_init(&options);
    options.name = name;
    options.flags = flags;
    if (oj_archive_create(&archive, ar->bytes, ar->size, &options, &error) != OJ_OK)
        fail_msg("%s: %s", oj_status_name(error.status), error.text);
    assert_non_null(archive);
    return archive;
}

static void expect_refused(const ojt_ar *ar, oj_status status, const char *words)
{
    oj_archive *archive = (oj_archive *)&words;
    oj_error error;
    oj_status got = oj_archive_create(&archive, ar->bytes, ar->size, NULL, &error);
    assert_null(archive);
    assert_int_equal(got, error.status);
    if (got != status || !strstr(error.text, words))
        fail_msg("%s '%s', not %s '%s'", oj_status_name(got), error.text, oj_status_name(status), words);
    assert_int_equal(oj_archive_create(&archive, ar->bytes, ar->size, NULL, NULL), status);
}

static void expect_member_refused(oj_archive *archive, const char *name, oj_status status, const char *words)
{
    const oj_object *object = (const oj_object *)archive;
    oj_error error;
    oj_status got = oj_archive_lookup(archive, name, &object, &error);
    assert_null(object);
    if (got != status || !strstr(error.text, words))
        fail_msg("%s '%s', not %s '%s'", oj_status_name(got), error.text, oj_status_name(status), words);
    assert_int_equal(got, error.status);
}

static void check_archive(oj_archive *archive)
{
    const oj_object *one, *two, *again;
    oj_error error;
    uint32_t member, other;
    assert_int_equal(oj_archive_symbol_count(archive), 3);
    assert_string_equal(oj_archive_symbol(archive, 0), "one");
    assert_string_equal(oj_archive_symbol(archive, 1), "two");
    assert_string_equal(oj_archive_symbol(archive, 2), "alias");
    assert_null(oj_archive_symbol(archive, 3));
    assert_null(oj_archive_symbol(archive, SIZE_MAX));
    assert_int_equal(oj_archive_lookup(archive, "one", &one, &error), OJ_OK);
    assert_int_equal(error.status, OJ_OK);
    assert_string_equal(oj_object_name(one), "dir/libx.a(one.o)");
    ojt_walk_object(one);
    assert_int_equal(oj_archive_lookup(archive, "two", &two, &error), OJ_OK);
    assert_string_equal(oj_object_name(two), "dir/libx.a(a_member_with_a_long_name.o)");
    assert_ptr_not_equal(one, two);
    /* Read once: another name of the same member, and the same name again, give the same object. */
    assert_int_equal(oj_archive_lookup(archive, "alias", &again, NULL), OJ_OK);
    assert_ptr_equal(again, two);
    assert_int_equal(oj_archive_lookup(archive, "one", &again, NULL), OJ_OK);
    assert_ptr_equal(again, one);
    assert_true(archive->find(archive, "two", 3, &member));
    assert_true(archive->find(archive, "alias", 5, &other));
    assert_int_equal(member, other);
    assert_int_equal(archive->load(archive, member, &again, NULL), OJ_OK);
    assert_ptr_equal(again, two);
    assert_false(archive->find(archive, "twox", 4, &member));
    assert_false(archive->find(archive, "tw", 2, &member));
    assert_int_equal(archive->load(archive, 2, &again, &error), OJ_E_MISUSE);
    assert_null(again);
    expect_member_refused(archive, "absent", OJ_E_NOT_FOUND, "dir/libx.a: no member defines 'absent'");
}

static void archive_members_found(void **state)
{
    (void)state;
    for (uint32_t word_size = 4; word_size <= 8; word_size += 4)
        for (uint32_t flags = 0; flags <= OJ_OBJECT_BORROW; flags++) {
            ojt_ar ar;
            oj_archive *archive;
            ojt_ar_make(&ar, word_size);
            archive = must_open(&ar, flags, "dir/libx.a");
            if (flags == 0) {
                memset(ar.bytes, 0xee, ar.size);
                free(ar.bytes);
                ar.bytes = NULL;
            }
            check_archive(archive);
            oj_archive_destroy(archive);
            free(ar.bytes);
        }
}

static void archive_any_alignment_read(void **state)
{
    ojt_ar ar;
    (void)state;
    ojt_ar_make(&ar, 4);
    for (size_t shift = 1; shift < 8; shift++) {
        ojt_ar shifted = {malloc(ar.size + shift), ar.size};
        uint8_t *block = shifted.bytes;
        oj_archive *archive;
        shifted.bytes += shift;
        memcpy(shifted.bytes, ar.bytes, ar.size);
        archive = must_open(&shifted, OJ_OBJECT_BORROW, "dir/libx.a");
        check_archive(archive);
        oj_archive_destroy(archive);
        free(block);
    }
    free(ar.bytes);
}

static void archive_without_members_empty(void **state)
{
    ojt_ar ar;
    oj_archive *archive;
    (void)state;
    ojt_ar_start(&ar, "!<arch>\n");
    archive = must_open(&ar, 0, NULL);
    assert_int_equal(oj_archive_symbol_count(archive), 0);
    assert_null(oj_archive_symbol(archive, 0));
    expect_member_refused(archive, "f", OJ_E_NOT_FOUND, "archive: no member");
    oj_archive_destroy(archive);
    ojt_ar_index(&ar, 4, NULL, NULL, 0, 0);
    archive = must_open(&ar, 0, NULL);
    expect_member_refused(archive, "f", OJ_E_NOT_FOUND, "no member");
    oj_archive_destroy(archive);
    free(ar.bytes);
}

/* An index out of order, as no ar writes it: members are still told apart, and each is read once. */
static void archive_unordered_index_read(void **state)
{
    static const char *const names[] = {"b1", "a1", "b2", "a2", "b1"};
    const size_t base = 8 + 60 + 4 * 6 + 15 + 1;
    ojt_elf a, b;
    ojt_ar ar;
    oj_archive *archive;
    const oj_object *first, *second;
    size_t offset_b;
    (void)state;
    ojt_make_named(&a, "a1");
    ojt_make_named(&b, "b1");
    offset_b = base + 60 + ((a.size + 1) & ~(size_t)1);
    {
        const size_t offsets[] = {offset_b, base, offset_b, base, base};
        ojt_ar_start(&ar, "!<arch>\n");
        ojt_ar_index(&ar, 4, names, offsets, 5, 0);
    }
    assert_int_equal(ojt_ar_member(&ar, "a.o/", a.bytes, a.size), base);
    assert_int_equal(ojt_ar_member(&ar, "b.o/", b.bytes, b.size), offset_b);
    archive = must_open(&ar, 0, "x.a");
    assert_int_equal(oj_archive_symbol_count(archive), 5);
    assert_int_equal(oj_archive_lookup(archive, "a1", &first, NULL), OJ_OK);
    assert_int_equal(oj_archive_lookup(archive, "a2", &second, NULL), OJ_OK);
    assert_ptr_equal(first, second);
    /* The first of two entries of one name heap. */
    assert_int_equal(oj_archive_lookup(archive, "b1", &first, NULL), OJ_OK);
    assert_string_equal(oj_object_name(first), "x.a(b.o)");
    assert_int_equal(oj_archive_lookup(archive, "b2", &second, NULL), OJ_OK);
    assert_ptr_equal(first, second);
    oj_archive_destroy(archive);
    ojt_free(&a);
    ojt_free(&b);
    free(ar.bytes);
}

/* Half a million entries of one name would be slow to pass, were they all kept under it. */
static void archive_equal_names_stay_fast(void **state)
{
    enum { N = 500000 };
    uint8_t *bytes = calloc(1, 68 + 4 + (size_t)N * 6);
    ojt_ar ar = {bytes, 68 + 4 + (size_t)N * 6};
    oj_archive *archive;
    uint64_t start;
    char header[80];
    (void)state;
    snprintf(header, sizeof header, "!<arch>\n%-48s%-10zu`\n", "/", ar.size - 68);
    memcpy(bytes, header, 68);
    bytes[69] = (uint8_t)(N >> 16);
    bytes[70] = (uint8_t)(N >> 8);
    bytes[71] = (uint8_t)N;
    for (size_t i = 0; i < N; i++)
        bytes[72 + (size_t)N * 4 + i * 2] = 'f';
    start = oji_now();
    archive = must_open(&ar, OJ_OBJECT_BORROW, "x.a");
    assert_true(oji_now() - start < UINT64_C(10000000000));
    assert_int_equal(oj_archive_symbol_count(archive), N);
    assert_string_equal(oj_archive_symbol(archive, N - 1), "f");
    oj_archive_destroy(archive);
    free(bytes);
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

static void archive_other_files_refused(void **state)
{
    ojt_ar ar = {(uint8_t *)(uintptr_t) "!<arch>", 7};
    (void)state;
    expect_refused(&ar, OJ_E_FORMAT, "not an archive");
    ar.size = 0;
    expect_refused(&ar, OJ_E_FORMAT, "not an archive");
    ar.bytes = (uint8_t *)(uintptr_t) "\177ELF\2\1\1\0\0\0\0";
    ar.size = 11;
    expect_refused(&ar, OJ_E_FORMAT, "not an archive");
}

static void archive_without_index_refused(void **state)
{
    ojt_ar ar;
    (void)state;
    ojt_ar_start(&ar, "!<arch>\n");
    ojt_ar_member(&ar, "one.o/", "abc", 3);
    expect_refused(&ar, OJ_E_UNSUPPORTED, "ranlib");
    free(ar.bytes);
}

static void archive_other_forms_refused(void **state)
{
    static const char *const names[] = {"#1/12", "__.SYMDEF", "__.SYMDEF SORTED", "__.SYMDEF_64"};
    ojt_ar ar;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(names); i++) {
        ojt_ar_start(&ar, "!<arch>\n");
        ojt_ar_member(&ar, names[i], "abcdefgh", 8);
        expect_refused(&ar, OJ_E_UNSUPPORTED, "BSD");
        free(ar.bytes);
    }
    ojt_ar_start(&ar, "!<arch>\n");
    ojt_ar_index(&ar, 4, NULL, NULL, 0, 0);
    ojt_ar_index(&ar, 4, NULL, NULL, 0, 0);
    expect_refused(&ar, OJ_E_UNSUPPORTED, "second table");
    free(ar.bytes);
}

static void archive_index_checked(void **state)
{
    static const struct {
        const char *content;
        size_t size;
        const char *words;
    } rows[] = {
        {"", 0, "no count"},
        {"\0\0\0", 3, "no count"},
        {"\0\0\0\1", 4, "more symbols"},
        {"\0\0\0\1\0\0\0\0", 8, "more symbols"},
        {"\377\377\377\377\0\0\0\0x\0", 10, "more symbols"},
        {"\0\0\0\1\0\0\0\0x", 9, "before its names"},
        {"\0\0\0\2\0\0\0\0\0\0\0\0x\0", 14, "before its names"},
        {"\0\0\0\2\0\0\0\0\0\0\0\0x\0y", 15, "before its names"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_ar ar;
        ojt_ar_start(&ar, "!<arch>\n");
        ojt_ar_member(&ar, "/", rows[i].content, rows[i].size);
        expect_refused(&ar, OJ_E_MALFORMED, rows[i].words);
        free(ar.bytes);
    }
}

static void archive_headers_checked(void **state)
{
    ojt_ar ar;
    (void)state;
    ojt_ar_make(&ar, 4);
    ar.bytes[8 + 58] = 'x';
    expect_refused(&ar, OJ_E_MALFORMED, "no member's header");
    ar.bytes[8 + 58] = '`';
    memset(ar.bytes + 8 + 48, ' ', 10);
    expect_refused(&ar, OJ_E_MALFORMED, "size is no number");
    memset(ar.bytes + 8 + 48, '9', 10);
    expect_refused(&ar, OJ_E_TRUNCATED, "outside the archive");
    memcpy(ar.bytes + 8 + 48, "12x       ", 10);
    expect_refused(&ar, OJ_E_MALFORMED, "size is no number");
    free(ar.bytes);
}

/* One member; its header and the index are as a hostile archive has them. */
static oj_archive *open_one(ojt_ar *ar, const char *magic, const char *member, uint64_t size, size_t offset,
                            const char *name)
{
    static const char *const names[] = {"f"};
    static const char long_names[] = "long/\nunended";
    size_t base = 8 + 60 + 10 + 60 + 14;
    ojt_ar_start(ar, magic);
    ojt_ar_index(ar, 4, names, &offset, 1, offset == 0 ? base : 0);
    ojt_ar_member(ar, "//", long_names, sizeof long_names - 1);
    ojt_ar_append(ar, "\n", 1);
    assert_int_equal(ar->size, base);
    ojt_ar_header(ar, member, size);
    ojt_ar_append(ar, "0123456789", 10);
    return must_open(ar, OJ_OBJECT_BORROW, name);
}

static void archive_members_checked(void **state)
{
    static const struct {
        const char *member;
        uint64_t size;
        size_t offset; /* in the index; 0 = the right one */
        oj_status status;
        const char *words;
    } rows[] = {
        {"f.o/", 10, 0, OJ_E_FORMAT, "x.a(f.o): not an ELF object"},
        {"no_slash_at_all!", 10, 0, OJ_E_FORMAT, "x.a(no_slash_at_all!)"},
        {"/0", 10, 0, OJ_E_FORMAT, "x.a(long)"},
        {"f.o/", 11, 0, OJ_E_TRUNCATED, "outside the archive"},
        {"f.o/", 9999999999, 0, OJ_E_TRUNCATED, "outside the archive"},
        {"/6", 10, 0, OJ_E_MALFORMED, "no end"},
        {"/13", 10, 0, OJ_E_MALFORMED, "outside the table of names"},
        {"/999999999999999", 10, 0, OJ_E_MALFORMED, "outside the table of names"},
        {"/x", 10, 0, OJ_E_MALFORMED, "without a name"},
        {"f.o/", 10, 1, OJ_E_MALFORMED, "no member's header"},
        {"f.o/", 10, 4000000000, OJ_E_TRUNCATED, "outside the archive"},
        {"f.o/", 10, 200, OJ_E_TRUNCATED, "outside the archive"},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        ojt_ar ar;
        oj_archive *archive = open_one(&ar, "!<arch>\n", rows[i].member, rows[i].size, rows[i].offset, "x.a");
        expect_member_refused(archive, "f", rows[i].status, rows[i].words);
        /* Refused again in the same way: a failure leaves nothing behind. */
        expect_member_refused(archive, "f", rows[i].status, rows[i].words);
        oj_archive_destroy(archive);
        free(ar.bytes);
    }
}

static void archive_arguments_checked(void **state)
{
    ojt_ar ar;
    oj_archive *archive;
    oj_archive_options options;
    const oj_object *object;
    oj_error error;
    (void)state;
    ojt_ar_make(&ar, 4);
    oj_archive_destroy(NULL);
    assert_int_equal(oj_archive_symbol_count(NULL), 0);
    assert_null(oj_archive_symbol(NULL, 0));
    assert_int_equal(oj_archive_create(NULL, ar.bytes, ar.size, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_archive_create(&archive, NULL, 1, NULL, &error), OJ_E_MISUSE);
    assert_null(archive);
    oj_archive_options_init(&options);
    options.flags = 0x80000000;
    assert_int_equal(oj_archive_create(&archive, ar.bytes, ar.size, &options, &error), OJ_E_VERSION);
    memset(&options, 0, sizeof options);
    assert_int_equal(oj_archive_create(&archive, ar.bytes, ar.size, &options, &error), OJ_E_MISUSE);
    archive = must_open(&ar, 0, NULL);
    assert_int_equal(oj_archive_lookup(archive, "one", NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_archive_lookup(archive, NULL, &object, &error), OJ_E_MISUSE);
    assert_int_equal(oj_archive_lookup(NULL, "one", &object, &error), OJ_E_MISUSE);
    assert_null(object);
    oj_archive_destroy(archive);
    free(ar.bytes);
}

/* --- damage ------------------------------------------------------------------------------------------------------- */

static void open_and_walk(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    oj_archive_options options;
    oj_archive *archive;
    oj_error error;
    oj_status status;
    ojt_copy(copy, bytes, size);
    oj_archive_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    status = oj_archive_create(&archive, copy, size, &options, &error);
    ojt_check_error(&error, status);
    for (size_t i = 0; i < oj_archive_symbol_count(archive); i++) {
        const oj_object *object;
        status = oj_archive_lookup(archive, oj_archive_symbol(archive, i), &object, &error);
        ojt_check_error(&error, status);
        if (object)
            ojt_walk_object(object);
    }
    oj_archive_destroy(archive);
    free(copy);
}

static void archive_damaged_and_cut_survived(void **state)
{
    static const uint8_t values[] = {0, 1, '0', '9', 0x7f, 0x80, 0xff};
    ojt_ar ar;
    (void)state;
    ojt_ar_make(&ar, 8);
    for (size_t i = 0; i < ar.size; i++) {
        uint8_t kept = ar.bytes[i];
        for (size_t k = 0; k < OJI_COUNT(values); k++) {
            ar.bytes[i] = values[k];
            open_and_walk(ar.bytes, ar.size);
        }
        ar.bytes[i] = kept;
        open_and_walk(ar.bytes, i);
    }
    free(ar.bytes);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* A big index, out of order so that the scratch table is needed too. */
static void make_unordered(ojt_ar *ar)
{
    static char text[3000][8];
    static const char *names[3000];
    static size_t offsets[3000];
    for (size_t i = 0; i < OJI_COUNT(names); i++) {
        snprintf(text[i], sizeof text[i], "n%zu", i);
        names[i] = text[i];
        offsets[i] = (i * 7919) % 3000 * 2;
    }
    ojt_ar_start(ar, "!<arch>\n");
    ojt_ar_index(ar, 8, names, offsets, OJI_COUNT(names), 0);
}

static void archive_memory_failing_reported(void **state)
{
    oj_archive_options options;
    oj_archive *archive;
    const oj_object *object;
    oj_error error;
    ojt_heap heap;
    size_t held;
    ojt_ar ar;
    (void)state;
    ojt_heap_init(&heap);
    oj_archive_options_init(&options);
    options.allocator = &heap.table;
    make_unordered(&ar);
    heap.fail_at = 1;
    while (oj_archive_create(&archive, ar.bytes, ar.size, &options, &error) != OJ_OK) {
        assert_int_equal(error.status, OJ_E_NOMEM);
        assert_null(archive);
        assert_int_equal(heap.live_size, 0);
        heap.n_calls = 0;
        heap.fail_at++;
    }
    assert_true(heap.fail_at > 4);
    oj_archive_destroy(archive);
    assert_int_equal(heap.live_size, 0);
    free(ar.bytes);
    /* A member that cannot be had now can be had later. */
    ojt_ar_make(&ar, 4);
    ojt_heap_init(&heap);
    assert_int_equal(oj_archive_create(&archive, ar.bytes, ar.size, &options, &error), OJ_OK);
    held = heap.live_size;
    heap.fail_at = heap.n_calls + 1;
    expect_member_refused(archive, "one", OJ_E_NOMEM, "out of memory");
    assert_int_equal(heap.live_size, held);
    assert_int_equal(oj_archive_lookup(archive, "one", &object, &error), OJ_OK);
    oj_archive_destroy(archive);
    assert_int_equal(heap.live_size, 0);
    free(ar.bytes);
}

/* --- thin archives ------------------------------------------------------------------------------------------------ */

typedef struct thin {
    char folder[64];
    char archive[96];
    char member[96];
    ojt_ar ar;
} thin;

/* A folder with "sub/member.o", and a thin archive beside sub/ that names it. */
static void make_thin(thin *thin, const char *long_name)
{
    static const char *const names[] = {"inside"};
    size_t offset = 8 + 60 + 8 + 7 + 1 + 60;
    char text[200];
    ojt_elf elf;
    FILE *file;
    memset(thin, 0, sizeof *thin);
    snprintf(thin->folder, sizeof thin->folder, "/tmp/ojt-thin-XXXXXX");
    assert_non_null(mkdtemp(thin->folder));
    snprintf(thin->archive, sizeof thin->archive, "%s/libthin.a", thin->folder);
    snprintf(thin->member, sizeof thin->member, "%s/sub", thin->folder);
    assert_int_equal(mkdir(thin->member, 0700), 0);
    strcat(thin->member, "/member.o");
    ojt_make_named(&elf, "inside");
    file = fopen(thin->member, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(elf.bytes, 1, elf.size, file), elf.size);
    assert_int_equal(fclose(file), 0);
    snprintf(text, sizeof text, "%s/\n", long_name ? long_name : thin->member);
    offset += (strlen(text) + 1) & ~(size_t)1;
    ojt_ar_start(&thin->ar, "!<thin>\n");
    ojt_ar_index(&thin->ar, 4, names, &offset, 1, 0);
    ojt_ar_member(&thin->ar, "//", text, strlen(text));
    assert_int_equal(ojt_ar_header(&thin->ar, "/0", elf.size), offset);
    ojt_free(&elf);
}

static void remove_thin(thin *thin)
{
    char sub[96];
    snprintf(sub, sizeof sub, "%s/sub", thin->folder);
    unlink(thin->member);
    rmdir(sub);
    rmdir(thin->folder);
    free(thin->ar.bytes);
}

static void archive_thin_members_read(void **state)
{
    static const char *const long_names[] = {"sub/member.o", "sub/../sub/member.o", NULL};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(long_names); i++) {
        thin thin;
        oj_archive *archive;
        const oj_object *object, *again;
        char name[300];
        make_thin(&thin, long_names[i]);
        archive = must_open(&thin.ar, i % 2 ? OJ_OBJECT_BORROW : 0, thin.archive);
        assert_int_equal(oj_archive_lookup(archive, "inside", &object, NULL), OJ_OK);
        snprintf(name, sizeof name, "%s(%s)", thin.archive, long_names[i] ? long_names[i] : thin.member);
        assert_string_equal(oj_object_name(object), name);
        ojt_walk_object(object);
        /* Kept: the file is not needed again. */
        assert_int_equal(unlink(thin.member), 0);
        assert_int_equal(oj_archive_lookup(archive, "inside", &again, NULL), OJ_OK);
        assert_ptr_equal(object, again);
        oj_archive_destroy(archive);
        remove_thin(&thin);
    }
}

static void archive_thin_files_missing_reported(void **state)
{
    thin thin;
    oj_archive *archive;
    oj_error error;
    const oj_object *object;
    FILE *file;
    (void)state;
    make_thin(&thin, "sub/member.o");
    archive = must_open(&thin.ar, 0, thin.archive);
    assert_int_equal(unlink(thin.member), 0);
    expect_member_refused(archive, "inside", OJ_E_SYSTEM, thin.member);
    assert_int_equal(oj_archive_lookup(archive, "inside", &object, &error), OJ_E_SYSTEM);
    assert_int_equal(error.system_error, 2); /* ENOENT */
    assert_int_equal(mkdir(thin.member, 0700), 0);
    expect_member_refused(archive, "inside", OJ_E_FORMAT, "no regular file");
    assert_int_equal(rmdir(thin.member), 0);
    file = fopen(thin.member, "wb");
    assert_non_null(file);
    fclose(file);
    expect_member_refused(archive, "inside", OJ_E_TRUNCATED, "member.o");
    oj_archive_destroy(archive);
    remove_thin(&thin);
}

static void archive_thin_memory_failing_reported(void **state)
{
    oj_archive_options options;
    oj_archive *archive;
    const oj_object *object;
    oj_error error;
    ojt_heap heap;
    size_t held, steps = 0;
    thin thin;
    (void)state;
    make_thin(&thin, "sub/member.o");
    ojt_heap_init(&heap);
    oj_archive_options_init(&options);
    options.allocator = &heap.table;
    options.name = thin.archive;
    assert_int_equal(oj_archive_create(&archive, thin.ar.bytes, thin.ar.size, &options, &error), OJ_OK);
    held = heap.live_size;
    do {
        heap.n_calls = 0;
        heap.fail_at = ++steps;
        if (oj_archive_lookup(archive, "inside", &object, &error) != OJ_OK) {
            assert_int_equal(error.status, OJ_E_NOMEM);
            assert_int_equal(heap.live_size, held);
        }
    } while (!object);
    assert_int_equal(steps, 4); /* a path, the file's bytes, the object, and success */
    oj_archive_destroy(archive);
    assert_int_equal(heap.live_size, 0);
    remove_thin(&thin);
}

static void archive_nested_thin_refused(void **state)
{
    ojt_ar ar;
    oj_archive *archive = open_one(&ar, "!<thin>\n", "/0:68", 10, 0, "x.a");
    (void)state;
    expect_member_refused(archive, "f", OJ_E_UNSUPPORTED, "nested thin archive");
    oj_archive_destroy(archive);
    free(ar.bytes);
}

OJT_MAIN(cmocka_unit_test(archive_members_found), cmocka_unit_test(archive_any_alignment_read),
         cmocka_unit_test(archive_without_members_empty), cmocka_unit_test(archive_unordered_index_read),
         cmocka_unit_test(archive_equal_names_stay_fast), cmocka_unit_test(archive_other_files_refused),
         cmocka_unit_test(archive_without_index_refused), cmocka_unit_test(archive_other_forms_refused),
         cmocka_unit_test(archive_index_checked), cmocka_unit_test(archive_headers_checked),
         cmocka_unit_test(archive_members_checked), cmocka_unit_test(archive_arguments_checked),
         cmocka_unit_test(archive_damaged_and_cut_survived), cmocka_unit_test(archive_memory_failing_reported),
         cmocka_unit_test(archive_thin_members_read), cmocka_unit_test(archive_thin_files_missing_reported),
         cmocka_unit_test(archive_thin_memory_failing_reported), cmocka_unit_test(archive_nested_thin_refused))
