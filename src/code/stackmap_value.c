/* What records say: locations, live-outs, the values that they name, patchable ranges, statepoints. */
#include "code/stackmap.h"

#include "code/code.h"

/* --- locations ---------------------------------------------------------------------------------------------------- */

/* The caller has checked both indices. The pool's bound is checked again, as the bytes are the client's; kinds and
 * counts need no check, since nothing is read by them. */
static oj_stackmap_location read_location(const oj_stackmap *map, const oji_stackmap_record *record, size_t index)
{
    const uint8_t *bytes = record->bytes + OJI_STACKMAP_RECORD + index * OJI_STACKMAP_LOCATION;
    const oji_stackmap_table *table = &map->tables[map->functions[record->function].table];
    uint32_t last = oji_stackmap_load32(map->is_big, bytes + 8);
    oj_stackmap_location location = {.kind = bytes[0],
                                     .size = oji_stackmap_load16(map->is_big, bytes + 2),
                                     .dwarf_register = oji_stackmap_load16(map->is_big, bytes + 4)};
    if (location.kind == OJ_LOCATION_CONSTANT)
        location.value = (uint64_t)(int64_t)(int32_t)last;
    else if (location.kind == OJ_LOCATION_CONSTANT_INDEX)
        location.value =
            last < table->n_constants
                ? oji_stackmap_load64(map->is_big, table->constants + (uint64_t)last * OJI_STACKMAP_CONSTANT)
                : 0;
    else
        location.offset = (int32_t)last;
    return location;
}

oj_status oj_stackmap_location_at(const oj_stackmap *map, size_t record, size_t index, oj_stackmap_location *location,
                                  size_t out_size)
{
    oj_stackmap_location full;
    if (!location)
        return OJ_E_MISUSE;
    memset(location, 0, out_size);
    if (!map || record >= map->n_records || index >= map->records[record].n_locations)
        return OJ_E_MISUSE;
    full = read_location(map, &map->records[record], index);
    oji_export(location, out_size, &full, sizeof full);
    return OJ_OK;
}

