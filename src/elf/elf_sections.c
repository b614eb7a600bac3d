/* Sections: what each is for, and which ones this version cannot run as their compiler meant.
 *
 * Flags decide what is loaded and how; names decide only where the format has no other mark. Refusing here, before a
 * symbol is looked at, gives the reason that a person can act on: "thread-local storage", not a relocation's number.
 * Source: ELF gABI chapter 4, "Sections" and "Special Sections"; x86-64 psABI section 4.2 (unwind and large sections,
 * which are loaded like any other). */
#include "elf/elf.h"

/* `why` goes on after the section's name, as in "is compressed". */
static oj_status refuse_section(const oji_elf_reader *reader, const char *name, oj_status status, const char *why)
{
    oji_place place = {reader->name, name, NULL, NULL, UINT64_MAX};
    return oji_fail_at(reader->error, status, &place, "%s: section %s %s", reader->name, name, why);
}

/* Is `name` exactly `base`, or `base` with a suffix after a dot, as -ffunction-sections and priorities make? */
static bool is_named(const char *name, const char *base)
{
    size_t length = strlen(base);
    return strncmp(name, base, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

/* Fragments of a function without its end: only a program's own start-up files have the rest. */
static bool is_fragment(const char *name)
{
    return name[0] == '.' && (name[1] == 'i' || name[1] == 'f') &&
           (strcmp(name, ".init") == 0 || strcmp(name, ".fini") == 0);
}

/* The number behind a name and a dot; `none` where there is none. Numbers are priorities up to 65535. */
static uint32_t priority_of(const char *name, uint32_t none)
{
    const char *digit = strrchr(name, '.') + 1;
    uint32_t priority = 0;
    if (*digit < '0' || *digit > '9')
        return none;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (priority <= UINT16_MAX)
            priority = priority * 10 + (uint32_t)(*digit - '0');
    return *digit == '\0' && priority <= UINT16_MAX ? priority : none;
}

/* By the first letters, which sort out nearly all sections before any name is compared. */
static bool may_name_array(const char *name)
{
    if (name[0] != '.')
        return false;
    switch (name[1]) {
    case 'p':
    case 'i':
    case 'f':
    case 'c':
    case 'd':
        return true;
    default:
        return false;
    }
}

/* GNU ld's default script: by ascending priority, then those without one; priorities of .ctors and .dtors count down,
 * and these lists run from their end. Types say what a section is for where compilers are new enough, names always
 * did. */
static uint32_t read_array(const char *name, uint32_t type, uint32_t *order)
{
    enum { PREINIT = 0, FIRST = 1, LAST = FIRST + UINT16_MAX + 1 };
    static const struct {
        const char *name;
        uint32_t type;
        uint32_t flags;
    } arrays[] = {{".preinit_array", ELF_SHT_PREINIT_ARRAY, OJI_SECTION_INIT},
                  {".init_array", ELF_SHT_INIT_ARRAY, OJI_SECTION_INIT},
                  {".fini_array", ELF_SHT_FINI_ARRAY, OJI_SECTION_FINI},
                  {".ctors", ELF_SHT_NULL, OJI_SECTION_INIT | OJI_SECTION_BACKWARDS},
                  {".dtors", ELF_SHT_NULL, OJI_SECTION_FINI | OJI_SECTION_BACKWARDS}};
    bool is_typed = type >= ELF_SHT_INIT_ARRAY && type <= ELF_SHT_PREINIT_ARRAY;
    *order = LAST;
    if (!is_typed && !may_name_array(name))
        return 0;
    for (size_t i = 0; i < OJI_COUNT(arrays); i++) {
        uint32_t priority;
        bool has_name = is_named(name, arrays[i].name);
        if (!has_name && !(is_typed && arrays[i].type == type))
            continue;
        priority = has_name ? priority_of(name, LAST) : LAST;
        if (i == 0)
            *order = PREINIT;
        else if (priority != LAST)
            *order = FIRST + (arrays[i].flags & OJI_SECTION_BACKWARDS ? UINT16_MAX - priority : priority);
        return arrays[i].flags;
    }
    return 0;
}

/* LLVM gives the unwind table the psABI's type, GNU's assembler only the name. */
static bool is_unwind(const oji_elf_reader *reader, const char *name, uint32_t type)
{
    return (type == ELF_SHT_X86_64_UNWIND && reader->arch->id == OJI_ARCH_X86_64) || strcmp(name, ".eh_frame") == 0;
}

/* EHABI32, 5 ("index table"): the ABI gives it a type of its own. */
static bool is_index(const oji_elf_reader *reader, uint32_t type)
{
    return type == ELF_SHT_ARM_EXIDX && reader->arch->id == OJI_ARCH_ARM;
}

/* Why a loaded section cannot be taken yet; NULL where it can. Empty sections of known types do no harm and are let
 * through: the assembler makes some whether they are used or not. */
static const char *find_refusal(const oji_elf_header *header, const char *name)
{
    const uint64_t writable_code = ELF_SHF_WRITE | ELF_SHF_EXECINSTR;
    if (header->type != ELF_SHT_PROGBITS && header->type != ELF_SHT_NOBITS && header->type != ELF_SHT_NOTE &&
        header->type != ELF_SHT_X86_64_UNWIND &&
        (header->type < ELF_SHT_INIT_ARRAY || header->type > ELF_SHT_PREINIT_ARRAY))
        return "is to be loaded but of a type that is not supported";
    if (header->size == 0)
        return NULL;
    if ((header->flags & ELF_SHF_TLS) && (header->flags & ELF_SHF_EXECINSTR))
        return "is for code that each thread has a copy of, which is not supported";
    if (header->flags & ELF_SHF_COMPRESSED)
        return "is compressed, which is not supported for loaded sections";
    if (is_fragment(name))
        return "is a piece of a program's start-up function: constructors and destructors of this form are not "
               "supported";
    if ((header->flags & writable_code) == writable_code)
        return "is for self-modifying code: both writable and executable, which is not supported";
    if ((header->flags & ELF_SHF_EXECINSTR) && header->type == ELF_SHT_NOBITS)
        return "is for code that is made at run time: executable without bytes, which is not supported";
    return NULL;
}

/* Needs find_refusal() to have passed: flags that contradict each other do not come here. */
static uint32_t loaded_kind(const oji_elf_reader *reader, const oji_elf_header *header, const char *name)
{
    if (header->flags & ELF_SHF_TLS)
        return header->type == ELF_SHT_NOBITS ? OJ_SECTION_TLS_ZERO : OJ_SECTION_TLS_DATA;
    if (header->type == ELF_SHT_NOBITS)
        return OJ_SECTION_ZERO;
    if (header->flags & ELF_SHF_EXECINSTR)
        return OJ_SECTION_CODE;
    if (is_unwind(reader, name, header->type) || is_index(reader, header->type))
        return OJ_SECTION_UNWIND;
    /* Written by relocations only: read-only afterwards. */
    if ((header->flags & ELF_SHF_WRITE) && !is_named(name, ".data.rel.ro"))
        return OJ_SECTION_DATA;
    return OJ_SECTION_RODATA;
}

/* Tables about code: unwinding, what to do with exceptions there, where live values are, and where a function has room
 * for patches. GNU ld lets all but stack maps refer to code that it has left out. LLVM gives those no type of their
 * own: the name is what tells them ("Stack maps and patch points"). */
static uint32_t loaded_flags(uint32_t kind, const char *name)
{
    if (kind == OJ_SECTION_UNWIND)
        return OJI_SECTION_TELLS;
    if (name[0] == '_' && strcmp(name, "__patchable_function_entries") == 0)
        return OJI_SECTION_TELLS;
    if (name[0] != '.')
        return 0;
    if (name[1] == 'g' && is_named(name, ".gcc_except_table"))
        return OJI_SECTION_TELLS;
    if (name[1] == 'l' && strcmp(name, ".llvm_stackmaps") == 0)
        return kind == OJ_SECTION_RODATA ? OJI_SECTION_TELLS | OJI_SECTION_STACKMAPS : OJI_SECTION_TELLS;
    return 0;
}

/* What describes the object to those who load programs, and takes no part in its run: GNU's notes (properties, build
 * identity), and stack trace tables (SFrame), which no unwinder of a process is told of; older assemblers only name the
 * latter. Notes of others may be variables like any: programs put them there. */
static bool is_for_loaders(const oji_elf_header *header, const char *name)
{
    if (header->type == ELF_SHT_NOTE)
        return strncmp(name, ".note.gnu.", 10) == 0;
    return header->type == ELF_SHT_GNU_SFRAME || (name[0] == '.' && name[1] == 's' && strcmp(name, ".sframe") == 0);
}

static uint32_t unloaded_kind(const char *name)
{
    return name[0] == '.' && name[1] == 'd' && strncmp(name, ".debug", 6) == 0 ? OJ_SECTION_DEBUG : OJ_SECTION_OTHER;
}

/* Sections that are not loaded, and yet say that the object cannot run as it is. */
static oj_status check_unloaded(oji_elf_reader *reader, const oji_elf_header *header, const char *name)
{
    if (header->type == ELF_SHT_GROUP)
        return OJ_OK;
    if (name[0] != '.')
        return OJ_OK;
    if (name[1] == 'g' && strncmp(name, ".gnu.lto_", 9) == 0)
        reader->has_lto = true;
    /* The one section that asks for something by its flags, and has no bytes. */
    if (name[1] == 'n' && (header->flags & ELF_SHF_EXECINSTR) && strcmp(name, ".note.GNU-stack") == 0)
        return refuse_section(reader, name, OJ_E_UNSUPPORTED,
                              "is for an executable stack (nested functions), which is not supported");
    return OJ_OK;
}

/* Whole addresses only, each where it can be read as one. */
static oj_status read_loaded(oji_elf_reader *reader, const oji_elf_header *header, oji_section *section)
{
    const char *refusal = find_refusal(header, section->name);
    if (refusal)
        return refuse_section(reader, section->name, OJ_E_UNSUPPORTED, refusal);
    section->kind = loaded_kind(reader, header, section->name);
    reader->has_tls |= oji_section_is_tls(section);
    section->flags =
        loaded_flags(section->kind, section->name) | read_array(section->name, header->type, &section->order);
    if (is_index(reader, header->type) && section->size > 0 && section->kind != OJ_SECTION_UNWIND)
        return refuse_section(reader, section->name, OJ_E_MALFORMED,
                              "is an index of unwind entries, and yet code or thread-local");
    if (is_index(reader, header->type)) {
        section->flags |= OJI_SECTION_INDEX;
        section->order = header->link;
        reader->has_index |= section->size > 0;
    }
    reader->has_stackmaps |= (section->flags & OJI_SECTION_STACKMAPS) && section->size > 0;
    /* Priorities end a name, and what may be an identifier is compared with others. */
    if (section->name[0] != '.' || (section->flags & (OJI_SECTION_INIT | OJI_SECTION_FINI)))
        OJI_TRY(oji_elf_count_name(reader, strlen(section->name)));
    if (header->flags & ELF_SHF_GNU_RETAIN)
        section->flags |= OJI_SECTION_RETAIN;
    if (!(section->flags & (OJI_SECTION_INIT | OJI_SECTION_FINI)))
        return OJ_OK;
    if (section->size % (reader->arch->is_64 ? 8 : 4) != 0 || section->kind == OJ_SECTION_CODE)
        return refuse_section(reader, section->name, OJ_E_MALFORMED, "is no array of functions' addresses");
    if (section->kind == OJ_SECTION_RODATA)
        section->kind = OJ_SECTION_DATA;
    reader->has_arrays |= section->size > 0;
    return OJ_OK;
}

/* 0 and 1 both mean none (gABI chapter 4, sh_addralign). */
static oj_status read_alignment(const oji_elf_reader *reader, const oji_elf_header *header, const char *name,
                                uint32_t *alignment)
{
    *alignment = 1;
    if (header->alignment == 0)
        return OJ_OK;
    if (!oji_is_power_of_two(header->alignment))
        return refuse_section(reader, name, OJ_E_MALFORMED, "has an alignment that is no power of two");
    if (header->alignment > OJI_MAX_ALIGNMENT)
        return refuse_section(reader, name, OJ_E_LIMIT, "has an alignment above 1 GiB");
    *alignment = (uint32_t)header->alignment;
    return OJ_OK;
}

/* An index tells about one section of code, SHF_LINK_ORDER's sh_link (AAELF32, 4.3.5): where the code goes, its entries
 * go. Every section's link is in range. */
static oj_status check_indexes(const oji_elf_reader *reader, const oji_section *sections)
{
    for (uint32_t i = 1; i < reader->n_sections; i++) {
        const oji_section *section = &sections[i];
        if (!(section->flags & OJI_SECTION_INDEX) || section->size == 0)
            continue;
        if (section->size % 8 != 0)
            return refuse_section(reader, section->name, OJ_E_MALFORMED, "is no array of entries of 8 bytes");
        if (sections[section->order].kind != OJ_SECTION_CODE)
            return refuse_section(reader, section->name, OJ_E_MALFORMED, "is not linked to a section of code");
    }
    return OJ_OK;
}

static oj_status read_section(oji_elf_reader *reader, uint32_t index, oji_section *section)
{
    oji_elf_header header = oji_elf_section_header(reader, index);
    const char *name = oji_elf_section_name(reader, &header);
    uint64_t loading = header.flags & (ELF_SHF_ALLOC | ELF_SHF_EXCLUDE);
    if (header.name != 0 && header.name >= reader->section_names.size)
        return oji_fail(reader->error, OJ_E_MALFORMED, "%s: section %u has a name outside the table of section names",
                        reader->name, index);
    memset(section, 0, sizeof *section);
    section->name = name;
    section->alignment = 1;
    /* An inactive header: nothing else in it means anything. */
    if (header.type == ELF_SHT_NULL)
        return OJ_OK;
    if (header.link >= reader->n_sections || ((header.flags & ELF_SHF_INFO_LINK) && header.info >= reader->n_sections))
        return refuse_section(reader, name, OJ_E_MALFORMED, "is linked to a section that does not exist");
    OJI_TRY(read_alignment(reader, &header, name, &section->alignment));
    if (header.size >= OJI_MAX_SECTION_SIZE)
        return refuse_section(reader, name, OJ_E_LIMIT, "has 2 GiB or more");
    section->size = header.size;
    /* In range by the scan; sh_size of SHT_NOBITS counts memory, not bytes of the file. */
    if (header.type != ELF_SHT_NOBITS && header.size > 0)
        section->bytes = reader->file.data + header.offset;
    if (loading == ELF_SHF_ALLOC && !is_for_loaders(&header, name))
        return read_loaded(reader, &header, section);
    section->kind = unloaded_kind(name);
    if (OJI_UNLIKELY(oji_elf_is_compressed(&header)))
        OJI_TRY(oji_elf_decompress(reader, index, section));
    return check_unloaded(reader, &header, name);
}

/* What links look for is between the first and the last of its kind. */
static void extend_range(uint32_t *first, uint32_t *end, uint32_t index)
{
    if (*end == 0)
        *first = index;
    *end = index + 1;
}

/* Needs the scan's ranges. */
oj_status oji_elf_read_sections(oji_elf_reader *reader, const oji_elf_parts *parts)
{
    oj_object *object = parts->object;
    parts->sections[0] = (oji_section){.name = "", .alignment = 1};
    for (uint32_t i = 1; i < reader->n_sections; i++) {
        const oji_section *section = &parts->sections[i];
        OJI_TRY(read_section(reader, i, &parts->sections[i]));
        if (!oji_section_is_loaded(section))
            continue;
        extend_range(&object->first_loaded, &object->loaded_end, i);
        if (section->kind == OJ_SECTION_UNWIND && !(section->flags & OJI_SECTION_INDEX) && section->size > 0)
            extend_range(&object->first_unwind, &object->unwind_end, i);
    }
    return reader->has_index ? check_indexes(reader, parts->sections) : OJ_OK;
}
