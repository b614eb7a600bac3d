/* ownjit run: compile, end the compiler, link everything at once, and become the program.
 *
 * Stages: load (files, shared libraries) - compile (every module to an object) - end the compiler - link - release
 * all but the code - run. The program meets a process as it would natively: no signal handler, no open file, no
 * option variable of getopt is left changed. */
#include "tool.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_MODULE = OPTION_KEY(0x100), KEY_ARCHIVE, KEY_LOAD, KEY_ENTRY, KEY_STATS, KEY_STATS_FILE, KEY_GDB, KEY_PERF };

/* What an option that may be repeated collects. */
struct path_list {
    const char **paths;
    size_t n_paths;
};

struct run_options {
    struct command command;
    struct codegen_options codegen;
    struct path_list modules, archives, libraries;
    const char *entry;
    const char *stats_file;
    char **program; /* FILE and its ARGS, as argv has them */
    bool wants_stats;
    uint32_t link_flags; /* OJ_LINK_... */
};

static const struct argp_option run_table[] = {
    {NULL, 0, NULL, 0, "The program:", 1},
    {"module", KEY_MODULE, "FILE", 0,
     "Link FILE too: bitcode, textual IR, an ELF object, C or C++ source. May be repeated", 1},
    {"archive", KEY_ARCHIVE, "FILE.a", 0,
     "Link those members of a static archive that define names which are needed. "
     "May be repeated",
     1},
    {"load", KEY_LOAD, "LIB.so", 0,
     "Load a shared library first, whose functions the program may use. May be "
     "repeated",
     1},
    {"entry", KEY_ENTRY, "NAME", 0, "Start at function NAME, which gets what main gets (default: main)", 1},
    {NULL, 0, NULL, 0, "Finding out:", 3},
    {"stats", KEY_STATS, NULL, 0, "When the program ends, print where the time and the memory went, to standard error",
     3},
    {"stats-file", KEY_STATS_FILE, "FILE", 0,
     "Write the same to FILE as JSON, before the program starts; - is standard output", 3},
    {"gdb", KEY_GDB, NULL, 0,
     "Let debuggers see the program: run ownjit itself under gdb or lldb. C and C++ source is compiled with "
     "debug information",
     3},
    {"perf", KEY_PERF, "map|dump", 0,
     "Name the program's functions to perf: by /tmp/perf-PID.map, or with source lines by a jit-PID.dump "
     "for 'perf inject --jit'",
     3},
    OPTION_HELP,
    {0}};

static const char run_doc[] =
    "Run a program from its LLVM bitcode, textual IR, ELF object, C or C++ source."
    "\v"
    "FILE, - for standard input, may be bitcode, textual IR, an ELF object, C or C++ source: what it is is told by its "
    "content, C++ "
    "by its name's ending. Options come before it; everything after it is the program's own. Exits with the program's "
    "status; a failure of ownjit "
    "itself is status 125, with a message.\n\n"
    "  ownjit run hello.c\n"
    "  ownjit run -O2 --stats prog.bc input.txt\n"
    "  ownjit run --module=util.o --load=libz.so.1 main.ll\n"
    "  ownjit run -O2 --archive=/usr/lib/x86_64-linux-gnu/liblua5.4.a host.bc";

static void check_stats_file(const struct run_options *options)
{
    if (!options->stats_file)
        return;
    output_check(&options->command, "--stats-file", options->stats_file, options->program[0]);
    for (size_t i = 0; i < options->modules.n_paths; i++)
        output_check(&options->command, "--stats-file", options->stats_file, options->modules.paths[i]);
    for (size_t i = 0; i < options->archives.n_paths; i++)
        output_check(&options->command, "--stats-file", options->stats_file, options->archives.paths[i]);
    for (size_t i = 0; i < options->libraries.n_paths; i++)
        if (strchr(options->libraries.paths[i], '/'))
            output_check(&options->command, "--stats-file", options->stats_file, options->libraries.paths[i]);
}

static error_t parse_run(int key, char *arg, struct argp_state *state);
static const struct argp_child run_children[] = {{&codegen_argp, 0, NULL, 2}, {0}};
static const struct argp run_argp = {run_table, parse_run, "FILE [ARGS...]", run_doc, run_children, NULL, NULL};

