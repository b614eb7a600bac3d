/* What every measurement stands on: samples that survive a child process, inputs, subjects.
 *
 * A measurement runs in a process of its own, forked before anything of LLVM or OwnJIT has run, and writes its samples
 * into memory shared with the parent. The parent alone prints, computes ratios and writes the record. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MAX_SAMPLES 4096u
#define BENCH_MAX_SERIES 16u
#define BENCH_MAX_GROUPS 8u

/* --- samples (report.c) ------------------------------------------------------------------------------------------- */

typedef struct bench_series {
    char subject[40];
    uint32_t n; /* samples so far; those beyond BENCH_MAX_SAMPLES are refused */
    double values[BENCH_MAX_SAMPLES];
} bench_series;

/* One measurement on one input: a series for each subject, all of one unit. Less is better. */
typedef struct bench_group {
    char name[40];
    char input[32];
    char unit[16];
    char note[400];     /* printed below the table */
    bool is_comparable; /* the subjects do the same work, so that ratios between them mean something */
    uint32_t n_series;
    bench_series series[BENCH_MAX_SERIES];
} bench_group;

/* All that one measurement produces; lives in shared memory. */
typedef struct bench_result {
    uint32_t n_groups;
    bench_group groups[BENCH_MAX_GROUPS];
} bench_result;

bench_group *bench_group_add(bench_result *result, const char *name, const char *input, const char *unit);
/* Add a subject; its samples then go in by the index that is returned. */
uint32_t bench_series_add(bench_group *group, const char *subject);
void bench_sample(bench_group *group, uint32_t series, double value);

typedef struct bench_report bench_report;
bench_report *bench_report_create(uint32_t llvm_major);
void bench_report_group(bench_report *report, const bench_group *group);
/* Print each of DESIGN.md's figures that this run can tell about, and whether it was reached. */
void bench_report_reach(const bench_report *report);
bool bench_report_write(const bench_report *report, const char *path);
void bench_report_destroy(bench_report *report);

/* --- processes and clocks (process.c) ----------------------------------------------------------------------------- */

/* Run body(result, context) in a child; false where it failed, died or took too long. */
bool bench_isolated(bool (*body)(bench_result *, void *), bench_result *result, void *context);
/* Zeroed memory that children write into; NULL where there is none. */
void *bench_shared_create(size_t size);
void bench_shared_destroy(void *memory, size_t size);

/* Nanoseconds of CLOCK_MONOTONIC, or of this thread's processor time where that was asked for: on a machine that does
 * other work as well, long samples are interrupted more often than short ones, and ratios of wall time then flatter
 * whoever is quick. All subjects work on the calling thread. */
uint64_t bench_now(void);
/* Microseconds since `from`, less what reading a slow clock takes. */
double bench_elapsed(uint64_t from);
void bench_use_cpu_clock(void);

typedef struct bench_memory {
    double rss;      /* bytes, from smaps_rollup */
    double pss;      /* bytes, from smaps_rollup */
    double mappings; /* lines of maps */
    double heap;     /* bytes in use by malloc's own count */
} bench_memory;
bench_memory bench_memory_now(void);

