/* Levels of control, 7: no linker of ours.
 *
 * Compile, and stop there. What compiling gives is an ordinary position-independent relocatable object: this program
 * writes it to a file, lets the system's compiler driver link it into a program, and runs that. A client with a loader
 * of its own, a cache on disk or an assembler's reader would begin at the same point.
 *
 * Build:  cc control_object.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char ir[] = "@text = private constant [32 x i8] c\"hello from an object of its own\\00\"\n"
                         "declare i32 @puts(i8*)\n"
                         "define i32 @main() {\n"
                         "  %where = getelementptr [32 x i8], [32 x i8]* @text, i64 0, i64 0\n"
                         "  %done = call i32 @puts(i8* %where)\n"
                         "  ret i32 42\n"
                         "}\n";

enum { RESULT = 42, SKIPPED = 77 };

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "control_object: %s: %s\n", what, why);
    return false;
}

static oj_bytes *compile(oj_error *error)
{
    oj_compiler *compiler;
    oj_bytes *bytes = NULL;
    oj_ir source = oj_ir_bytes(ir, sizeof ir - 1);
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    oj_compile_object(compiler, &source, &bytes, error);
    oj_compiler_destroy(compiler);
    return bytes;
}

static bool store(const oj_bytes *bytes, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail(path, strerror(errno));
    size_t written = fwrite(oj_bytes_data(bytes), 1, oj_bytes_size(bytes), file);
    return (fclose(file) == 0 && written == oj_bytes_size(bytes)) || fail(path, "cannot be written");
}

/* The object can be looked into without linking it: main is defined, puts is not. */
static bool inspect(const oj_bytes *bytes)
{
    oj_error error;
    oj_object *object;
    oj_symbol_info symbol;
    bool has_main = false, wants_puts = false;
    if (oj_object_create(&object, oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, &error) != OJ_OK)
        return fail("cannot read the object", error.text);
    for (size_t i = 0; i < oj_object_symbol_count(object); i++) {
        if (oj_object_symbol(object, i, &symbol, sizeof symbol) != OJ_OK)
            continue;
        has_main |= strcmp(symbol.name, "main") == 0 && symbol.place == OJ_SYMBOL_DEFINED;
        wants_puts |= strcmp(symbol.name, "puts") == 0 && symbol.place == OJ_SYMBOL_UNDEFINED;
    }
    printf("   %zu bytes for %s, %zu sections\n", oj_bytes_size(bytes), oj_object_architecture(object),
           oj_object_section_count(object));
    oj_object_destroy(object);
    return (has_main && wants_puts) || fail("the object", "not the expected symbols");
}

/* Run a program to its end: its exit status, 128 and more where it did not exit, or -1 where there is none. */
static int run(char *const *argv)
{
    pid_t child;
    int status;
    fflush(stdout);
    if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) != 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int link_and_run(const char *folder)
{
    char object[256], program[256];
    snprintf(object, sizeof object, "%s/hello.o", folder);
    snprintf(program, sizeof program, "%s/hello", folder);
    char *const link[] = {(char[]){"cc"}, (char[]){"-o"}, program, object, NULL};
    char *const start[] = {program, NULL};
    oj_error error;
    oj_bytes *bytes = compile(&error);
    if (!bytes) {
        fail("cannot compile", error.text);
        return EXIT_FAILURE;
    }
    bool is_stored = inspect(bytes) && store(bytes, object);
    oj_bytes_destroy(bytes);
    int linked = is_stored ? run(link) : -1, result = linked == 0 ? run(start) : -1;
    unlink(object);
    unlink(program);
    if (is_stored && (linked == -1 || linked == 127)) {
        puts("   there is no cc here to link with");
        return SKIPPED;
    }
    return result == RESULT ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
    const char *parent = getenv("TMPDIR");
    char folder[200];
    snprintf(folder, sizeof folder, "%s/ownjit-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(folder)) {
        perror("control_object: mkdtemp");
        return EXIT_FAILURE;
    }
    int status = link_and_run(folder);
    rmdir(folder);
    return status;
}
