/* Objects with thread-local variables and functions that give their addresses, in each model, made in memory. */
#ifndef OJT_TLS_SUPPORT_H
#define OJT_TLS_SUPPORT_H

#include "link/linktest.h"
#include "support/machine_tls.h"

#include <pthread.h>

/* What nobody defines has one symbol in a file. */
static inline uint32_t ojt_tls_undefined(ojt_elf *elf, const char *name)
{
    for (int i = 1; i < elf->n_symbols; i++)
        if (strcmp(elf->names[i], name) == 0)
            return (uint32_t)i;
    return ojt_elf_add_undefined(elf, name);
}

/* Add a function that returns the address of a symbol that is there already. */
static inline void ojt_tls_add_function(ojt_elf *elf, const char *name, uint32_t symbol, ojt_tls_model model)
{
    const ojt_tls_row *row = &ojt_tls_rows[model];
    uint16_t text = ojt_elf_add_code(elf, row->code, row->size);
    uint32_t own = ojt_elf_add_global(elf, name, text, 0, row->size);
    for (const ojt_tls_fixup *fixup = row->fixups; fixup->of != OJT_OF_NOBODY; fixup++) {
        uint32_t of = fixup->of == OJT_OF_VARIABLE   ? symbol
                      : fixup->of == OJT_OF_CODE     ? own
                      : fixup->of == OJT_OF_FUNCTION ? ojt_tls_undefined(elf, OJT_TLS_FUNCTION)
                                                     : ojt_tls_undefined(elf, "_GLOBAL_OFFSET_TABLE_");
        ojt_elf_add_reloc(elf, text, fixup->offset, fixup->type, of, fixup->addend);
    }
}

/* `value` starts as 1234 with 16 zero bytes, `pointer` as the address of `plain`; `zero` is 32 bytes, aligned to 64.
 * The function "address" gives value's, "address_zero" zero's. */
static inline oj_object *ojt_tls_object(ojt_tls_model model)
{
    static const uint32_t image[8] = {1234};
    ojt_elf elf;
    uint16_t data, tdata, tbss;
    uint32_t value, zero, plain;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, "plain!!", 8);
    tdata = ojt_elf_add_section(&elf, ".tdata", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8, image, sizeof image);
    tbss = ojt_elf_add_section(&elf, ".tbss", SHF_ALLOC | SHF_WRITE | SHF_TLS, 64, NULL, 32);
    value = ojt_elf_add_symbol(&elf, "value", tdata, 0, 4, STB_GLOBAL, STT_TLS);
    ojt_elf_add_symbol(&elf, "pointer", tdata, 24, 8, STB_GLOBAL, STT_TLS);
    zero = ojt_elf_add_symbol(&elf, "zero", tbss, 0, 32, STB_GLOBAL, STT_TLS);
    plain = ojt_elf_add_symbol(&elf, "plain", data, 0, 8, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_reloc(&elf, tdata, 24, OJT_R_ADDR, plain, 0);
    ojt_tls_add_function(&elf, "address", value, model);
    ojt_tls_add_function(&elf, "address_zero", zero, model);
    return ojt_object(&elf, "variables.o");
}

/* "address" gives the address of `name`, which is defined elsewhere. */
static inline oj_object *ojt_tls_user(const char *name, ojt_tls_model model, unsigned binding)
{
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_tls_add_function(&elf, "address", ojt_elf_add_symbol(&elf, name, SHN_UNDEF, 0, 0, binding, STT_TLS), model);
    return ojt_object(&elf, "user.o");
}

OJT_CALLS_LINKED_CODE static inline void *ojt_tls_call(const oj_code *code, const char *name)
{
    void *(*function)(void) = (void *(*)(void))oj_code_lookup(code, name);
    assert_non_null(function);
    return function();
}

static inline oj_code *ojt_tls_link(oj_object *object, const oj_link_options *options)
{
    oj_code *code = ojt_link(&object, 1, options);
    oj_object_destroy(object);
    return code;
}

/* A fresh copy, and one's own. */
static inline void ojt_tls_check_copy(const oj_code *code, int mark)
{
    int *value = ojt_tls_call(code, "address");
    uint8_t *zero = ojt_tls_call(code, "address_zero");
    void *pointer;
    assert_int_equal(*value, 1234);
    assert_int_equal((uintptr_t)zero % 64, 0);
    for (int i = 0; i < 32; i++)
        assert_int_equal(zero[i], 0);
    memcpy(&pointer, (uint8_t *)value + 24, sizeof pointer);
    assert_ptr_equal(pointer, oj_code_lookup(code, "plain"));
    *value = mark;
    zero[31] = (uint8_t)mark;
    assert_ptr_equal(ojt_tls_call(code, "address"), value);
    assert_int_equal(*(int *)ojt_tls_call(code, "address"), mark);
    assert_ptr_equal(oj_code_lookup(code, "value"), value);
    assert_ptr_equal(oj_code_lookup(code, "zero"), zero);
}

#endif
