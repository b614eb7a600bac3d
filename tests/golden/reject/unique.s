# flags:
# expect: OJ_E_UNSUPPORTED STB_GNU_UNIQUE
        .data
        .type only, @gnu_unique_object
only:   .long 1
        .size only, 4