/* Every list has room for as many paths as there are arguments. */
static void add_path(struct path_list *list, const char *path) { list->paths[list->n_paths++] = path; }

/* The program's argument vector is the end of our own, in place. */
static error_t parse_run_file(struct run_options *options, struct argp_state *state)
{
    options->program = &state->argv[state->next - 1];
    state->next = state->argc;
    return 0;
}

static uint32_t parse_perf(const struct run_options *options, const char *form)
{
    if (strcmp(form, "map") != 0 && strcmp(form, "dump") != 0)
        fail_usage(&options->command, "--perf=%s is neither map nor dump", form);
    return form[0] == 'm' ? OJ_LINK_PERF_MAP : OJ_LINK_JITDUMP;
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
    struct run_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->codegen;
        return 0;
    case KEY_MODULE:
        add_path(&options->modules, arg);
        return 0;
    case KEY_ARCHIVE:
        add_path(&options->archives, arg);
        return 0;
    case KEY_LOAD:
        if (arg[0] == '\0')
            fail_usage(&options->command, "--load= names no library");
        add_path(&options->libraries, arg);
        return 0;
    case KEY_ENTRY:
        if (arg[0] == '\0')
            fail_usage(&options->command, "--entry= names no function");
        options->entry = arg;
        return 0;
    case KEY_STATS:
        options->wants_stats = true;
        return 0;
    case KEY_STATS_FILE:
        options->stats_file = arg;
        return 0;
    case KEY_GDB:
        options->link_flags |= OJ_LINK_DEBUGGER;
        return 0;
    case KEY_PERF:
        options->link_flags |= parse_perf(options, arg);
        return 0;
    case ARGP_KEY_ARG:
        return parse_run_file(options, state);
    case ARGP_KEY_END:
        if (!options->program)
            fail_usage(&options->command, "no FILE to run");
        check_stats_file(options);
        options->codegen.wants_debug = (options->link_flags & (OJ_LINK_DEBUGGER | OJ_LINK_JITDUMP)) != 0;
        return 0;
    default:
        return options_common(&options->command, key, state);
    }
}

/* Everything that is needed until the program starts, and not one moment longer. */
struct run {
    const struct run_options *options;
    struct run_stats *stats; /* NULL: nothing is measured */
    struct codegen codegen;
    struct input *inputs;      /* FILE, then the modules */
    size_t n_inputs;           /* how many are open: less than there are where reading one failed */
    const oj_object **objects; /* of the inputs, as oj_link() wants them */
    char **archive_bytes;      /* borrowed by the archives */
    size_t *archive_sizes;
    oj_archive **archives;
    size_t n_archives;
    oj_code *code;
    uint64_t entry_addr;
};

/* dlopen() does not look into this folder, which is where one has just built it. */
static bool fail_load(const char *path, const char *problem)
{
    bool is_here = !strchr(path, '/') && access(path, F_OK) == 0;
    return fail("cannot load library '%s': %s%s%s", path, problem,
                is_here ? "; the one in this folder is --load=./" : "", is_here ? path : "");
}

/* Before anything is linked: what the program refers to is then in the process, where linking looks for it. */
static bool load_libraries(const struct run *run)
{
    const struct path_list *list = &run->options->libraries;
    for (size_t i = 0; i < list->n_paths; i++) {
        /* Stays loaded: the program's calls lead there. */
        if (!dlopen(list->paths[i], RTLD_NOW | RTLD_GLOBAL))
            return fail_load(list->paths[i], dlerror());
    }
    return true;
}

static bool read_archive(struct run *run, const char *path)
{
    size_t i = run->n_archives;
    oj_archive_options options;
    oj_error error;
    if (!read_file(path, &run->archive_bytes[i], &run->archive_sizes[i]))
        return false;
    /* From here on the bytes are released with the rest, whether or not they are an archive. */
    run->n_archives++;
    uint64_t start = now_ns();
    oj_archive_options_init(&options);
    options.flags = OJ_OBJECT_BORROW | (run->options->codegen.wants_debug ? OJ_OBJECT_WITH_DEBUG : 0);
    options.name = path;
    if (oj_archive_create(&run->archives[i], run->archive_bytes[i], run->archive_sizes[i], &options, &error) != OJ_OK)
        return fail_library(path, &error);
    if (run->stats)
        run->stats->objects_ns += now_ns() - start;
    return true;
}

