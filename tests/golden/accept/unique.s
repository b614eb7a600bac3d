# flags:
        .data
        .type only, @gnu_unique_object
only:   .long 1
        .size only, 4
