/* Switches: dense ones become jump tables, sparse ones trees, constant ones lookup tables; functions through tables. */
#include <stdio.h>
#include <string.h>

static volatile int opaque;

static int dense(int n)
{
    switch (n) {
    case 0:
        return printf("zero\n");
    case 1:
        return printf("one %d\n", opaque);
    case 2:
        return printf("two %s\n", "words");
    case 3:
        return puts("three");
    case 4:
        return putchar('4'), putchar('\n');
    case 5:
        return printf("%.2f\n", 5.0 / 3);
    case 6:
        return printf("six %c\n", 'x');
    case 7:
        return printf("seven %p\n", (void *)0);
    case 8:
        return (int)strlen("eight");
    case 9:
        return printf("%lu\n", (unsigned long)sizeof(long double));
    default:
        return -n;
    }
}

static int sparse(long n)
{
    switch (n) {
    case -9000000000:
        return 1;
    case -1:
        return 2;
    case 7:
        return 3;
    case 1 << 20:
        return 4;
    case 1L << 40:
        return 5;
    default:
        return 6;
    }
}

static const char *name(int n)
{
    switch (n) {
    case 1:
        return "alpha";
    case 2:
        return "beta";
    case 3:
        return "gamma";
    case 4:
        return "delta";
    case 5:
        return "epsilon";
    default:
        return "none";
    }
}

static double weight(int n)
{
    switch (n) {
    case 0:
        return 0.5;
    case 1:
        return 1.25;
    case 2:
        return 1e300;
    case 3:
        return -7.75;
    case 4:
        return 3.0;
    default:
        return 0;
    }
}

static int twice(int n) { return 2 * n; }
static int square(int n) { return n * n; }
int visible(int n);
int visible(int n) { return n + 1000; }

typedef int function(int);
static function *const table[] = {twice, square, visible, dense};
static struct {
    const char *text;
    function *call;
    const void *data;
} entries[] = {{"twice", twice, &table[0]}, {"square", square, &table[1]}, {"visible", visible, &entries[1]}};

int main(void)
{
    int sum = 0;
    for (int i = -2; i < 12; i++)
        sum += dense(i);
    printf("%d\n", sum);
    long keys[] = {-9000000000, -1, 7, 1 << 20, 1L << 40, 12345};
    for (int i = 0; i < 6; i++)
        printf("%d ", sparse(keys[i]));
    for (int i = 0; i < 7; i++)
        printf("%s %g ", name(i), weight(i));
    putchar('\n');
    for (int i = 0; i < 3; i++)
        printf("%s %d %d\n", entries[i].text, entries[i].call(i + 5), table[i](9));
    printf("%d\n", entries[2].data == &entries[1] && *(function *const *)entries[0].data == twice);
    return 0;
}