/* Wrong paths are found before the first of the expensive steps. */
static bool read_inputs(struct run *run)
{
    const struct run_options *options = run->options;
    uint64_t start = now_ns();
    for (size_t i = 0; i <= options->modules.n_paths; i++) {
        const char *path = i == 0 ? options->program[0] : options->modules.paths[i - 1];
        if (!input_read(&run->inputs[run->n_inputs++], path))
            return false;
    }
    if (run->stats)
        run->stats->read_ns = now_ns() - start;
    for (size_t i = 0; i < options->archives.n_paths; i++)
        if (!read_archive(run, options->archives.paths[i]))
            return false;
    return true;
}

/* Before libraries of the user's and LLVM, which may bring the C++ runtime library too: the first to load it says where
 * it lies. */
static bool load_runtime(const struct run *run)
{
    for (size_t i = 0; i < run->n_inputs; i++)
        if (run->inputs[i].kind != INPUT_C && run->inputs[i].kind != INPUT_CXX)
            low_load_cxx(run->inputs[i].data, run->inputs[i].size);
    for (size_t i = 0; i < run->n_archives; i++)
        low_load_cxx(run->archive_bytes[i], run->archive_sizes[i]);
    return true;
}

/* needs inputs that are read; fills their objects. What is not clang's and LLVM's part of the time is reading. */
static bool make_objects(struct run *run)
{
    uint64_t start = now_ns();
    for (size_t i = 0; i < run->n_inputs; i++) {
        struct input *input = &run->inputs[i];
        if (!input_make_object(input, &run->codegen))
            return false;
        run->objects[i] = input->object;
        if (run->stats)
            run->stats->object_bytes += input->compiled ? oj_bytes_size(input->compiled) : input->size;
    }
    const struct codegen *c = &run->codegen;
    uint64_t compiling = c->llvm_ns + c->clang_ns + c->create_ns + c->parse_ns + c->passes_ns + c->codegen_ns;
    uint64_t total = now_ns() - start;
    if (run->stats) {
        run->stats->objects_ns += total > compiling ? total - compiling : 0;
        run->stats->n_modules = run->n_inputs;
        run->stats->codegen = *c;
    }
    return true;
}

/* Compile everything, then let go of the compiler before anything of the program is in place. */
static bool compile_inputs(struct run *run)
{
    bool is_made = make_objects(run);
    if (run->stats)
        stats_measure(&run->stats->compiled);
    codegen_end_compiler(&run->codegen);
    codegen_trim(&run->codegen);
    if (run->stats)
        stats_measure(&run->stats->compiler_gone);
    return is_made;
}

/* ORDER entry_state: what is found in a later object counts only if it tells more. */
enum entry_state { ENTRY_ABSENT, ENTRY_LOCAL, ENTRY_DATA, ENTRY_FUNCTION };

static enum entry_state find_entry(const oj_object *object, const char *name)
{
    enum entry_state state = ENTRY_ABSENT;
    oj_symbol_info symbol;
    for (size_t i = 1; i < oj_object_symbol_count(object); i++) {
        if (oj_object_symbol(object, i, &symbol, sizeof symbol) != OJ_OK || strcmp(symbol.name, name) != 0)
            continue;
        if (symbol.place == OJ_SYMBOL_COMMON || (symbol.place == OJ_SYMBOL_DEFINED && symbol.type == OJ_SYMBOL_DATA))
            return ENTRY_DATA;
        if (symbol.place == OJ_SYMBOL_DEFINED && symbol.binding != OJ_SYMBOL_LOCAL)
            return ENTRY_FUNCTION;
        if (symbol.place == OJ_SYMBOL_DEFINED)
            state = ENTRY_LOCAL;
    }
    return state;
}

