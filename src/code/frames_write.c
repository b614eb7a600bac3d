/* Unwind tables in other forms. Addresses in .eh_frame count from their own place, within 2 GiB of the code.
 *
 * For debuggers: .debug_frame, whose addresses are absolute, so that it may be in a file that lies anywhere.
 * For perf: an .eh_frame for one function or several, with its index, counted from where it is said to be.
 * Source: DWARF 5, section 6.4.1; LSB Core 5.0, chapter 10.6 (.eh_frame, .eh_frame_hdr). */
#include "code/debug.h"
#include "code/lines.h"

/* --- reading ------------------------------------------------------------------------------------------------------ */

static oji_eh_reader reader_of(const oji_debug_info *info, uint32_t index)
{
    return (oji_eh_reader){.bytes = info->unwind[index].bytes,
                           .run_addr = info->unwind[index].addr,
                           .is_32 = info->is_32,
                           .n_registers = info->n_registers};
}

/* The next description that can be read; the others are passed over. False at the end, which is also where no next one
 * can be found. Begin with a CIE that is at UINT64_MAX. */
static bool next_frame(oji_eh_reader *reader, oji_frame *frame)
{
    for (;;) {
        uint64_t before = reader->offset;
        oji_eh_step step = oji_eh_next(reader, &frame->cie, &frame->fde);
        if (step != OJI_EH_BAD)
            return step == OJI_EH_FDE;
        if (reader->offset == before)
            return false;
    }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Counts while `out` is NULL, writes while it is not. */
typedef struct emitter {
    uint8_t *out;
    uint64_t size;
    oji_debug_fix *fixes;
    uint32_t n_fixes;
    bool is_32; /* addresses have 4 bytes */
} emitter;

static void put(emitter *e, const void *bytes, uint64_t size)
{
    if (e->out && size > 0)
        memcpy(e->out + e->size, bytes, (size_t)size);
    e->size += size;
}

static void put8(emitter *e, uint8_t value) { put(e, &value, 1); }

static void put32(emitter *e, uint32_t value)
{
    uint8_t bytes[4];
    oji_store32_host(bytes, value);
    put(e, bytes, 4);
}

static void put_address(emitter *e, uint64_t value)
{
    uint8_t bytes[8];
    if (e->is_32)
        oji_store32_host(bytes, (uint32_t)value);
    else
        oji_store64_host(bytes, value);
    put(e, bytes, e->is_32 ? 4 : 8);
}

/* Arithmetic shifts of negative numbers are what every compiler that can build this does. */
static void put_sleb(emitter *e, int64_t value)
{
    bool is_more = true;
    while (is_more) {
        uint8_t byte = (uint8_t)(value & 0x7f);
        value >>= 7;
        is_more = !((value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40)));
        put8(e, (uint8_t)(byte | (is_more ? 0x80 : 0)));
    }
}

