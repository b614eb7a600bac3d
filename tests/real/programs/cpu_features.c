/* Functions of several versions, of which one is chosen as the program is linked, and what chooses them: the
 * processor's features, as compilers' runtime libraries keep them for each component. */
#include <stdio.h>

#define SUPPORTS(feature) printf(" %s=%d", feature, __builtin_cpu_supports(feature) != 0)

__attribute__((target_clones("default", "sse4.2", "avx2"))) int sum(const int *values, int n)
{
    int all = 0;
    for (int i = 0; i < n; i++)
        all += values[i];
    return all;
}

__attribute__((target_clones("default", "avx2", "arch=haswell"))) int count(const char *text, char letter)
{
    int n = 0;
    while (*text)
        n += *text++ == letter;
    return n;
}

static int (*pointer)(const char *, char) = count;

int main(void)
{
    int values[100];
    for (int i = 0; i < 100; i++)
        values[i] = i * i;
    printf("sum %d, count %d %d\n", sum(values, 100), count("a banana", 'a'), pointer == count);
    __builtin_cpu_init();
    printf("is: %d %d %d\n", __builtin_cpu_is("intel") != 0, __builtin_cpu_is("amd") != 0,
           __builtin_cpu_is("haswell") != 0);
    SUPPORTS("sse2");
    SUPPORTS("sse4.2");
    SUPPORTS("avx");
    SUPPORTS("avx2");
    SUPPORTS("bmi2");
    SUPPORTS("fma");
    SUPPORTS("avx512f");
    SUPPORTS("avx512bw");
    SUPPORTS("avx512vnni");
    SUPPORTS("avx512bitalg");
    SUPPORTS("gfni");
    putchar('\n');
    return 0;
}