/* false: an archive has the entry, in a member that cannot be read; the message has been printed. */
static bool find_entry_anywhere(const struct run *run, const char *name, enum entry_state *state)
{
    const oj_object *member = NULL;
    oj_error error;
    *state = ENTRY_ABSENT;
    for (size_t i = 0; i < run->n_inputs && *state < ENTRY_DATA; i++) {
        enum entry_state here = find_entry(run->objects[i], name);
        *state = here > *state ? here : *state;
    }
    for (size_t i = 0; i < run->n_archives && *state == ENTRY_ABSENT; i++) {
        oj_status status = oj_archive_lookup(run->archives[i], name, &member, &error);
        if (status == OJ_OK)
            *state = find_entry(member, name);
        else if (status != OJ_E_NOT_FOUND)
            return fail_library(NULL, &error);
    }
    return true;
}

/* Linking would tell of a missing entry too, but not what to do; and it would take data for a function. */
static bool check_entry(const struct run *run)
{
    const char *name = run->options->entry;
    enum entry_state state;
    if (!find_entry_anywhere(run, name, &state))
        return false;
    const char *file = run->options->program[0];
    if (state == ENTRY_DATA)
        return fail("'%s' is a variable, not a function: the program cannot start there", name);
    if (state == ENTRY_LOCAL)
        return fail("'%s' in '%s' is static: the program can only start at a function that others may call", name,
                    file);
    if (state == ENTRY_ABSENT)
        return fail("there is no function '%s' in '%s'%s. Name the function to start at with --entry=NAME, or the "
                    "file that has it with --module=FILE",
                    name, file, run->n_inputs > 1 ? " and its modules" : "");
    return true;
}

static bool fail_link(const struct run *run, struct undefined_list *list, const oj_error *error)
{
    /* With several files the library's text says which one it is about; a guess could name the wrong one. */
    if (error->status != OJ_E_UNDEFINED || list->n_names == 0)
        return fail_library(run->n_inputs == 1 && run->n_archives == 0 ? run->options->program[0] : NULL, error);
    undefined_fail(list, "--module=FILE, --archive=FILE.a or --load=LIB.so");
    return false;
}

/* Modules and archives first, then the process, as natively. The C++ runtime library comes last, and is not even loaded
 * where the program does without it. All names are kept, because process_data_adopt() looks some of them up. */
static void fill_link_options(oj_link_options *options, const struct run *run, oj_wanted *entry)
{
    static oj_resolver resolvers[3];
    resolvers[0] = oj_resolver_objects();
    resolvers[1] = oj_resolver_process();
    resolvers[2] = oj_resolver_cxx();
    oj_link_options_init(options);
    options->resolvers = resolvers;
    options->n_resolvers = 3;
    options->archives = run->archives;
    options->n_archives = run->n_archives;
    options->wanted = entry;
    options->n_wanted = 1;
    options->flags = run->options->link_flags;
    if (run->stats) {
        options->stats = &run->stats->link;
        options->stats_size = sizeof run->stats->link;
    }
}

static bool link_program(struct run *run)
{
    oj_link_options options;
    oj_error error;
    oj_wanted entry = {.name = run->options->entry};
    struct undefined_list list;
    if (!check_entry(run))
        return false;
    fill_link_options(&options, run, &entry);
    undefined_open(&list, &options);
    oj_status status = oj_link(run->objects, run->n_inputs, &options, &run->code, &error);
    run->entry_addr = entry.addr;
    bool is_linked = status == OJ_OK || fail_link(run, &list, &error);
    undefined_close(&list);
    return is_linked;
}

static bool create_run(struct run *run, const struct run_options *options, struct run_stats *stats)
{
    memset(run, 0, sizeof *run);
    run->options = options;
    run->stats = stats;
    run->codegen.options = &options->codegen;
    size_t n_inputs = options->modules.n_paths + 1;
    size_t n_archives = options->archives.n_paths + 1;
    run->inputs = calloc(n_inputs, sizeof *run->inputs);
    run->objects = calloc(n_inputs, sizeof *run->objects);
    run->archive_bytes = calloc(n_archives, sizeof *run->archive_bytes);
    run->archive_sizes = calloc(n_archives, sizeof *run->archive_sizes);
    run->archives = calloc(n_archives, sizeof *run->archives);
    return (run->inputs && run->objects && run->archive_bytes && run->archive_sizes && run->archives) ||
           fail("out of memory");
}

