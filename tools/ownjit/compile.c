/* ownjit compile: IR, C or C++ source to a relocatable object in a file. */
#include "tool.h"

#include <string.h>

enum { KEY_TRIPLE = OPTION_KEY(0x200), KEY_CODE_MODEL, KEY_RELOCATION_MODEL };

struct compile_options {
    struct command command;
    struct codegen_options codegen;
    const char *input;
    const char *output;
};

static const struct argp_option compile_table[] = {
    {NULL, 0, NULL, 0, "Output:", 1},
    {"output", 'o', "OUT.o", 0, "Write the object to OUT.o; - is standard output", 1},
    {NULL, 0, NULL, 0, "Target:", 3},
    {"target", KEY_TRIPLE, "TRIPLE", 0,
     "Compile for this target, for instance aarch64-linux-gnu (default: this machine)", 3},
    {"triple", 0, NULL, OPTION_ALIAS, NULL, 3},
    {"code-model", KEY_CODE_MODEL, "MODEL", 0, "How far apart code and data may be: small (default), medium or large",
     3},
    {"relocation-model", KEY_RELOCATION_MODEL, "MODEL", 0,
     "pic (default): the object links at any address; static: "
     "it must lie low",
     3},
    OPTION_HELP,
    {0}};

static const char compile_doc[] =
    "Compile LLVM bitcode, textual IR, C or C++ source to a relocatable object."
    "\v"
    "The object can be kept, sent, and linked again and again, with no LLVM around: by 'ownjit run', by a program that "
    "uses the library, or by the system's linker.\n\n"
    "  ownjit compile -O2 prog.bc -o prog.o";

struct word {
    const char *text;
    uint32_t value;
};

static const struct word code_models[] = {
    {"small", OJ_CODE_MODEL_SMALL}, {"medium", OJ_CODE_MODEL_MEDIUM}, {"large", OJ_CODE_MODEL_LARGE}, {NULL, 0}};
static const struct word relocation_models[] = {
    {"pic", OJ_RELOCATION_PIC}, {"static", OJ_RELOCATION_STATIC}, {NULL, 0}};

/* The value of a word; ends the program where it is none of them. */
static uint32_t choose(const struct command *command, const struct word *words, const char *option, const char *arg)
{
    for (const struct word *word = words; word->text; word++)
        if (strcmp(word->text, arg) == 0)
            return word->value;
    fail_usage(command, "--%s=%s is not one of %s, %s%s%s", option, arg, words[0].text, words[1].text,
               words[2].text ? ", " : "", words[2].text ? words[2].text : "");
}

static error_t parse_compile(int key, char *arg, struct argp_state *state)
{
    struct compile_options *options = state->input;
    const struct command *command = &options->command;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->codegen;
        return 0;
    case 'o':
        options->output = arg;
        return 0;
    case KEY_TRIPLE:
        options->codegen.triple = arg;
        return 0;
    case KEY_CODE_MODEL:
        options->codegen.code_model = choose(command, code_models, "code-model", arg);
        return 0;
    case KEY_RELOCATION_MODEL:
        options->codegen.relocation_model = choose(command, relocation_models, "relocation-model", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (options->input)
            fail_usage(command, "one FILE at a time: '%s' is a second one", arg);
        options->input = arg;
        return 0;
    case ARGP_KEY_END:
        if (!options->input)
            fail_usage(command, "no FILE to compile");
        if (!options->output)
            fail_usage(command, "no file to write to: name it with -o OUT.o");
        output_check(command, "-o", options->output, options->input);
        return 0;
    default:
        return options_common(command, key, state);
    }
}

static const struct argp_child compile_children[] = {{&codegen_argp, 0, NULL, 2}, {0}};
static const struct argp compile_argp = {compile_table, parse_compile, "FILE -o OUT.o", compile_doc, compile_children,
                                         NULL,          NULL};

/* An object would come out as it went in, which is hardly what was meant. */
static bool compile_input(const struct compile_options *options, struct input *input, struct codegen *codegen)
{
    if (!input_read(input, options->input))
        return false;
    if (input->kind == INPUT_OBJECT || input->kind == INPUT_ARCHIVE)
        return fail("'%s' is %s already: there is nothing to compile", input->name, input_kind_name(input->kind));
    /* Written only when there is something to write: a failed compile leaves the old file as it was. */
    if (!input_compile(input, codegen))
        return false;
    const struct output_part part = {.bytes = oj_bytes_data(input->compiled), .size = oj_bytes_size(input->compiled)};
    if (input_is_foreign(part.bytes, part.size))
        warn_user("the objects of %s are not ELF: ownjit cannot link this one. A triple that ends in -elf gives ELF",
                  oj_compiler_triple(codegen->compiler));
    return output_write(options->output, &part, 1);
}

int command_compile(int argc, char **argv)
{
    struct compile_options options = {.command = {"compile", &compile_argp}, .codegen = {.level = -1}};
    struct codegen codegen = {.options = &options.codegen};
    struct input input = {0};
    options.codegen.command = &options.command;
    options_parse(&options.command, argc, argv, &options);
    bool is_compiled = compile_input(&options, &input, &codegen);
    input_close(&input);
    codegen_unbind(&codegen);
    return is_compiled ? 0 : EXIT_OWNJIT;
}
