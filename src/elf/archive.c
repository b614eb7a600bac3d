/* Static archives: the symbol index at once, members when they are first asked for.
 *
 * A file begins with 8 bytes of magic; then come members, each a header of 60 bytes of text and, at an even offset,
 * its content. "/" and "/SYM64/" are the symbol index, "//" holds names that do not fit a header. In a thin archive
 * only these special members have content; the others are files beside the archive.
 * Members are published by one compare-and-exchange each, so that reading needs no lock.
 *
 * Terms: an "entry" is a name in the symbol index with the member that defines it; a "member" here is one that the
 * index names, numbered in the order of first mention, not of the file. The others are never looked at.
 * Every offset in the index is hostile until its header is read, which is when the member is first asked for: reading
 * all headers at once would touch a page of the file for each member, and most links want a few.
 * Source: ar(5) and the archive format of the System V ABI ("/" with 32-bit words); "/SYM64/", "//" holding names
 * that end in "/\n", and thin archives as binutils writes them. */
#include "elf/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fields of a header, bytes: name 16, date 12, owner 6, group 6, mode 8, size 10, then "`\n". All are text padded with
 * spaces; only name, size and end matter to a linker. */
enum { MAGIC_SIZE = 8, HEADER_SIZE = 60, NAME_SIZE = 16, SIZE_OFF = 48, SIZE_SIZE = 10, END_OFF = 58 };

/* object is NULL until the member is read, and never changes afterwards. */
typedef struct member_slot {
    uint64_t offset; /* bytes from the file's start to the member's header; not checked before it is read */
    _Atomic(oj_object *) object;
} member_slot;

typedef struct index_entry {
    const char *name;
    uint32_t name_size;
    uint32_t member;
} index_entry;

/* All but the slots' objects is fixed once the archive is created: threads may look up without further ado. */
typedef struct ar_archive {
    oj_archive base; /* first: clients and the linker hold this */
    oj_allocator allocator;
    uint64_t heap_size; /* of the block that holds this, the name and the copied bytes */
    const char *name;
    oji_bytes file;
    oji_bytes long_names;
    bool is_thin;
    uint32_t member_flags; /* OJ_OBJECT_..., of what members are read with */
    uint32_t n_entries;
    uint32_t n_members;
    index_entry *entries;
    member_slot *members;
    oji_table table; /* name to entry */
    oji_arena arena; /* holds the three above */
    uint8_t first_block[256];
} ar_archive;

/* A member's header, decoded. Whether the content lies in the file is for the user to check: in a thin archive it need
 * not. */
typedef struct member_header {
    const char *name; /* NAME_SIZE bytes, padded with spaces */
    uint64_t size;
    uint64_t content_off;
} member_header;

static oj_status fail_archive(const ar_archive *archive, oj_error *error, oj_status status, uint64_t offset,
                              const char *what)
{
    oji_place place = {archive->name, NULL, NULL, NULL, offset};
    return oji_fail_at(error, status, &place, "%s: offset %llu: %s", archive->name, (unsigned long long)offset, what);
}

/* Decimal digits, then what `end` points at; false where there is no digit. What follows the digits is the caller's to
 * judge. Fields of a header are too short for a number that overflows. */
static bool parse_decimal(const char *text, size_t capacity, uint64_t *value, size_t *end)
{
    size_t i = 0;
    OJI_ASSERT(capacity < 20);
    *value = 0;
    for (; i < capacity && text[i] >= '0' && text[i] <= '9'; i++)
        *value = *value * 10 + (uint64_t)(text[i] - '0');
    *end = i;
    return i > 0;
}

static oj_status read_member_header(const ar_archive *archive, uint64_t offset, member_header *header, oj_error *error)
{
    const char *p;
    size_t end;
    if (!oji_bytes_contain(archive->file, offset, HEADER_SIZE))
        return fail_archive(archive, error, OJ_E_TRUNCATED, offset, "a member's header lies outside the archive");
    p = (const char *)archive->file.data + offset;
    if (p[END_OFF] != '`' || p[END_OFF + 1] != '\n')
        return fail_archive(archive, error, OJ_E_MALFORMED, offset, "no member's header");
    if (!parse_decimal(p + SIZE_OFF, SIZE_SIZE, &header->size, &end) || (end < SIZE_SIZE && p[SIZE_OFF + end] != ' '))
        return fail_archive(archive, error, OJ_E_MALFORMED, offset, "a member's size is no number");
    header->name = p;
    header->content_off = offset + HEADER_SIZE;
    return OJ_OK;
}

