/* Compressed debug information (gcc -gz, objcopy --compress-debug-sections): made whole as an object is read, so that
 * relocations, which count in the whole bytes, mean something.
 *
 * Only sections that nothing loads come here, and only where their reader has asked for them. What cannot be made whole
 * (a library that is not there, a stream that is broken, sizes that lie or are a bomb's) stays as it is in the file and
 * is marked: debug information that is wrong fails no link.
 * Source: ELF gABI chapter 4, "Section Compression" (Elf32_Chdr, Elf64_Chdr). */
#include "elf/elf.h"

/* An object may grow to this many times its size. Fields that relocations fill are zeros, which compress to almost
 * nothing, but each has its relocation beside it: real debug information stays far below. */
enum { MAX_GROWTH = 64 };

/* Elf32_Chdr and Elf64_Chdr: a word, in the latter another one, and two of the address's width. */
static uint32_t compression_size(const oji_elf_format *format) { return format->is_64 ? 24 : 12; }

/* Needs the section's bytes in range. False where nothing of the kind can be meant. */
static bool read_compression(const oji_elf_reader *reader, const oji_elf_header *header, oji_elf_compression *out)
{
    const oji_elf_format *format = reader->format;
    const uint8_t *p = reader->file.data + header->offset;
    const uint32_t size = compression_size(format), width = format->is_64 ? 8 : 4;
    if (header->size < size)
        return false;
    out->type = oji_elf_word(format, p);
    out->size = oji_elf_wide(format, p + size - 2 * width);
    out->alignment = oji_elf_wide(format, p + size - width);
    out->bytes = (oji_bytes){p + size, header->size - size};
    if (out->alignment == 0)
        out->alignment = 1;
    return out->size > 0 && out->size < OJI_MAX_SECTION_SIZE && oji_is_power_of_two(out->alignment) &&
           out->alignment <= OJI_MAX_ALIGNMENT;
}

static bool is_wanted(const oji_elf_reader *reader, const oji_elf_header *header)
{
    return (reader->flags & OJ_OBJECT_WITH_DEBUG) && oji_elf_is_compressed(header) &&
           !(header->flags & ELF_SHF_ALLOC) && strncmp(oji_elf_section_name(reader, header), ".debug", 6) == 0;
}

/* Room is counted for sections that fit, in their order; those behind may fit again. */
void oji_elf_count_compressed(oji_elf_reader *reader, uint32_t index)
{
    const oji_elf_header header = oji_elf_section_header(reader, index);
    const uint64_t room = reader->file.size * MAX_GROWTH - reader->whole_size;
    oji_elf_compression compression;
    if (is_wanted(reader, &header) && read_compression(reader, &header, &compression) && compression.size <= room)
        reader->whole_size += compression.size;
}

/* Needs the room. What lies in the client's bytes may have changed since it was counted: the room is asked again. */
oj_status oji_elf_decompress(oji_elf_reader *reader, uint32_t index, oji_section *section)
{
    const oji_elf_header header = oji_elf_section_header(reader, index);
    oji_elf_compression compression;
    oji_elf_inflation result;
    section->flags |= OJI_SECTION_COMPRESSED;
    if (!is_wanted(reader, &header) || !read_compression(reader, &header, &compression) ||
        compression.size > reader->whole_size)
        return OJ_OK;
    result = oji_elf_inflate(&compression, reader->whole);
    if (result == OJI_ELF_NO_MEMORY)
        return oji_fail(reader->error, OJ_E_NOMEM, "out of memory: %s: decompressing section %s", reader->name,
                        section->name);
    if (result != OJI_ELF_WHOLE)
        return OJ_OK;
    section->flags &= ~(uint32_t)OJI_SECTION_COMPRESSED;
    section->bytes = reader->whole;
    section->size = compression.size;
    section->alignment = (uint32_t)compression.alignment;
    reader->whole += compression.size;
    reader->whole_size -= compression.size;
    return OJ_OK;
}
