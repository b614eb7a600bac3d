/* Addresses of the C library's functions: taken, stored, compared, called through, handed back to the library. Code
 * that is not PIC takes them by fields of 32 bits. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef size_t (*length_of)(const char *);

static const length_of table[] = {strlen};
static length_of variable = strlen;
static double (*const mathematics[])(double) = {sqrt, floor, ceil};

static length_of get(void) { return strlen; }
static int descending(const void *a, const void *b) { return strcmp(*(char *const *)b, *(char *const *)a); }
static void at_end(void) { puts("at end"); }

int main(void)
{
    const char *words[] = {"beta", "alpha", "gamma"};
    volatile length_of again = get();
    void (*volatile leave)(int) = exit;
    qsort(words, 3, sizeof *words, descending);
    printf("%s %s %s\n", words[0], words[1], words[2]);
    printf("%zu %zu %zu %zu\n", get()("one"), table[0]("three"), variable("seven"), again("fifteen"));
    printf("equal %d %d %d\n", again == table[0], variable == get(), again == variable);
    for (int i = 0; i < 3; i++)
        printf("%g ", mathematics[i](6.25));
    printf("%d\n", (toupper == tolower) + 2 * (&toupper == &toupper));
    if (atexit(at_end) != 0)
        return 1;
    leave(17);
    return 2;
}