/* Names of special members end in spaces, never in the slash that ends those of files. */
static bool is_special(const member_header *header, const char *name)
{
    size_t length = strlen(name);
    return memcmp(header->name, name, length) == 0 && header->name[length] == ' ';
}

/* BSD's and Darwin's archives keep long names with the content and have an index of another form. */
static bool is_bsd(const member_header *header)
{
    return memcmp(header->name, "#1/", 3) == 0 || memcmp(header->name, "__.SYMDEF", 9) == 0;
}

/* The special members, which come before all others. */
typedef struct special_members {
    oji_bytes index;
    uint64_t index_off;
    uint32_t word_size; /* bytes of a number in the index: 4 or 8, 0 = no index */
    bool has_members;
} special_members;

/* Take one of the tables, or say in *is_done that this is the first member of another kind. */
static oj_status take_special(ar_archive *archive, const member_header *header, special_members *found, bool *is_done,
                              oj_error *error)
{
    oji_bytes content = {archive->file.data + header->content_off, header->size};
    uint64_t offset = header->content_off - HEADER_SIZE;
    bool is_index = is_special(header, "/") || is_special(header, "/SYM64/");
    *is_done = !is_index && !is_special(header, "//");
    if (is_bsd(header))
        return fail_archive(archive, error, OJ_E_UNSUPPORTED, offset,
                            "a BSD archive; only those of GNU's form are supported: make it with GNU ar or llvm-ar "
                            "--format=gnu");
    if (*is_done)
        return OJ_OK;
    if (!oji_bytes_contain(archive->file, header->content_off, header->size))
        return fail_archive(archive, error, OJ_E_TRUNCATED, offset, "a table lies outside the archive");
    if (is_index ? found->word_size != 0 : archive->long_names.size != 0)
        return fail_archive(archive, error, OJ_E_UNSUPPORTED, offset,
                            "a second table of the same kind, as archives of other systems have");
    if (is_index) {
        found->index = content;
        found->index_off = offset;
        found->word_size = is_special(header, "/") ? 4 : 8;
    } else {
        archive->long_names = content;
    }
    return OJ_OK;
}

/* Tables that come behind other members are not found; no archiver puts them there. Members begin at even offsets: an
 * odd content is followed by one byte that its size does not count. An archive of nothing but tables needs no index: it
 * has no member to find. */
static oj_status find_special(ar_archive *archive, special_members *found, oj_error *error)
{
    uint64_t offset = MAGIC_SIZE;
    memset(found, 0, sizeof *found);
    while (offset < archive->file.size) {
        member_header header = {0};
        OJI_TRY(read_member_header(archive, offset, &header, error));
        OJI_TRY(take_special(archive, &header, found, &found->has_members, error));
        if (found->has_members)
            break;
        /* Checked to be inside the file: the sum cannot overflow. */
        offset = header.content_off + header.size + (header.size & 1);
    }
    if (found->word_size == 0 && found->has_members)
        return fail_archive(archive, error, OJ_E_UNSUPPORTED, MAGIC_SIZE,
                            "the archive has no symbol index: run ranlib on it");
    return OJ_OK;
}

static uint64_t load_word(const uint8_t *p, uint32_t word_size)
{
    return word_size == 4 ? oji_load32be(p) : oji_load64be(p);
}

/* How many members can there be at most, and are their offsets in rising order? Every member begins at least one run of
 * equal offsets, so that the runs, out of order or not, bound the members. */
static uint32_t count_runs(const uint8_t *offsets, uint32_t n, uint32_t word_size, bool *is_rising)
{
    uint64_t previous = 0;
    uint32_t n_runs = 0;
    *is_rising = true;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t offset = load_word(offsets + (uint64_t)i * word_size, word_size);
        n_runs += i == 0 || offset != previous;
        *is_rising &= i == 0 || offset >= previous;
        previous = offset;
    }
    return n_runs;
}

/* The member at this offset among those already numbered. */
static uint32_t find_member(const ar_archive *archive, const oji_table *table, uint64_t hash, uint64_t offset)
{
    uint32_t cursor = 0;
    uint32_t index;
    do
        index = oji_table_next(table, hash, &cursor);
    while (index != OJI_TABLE_NONE && archive->members[index].offset != offset);
    return index;
}

/* Give each entry its member. Offsets in rising order, as ar writes them, have equal ones side by side; else `table`
 * finds the equal ones. A run ends where the offset changes; in rising order it never comes back, and no search is
 * needed. */
