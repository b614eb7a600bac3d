/* Reading .eh_frame from bytes that nobody has checked. Every length is compared with what is left before it is used;
 * a section ends at its end or at a length of 0, as it does for unwinders. */
#include "code/eh_frame.h"

/* Pointer encodings (LSB core 5.0, 10.5.1). */
enum {
    ENC_OMIT = 0xff,
    ENC_FORMAT = 0x0f,
    ENC_RELATION = 0x70,
    ENC_PCREL = 0x10,
    ENC_INDIRECT = 0x80,
    ENC_ABSPTR = 0,
    ENC_ULEB128 = 1,
    ENC_UDATA2 = 2,
    ENC_UDATA4 = 3,
    ENC_UDATA8 = 4,
    ENC_SLEB128 = 9,
    ENC_SDATA2 = 10,
    ENC_SDATA4 = 11,
    ENC_SDATA8 = 12
};

/* A run of bytes that is read in order. After a read past the end `at` stays at the end, and the value is 0. */
typedef struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t run_addr; /* of `end` */
    bool is_32;
    bool is_bad;
} cursor;

static uint64_t left(const cursor *c) { return (uint64_t)(c->end - c->at); }

static const uint8_t *take(cursor *c, uint64_t size)
{
    const uint8_t *at = c->at;
    if (size > left(c)) {
        c->is_bad = true;
        c->at = c->end;
        return NULL;
    }
    c->at += size;
    return at;
}

static uint8_t take_byte(cursor *c)
{
    const uint8_t *byte = take(c, 1);
    return byte ? *byte : 0;
}

static uint64_t take_fixed(cursor *c, unsigned size)
{
    const uint8_t *bytes = take(c, size);
    if (!bytes)
        return 0;
    return size == 2 ? oji_load16_host(bytes) : size == 4 ? oji_load32_host(bytes) : oji_load64_host(bytes);
}

/* Bits beyond 64 are refused even where they are 0: unwinders shift by as much as they are told. */
static uint64_t take_long_leb(cursor *c, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = take_byte(c);
        if (shift >= 64)
            c->is_bad = true;
        else
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) && !c->is_bad);
    if (is_signed && (byte & 0x40) && shift < 64)
        value |= UINT64_MAX << shift;
    return value;
}

/* Most are of one byte. */
static inline uint64_t take_leb(cursor *c, bool is_signed)
{
    if (OJI_LIKELY(c->at < c->end && *c->at < 0x80 && !is_signed))
        return *c->at++;
    return take_long_leb(c, is_signed);
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (value ^ sign) - sign;
}

static uint64_t take_rare_format(cursor *c, uint8_t encoding)
{
    switch (encoding & ENC_FORMAT) {
    case ENC_ABSPTR:
        return take_fixed(c, c->is_32 ? 4 : 8);
    case ENC_UDATA8:
    case ENC_SDATA8:
        return take_fixed(c, 8);
    case ENC_ULEB128:
        return take_leb(c, false);
    case ENC_SLEB128:
        return take_leb(c, true);
    case ENC_UDATA2:
        return take_fixed(c, 2);
    case ENC_UDATA4:
        return take_fixed(c, 4);
    case ENC_SDATA2:
        return sign_extend(take_fixed(c, 2), 16);
    default:
        c->is_bad = true;
        return 0;
    }
}

static inline uint64_t take_format(cursor *c, uint8_t encoding)
{
    if (OJI_LIKELY((encoding & ENC_FORMAT) == ENC_SDATA4))
        return sign_extend(take_fixed(c, 4), 32);
    return take_rare_format(c, encoding);
}

/* Relations to text, data or the function's start need a base that no ELF target has here. */
static bool is_usable(uint8_t encoding)
{
    return (encoding & ENC_RELATION) == ENC_ABSPTR || (encoding & ENC_RELATION) == ENC_PCREL;
}

