/* Code that branches do not reach across, for AArch64: each call is followed to where it goes. Nothing is executed.
 * A stress build's branches are so short that a few small functions do. */
#include "link/linktest.h"

enum { CALLS = 4, BRANCH_LIMIT = 1 << 27 };

/* n functions of `size` bytes, each in a section of its own. Symbol i + 2 is function i, symbol 1 a local one for
 * function 0. */
typedef struct program {
    uint32_t n;
    uint32_t size;
    uint8_t *file;
    size_t file_size;
} program;

static uint32_t callee_of(const program *p, uint32_t function, uint32_t call)
{
    return call == 1 ? (function * 7919u + 1) % p->n : 0;
}

static size_t put(uint8_t *file, size_t at, const void *bytes, size_t size)
{
    memcpy(file + at, bytes, size);
    return (at + size + 7) & ~(size_t)7;
}

/* Calls: function 0 by name, another, function 0 as a local symbol, and one outside the link. */
static size_t put_relocs(const program *p, size_t at, uint32_t function)
{
    const uint32_t symbols[CALLS] = {2, callee_of(p, function, 1) + 2, 1, p->n + 2};
    Elf64_Rela relocs[CALLS];
    for (uint32_t i = 0; i < CALLS; i++)
        relocs[i] = (Elf64_Rela){i * 4, ELF64_R_INFO((uint64_t)symbols[i], R_AARCH64_CALL26), 0};
    return put(p->file, at, relocs, sizeof relocs);
}

/* Sections: 1 to n code, n + 1 to 2n its relocations, then symbols, names. */
static void build(program *p, uint32_t n, uint32_t size)
{
    uint32_t n_sections = 2 * n + 4, n_symbols = n + 3;
    size_t room = sizeof(Elf64_Ehdr) + n_sections * sizeof(Elf64_Shdr) + n_symbols * (sizeof(Elf64_Sym) + 12) +
                  n * (CALLS * sizeof(Elf64_Rela) + size + 8) + 4096;
    Elf64_Shdr *headers = calloc(n_sections, sizeof *headers);
    Elf64_Sym *symbols = calloc(n_symbols, sizeof *symbols);
    char *names = calloc(n_symbols, 12);
    size_t at = sizeof(Elf64_Ehdr), names_size = 1;
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_REL,
                         .e_machine = EM_AARCH64,
                         .e_version = EV_CURRENT,
                         .e_ehsize = sizeof header,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = (uint16_t)n_sections,
                         .e_shstrndx = (uint16_t)(n_sections - 1)};
    p->n = n;
    p->size = size;
    p->file = calloc(1, room);
    assert_true(headers && symbols && names && p->file);
    for (uint32_t i = 0; i < n; i++) {
        headers[i + 1] = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
                                      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                      .sh_offset = at,
                                      .sh_size = size,
                                      .sh_addralign = 4};
        for (uint32_t k = 0; k < CALLS; k++)
            oji_store32(p->file + at + k * 4, 0x94000000);
        oji_store32(p->file + at + CALLS * 4, 0xd65f03c0);
        at += (size + 7u) & ~7u;
    }
    for (uint32_t i = 0; i < n; i++) {
        headers[n + 1 + i] = (Elf64_Shdr){.sh_type = SHT_RELA,
                                          .sh_offset = at,
                                          .sh_size = CALLS * sizeof(Elf64_Rela),
                                          .sh_link = 2 * n + 1,
                                          .sh_info = i + 1,
                                          .sh_entsize = sizeof(Elf64_Rela),
                                          .sh_addralign = 8};
        at = put_relocs(p, at, i);
    }
    symbols[1] = (Elf64_Sym){.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC), .st_shndx = 1};
    for (uint32_t i = 0; i <= n; i++) {
        symbols[i + 2] = (Elf64_Sym){.st_name = (uint32_t)names_size,
                                     .st_info = ELF64_ST_INFO(STB_GLOBAL, i < n ? STT_FUNC : STT_NOTYPE),
                                     .st_shndx = (uint16_t)(i < n ? i + 1 : SHN_UNDEF)};
        names_size += (size_t)sprintf(names + names_size, "f%u", i) + 1;
    }
    headers[2 * n + 1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                                      .sh_offset = at,
                                      .sh_size = n_symbols * sizeof *symbols,
                                      .sh_link = 2 * n + 2,
                                      .sh_info = 2,
                                      .sh_entsize = sizeof *symbols,
                                      .sh_addralign = 8};
    at = put(p->file, at, symbols, n_symbols * sizeof *symbols);
    headers[2 * n + 2] = headers[2 * n + 3] =
        (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = names_size, .sh_addralign = 1};
    at = put(p->file, at, names, names_size);
    header.e_shoff = at;
    p->file_size = put(p->file, at, headers, n_sections * sizeof *headers);
    memcpy(p->file, &header, sizeof header);
    assert_true(p->file_size <= room);
    free(headers);
    free(symbols);
    free(names);
}

