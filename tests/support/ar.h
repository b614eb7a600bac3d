/* A member's header as GNU ar writes it, but for owner, mode and date, which nobody reads. */
#ifndef OJT_AR_H
#define OJT_AR_H

#include <ar.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Returns the header's size. */
static inline size_t ojt_ar_put_header(uint8_t *at, const char *name, size_t size)
{
    struct ar_hdr header;
    char number[24];
    memset(&header, ' ', sizeof header);
    memcpy(header.ar_name, name, strlen(name));
    snprintf(number, sizeof number, "%zu", size);
    memcpy(header.ar_size, number, strlen(number));
    memcpy(header.ar_fmag, ARFMAG, 2);
    memcpy(at, &header, sizeof header);
    return sizeof header;
}

#endif
