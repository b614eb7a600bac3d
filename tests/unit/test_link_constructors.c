/* Arrays of functions that run before and after all others: their order, who runs them, and when. */
#include "link/linktest.h"

/* The functions are the test's own, known to links by a table: each notes its letter. */
static char notes[64];
static void note(char letter)
{
    size_t n = strlen(notes);
    assert_true(n + 1 < sizeof notes);
    notes[n] = letter;
}
static void note_a(void) { note('a'); }
static void note_b(void) { note('b'); }
static void note_c(void) { note('c'); }
static void note_d(void) { note('d'); }
static void note_e(void) { note('e'); }
static void note_f(void) { note('f'); }

static uint64_t addr_of(void (*function)(void)) { return (uint64_t)(uintptr_t)function; }

typedef struct bench {
    ojt_client client;
    oj_link_options options;
    oj_definition table[6];
    oj_resolver resolvers[3];
    ojt_elf elf;
} bench;

static void begin(bench *b)
{
    void (*const functions[])(void) = {note_a, note_b, note_c, note_d, note_e, note_f};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    memset(notes, 0, sizeof notes);
    for (size_t i = 0; i < OJI_COUNT(names); i++)
        b->table[i] = (oj_definition){names[i], addr_of(functions[i])};
    b->resolvers[0] = oj_resolver_objects();
    b->resolvers[1] = oj_resolver_table(b->table, OJI_COUNT(b->table));
    b->resolvers[2] = oj_resolver_process();
    ojt_client_init(&b->client);
    oj_link_options_init(&b->options);
    b->options.memory = &b->client.table;
    b->options.resolvers = b->resolvers;
    b->options.n_resolvers = OJI_COUNT(b->resolvers);
    ojt_elf_init(&b->elf);
}

/* A list of the functions whose names are the letters, with 0 and -1 between them, which are none. */
static void add_list(ojt_elf *elf, const char *name, uint32_t type, const char *letters)
{
    static const uint8_t bytes[8 * 8] = {[40] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    uint16_t section = ojt_elf_add_section(elf, name, SHF_ALLOC | SHF_WRITE, 1, bytes, sizeof bytes);
    elf->sections[section - 1].type = type;
    for (size_t i = 0; letters[i]; i++)
        ojt_elf_add_addr(elf, section, i * 8, ojt_elf_add_undefined(elf, names[letters[i] - 'a']), 0);
}

static oj_code *link_one(bench *b)
{
    oj_object *object = ojt_object(&b->elf, "a.o");
    oj_code *code = ojt_link(&object, 1, &b->options);
    oj_object_destroy(object);
    return code;
}

static void take_over(oj_code *code, oj_taken *taken, oj_segment *segments, size_t n_segments, oj_record *records,
                      size_t n_records)
{
    oj_error error;
    oj_taken_init(taken);
    taken->segments = segments;
    taken->n_segments = n_segments;
    taken->records = records;
    taken->n_records = n_records;
    assert_int_equal(oj_code_take_over(code, taken, &error), OJ_OK);
}

static void constructors_run_in_the_order_of_gnu_ld(void **state)
{
    static const uint32_t flags[] = {0, OJ_LINK_SECTIONS_SINGLY};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        bench b;
        oj_code *code;
        oj_error error;
        begin(&b);
        b.options.flags = flags[i];
        add_list(&b.elf, ".init_array", SHT_INIT_ARRAY, "ef");
        add_list(&b.elf, ".ctors", SHT_PROGBITS, "fe");
        add_list(&b.elf, ".init_array.200", SHT_INIT_ARRAY, "c");
        add_list(&b.elf, ".ctors.65434", SHT_PROGBITS, "b"); /* 65535 - 101 */
        add_list(&b.elf, ".init_array.00100", SHT_INIT_ARRAY, "a");
        add_list(&b.elf, ".init_array.65535", SHT_INIT_ARRAY, "d");
        add_list(&b.elf, ".preinit_array", SHT_PREINIT_ARRAY, "d");
        code = link_one(&b);
        assert_string_equal(notes, "");
        assert_int_equal(oj_code_construct(code, &error), OJ_OK);
        assert_string_equal(notes, "dabcdefef");
        assert_int_equal(oj_code_construct(code, NULL), OJ_OK);
        assert_string_equal(notes, "dabcdefef");
        oj_code_destroy(code);
        assert_string_equal(notes, "dabcdefef");
        assert_int_equal(b.client.n_live, 0);
    }
}

