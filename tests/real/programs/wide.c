/* Arithmetic for which compilers call helpers of their runtime library, which a program that does not need them itself
 * does not have. */
#include <complex.h>
#include <stdio.h>

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

static void print_wide(const char *what, wide value)
{
    printf("%s %llx:%llx\n", what, (unsigned long long)(value >> 64), (unsigned long long)value);
}

int main(int argc, char **argv)
{
    wide a = ((wide)0x0123456789abcdef * (unsigned)argc << 64) + 0xfedcba9876543210,
         b = (wide)987654321 * 1234567 + (unsigned)argc;
    signed_wide negative = -(signed_wide)(a >> 3);
    double complex z = (1.5 + argc) + 2.25 * I, w = 0.5 - (argc + 3.0) * I;
    (void)argv;
    print_wide("quotient", a / b);
    print_wide("remainder", a % b);
    print_wide("signed quotient", (wide)(negative / (signed_wide)b));
    print_wide("signed remainder", (wide)(negative % (signed_wide)b));
    printf("as floating point %.17g %.9g %.17g\n", (double)a, (float)a, (double)negative);
    print_wide("and back", (wide)(double)a);
    z = z * w / (z - w);
    printf("complex %.12g %.12g\n", creal(z), cimag(z));
    return 0;
}
