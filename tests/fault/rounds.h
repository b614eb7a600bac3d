/* Rounds in which every call of the heap and of the system that the library makes fails in turn, with inputs for them.
 *
 * A round is: make everything, use it, end it, with one call failing. Each time the status is right, the text says
 * something, nothing is left (heap blocks, mappings, descriptors), and the same round succeeds when nothing fails. */
#ifndef OJT_FAULT_ROUNDS_H
#define OJT_FAULT_ROUNDS_H

#include "fault/failing_calls.h"
#include "unit/test_tls_support.h"

#include "unit/archive_recipe.h"
#include "unit/session_support.h"
#include "unit/stackmap_writer.h"

#include <sys/wait.h>

/* Fails for want of memory, like the heap that it has inside the C library. */
int __cxa_atexit(void (*function)(void *), void *object, void *dso_handle);
OJT_REPLACED int __cxa_atexit(void (*function)(void *), void *object, void *dso_handle)
{
    static int (*next)(void (*)(void *), void *, void *);
    if (ojt_fails("__cxa_atexit", false))
        return -1;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "__cxa_atexit");
    return next(function, object, dso_handle);
}

/* --- inputs, made before anything fails --------------------------------------------------------------------------- */

/* A CIE of 24 bytes and an FDE of 24, whose function lies where a relocation says. */
static const uint8_t ojt_eh_frame[48] = {20, 0,    0,    0, 0, 0,    0, 0, 1, 'z', 'R', 0,    1,  0x78, 16,
                                         1,  0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, 20,  0,   0,    0,  28,   0,
                                         0,  0,    0,    0, 0, 0,    6, 0, 0, 0,   0,   0x44, 14, 16};
enum { OJT_FDE_ADDR = 32 };

static int ojt_n_constructed, ojt_n_destroyed;
static void ojt_construct(int n, char **arguments, char **environment)
{
    (void)n;
    (void)arguments;
    (void)environment;
    ojt_n_constructed++;
}

static void ojt_destruct(void) { ojt_n_destroyed++; }

typedef struct ojt_inputs {
    oj_object *everything;  /* function f, unwind table, stack map, constructor, destructor */
    oj_object *variables;   /* thread-local */
    oj_object *at_distance; /* thread-local, at a constant distance from the thread pointer */
    oj_object *described;   /* everything, with debug information */
    oj_object *modules[3];
    oj_archive *archive;
    uint8_t *bytes; /* of an object that defines h */
    size_t size;
    oj_definition table[2];
    oj_resolver resolvers[2];
    ojt_stackmap stackmap;
} ojt_inputs;

static oj_object *ojt_make_everything(ojt_stackmap *map)
{
    static const uint8_t list[8];
    static uint8_t code[16];
    ojt_elf elf;
    uint16_t text, section;
    uint32_t f;
    ojt_put_header(map, 1, 0, 1);
    ojt_put_function(map, 0, 8, 1);
    ojt_put_empty_record(map, 7, 2);
    ojt_elf_init(&elf);
    memset(code, 0x90, sizeof code);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 42), sizeof code);
    f = ojt_elf_add_global(&elf, "f", text, 0, OJT_RETURN_SIZE);
    section = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, ojt_eh_frame, sizeof ojt_eh_frame);
    ojt_elf_add_reloc(&elf, section, OJT_FDE_ADDR, OJT_R_WORD_DISTANCE, f, 0);
    section = ojt_elf_add_section(&elf, ".llvm_stackmaps", SHF_ALLOC, 8, map->bytes, map->size);
    ojt_elf_add_addr(&elf, section, 16, f, 0);
    section = ojt_elf_add_section(&elf, ".init_array", SHF_ALLOC | SHF_WRITE, 8, list, sizeof list);
    elf.sections[section - 1].type = SHT_INIT_ARRAY;
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "construct"), 0);
    section = ojt_elf_add_section(&elf, ".fini_array", SHF_ALLOC | SHF_WRITE, 8, list, sizeof list);
    elf.sections[section - 1].type = SHT_FINI_ARRAY;
    ojt_elf_add_addr(&elf, section, 0, ojt_elf_add_undefined(&elf, "destruct"), 0);
    return ojt_object(&elf, "everything.o");
}

