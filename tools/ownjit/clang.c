/* C or C++ source to bitcode, by the system's clang in a process of its own. The bitcode comes through a pipe: no
 * temporary file is left behind however this ends. clang reads the file itself, so that what it includes is found; what
 * came through a pipe and cannot be read twice is given to it as its standard input. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define MAX_ARGUMENTS (128 + MAX_CLANG_OPTIONS)

/* Strings are kept here because arguments point to them until clang has started. */
struct clang_command {
    char *arguments[MAX_ARGUMENTS + 1];
    size_t n_arguments;
    bool is_too_long;
    int input; /* descriptor of the source, or -1 where clang reads the file */
    char level[16];
    char cpu[128];
    char target[192];
    char features[1024];
    char path[4096];
};

/* posix_spawn's argument type is not const for the sake of old code; the strings are only read. */
static char *without_const(const char *text)
{
    union {
        const char *read;
        char *any;
    } cast = {text};
    return cast.any;
}

static void add_argument(struct clang_command *command, const char *text)
{
    if (command->n_arguments == MAX_ARGUMENTS)
        command->is_too_long = true;
    else
        command->arguments[command->n_arguments++] = without_const(text);
}

/* An option whose value is written behind it, into a buffer of the command's. */
static void add_option(struct clang_command *command, char *buffer, size_t size, const char *option, const char *value)
{
    if (snprintf(buffer, size, "%s%s", option, value) >= (int)size)
        command->is_too_long = true;
    add_argument(command, buffer);
}