/* Say what failed on stderr and return false. */
bool bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define BENCH_CHECK(condition) ((condition) ? true : bench_fail("%s:%d: %s", __FILE__, __LINE__, #condition))

/* --- inputs (inputs.c) -------------------------------------------------------------------------------------------- */

typedef struct bench_bytes {
    uint8_t *data;
    size_t size;
} bench_bytes;

/* Where an input's symbols are looked up: NULL where there is none. */
typedef void *(*bench_lookup)(void *context, const char *name);

typedef struct bench_input {
    const char *name;
    const char *entry;                                 /* the symbol whose address is asked for */
    bool (*check)(bench_lookup lookup, void *context); /* run it and compare what it answers */
    bench_bytes object;
    bench_bytes bitcode;
} bench_input;

typedef struct bench_inputs {
    bench_input add;
    bench_input lua;
    bench_input sqlite;
    bench_input sqlite_plain; /* the same without unwind tables, which LLVM's engines register and OwnJIT does not */
    bench_bytes pass;         /* a function that calls what it is given */
    bench_bytes pass_plain;   /* the same without unwind tables */
    char thrower[4096];       /* path of a library that throws through such a function */
    char compiler[32];        /* clang's version */
} bench_inputs;

bool bench_inputs_load(bench_inputs *inputs, const char *folder);
void bench_inputs_free(bench_inputs *inputs);
/* Give add's only function the name of module `index`, in place in object or bitcode; the name is returned. */
const char *bench_add_rename(bench_bytes bytes, uint32_t index);
bool bench_check_add(void *address);

/* --- LLVM's own engines (peers.c) --------------------------------------------------------------------------------- */

typedef enum bench_engine { BENCH_RUNTIMEDYLD = 0, BENCH_JITLINK = 1 } bench_engine;
typedef struct bench_lljit bench_lljit;

uint32_t bench_llvm_major(void);
void bench_llvm_version(char *buffer, size_t size);
void bench_llvm_start(void);

/* An LLJIT that finds the process's symbols. level is a code generation level, 0 to 3. */
bench_lljit *bench_lljit_create(bench_engine engine, unsigned level);
void bench_lljit_destroy(bench_lljit *jit);
/* Link an object and return the address of `entry`, NULL on failure. prepare is kept out of what is timed. */
typedef struct bench_prepared {
    void *buffer;
    void *tracker;
} bench_prepared;
bench_prepared bench_lljit_prepare(bench_lljit *jit, bench_bytes bytes);
void *bench_lljit_link(bench_lljit *jit, bench_prepared *prepared, const char *entry);
/* Compile bitcode and return the address of `entry`, NULL on failure. */
void *bench_lljit_compile(bench_lljit *jit, bench_prepared *prepared, bench_bytes bitcode, const char *entry);
/* Remove what was linked or compiled, and forget it. */
void bench_lljit_remove(bench_prepared *prepared);
void *bench_lljit_lookup(void *jit, const char *name);

typedef struct bench_mcjit {
    void *context;
    void *module;
    void *engine;
    bool is_drop_in;
} bench_mcjit;
/* Find libownjit-mcjit, whose engines then stand beside LLVM's own. */
bool bench_drop_in_load(void);
/* What bench_mcjit_compile() does, in two steps: the IR, and from the engine's creation to the address of `entry`. */
bool bench_mcjit_parse(bench_mcjit *jit, bench_bytes bitcode, bool is_drop_in);
void *bench_mcjit_open(bench_mcjit *jit, unsigned level, const char *entry);
/* Take the one code out of a drop-in's engine. */
struct oj_code;
bool bench_mcjit_take(bench_mcjit *jit, struct oj_code **code);
void *bench_mcjit_compile(bench_mcjit *jit, bench_bytes bitcode, unsigned level, const char *entry);
void *bench_mcjit_lookup(void *jit, const char *name);
void bench_mcjit_destroy(bench_mcjit *jit);

/* The LLVM calls that compiling needs, and nothing more: bitcode to object bytes that are then thrown away. */
void *bench_machine_create(unsigned level);
void bench_machine_destroy(void *machine);
bool bench_llvm_emit(void *machine, bench_bytes bitcode, bool verify);

/* --- OwnJIT's own side (ours.c) ----------------------------------------------------------------------------------- */

struct oj_memory;
struct oj_code;

/* A provider in that oj_memory_mode, defaults otherwise; NULL on failure. */
struct oj_memory *bench_provider_create(uint32_t mode);
bool bench_provider_destroy(struct oj_memory *memory);
/* Link and return the address of `entry`, NULL on failure. flags are OJ_LINK_... */
void *bench_link_object(const struct oj_memory *memory, bench_bytes object, uint32_t flags, const char *entry,
                        struct oj_code **code);

/* Objects of one function each that adds two numbers, of different sizes. */
#define BENCH_SIZES 8u
#define BENCH_SIZED_NAME "add_sized"
bool bench_sized_create(bench_bytes sized[BENCH_SIZES]);
void bench_sized_free(bench_bytes sized[BENCH_SIZES]);

/* The next number of a fixed sequence; *state starts as anything but zero. */
#define BENCH_SEED UINT64_C(0x9e3779b97f4a7c15)
uint64_t bench_random(uint64_t *state);

/* --- system calls (calls.c) --------------------------------------------------------------------------------------- */

#define BENCH_MAX_CALL 512u

/* Every system call of a phase, by number, as a tracer sees them. Lies in shared memory. */
typedef struct bench_calls {
    volatile bool is_counting;
    uint64_t n[BENCH_MAX_CALL];
} bench_calls;

/* Run body(calls, context) in a child that is traced; false where it failed. *is_allowed: the system lets us trace. The
 * body calls begin and end once each, around what is to be counted. */
bool bench_count_calls(bool (*body)(bench_calls *, void *), void *context, bench_calls *calls, bool *is_allowed);
void bench_calls_begin(bench_calls *calls);
void bench_calls_end(bench_calls *calls);
uint64_t bench_calls_total(const bench_calls *calls);
/* "3 madvise, 1 membarrier" */
void bench_calls_describe(const bench_calls *calls, char *text, size_t size);

/* --- an unchecked loop (floor.c) ---------------------------------------------------------------------------------- */

typedef enum bench_mode { BENCH_PRIVATE = 0, BENCH_VIEWS = 1, BENCH_HUGE = 2 } bench_mode;
typedef struct bench_floor bench_floor;

/* Parse and lay out: what the loop has for nothing. */
bench_floor *bench_floor_create(bench_bytes object);
void bench_floor_destroy(bench_floor *loop);
/* Map fresh memory, copy, relocate, protect; no check of anything. Returns false where the system refuses. */
bool bench_floor_link(bench_floor *loop, bench_mode mode);
void bench_floor_unmap(bench_floor *loop);
void *bench_floor_lookup(void *loop, const char *name);

/* --- measurements (bench_*.c) ------------------------------------------------------------------------------------- */

/* Each runs in the parent, isolates what it measures, and returns false where something failed. */
bool bench_link_fresh(bench_result *result, const bench_inputs *inputs);
bool bench_link_warm(bench_result *result, const bench_inputs *inputs);
bool bench_link_phases(bench_result *result, const bench_inputs *inputs);
bool bench_link_small(bench_result *result, const bench_inputs *inputs);
bool bench_compile_small(bench_result *result, const bench_inputs *inputs);
bool bench_compile_large(bench_result *result, const bench_inputs *inputs);
bool bench_far(bench_result *result, const bench_inputs *inputs);
bool bench_kept(bench_result *result, const bench_inputs *inputs);
bool bench_heap(bench_result *result, const bench_inputs *inputs);
bool bench_debugger(bench_result *result, const bench_inputs *inputs);
bool bench_live(bench_result *result, const bench_inputs *inputs);
bool bench_unwind(bench_result *result, const bench_inputs *inputs);
bool bench_unwind_remove(bench_result *result, const bench_inputs *inputs);
bool bench_steps(bench_result *result, const bench_inputs *inputs);
bool bench_place(bench_result *result, const bench_inputs *inputs);
bool bench_system_calls(bench_result *result, const bench_inputs *inputs);
bool bench_packed(bench_result *result, const bench_inputs *inputs);
bool bench_patch(bench_result *result, const bench_inputs *inputs);
bool bench_relocations(bench_result *result, const bench_inputs *inputs);
bool bench_mcjit_small(bench_result *result, const bench_inputs *inputs);
bool bench_mcjit_large(bench_result *result, const bench_inputs *inputs);
bool bench_mcjit_kept(bench_result *result, const bench_inputs *inputs);
bool bench_worker_small(bench_result *result, const bench_inputs *inputs);
bool bench_worker_resident(bench_result *result, const bench_inputs *inputs);
bool bench_worker_throughput(bench_result *result, const bench_inputs *inputs);
bool bench_worker_recovery(bench_result *result, const bench_inputs *inputs);

/* Compare exact sizes with the recorded ones, loudly; with `record` rewrite the file's rows of these inputs. */
bool bench_sizes(const bench_inputs *inputs, const char *path, bool record);

#endif