static void put_uleb(emitter *e, uint64_t value)
{
    while (value >= 0x80) {
        put8(e, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    put8(e, (uint8_t)value);
}

/* Records begin with their length and end, padded with instructions that do nothing, at a multiple of 8 bytes. */
static uint64_t begin_record(emitter *e)
{
    put32(e, 0);
    return e->size;
}

static void end_record(emitter *e, uint64_t start)
{
    while (e->size % 8 != 0)
        put8(e, 0 /* DW_CFA_nop */);
    if (e->out)
        oji_store32_host(e->out + start - 4, (uint32_t)(e->size - start));
}

static void put_cie(emitter *e, const oji_eh_cie *cie)
{
    uint64_t start = begin_record(e);
    put32(e, UINT32_MAX); /* CIE_id */
    put8(e, 3);           /* version */
    if (cie->is_signal)
        put(e, "zS", sizeof "zS");
    else
        put8(e, 0);
    put_uleb(e, cie->code_alignment);
    put_sleb(e, cie->data_alignment);
    put_uleb(e, cie->return_register);
    if (cie->is_signal)
        put8(e, 0); /* no augmentation data */
    put(e, cie->program, cie->program_size);
    end_record(e, start);
}

/* The pointer to the common information is an offset into the section, and moves with it. */
static void put_fde(emitter *e, const oji_frame *frame, uint64_t cie_off)
{
    uint64_t start = begin_record(e);
    if (e->fixes)
        e->fixes[e->n_fixes] = (oji_debug_fix){
            .offset = (uint32_t)e->size, .section = OJI_DEBUG_FRAME, .target = OJI_DEBUG_FRAME, .width = 4};
    e->n_fixes++;
    put32(e, (uint32_t)cie_off);
    put_address(e, frame->fde.addr);
    put_address(e, frame->fde.size);
    if (frame->cie.is_signal)
        put8(e, 0);
    put(e, frame->fde.program, frame->fde.program_size);
    end_record(e, start);
}

/* A code's ranges in the order of addresses: where sections are placed singly there are as many as functions. NULL
 * where memory ends. */
static const oji_key *sort_ranges(const oji_debug_info *info, oji_arena *arena)
{
    oji_key *keys = oji_arena_array(arena, (uint64_t)info->n_ranges * 2, sizeof *keys);
    for (uint32_t i = 0; keys && i < info->n_ranges; i++)
        keys[i] = (oji_key){.addr = info->ranges[i].addr, .index = i};
    if (keys)
        oji_lines_sort(keys, keys + info->n_ranges, info->n_ranges);
    return keys;
}

/* Frames of code that is not there, as a linker drops it, have addresses near 0 and would only mislead. */
static bool is_in_ranges(const oji_debug_info *info, const oji_key *sorted, uint64_t addr)
{
    uint32_t at = oji_lines_find(sorted, info->n_ranges, addr);
    if (at < info->n_ranges && sorted[at].addr == addr)
        return true;
    return at > 0 && addr - sorted[at - 1].addr < info->ranges[sorted[at - 1].index].size;
}

/* Compilers write common information once and let all frames refer to it, so that the last one is all to remember. */
static void emit(emitter *e, const oji_debug_info *info, const oji_key *sorted)
{
    for (uint32_t i = 0; i < info->n_unwind; i++) {
        oji_eh_reader reader = reader_of(info, i);
        oji_frame frame = {.cie.offset = UINT64_MAX};
        uint64_t last = UINT64_MAX, cie_off = 0;
        while (next_frame(&reader, &frame)) {
            if (!is_in_ranges(info, sorted, frame.fde.addr))
                continue;
            if (frame.cie.offset != last) {
                cie_off = e->size;
                put_cie(e, &frame.cie);
                last = frame.cie.offset;
            }
            put_fde(e, &frame, cie_off);
        }
    }
}

bool oji_debug_add_frames(oji_debug_info *info, oji_arena *arena)
{
    oji_debug_data *section = &info->sections[OJI_DEBUG_FRAME];
    emitter e = {.size = (section->size + 7) & ~UINT64_C(7), .is_32 = info->is_32};
    const uint64_t start = e.size;
    const oji_key *sorted = sort_ranges(info, arena);
    if (!sorted)
        return false;
    emit(&e, info, sorted);
    if (e.size == start)
        return true;
    if (e.size > UINT32_MAX)
        return false;
    e.out = oji_arena_array(arena, e.size, 1);
    e.fixes = oji_arena_array(arena, (uint64_t)info->n_fixes + e.n_fixes, sizeof *e.fixes);
    if (!e.out || !e.fixes)
        return false;
    if (section->size > 0)
        memcpy(e.out, section->bytes, (size_t)section->size);
    if (info->n_fixes > 0)
        memcpy(e.fixes, info->fixes, info->n_fixes * sizeof *e.fixes);
    e.size = start;
    e.n_fixes = info->n_fixes;
    emit(&e, info, sorted);
    info->fixes = e.fixes;
    info->n_fixes = e.n_fixes;
    *section = (oji_debug_data){e.out, e.size};
    return true;
}

/* --- for perf ----------------------------------------------------------------------------------------------------- */

static void put_eh_cie(emitter *e, const oji_eh_cie *cie)
{
    uint64_t start = begin_record(e);
    put32(e, 0);
    put8(e, 1); /* version */
    put(e, cie->is_signal ? "zRS" : "zR", cie->is_signal ? sizeof "zRS" : sizeof "zR");
    put_uleb(e, cie->code_alignment);
    put_sleb(e, cie->data_alignment);
    put8(e, (uint8_t)cie->return_register);
    put_uleb(e, 1);
    put8(e, 0x1b); /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
    put(e, cie->program, cie->program_size);
    end_record(e, start);
}

static void put_eh_fde(emitter *e, const oji_eh_fde *fde, uint64_t table_addr, uint64_t cie_off)
{
    uint64_t start = begin_record(e);
    put32(e, (uint32_t)(e->size - cie_off));
    put32(e, (uint32_t)(fde->addr - (table_addr + e->size)));
    put32(e, (uint32_t)fde->size);
    put8(e, 0);
    put(e, fde->program, fde->program_size);
    end_record(e, start);
}

/* A pair for each frame behind the header: where its code and its description begin, counted from the header. */
static void put_header(emitter *e, const oji_unwind_index *index, uint32_t first, uint32_t n, uint64_t table_addr,
                       const uint32_t *fde_offs)
{
    const uint64_t header = e->size;
    put8(e, 1);    /* version */
    put8(e, 0x1b); /* of the pointer to the table: DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
    put8(e, 0x03); /* of the count: DW_EH_PE_udata4 */
    put8(e, 0x3b); /* of the pairs: DW_EH_PE_datarel | DW_EH_PE_sdata4 */
    put32(e, (uint32_t) - (header + 4));
    put32(e, n);
    for (uint32_t i = 0; i < n; i++) {
        const oji_frame *frame = &index->frames[index->keys[first + i].index];
        put32(e, (uint32_t)(frame->fde.addr - (table_addr + header)));
        put32(e, (uint32_t)(fde_offs[i] - header));
    }
}

/* Records begin at a length: 4 bytes before where end_record() counts from. Neighbours mostly share a CIE. */
static void emit_frames(emitter *e, const oji_unwind_index *index, uint32_t first, uint32_t n, uint64_t table_addr,
                        uint32_t *fde_offs, uint64_t *header_off)
{
    const uint8_t *last = NULL;
    uint64_t cie_off = 0;
    for (uint32_t i = 0; i < n; i++) {
        const oji_frame *frame = &index->frames[index->keys[first + i].index];
        if (i == 0 || frame->cie.program != last) {
            cie_off = e->size;
            put_eh_cie(e, &frame->cie);
            last = frame->cie.program;
        }
        fde_offs[i] = (uint32_t)e->size;
        put_eh_fde(e, &frame->fde, table_addr, cie_off);
    }
    put32(e, 0); /* the table's end */
    put32(e, 0); /* keeps the index aligned */
    *header_off = e->size;
    put_header(e, index, first, n, table_addr, fde_offs);
}

bool oji_debug_make_eh_frame(const oji_unwind_index *index, uint64_t addr, uint64_t size, uint64_t table_addr,
                             oji_arena *arena, oji_debug_data *out, uint64_t *header_size)
{
    uint32_t first = oji_lines_find(index->keys, index->n, addr), n = 0;
    uint64_t header_off;
    uint32_t *fde_offs;
    emitter e = {0};
    *out = (oji_debug_data){0};
    *header_size = 0;
    while (first + n < index->n && index->keys[first + n].addr - addr < size)
        n++;
    if (n == 0)
        return true;
    fde_offs = oji_arena_array(arena, n, sizeof *fde_offs);
    if (!fde_offs)
        return false;
    emit_frames(&e, index, first, n, table_addr, fde_offs, &header_off);
    e.out = oji_arena_array(arena, e.size, 1);
    if (!e.out)
        return false;
    e.size = 0;
    emit_frames(&e, index, first, n, table_addr, fde_offs, &header_off);
    *out = (oji_debug_data){e.out, e.size};
    *header_size = e.size - header_off;
    return true;
}

/* Counted first, then kept. */
static uint64_t list_frames(const oji_debug_info *info, oji_frame *frames)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < info->n_unwind; i++) {
        oji_eh_reader reader = reader_of(info, i);
        oji_frame frame = {.cie.offset = UINT64_MAX};
        while (next_frame(&reader, &frame)) {
            if (frames)
                frames[n] = frame;
            n++;
        }
    }
    return n;
}

bool oji_debug_index_unwind(const oji_debug_info *info, oji_arena *arena, oji_unwind_index *index)
{
    uint64_t n = list_frames(info, NULL);
    index->frames = oji_arena_array(arena, n, sizeof *index->frames);
    index->keys = oji_arena_array(arena, n * 2, sizeof *index->keys);
    index->n = (uint32_t)n;
    if (!index->frames || !index->keys || n > UINT32_MAX)
        return false;
    list_frames(info, index->frames);
    for (uint32_t i = 0; i < index->n; i++)
        index->keys[i] = (oji_key){.addr = index->frames[i].fde.addr, .index = i};
    oji_lines_sort(index->keys, index->keys + n, index->n);
    return true;
}
