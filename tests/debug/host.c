/* A host for linked code under a debugger or a profiler: host OBJECT FLAGS COPIES NUMBER
 * Links COPIES of the object, calls compute(NUMBER) of the middle one, destroys every other one, and calls it again. */
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>

static char bytes[1 << 20];
static oj_code *codes[16384];

int host_callback(int value) { return value + 1; }

static unsigned call(const oj_code *code, unsigned number)
{
    unsigned (*compute)(unsigned) = (unsigned (*)(unsigned))oj_code_lookup(code, "compute");
    return compute(number);
}

int main(int argc, char **argv)
{
    oj_link_options options;
    oj_error error;
    FILE *file = argc == 5 ? fopen(argv[1], "rb") : NULL;
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    int n = argc == 5 ? atoi(argv[3]) : 0;
    if (size == 0 || n < 1 || n > 16384)
        return 2;
    setvbuf(stdout, NULL, _IONBF, 0);
    oj_link_options_init(&options);
    options.flags = (uint32_t)atoi(argv[2]);
    for (int i = 0; i < n; i++)
        if (oj_link_bytes(bytes, size, &options, &codes[i], &error) != OJ_OK) {
            puts(error.text);
            return 1;
        }
    puts("linked");
    printf("first %u\n", call(codes[n / 2], (unsigned)atoi(argv[4])));
    for (int i = 0; i < n; i++)
        if (i != n / 2)
            oj_code_destroy(codes[i]);
    printf("second %u\n", call(codes[n / 2], (unsigned)atoi(argv[4])));
    oj_code_destroy(codes[n / 2]);
    puts("end");
    return 0;
}
