/* Any bytes as an object: read them in every mode, and walk what is accepted. */
#include "fuzz/elf_mutator.h"
#include "unit/object_walk.h"

OJT_ELF_MUTATOR(0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t sums[2] = {0, 0};
    for (uint32_t flags = 0; flags <= (OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG); flags++) {
        oj_object_options options;
        oj_object *object;
        oj_error error;
        oj_status status;
        oj_object_options_init(&options);
        options.flags = flags;
        status = oj_object_create(&object, data, size, &options, &error);
        ojt_check_error(&error, status);
        OJT_REQUIRE((status == OJ_OK) == (object != NULL));
        if (object)
            sums[flags & 1] += ojt_walk_object(object);
        oj_object_destroy(object);
    }
    /* A copy shows what a borrowed object shows. */
    OJT_REQUIRE(sums[0] == sums[1]);
    return 0;
}
