/* Any bytes, read as an object, planned and linked into plain buffers at fixed run addresses, for targets that differ
 * in the machines whose objects they take. Every name is defined; nothing is executed. The first byte chooses how:
 * where the segments lie, how names resolve, flags. */
#ifndef OJT_FUZZ_LINKING_H
#define OJT_FUZZ_LINKING_H

#include "fuzz/buffers.h"
#include "fuzz/elf_mutator.h"

OJT_ELF_MUTATOR(1)

static void check(oj_status status, const void *result, const oj_error *error)
{
    if ((status == OJ_OK) != (result != NULL) || error->status != status || (status != OJ_OK && error->text[0] == '\0'))
        abort();
}

static void read_code(const oj_code *code)
{
    for (size_t i = 0; i < oj_code_symbol_count(code); i++) {
        oj_code_symbol_info info;
        uint64_t addr;
        if (oj_code_symbol(code, i, &info, sizeof info) != OJ_OK)
            abort();
        addr = oj_code_lookup_addr(code, info.name);
        /* Local symbols may share a name. */
        if (addr == 0 && info.run_addr != 0 && oj_code_symbol_count(code) == 1)
            abort();
    }
}

static void read_plan(const oj_plan *plan)
{
    for (size_t i = 0; i < oj_plan_range_count(plan); i++) {
        oj_range_info range;
        oj_segment segment;
        if (oj_plan_range(plan, i, &range, sizeof range) != OJ_OK ||
            oj_plan_segment(plan, range.segment, &segment, sizeof segment) != OJ_OK) {
            /* An empty range may name a segment that is empty, too. */
            if (range.size != 0)
                abort();
            continue;
        }
        if (range.offset > segment.size || range.size > segment.size - range.offset)
            abort();
    }
}

static bool has_debug(uint8_t choice) { return (choice & 24) == 24; }

static void link_object(const oj_object *object, uint8_t choice)
{
    scene all = {bases[choice & 3], (choice & 128) != 0};
    const oj_resolver resolvers[] = {oj_resolver_callback(resolve, &all), oj_resolver_objects()};
    const oj_resolver reversed[] = {resolvers[1], resolvers[0]};
    oj_link_options options;
    oj_memory memory;
    oj_plan *plan;
    oj_error error;
    oj_status status;
    memory_init(&memory, &all);
    oj_link_options_init(&options);
    options.memory = &memory;
    options.resolvers = choice & 4 ? resolvers : reversed;
    options.n_resolvers = 2;
    options.flags = choice & 8 ? OJ_LINK_KEEP_LOCAL_SYMBOLS : choice & 16 ? OJ_LINK_KEEP_NO_SYMBOLS : 0;
    options.flags |= choice & 32 ? OJ_LINK_SECTIONS_SINGLY : 0;
    options.flags |= choice & 64 ? OJ_LINK_NO_UNWIND : 0;
    options.flags |= has_debug(choice) ? OJ_LINK_DEBUGGER : 0;
    status = oj_plan_create(&plan, &object, 1, &options, &error);
    check(status, plan, &error);
    if (status != OJ_OK)
        return;
    read_plan(plan);
    for (int i = 0; i < 2; i++) {
        oj_code *code;
        status = oj_plan_link(plan, &code, &error);
        check(status, code, &error);
        if (status == OJ_OK)
            read_code(code);
        oj_code_destroy(code);
    }
    oj_plan_destroy(plan);
}

static int fuzz_link(const uint8_t *data, size_t size)
{
    oj_object_options options;
    oj_object *object;
    oj_error error;
    oj_status status;
    if (size < 1)
        return 0;
    oj_object_options_init(&options);
    options.flags = has_debug(data[0]) ? OJ_OBJECT_WITH_DEBUG : 0;
    status = oj_object_create(&object, data + 1, size - 1, &options, &error);
    check(status, object, &error);
    if (status == OJ_OK && !runs_when_linked(object))
        link_object(object, data[0]);
    oj_object_destroy(object);
    return 0;
}

/* The file's e_machine; EM_NONE where there is none. */
static unsigned machine_of(const uint8_t *data, size_t size)
{
    if (size < 1 + sizeof(Elf32_Ehdr))
        return EM_NONE;
    return data[1 + EI_DATA] == ELFDATA2MSB ? (unsigned)data[1 + 18] << 8 | data[1 + 19]
                                            : (unsigned)data[1 + 19] << 8 | data[1 + 18];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