static void assign_members(ar_archive *archive, const uint8_t *offsets, uint32_t word_size, oji_table *table)
{
    uint32_t member = 0;
    for (uint32_t i = 0; i < archive->n_entries; i++) {
        uint64_t offset = load_word(offsets + (uint64_t)i * word_size, word_size);
        if (archive->n_members == 0 || archive->members[member].offset != offset) {
            uint64_t hash = table ? oji_hash((const char *)&offset, sizeof offset) : 0;
            member = table ? find_member(archive, table, hash, offset) : OJI_TABLE_NONE;
            if (member == OJI_TABLE_NONE) {
                member = archive->n_members++;
                archive->members[member].offset = offset;
                if (table)
                    oji_table_add(table, hash, member);
            }
        }
        archive->entries[i].member = member;
    }
}

/* Number the members. Needs n_entries and room for the entries; the scratch table is needed for indexes out of order
 * only, where equal offsets need not lie side by side. */
static oj_status read_members(ar_archive *archive, const uint8_t *offsets, uint32_t word_size, oj_error *error)
{
    oji_arena scratch;
    oji_table table;
    bool is_rising;
    uint32_t n_runs = count_runs(offsets, archive->n_entries, word_size, &is_rising);
    oj_status status = OJ_OK;
    archive->members = oji_arena_array(&archive->arena, n_runs, sizeof *archive->members);
    if (!archive->members)
        return oji_fail_nomem(error, n_runs * sizeof *archive->members, "an archive's members");
    /* No first block: that of the archive belongs to its own arena. */
    oji_arena_init(&scratch, &archive->allocator, archive->first_block, 0);
    if (is_rising)
        assign_members(archive, offsets, word_size, NULL);
    else if (oji_table_init(&table, &scratch, n_runs))
        assign_members(archive, offsets, word_size, &table);
    else
        status = oji_fail_nomem(error, n_runs * UINT64_C(16), "an archive's members");
    oji_arena_free(&scratch);
    return status;
}

/* Hashes only narrow the search down: names are compared to the last byte. */
static uint32_t find_entry(const ar_archive *archive, uint64_t hash, const char *name, uint64_t name_size)
{
    uint32_t cursor = 0;
    for (;;) {
        uint32_t i = oji_table_next(&archive->table, hash, &cursor);
        if (i == OJI_TABLE_NONE || (archive->entries[i].name_size == name_size &&
                                    memcmp(archive->entries[i].name, name, (size_t)name_size) == 0))
            return i;
    }
}

/* The first of several entries of one name counts, as it does for ld. The others stay out of the table, where many
 * of them would be slow to pass. */
static oj_status read_names(ar_archive *archive, oji_bytes names, uint64_t index_off, oj_error *error)
{
    uint64_t position = 0;
    for (uint32_t i = 0; i < archive->n_entries; i++) {
        const char *name = (const char *)names.data + position;
        uint64_t left = names.size - position;
        uint64_t length = left == 0 ? 0 : strnlen(name, (size_t)left);
        uint64_t hash;
        /* No zero byte in what is left: the name would be read on beyond the index. */
        if (length == left || length > UINT32_MAX)
            return fail_archive(archive, error, OJ_E_MALFORMED, index_off, "the symbol index ends before its names do");
        archive->entries[i].name = name;
        archive->entries[i].name_size = (uint32_t)length;
        position += length + 1;
        hash = oji_hash(name, (size_t)length);
        if (find_entry(archive, hash, name, length) == OJI_TABLE_NONE)
            oji_table_add(&archive->table, hash, i);
    }
    return OJ_OK;
}

