/* ownjit: the command line of OwnJIT, and its first client: it uses what any program can use. */
#include "tool.h"

#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
} commands[] = {
    {"run", command_run, "run a program from bitcode, textual IR, an ELF object, C or C++ source"},
    {"compile", command_compile, "compile bitcode, textual IR, C or C++ source to an object file"},
    {"link", command_link, "link objects for addresses you choose, this machine's or another's"},
    {"inspect", command_inspect, "show an object or archive: sections, symbols, relocations, layout"},
    {"info", command_info, "show the version, the LLVM in use, architectures, memory mode"},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(void)
{
    printf("Usage: ownjit COMMAND [OPTION...] ...\n"
           "Compile LLVM IR to machine code in memory, and run it with the compiler gone.\n\n"
           "Commands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].text);
    printf("\n"
           "  ownjit COMMAND --help   the options of a command\n"
           "  ownjit --version        the version\n"
           "  ownjit --help           this text\n\n"
           "To begin with:\n"
           "  echo 'int printf(const char *, ...); int main(void) { printf(\"hello\\n\"); }' > hello.c\n"
           "  ownjit run hello.c                    compiles with the system's clang, and runs\n"
           "  ownjit run -O2 --stats hello.c        optimised, and shows where time and memory went\n"
           "  ownjit compile -O2 hello.c -o hello.o\n"
           "  ownjit inspect hello.o\n\n"
           "The exit status is the program's; 125 is a failure of ownjit itself. See also: man ownjit\n");
}

static int print_version(void)
{
    char version[32];
    printf("ownjit %s\n", version_text(oj_version(), version));
    return output_finish() ? 0 : EXIT_OWNJIT;
}

/* Forgetting "run" is the likeliest mistake of all. */
static int reject(const char *word)
{
    if (word[0] == '-')
        fail("unknown option '%s' (see 'ownjit --help')", word);
    else if (access(word, F_OK) == 0)
        fail("'%s' is not a command; to run that file: ownjit run %s", word, word);
    else
        fail("'%s' is not a command: run, compile, link, inspect, info (see 'ownjit --help')", word);
    return EXIT_OWNJIT;
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    return reject(argv[0]);
}

/* "help run" is "run --help". */
static int help_command(char *name)
{
    char option[] = "--help";
    char *arguments[] = {name, option, NULL};
    return run_command(2, arguments);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fail("no command given: run, compile, link, inspect, info (see 'ownjit --help')");
        return EXIT_OWNJIT;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return print_version();
    if (strcmp(argv[1], "help") == 0 && argc > 2)
        return help_command(argv[2]);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return output_finish() ? 0 : EXIT_OWNJIT;
    }
    return run_command(argc - 1, argv + 1);
}
