/* Which way of keeping pages from being writable and executable at once works here: found out by trying, never from
 * versions or names. */
#include "memory/provider.h"

#include <errno.h>
#include <stdio.h>

/* Make one page of code memory the way slabs do, and give it back. All of its steps: a system may give the file and
 * refuse to execute it, or lack the seal (Linux before 5.1). */
static bool try_views(int *key, oji_memory_failure *failure)
{
    uint64_t page = oji_memory_os_page_size();
    oji_memory_file file = {.size = page, .execute_size = page, .alignment = page};
    uint8_t *base, *write;
    bool works;
    (void)key;
    if (!oji_memory_os_reserve(page, page, 0, 0, &base, failure))
        return false;
    works = oji_memory_os_map_views(base, &file, &write, failure);
    if (works)
        oji_memory_os_unmap(write, page);
    oji_memory_os_unmap(base, page);
    return works;
}

/* Some systems object only to memory that really was written. Hence the store, which the compiler may not leave out. */
static bool try_private(int *key, oji_memory_failure *failure)
{
    uint64_t page = oji_memory_os_page_size();
    uint8_t *base;
    bool works;
    (void)key;
    if (!oji_memory_os_reserve(page, page, 0, 0, &base, failure))
        return false;
    works = oji_memory_os_map_private(base, page, failure);
    if (works) {
        *(volatile uint8_t *)base = oji_memory_os_trap;
        works = oji_memory_os_protect(base, page, OJI_MEMORY_READ_EXECUTE, failure);
    }
    oji_memory_os_unmap(base, page);
    return works;
}

/* Some systems have keys and refuse memory that can be written and executed. The key is the provider's where it
 * works. */
static bool try_keys(int *key, oji_memory_failure *failure)
{
    uint64_t page = oji_memory_os_page_size();
    uint8_t *base;
    bool works;
    if (!oji_memory_os_allocate_key(key, failure))
        return false;
    works = oji_memory_os_reserve(page, page, 0, 0, &base, failure);
    if (works) {
        works = oji_memory_os_map_private(base, page, failure) &&
                oji_memory_os_protect_by_key(base, page, *key, failure) && oji_memory_os_open_key(*key, failure);
        if (works) {
            *(volatile uint8_t *)base = oji_memory_os_trap;
            works = oji_memory_os_close_key(*key, failure);
        }
        oji_memory_os_unmap(base, page);
    }
    if (!works)
        oji_memory_os_free_key(*key);
    return works;
}

static const struct {
    uint32_t mode;
    bool is_default; /* may be chosen where the client names none */
    bool (*try)(int *key, oji_memory_failure *failure);
} ways[] = {
    /* In order of preference. With views small links share pages without a system call for each. */
    {OJ_MEMORY_MODE_VIEWS, true, try_views},
    {OJ_MEMORY_MODE_PRIVATE, true, try_private},
    {OJ_MEMORY_MODE_KEYS, false, try_keys},
};

/* One text for all that was tried. Running out of memory, or of what may be locked (EAGAIN), is not a prohibition.
 * Needs at least one tried. The code kept is that of the last. */
static oj_status fail_all(const oji_memory_failure failures[], const bool tried[], bool is_named, oj_error *error)
{
    char text[512] = "";
    size_t length = 0;
    int system_error = 0;
    oj_status status = OJ_E_PERMISSION;
    for (size_t i = 0; i < OJI_COUNT(ways); i++) {
        oj_error reason;
        int n;
        if (!tried[i])
            continue;
        system_error = failures[i].system_error;
        if (system_error == ENOMEM || system_error == EAGAIN)
            status = OJ_E_NOMEM;
        oji_fail_system(&reason, status, system_error, "%s: %s", oj_memory_mode_name(ways[i].mode), failures[i].step);
        n = snprintf(text + length, sizeof text - length, "%s%s", length ? "; " : "", reason.text);
        if (n > 0 && (size_t)n < sizeof text - length)
            length += (size_t)n;
    }
    oji_fail(error, status,
             is_named ? "the memory mode that was asked for does not work here (%s)"
                      : "no way to make memory executable works here (%s)",
             text);
    if (error)
        error->system_error = system_error;
    return status;
}

/* Descriptors or memory may have run out for the moment only. */
static bool is_passing(const oji_memory_failure *failure)
{
    int code = failure->system_error;
    return code == EMFILE || code == ENFILE || code == ENOMEM || code == EAGAIN;
}

/* A client that named a mode gets that one for single slabs too; only a placement that asks for private memory itself,
 * which debuggers and profilers need, may be in another. Memory under a key is private. */
static void set_modes(oji_memory_provider *provider, uint32_t mode, bool *is_short)
{
    oji_memory_failure failure;
    bool has_private;
    provider->mode = provider->single_mode = provider->debug_mode = mode;
    if (mode == OJ_MEMORY_MODE_KEYS)
        return;
    has_private = mode == OJ_MEMORY_MODE_PRIVATE || try_private(NULL, &failure);
    if (has_private)
        provider->debug_mode = OJ_MEMORY_MODE_PRIVATE;
    else
        *is_short |= is_passing(&failure);
    if (has_private && provider->wanted_mode == OJ_MEMORY_MODE_DEFAULT)
        provider->single_mode = OJ_MEMORY_MODE_PRIVATE;
}

#define PATIENCE UINT64_C(1000000000) /* nanoseconds until a better way is tried again */

/* What was found stays for good, but where a way that comes before it failed for want of what may be there again: slabs
 * know their own mode, so that new ones can have another. A failure is not kept: the next call tries again. */
oj_status oji_memory_choose_mode(oji_memory_provider *provider, oj_error *error)
{
    oji_memory_failure failures[OJI_COUNT(ways)];
    bool tried[OJI_COUNT(ways)] = {false}, is_short = false;
    if (provider->mode != OJ_MEMORY_MODE_DEFAULT &&
        (OJI_LIKELY(provider->choose_again_at == 0) || oji_now() < provider->choose_again_at))
        return OJ_OK;
    if (!oji_memory_watch_forks())
        return oji_fail(error, OJ_E_NOMEM, "out of memory: being told of forks (pthread_atfork)");
    for (size_t i = 0; i < OJI_COUNT(ways); i++) {
        bool is_named = provider->wanted_mode == ways[i].mode;
        if (!is_named && (provider->wanted_mode != OJ_MEMORY_MODE_DEFAULT || !ways[i].is_default))
            continue;
        tried[i] = true;
        if (ways[i].try(&provider->key, &failures[i])) {
            set_modes(provider, ways[i].mode, &is_short);
            provider->choose_again_at = is_short ? oji_now() + PATIENCE : 0;
            return OJ_OK;
        }
        is_short |= is_passing(&failures[i]);
    }
    if (provider->mode != OJ_MEMORY_MODE_DEFAULT)
        return OJ_OK;
    return fail_all(failures, tried, provider->wanted_mode != OJ_MEMORY_MODE_DEFAULT, error);
}

const char *oj_memory_mode_name(uint32_t mode)
{
    switch (mode) {
    case OJ_MEMORY_MODE_VIEWS:
        return "views";
    case OJ_MEMORY_MODE_PRIVATE:
        return "private";
    case OJ_MEMORY_MODE_KEYS:
        return "keys";
    default:
        return "none";
    }
}