static const uint64_t outside = 0x123456789000;

typedef struct linked {
    ojt_client client;
    oj_link_stats stats;
    oj_code *code;
    uint64_t n_through; /* calls that go through a veneer or a stub */
    uint64_t n_far;     /* calls whose callee they cannot reach */
} linked;

static oj_status link_program(const program *p, linked *result, const oj_allocator *allocator, oj_error *error)
{
    char name[16];
    const oj_definition definition = {name, outside};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&definition, 1)};
    oj_link_options options;
    oj_object_options object_options;
    oj_object *object;
    oj_status status;
    sprintf(name, "f%u", p->n);
    memset(result, 0, sizeof *result);
    oj_object_options_init(&object_options);
    object_options.flags = OJ_OBJECT_BORROW;
    ojt_client_init_buffers(&result->client, 0x10000000, 0x60000000, 0x70000000);
    result->client.table.flush = ojt_client_flush;
    oj_link_options_init(&options);
    options.memory = &result->client.table;
    options.resolvers = resolvers;
    options.n_resolvers = OJI_COUNT(resolvers);
    options.stats = &result->stats;
    options.stats_size = sizeof result->stats;
    options.allocator = allocator;
    if (oj_object_create(&object, p->file, p->file_size, &object_options, error) != OJ_OK)
        fail_msg("%s", error ? error->text : "");
    status = oj_link((const oj_object *const *)&object, 1, &options, &result->code, error);
    oj_object_destroy(object);
    return status;
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (value ^ sign) - sign;
}

/* adrp x16, page; ldr x17, [x16, offset]; br x17: what the entry holds. */
static uint64_t follow_stub(const linked *result, uint64_t stub)
{
    const oj_segment *code = ojt_client_segment(&result->client, OJ_SEGMENT_CODE);
    const oj_segment *rodata = ojt_client_segment(&result->client, OJ_SEGMENT_RODATA);
    const uint8_t *at = (const uint8_t *)code->write + (stub - code->run_addr);
    uint32_t page = oji_load32(at), load = oji_load32(at + 4);
    uint64_t pages = sign_extend(((uint64_t)(page >> 5 & 0x7ffff) << 2) | (page >> 29 & 3), 21);
    uint64_t entry = (stub & ~UINT64_C(0xfff)) + (pages << 12) + (uint64_t)(load >> 10 & 0xfff) * 8;
    assert_true(stub >= code->run_addr && stub + 16 <= code->run_addr + code->size);
    assert_int_equal(page & 0x9f00001f, 0x90000010);
    assert_int_equal(load & 0xffc003ff, 0xf9400211);
    assert_int_equal(oji_load32(at + 8), 0xd61f0220);
    assert_true(entry >= rodata->run_addr && entry + 8 <= rodata->run_addr + rodata->size);
    return oji_load64((const uint8_t *)rodata->write + (entry - rodata->run_addr));
}

static uint64_t addr_of(const linked *result, uint32_t function)
{
    char name[16];
    sprintf(name, "f%u", function);
    return (uint64_t)(uintptr_t)oj_code_lookup(result->code, name);
}

/* What no emulator shows: of another architecture's code, too, every byte is flushed, where it was written and where it
 * runs; islands of veneers included. */