/* A field of 0 is no pointer, whatever it is relative to: that is how unwinders read it. */
static uint64_t take_pointer(cursor *c, uint8_t encoding)
{
    uint64_t at = c->run_addr - left(c), value = take_format(c, encoding);
    if (value != 0 && (encoding & ENC_RELATION) == ENC_PCREL)
        value += at;
    return c->is_32 ? (uint32_t)value : value;
}

/* --- call frame instructions -------------------------------------------------------------------------------------- */

/* Operands: u unsigned and s signed LEB128, r a register that is restored, R one that is read, b a block, 1 2 4 bytes.
 * Indexed by the instruction; NULL where there is none, or none that may be copied to another address. */
static const char *const operands[] = {
    [0x00] = "",   [0x02] = "1",  [0x03] = "2",  [0x04] = "4",  [0x05] = "ru", [0x06] = "r",  [0x07] = "r",
    [0x08] = "r",  [0x09] = "rR", [0x0a] = "",   [0x0b] = "",   [0x0c] = "Ru", [0x0d] = "R",  [0x0e] = "u",
    [0x0f] = "b",  [0x10] = "rb", [0x11] = "rs", [0x12] = "Rs", [0x13] = "s",  [0x14] = "ru", [0x15] = "rs",
    [0x16] = "rb", [0x2d] = "",   [0x2e] = "u",  [0x2f] = "ru",
};

/* Registers that are only restored may be any: unwinders skip those that they do not know. */
static bool take_operands(cursor *c, const char *kinds, uint64_t n_registers)
{
    for (; *kinds; kinds++) {
        switch (*kinds) {
        case 'R':
            if (take_leb(c, false) >= n_registers)
                return false;
            break;
        case 'r':
            if (take_leb(c, false) > UINT16_MAX)
                return false;
            break;
        case 'b':
            take(c, take_leb(c, false));
            break;
        case 'u':
        case 's':
            take_leb(c, *kinds == 's');
            break;
        default:
            take(c, (uint64_t)(*kinds - '0'));
        }
    }
    return !c->is_bad;
}

/* Pass over the commonest instructions, whose operands are of few bytes and say nothing that could be wrong: advance,
 * restore, nop; offset and def_cfa_offset, each with a number; advance_loc1 and 2; def_cfa, which nearly all CIEs begin
 * with, of a register that there is. While there are three bytes left all
 * of each is inside; what is read further is read with care. By branches: a table of sizes would make each step wait
 * for the one before. */
static const uint8_t *pass_plain(const uint8_t *at, const uint8_t *end, uint64_t n_registers)
{
    while (end - at >= 3) {
        uint8_t instruction = *at;
        if ((instruction & 0x40) && at[1] == 0x0e && at[2] < 0x80)
            at += 3;
        else if ((instruction & 0x40) || instruction == 0)
            at++;
        else if (((instruction & 0x80) || instruction == 0x0e) && at[1] < 0x80)
            at += 2;
        else if (((instruction & 0x80) || instruction == 0x0e) && at[2] < 0x80)
            at += 3;
        else if (instruction == 0x02 || instruction == 0x03)
            at += instruction;
        else if (instruction == 0x0c && at[1] < 0x80 && at[1] < n_registers && at[2] < 0x80)
            at += 3;
        else
            break;
    }
    while (at < end && *at == 0)
        at++;
    return at;
}

