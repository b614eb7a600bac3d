/* What is debugged and profiled: the test names lines of this file. */
struct pair {
    unsigned first;
    unsigned second;
};

extern int host_callback(int value);

unsigned calls = 0;

static unsigned helper(const struct pair *pair, unsigned n)
{
    unsigned sum = pair->first;
    for (unsigned i = 0; i < n; i++)
        sum = sum * 1103515245u + (i ^ (sum >> 3));    /* the loop that a profiler must find */
    sum += (unsigned)host_callback((int)pair->second); /* the line to stop at */
    return sum;
}

unsigned compute(unsigned n)
{
    struct pair pair = {3, n};
    unsigned result = helper(&pair, n);
    calls++;
    return result + 1;
}
