/* Indirect functions: called, pointed to, local, hidden, and used by a constructor. */
#include <stdio.h>
#include <sys/auxv.h>

static int n_resolved;
static unsigned long told;
static int plain(int a) { return a + 1; }
static int fancy(int a) { return a + 2; }
typedef int function(int);

static function *choose_fancy(void)
{
    n_resolved++;
    return fancy;
}
/* Told of the processor, but on x86: AArch64's with a mark that there is more. */
static function *choose_plain(unsigned long capabilities)
{
    n_resolved++;
    told = capabilities;
    return plain;
}
int global_one(int) __attribute__((ifunc("choose_fancy")));
static int local_one(int) __attribute__((ifunc("choose_plain")));
int hidden_one(int) __attribute__((ifunc("choose_fancy"), visibility("hidden")));
int another_one(int) __attribute__((ifunc("choose_plain")));

function *table[] = {global_one, local_one, hidden_one, another_one};
static int has_started;
__attribute__((constructor)) static void start(void) { has_started = global_one(1); }

/* Calls that are the last thing a function does: plain branches. Of what is not exported GNU as makes short ones in
 * Thumb code, with a wrong addend. */
__attribute__((noinline)) static int ends_in_global(int a) { return global_one(a + 1); }
__attribute__((noinline)) static int ends_in_another(int a) { return another_one(a + 1); }

static int is_told_rightly(void)
{
#if defined(__aarch64__)
    return told == (getauxval(AT_HWCAP) | 1ul << 62);
#elif !defined(__i386__) && !defined(__x86_64__)
    return told == getauxval(AT_HWCAP);
#endif
    return 1;
}

int main(void)
{
    function *volatile pointer = global_one, *volatile other = local_one;
    printf("%d %d %d %d\n", global_one(10), local_one(10), hidden_one(10), another_one(10));
    /* Whether they equal the table's is left out: what GNU ld makes of a position-independent program differs there. */
    printf("%d %d\n", pointer(1000), other(1000));
    for (int i = 0; i < 4; i++)
        printf("%d ", table[i](100));
    printf("%d %d\n", has_started, n_resolved > 0);
    printf("%d %d %d\n", ends_in_global(1), ends_in_another(1), is_told_rightly());
    return 0;
}