static void destructors_run_last_first(void **state)
{
    static const uint32_t flags[] = {0, OJ_LINK_SECTIONS_SINGLY};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        bench b;
        oj_code *code;
        begin(&b);
        b.options.flags = flags[i] | OJ_LINK_RUN_CONSTRUCTORS;
        add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "fe");
        add_list(&b.elf, ".dtors", SHT_PROGBITS, "cd");
        add_list(&b.elf, ".fini_array.5", SHT_FINI_ARRAY, "b");
        add_list(&b.elf, ".init_array", SHT_INIT_ARRAY, "a");
        code = link_one(&b);
        assert_string_equal(notes, "a");
        oj_code_destroy(code);
        assert_string_equal(notes, "acdefb");
        assert_int_equal(b.client.n_live, 0);
    }
}

/* Before the code ends, and once. */
static void destructors_run_when_asked(void **state)
{
    bench b;
    oj_code *code;
    (void)state;
    begin(&b);
    b.options.flags = OJ_LINK_RUN_CONSTRUCTORS;
    add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "fe");
    code = link_one(&b);
    oj_code_destruct(code);
    assert_string_equal(notes, "ef");
    assert_int_equal(b.client.n_live, 1);
    oj_code_destruct(code);
    oj_code_destruct(NULL);
    oj_code_destroy(code);
    assert_string_equal(notes, "ef");
    assert_int_equal(b.client.n_live, 0);
}

static void destructors_not_run_unless_constructed(void **state)
{
    bench b;
    (void)state;
    begin(&b);
    add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "a");
    add_list(&b.elf, ".init_array", SHT_INIT_ARRAY, "b");
    oj_code_destroy(link_one(&b));
    assert_string_equal(notes, "");
}

static void destructors_run_when_taken_over_code_is_released(void **state)
{
    bench b;
    oj_code *code;
    oj_segment segments[3];
    oj_record records[1], changed[1];
    oj_taken taken;
    oj_error error;
    (void)state;
    begin(&b);
    b.options.flags = OJ_LINK_RUN_CONSTRUCTORS;
    add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "a");
    code = link_one(&b);
    assert_int_equal(oj_code_record_count(code), 1);
    take_over(code, &taken, segments, OJI_COUNT(segments), records, OJI_COUNT(records));
    assert_int_equal(records[0].kind, OJ_RECORD_FINALIZERS);
    assert_string_equal(notes, "");
    /* The program's own handle, or that of all, must not be had this way. */
    taken.records = changed;
    changed[0] = records[0];
    changed[0].addr = 0;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    changed[0].addr = (uint64_t)(uintptr_t)notes;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    taken.records = records;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_string_equal(notes, "a");
    assert_int_equal(b.client.n_live, 0);
}

/* Code at addresses that the client chose, in memory of its own. */
typedef struct by_hand {
    oj_object *object;
    oj_plan *plan;
    oj_segment segment;
    oj_code *code;
} by_hand;

enum { HAND_SIZE = 256 };

static void write_by_hand(by_hand *hand)
{
    assert_int_equal(oj_plan_write(hand->plan, &hand->segment, 1, &hand->code, NULL), OJ_OK);
}

