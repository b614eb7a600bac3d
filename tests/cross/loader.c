// Loads an image that `ownjit link` made where it was linked for, and calls it: loader IMAGE MAP. Built at fixed
// addresses, so that the image can be linked to its functions. With -DNATIVE the code is in the program instead.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const int host_numbers[4] = {1, 20, 300, 4000};
void host_print(const char *text, long value) { printf("%s %ld\n", text, value); }

#ifdef NATIVE
int start(int n);
int main(void) { printf("result %d\n", start(7)); }
#else
typedef void function(void);

static void must(int is_right, const char *what)
{
    if (!is_right) {
        printf("%s\n", what);
        exit(1);
    }
}

// Segments come by address, with the first at the file's start.
static void load(FILE *image, unsigned long long low, unsigned long long addr, unsigned long long size)
{
    unsigned long long page = addr & ~0xfffull, end = addr + size;
    void *at = mmap((void *)(unsigned long)page, end - page, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    must(at != MAP_FAILED, "no memory there");
    must(fseek(image, (long)(addr - low), SEEK_SET) == 0 && fread((void *)(unsigned long)addr, 1, size, image) == size,
         "the image is too short");
    __builtin___clear_cache((char *)(unsigned long)addr, (char *)(unsigned long)end);
}

static void construct(unsigned long long addr, unsigned long long size)
{
    function **entries = (function **)(unsigned long)addr;
    for (unsigned long i = 0; i < size / sizeof *entries; i++)
        entries[i]();
}

int main(int argc, char **argv)
{
    char line[600], word[20], name[520];
    unsigned long long addr, size, low = 0, arrays[16][2];
    int (*start)(int) = NULL, n_arrays = 0;
    FILE *image = fopen(argv[1], "rb"), *map = fopen(argv[2], "r");
    must(argc == 3 && image && map, "cannot open the files");
    while (fgets(line, sizeof line, map)) {
        if (sscanf(line, "%19s %llx %llx %519s", word, &addr, &size, name) != 4)
            continue;
        if (strcmp(word, "segment") == 0) {
            low = low ? low : addr;
            load(image, low, addr, size);
        } else if (strcmp(word, "constructors") == 0 && n_arrays < 16) {
            arrays[n_arrays][0] = addr;
            arrays[n_arrays++][1] = size;
        } else if (strcmp(word, "symbol") == 0 && strcmp(name, "start") == 0) {
            start = (int (*)(int))(unsigned long)addr;
        }
    }
    must(start != NULL, "there is no start");
    for (int i = 0; i < n_arrays; i++)
        construct(arrays[i][0], arrays[i][1]);
    printf("result %d\n", start(7));
    return 0;
}
#endif
