/* IR and the words around it, as far as they are read before LLVM reads them: the kind of the input, how deep its
 * brackets are, damage of the bit stream, the flag of debug information, names of targets, and LLVM's own texts. */
#include "compile/compile.h"
#include "fuzz/input.h"
#include "llvm/llvm.h"
#include "unit/object_walk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is hidden is hidden altogether, and a text is as deep as it was. */
static void check_hiding(const oji_input *input, const oj_ir *ir, const oj_allocator *allocator)
{
    uint8_t *copy = malloc(input->size + 1);
    oj_ir hidden = *ir;
    oji_input again;
    OJT_REQUIRE(copy != NULL);
    memcpy(copy, input->data, input->size);
    oji_llvm_hide_debug_flag(copy, input->size, input->is_bitcode);
    OJT_REQUIRE(!oji_llvm_has_debug_flag(copy, input->size, input->is_bitcode));
    if (!oji_llvm_has_debug_flag(input->data, input->size, input->is_bitcode))
        OJT_REQUIRE(memcmp(copy, input->data, input->size) == 0);
    hidden.bytes = copy;
    OJT_REQUIRE(oji_compile_open_input(&again, &hidden, allocator, NULL) == OJ_OK);
    OJT_REQUIRE(again.is_bitcode == input->is_bitcode);
    oji_compile_close_input(&again, allocator);
    free(copy);
}

static void read_ir(const uint8_t *data, size_t size)
{
    oj_ir ir = oj_ir_of_kind(OJ_IR_BYTES);
    oj_allocator allocator;
    oji_input input;
    oj_error error;
    oj_status status;
    ir.bytes = data;
    ir.size = size;
    oji_allocator_import(&allocator, NULL, NULL);
    status = oji_compile_open_input(&input, &ir, &allocator, &error);
    if (status != OJ_OK) {
        ojt_check_error(&error, status);
        return;
    }
    OJT_REQUIRE(input.size == size && memcmp(input.data, data, size) == 0);
    OJT_REQUIRE(input.is_bitcode || input.data[size] == 0);
    if (input.is_bitcode)
        oji_llvm_find_damage(input.data, input.size, &allocator);
    check_hiding(&input, &ir, &allocator);
    oji_compile_close_input(&input, &allocator);
}

/* A copy that ends where its zero is, so that the sanitizer sees a read beyond it. */
static char *next_text(input *in)
{
    input part = next_bytes(in, next_byte(in) * 4u);
    char *text = malloc(part.size + 1);
    OJT_REQUIRE(text != NULL);
    memcpy(text, part.data, part.size);
    text[part.size] = '\0';
    return text;
}

static void read_target(input *in)
{
    char *triple = next_text(in), *cpu = next_text(in), *features = next_text(in);
    oji_llvm_features list = oji_llvm_list_features(features);
    const char *fatal = oji_llvm_find_fatal(triple, cpu, list);
    OJT_REQUIRE(!fatal || strlen(fatal) > 0);
    OJT_REQUIRE(!oji_llvm_lacks_doubles(triple, list) || oji_llvm_is_x86_64(triple));
    free(triple);
    free(cpu);
    free(features);
}

/* One line, and the whole text where there is room: dots say that there was none. */
static void check_flat(const char *text, size_t capacity)
{
    char *flat = malloc(capacity);
    OJT_REQUIRE(flat != NULL);
    oji_llvm_flatten(flat, capacity, text);
    OJT_REQUIRE(memchr(flat, '\0', capacity) != NULL);
    OJT_REQUIRE(!strpbrk(flat, "\n\r\t") && flat[0] != ' ');
    free(flat);
}

static void read_message(input *in)
{
    char *name = next_text(in), *text = next_text(in);
    oj_error error;
    check_flat(text, 4 + next_byte(in));
    check_flat(text, OJI_LLVM_TEXT_SIZE);
    ojt_check_error(&error, oji_llvm_fail_parse(&error, name, text));
    oji_llvm_drop_repeated(text);
    free(name);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    switch (size > 0 ? data[0] : 0) {
    case 'T':
        next_byte(&in);
        read_target(&in);
        break;
    case 'M':
        next_byte(&in);
        read_message(&in);
        break;
    default:
        read_ir(data, size);
    }
    return 0;
}
