/* ownjit info: what this build can do on this machine. */
#include "tool.h"

#include <string.h>

enum { KEY_LLVM = OPTION_KEY(0x300) };

struct info_options {
    struct command command;
    uint32_t llvm_version;
};

static const struct argp_option info_table[] = {
    {"llvm", KEY_LLVM, "VERSION", 0, "Look for the LLVM of this major version, 14 to 22 (default: the newest)", 1},
    OPTION_HELP,
    {0}};

static error_t parse_info(int key, char *arg, struct argp_state *state)
{
    struct info_options *options = state->input;
    switch (key) {
    case KEY_LLVM:
        options->llvm_version = option_llvm_version(&options->command, arg);
        return 0;
    case ARGP_KEY_ARG:
        fail_usage(&options->command, "'%s' is one argument too many", arg);
    default:
        return options_common(&options->command, key, state);
    }
}

static const char info_doc[] = "Print the version, the LLVM that is used, the architectures, and how memory is made "
                               "executable here.";
static const struct argp info_argp = {info_table, parse_info, "", info_doc, NULL, NULL, NULL};

/* A compiler is created for its answers: it alone knows what "this host" is to LLVM. */
static void print_host(oj_llvm *llvm)
{
    oj_compiler_options options;
    oj_compiler *compiler = NULL;
    oj_error error;
    oj_compiler_options_init(&options);
    options.llvm = llvm;
    if (oj_compiler_create(&compiler, &options, &error) == OJ_OK)
        printf("compiles for   %s, CPU %s\n", oj_compiler_triple(compiler), oj_compiler_cpu(compiler));
    else
        printf("compiles for   nothing: %s\n", error.text);
    oj_compiler_destroy(compiler);
}

/* No LLVM is an answer here, not a failure: objects run without. */
static void print_llvm(uint32_t wanted)
{
    oj_llvm_options options;
    oj_llvm *llvm = NULL;
    oj_error error;
    char version[32];
    oj_llvm_options_init(&options);
    options.source = wanted != 0 ? OJ_LLVM_INSTALLED : OJ_LLVM_ANY;
    options.version = wanted;
    if (oj_llvm_create(&llvm, &options, &error) != OJ_OK) {
        printf("LLVM           none: %s\n", error.text);
        return;
    }
    printf("LLVM           %s, %s\n", version_text(oj_llvm_version(llvm), version), oj_llvm_path(llvm));
    print_host(llvm);
    oj_llvm_destroy(llvm);
}

/* A keeper is started for its answers, and ends here. */
static void print_workers(uint32_t wanted)
{
    static const char *const ways[] = {"not confined by this system", "confined by seccomp", "confined by landlock",
                                       "confined by seccomp and landlock"};
    oj_workers_options options;
    oj_workers_stats stats = {0};
    oj_workers *workers;
    oj_error error;
    oj_workers_options_init(&options);
    options.llvm_version = wanted;
    options.n_workers = 1;
    if (oj_workers_create(&workers, &options, &error) != OJ_OK || oj_workers_start(workers, 1, &error) != OJ_OK) {
        printf("workers        none: %s\n", error.text);
    } else {
        (void)oj_workers_get_stats(workers, &stats, sizeof stats);
        printf("workers        %s\n", ways[stats.confinement % 4]);
    }
    oj_workers_destroy(workers);
}

/* Asking makes the provider probe the system, which is what a link would do first. */
static void print_memory_mode(void)
{
    static const char *const explained[] = {
        [OJ_MEMORY_MODE_VIEWS] = " (a memory file, mapped once to write and once to execute)",
        [OJ_MEMORY_MODE_PRIVATE] = " (private memory, switched from writable to executable)",
    };
    uint32_t mode = oj_memory_mode_in_use(oj_memory_default());
    bool is_known = mode == OJ_MEMORY_MODE_VIEWS || mode == OJ_MEMORY_MODE_PRIVATE;
    printf("memory mode    %s%s\n", oj_memory_mode_name(mode), is_known ? explained[mode] : "");
}

/* Never in use unless a client asks for them, so that whether they work is all there is to say. */
static void print_protection_keys(void)
{
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    bool works;
    oj_memory_options_init(&options);
    options.mode = OJ_MEMORY_MODE_KEYS;
    works = oj_memory_create(&memory, &options, &error) == OJ_OK;
    printf("memory keys    %s%s\n", works ? "available" : "not available: ", works ? "" : error.text);
    if (works)
        oj_memory_destroy(memory, NULL);
}

int command_info(int argc, char **argv)
{
    struct info_options options = {.command = {"info", &info_argp}};
    char version[32];
    options_parse(&options.command, argc, argv, &options);
    printf("OwnJIT         %s\n", version_text(oj_version(), version));
    print_llvm(options.llvm_version);
    print_workers(options.llvm_version);
    printf("links for     ");
    for (size_t i = 0; oj_link_architecture(i); i++)
        printf("%s %s", i > 0 ? "," : "", oj_link_architecture(i));
    putchar('\n');
    print_memory_mode();
    print_protection_keys();
    printf("C library      %zu variables shared with non-PIC code\n", process_data_count());
    return output_finish() ? 0 : EXIT_OWNJIT;
}
