/* What functions of a module name as their own CPU and features. LLVM prints what it does not know, once for each
 * function, and ends the process where a CPU cannot run 64-bit code: so these attributes are looked at before it does.
 * What this LLVM does not know it would ignore; here it is dropped, with a warning to the client. */
#include "llvm/llvm.h"

#include <stdio.h>

#define MAX_ATTRIBUTE 4096 /* bytes of a value, its zero included */

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
    bool has_unknown; /* the last combination that was looked at has what LLVM does not know */
    char said[MAX_ATTRIBUTE * 2];
} scan;

/* Every CPU of LLVM 14 to 22 whose use for x86-64 is fatal, by trial. LLVM takes "-" and "_" apart, so do we. */
static bool is_32_bit_cpu(const char *cpu)
{
    static const char names[] =
        " athlon athlon-4 athlon-mp athlon-tbird athlon-xp c3 c3-2 geode i386 i486 i586 i686 k6 k6-2 k6-3 lakemont "
        "pentium pentium-m pentium-mmx pentium2 pentium3 pentium3m pentium4 pentium4m pentium_4 pentium_4_sse3 "
        "pentium_ii pentium_iii pentium_iii_no_xmm_regs pentium_m pentium_mmx pentium_pro pentiumpro prescott "
        "winchip-c6 winchip2 yonah ";
    char wanted[64];
    int length = snprintf(wanted, sizeof wanted, " %s ", cpu);
    return cpu[0] && length > 0 && (size_t)length < sizeof wanted && strstr(names, wanted);
}

/* A list of features, which LLVM separates by commas: its strings have a length and no zero. */
typedef struct feature_list {
    const char *text;
    size_t size;
} feature_list;

static feature_list list_of(const char *text) { return (feature_list){text, strlen(text)}; }

/* The last mention of a feature decides, and to LLVM one without a sign is one with a minus. '+', '-', or 0
 * where it is not named. */
static int last_sign(feature_list list, const char *feature)
{
    const size_t size = strlen(feature);
    int sign = 0;
    for (size_t at = 0, length; at < list.size; at += length + 1) {
        const char *p = list.text + at, *comma = memchr(p, ',', list.size - at);
        length = comma ? (size_t)(comma - p) : list.size - at;
        if (length == size && memcmp(p, feature, size) == 0)
            sign = '-';
        else if (length == size + 1 && (*p == '+' || *p == '-') && memcmp(p + 1, feature, size) == 0)
            sign = *p;
    }
    return sign;
}

/* By the name's beginning: x86_64h and the like are x86-64 with another default CPU. */
bool oji_llvm_is_x86_64(const char *triple)
{
    return strncmp(triple, "x86_64", 6) == 0 || strncmp(triple, "amd64", 5) == 0;
}

/* Found by trial: LLVM reports "64-bit code requested on a subtarget that doesn't support it" through its fatal
 * error handler, which ends the process, and has no code for functions outside of the 64-bit mode. Naming a feature
 * overrides the CPU either way. */
static bool is_fatal_for_x86_64(const char *cpu, feature_list list)
{
    int sign = last_sign(list, "64bit");
    return sign == '-' || last_sign(list, "64bit-mode") == '-' || (is_32_bit_cpu(cpu) && sign != '+');
}

/* "RV64 target requires an RV64 CPU", and the same of 32 bits. */
static bool is_fatal(const char *triple, const char *cpu, feature_list list)
{
    if (strncmp(triple, "riscv64", 7) == 0)
        return last_sign(list, "64bit") == '-' || last_sign(list, "32bit") == '+';
    if (strncmp(triple, "riscv32", 7) == 0)
        return last_sign(list, "32bit") == '-' || last_sign(list, "64bit") == '+';
    return oji_llvm_is_x86_64(triple) && is_fatal_for_x86_64(cpu, list);
}

bool oji_llvm_is_fatal(const char *triple, const char *cpu, const char *features)
{
    return is_fatal(triple, cpu, list_of(features));
}

/* Copy an attribute's value; false where the function has none, or one that is too long to look at. LLVM's strings
 * have a length and no zero. */
static bool copy_value(const scan *s, const attribute *a, char *buffer)
{
    unsigned length;
    const char *text;
    if (!a->value)
        return false;
    text = s->target->library->api.GetStringAttributeValue(a->value, &length);
    if (length >= MAX_ATTRIBUTE)
        return false;
    memcpy(buffer, text, length);
    buffer[length] = '\0';
    return true;
}

/* Has LLVM said, of the `length` bytes at `name`, that it does not know them? LLVM quotes the name in both of its
 * messages ("'x' is not a recognized processor", "... feature"). */