/* Each function's bitcode names its CPU and features, and code generation goes by that: so they must be told here. */
static void add_features(struct clang_command *command, const char *features)
{
    if (snprintf(command->features, sizeof command->features, "%s", features) >= (int)sizeof command->features)
        command->is_too_long = true;
    char *rest = NULL;
    for (char *one = strtok_r(command->features, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
        add_argument(command, "-Xclang");
        add_argument(command, "-target-feature");
        add_argument(command, "-Xclang");
        add_argument(command, one);
    }
}

/* What clang calls the option for a CPU depends on the architecture; the other one takes other names, or none.
 * Source: clang 14 to 22, clang/lib/Driver/ToolChains: getCPUName() */
static const char *cpu_option(const char *triple)
{
    static const char *const by_march[] = {"x86_64", "amd64", "i386", "i486", "i586", "i686", "s390x", "systemz"};
    for (size_t i = 0; i < sizeof by_march / sizeof by_march[0]; i++)
        if (strncmp(triple, by_march[i], strlen(by_march[i])) == 0)
            return "-march=";
    return "-mcpu=";
}

/* clang only translates: passes and code generation are ours to run. Where none are, clang runs those that it always
 * does: functions that must be inlined (libstdc++ has such) and coroutines are no code before. At -O0 clang marks each
 * function with optnone, which would switch off whatever passes are run later, so that mark is left out. */
static bool make_command(struct clang_command *command, const struct codegen *codegen, const struct input *input,
                         bool is_file)
{
    const struct codegen_options *options = codegen->options;
    const char *path = input->name;
    static const char *const fixed[] = {"-c", "-emit-llvm", "-Xclang", "-disable-O0-optnone"};
    static const char *const last[] = {"-o", "-"};
    int level = options->level >= 0 ? options->level : options->passes ? 2 : 0;
    memset(command, 0, sizeof *command);
    add_argument(command, "clang"); /* replaced by the name of the one that is found */
    add_argument(command, "-x");
    add_argument(command, input->kind == INPUT_CXX ? "c++" : "c");
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        add_argument(command, fixed[i]);
    if (options->level >= 0 || options->passes) {
        add_argument(command, "-Xclang");
        add_argument(command, "-disable-llvm-passes");
    }
    snprintf(command->level, sizeof command->level, "-O%d", level);
    add_argument(command, command->level);
    if (options->wants_debug)
        add_argument(command, "-g");
    if (options->triple)
        add_option(command, command->target, sizeof command->target, "--target=", options->triple);
    if (options->cpu)
        add_option(command, command->cpu, sizeof command->cpu, cpu_option(oj_compiler_triple(codegen->compiler)),
                   options->cpu);
    if (options->features)
        add_features(command, options->features);
    if (options->relocation_model == OJ_RELOCATION_STATIC)
        add_argument(command, "-fno-pic");
    for (size_t i = 0; i < options->n_clang_options; i++)
        add_argument(command, options->clang_options[i]);
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        add_argument(command, last[i]);
    /* clang takes any name that begins with "-" for an option. */
    if (!is_file)
        add_argument(command, "-");
    else if (path[0] == '-')
        add_option(command, command->path, sizeof command->path, "./", path);
    else
        add_argument(command, path);
    return !command->is_too_long || fail("the options for compiling '%s' are too long", path);
}

/* Start `name`; 0, or an errno: ENOENT where there is no such program. Output first: it may be descriptor 0, where the
 * caller was started with that closed. */
static int spawn_clang(struct clang_command *command, const char *name, int output, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0)
        return status;
    command->arguments[0] = without_const(name);
    status = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (status == 0 && command->input >= 0)
        status = posix_spawn_file_actions_adddup2(&actions, command->input, STDIN_FILENO);
    if (status == 0 && command->input < 0)
        status = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (status == 0)
        status = posix_spawnp(child, name, &actions, NULL, command->arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

/* A folder of PATH that may not be entered or is none, or a file there that may not be executed: elsewhere there may be
 * a clang. */
static bool is_not_there(int problem) { return problem == ENOENT || problem == EACCES || problem == ENOTDIR; }

/* Bitcode can be read by an LLVM as new as the clang that wrote it: that version first, then older ones, then
 * whatever "clang" is, then newer ones, whose bitcode often can be read as well. */
static int spawn_any_clang(struct clang_command *command, unsigned llvm_major, int output, char name[32], pid_t *child)
{
    int status = ENOENT;
    for (unsigned major = llvm_major; major >= LLVM_OLDEST && is_not_there(status); major--) {
        snprintf(name, 32, "clang-%u", major);
        status = spawn_clang(command, name, output, child);
    }
    if (is_not_there(status)) {
        strcpy(name, "clang");
        status = spawn_clang(command, name, output, child);
    }
    for (unsigned major = llvm_major + 1; major <= LLVM_NEWEST && is_not_there(status); major++) {
        snprintf(name, 32, "clang-%u", major);
        status = spawn_clang(command, name, output, child);
    }
    return status;
}

static bool wait_for(pid_t child, int *status)
{
    while (waitpid(child, status, 0) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

/* "-" is standard input, whatever lies in this folder. */
static bool is_regular(const char *path)
{
    struct stat status;
    return strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The same file above the standard descriptors. Where some of those are closed a new file gets their numbers, and
 * clang's own would take its place. */
static int raise_descriptor(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int saved = errno;
    close(fd);
    errno = saved;
    return raised;
}

/* A file in memory with the source in it, or -1. */
static int open_source(const struct input *input)
{
    int fd = raise_descriptor(memfd_create("ownjit-source", MFD_CLOEXEC));
    size_t written = 0;
    while (fd >= 0 && written < input->size) {
        ssize_t n = write(fd, input->data + written, input->size - written);
        if (n < 0 && errno != EINTR) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        written += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

/* To the end, which comes when clang has closed its side or is dead. */
static bool read_pipe(int fd, char **data, size_t *size)
{
    size_t used = 0;
    FILE *stream = open_memstream(data, size);
    if (!stream)
        return false;
    char buffer[16 * 1024];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            used += fwrite(buffer, 1, (size_t)n, stream);
    int saved = errno;
    bool is_complete = fclose(stream) == 0 && n == 0 && used == *size;
    errno = saved;
    return is_complete;
}

/* A signal and a status say more than the bytes, so they are told first. */
static bool check_result(const struct input *input, const char *clang, bool is_read, int status)
{
    const char *path = input->name;
    if (WIFSIGNALED(status))
        return fail("%s ended by signal %d (%s) while compiling '%s'", clang, WTERMSIG(status),
                    strsignal(WTERMSIG(status)), path);
    if (WEXITSTATUS(status) != 0)
        return fail("'%s' was taken for %s, and %s does not accept it as such; its messages are above", path,
                    input_kind_name(input->kind), clang);
    return is_read || fail("cannot read what %s makes of '%s': %s", clang, path, strerror(errno));
}

static bool fail_spawn(const struct input *input, const char *name, unsigned llvm_major, int problem)
{
    if (!is_not_there(problem))
        return fail("cannot start %s: %s", name, strerror(problem));
    return fail("'%s' is %s, and no clang was found to compile it (looked for clang-%u and others in PATH). Install "
                "one: apt install clang",
                input->name, input_kind_name(input->kind), llvm_major);
}

/* Run clang to its end. *bitcode is set even on failure, for the caller to free. */
static bool run_clang(struct clang_command *command, const struct input *input, unsigned llvm_major, char **bitcode,
                      size_t *size)
{
    char name[32];
    int ends[2];
    int status = 0;
    pid_t child = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail("cannot make a pipe for clang: %s", strerror(errno));
    int problem = spawn_any_clang(command, llvm_major, ends[1], name, &child);
    close(ends[1]);
    if (problem != 0) {
        close(ends[0]);
        return fail_spawn(input, name, llvm_major, problem);
    }
    bool is_read = read_pipe(ends[0], bitcode, size);
    close(ends[0]);
    if (!wait_for(child, &status))
        return fail("cannot wait for %s: %s", name, strerror(errno));
    return check_result(input, name, is_read, status);
}

bool clang_compile(const struct input *input, const struct codegen *codegen, char **bitcode, size_t *size)
{
    struct clang_command command;
    struct sigaction by_default = {.sa_handler = SIG_DFL}, inherited;
    bool is_file = is_regular(input->name);
    *bitcode = NULL;
    if (!make_command(&command, codegen, input, is_file))
        return false;
    command.input = is_file ? -1 : open_source(input);
    if (!is_file && command.input < 0)
        return fail("cannot keep the source of '%s' in memory: %s", input->name, strerror(errno));
    /* Whoever starts us with this signal ignored would have the child's status thrown away. */
    sigaction(SIGCHLD, &by_default, &inherited);
    bool is_compiled = run_clang(&command, input, codegen_llvm_major(codegen), bitcode, size);
    sigaction(SIGCHLD, &inherited, NULL);
    if (command.input >= 0)
        close(command.input);
    if (!is_compiled) {
        free(*bitcode);
        *bitcode = NULL;
    }
    return is_compiled;
}