/* A line program (DWARF 4, 6.2.4) of one file and two rows, and an unwind table for debuggers (6.4.1): a CIE of 20
 * bytes and an FDE of 20. */
static const uint8_t ojt_debug_line[] = {
    0x30, 0,    0,   0,    4,  0,           /* unit_length, version */
    0x18, 0,    0,   0,                     /* header_length */
    1,    1,    1,   0xfb, 14, 10,          /* min_inst, max_ops, default_is_stmt, line_base, line_range, opcode_base */
    0,    1,    1,   1,    1,  0,  0, 0, 1, /* standard_opcode_lengths */
    0,    'a',  '.', 'c',  0,  0,  0, 0, 0, /* no folders; a.c; the end */
    0,    9,    2,   0,    0,  0,  0, 0, 0, 0, 0, /* set_address: offset 37 */
    0x13, 0x21, 2,   6,    0,  1,  1};            /* two rows, advance_pc 6, end_sequence */
static const uint8_t ojt_debug_frame[48] = {20,   0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1,  0, 1, 0x78, 16, 12, 7, 8,
                                            0x90, 1, 0, 0, 0,    0,    0,    0,    20, 0, 0, 0,    0,  0,  0, 0};
enum { OJT_LINE_ADDR = 37, OJT_FRAME_ADDR = 32 };

/* Debuggers and profilers are told of its lines and frames. */
static oj_object *ojt_make_described(void)
{
    static const uint8_t info[16] = {12, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8};
    static uint8_t code[16];
    oj_object_options options;
    oj_object *object = NULL;
    oj_error error = {0};
    ojt_elf elf;
    uint16_t text, section;
    uint32_t f;
    size_t size;
    uint8_t *bytes;
    ojt_elf_init(&elf);
    memset(code, 0x90, sizeof code);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 42), sizeof code);
    f = ojt_elf_add_global(&elf, "f", text, 0, OJT_RETURN_SIZE);
    section = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, ojt_eh_frame, sizeof ojt_eh_frame);
    ojt_elf_add_reloc(&elf, section, OJT_FDE_ADDR, OJT_R_WORD_DISTANCE, f, 0);
    ojt_elf_add_section(&elf, ".debug_info", 0, 1, info, sizeof info);
    section = ojt_elf_add_section(&elf, ".debug_line", 0, 1, ojt_debug_line, sizeof ojt_debug_line);
    ojt_elf_add_addr(&elf, section, OJT_LINE_ADDR, f, 0);
    section = ojt_elf_add_section(&elf, ".debug_frame", 0, 8, ojt_debug_frame, sizeof ojt_debug_frame);
    ojt_elf_add_addr(&elf, section, OJT_FRAME_ADDR, f, 0);
    bytes = ojt_elf_finish(&elf, &size);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_WITH_DEBUG;
    if (oj_object_create(&object, bytes, size, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return object;
}

/* A circle of two modules, which calls into an archive and refers to an absolute symbol. */
static void ojt_make_modules(ojt_inputs *in)
{
    ojt_recipe recipe = {.n_members = 0};
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, "first", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "second", STB_GLOBAL);
    ojt_words_refer(&w, "absolute", STB_GLOBAL);
    ojt_words_refer(&w, "f", STB_GLOBAL);
    in->modules[0] = ojt_words_finish(&w, "first.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "second", 2, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "first", STB_GLOBAL);
    ojt_words_refer(&w, "call_g", STB_GLOBAL);
    in->modules[1] = ojt_words_finish(&w, "second.o");
    in->modules[2] = ojt_object_calling("call_g.o", "call_g", "g");
    ojt_recipe_returning(&recipe, "g", 3);
    in->archive = ojt_recipe_open(&recipe);
}

/* The bytes of an object with one function. */
static uint8_t *ojt_make_bytes(size_t *size)
{
    static uint8_t code[16];
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, "h", ojt_elf_add_code(&elf, ojt_return_code(code, 5), sizeof code), 0, OJT_RETURN_SIZE);
    return ojt_elf_finish(&elf, size);
}

