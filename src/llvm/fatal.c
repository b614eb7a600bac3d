/* Targets for which LLVM ends the process, told from their names before it does. Nothing in its C API tells what a CPU
 * or a feature stands for: what is here was found by trial of every CPU and every feature of LLVM 14 to 22. */
#include "llvm/llvm.h"

#include <stdio.h>

static const char x86_32_bit[] =
    " athlon athlon-4 athlon-mp athlon-tbird athlon-xp c3 c3-2 geode i386 i486 i586 i686 k6 k6-2 k6-3 lakemont pentium "
    "pentium-m pentium-mmx pentium2 pentium3 pentium3m pentium4 pentium4m pentium_4 pentium_4_sse3 pentium_ii "
    "pentium_iii pentium_iii_no_xmm_regs pentium_m pentium_mmx pentium_pro pentiumpro prescott winchip-c6 winchip2 "
    "yonah ";
static const char riscv_32_bit[] =
    " andes-a25 andes-a45 andes-n45 generic-rv32 rocket-rv32 rp2350-hazard3 sifive-7-rv32 sifive-e20 sifive-e21 "
    "sifive-e24 sifive-e31 sifive-e34 sifive-e76 syntacore-scr1-base syntacore-scr1-max syntacore-scr3-rv32 "
    "syntacore-scr4-rv32 syntacore-scr5-rv32 ";
static const char riscv_64_bit[] =
    " andes-ax25 andes-ax45 andes-ax45mpv andes-nx45 generic-rv64 mips-p8700 rocket-rv64 sifive-7-rv64 sifive-p450 "
    "sifive-p470 sifive-p550 sifive-p670 sifive-p870 sifive-s21 sifive-s51 sifive-s54 sifive-s76 sifive-u54 sifive-u74 "
    "sifive-x280 sifive-x390 spacemit-x60 syntacore-scr3-rv64 syntacore-scr4-rv64 syntacore-scr5-rv64 syntacore-scr7 "
    "tt-ascalon-d8 veyron-v1 xiangshan-kunminghu xiangshan-nanhu ";
/* Names of schedules only: to LLVM they are of neither width. */
static const char riscv_no_bit[] = " andes-45-series generic-ooo rocket sifive-7-series ";

/* LLVM takes "-" and "_" apart, so do we. */
static bool is_among(const char *names, const char *cpu)
{
    char wanted[64];
    int length = snprintf(wanted, sizeof wanted, " %s ", cpu);
    return cpu[0] && length > 0 && (size_t)length < sizeof wanted && strstr(names, wanted);
}

static bool begins(const char *triple, const char *prefix) { return strncmp(triple, prefix, strlen(prefix)) == 0; }

/* Is p, of this length, the feature, with a sign or without? To LLVM one without a sign is one with a minus. '+', '-',
 * or 0 where it is another. */
static int sign_of(const char *p, size_t length, const char *feature)
{
    const size_t size = strlen(feature);
    if (length == size && memcmp(p, feature, size) == 0)
        return '-';
    return length == size + 1 && (*p == '+' || *p == '-') && memcmp(p + 1, feature, size) == 0 ? *p : 0;
}

/* The last mention of a feature decides, or of another that brings it along. 0 where it is not named. */
static int last_sign_with(oji_llvm_features list, const char *feature, const char *bringer)
{
    int sign = 0;
    for (size_t at = 0, length; at < list.size; at += length + 1) {
        const char *p = list.text + at, *comma = memchr(p, ',', list.size - at);
        int found;
        length = comma ? (size_t)(comma - p) : list.size - at;
        found = sign_of(p, length, feature);
        if (found || sign_of(p, length, bringer) == '+')
            sign = found ? found : '+';
    }
    return sign;
}

static int last_sign(oji_llvm_features list, const char *feature) { return last_sign_with(list, feature, feature); }

/* A feature that is named overrides the CPU. */
static bool has(oji_llvm_features list, const char *feature, bool cpu_has)
{
    int sign = last_sign(list, feature);
    return sign ? sign == '+' : cpu_has;
}

