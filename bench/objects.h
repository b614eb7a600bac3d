/* Objects of any architecture, made here: benchmarks of linking need no cross compiler. */
#ifndef BENCH_OBJECTS_H
#define BENCH_OBJECTS_H

#include "bench.h"

/* What a relocation of a unit refers to; each kind has as many symbols as the object was asked for. */
typedef enum bench_refers {
    BENCH_FUNCTION = 0, /* a function of the object */
    BENCH_VARIABLE,     /* a word of its data */
    BENCH_OUTSIDE,      /* a name of elsewhere */
    BENCH_LABEL         /* a place in the unit, at the addend; RISC-V's pairs */
} bench_refers;

typedef struct bench_reloc {
    uint32_t offset; /* bytes into the unit */
    uint32_t type;
    uint32_t refers;
    int32_t addend; /* where the format has addends in fields they are in the unit's bytes */
} bench_reloc;

enum { BENCH_UNIT_BYTES = 48, BENCH_UNIT_RELOCS = 8 };

/* What compilers write most: a call inside the object, one to elsewhere, the address of a variable, one from the GOT,
 * and a word of data that holds an address. */
typedef struct bench_target {
    const char *name; /* as oj_link_architecture() says it, "thumb" for ARM's other instruction set */
    uint16_t machine;
    bool is_64, is_big, has_addends, is_thumb;
    uint32_t flags;     /* of the ELF header */
    uint32_t word_type; /* of the relocation of a word of data */
    uint32_t size;      /* of the unit, bytes */
    uint8_t bytes[BENCH_UNIT_BYTES];
    bench_reloc relocs[BENCH_UNIT_RELOCS]; /* a type of 0 ends them */
} bench_target;

/* Ends in an entry without a name; the first is x86-64. */
extern const bench_target bench_targets[];

/* An object of `n_units` units and as many words of data, with `n_names` symbols of each kind: "f0", "d0", "e0", ...;
 * data NULL where there is no memory. *n_relocs is set. The client frees data. */
bench_bytes bench_units_object(const bench_target *target, uint32_t n_units, uint32_t n_names, uint32_t *n_relocs);

#endif
