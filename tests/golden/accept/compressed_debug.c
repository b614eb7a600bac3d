/* Debug information that zstd has compressed, in the compilers that can.
 * compilers: clang-19 clang-22
 * flags: -O0 -g -gz=zstd
 * flags: -O2 -g -gdwarf-4 -gz=zstd -ffunction-sections */
struct list {
    struct list *next;
    double value;
};

double sum(const struct list *list)
{
    double all = 0;
    for (; list; list = list->next)
        all += list->value;
    return all;
}

static int twice(int value) { return value + value; }

int four_times(int value) { return twice(twice(value)); }
