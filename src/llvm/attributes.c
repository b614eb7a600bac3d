/* What functions of a module name as their own CPU and features. LLVM prints what it does not know, once for each
 * function, and ends the process where a CPU cannot run 64-bit code: so these attributes are looked at before it does.
 * What this LLVM does not know it would ignore; here it is dropped, with a warning to the client. */
#include "llvm/llvm.h"

#include <stdio.h>

/* Bytes of a value, its zero included. Clang names every feature of a RISC-V CPU, those that it lacks too: 5,000. */
#define MAX_CPU 256
#define MAX_FEATURES 8192

typedef struct attribute {
    const char *name;
    unsigned name_size;
    oji_llvm_attribute *value; /* of the function last looked at; LLVM keeps one copy of equal ones */
} attribute;

typedef struct scan {
    oji_llvm_target_options *target;
    oji_llvm_module *module;
    oji_llvm_listener *listener;
    attribute cpu, tune, features;
    bool has_unknown;            /* the last combination that was looked at has what LLVM does not know, ... */
    bool lacks_doubles;          /* ... no registers for doubles */
    bool is_blind;               /* ... or could not be tried on this system */
    char said[MAX_FEATURES * 4]; /* LLVM's message for a feature is four times as long as a name */
} scan;

/* Copy an attribute's value; false where the function has none. LLVM's strings have a length and no zero. Needs
 * check_value() to have passed, or a capacity of MAX_FEATURES. */
static bool copy_value(const scan *s, const attribute *a, char *buffer)
{
    unsigned length;
    const char *text;
    if (!a->value)
        return false;
    text = s->target->library->api.GetStringAttributeValue(a->value, &length);
    memcpy(buffer, text, length);
    buffer[length] = '\0';
    return true;
}

/* Has LLVM said, of the `length` bytes at `name`, that it does not know them? LLVM quotes the name in both of its
 * messages ("'x' is not a recognized processor", "... feature"). */
static bool is_unknown(const scan *s, const char *name, size_t length)
{
    const char *end = s->said + strlen(s->said);
    for (const char *p = s->said; (p = memmem(p, (size_t)(end - p), name, length)) != NULL; p++)
        if (p > s->said && p[-1] == '\'' && p[length] == '\'')
            return true;
    return false;
}

/* Add to s->said what LLVM does not know of a combination. Trying costs a thread: the last one that was all known is
 * remembered from compile to compile.
 * Needs room in s->said for one message; what does not fit is cut. Only a combination without a complaint is
 * remembered, so that a warning is given in each compile. */
static oj_status probe(scan *s, const char *cpu, const char *features, const char *name, oj_error *error)
{
    oji_llvm_target_options options = *s->target;
    char key[OJI_LLVM_KNOWN_SIZE];
    int key_size = snprintf(key, sizeof key, "%s %s", cpu, features);
    bool fits = key_size > 0 && (size_t)key_size < sizeof key;
    size_t length = strlen(s->said);
    int reason;
    if ((fits && strcmp(key, s->target->known) == 0) || (!cpu[0] && !features[0]))
        return OJ_OK;
    options.cpu = cpu;
    options.features = features;
    reason = oji_llvm_probe_machine(&options, s->said + length, sizeof s->said - length);
    if (reason == OJI_LLVM_CAPTURE_REFUSED)
        s->is_blind = true;
    else if (reason != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, reason, "%s: a function's CPU and features cannot be checked", name);
    else if (fits && s->said[length] == '\0')
        memcpy(s->target->known, key, (size_t)key_size + 1);
    return OJ_OK;
}

/* LLVM reads on behind a zero byte, and whoever reads its texts as C strings does not; a line break would make two
 * messages of one. A name that is too long to be looked at would be LLVM's to complain of. */
