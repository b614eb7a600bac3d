/* One of each thing that C can put into an object. Each "flags" line is one way to compile it.
 * flags: -O0 -fno-pic
 * flags: -O2 -fno-pic -fcommon -mcmodel=medium
 * flags: -O2 -fPIE -g
 * flags: -O1 -fPIC -fno-plt -ffunction-sections -fdata-sections
 * flags: -O2 -fPIC -mcmodel=medium
 * flags: -O1 -fno-pic -mcmodel=large
 * flags: -O2 -fPIC -mcmodel=large -g
 * flags: -O2 -fno-asynchronous-unwind-tables -fvisibility=hidden -g -gz */
#include <stdarg.h>

extern int external(int);
extern int external_value;
extern const char *external_names[];
extern int weak_function(void) __attribute__((weak));
extern int hidden_function(int) __attribute__((visibility("hidden")));

int common[8];
int zero;
static int static_zero;
int value = 5;
static long static_value = 6;
static int big[100000];
static int big_value[20000] = {1};
const char *name = "a name";
int *const pointer = &value;
static int *const static_pointer = &static_zero;
const char *const names[] = {"one", "two", "three"};
double table[] = {1.5, 2.5};
const int numbers[4] = {1, 2, 3, 4};
int aligned[16] __attribute__((aligned(4096)));

int (*function_pointer)(int) = external;
int weak_definition(void) __attribute__((weak));
int weak_definition(void) { return 1; }
int alias(void) __attribute__((alias("weak_definition")));
int hidden_function(int a) { return a + (int)static_value; }
__attribute__((visibility("protected"))) int protected_function(int a) { return a - 1; }

static int dense(int a)
{
    switch (a) {
    case 1:
        return external(a);
    case 2:
        return external_value;
    case 3:
        return static_zero++;
    case 4:
        return common[a] + zero;
    case 5:
        return *pointer + *static_pointer;
    case 6:
        return big[a] + big_value[a];
    case 7:
        return hidden_function(a) + protected_function(a);
    default:
        return numbers[a & 3] + aligned[a & 15];
    }
}

int computed(int a)
{
    static const void *const labels[] = {&&first, &&second, &&third};
    goto *labels[a % 3];
first:
    return 1;
second:
    return dense(a);
third:
    return weak_function ? weak_function() : (int)(table[0] * a);
}

double variadic(int n, ...)
{
    double sum = 0.25;
    va_list list;
    va_start(list, n);
    while (n-- > 0)
        sum += va_arg(list, double);
    va_end(list);
    return sum + (names[n & 1][0]) + external_names[0][0] + name[0];
}

int call_all(int a) { return computed(a) + function_pointer(a) + (int)variadic(2, 1.0, 2.0) + alias(); }