static void check_flush(const linked *result)
{
    const oj_segment *code = ojt_client_segment(&result->client, OJ_SEGMENT_CODE);
    assert_int_equal(result->client.n_flushes, 1);
    assert_ptr_equal(result->client.flush_write[0], code->write);
    assert_int_equal(result->client.flush_addr[0], code->run_addr);
    assert_int_equal(result->client.flush_size[0], code->size);
}

static void check_calls(const program *p, linked *result)
{
    const oj_segment *code = ojt_client_segment(&result->client, OJ_SEGMENT_CODE);
    uint64_t first = addr_of(result, 0);
    check_flush(result);
    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t start = addr_of(result, i);
        const uint64_t expected[CALLS] = {first, addr_of(result, callee_of(p, i, 1)), first, outside};
        for (uint32_t k = 0; k < CALLS; k++) {
            uint64_t place = start + k * 4;
            uint32_t call = oji_load32((const uint8_t *)code->write + (place - code->run_addr));
            uint64_t target = place + (sign_extend(call & 0x3ffffff, 26) << 2);
            assert_int_equal(call >> 26, 0x25);
            result->n_far += expected[k] - place + BRANCH_LIMIT >= 2 * BRANCH_LIMIT;
            if (target == expected[k])
                continue;
            result->n_through++;
            assert_int_equal(follow_stub(result, target), expected[k]);
        }
    }
}

static void end(program *p, linked *result)
{
    oj_code_destroy(result->code);
    assert_int_equal(result->client.n_live, 0);
    free(p->file);
}

/* The farthest calls go through veneers; each stretch of at most 64 MiB has one for each of its far callees. */
static void veneers_bring_200_mib_in_reach(void **state)
{
    const uint32_t n = OJT_STRESS ? 500 : 10000, size = OJT_STRESS ? 2000 : 20972;
    program p;
    linked result;
    oj_error error = {0};
    (void)state;
    build(&p, n, size);
    if (link_program(&p, &result, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    check_calls(&p, &result);
    if (!OJT_STRESS) {
        assert_int_equal(result.n_through, result.n_far);
        /* Of 10,000 functions 1,300 call one that is too far, and 3,600 function 0, twice: those share veneers. */
        assert_true(result.stats.n_veneers >= 1200 && result.stats.n_veneers <= 1700);
        assert_true(result.n_far - n >= 8000);
    }
    assert_int_equal(result.stats.n_stubs - result.stats.n_veneers, OJT_STRESS ? n + 2 : 1);
    end(&p, &result);
}

/* What is in reach pays nothing. */
static void veneers_of_small_code_none(void **state)
{
    program p;
    linked result;
    (void)state;
    build(&p, 2, 32);
    assert_int_equal(link_program(&p, &result, NULL, NULL), OJ_OK);
    check_calls(&p, &result);
    assert_int_equal(result.stats.n_veneers, 0);
    end(&p, &result);
}

/* Short branches only: there the whole of planning is done for a few hundred bytes. */
static void veneers_survive_each_failing_allocation(void **state)
{
    program p;
    linked result;
    ojt_heap heap;
    oj_status status = OJ_E_NOMEM;
    (void)state;
    if (!OJT_STRESS)
        skip();
    build(&p, 12, 100);
    for (size_t i = 1; status != OJ_OK; i++) {
        ojt_heap_init(&heap);
        heap.fail_at = i;
        status = link_program(&p, &result, &heap.table, NULL);
        assert_true(status == OJ_OK || status == OJ_E_NOMEM);
        if (status != OJ_OK)
            assert_int_equal(heap.n_live, 0);
        assert_true(i < 1000);
    }
    check_calls(&p, &result);
    assert_true(result.stats.n_veneers > 0);
    end(&p, &result);
    assert_int_equal(heap.n_live, 0);
}

OJT_MAIN(cmocka_unit_test(veneers_bring_200_mib_in_reach), cmocka_unit_test(veneers_of_small_code_none),
         cmocka_unit_test(veneers_survive_each_failing_allocation))