static void begin_by_hand(by_hand *hand, bench *b, void *memory)
{
    oj_error error;
    hand->object = ojt_object(&b->elf, "a.o");
    assert_int_equal(oj_plan_create(&hand->plan, (const oj_object *const *)&hand->object, 1, &b->options, &error),
                     OJ_OK);
    assert_int_equal(oj_plan_segment_count(hand->plan), 1);
    assert_int_equal(oj_plan_segment(hand->plan, 0, &hand->segment, sizeof hand->segment), OJ_OK);
    assert_true(hand->segment.size <= HAND_SIZE);
    hand->segment.write = memory;
    hand->segment.run_addr = (uint64_t)(uintptr_t)memory;
    write_by_hand(hand);
}

static void end_by_hand(by_hand *hand)
{
    oj_plan_destroy(hand->plan);
    oj_object_destroy(hand->object);
}

/* The handle lies in a component of the process then, but not as that component's own. */
static void destructors_of_taken_over_code_in_a_static_array(void **state)
{
    bench b;
    by_hand hand;
    oj_segment segments[1];
    oj_record records[1], changed[1];
    oj_taken taken;
    oj_error error;
    _Alignas(16) static uint8_t memory[HAND_SIZE];
    (void)state;
    begin(&b);
    add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "a");
    begin_by_hand(&hand, &b, memory);
    assert_int_equal(oj_code_construct(hand.code, NULL), OJ_OK);
    take_over(hand.code, &taken, segments, OJI_COUNT(segments), records, OJI_COUNT(records));
    /* Past the segments' ends it may be anybody's. */
    changed[0] = records[0];
    changed[0].addr = segments[0].run_addr + segments[0].size;
    taken.records = changed;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    changed[0].addr = segments[0].run_addr - 1;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    changed[0] = records[0];
    changed[0].size = 1;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    assert_string_equal(notes, "");
    taken.records = records;
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_string_equal(notes, "a");
    end_by_hand(&hand);
}

/* Nobody knows that the memory is this process's until its constructors are run. */
static void constructors_of_code_placed_by_hand(void **state)
{
    bench b;
    by_hand hand;
    oj_error error;
    _Alignas(16) static uint8_t memory[HAND_SIZE];
    (void)state;
    begin(&b);
    b.options.flags = OJ_LINK_RUN_CONSTRUCTORS;
    add_list(&b.elf, ".init_array", SHT_INIT_ARRAY, "a");
    add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "b");
    begin_by_hand(&hand, &b, memory);
    assert_string_equal(notes, "");
    assert_int_equal(oj_code_record_count(hand.code), 0);
    oj_code_destroy(hand.code);
    assert_string_equal(notes, "");
    write_by_hand(&hand);
    assert_int_equal(oj_code_construct(hand.code, &error), OJ_OK);
    assert_string_equal(notes, "a");
    oj_code_destroy(hand.code);
    assert_string_equal(notes, "ab");
    end_by_hand(&hand);
}

/* --- what code registers by itself, without arrays ---------------------------------------------------------------- */

extern int __cxa_atexit(void (*)(void *), void *, void *);
extern void __cxa_finalize(void *);
typedef int (*registering)(void (*)(void *), void *, void *);

static void note_letter(void *letter) { note(*(const char *)letter); }

