/* Variadic calls in both directions: to the C library, from it, many arguments in registers and on the stack. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double mix(const char *kinds, ...)
{
    double sum = 0;
    va_list list, again;
    va_start(list, kinds);
    va_copy(again, list);
    for (const char *kind = kinds; *kind; kind++)
        switch (*kind) {
        case 'i':
            sum += va_arg(list, int);
            break;
        case 'l':
            sum += (double)va_arg(list, long);
            break;
        case 'd':
            sum += va_arg(list, double);
            break;
        case 'L':
            sum += (double)va_arg(list, long double);
            break;
        case 's':
            sum += (double)strlen(va_arg(list, const char *));
            break;
        }
    va_end(list);
    if (kinds[0] == 'i')
        printf("first again %d\n", va_arg(again, int));
    va_end(again);
    return sum;
}

static int format(char *out, size_t size, const char *text, ...)
{
    va_list list;
    va_start(list, text);
    int length = vsnprintf(out, size, text, list);
    va_end(list);
    return length;
}

struct pair {
    double x;
    long y;
};
static struct pair pick(int n, ...)
{
    struct pair result = {0, 0};
    va_list list;
    va_start(list, n);
    while (n--)
        result = va_arg(list, struct pair);
    va_end(list);
    return result;
}

static int by_length(const void *a, const void *b)
{
    size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);
    return x != y ? (x > y) - (x < y) : strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    char text[200];
    const char *words[] = {"pear", "fig", "banana", "kiwi", "apple", "plum"};
    printf("%g\n", mix("iildLs", 1, 2, 3L, 4.5, 5.25L, "six"));
    printf("%g\n", mix("dddddddddddiiiiiiiilllL", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 1, 2, 3, 4,
                       5, 6, 7, 8, 9L, 10L, 11L, 12.0L));
    printf("%d %s\n",
           format(text, sizeof text, "%s-%d-%.3f-%c-%lld-%Lg-%5s|%-5s|%x", "a", -1, 2.5, 'z', 1LL << 40, 1.5L, "r", "l",
                  48879),
           text);
    struct pair p = pick(3, (struct pair){1, 2}, (struct pair){3, 4}, (struct pair){5.5, 6});
    printf("%g %ld\n", p.x, p.y);
    qsort(words, 6, sizeof *words, by_length);
    for (int i = 0; i < 6; i++)
        printf("%s ", words[i]);
    int a, n = 0;
    double d;
    n = sscanf("12 3.5 word", "%d %lf %199s", &a, &d, text);
    printf("\n%d %d %g %s\n", n, a, d, text);
    for (int i = 1; i < argc; i++)
        printf("arg %d %s\n", i, argv[i]);
    return argc;
}