static void ojt_begin(ojt_inputs *in)
{
    memset(in, 0, sizeof *in);
    in->everything = ojt_make_everything(&in->stackmap);
    in->variables = ojt_tls_object(OJT_DYNAMIC);
    in->at_distance = ojt_tls_object(OJT_INITIAL_EXEC);
    in->described = ojt_make_described();
    ojt_make_modules(in);
    in->bytes = ojt_make_bytes(&in->size);
    in->table[0] = (oj_definition){"construct", (uint64_t)(uintptr_t)ojt_construct};
    in->table[1] = (oj_definition){"destruct", (uint64_t)(uintptr_t)ojt_destruct};
    in->resolvers[0] = oj_resolver_objects();
    in->resolvers[1] = oj_resolver_table(in->table, 2);
}

static void ojt_end(ojt_inputs *in)
{
    oj_object_destroy(in->everything);
    oj_object_destroy(in->variables);
    oj_object_destroy(in->at_distance);
    oj_object_destroy(in->described);
    for (int i = 0; i < 3; i++)
        oj_object_destroy(in->modules[i]);
    oj_archive_destroy(in->archive);
    free(in->bytes);
}

/* --- rounds: each ends what it made, whatever fails --------------------------------------------------------------- */

typedef oj_status (*ojt_round)(ojt_inputs *in, const oj_memory *memory, oj_error *error);

static oj_status ojt_link_round(ojt_inputs *in, const oj_object *object, const oj_memory *memory, uint32_t flags,
                                oj_code **code, oj_error *error)
{
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    options.flags = flags;
    if (object == in->everything) {
        options.resolvers = in->resolvers;
        options.n_resolvers = 2;
    }
    return oj_link(&object, 1, &options, code, error);
}

/* --- failing ------------------------------------------------------------------------------------------------------ */

static oj_status ojt_run_round(ojt_inputs *in, ojt_round round, uint32_t mode, oj_error *error)
{
    oj_memory_options options;
    oj_memory *memory = NULL;
    oj_status status;
    oj_error ignored;
    oj_memory_options_init(&options);
    options.mode = mode;
    OJI_TRY(oj_memory_create(&memory, &options, error));
    status = round(in, memory, error);
    assert_int_equal(oj_memory_destroy(memory, &ignored), OJ_OK);
    return status;
}

/* A constant distance is asked from the dynamic linker, whose own refusals are OJ_E_LIMIT; a library that it does not
 * load is not found. */
static bool ojt_is_refused_by_linker(const oj_error *error)
{
    if (error->status == OJ_E_NOT_FOUND)
        return strcmp(ojt_failed, "dlopen") == 0;
    return error->status == OJ_E_LIMIT && (strcmp(ojt_failed, "dlopen") == 0 || strcmp(ojt_failed, "dlinfo") == 0);
}

/* Heap that ends is told as such, unless there is a way around it. */
static void ojt_check_status(const char *what, long n, oj_status status, const oj_error *error)
{
    bool is_heap = strcmp(ojt_failed, "malloc") == 0;
    if (status == OJ_OK || ojt_is_refused_by_linker(error))
        return;
    if (status != OJ_E_NOMEM && (is_heap || (status != OJ_E_SYSTEM && status != OJ_E_PERMISSION)))
        fail_msg("%s: call %ld, %s: %s: %s", what, n, ojt_failed, oj_status_name(status), error->text);
    assert_int_equal(error->status, status);
    assert_true(error->text[0] != '\0' && strlen(error->text) < sizeof error->text);
}

