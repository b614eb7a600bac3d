/* Stack maps of real LLVM's, from linked code: locations, several objects, take-over, and a collector that moves
 * objects under running code. */
#include "unit/test_llvm_support.h"

#include <stdbool.h>
#include <stdlib.h>

/* The pointer types of LLVM 14 are others. */
static oj_llvm *open_llvm(void)
{
    oj_llvm *llvm = ojt_llvm_open();
    if (oj_llvm_version(llvm) < 150000) {
        oj_llvm_destroy(llvm);
        skip();
    }
    return llvm;
}

/* What is compiled for; NULL = this process's own. */
static const char *triple;

/* Compile with these passes; returns the object. */
static oj_bytes *compile(const char *text, const char *passes)
{
    oj_compiler_options options = ojt_defaults();
    oj_llvm *llvm = open_llvm();
    oj_compiler *compiler;
    oj_bytes *bytes;
    options.passes = passes;
    options.triple = triple;
    compiler = ojt_compiler(&options, llvm);
    bytes = ojt_object(compiler, text);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    return bytes;
}

static oj_object *read_object(const oj_bytes *bytes)
{
    oj_object *object = NULL;
    oj_error error;
    if (oj_object_create(&object, oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return object;
}

static oj_stackmap *map_of(const oj_code *code)
{
    oj_stackmap *map = NULL;
    oj_error error;
    if (oj_code_stackmap(&map, code, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return map;
}

/* A function %s whose stack map, of identifier %u, has something of every kind. */
static const char live_ir[] = "declare void @llvm.experimental.stackmap(i64, i32, ...)\n"
                              "define i64 @%s(i64 %%a, i64 %%b) \"frame-pointer\"=\"all\" {\n"
                              "  %%slot = alloca i64\n"
                              "  store volatile i64 %%b, ptr %%slot\n"
                              "  %%c = mul i64 %%a, %%b\n"
                              "  call void (i64, i32, ...) @llvm.experimental.stackmap(i64 %u, i32 16, i64 %%c,\n"
                              "      ptr %%slot, i64 -5, i64 1234567890123)\n"
                              "  ret i64 %%c\n"
                              "}\n";

static oj_bytes *compile_live(const char *name, unsigned id)
{
    char text[1024];
    snprintf(text, sizeof text, live_ir, name, id);
    return compile(text, NULL);
}

static void check_live(const oj_stackmap *map, uint64_t function_addr, uint64_t id)
{
    oj_stackmap_function_info function;
    oj_stackmap_record_info record, same;
    oj_stackmap_location location;
    assert_int_equal(oj_stackmap_find_function(map, function_addr, &function, sizeof function), OJ_OK);
    assert_int_equal(function.n_records, 1);
    assert_true(function.stack_size > 0 && function.stack_size < 256);
    assert_int_equal(oj_stackmap_find_id(map, id, 0, &record, sizeof record), OJ_OK);
    assert_int_equal(record.index, function.first_record);
    assert_true(record.run_addr > function_addr && record.run_addr < function_addr + 256);
    assert_int_equal(oj_stackmap_find(map, record.run_addr, 0, &same, sizeof same), OJ_OK);
    assert_int_equal(same.id, id);
    assert_int_equal(record.n_locations, 4);
    assert_int_equal(oj_stackmap_location_at(map, record.index, 0, &location, sizeof location), OJ_OK);
    assert_int_equal(location.kind, OJ_LOCATION_REGISTER);
    assert_int_equal(location.size, 8);
    assert_int_equal(oj_stackmap_location_at(map, record.index, 1, &location, sizeof location), OJ_OK);
    assert_int_equal(location.kind, OJ_LOCATION_DIRECT);
    assert_int_equal(oj_stackmap_location_at(map, record.index, 2, &location, sizeof location), OJ_OK);
    assert_int_equal(location.kind, OJ_LOCATION_CONSTANT);
    assert_true(location.value == (uint64_t)-5);
    assert_int_equal(oj_stackmap_location_at(map, record.index, 3, &location, sizeof location), OJ_OK);
    assert_int_equal(location.kind, OJ_LOCATION_CONSTANT_INDEX);
    assert_true(location.value == 1234567890123);
}

/* Several ranges need an array of them for a moment, and then the index: each allocation fails in turn. */
static void survive_ending_heap(const oj_code *code)
{
    oj_stackmap *map = NULL;
    oj_error error;
    for (size_t n = 1;; n++) {
        ojt_heap heap;
        oj_status status;
        ojt_heap_init(&heap);
        heap.fail_at = n;
        status = oj_code_stackmap(&map, code, &heap.table, &error);
        if (status == OJ_OK) {
            assert_int_equal(n, 3);
            assert_int_equal(heap.live_size, oj_stackmap_heap_size(map));
            oj_stackmap_destroy(map);
            assert_int_equal(heap.live_size, 0);
            return;
        }
        assert_int_equal(status, OJ_E_NOMEM);
        assert_null(map);
        assert_int_equal(heap.live_size, 0);
    }
}

/* Two objects and one without stack maps in one link, merged or section by section. */
static void link_several(uint32_t flags)
{
    oj_bytes *bytes[3] = {compile_live("first", 11), compile(ojt_add_ir, NULL), compile_live("second", 22)};
    oj_object *objects[3];
    oj_link_options options;
    oj_code *code = NULL;
    oj_stackmap *map;
    oj_stackmap_range range;
    oj_error error;
    for (size_t i = 0; i < 3; i++)
        objects[i] = read_object(bytes[i]);
    oj_link_options_init(&options);
    options.flags = flags;
    if (oj_link((const oj_object *const *)objects, 3, &options, &code, &error) != OJ_OK)
        fail_msg("%s", error.text);
    for (size_t i = 0; i < 3; i++) {
        oj_object_destroy(objects[i]);
        oj_bytes_destroy(bytes[i]);
    }
    assert_int_equal(oj_code_stackmap_count(code), 2);
    assert_int_equal(oj_code_stackmap_range(code, 1, &range, sizeof range), OJ_OK);
    assert_true(range.size >= 88 && range.size % 8 == 0);
    assert_int_equal(oj_code_stackmap_range(code, 2, &range, sizeof range), OJ_E_MISUSE);
    survive_ending_heap(code);
    map = map_of(code);
    assert_int_equal(oj_stackmap_function_count(map), 2);
    check_live(map, oj_code_lookup_addr(code, "first"), 11);
    check_live(map, oj_code_lookup_addr(code, "second"), 22);
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
}

static void stackmap_of_several_objects_found(void **state)
{
    (void)state;
    link_several(0);
}

static void stackmap_of_sections_placed_singly_found(void **state)
{
    (void)state;
    link_several(OJ_LINK_SECTIONS_SINGLY);
}

/* Both objects bring a copy of a function and its records; one copy is linked. */
static void stackmap_of_shared_function_linked(void **state)
{
    static const char text[] = "$shared = comdat any\n"
                               "declare void @llvm.experimental.stackmap(i64, i32, ...)\n"
                               "define linkonce_odr i64 @shared(i64 %a) comdat {\n"
                               "  call void (i64, i32, ...) @llvm.experimental.stackmap(i64 3, i32 8, i64 %a)\n"
                               "  ret i64 %a\n"
                               "}\n"
                               "define i64 @NAME(i64 %a) {\n"
                               "  %r = call i64 @shared(i64 %a)\n"
                               "  ret i64 %r\n"
                               "}\n";
    oj_object *objects[2];
    oj_stackmap_record_info record;
    oj_code *code = NULL;
    oj_stackmap *map;
    oj_error error;
    (void)state;
    for (int i = 0; i < 2; i++) {
        char copy[sizeof text];
        oj_bytes *bytes;
        memcpy(copy, text, sizeof text);
        memcpy(strstr(copy, "NAME"), i ? "two_" : "one_", 4);
        bytes = compile(copy, NULL);
        objects[i] = read_object(bytes);
        oj_bytes_destroy(bytes);
    }
    if (oj_link((const oj_object *const *)objects, 2, NULL, &code, &error) != OJ_OK)
        fail_msg("%s", error.text);
    map = map_of(code);
    assert_int_equal(oj_stackmap_record_count(map), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(oj_stackmap_record(map, i, &record, sizeof record), OJ_OK);
        assert_true(record.function_addr == oj_code_lookup_addr(code, "shared"));
    }
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static oj_code *link_one(oj_bytes *bytes)
{
    oj_code *code = NULL;
    oj_error error;
    if (oj_link_bytes(oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, &code, &error) != OJ_OK)
        fail_msg("%s", error.text);
    oj_bytes_destroy(bytes);
    return code;
}

static void stackmap_missing_told(void **state)
{
    oj_code *code = link_one(compile(ojt_add_ir, NULL));
    oj_stackmap *map = NULL;
    oj_error error;
    (void)state;
    assert_int_equal(oj_code_stackmap_count(code), 0);
    assert_int_equal(oj_code_stackmap(&map, code, NULL, &error), OJ_E_NOT_FOUND);
    assert_null(map);
    oj_code_destroy(code);
}

/* The range is asked for while there is a handle; the bytes stay where they are. */
static void stackmap_of_code_taken_over_read(void **state)
{
    oj_code *code = link_one(compile_live("live", 5));
    uint64_t addr = oj_code_lookup_addr(code, "live");
    oj_stackmap_range range;
    oj_stackmap *map = NULL;
    oj_segment segments[4];
    oj_record records[8];
    oj_taken taken;
    oj_error error;
    (void)state;
    assert_int_equal(oj_code_stackmap_range(code, 0, &range, sizeof range), OJ_OK);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 4;
    taken.records = records;
    taken.n_records = 8;
    assert_int_equal(oj_code_take_over(code, &taken, &error), OJ_OK);
    assert_int_equal(
        oj_stackmap_create(&map, (const void *)(uintptr_t)range.run_addr, (size_t)range.size, NULL, &error), OJ_OK);
    check_live(map, addr, 5);
    oj_stackmap_destroy(map);
    assert_int_equal(oj_taken_release(&taken, &error), OJ_OK);
}

/* Code that was written by hand has its stack maps in the client's own bytes, with the addresses the client chose. */
static void stackmap_of_code_written_by_hand(void **state)
{
    oj_bytes *bytes = compile_live("live", 5);
    oj_object *object = read_object(bytes);
    const oj_object *objects[] = {object};
    const uint64_t base = UINT64_C(0x7000000000);
    oj_plan *plan = NULL;
    oj_segment segments[4];
    oj_stackmap_range range;
    oj_stackmap *map = NULL;
    oj_code *code = NULL;
    oj_error error;
    size_t n, at = SIZE_MAX;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, objects, 1, NULL, &error), OJ_OK);
    n = oj_plan_segment_count(plan);
    assert_true(n <= 4);
    for (size_t i = 0; i < n; i++) {
        oj_plan_segment(plan, i, &segments[i], sizeof segments[i]);
        segments[i].write = aligned_alloc(4096, (size_t)(segments[i].size + 4095) & ~(size_t)4095);
        segments[i].run_addr = base + i * 0x10000;
    }
    if (oj_plan_write(plan, segments, n, &code, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_int_equal(oj_code_stackmap(&map, code, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_stackmap_range(code, 0, &range, sizeof range), OJ_OK);
    for (size_t i = 0; i < n; i++)
        if (range.run_addr - segments[i].run_addr < segments[i].size)
            at = i;
    assert_true(at < n);
    assert_int_equal(oj_stackmap_create(&map, (uint8_t *)segments[at].write + (range.run_addr - segments[at].run_addr),
                                        (size_t)range.size, NULL, &error),
                     OJ_OK);
    check_live(map, oj_code_lookup_addr(code, "live"), 5);
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    for (size_t i = 0; i < n; i++)
        free(segments[i].write);
    oj_object_destroy(object);
    oj_bytes_destroy(bytes);
}

/* Of other architectures the same, whatever their order of bytes. */
static void stackmap_of_other_architectures_read(void **state)
{
    static const char *const triples[] = {"s390x-linux-gnu", "aarch64-linux-gnu", "x86_64-linux-gnu"};
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        triple = triples[i];
        stackmap_of_code_written_by_hand(state);
    }
    triple = NULL;
}

static void stackmap_patch_range_within_code(void **state)
{
    oj_code *code = link_one(compile_live("live", 5)), *other = link_one(compile(ojt_add_ir, NULL));
    oj_stackmap *map = map_of(code);
    uint64_t addr;
    oj_error error;
    (void)state;
    assert_int_equal(oj_stackmap_patch_range(map, 0, 16, code, &addr, &error), OJ_OK);
    assert_true(addr > oj_code_lookup_addr(code, "live"));
    assert_int_equal(oj_stackmap_patch_range(map, 0, 16, other, &addr, &error), OJ_E_RANGE);
    assert_int_equal(oj_stackmap_patch_range(map, 0, 1u << 20, code, &addr, &error), OJ_E_RANGE);
    oj_stackmap_destroy(map);
    oj_code_destroy(other);
    oj_code_destroy(code);
}

/* --- a patchpoint ------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

OJT_CALLS_LINKED_CODE static uint64_t call_one(uint64_t addr, uint64_t a)
{
    return ((uint64_t(*)(uint64_t))(uintptr_t)addr)(a);
}

/* The room is exactly as long as the IR says: what stands behind it still runs. */
static void stackmap_patchpoint_filled(void **state)
{
    static const char text[] =
        "declare i64 @llvm.experimental.patchpoint.i64(i64, i32, ptr, i32, ...)\n"
        "define i64 @f(i64 %a) {\n"
        "  %r = call i64 (i64, i32, ptr, i32, ...) @llvm.experimental.patchpoint.i64(i64 8, i32 16, ptr null, i32 1,\n"
        "       i64 %a, i64 %a)\n"
        "  %s = add i64 %r, 1000\n"
        "  ret i64 %s\n"
        "}\n";
    /* lea rax, [rdi + rdi]: twice the argument; then no-operations. */
    uint8_t bytes[16] = {0x48, 0x8d, 0x04, 0x3f};
    oj_code *code = link_one(compile(text, NULL));
    oj_stackmap *map = map_of(code);
    oj_stackmap_record_info record, found;
    oj_stackmap_live_out live;
    uint64_t addr;
    oj_error error;
    bool has_stack_pointer = false;
    (void)state;
    memset(bytes + 4, 0x90, sizeof bytes - 4);
    assert_int_equal(oj_stackmap_find_id(map, 8, 0, &record, sizeof record), OJ_OK);
    assert_int_equal(record.n_locations, 1);
    for (size_t i = 0; i < record.n_live_outs; i++) {
        assert_int_equal(oj_stackmap_live_out_at(map, record.index, i, &live, sizeof live), OJ_OK);
        has_stack_pointer |= live.dwarf_register == 7 && live.size == 8;
    }
    assert_true(has_stack_pointer);
    assert_int_equal(oj_stackmap_patch_range(map, record.index, 16, code, &addr, &error), OJ_OK);
    assert_int_equal(oj_stackmap_find(map, addr + 13, 16, &found, sizeof found), OJ_OK);
    assert_int_equal(found.index, record.index);
    assert_int_equal(oj_code_patch(code, addr, bytes, sizeof bytes, OJ_PATCH_STOPPED, &error), OJ_OK);
    assert_int_equal(call_one(oj_code_lookup_addr(code, "f"), 21), 1042);
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
}

#else

static void stackmap_patchpoint_filled(void **state)
{
    (void)state;
    print_message("patches instructions of x86-64\n");
    skip();
}

#endif

/* --- a moving collector ------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

/* Returns what it finds through the derived pointer and through the base after the call, in which both have moved. */
static const char moving_ir[] = "declare void @collect()\n"
                                "define i64 @use(ptr addrspace(1) %object, i64 %index) gc \"statepoint-example\" {\n"
                                "  %field = getelementptr i64, ptr addrspace(1) %object, i64 %index\n"
                                "  %before = load volatile i64, ptr addrspace(1) %field\n"
                                "  call void @collect() [ \"deopt\"(i64 %index, i32 77) ]\n"
                                "  %after = load volatile i64, ptr addrspace(1) %field\n"
                                "  %head = load volatile i64, ptr addrspace(1) %object\n"
                                "  %sum = add i64 %before, %after\n"
                                "  %all = add i64 %sum, %head\n"
                                "  ret i64 %all\n"
                                "}\n";

static const oj_stackmap *collector_map;
static uint64_t old_object[4] = {1, 10, 100, 1000}, new_object[4];
static unsigned n_moved;
static uint64_t deopt_values[2];

/* Move a root of the frame: where it points to inside the old object, it points to inside the new one afterwards. */
static void move_root(const oj_stackmap *map, size_t record, size_t location, const uint64_t *registers)
{
    oj_stackmap_location at;
    uint64_t *slot, value;
    assert_int_equal(oj_stackmap_location_at(map, record, location, &at, sizeof at), OJ_OK);
    assert_int_equal(at.kind, OJ_LOCATION_INDIRECT);
    assert_int_equal(oj_stackmap_value(&at, registers, 16, &value), OJ_OK);
    slot = (uint64_t *)(uintptr_t)(registers[at.dwarf_register] + (uint64_t)(int64_t)at.offset);
    assert_int_equal(*slot, value);
    if (value - (uint64_t)(uintptr_t)old_object < sizeof old_object) {
        *slot = value - (uint64_t)(uintptr_t)old_object + (uint64_t)(uintptr_t)new_object;
        n_moved++;
    }
}

/* Called from linked code, whose frame ends where this one's return address stands. */
static __attribute__((noinline)) void collect(void)
{
    uint64_t registers[16] = {0};
    oj_stackmap_record_info record;
    oj_stackmap_location at;
    oj_statepoint point;
    oj_error error;
    uint64_t return_addr = (uint64_t)(uintptr_t)__builtin_return_address(0);
    registers[6] = *(uint64_t *)__builtin_frame_address(0);
    registers[7] = (uint64_t)(uintptr_t)__builtin_frame_address(0) + 16;
    assert_int_equal(oj_stackmap_find(collector_map, return_addr, 0, &record, sizeof record), OJ_OK);
    assert_int_equal(oj_stackmap_statepoint(collector_map, record.index, &point, sizeof point, &error), OJ_OK);
    assert_int_equal(point.calling_convention, 0);
    assert_int_equal(point.n_deopts, 2);
    assert_true(point.n_roots >= 1);
    assert_int_equal(point.n_allocas, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(oj_stackmap_location_at(collector_map, record.index, point.first_deopt + i, &at, sizeof at),
                         OJ_OK);
        assert_int_equal(oj_stackmap_value(&at, registers, 16, &deopt_values[i]), OJ_OK);
    }
    memcpy(new_object, old_object, sizeof new_object);
    for (size_t i = 0; i < 2 * point.n_roots; i++)
        move_root(collector_map, record.index, point.first_root + i, registers);
    memset(old_object, 0xee, sizeof old_object);
    new_object[0] = 2;
    new_object[2] = 200;
}

/* At the lowest level and the highest, through the pass that finds the pointers which are live at each call. */
OJT_CALLS_LINKED_CODE static void move_under(uint32_t level)
{
    static const uint64_t fresh[4] = {1, 10, 100, 1000};
    const oj_definition definition = {"collect", (uint64_t)(uintptr_t)collect};
    oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&definition, 1)};
    oj_compiler_options compiler_options = ojt_defaults();
    oj_llvm *llvm = open_llvm();
    oj_compiler *compiler;
    oj_link_options options;
    oj_stackmap *map;
    oj_code *code = NULL;
    oj_error error;
    oj_bytes *bytes;
    compiler_options.passes = "rewrite-statepoints-for-gc";
    compiler_options.level = level;
    compiler = ojt_compiler(&compiler_options, llvm);
    bytes = ojt_object(compiler, moving_ir);
    oj_compiler_destroy(compiler);
    oj_llvm_destroy(llvm);
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    if (oj_link_bytes(oj_bytes_data(bytes), oj_bytes_size(bytes), &options, &code, &error) != OJ_OK)
        fail_msg("%s", error.text);
    oj_bytes_destroy(bytes);
    collector_map = map = map_of(code);
    memcpy(old_object, fresh, sizeof fresh);
    n_moved = 0;
    /* Before 100, after 200 from the new object, its head 2. */
    assert_int_equal(((uint64_t(*)(uint64_t *, uint64_t))(uintptr_t)oj_code_lookup_addr(code, "use"))(old_object, 2),
                     302);
    assert_true(n_moved >= 1);
    assert_int_equal(deopt_values[0], 2);
    assert_int_equal(deopt_values[1], 77);
    oj_stackmap_destroy(map);
    oj_code_destroy(code);
}

static void stackmap_roots_moved_under_running_code(void **state)
{
    (void)state;
    move_under(OJ_LEVEL_0);
    move_under(OJ_LEVEL_3);
}

#else

static void stackmap_roots_moved_under_running_code(void **state)
{
    (void)state;
    print_message("reads frames of x86-64\n");
    skip();
}

#endif

OJT_MAIN(cmocka_unit_test(stackmap_of_several_objects_found),
         cmocka_unit_test(stackmap_of_sections_placed_singly_found), cmocka_unit_test(stackmap_missing_told),
         cmocka_unit_test(stackmap_of_shared_function_linked), cmocka_unit_test(stackmap_of_code_taken_over_read),
         cmocka_unit_test(stackmap_of_code_written_by_hand), cmocka_unit_test(stackmap_of_other_architectures_read),
         cmocka_unit_test(stackmap_patch_range_within_code), cmocka_unit_test(stackmap_patchpoint_filled),
         cmocka_unit_test(stackmap_roots_moved_under_running_code))