static bool is_unknown(const scan *s, const char *name, size_t length)
{
    char quoted[256];
    if (length + 3 > sizeof quoted)
        return false;
    quoted[0] = '\'';
    memcpy(quoted + 1, name, length);
    memcpy(quoted + 1 + length, "'", 2);
    return strstr(s->said, quoted) != NULL;
}

/* Add to s->said what LLVM does not know of a combination. Trying costs a thread: the last one that was all known is
 * remembered from compile to compile.
 * Needs room in s->said for one message; what does not fit is cut. Only a combination without a complaint is
 * remembered, so that a warning is given in each compile. */
static void probe(scan *s, const char *cpu, const char *features)
{
    oji_llvm_target_options options = *s->target;
    char key[OJI_LLVM_KNOWN_SIZE];
    int key_size = snprintf(key, sizeof key, "%s %s", cpu, features);
    bool fits = key_size > 0 && (size_t)key_size < sizeof key;
    size_t length = strlen(s->said);
    if ((fits && strcmp(key, s->target->known) == 0) || (!cpu[0] && !features[0]))
        return;
    options.cpu = cpu;
    options.features = features;
    oji_llvm_probe_machine(&options, s->said + length, sizeof s->said - length);
    if (fits && s->said[length] == '\0')
        memcpy(s->target->known, key, (size_t)key_size + 1);
}

/* Whatever its length: what is too long to be looked at closely is LLVM's to read nevertheless. */
static feature_list given_features(const scan *s)
{
    unsigned size;
    const char *text;
    if (!s->features.value)
        return list_of(s->target->features);
    text = s->target->library->api.GetStringAttributeValue(s->features.value, &size);
    return (feature_list){text, size};
}

/* LLVM reads on behind a zero byte, and whoever reads its texts as C strings does not. */
static oj_status check_bytes(const scan *s, const attribute *a, const char *name, oj_error *error)
{
    unsigned size = 0;
    const char *text = a->value ? s->target->library->api.GetStringAttributeValue(a->value, &size) : "";
    if (size == 0 || !memchr(text, '\0', size))
        return OJ_OK;
    return oji_fail(error, OJ_E_TARGET, "%s: a function's \"%s\" has a zero byte in it", name, a->name);
}

/* Judge the combination that s->cpu, s->tune and s->features make with the compiler's own.
 * Needs the attributes of one function in s; fills s->said and s->has_unknown. What a function does not name is the
 * compiler's own, as in LLVM. */
static oj_status look_at(scan *s, const char *name, oj_error *error)
{
    char cpu[MAX_ATTRIBUTE], tune[MAX_ATTRIBUTE], features[MAX_ATTRIBUTE];
    const feature_list given = given_features(s);
    OJI_TRY(check_bytes(s, &s->cpu, name, error));
    OJI_TRY(check_bytes(s, &s->tune, name, error));
    OJI_TRY(check_bytes(s, &s->features, name, error));
    if (!copy_value(s, &s->cpu, cpu))
        oji_copy_text(cpu, sizeof cpu, s->target->cpu);
    if (!copy_value(s, &s->features, features))
        oji_copy_text(features, sizeof features, s->target->features);
    if (is_fatal(s->target->triple, cpu, given))
        return oji_fail(error, OJ_E_TARGET,
                        "%s: a function is for CPU \"%.64s\", features \"%.*s\", which cannot run %s", name, cpu,
                        given.size < 256 ? (int)given.size : 256, given.text, s->target->triple);
    s->said[0] = '\0';
    /* The compiler's own combination was tried when the compiler was created. */
    if (s->cpu.value || s->features.value)
        probe(s, cpu, features);
    if (copy_value(s, &s->tune, tune) && strcmp(tune, cpu) != 0)
        probe(s, tune, features);
    oji_llvm_drop_repeated(s->said);
    s->has_unknown = s->said[0] != '\0';
    return OJ_OK;
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
    char value[MAX_ATTRIBUTE];
    if (copy_value(s, a, value) && value[0] && is_unknown(s, value, strlen(value)))
        replace(s, function, a, "generic");
}

/* The attribute stays even where nothing is left of it: without it the compiler's own features would hold. What is
 * kept is a part of the value, so it fits the same room. */
static void drop_unknown_features(const scan *s, oji_llvm_value *function)
{
    char value[MAX_ATTRIBUTE];
    char kept[MAX_ATTRIBUTE];
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
        if (s.has_unknown) {
            drop_unknown_cpu(&s, f, &s.cpu);
            drop_unknown_cpu(&s, f, &s.tune);
            drop_unknown_features(&s, f);
        }
    }
    return OJ_OK;
}