static void ojt_fail_each(const char *what, ojt_round round, uint32_t mode, int reason)
{
    long n = 0, n_refused = 0;
    for (bool was_met = true; was_met; n++) {
        ojt_inputs in;
        oj_error error;
        oj_status status;
        const char *failed;
        bool undo_failed;
        size_t mapped;
        long n_live;
        int n_files;
        ojt_begin(&in);
        /* What stays for good, and libc's own, is there after the first. */
        ojt_fail(-1, 0);
        assert_int_equal(ojt_run_round(&in, round, mode, &error), OJ_OK);
        assert_false(ojt_fail_end());
        mapped = ojt_mapped_size();
        n_files = ojt_count_files();
        n_live = ojt_n_live;
        memset(&error, 'x', sizeof error);
        ojt_fail(n, reason);
        status = ojt_run_round(&in, round, mode, &error);
        was_met = ojt_fail_end();
        if (!was_met)
            assert_int_equal(status, OJ_OK);
        else
            ojt_check_status(what, n, status, &error);
        n_refused += status != OJ_OK;
        failed = ojt_failed;
        undo_failed = ojt_undo_failed;
        ojt_fail(-1, 0);
        assert_int_equal(ojt_run_round(&in, round, mode, &error), OJ_OK);
        ojt_armed = false;
        if (ojt_n_live != n_live)
            fail_msg("%s: call %ld, %s: %ld blocks are left", what, n, failed, ojt_n_live - n_live);
        if (!undo_failed && ojt_mapped_size() > mapped)
            fail_msg("%s: call %ld, %s: %zu bytes stay mapped", what, n, failed, ojt_mapped_size() - mapped);
        assert_int_equal(ojt_count_files(), n_files);
        ojt_end(&in);
        assert_true(n < 2000);
    }
    print_message("%s: %ld failure points, %ld refused\n", what, n - 1, n_refused);
    assert_true(n_refused > 0);
}

static void ojt_fail_in_both_modes(const char *what, ojt_round round)
{
    ojt_fail_each(what, round, OJ_MEMORY_MODE_VIEWS, ENOMEM);
    ojt_fail_each(what, round, OJ_MEMORY_MODE_PRIVATE, EPERM);
}

/* What a process makes once and keeps (profilers' files, tables of threads, of unwinding, of the debugger) can fail in
 * its first call alone: a process for each failure. Ends with 10: it went on all the same, 11: refused, 12: nothing was
 * left to fail. */
static void ojt_fail_in_child(const char *what, ojt_round round, long n, int reason)
{
    ojt_inputs in;
    oj_error error;
    oj_status status;
    bool was_met;
    ojt_begin(&in);
    memset(&error, 'x', sizeof error);
    ojt_fail(n, reason);
    status = ojt_run_round(&in, round, OJ_MEMORY_MODE_DEFAULT, &error);
    was_met = ojt_fail_end();
    if (was_met)
        ojt_check_status(what, n, status, &error);
    else
        assert_int_equal(status, OJ_OK);
    if (ojt_run_round(&in, round, OJ_MEMORY_MODE_DEFAULT, &error) != OJ_OK)
        fail_msg("%s, call %ld: no retry succeeds: %s", what, n, error.text);
    ojt_end(&in);
    _exit(was_met ? status == OJ_OK ? 10 : 11 : 12);
}

static void ojt_fail_fresh(const char *what, ojt_round round)
{
    int result = 0, n_refused = 0;
    long n = 0;
    for (; result != 12; n++) {
        char map[64];
        int status;
        pid_t child = fork();
        if (child == 0)
            ojt_fail_in_child(what, round, n, n % 3 == 0 ? ENOMEM : n % 3 == 1 ? EACCES : ENOSPC);
        assert_int_equal(waitpid(child, &status, 0), child);
        snprintf(map, sizeof map, "/tmp/perf-%d.map", (int)child);
        unlink(map);
        assert_true(WIFEXITED(status));
        result = WEXITSTATUS(status);
        assert_in_range(result, 10, 12);
        n_refused += result == 11;
        assert_true(n < 2000);
    }
    print_message("%s, first in a process: %ld failure points, %d refused\n", what, n - 1, n_refused);
    assert_true(n > 5);
    /* Where the mode is the library's choice, whatever fails but the heap has a way around it. */
    assert_true(n_refused > 0 || !OJT_OWN_HEAP);
}

#endif