/* "handle" gives the code's __dso_handle; "register_it" is __cxa_thread_atexit, where that is asked for. */
static void add_handle(ojt_elf *elf, bool has_threads)
{
    static const uint64_t fields[2];
    uint16_t data = ojt_elf_add_data(elf, fields, sizeof fields);
    ojt_elf_add_symbol(elf, "handle", data, 0, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_symbol(elf, "register_it", data, 8, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_addr(elf, data, 0, ojt_elf_add_undefined(elf, "__dso_handle"), 0);
    if (has_threads)
        ojt_elf_add_addr(elf, data, 8, ojt_elf_add_undefined(elf, "__cxa_thread_atexit"), 0);
}

/* As the code's own functions would. */
static void enroll_exit(const oj_code *code, const char *letter)
{
    void *handle = *(void **)oj_code_lookup(code, "handle");
    assert_int_equal(__cxa_atexit(note_letter, (void *)(uintptr_t)letter, handle), 0);
}

static void enroll_thread_exit(const oj_code *code, const char *letter)
{
    registering function = *(registering *)oj_code_lookup(code, "register_it");
    void *handle = *(void **)oj_code_lookup(code, "handle");
    assert_int_equal(function(note_letter, (void *)(uintptr_t)letter, handle), 0);
}

static void exit_handlers_of_code_placed_by_hand_run_with_it(void **state)
{
    (void)state;
    for (int has_threads = 0; has_threads < 2; has_threads++) {
        bench b;
        by_hand hand;
        _Alignas(16) static uint8_t memory[HAND_SIZE];
        begin(&b);
        add_handle(&b.elf, has_threads);
        begin_by_hand(&hand, &b, memory);
        assert_int_equal(oj_code_construct(hand.code, NULL), OJ_OK);
        assert_int_equal(oj_code_construct(hand.code, NULL), OJ_OK);
        enroll_exit(hand.code, "a");
        if (has_threads)
            enroll_thread_exit(hand.code, "b");
        oj_code_destroy(hand.code);
        assert_string_equal(notes, has_threads ? "ba" : "a");
        end_by_hand(&hand);
    }
}

/* The client may free its memory once the records are undone, which only releasing does. */
static void exit_handlers_of_taken_over_code_placed_by_hand_run_at_release(void **state)
{
    bench b;
    by_hand hand;
    oj_segment segments[1];
    oj_record records[3];
    oj_taken taken;
    oj_error error;
    void *memory = aligned_alloc(16, HAND_SIZE);
    (void)state;
    begin(&b);
    add_handle(&b.elf, true);
    add_list(&b.elf, ".fini_array", SHT_FINI_ARRAY, "a");
    begin_by_hand(&hand, &b, memory);
    assert_int_equal(oj_code_construct(hand.code, NULL), OJ_OK);
    enroll_exit(hand.code, "b");
    enroll_thread_exit(hand.code, "c");
    take_over(hand.code, &taken, segments, OJI_COUNT(segments), records, OJI_COUNT(records));
    assert_null(taken.memory);
    assert_int_equal(taken.n_records, 3);
    assert_string_equal(notes, "");
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    assert_string_equal(notes, "cba");
    /* The module of its thread-local storage is gone. */
    assert_int_equal(oj_taken_release(&taken, &error), OJ_E_MISUSE);
    assert_string_equal(notes, "cba");
    free(memory);
    end_by_hand(&hand);
}

/* There may be nothing to undo, which its client need not know. */
static void release_of_code_placed_by_hand_without_records(void **state)
{
    bench b;
    by_hand hand;
    oj_segment segments[1];
    oj_taken taken;
    oj_error error;
    void *memory = aligned_alloc(16, HAND_SIZE);
    (void)state;
    begin(&b);
    add_handle(&b.elf, false);
    begin_by_hand(&hand, &b, memory);
    take_over(hand.code, &taken, segments, OJI_COUNT(segments), NULL, 0);
    assert_int_equal(taken.n_records, 0);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
    free(memory);
    end_by_hand(&hand);
}

/* The code may be another process's: what lies under its handle here is somebody else's. */
static void exit_handlers_of_code_that_was_not_constructed_stay(void **state)
{
    bench b;
    by_hand hand;
    void *handle;
    _Alignas(16) static uint8_t memory[HAND_SIZE];
    (void)state;
    begin(&b);
    add_handle(&b.elf, true);
    begin_by_hand(&hand, &b, memory);
    handle = *(void **)oj_code_lookup(hand.code, "handle");
    enroll_exit(hand.code, "a");
    oj_code_destroy(hand.code);
    assert_string_equal(notes, "");
    __cxa_finalize(handle);
    assert_string_equal(notes, "a");
    end_by_hand(&hand);
}

static void constructors_misuse_rejected(void **state)
{
    oj_error error;
    oj_object *object = ojt_object_returning("a.o", "f", 1);
    oj_code *code;
    bench b;
    (void)state;
    assert_int_equal(oj_code_construct(NULL, &error), OJ_E_MISUSE);
    begin(&b);
    code = ojt_link(&object, 1, &b.options);
    assert_int_equal(oj_code_construct(code, &error), OJ_OK);
    assert_int_equal(oj_code_record_count(code), 0);
    oj_code_destroy(code);
    oj_object_destroy(object);
}

/* More than the sort's insertion limit, in an order that has to be turned round. */
static void constructors_of_many_priorities_sorted(void **state)
{
    enum { N = 40 };
    static char names[N][32];
    char expected[N + 1];
    bench b;
    oj_code *code;
    (void)state;
    begin(&b);
    for (int i = 0; i < N; i++) {
        char letter[2] = {(char)('a' + i % 6), '\0'};
        snprintf(names[i], sizeof names[i], ".init_array.%d", 1000 - i);
        add_list(&b.elf, names[i], SHT_INIT_ARRAY, letter);
        expected[N - 1 - i] = letter[0];
    }
    expected[N] = '\0';
    b.options.flags = OJ_LINK_RUN_CONSTRUCTORS;
    code = link_one(&b);
    assert_string_equal(notes, expected);
    oj_code_destroy(code);
}

static void note_exit(void) { note('x'); }

/* What has no bytes has no address that its destructors could be registered under; address 0 would stand for the
 * destructors of the whole process. */
static void constructors_of_no_bytes_end_nothing(void **state)
{
    static const uint32_t flags[] = {OJ_LINK_NO_UNWIND, OJ_LINK_NO_UNWIND | OJ_LINK_RUN_CONSTRUCTORS};
    static const uint8_t word[8];
    (void)state;
    assert_int_equal(atexit(note_exit), 0);
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        bench b;
        oj_code *code;
        uint16_t section;
        begin(&b);
        section = ojt_elf_add_section(&b.elf, ".init_array", SHF_ALLOC | SHF_WRITE, 8, word, 0);
        b.elf.sections[section - 1].type = SHT_INIT_ARRAY;
        /* An array that is not empty, but left out. */
        section = ojt_elf_add_section(&b.elf, ".eh_frame", SHF_ALLOC, 8, word, sizeof word);
        b.elf.sections[section - 1].type = SHT_PREINIT_ARRAY;
        b.options.flags = flags[i];
        code = link_one(&b);
        assert_int_equal(oj_code_segment_count(code), 0);
        assert_int_equal(oj_code_record_count(code), 0);
        oj_code_destroy(code);
        assert_string_equal(notes, "");
    }
}

OJT_MAIN(cmocka_unit_test(constructors_run_in_the_order_of_gnu_ld), cmocka_unit_test(destructors_run_last_first),
         cmocka_unit_test(destructors_run_when_asked), cmocka_unit_test(destructors_not_run_unless_constructed),
         cmocka_unit_test(destructors_run_when_taken_over_code_is_released),
         cmocka_unit_test(destructors_of_taken_over_code_in_a_static_array),
         cmocka_unit_test(constructors_of_code_placed_by_hand),
         cmocka_unit_test(exit_handlers_of_code_placed_by_hand_run_with_it),
         cmocka_unit_test(exit_handlers_of_taken_over_code_placed_by_hand_run_at_release),
         cmocka_unit_test(release_of_code_placed_by_hand_without_records),
         cmocka_unit_test(exit_handlers_of_code_that_was_not_constructed_stay),
         cmocka_unit_test(constructors_misuse_rejected), cmocka_unit_test(constructors_of_many_priorities_sorted),
         cmocka_unit_test(constructors_of_no_bytes_end_nothing))
