/* Option parsing: what the commands share on top of argp. */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MEBIBYTES (UINT64_C(1) << 24) /* 16 TiB, where the sizes of x86-64's address spaces are near */

enum { KEY_PASSES = OPTION_KEY(0), KEY_CPU, KEY_FEATURES, KEY_LLVM, KEY_ISOLATE, KEY_DEADLINE, KEY_MEMORY, KEY_CLANG };

void fail_usage(const struct command *command, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail("%s (see 'ownjit %s --help')", text, command->name);
    exit(EXIT_OWNJIT);
}

/* The options of argp and its children that `name` (length bytes of it) may mean: their number, and the last one. An
 * exact name means that option alone. */
static size_t match_options(const struct argp *argp, const char *name, size_t length, const struct argp_option **match)
{
    size_t n_matches = 0;
    for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++) {
        if (!o->name || strncmp(o->name, name, length) != 0)
            continue;
        *match = o;
        if (o->name[length] == '\0')
            return 1;
        n_matches++;
    }
    for (const struct argp_child *c = argp->children; c && c->argp; c++) {
        const struct argp_option *below = NULL;
        size_t n_below = match_options(c->argp, name, length, &below);
        if (n_below == 1 && below->name[length] == '\0') {
            *match = below;
            return 1;
        }
        n_matches += n_below;
    }
    return n_matches;
}

/* argp tells that an option was wrong, but neither which nor why, unless it prints its own two lines with a program
 * name that lacks the command. Report the one at argv[index] if it is wrong. */
static void report_long_option(const struct command *command, const char *text)
{
    const struct argp_option *match = NULL;
    size_t length = strcspn(text + 2, "=");
    size_t n_matches = match_options(command->argp, text + 2, length, &match);
    bool has_value = text[2 + length] == '=';
    if (n_matches == 0)
        fail_usage(command, "unknown option '%.*s'", (int)length + 2, text);
    if (n_matches > 1)
        fail_usage(command, "option '%.*s' may mean several", (int)length + 2, text);
    if (match && !match->arg && has_value)
        fail_usage(command, "option '--%s' takes no value", match->name);
    if (match && match->arg && !has_value)
        fail_usage(command, "option '--%s' needs a value: --%s=%s", match->name, match->name, match->arg);
}

static void report_bad_option(const struct command *command, const struct argp_state *state)
{
    /* getopt steps over a bad long option, and over a bad letter only where it is its word's last. */
    const char *before = state->next > 0 ? state->argv[state->next - 1] : "";
    const char *at = state->next < state->argc ? state->argv[state->next] : "";
    if (strncmp(before, "--", 2) == 0)
        report_long_option(command, before);
    const char *letters = at[0] == '-' && strncmp(at, "--", 2) != 0 ? at : before;
    if (strcmp(before, "-O") == 0 || strcmp(before, "-o") == 0)
        fail_usage(command, "option '%s' needs a value", before);
    fail_usage(command, "unknown option '%s'", letters);
}

