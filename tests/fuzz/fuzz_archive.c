/* Any bytes as an archive: its index, and every member that the index names. Thin archives are left out, whose
 * members are files that the input would choose. */
#include "unit/object_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    oj_archive_options options;
    oj_archive *archive;
    oj_error error;
    oj_status status;
    if (size >= 3 && memcmp(data, "!<t", 3) == 0)
        return -1;
    oj_archive_options_init(&options);
    options.flags = size & 1 ? OJ_OBJECT_BORROW : 0;
    status = oj_archive_create(&archive, data, size, &options, &error);
    ojt_check_error(&error, status);
    OJT_REQUIRE((status == OJ_OK) == (archive != NULL));
    for (size_t i = 0; i < oj_archive_symbol_count(archive); i++) {
        const oj_object *object;
        const oj_object *again;
        status = oj_archive_lookup(archive, oj_archive_symbol(archive, i), &object, &error);
        ojt_check_error(&error, status);
        OJT_REQUIRE((status == OJ_OK) == (object != NULL));
        if (!object)
            continue;
        ojt_walk_object(object);
        OJT_REQUIRE(oj_archive_lookup(archive, oj_archive_symbol(archive, i), &again, NULL) == OJ_OK);
        OJT_REQUIRE(again == object);
    }
    OJT_REQUIRE(!oj_archive_symbol(archive, oj_archive_symbol_count(archive)));
    oj_archive_destroy(archive);
    return 0;
}