/* By the name's beginning: x86_64h and the like are x86-64 with another default CPU. */
bool oji_llvm_is_x86_64(const char *triple) { return begins(triple, "x86_64") || begins(triple, "amd64"); }

/* "64-bit code requested on a subtarget that doesn't support it"; and outside of the 64-bit mode it has no code. */
static const char *find_for_x86_64(const char *cpu, oji_llvm_features list)
{
    if (!has(list, "64bit", !is_among(x86_32_bit, cpu)) || !has(list, "64bit-mode", true))
        return "has no 64-bit code";
    return NULL;
}

/* "RV64 target requires an RV64 CPU", the same of 32 bits, and "RV32 and RV64 can't be combined". */
static const char *find_for_riscv(const char *cpu, oji_llvm_features list, bool is_64_bit)
{
    bool is_32 = is_among(riscv_32_bit, cpu), is_64 = is_among(riscv_64_bit, cpu),
         is_none = is_among(riscv_no_bit, cpu);
    bool has_32 = has(list, "32bit", is_64_bit ? is_32 : !is_64 && !is_none);
    bool has_64 = has(list, "64bit", is_64_bit ? !is_32 && !is_none : is_64);
    return has_64 != is_64_bit || has_32 == is_64_bit ? "has no code of that width" : NULL;
}

/* What a feature needs goes with it, but double precision, for which no instruction is left ("Cannot select"). */
static const char *find_for_arm(oji_llvm_features list)
{
    if (last_sign_with(list, "vfp2sp", "vfp2") != '-' || last_sign(list, "soft-float") == '+')
        return NULL;
    return has(list, "fp64", true) && has(list, "fpregs", true) && has(list, "fpregs64", true)
               ? "has double precision (fp64) without vfp2sp"
               : NULL;
}

/* LLVM answers these with lists of all that it knows, on the standard error stream, and takes the CPU for unknown. */
static bool asks_for_help(const char *cpu, oji_llvm_features list)
{
    return strcmp(cpu, "help") == 0 || last_sign(list, "help") == '+' || last_sign(list, "cpuhelp") == '+';
}

const char *oji_llvm_find_fatal(const char *triple, const char *cpu, oji_llvm_features list)
{
    if (asks_for_help(cpu, list))
        return "is none: \"help\" names nothing";
    if (oji_llvm_is_x86_64(triple))
        return find_for_x86_64(cpu, list);
    if (begins(triple, "riscv64") || begins(triple, "riscv32"))
        return find_for_riscv(cpu, list, begins(triple, "riscv64"));
    if (begins(triple, "arm") || begins(triple, "thumb"))
        return begins(triple, "arm64") ? NULL : find_for_arm(list);
    return NULL;
}

bool oji_llvm_lacks_doubles(const char *triple, oji_llvm_features list)
{
    return oji_llvm_is_x86_64(triple) && last_sign(list, "sse2") == '-' && last_sign(list, "sse") != '-' &&
           last_sign(list, "soft-float") != '+';
}

/* An error of LLVM's comes too late for the result, or comes at all, only where nothing of the kind is a parameter: for
 * one that is it crashes ("Access past stack top"). */
bool oji_llvm_takes_doubles(const oji_llvm_api *api, oji_llvm_value *function)
{
    static const char soft[] = "use-soft-float";
    oji_llvm_attribute *attribute;
    if (api->IsDeclaration(function))
        return false;
    attribute = api->GetStringAttributeAtIndex(function, OJI_LLVM_FUNCTION_INDEX, soft, sizeof soft - 1);
    if (attribute) {
        unsigned size;
        const char *text = api->GetStringAttributeValue(attribute, &size);
        if (size == 4 && memcmp(text, "true", 4) == 0)
            return false;
    }
    for (oji_llvm_value *p = api->GetFirstParam(function); p; p = api->GetNextParam(p)) {
        unsigned kind = api->GetTypeKind(api->TypeOf(p));
        if (kind != OJI_LLVM_TYPE_INTEGER && kind != OJI_LLVM_TYPE_POINTER && kind != OJI_LLVM_TYPE_FLOAT &&
            kind != OJI_LLVM_TYPE_X86_FP80)
            return true;
    }
    return false;
}