static void print_help(const struct command *command)
{
    char name[64];
    snprintf(name, sizeof name, "ownjit %s", command->name);
    /* The options say themselves which take arguments. */
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
    argp_help(command->argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
    exit(output_finish() ? 0 : EXIT_OWNJIT);
}

error_t options_common(const struct command *command, int key, struct argp_state *state)
{
    switch (key) {
    case 'h':
        print_help(command);
        return 0;
    case ARGP_KEY_ERROR:
        report_bad_option(command, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void options_parse(const struct command *command, int argc, char **argv, void *options)
{
    /* In order: FILE ends our options, what follows is the program's. */
    error_t status = argp_parse(command->argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, options);
    if (status != 0)
        fail_usage(command, "cannot read the options: %s", strerror(status));
}

uint32_t option_llvm_version(const struct command *command, const char *argument)
{
    char *end = NULL;
    errno = 0;
    long version = strtol(argument, &end, 10);
    if (errno != 0 || end == argument || *end != '\0' || version < LLVM_OLDEST || version > LLVM_NEWEST)
        fail_usage(command, "--llvm=%s is not a version from %d to %d", argument, LLVM_OLDEST, LLVM_NEWEST);
    return (uint32_t)version;
}

uint64_t option_number(const struct command *command, const char *name, const char *argument, uint64_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(argument, &end, 10);
    if (errno != 0 || argument[0] < '0' || argument[0] > '9' || *end != '\0' || number == 0 || number > most)
        fail_usage(command, "--%s=%s is not a number from 1 to %llu", name, argument, (unsigned long long)most);
    return number;
}

static const struct argp_option codegen_table[] = {
    {NULL, 0, NULL, 0, "Compiling (no effect on ELF objects):", 2},
    {NULL, 'O', "LEVEL", 0,
     "Optimise at LEVEL 0, 1, 2 or 3: LLVM's default passes of that level, and code generation "
     "at it. Without -O no passes are run (of source, clang's own at -O0), and code is generated at level 2",
     2},
    {"passes", KEY_PASSES, "PIPELINE", 0,
     "Run these passes instead, written as opt(1) takes them, for instance "
     "'default<O1>' or 'function(mem2reg,instcombine)'",
     2},
    {"cpu", KEY_CPU, "CPU", 0, "Generate code for CPU, for instance x86-64-v3 (default: this machine's)", 2},
    {"features", KEY_FEATURES, "LIST", 0, "Switch CPU features on and off, for instance +avx2,-fma", 2},
    {"llvm", KEY_LLVM, "VERSION", 0, "Use the installed LLVM of this major version, 14 to 22 (default: the newest)", 2},
    {"clang", KEY_CLANG, "OPTION", 0,
     "Give clang this option, where FILE is C or C++ source: --clang=-std=c++20, --clang=-stdlib=libc++. May be "
     "repeated",
     2},
    {"isolate", KEY_ISOLATE, NULL, 0,
     "Compile in a confined process of its own: whatever LLVM does then, here it is a message, and LLVM is never "
     "loaded "
     "into the program's process",
     2},
    {"deadline", KEY_DEADLINE, "MS", 0, "Isolate, and give up a module after MS milliseconds (default: 10 minutes)", 2},
    {"memory", KEY_MEMORY, "MIB", 0, "Isolate, and give up a module that takes more than MIB mebibytes (default: 4096)",
     2},
    {0}};

static error_t parse_codegen(int key, char *arg, struct argp_state *state)
{
    struct codegen_options *options = state->input;
    switch (key) {
    case 'O':
        if (arg[0] < '0' || arg[0] > '3' || arg[1] != '\0')
            fail_usage(options->command, "-O%s is not a level: 0, 1, 2 or 3", arg);
        options->level = arg[0] - '0';
        return 0;
    case KEY_PASSES:
        options->passes = arg;
        return 0;
    case KEY_CPU:
        options->cpu = arg;
        return 0;
    case KEY_FEATURES:
        options->features = arg;
        return 0;
    case KEY_LLVM:
        options->llvm_version = option_llvm_version(options->command, arg);
        return 0;
    case KEY_ISOLATE:
        options->isolates = true;
        return 0;
    case KEY_DEADLINE:
        options->isolates = true;
        options->deadline_ms = (uint32_t)option_number(options->command, "deadline", arg, OJ_WORKERS_FOREVER - 1);
        return 0;
    case KEY_MEMORY:
        options->isolates = true;
        options->memory_size = option_number(options->command, "memory", arg, MOST_MEBIBYTES) << 20;
        return 0;
    case KEY_CLANG:
        if (options->n_clang_options == MAX_CLANG_OPTIONS)
            fail_usage(options->command, "there are more than %d --clang options", MAX_CLANG_OPTIONS);
        options->clang_options[options->n_clang_options++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp codegen_argp = {codegen_table, parse_codegen, NULL, NULL, NULL, NULL, NULL};