/* Everything but the code, which is the program from here on. Objects go before what they borrow, and LLVM after the
 * bytes it made. */
static void release_inputs(struct run *run)
{
    for (size_t i = 0; i < run->n_inputs; i++)
        input_close(&run->inputs[i]);
    for (size_t i = 0; i < run->n_archives; i++) {
        oj_archive_destroy(run->archives[i]);
        free(run->archive_bytes[i]);
    }
    codegen_unbind(&run->codegen);
    free(run->inputs);
    free(run->objects);
    free(run->archive_bytes);
    free(run->archive_sizes);
    free(run->archives);
}

/* The last numbers are taken when all else is released: they are what the program starts with. */
static bool publish_stats(const struct run *run)
{
    struct run_stats *stats = run->stats;
    if (!stats)
        return true;
    stats->code_heap = oj_code_heap_size(run->code);
    (void)oj_memory_get_stats(oj_memory_default(), &stats->memory, sizeof stats->memory, NULL);
    stats_measure(&stats->ready);
    stats->ready_ns = now_ns();
    if (run->options->stats_file && !stats_write_file(stats, run->options->stats_file))
        return false;
    return !run->options->wants_stats || stats_print_at_exit(stats);
}

/* Build the program up to its first instruction. On failure everything is released again. */
static bool prepare(struct run *run, const struct run_options *options, struct run_stats *stats)
{
    bool is_ready = create_run(run, options, stats) && read_inputs(run) && load_runtime(run) && load_libraries(run) &&
                    compile_inputs(run) && link_program(run);
    release_inputs(run);
    if (is_ready && publish_stats(run))
        return true;
    oj_code_destroy(run->code);
    return false;
}

/* The C library's idea of the program's name comes from our own argv. */
static void take_program_name(char *path)
{
    char *slash = strrchr(path, '/');
    program_invocation_name = path;
    program_invocation_short_name = slash ? slash + 1 : path;
}

/* Nothing of ours runs between here and the program's end but what the table at exit needs. */
static int start(const struct run *run)
{
    char **arguments = run->options->program;
    oj_error error;
    int count = 0;
    while (arguments[count])
        count++;
    int (*entry)(int, char **, char **) = (int (*)(int, char **, char **))(uintptr_t)run->entry_addr;
    process_data_adopt(run->code);
    take_program_name(arguments[0]);
    if (oj_code_construct(run->code, &error) != OJ_OK) {
        fail("%s", error.text);
        return EXIT_OWNJIT;
    }
    errno = 0;
    return entry(count, arguments, environ);
}

static bool create_options(struct run_options *options, int argc)
{
    struct path_list *lists[] = {&options->modules, &options->archives, &options->libraries};
    memset(options, 0, sizeof *options);
    options->command = (struct command){"run", &run_argp};
    options->codegen.command = &options->command;
    options->codegen.level = -1;
    options->entry = "main";
    for (size_t i = 0; i < 3; i++) {
        lists[i]->paths = calloc((size_t)argc + 1, sizeof *lists[i]->paths);
        if (!lists[i]->paths)
            return fail("out of memory");
    }
    return true;
}

static void release_lists(struct run_options *options)
{
    free(options->modules.paths);
    free(options->archives.paths);
    free(options->libraries.paths);
}

int command_run(int argc, char **argv)
{
    /* These outlive main: the statistics are printed at exit, and the code runs in the program's exit handlers. */
    static struct run_options options;
    static struct run_stats stats;
    static struct run run;
    bool is_ready = false;
    stats.start_ns = now_ns();
    if (create_options(&options, argc)) {
        options_parse(&options.command, argc, argv, &options);
        bool is_measured = options.wants_stats || options.stats_file;
        stats.program = options.program[0];
        if (is_measured)
            stats_measure(&stats.at_start);
        is_ready = prepare(&run, &options, is_measured ? &stats : NULL);
    }
    release_lists(&options);
    if (!is_ready)
        return EXIT_OWNJIT;
    return start(&run);
}
