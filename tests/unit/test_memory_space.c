/* The search for free address space in a window, where what /proc/self/maps says is cut off, is none, or is not true.
 * The library's calls come to this file; they see a list of mappings that the test has written. */
#include "support/test.h"

#include "memory/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOW UINT64_C(0x20000000)
#define HIGH UINT64_C(0x30000000)
#define SIZE UINT64_C(0x10000)

static const char *listed; /* NULL: the system's own */
static bool ignores_noreplace;
static unsigned n_mapped_at; /* mappings asked for at an address */

ssize_t read(int fd, void *bytes, size_t size)
{
    static ssize_t (*next)(int, void *, size_t);
    size_t n;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "read");
    if (!listed)
        return next(fd, bytes, size);
    n = strlen(listed) < size ? strlen(listed) : size;
    memcpy(bytes, listed, n);
    listed += n;
    return (ssize_t)n;
}

/* Before Linux 4.17 the flag was not known, and an address without MAP_FIXED is a hint. */
void *mmap(void *addr, size_t size, int protection, int flags, int fd, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, sizeof(void *) < 8 ? "mmap64" : "mmap"); /* of offsets as off_t's */
    n_mapped_at += (flags & MAP_FIXED_NOREPLACE) != 0;
    if (ignores_noreplace)
        flags &= ~MAP_FIXED_NOREPLACE;
    return next(addr, size, protection, flags, fd, offset);
}

static uint8_t *reserve(const char *list, uint64_t low, uint64_t high)
{
    oji_memory_failure failure = {0};
    uint8_t *base = NULL;
    listed = list;
    if (!oji_memory_os_reserve(SIZE, 4096, low, high, &base, &failure)) {
        assert_int_equal(failure.system_error, ENOMEM);
        assert_non_null(failure.step);
        base = NULL;
    }
    listed = NULL;
    return base;
}

static void space_any_list_stays_in_the_window(void **state)
{
    static const char *const lists[] = {
        "",
        "\n",
        "nonsense",
        "10000",
        "10000-",
        "10000-20000",
        "20000000-28000000 rw-p 0 0:0 0",
        "20000000-28000000 rw-p 0 0:0 0\n2c000000-2d000000 rw-p 0 0:0 0 [stack]\n",
        "21000000-20000000 rw-p\n22000000-1000 rw-p\n",
        "ffffffffffffffff-ffffffffffffffff rw-p\n",
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(lists); i++) {
        uint8_t *base = reserve(lists[i], LOW, HIGH);
        uint64_t addr = (uint64_t)(uintptr_t)base;
        if (!base || addr < LOW || addr + SIZE > HIGH)
            fail_msg("%s: at 0x%llx", lists[i], (unsigned long long)addr);
        oji_memory_os_unmap(base, SIZE);
    }
}

static void space_list_without_room_refused(void **state)
{
    (void)state;
    assert_null(reserve("10000000-7fff0000 rw-p\n", LOW, HIGH));
    assert_null(reserve("", LOW, LOW + SIZE - 1));
    assert_null(reserve("", 4096, 8192));
}

/* Somebody else is always faster: the search ends, and hits nobody's mapping. */
static void space_taken_meanwhile_refused(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        uint8_t *others =
            mmap((void *)(uintptr_t)LOW, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        assert_int_equal((uintptr_t)others, LOW);
        memset(others, 7, SIZE);
        ignores_noreplace = round == 1;
        n_mapped_at = 0;
        assert_null(reserve("10000000-20000000 rw-p\n", LOW, LOW + SIZE));
        assert_true(n_mapped_at > 1);
        ignores_noreplace = false;
        assert_int_equal(others[0] + others[SIZE - 1], 14);
        oji_memory_os_unmap(others, SIZE);
    }
}

static void space_sums_that_wrap_refused(void **state)
{
    oji_memory_failure failure = {0};
    uint8_t *base;
    (void)state;
    assert_false(oji_memory_os_reserve(UINT64_MAX - 4095, 1 << 20, 0, 0, &base, &failure));
    assert_int_equal(failure.system_error, ENOMEM);
}

OJT_MAIN(cmocka_unit_test(space_any_list_stays_in_the_window), cmocka_unit_test(space_list_without_room_refused),
         cmocka_unit_test(space_taken_meanwhile_refused), cmocka_unit_test(space_sums_that_wrap_refused))