static oj_status check_value(const scan *s, const attribute *a, size_t capacity, const char *name, oj_error *error)
{
    unsigned size = 0;
    const char *text = a->value ? s->target->library->api.GetStringAttributeValue(a->value, &size) : "";
    if (size >= capacity)
        return oji_fail(error, OJ_E_TARGET, "%s: a function's \"%s\" is %u bytes long, and fewer than %zu can be", name,
                        a->name, size, capacity);
    for (unsigned i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ')
            return oji_fail(error, OJ_E_TARGET, "%s: a function's \"%s\" has a byte %u in it, which no name has", name,
                            a->name, (unsigned)(unsigned char)text[i]);
    return OJ_OK;
}

/* Fills s->said with what LLVM does not know. The compiler's own combination was tried when the compiler was created.
 * What did not fit was not dropped from the module. */
static oj_status collect_unknown(scan *s, const char *cpu, const char *tune, const char *features, const char *name,
                                 oj_error *error)
{
    s->said[0] = '\0';
    s->is_blind = false;
    if (s->cpu.value || s->features.value)
        OJI_TRY(probe(s, cpu, features, name, error));
    if (s->tune.value && strcmp(tune, cpu) != 0)
        OJI_TRY(probe(s, tune, features, name, error));
    if (strlen(s->said) + 2 >= sizeof s->said)
        return oji_fail(error, OJ_E_TARGET, "%s: a function names more features that LLVM does not know than are told",
                        name);
    oji_llvm_drop_repeated(s->said);
    s->has_unknown = s->said[0] != '\0';
    return OJ_OK;
}

/* Judge the combination that s->cpu, s->tune and s->features make with the compiler's own.
 * Needs the attributes of one function in s; fills what s says of the combination. What a function does not name is the
 * compiler's own, as in LLVM. */
static oj_status look_at(scan *s, const char *name, oj_error *error)
{
    const char *triple = s->target->triple, *fatal;
    char own_cpu[MAX_CPU], tune[MAX_CPU], own_features[MAX_FEATURES];
    const char *cpu = own_cpu, *features = own_features;
    OJI_TRY(check_value(s, &s->cpu, sizeof own_cpu, name, error));
    OJI_TRY(check_value(s, &s->tune, sizeof tune, name, error));
    OJI_TRY(check_value(s, &s->features, sizeof own_features, name, error));
    if (!copy_value(s, &s->cpu, own_cpu))
        cpu = s->target->cpu;
    if (!copy_value(s, &s->features, own_features))
        features = s->target->features;
    if (!copy_value(s, &s->tune, tune))
        tune[0] = '\0';
    fatal = oji_llvm_find_fatal(triple, cpu, oji_llvm_list_features(features));
    if (!fatal && strcmp(tune, "help") == 0)
        fatal = "is tuned for \"help\", which names nothing";
    if (fatal)
        return oji_fail(error, OJ_E_TARGET, "%s: a function is for %s, CPU \"%.64s\", features \"%.256s\", which %s",
                        name, triple, cpu, features, fatal);
    s->lacks_doubles = oji_llvm_lacks_doubles(triple, oji_llvm_list_features(features));
    return collect_unknown(s, cpu, tune, features, name, error);
}

/* Attributes are constants of the context: a changed one is a new one in the old one's place. */
static void replace(const scan *s, oji_llvm_value *function, const attribute *a, const char *value)
{
    const oji_llvm_api *api = &s->target->library->api;
    oji_llvm_context *context = api->GetModuleContext(s->module);
    oji_llvm_attribute *made =
        api->CreateStringAttribute(context, a->name, a->name_size, value, (unsigned)strlen(value));
    api->RemoveStringAttributeAtIndex(function, OJI_LLVM_FUNCTION_INDEX, a->name, a->name_size);
    api->AddAttributeAtIndex(function, OJI_LLVM_FUNCTION_INDEX, made);
}

/* An unknown CPU becomes "generic": without the attribute it would be the compiler's own. */
static void drop_unknown_cpu(const scan *s, oji_llvm_value *function, const attribute *a)
{
    char value[MAX_CPU];
    if (copy_value(s, a, value) && value[0] && is_unknown(s, value, strlen(value)))
        replace(s, function, a, "generic");
}

/* The attribute stays even where nothing is left of it: without it the compiler's own features would hold. What is
 * kept is a part of the value, so it fits the same room. */
static void drop_unknown_features(const scan *s, oji_llvm_value *function)
{
    char value[MAX_FEATURES];
    char kept[MAX_FEATURES];
    size_t kept_size = 0;
    if (!copy_value(s, &s->features, value))
        return;
    for (const char *p = value; *p; p += *p == ',') {
        size_t length = strcspn(p, ",");
        if (length > 0 && !is_unknown(s, p, length)) {
            if (kept_size > 0)
                kept[kept_size++] = ',';
            memcpy(kept + kept_size, p, length);
            kept_size += length;
        }
        p += length;
    }
    kept[kept_size] = '\0';
    if (strcmp(kept, value) != 0)
        replace(s, function, &s->features, kept);
}

/* Where nothing can be tried a CPU may be unknown, and then has no 64-bit code, for which LLVM would end the process:
 * so it is asked for, as for the compiler's own. */
static oj_status ask_for_64_bit(const scan *s, oji_llvm_value *function, const char *name, oj_error *error)
{
    const char *triple = s->target->triple;
    char own[MAX_FEATURES], value[MAX_FEATURES];
    const char *features = copy_value(s, &s->features, own) ? own : s->target->features;
    int length = snprintf(value, sizeof value, "%s%s+64bit", features, features[0] ? "," : "");
    if (!oji_llvm_is_x86_64(triple) && strncmp(triple, "riscv64", 7) != 0)
        return OJ_OK;
    if ((size_t)length >= sizeof value)
        return oji_fail(error, OJ_E_TARGET, "%s: features of %d bytes or more cannot be checked on this system", name,
                        MAX_FEATURES);
    replace(s, function, &s->features, value);
    return OJ_OK;
}

/* Once for each combination, not for each function. */
static void warn(const scan *s)
{
    char line[OJI_LLVM_TEXT_SIZE];
    if (!s->listener->diagnostic)
        return;
    oji_llvm_flatten(line, sizeof line, s->said);
    s->listener->diagnostic(s->listener->diagnostic_context, OJ_SEVERITY_WARNING, line);
}

/* Take one of a function's attributes; true where it is another than that of the function before. Equal attributes
 * of one context are one object, so that pointers tell whether they differ. */
static bool take(const scan *s, oji_llvm_value *function, attribute *a)
{
    oji_llvm_attribute *value =
        s->target->library->api.GetStringAttributeAtIndex(function, OJI_LLVM_FUNCTION_INDEX, a->name, a->name_size);
    bool changed = value != a->value;
    a->value = value;
    return changed;
}

static oj_status fail_doubles(const oji_llvm_api *api, oji_llvm_value *function, const char *name, oj_error *error)
{
    size_t size;
    const char *function_name = api->GetValueName2(function, &size);
    return oji_fail(error, OJ_E_TARGET,
                    "%s: the function %.*s takes floating-point numbers or vectors, and its features have no registers "
                    "for them (-sse2)",
                    name, size < 128 ? (int)size : 128, function_name);
}

/* Changes attributes only, while it walks functions: the list it walks stays as it is. On failure the module may
 * have lost unknown features of functions before, which LLVM would have ignored. */
oj_status oji_llvm_check_attributes(oji_llvm_target_options *target, oji_llvm_module *module, const char *name,
                                    oji_llvm_listener *listener, oj_error *error)
{
    const oji_llvm_api *api = &target->library->api;
    /* Field by field: an initialiser would zero all the room for texts as well, which most modules have no use for. */
    scan s;
    s.target = target;
    s.module = module;
    s.listener = listener;
    s.cpu = (attribute){"target-cpu", 10, NULL};
    s.tune = (attribute){"tune-cpu", 8, NULL};
    s.features = (attribute){"target-features", 15, NULL};
    s.has_unknown = false;
    s.is_blind = false;
    s.lacks_doubles = oji_llvm_lacks_doubles(target->triple, oji_llvm_list_features(target->features));
    s.said[0] = '\0';
    /* Functions of one source mostly share their attributes: each combination is judged where it begins. */
    for (oji_llvm_value *f = api->GetFirstFunction(module); f; f = api->GetNextFunction(f)) {
        bool changed = take(&s, f, &s.cpu);
        changed |= take(&s, f, &s.tune);
        changed |= take(&s, f, &s.features);
        if (changed) {
            OJI_TRY(look_at(&s, name, error));
            if (s.has_unknown)
                warn(&s);
        }
        if (s.lacks_doubles && oji_llvm_takes_doubles(api, f))
            return fail_doubles(api, f, name, error);
        if (s.is_blind && s.cpu.value)
            OJI_TRY(ask_for_64_bit(&s, f, name, error));
        if (s.has_unknown) {
            drop_unknown_cpu(&s, f, &s.cpu);
            drop_unknown_cpu(&s, f, &s.tune);
            drop_unknown_features(&s, f);
        }
    }
    return OJ_OK;
}