/* Big-endian: a count, an offset for each symbol, then the names in the same order, each ended by a zero byte. */
static oj_status read_index(ar_archive *archive, const special_members *found, oj_error *error)
{
    uint32_t word_size = found->word_size;
    oji_bytes names = found->index;
    uint64_t n;
    if (word_size == 0)
        return OJ_OK;
    if (names.size < word_size)
        return fail_archive(archive, error, OJ_E_MALFORMED, found->index_off, "the symbol index has no count");
    n = load_word(names.data, word_size);
    names.data += word_size;
    names.size -= word_size;
    /* Each symbol takes a word and at least the zero byte of its name. So this bounds all that n sizes by the file's
     * own size, and offsets need no further check below. */
    if (n > names.size / (word_size + 1))
        return fail_archive(archive, error, OJ_E_MALFORMED, found->index_off,
                            "the symbol index counts more symbols than it has room for");
    if (n >= UINT64_C(1) << 30)
        return fail_archive(archive, error, OJ_E_LIMIT, found->index_off, "the symbol index has 2^30 or more symbols");
    archive->n_entries = (uint32_t)n;
    archive->entries = oji_arena_array(&archive->arena, n, sizeof *archive->entries);
    if (!archive->entries || !oji_table_init(&archive->table, &archive->arena, n))
        return oji_fail_nomem(error, n * sizeof *archive->entries, "an archive's symbol index");
    OJI_TRY(read_members(archive, names.data, word_size, error));
    names.data += n * word_size;
    names.size -= n * word_size;
    return read_names(archive, names, found->index_off, error);
}

/* --- members ------------------------------------------------------------------------------------------------------ */

typedef struct text {
    const char *start;
    size_t size;
} text;

/* Names of up to 15 bytes stand in the header and end in a slash; "/123" is an offset into the long names, where each
 * ends in a slash and a newline. Long names may have slashes within: they are paths in thin archives. In others
 * only messages show a name, so that it need not be checked further. */
static oj_status find_member_name(const ar_archive *archive, const member_header *header, text *name, oj_error *error)
{
    uint64_t offset = header->content_off - HEADER_SIZE;
    uint64_t start;
    const char *end;
    size_t digits;
    if (header->name[0] != '/') {
        end = memchr(header->name, '/', NAME_SIZE);
        name->start = header->name;
        name->size = end ? (size_t)(end - header->name) : NAME_SIZE;
        return OJ_OK;
    }
    if (!parse_decimal(header->name + 1, NAME_SIZE - 1, &start, &digits))
        return fail_archive(archive, error, OJ_E_MALFORMED, offset, "a member without a name");
    if (digits + 1 < NAME_SIZE && header->name[digits + 1] == ':')
        return fail_archive(archive, error, OJ_E_UNSUPPORTED, offset,
                            "a member of another archive (nested thin archive), which is not supported");
    if (start >= archive->long_names.size)
        return fail_archive(archive, error, OJ_E_MALFORMED, offset, "a member's name lies outside the table of names");
    name->start = (const char *)archive->long_names.data + start;
    end = memchr(name->start, '\n', (size_t)(archive->long_names.size - start));
    if (!end)
        return fail_archive(archive, error, OJ_E_MALFORMED, offset, "a member's name has no end");
    name->size = (size_t)(end - name->start);
    if (name->size > 0 && name->start[name->size - 1] == '/')
        name->size--;
    return OJ_OK;
}

/* A file's bytes in heap of ours. */
typedef struct file_bytes {
    uint8_t *data;
    uint64_t size;
} file_bytes;

