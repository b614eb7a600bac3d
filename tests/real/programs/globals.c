/* Data of every kind: initialised, zero, common, weak, hidden, aliases, relocated constants, the C library's own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
int initialised = 42;
long zero_filled[1000];
char tentative[300];
_Alignas(256) char aligned[256] = {1};
static const char *const names[] = {"one", "two", "three"};
const char *writable_names[] = {"four", "five"};
static int local = 7;
int *pointer_to_local = &local;
long *inside = &zero_filled[500];
const char *const text = "constant text" + 9;
static FILE *const *const streams[] = {&stdout, &stderr};
void *const functions[] = {(void *)printf, (void *)strlen, (void *)&initialised};

__attribute__((weak)) int missing_function(int n);
extern int missing_variable __attribute__((weak));
__attribute__((weak)) int weak_defined(void) { return 11; }
__attribute__((visibility("hidden"))) int hidden_value = 13;
int target_of_alias(int n);
int target_of_alias(int n) { return n * 3; }
int alias_of_it(int n) __attribute__((alias("target_of_alias")));

static int at_exit_count;
static void last(void) { printf("last %d\n", ++at_exit_count); }
static void first(void) { printf("first %d\n", ++at_exit_count); }

int main(void)
{
    zero_filled[500] = 5;
    tentative[299] = 'x';
    printf("%d %ld %c %d %d\n", initialised, *inside, tentative[299], (int)((size_t)aligned % 256), aligned[0]);
    printf("%s %s %s %d\n", names[2], writable_names[1], text, *pointer_to_local);
    fprintf(*streams[0], "through a table %d\n", streams[0] == &stdout);
    printf("%zu\n", ((size_t(*)(const char *))functions[1])("length"));
    printf("%d %d\n", missing_function == NULL, &missing_variable == NULL);
    printf("%d %d %d\n", weak_defined(), hidden_value, alias_of_it(5));
    errno = 0;
    close(-1);
    printf("%d %s\n", errno == EBADF, strerror(ENOENT));
    printf("%s %d\n", getenv("OJT_GREETING"), environ != NULL && environ[0] != NULL);
    setenv("TZ", "UTC0", 1);
    tzset();
    printf("%ld %s\n", timezone, tzname[0]);
    atexit(last);
    atexit(first);
    fputs("to stderr\n", stderr);
    int c = getc(stdin);
    printf("%d\n", c == EOF && feof(stdin));
    printf("no newline at the end");
    return 9;
}
