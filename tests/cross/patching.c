// Code that other threads run is patched: each run gives the result of the old bytes or that of the new ones, and what
// runs after the call that of the new ones. Where running code must not change the patch is refused, and threads are
// stopped for it. The object says what: f, other bytes for it, and where in f they go and how many they are.
#include <ownjit/ownjit.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RUNNERS = 3, N_PATCHES = 300 };

static int (*f)(void);
static _Atomic int n_ready, stop, n_wrong;

static void *run(void *unused)
{
    for (int i = 0; !atomic_load(&stop); i++) {
        int result = f();
        if (result != 1 && result != 2)
            atomic_fetch_add(&n_wrong, 1);
        if (i == 0)
            atomic_fetch_add(&n_ready, 1);
    }
    return unused;
}

static void check(oj_status status, const oj_error *error)
{
    if (status == OJ_OK)
        return;
    printf("%s\n", error->text);
    exit(1);
}

// Emulators do not see what is written through another view of the same memory.
static oj_code *link_file(const char *path, oj_error *error)
{
    static unsigned char bytes[65536];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    oj_memory_options memory_options;
    oj_link_options options;
    oj_memory *memory;
    oj_code *code;
    oj_memory_options_init(&memory_options);
    memory_options.mode = OJ_MEMORY_MODE_PRIVATE;
    check(oj_memory_create(&memory, &memory_options, error), error);
    oj_link_options_init(&options);
    options.memory = memory;
    check(oj_link_bytes(bytes, size, &options, &code, error), error);
    return code;
}

int main(int argc, char **argv)
{
    oj_error error;
    oj_code *code = link_file(argc > 1 ? argv[1] : "", &error);
    const unsigned *spot = oj_code_lookup(code, "spot");
    uint64_t addr = (oj_code_lookup_addr(code, "f") & ~UINT64_C(1)) + spot[0];
    unsigned char texts[2][8];
    pthread_t threads[N_RUNNERS];
    int n_late = 0, is_refused;
    memcpy(texts[0], (const void *)(uintptr_t)addr, spot[1]);
    memcpy(texts[1], oj_code_lookup(code, "other"), spot[1]);
    f = (int (*)(void))oj_code_lookup(code, "f");
    for (int i = 0; i < N_RUNNERS; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    while (atomic_load(&n_ready) < N_RUNNERS)
        ;
    is_refused = oj_code_patch(code, addr, texts[1], spot[1], 0, &error) == OJ_E_UNSUPPORTED;
    for (int i = 0; !is_refused && i < N_PATCHES; i++) {
        check(oj_code_patch(code, addr, texts[i % 2], spot[1], 0, &error), &error);
        n_late += f() != 2 - i % 2;
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < N_RUNNERS; i++)
        pthread_join(threads[i], NULL);
    check(oj_code_patch(code, addr, texts[1], spot[1], OJ_PATCH_STOPPED, &error), &error);
    printf("%s, %d wrong, %d late, then %d\n", is_refused ? "refused" : "patched", n_wrong, n_late, f());
    return 0;
}
