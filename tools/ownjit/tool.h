/* What the files of the command line share.
 *
 * Error flow: a function that fails has already printed its one message and returns false; the caller releases what
 * it holds and passes false on; main() turns it into EXIT_OWNJIT. Wrong options end the program where they are met. */
#ifndef OWNJIT_TOOL_H
#define OWNJIT_TOOL_H

#include <ownjit/ownjit.h>

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What ownjit itself exits with when it fails: outside the range that programs commonly use, as env(1) does. */
#define EXIT_OWNJIT 125

/* The newest and the oldest LLVM the library binds: what --llvm accepts, and which clangs are looked for. */
#define LLVM_NEWEST 22
#define LLVM_OLDEST 14

/* --- message.c: the only place that writes to stderr -------------------------------------------------------------- */

/* Print "ownjit: " and one message of one line. Control characters in it are replaced: names in it come from hostile
 * files. Always returns false. */
bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with more lines below it, in which nothing is replaced: names in them are put_printable()'s. */
bool fail_with(const char *more, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a failure of the library, with what the user can do about it. `name` is the file concerned, or NULL. */
bool fail_library(const char *name, const oj_error *error);
void warn_user(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Copy `text` with its control characters replaced, cut to fit; returns buffer. */
const char *printable(char *buffer, size_t size, const char *text);
/* Write all of `text` to a stream, with its control characters replaced. */
void put_printable(FILE *stream, const char *text);

/* --- options.c ---------------------------------------------------------------------------------------------------- */

/* First member of every command's options. */
struct command {
    const char *name; /* "run" */
    const struct argp *argp;
};

/* Of --clang: more than anyone writes. */
#define MAX_CLANG_OPTIONS 64

/* How IR becomes an object: the options that run and compile share. */
struct codegen_options {
    const struct command *command; /* whose options these are: for messages */
    int level;                     /* of -O, or -1 where it is not given */
    const char *passes;            /* NULL: as `level` says */
    const char *cpu;
    const char *features;
    const char *triple;
    uint32_t relocation_model;
    uint32_t code_model;
    uint32_t llvm_version; /* 0 = any */
    const char *clang_options[MAX_CLANG_OPTIONS];
    size_t n_clang_options;
    bool wants_debug;     /* clang is to describe source lines and variables, and they are to be read */
    bool isolates;        /* compile in a worker process */
    uint32_t deadline_ms; /* of one module, in a worker; 0 = the library's */
    uint64_t memory_size; /* bytes that one module may take, in a worker; 0 = the library's */
};

extern const struct argp codegen_argp;
#define OPTION_KEY(n) (0x100 + (n)) /* keys of options without a letter; each argp counts on from its own start */

/* Parse argv[1..]; argv[0] is the command's name. Ends the program where the options are wrong or ask for help. */
void options_parse(const struct command *command, int argc, char **argv, void *options);
/* What every command's parser does with the keys it does not know: help, and errors. */
error_t options_common(const struct command *command, int key, struct argp_state *state);
/* Name, letter and text of --help, for each command's table. */
#define OPTION_HELP                                 \
    {                                               \
        "help", 'h', NULL, 0, "Print this help", -1 \
    }
/* Print why the command line is wrong and end the program. */
void fail_usage(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
uint32_t option_llvm_version(const struct command *command, const char *argument);
/* The whole number that the option `name` is given, from 1 to `most`. */
uint64_t option_number(const struct command *command, const char *name, const char *argument, uint64_t most);

/* --- input.c: a FILE of any kind, told by its content ------------------------------------------------------------- */

enum input_kind {
    INPUT_UNKNOWN = 0,
    INPUT_BITCODE,
    INPUT_IR_TEXT,
    INPUT_OBJECT, /* ELF: the library says whether it is a relocatable one */
    INPUT_ARCHIVE,
    INPUT_C,
    INPUT_CXX
};

struct input {
    const char *name; /* borrowed: the path as the user wrote it */
    enum input_kind kind;
    char *data; /* the file's bytes; replaced by the bitcode of C or C++ source */
    size_t size;
    oj_bytes *compiled; /* the object, where `data` is IR */
    oj_object *object;  /* borrows `compiled`, or else `data` */
};

struct codegen;

/* Read the file, "-" for standard input, and tell its kind. */
bool input_read(struct input *input, const char *path);
/* Does it begin as an object file does that is not ELF? */
bool input_is_foreign(const void *data, size_t size);
/* Make input->object: through clang and LLVM where need be. clang_ns is counted up. */
bool input_make_object(struct input *input, struct codegen *codegen);
/* Make input->compiled of C or C++ source or IR. */
bool input_compile(struct input *input, struct codegen *codegen);
void input_close(struct input *input);
/* "bitcode", "textual IR", ... */
const char *input_kind_name(enum input_kind kind);
/* Read a file to its end; *data is given to free(). */
bool read_file(const char *path, char **data, size_t *size);

/* --- clang.c ------------------------------------------------------------------------------------------------------ */

/* Compile C or C++ source to bitcode with the newest clang that the LLVM of codegen's compiler can read; *bitcode is
 * given to free(). */
bool clang_compile(const struct input *input, const struct codegen *codegen, char **bitcode, size_t *size);

/* --- output.c ----------------------------------------------------------------------------------------------------- */

/* Some bytes of a file; what lies before and between parts reads as zero. */
struct output_part {
    uint64_t offset; /* not before the end of the part before it */
    const void *bytes;
    size_t size;
};

/* End the program where writing `output`, what option `option` names, would destroy `input`, a FILE that is read. */
void output_check(const struct command *command, const char *option, const char *output, const char *input);
/* Write a file anew; "-" is standard output. Nothing of it is left on failure. */
bool output_write(const char *path, const struct output_part *parts, size_t n_parts);
/* Do both names lead to one file, which may not be there yet? */
bool output_is_same(const char *left, const char *right);
/* To be asked after the last byte is printed: has all of it reached standard output? */
bool output_finish(void);

/* --- undefined.c -------------------------------------------------------------------------------------------------- */

struct undefined_list {
    FILE *stream; /* NULL: no memory */
    char *text;
    size_t size;
    size_t n_names;
};

/* Have a link with these options list what is undefined; the list is closed with undefined_close() in any case. */
void undefined_open(struct undefined_list *list, oj_link_options *options);
/* Print all names as one message, with what the user can do about it. */
void undefined_fail(struct undefined_list *list, const char *advice);
void undefined_close(struct undefined_list *list);

/* --- image.c: what `ownjit link` makes ---------------------------------------------------------------------------- */

/* Segments of an image are at most code, read-only data and data. */
#define MAX_IMAGE_SEGMENTS 3

struct image {
    const char *architecture;
    oj_segment segments[MAX_IMAGE_SEGMENTS]; /* as the plan has them; write is the image's own, run_addr its user's */
    size_t n_segments;
    oj_tls tls;               /* for the link's options */
    oj_tls_module tls_module; /* as the link has made it, the bytes a copy; size 0: no variable is thread-local */
};

void image_init(struct image *image, const char *architecture);
/* The run address of the image of thread-local variables: it is behind the last segment. */
uint64_t image_tls_addr(const struct image *image);
/* Write all segments to a file, each at its distance from the lowest address. */
bool image_write(const struct image *image, const char *path);
void image_close(struct image *image);

/* --- map.c -------------------------------------------------------------------------------------------------------- */

/* Write what lies where in a written image to a file, "-" for standard output. */
bool map_write(const struct image *image, const oj_plan *plan, const oj_code *code, const char *path);

/* --- codegen.c: LLVM, bound when first needed --------------------------------------------------------------------- */

struct codegen {
    const struct codegen_options *options;
    oj_llvm *llvm;       /* NULL until something needs it: objects link where no LLVM is installed */
    oj_workers *workers; /* in its place where compiling is isolated */
    oj_compiler *compiler;
    uint64_t llvm_ns; /* binding and loading LLVM */
    uint64_t clang_ns;
    uint64_t create_ns; /* creating the compiler */
    uint64_t parse_ns;
    uint64_t passes_ns;
    uint64_t codegen_ns;
    char llvm_text[256]; /* "22.1.0 (path)", "" while none is bound */
};

/* Bind LLVM and create the compiler, unless that is done. */
bool codegen_create_compiler(struct codegen *codegen);
/* Major version of the LLVM that compiles. Needs a compiler. */
unsigned codegen_llvm_major(const struct codegen *codegen);
bool codegen_compile(struct codegen *codegen, const char *name, const void *ir, size_t size, oj_bytes **out);
/* End the compiler and drop LLVM's clean pages; objects made stay valid until codegen_unbind(). */
void codegen_end_compiler(struct codegen *codegen);
void codegen_trim(struct codegen *codegen);
void codegen_unbind(struct codegen *codegen);
/* "22.1.0" of the number that oj_llvm_version() and oj_version() return. */
const char *version_text(uint32_t version, char buffer[32]);
uint64_t now_ns(void);

/* --- stats.c ------------------------------------------------------------------------------------------------------ */

/* What the process holds at one moment, in bytes. */
struct process_size {
    uint64_t resident;
    uint64_t heap; /* malloc's, in use */
};

/* What one run measured. */
struct run_stats {
    const char *program;
    uint64_t start_ns;      /* clock value */
    uint64_t read_ns;       /* files */
    uint64_t objects_ns;    /* parsing objects and archives */
    uint64_t ready_ns;      /* clock value when the program starts */
    struct codegen codegen; /* as it was when compiling was over */
    oj_link_stats link;
    size_t n_modules;
    uint64_t object_bytes; /* of all modules, in their object form */
    uint64_t code_heap;    /* bytes kept for the code handle */
    oj_memory_stats memory;
    struct process_size at_start, compiled, compiler_gone, ready;
};

void stats_measure(struct process_size *size);
/* Write everything as JSON, "-" for standard output. */
bool stats_write_file(const struct run_stats *stats, const char *path);
/* Print the table to stderr when the process exits; `stats` must live until then. */
bool stats_print_at_exit(const struct run_stats *stats);

/* --- process_data.c ----------------------------------------------------------------------------------------------- */

/* Give variables of the C library that a program may define for itself (argp_program_version and the like) the value
 * the program gave them: natively its definition would replace the library's. Needs code whose symbols are kept. */
void process_data_adopt(const oj_code *code);
/* Number of C library variables that have an address in this executable. */
size_t process_data_count(void);

/* --- low.c -------------------------------------------------------------------------------------------------------- */

/* Load the C++ runtime library within reach of 32 bits, if these bytes of an input name anything of it. Before other
 * threads start, and before LLVM loads it elsewhere. */
void low_load_cxx(const char *data, size_t size);

/* --- the commands: argv[0] is the command's name; they return an exit status -------------------------------------- */

int command_run(int argc, char **argv);
int command_compile(int argc, char **argv);
int command_link(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_info(int argc, char **argv);

#endif
