/* Target machines. */
#include "llvm/llvm.h"

#include <stdio.h>

/* What the creating thread is given, and gives back. */
typedef struct creation {
    const oji_llvm_target_options *options;
    oji_llvm_machine *machine;
} creation;

/* Called here or on the capturing thread: machines belong to no thread. */
static void create(void *argument)
{
    creation *c = argument;
    const oji_llvm_target_options *o = c->options;
    c->machine =
        o->library->api.CreateTargetMachine(o->target, o->triple, o->cpu, o->features, o->level, o->reloc, o->model);
}

/* LLVM reads a feature without a sign as one to switch off. Empty ones are refused with them: they are a mistake of
 * whoever put the text together. */
static oj_status check_signs(const char *features, oj_error *error)
{
    const char *p = features;
    while (*p) {
        size_t length = strcspn(p, ",");
        if (length < 2 || (*p != '+' && *p != '-'))
            return oji_fail(error, OJ_E_TARGET,
                            "target features \"%s\": \"%.*s\" does not begin with + or -, or is empty", features,
                            (int)length, p);
        p += length;
        if (*p == ',' && *++p == '\0')
            return oji_fail(error, OJ_E_TARGET, "target features \"%s\": they end in a comma", features);
    }
    return OJ_OK;
}

/* LLVM says the same once for each of its parts that looks. Every later copy of a line goes. */
void oji_llvm_drop_repeated(char *text)
{
    for (char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');
        for (char *other = next; *other;) {
            size_t size = strcspn(other, "\n");
            char *rest = other + size + (other[size] == '\n');
            if (size == length && memcmp(line, other, length) == 0)
                memmove(other, rest, strlen(rest) + 1);
            else
                other = rest;
        }
        line = next;
    }
}

/* Where the system does not let a thread have descriptors of its own, LLVM prints; the target is made all the same.
 * An unknown CPU has no 64-bit code either, for which LLVM would end the process: so it is asked for. The machine
 * keeps its own copy of the features, so these may go with the frame. */
static oj_status create_unchecked(creation *c, oj_error *error)
{
    oji_llvm_target_options options = *c->options;
    const oji_llvm_target_options *given = c->options;
    char features[OJI_LLVM_FEATURES_SIZE];
    int length = snprintf(features, sizeof features, "%s%s+64bit", options.features, options.features[0] ? "," : "");
    if ((size_t)length >= sizeof features)
        return oji_fail(error, OJ_E_TARGET, "target features of %d bytes or more cannot be checked on this system",
                        OJI_LLVM_FEATURES_SIZE);
    if (oji_llvm_is_x86_64(options.triple))
        options.features = features;
    c->options = &options;
    create(c);
    c->options = given;
    return OJ_OK;
}

/* What can be known without LLVM is checked first, because it includes what LLVM must not be asked. A machine that
 * LLVM complained about is not given out: it would compile for something else than was asked for. */
static oj_status create_checked(creation *c, oj_error *error)
{
    const oji_llvm_target_options *o = c->options;
    char said[OJI_LLVM_TEXT_SIZE];
    char text[OJI_LLVM_TEXT_SIZE];
    const char *fatal = oji_llvm_find_fatal(o->triple, o->cpu, oji_llvm_list_features(o->features));
    int reason;
    OJI_TRY(check_signs(o->features, error));
    if (fatal)
        return oji_fail(error, OJ_E_TARGET, "target \"%s\", CPU \"%s\", features \"%s\": it %s", o->triple, o->cpu,
                        o->features, fatal);
    reason = oji_llvm_run_captured(create, c, said, sizeof said);
    if (reason == OJI_LLVM_CAPTURE_REFUSED)
        return create_unchecked(c, error);
    if (reason == 0 && !said[0])
        return OJ_OK;
    if (c->machine)
        o->library->api.DisposeTargetMachine(c->machine);
    c->machine = NULL;
    if (reason != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, reason, "target \"%s\", CPU \"%s\": cannot be checked", o->triple,
                               o->cpu);
    oji_llvm_drop_repeated(said);
    oji_llvm_flatten(text, sizeof text, said);
    return oji_fail(error, OJ_E_TARGET, "target \"%s\", CPU \"%s\": LLVM %u says: %s", o->triple, o->cpu,
                    o->library->version / 10000, text);
}

/* The first with code for a variable's address in RISC-V's large code model. */
#define FIRST_RISCV_LARGE 200000u

/* LLVM ends the process: "Only small, tiny and large code models are allowed on AArch64", "Unsupported code model for
 * lowering". */
static oj_status check_model(const oji_llvm_target_options *o, oj_error *error)
{
    bool is_aarch64 = strncmp(o->triple, "aarch64", 7) == 0 || strncmp(o->triple, "arm64", 5) == 0;
    if (is_aarch64 && o->model == OJI_LLVM_MODEL_MEDIUM)
        return oji_fail(error, OJ_E_TARGET, "target \"%s\" has no medium code model: small and large are there",
                        o->triple);
    if (strncmp(o->triple, "riscv", 5) == 0 && o->model == OJI_LLVM_MODEL_LARGE && o->reloc == OJI_LLVM_RELOC_STATIC &&
        o->library->version < FIRST_RISCV_LARGE)
        return oji_fail(error, OJ_E_TARGET, "target \"%s\": LLVM %u has no large code model for it", o->triple,
                        o->library->version / 10000);
    return OJ_OK;
}

/* `checked` spares a thread for the host's own CPU and features, the most frequent case. */
oj_status oji_llvm_create_machine(const oji_llvm_target_options *options, bool checked, oji_llvm_machine **out,
                                  oj_error *error)
{
    creation c = {options, NULL};
    *out = NULL;
    OJI_TRY(check_model(options, error));
    if (checked)
        create(&c);
    else
        OJI_TRY(create_checked(&c, error));
    if (!c.machine)
        return oji_fail(error, OJ_E_TARGET, "target \"%s\": this LLVM was built without code generation for it",
                        options->triple);
    *out = c.machine;
    return OJ_OK;
}

/* Where capturing is refused LLVM prints at the compile itself, as it would without us. */
int oji_llvm_probe_machine(const oji_llvm_target_options *options, char *said, size_t capacity)
{
    creation c = {options, NULL};
    int reason;
    said[0] = '\0';
    if (capacity < 2)
        return 0;
    reason = oji_llvm_run_captured(create, &c, said, capacity);
    if (c.machine)
        options->library->api.DisposeTargetMachine(c.machine);
    return reason;
}