/* The size is taken once, and no more is read: a file that grows meanwhile does no harm. */
static oj_status read_open_file(const ar_archive *archive, int file, const char *path, file_bytes *out, oj_error *error)
{
    struct stat info;
    uint64_t done = 0;
    if (fstat(file, &info) != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, errno, "%s: member %s: fstat", archive->name, path);
    if (!S_ISREG(info.st_mode))
        return oji_fail(error, OJ_E_FORMAT, "%s: member %s is no regular file", archive->name, path);
    out->size = (uint64_t)info.st_size;
    out->data = oji_allocate(&archive->allocator, out->size);
    if (!out->data)
        return oji_fail_nomem(error, out->size, "an archive's member");
    while (done < out->size) {
        ssize_t n = read(file, out->data + done, (size_t)(out->size - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return oji_fail_system(error, OJ_E_SYSTEM, errno, "%s: member %s: read", archive->name, path);
        if (n == 0)
            return oji_fail(error, OJ_E_TRUNCATED, "%s: member %s became shorter while it was read", archive->name,
                            path);
        done += (uint64_t)n;
    }
    return OJ_OK;
}

/* On failure too, the caller releases out->data. O_NONBLOCK: opening a named pipe must not wait for its other end. */
static oj_status read_file(const ar_archive *archive, const char *path, file_bytes *out, oj_error *error)
{
    oj_status status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return oji_fail_system(error, OJ_E_SYSTEM, errno, "%s: member %s: open", archive->name, path);
    status = read_open_file(archive, file, path, out, error);
    close(file);
    return status;
}

/* A thin archive's member is a file: beside the archive unless its path is absolute. Where that leads is the archive's
 * word, as it is for ld; what is found there is read as an object and nothing else. A zero byte within ends the path
 * early, which then names a file like any other. */
static oj_status read_thin_member(const ar_archive *archive, text member, const char *name, oj_object **out,
                                  oj_error *error)
{
    const char *slash = strrchr(archive->name, '/');
    size_t folder_size = slash && member.start[0] != '/' ? (size_t)(slash - archive->name) + 1 : 0;
    file_bytes file = {NULL, 0};
    uint64_t path_size = folder_size + member.size + 1;
    char *path = oji_allocate(&archive->allocator, path_size);
    oj_status status;
    if (!path)
        return oji_fail_nomem(error, path_size, "a path");
    memcpy(path, archive->name, folder_size);
    memcpy(path + folder_size, member.start, member.size);
    path[folder_size + member.size] = '\0';
    status = read_file(archive, path, &file, error);
    if (status == OJ_OK) {
        oji_bytes bytes = {file.data, file.size};
        status = oji_elf_read_object(out, bytes, name, archive->member_flags, &archive->allocator, error);
    }
    oji_release(&archive->allocator, file.data, file.size);
    oji_release(&archive->allocator, path, path_size);
    return status;
}

/* Needs nothing of the offset. The object borrows from the archive's bytes, which live as long as it does; a thin
 * archive's copies, so that its file's bytes need no owner. */
static oj_status read_member(const ar_archive *archive, uint64_t offset, oj_object **out, oj_error *error)
{
    member_header header = {0};
    text member = {NULL, 0};
    oji_bytes content;
    char name[1024];
    OJI_TRY(read_member_header(archive, offset, &header, error));
    OJI_TRY(find_member_name(archive, &header, &member, error));
    /* For messages: a long name may be cut. The object copies it. */
    snprintf(name, sizeof name, "%s(%.*s)", archive->name, (int)(member.size < 512 ? member.size : 512), member.start);
    if (archive->is_thin)
        return read_thin_member(archive, member, name, out, error);
    if (!oji_bytes_contain(archive->file, header.content_off, header.size))
        return fail_archive(archive, error, OJ_E_TRUNCATED, offset, "a member lies outside the archive");
    content.data = archive->file.data + header.content_off;
    content.size = header.size;
    return oji_elf_read_object(out, content, name, OJ_OBJECT_BORROW | archive->member_flags, &archive->allocator,
                               error);
}

static oj_status archive_load(oj_archive *base, uint32_t member, const oj_object **out, oj_error *error)
{
    ar_archive *archive = (struct ar_archive *)base;
    member_slot *slot;
    oj_object *object;
    oj_object *present = NULL;
    *out = NULL;
    if (member >= archive->n_members)
        return oji_fail(error, OJ_E_MISUSE, "%s: no member %u", archive->name, member);
    slot = &archive->members[member];
    /* Pairs with the exchange below: who sees the object sees all that was written to it. */
    *out = atomic_load_explicit(&slot->object, memory_order_acquire);
    if (*out)
        return OJ_OK;
    OJI_TRY(read_member(archive, slot->offset, &object, error));
    /* Two threads may read one member: the first to arrive here keeps it for both. */
    if (!atomic_compare_exchange_strong(&slot->object, &present, object)) {
        oj_object_destroy(object);
        object = present;
    }
    *out = object;
    return OJ_OK;
}

static bool archive_find(oj_archive *base, const char *name, size_t name_size, uint32_t *member)
{
    const ar_archive *archive = (const struct ar_archive *)base;
    uint32_t entry;
    /* Without a symbol index the table was never set up. */
    if (archive->n_entries == 0)
        return false;
    entry = find_entry(archive, oji_hash(name, name_size), name, name_size);
    if (entry == OJI_TABLE_NONE)
        return false;
    *member = archive->entries[entry].member;
    return true;
}

/* --- public calls ------------------------------------------------------------------------------------------------- */

/* One block: the archive, the copied bytes, the name. Needs the magic. */
static ar_archive *allocate_archive(oji_bytes file, const char *name, uint32_t flags, const oj_allocator *allocator)
{
    uint64_t name_size = strlen(name) + 1;
    uint64_t n_copied = flags & OJ_OBJECT_BORROW ? 0 : file.size;
    uint64_t size;
    ar_archive *archive;
    uint8_t *tail;
    if (!oji_add(sizeof *archive + name_size, n_copied, &size))
        return NULL;
    archive = oji_allocate(allocator, size);
    if (!archive)
        return NULL;
    memset(archive, 0, sizeof *archive);
    tail = (uint8_t *)(archive + 1);
    archive->base.find = archive_find;
    archive->base.load = archive_load;
    archive->allocator = *allocator;
    archive->heap_size = size;
    archive->name = memcpy(tail + n_copied, name, (size_t)name_size);
    archive->file = file;
    if (n_copied > 0)
        archive->file.data = memcpy(tail, file.data, (size_t)n_copied);
    archive->member_flags = flags & OJ_OBJECT_WITH_DEBUG;
    archive->is_thin = memcmp(file.data, "!<thin>\n", MAGIC_SIZE) == 0;
    oji_arena_init(&archive->arena, &archive->allocator, archive->first_block, sizeof archive->first_block);
    return archive;
}

static oj_status read_archive(oj_archive **out, oji_bytes file, const char *name, uint32_t flags,
                              const oj_allocator *allocator, oj_error *error)
{
    special_members found;
    oj_status status;
    ar_archive *archive;
    bool has_magic = file.size >= MAGIC_SIZE && (memcmp(file.data, "!<arch>\n", MAGIC_SIZE) == 0 ||
                                                 memcmp(file.data, "!<thin>\n", MAGIC_SIZE) == 0);
    if (!has_magic)
        return oji_fail(error, OJ_E_FORMAT, "%s: not an archive", name);
    archive = allocate_archive(file, name, flags, allocator);
    if (!archive)
        return oji_fail_nomem(error, file.size, "an archive");
    status = find_special(archive, &found, error);
    if (status == OJ_OK)
        status = read_index(archive, &found, error);
    /* Half-filled is well enough for destroying: the arena's arrays are zeroed, and n_members never runs ahead of
     * them. */
    if (status != OJ_OK) {
        oj_archive_destroy(&archive->base);
        return status;
    }
    *out = &archive->base;
    return OJ_OK;
}

oj_status oj_archive_create(oj_archive **out, const void *bytes, size_t size, const oj_archive_options *options,
                            oj_error *error)
{
    oji_bytes file = {bytes, size};
    oj_archive_options ours;
    oj_allocator allocator;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_archive_create: out is NULL");
    *out = NULL;
    if (!bytes && size > 0)
        return oji_fail(error, OJ_E_MISUSE, "oj_archive_create: bytes is NULL");
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_archive_options", error));
    OJI_TRY(oji_allocator_import(&allocator, ours.allocator, error));
    OJI_TRY(oji_check_flags(ours.flags, OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG, "oj_archive_options.flags", error));
    status = read_archive(out, file, ours.name ? ours.name : "archive", ours.flags, &allocator, error);
    if (status == OJ_OK)
        return oji_succeed(error);
    oji_name_object(error, ours.name ? ours.name : "archive");
    return status;
}

void oj_archive_destroy(oj_archive *base)
{
    ar_archive *archive = (struct ar_archive *)base;
    oj_allocator allocator;
    if (!archive)
        return;
    /* Members that were handed out go with the archive; nobody may use it meanwhile. */
    for (uint32_t i = 0; i < archive->n_members; i++)
        oj_object_destroy(atomic_load_explicit(&archive->members[i].object, memory_order_acquire));
    oji_arena_free(&archive->arena);
    /* The table lies in the block that it is asked to free. */
    allocator = archive->allocator;
    oji_release(&allocator, archive, archive->heap_size);
}

size_t oj_archive_symbol_count(const oj_archive *base) { return base ? ((const ar_archive *)base)->n_entries : 0; }

const char *oj_archive_symbol(const oj_archive *base, size_t index)
{
    return index < oj_archive_symbol_count(base) ? ((const ar_archive *)base)->entries[index].name : NULL;
}

oj_status oj_archive_lookup(oj_archive *archive, const char *name, const oj_object **out, oj_error *error)
{
    uint32_t member;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_archive_lookup: out is NULL");
    *out = NULL;
    if (!archive || !name)
        return oji_fail(error, OJ_E_MISUSE, "oj_archive_lookup: %s is NULL", archive ? "name" : "archive");
    if (!archive->find(archive, name, strlen(name), &member)) {
        oji_place place = {((const struct ar_archive *)archive)->name, NULL, NULL, name, UINT64_MAX};
        return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "%s: no member defines '%s'", place.object, name);
    }
    OJI_TRY(archive->load(archive, member, out, error));
    return oji_succeed(error);
}