/* DWARF 5, 6.4.2. States are counted because unwinders take one from an empty stack without looking. */
static bool is_valid_program(const uint8_t *program, uint64_t size, uint64_t n_registers)
{
    cursor c = {.at = program, .end = program + size};
    uint64_t n_states = 0;
    while ((c.at = pass_plain(c.at, c.end, n_registers)) < c.end) {
        uint8_t instruction = take_byte(&c);
        const char *kinds;
        if (instruction == 0x0a || instruction == 0x0b) {
            if (instruction == 0x0a)
                n_states++;
            else if (n_states-- == 0)
                return false;
            continue;
        }
        if (instruction >> 6 != 0)
            kinds = instruction >> 6 == 2 ? "u" : "";
        else
            kinds = instruction < OJI_COUNT(operands) ? operands[instruction] : NULL;
        if (!kinds || !take_operands(&c, kinds, n_registers))
            return false;
    }
    return true;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

static bool fail(oji_eh_reader *reader, uint64_t offset, const char *reason)
{
    reader->failed_at = offset;
    reader->reason = reason;
    return false;
}

static bool fail_unsupported(oji_eh_reader *reader, uint64_t offset, const char *reason)
{
    reader->is_unsupported = true;
    return fail(reader, offset, reason);
}

/* The entry at `offset`, from its identifier on. */
static bool open_entry(oji_eh_reader *reader, uint64_t offset, cursor *c)
{
    uint64_t length;
    if (!oji_bytes_contain(reader->bytes, offset, 8))
        return fail(reader, offset, "its length is cut off");
    length = oji_load32_host(reader->bytes.data + offset);
    if (length == UINT32_MAX)
        return fail_unsupported(reader, offset, "it is in the 64-bit format");
    if (length < 4 || !oji_bytes_contain(reader->bytes, offset + 4, length))
        return fail(reader, offset, "its length is wrong");
    c->at = reader->bytes.data + offset + 4;
    c->end = c->at + length;
    c->run_addr = reader->run_addr + offset + 4 + length;
    c->is_32 = reader->is_32;
    c->is_bad = false;
    return true;
}

/* One letter of the augmentation string; false where it is not known. */
static bool take_augmentation(cursor *c, char letter, oji_eh_cie *cie)
{
    uint8_t encoding;
    switch (letter) {
    case 'R':
        cie->fde_encoding = take_byte(c);
        return is_usable(cie->fde_encoding) && !(cie->fde_encoding & ENC_INDIRECT);
    case 'L':
        cie->lsda_encoding = take_byte(c);
        return cie->lsda_encoding == ENC_OMIT ||
               (is_usable(cie->lsda_encoding) && !(cie->lsda_encoding & ENC_INDIRECT));
    case 'P':
        encoding = take_byte(c);
        if (encoding == ENC_OMIT)
            return true;
        if (!is_usable(encoding))
            return false;
        cie->personality = take_pointer(c, encoding);
        cie->is_indirect = (encoding & ENC_INDIRECT) != 0;
        return true;
    case 'S':
        cie->is_signal = true;
        return true;
    case 'B':
        cie->has_b_key = true;
        return true;
    case 'G':
        cie->is_tagged = true;
        return true;
    default:
        return false;
    }
}

/* Without a 'z' nobody can know what the rest means, but for the empty string. */
static bool read_augmentation(oji_eh_reader *reader, cursor *c, const char *letters, oji_eh_cie *cie)
{
    cursor data = *c;
    uint64_t size;
    if (letters[0] == 0)
        return true;
    if (letters[0] != 'z')
        return fail_unsupported(reader, cie->offset, "its augmentation is not known");
    cie->has_data = true;
    size = take_leb(c, false);
    data.at = c->at;
    if (!take(c, size))
        return fail(reader, cie->offset, "its augmentation is cut off");
    data.end = c->at;
    data.run_addr = c->run_addr - left(c);
    for (letters++; *letters; letters++)
        if (!take_augmentation(&data, *letters, cie))
            return fail_unsupported(reader, cie->offset, "its augmentation is not known");
    return data.is_bad ? fail(reader, cie->offset, "its augmentation is cut off") : true;
}

static bool read_cie(oji_eh_reader *reader, uint64_t offset, oji_eh_cie *cie)
{
    cursor c;
    const char *letters;
    uint8_t version;
    memset(cie, 0, sizeof *cie);
    cie->offset = offset;
    cie->lsda_encoding = ENC_OMIT;
    if (!open_entry(reader, offset, &c))
        return false;
    if (take_fixed(&c, 4) != 0)
        return fail(reader, offset, "it is used as a CIE and is none");
    version = take_byte(&c);
    letters = (const char *)c.at;
    if (!memchr(letters, 0, (size_t)left(&c)))
        return fail(reader, offset, "its augmentation is cut off");
    take(&c, strlen(letters) + 1);
    if (version != 1 && version != 3)
        return fail_unsupported(reader, offset, "its version is not known");
    cie->code_alignment = take_leb(&c, false);
    cie->data_alignment = (int64_t)take_leb(&c, true);
    cie->return_register = (uint32_t)(version == 1 ? take_byte(&c) : take_leb(&c, false) & UINT32_MAX);
    if (c.is_bad || cie->return_register >= reader->n_registers)
        return fail(reader, offset, "its return address column is wrong");
    if (!read_augmentation(reader, &c, letters, cie))
        return false;
    cie->program = c.at;
    cie->program_size = (uint32_t)left(&c);
    return is_valid_program(c.at, left(&c), reader->n_registers) || fail(reader, offset, "its instructions are wrong");
}

/* From `data` up to where the cursor stands. */
static uint64_t take_lsda(cursor *c, const uint8_t *data, uint8_t encoding)
{
    cursor inside = {.at = data, .end = c->at, .run_addr = c->run_addr - left(c), .is_32 = c->is_32};
    uint64_t lsda = take_pointer(&inside, encoding);
    c->is_bad = c->is_bad || inside.is_bad;
    return lsda;
}

/* Needs the CIE. The cursor stands behind the CIE's pointer. */
static bool read_fde(oji_eh_reader *reader, uint64_t offset, cursor *c, const oji_eh_cie *cie, oji_eh_fde *fde)
{
    uint64_t end;
    fde->lsda = 0;
    fde->cie = 0;
    fde->addr = take_pointer(c, cie->fde_encoding);
    fde->size = take_format(c, cie->fde_encoding & ENC_FORMAT);
    if (c->is_32)
        fde->size &= UINT32_MAX;
    if (cie->has_data) {
        uint64_t size = take_leb(c, false);
        const uint8_t *data = take(c, size);
        if (!data)
            return fail(reader, offset, "its augmentation is cut off");
        if (cie->lsda_encoding != ENC_OMIT)
            fde->lsda = take_lsda(c, data, cie->lsda_encoding);
    }
    if (c->is_bad || !oji_add(fde->addr, fde->size, &end))
        return fail(reader, offset, "its addresses are wrong");
    fde->program = c->at;
    fde->program_size = (uint32_t)left(c);
    return is_valid_program(c->at, left(c), reader->n_registers) || fail(reader, offset, "its instructions are wrong");
}

/* CIE pointers count back from their own field. */
static bool find_cie(oji_eh_reader *reader, uint64_t offset, uint64_t distance, oji_eh_cie *cie)
{
    if (distance > offset + 4)
        return fail(reader, offset, "its CIE is outside of the section");
    return cie->offset == offset + 4 - distance || read_cie(reader, offset + 4 - distance, cie);
}

oji_eh_step oji_eh_next(oji_eh_reader *reader, oji_eh_cie *cie, oji_eh_fde *fde)
{
    while (reader->offset < reader->bytes.size) {
        uint64_t offset = reader->offset, distance;
        cursor c;
        if (oji_bytes_contain(reader->bytes, offset, 4) && oji_load32_host(reader->bytes.data + offset) == 0)
            return OJI_EH_END;
        if (!open_entry(reader, offset, &c))
            return OJI_EH_BAD;
        reader->offset = offset + 4 + left(&c);
        distance = take_fixed(&c, 4);
        if (distance == 0)
            continue;
        if (!find_cie(reader, offset, distance, cie) || !read_fde(reader, offset, &c, cie, fde)) {
            cie->offset = UINT64_MAX;
            return OJI_EH_BAD;
        }
        if (fde->addr != 0 && fde->size != 0)
            return OJI_EH_FDE;
    }
    return OJI_EH_END;
}