oj_status oj_stackmap_live_out_at(const oj_stackmap *map, size_t record, size_t index, oj_stackmap_live_out *live_out,
                                  size_t out_size)
{
    oj_stackmap_live_out full;
    const uint8_t *bytes;
    if (!live_out)
        return OJ_E_MISUSE;
    memset(live_out, 0, out_size);
    if (!map || record >= map->n_records || index >= map->records[record].n_live_outs)
        return OJ_E_MISUSE;
    bytes = map->records[record].bytes + oji_stackmap_locations_end(map->records[record].n_locations) + 4 +
            index * OJI_STACKMAP_LIVE_OUT;
    full = (oj_stackmap_live_out){.dwarf_register = oji_stackmap_load16(map->is_big, bytes), .size = bytes[3]};
    oji_export(live_out, out_size, &full, sizeof full);
    return OJ_OK;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* size is at most 8. */
static uint64_t low_bytes(uint64_t value, uint32_t size)
{
    return size < 8 ? value & ((UINT64_C(1) << 8 * size) - 1) : value;
}

static uint64_t load(uint64_t addr, uint32_t size)
{
    uint8_t bytes[8] = {0};
    memcpy(OJI_HOST_IS_BIG ? bytes + (8 - size) : bytes, (const void *)(uintptr_t)addr, size);
    return oji_load64_host(bytes);
}

/* Frame addresses are as wide as pointers, whatever size the record gives them; constants are what they are. */
oj_status oj_stackmap_value(const oj_stackmap_location *location, const uint64_t *registers, size_t n_registers,
                            uint64_t *value)
{
    uint64_t base;
    if (!value)
        return OJ_E_MISUSE;
    *value = 0;
    if (!location || location->kind < OJ_LOCATION_REGISTER || location->kind > OJ_LOCATION_CONSTANT_INDEX)
        return OJ_E_MISUSE;
    if (location->kind >= OJ_LOCATION_CONSTANT) {
        *value = location->value;
        return OJ_OK;
    }
    if (location->size > 8)
        return OJ_E_UNSUPPORTED;
    if (!registers || location->dwarf_register >= n_registers)
        return OJ_E_NOT_FOUND;
    base = registers[location->dwarf_register];
    if (location->kind == OJ_LOCATION_DIRECT)
        *value = base + (uint64_t)(int64_t)location->offset;
    else if (location->kind == OJ_LOCATION_INDIRECT)
        *value = load(base + (uint64_t)(int64_t)location->offset, location->size);
    else if (location->offset < 0 || location->offset > 63)
        return OJ_E_UNSUPPORTED;
    else
        *value = low_bytes(base >> location->offset, location->size);
    return OJ_OK;
}

/* --- patching ----------------------------------------------------------------------------------------------------- */

/* The next record of a higher address, in the order of addresses; UINT64_MAX where there is none. */
static uint64_t next_addr(const oj_stackmap *map, uint64_t addr)
{
    uint32_t low = 0, high = map->n_records;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (oji_stackmap_addr(map, map->by_addr[middle]) <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->n_records ? oji_stackmap_addr(map, map->by_addr[low]) : UINT64_MAX;
}

static bool is_in_code(const oj_code *code, uint64_t addr, uint64_t size)
{
    for (uint32_t i = 0; i < code->n_segments; i++) {
        const oji_code_segment *segment = &oji_code_segments(code)[i];
        if (segment->kind == OJ_SEGMENT_CODE && addr >= segment->run_addr &&
            oji_bytes_contain((oji_bytes){.size = segment->size}, addr - segment->run_addr, size))
            return true;
    }
    return false;
}

/* LLVM keeps the shadows of stack maps and patchpoints apart, so that a range which runs into the next record has been
 * given a wrong number of bytes (LLVM, "Stack maps and patch points", llvm.experimental.stackmap). */
oj_status oj_stackmap_patch_range(const oj_stackmap *map, size_t record, uint64_t n_bytes, const oj_code *code,
                                  uint64_t *run_addr, oj_error *error)
{
    uint64_t addr;
    if (!run_addr)
        return oji_fail(error, OJ_E_MISUSE, "run_addr is NULL");
    *run_addr = 0;
    if (!map || n_bytes == 0)
        return oji_fail(error, OJ_E_MISUSE, "%s", map ? "n_bytes is 0" : "map is NULL");
    if (record >= map->n_records)
        return oji_fail(error, OJ_E_MISUSE, "there is no record %zu, the stack maps have %u", record, map->n_records);
    addr = oji_stackmap_addr(map, (uint32_t)record);
    if (n_bytes > next_addr(map, addr) - addr)
        return oji_fail(error, OJ_E_RANGE, "%llu bytes at 0x%llx run into the next record, at 0x%llx",
                        (unsigned long long)n_bytes, (unsigned long long)addr,
                        (unsigned long long)next_addr(map, addr));
    if (code && !is_in_code(code, addr, n_bytes))
        return oji_fail(error, OJ_E_RANGE, "%llu bytes at 0x%llx are not in a code segment",
                        (unsigned long long)n_bytes, (unsigned long long)addr);
    *run_addr = addr;
    return oji_succeed(error);
}

/* --- statepoints -------------------------------------------------------------------------------------------------- */

static bool is_constant(const oj_stackmap_location *location)
{
    return location->kind == OJ_LOCATION_CONSTANT || location->kind == OJ_LOCATION_CONSTANT_INDEX;
}

/* Three constants come first, the third being the number of deopt values; then these, then pairs, then stack slots. */
static bool decode_statepoint(const oj_stackmap *map, const oji_stackmap_record *record, oj_statepoint *statepoint)
{
    oj_stackmap_location head[3];
    size_t end = record->n_locations;
    if (end < OJI_COUNT(head))
        return false;
    for (size_t i = 0; i < OJI_COUNT(head); i++) {
        head[i] = read_location(map, record, i);
        if (!is_constant(&head[i]))
            return false;
    }
    if (head[2].value > end - OJI_COUNT(head))
        return false;
    *statepoint = (oj_statepoint){.calling_convention = head[0].value,
                                  .flags = head[1].value,
                                  .first_deopt = OJI_COUNT(head),
                                  .n_deopts = (size_t)head[2].value};
    statepoint->first_root = statepoint->first_deopt + statepoint->n_deopts;
    while (end > statepoint->first_root && read_location(map, record, end - 1).kind == OJ_LOCATION_DIRECT)
        end--;
    statepoint->first_alloca = end;
    statepoint->n_allocas = record->n_locations - end;
    statepoint->n_roots = (end - statepoint->first_root) / 2;
    return (end - statepoint->first_root) % 2 == 0;
}

oj_status oj_stackmap_statepoint(const oj_stackmap *map, size_t record, oj_statepoint *statepoint, size_t out_size,
                                 oj_error *error)
{
    oj_statepoint full;
    if (!statepoint)
        return oji_fail(error, OJ_E_MISUSE, "statepoint is NULL");
    memset(statepoint, 0, out_size);
    if (!map || record >= map->n_records)
        return oji_fail(error, OJ_E_MISUSE, "there is no record %zu", record);
    if (!decode_statepoint(map, &map->records[record], &full))
        return oji_fail(error, OJ_E_MALFORMED,
                        "the locations of record %zu, of identifier %llu, are not a statepoint's", record,
                        (unsigned long long)oji_stackmap_id(map, (uint32_t)record));
    oji_export(statepoint, out_size, &full, sizeof full);
    return oji_succeed(error);
}
