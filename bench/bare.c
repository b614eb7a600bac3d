/* A C program that does nothing: what each process holds. Prints its peak and its present resident size, bytes. */
#include "status.h"

int main(void)
{
    bench_status status = bench_status_read();
    return printf("%lu %lu\n", status.peak, status.resident) < 0;
}
