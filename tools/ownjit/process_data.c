/* Variables of the C library, given an address in this executable.
 *
 * Objects that are not position-independent (gcc -fno-pic) hold 32-bit absolute addresses. Natively the linker makes
 * room for a shared library's variable in the executable, which lies low, and has the dynamic linker copy it there
 * and bind everyone to the copy (R_X86_64_COPY). Code that is linked while we run cannot ask for that any more, so
 * this executable asks for it ahead, for every variable that programs use. It must be linked at fixed addresses
 * (-no-pie); dlsym() then finds the low address, and libc, the program and we share one variable. */
#include "tool.h"

#include <string.h>

/* The variables that headers of the C library offer (stdio, unistd, getopt, time, math, errno, error, argp, obstack,
 * regex, netinet, netdb, libintl), with the aliases that their macros use, and __libc_single_threaded, which headers of
 * C++ read. Names of GLIBC_PRIVATE and of glibc's own machinery are left out. */
#define PROCESS_DATA(X)              \
    X(stdin)                         \
    X(stdout)                        \
    X(stderr)                        \
    X(environ)                       \
    X(__environ)                     \
    X(optarg)                        \
    X(optind)                        \
    X(opterr)                        \
    X(optopt)                        \
    X(timezone)                      \
    X(daylight)                      \
    X(tzname)                        \
    X(__timezone)                    \
    X(__daylight)                    \
    X(__tzname)                      \
    X(getdate_err)                   \
    X(signgam)                       \
    X(program_invocation_name)       \
    X(program_invocation_short_name) \
    X(__progname)                    \
    X(__progname_full)               \
    X(error_message_count)           \
    X(error_one_per_line)            \
    X(error_print_progname)          \
    X(argp_program_version)          \
    X(argp_program_version_hook)     \
    X(argp_program_bug_address)      \
    X(argp_err_exit_status)          \
    X(obstack_alloc_failed_handler)  \
    X(obstack_exit_failure)          \
    X(re_syntax_options)             \
    X(in6addr_any)                   \
    X(in6addr_loopback)              \
    X(rexecoptions)                  \
    X(_nl_msg_cat_cntr)              \
    X(__libc_single_threaded)

/* Declared without their types, which do not matter here: only the address does. */
#define DECLARE(name) extern char data_##name[] __asm__(#name);
PROCESS_DATA(DECLARE)
#undef DECLARE
/* Since glibc 2.32. */
#pragma weak data___libc_single_threaded

/* A read-only table at fixed addresses: the dynamic linker cannot fill it in, so the variables must come to us. */
#define ADDRESS(name) data_##name,
__attribute__((used)) static const char *const process_data[] = {PROCESS_DATA(ADDRESS)};
#undef ADDRESS

size_t process_data_count(void) { return sizeof process_data / sizeof process_data[0]; }

/* Variables that are made to be defined by programs, so that libc picks their value up. */
static const struct settable {
    const char *name;
    void *variable;
    size_t size;
} settables[] = {
    {"argp_program_version", data_argp_program_version, sizeof(char *)},
    {"argp_program_version_hook", data_argp_program_version_hook, sizeof(void (*)(void))},
    {"argp_program_bug_address", data_argp_program_bug_address, sizeof(char *)},
    {"argp_err_exit_status", data_argp_err_exit_status, sizeof(int)},
    {"error_print_progname", data_error_print_progname, sizeof(void (*)(void))},
    {"obstack_alloc_failed_handler", data_obstack_alloc_failed_handler, sizeof(void (*)(void))},
    {"obstack_exit_failure", data_obstack_exit_failure, sizeof(int)},
};

void process_data_adopt(const oj_code *code)
{
    for (size_t i = 0; i < sizeof settables / sizeof settables[0]; i++) {
        const void *definition = oj_code_lookup(code, settables[i].name);
        if (definition)
            memcpy(settables[i].variable, definition, settables[i].size);
    }
}
