/* Modules of thread-local storage, and threads' blocks of the dynamic ones.
 *
 * A thread's blocks are found through a vector by module number, which the thread reads without a lock. Only the thread
 * itself makes entries; they are emptied by the thread as it ends or by whoever destroys the module, in which no thread
 * runs then. Vectors and the table of modules are mapped, not allocated: they belong to no handle.
 *
 * Handlers of signals may use variables too, for the first time even. So no handler runs on a thread that has the lock
 * or changes what it alone reads. What is a client's, its allocator and its destructors, is called with the signals
 * that the client had: it may have to answer one before it can go on. So has a thread that waits for such a call on
 * another: whoever is called may wait for the answers of all threads, as what stops a world does. */
#include "base/forks.h"
#include "base/signals.h"
#include "code/code.h"
#include "code/tls.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef struct destructor {
    struct destructor *older;
    void (*function)(void *);
    void *object;
    uint64_t dso_handle;
} destructor;

/* A destructor that a thread runs, on its stack. One may end other codes, and so run theirs. */
typedef struct running {
    const struct running *outer;
    uint64_t dso_handle;
} running;

/* A thread that waits until a destructor or the freeing of a block has ended, on its stack. */
typedef struct waiter {
    struct waiter *next;
    struct waiter *outer; /* of the same thread: it waits in a handler that came while it waited */
    sem_t told;
} waiter;

/* A mapping that a thread's vector has for itself, which follows. The shorter ones before it stay until the thread
 * ends: a handler may have replaced one that the access it interrupted is about to read. Together they are shorter than
 * the newest. */
typedef struct vector_mapping {
    struct vector_mapping *older;
    uint64_t size; /* bytes */
} vector_mapping;

/* What a thread has beyond the two words that code reads. It begins the thread's first mapping, and the first vector
 * follows it there; longer ones have mappings of their own. Others look only here: the thread's own variables may be
 * gone, with its stack in the child of a fork, or where it came again in the last round of keys' destructors. */
typedef struct thread_state {
    struct thread_state *next, *previous;
    oji_tls_thread vector; /* as the thread's own two words have it */
    destructor *newest;
    const running *running; /* the innermost, NULL = none */
    uint64_t map_size;
    vector_mapping *mapping; /* of the vector, NULL where it is in this one */
    unsigned n_lent;         /* destructors of its objects that other threads run */
    unsigned rounds;
    bool is_hooked; /* the C library will run the destructors */
} thread_state;

/* Aligned as a cache line: the C library gives modules that come later at most the alignment that it had to give at
 * start, which otherwise may be as little as 16 (glibc, _dl_try_allocate_static_tls()). */
__thread oji_tls_thread oji_tls_this_thread __attribute__((aligned(64)));
static __thread thread_state *this_state __attribute__((tls_model("initial-exec")));
static __thread waiter *this_waiter __attribute__((tls_model("initial-exec"))); /* the innermost, NULL = none */
static __thread bool has_ended __attribute__((tls_model("initial-exec")));      /* it had a state before */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int start_error; /* the system's */
static pthread_key_t key;
static bool has_key;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sigset_t mask_of_holder; /* what was blocked before, of who has the lock */
static waiter *waiters;         /* who has not been told */
static thread_state threads = {.next = &threads, .previous = &threads};

/* An entry is a module, or odd: twice the next free number, plus 1. Number 0 is none. */
static uintptr_t *modules;
static uint64_t modules_size; /* bytes */
static uint32_t n_modules = 1;
static uint32_t first_free;

/* Of the C library's C++ support, which not every one has. */
extern int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso_handle) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

/* --- the lock ----------------------------------------------------------------------------------------------------- */

static void enter(void)
{
    sigset_t before;
    oji_block_signals(&before);
    pthread_mutex_lock(&lock);
    mask_of_holder = before;
}

static void leave(void)
{
    const sigset_t before = mask_of_holder;
    pthread_mutex_unlock(&lock);
    oji_unblock_signals(&before);
}

/* Needs the lock, which others have meanwhile; the signals are the client's then. No condition variable: its mutex
 * would be held while handlers run. A thread that is cancelled here would leave what it waits for undone. */
static void wait_for_change(void)
{
    waiter own = {.next = waiters, .outer = this_waiter};
    int state;
    sem_init(&own.told, 0, 0);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    waiters = this_waiter = &own;
    leave();
    while (sem_wait(&own.told) != 0)
        continue; /* a handler has run */
    enter();
    this_waiter = own.outer;
    pthread_setcancelstate(state, NULL);
    sem_destroy(&own.told);
}

/* Needs the lock, without which nobody who is told goes on. */
static void tell_waiters(void)
{
    for (waiter *w = waiters; w; w = w->next)
        sem_post(&w->told);
    waiters = NULL;
}

/* --- memory that is no handle's ----------------------------------------------------------------------------------- */

static void *map(uint64_t size)
{
    void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void unmap(void *memory, uint64_t size)
{
    if (memory)
        munmap(memory, (size_t)size);
}

/* --- the table of modules ----------------------------------------------------------------------------------------- */

/* Needs the lock. A destroyed module's number may be asked for by a record that a client kept. */
static oji_tls *module_at(uint64_t number)
{
    uintptr_t entry = number > 0 && number < n_modules ? modules[number] : 0;
    return entry & 1 ? NULL : (oji_tls *)entry;
}

/* Needs the lock; false where memory ends. */
static bool grow_table(void)
{
    uint64_t size = modules_size ? modules_size * 2 : (uint64_t)sysconf(_SC_PAGESIZE);
    uintptr_t *grown = size / sizeof *grown < INT32_MAX ? map(size) : NULL;
    if (!grown)
        return false;
    if (modules)
        memcpy(grown, modules, (size_t)modules_size);
    unmap(modules, modules_size);
    modules = grown;
    modules_size = size;
    return true;
}

/* Give the module a number; false where memory ends. */
static bool enter_module(oji_tls *module)
{
    bool done = true;
    enter();
    if (first_free != 0) {
        module->number = first_free;
        first_free = (uint32_t)(modules[first_free] >> 1);
    } else {
        done = n_modules < modules_size / sizeof *modules || grow_table();
        module->number = done ? n_modules++ : 0;
    }
    if (done)
        modules[module->number] = (uintptr_t)module;
    leave();
    return done;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

/* Before a block stands where its memory starts. */
typedef void *block_header;

static uint64_t block_memory_size(const oji_tls *module)
{
    return module->size + module->alignment + sizeof(block_header);
}

static void release_block(const oji_tls *module, void *block)
{
    block_header header;
    memcpy(&header, (uint8_t *)block - sizeof header, sizeof header);
    oji_release(&module->allocator, header, block_memory_size(module));
}

static void *make_block(const oji_tls *module)
{
    uint8_t *memory = oji_allocate(&module->allocator, block_memory_size(module));
    uintptr_t start;
    uint8_t *block;
    if (!memory)
        return NULL;
    start = (uintptr_t)memory + sizeof(block_header);
    block = memory + (((start + module->alignment - 1) & ~(uintptr_t)(module->alignment - 1)) - (uintptr_t)memory);
    memcpy(block - sizeof(block_header), &memory, sizeof memory);
    memcpy(block, module->image, (size_t)module->image_size);
    memset(block + module->image_size, 0, (size_t)(module->size - module->image_size));
    return block;
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

/* Room for a vector in a mapping, behind what it begins with. */
static uint64_t capacity(uint64_t map_size, uint64_t begin_size) { return (map_size - begin_size) / sizeof(void *); }

/* Needs the lock. */
static void set_vector(thread_state *state, void **blocks, uint64_t n_blocks)
{
    state->vector = (oji_tls_thread){blocks, n_blocks};
    oji_tls_this_thread = state->vector;
}

/* NULL where memory ends. The thread's end is told by the key, which is set first: what is in the list is certain to be
 * taken out of it, unless it comes there in the last round of keys' destructors. Then its blocks go with their modules,
 * and the page stays. */
static thread_state *make_state(void)
{
    uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);
    thread_state *state = map(size);
    if (!state)
        return NULL;
    if (pthread_setspecific(key, state) != 0) {
        unmap(state, size);
        return NULL;
    }
    state->map_size = size;
    state->rounds = has_ended ? PTHREAD_DESTRUCTOR_ITERATIONS : 0;
    state->next = &threads;
    enter();
    state->previous = threads.previous;
    state->previous->next = threads.previous = state;
    set_vector(state, (void **)(state + 1), capacity(size, sizeof *state));
    this_state = state;
    leave();
    return state;
}

/* The calling thread's state, made at first use; NULL where memory ends. */
static thread_state *own_state(void)
{
    thread_state *state = this_state;
    sigset_t before;
    if (state)
        return state;
    oji_block_signals(&before);
    state = this_state ? this_state : make_state();
    oji_unblock_signals(&before);
    return state;
}

/* Make room for a number in the thread's own vector; false where memory ends. Needs the lock. */
static bool grow_vector(thread_state *state, uint32_t number)
{
    uint64_t size = state->map_size;
    vector_mapping *grown;
    while (capacity(size, sizeof *grown) <= number)
        size *= 2;
    grown = map(size);
    if (!grown)
        return false;
    *grown = (vector_mapping){state->mapping, size};
    memcpy(grown + 1, state->vector.blocks, (size_t)state->vector.n_blocks * sizeof(void *));
    set_vector(state, (void **)(grown + 1), capacity(size, sizeof *grown));
    state->mapping = grown;
    return true;
}

static void unmap_vectors(vector_mapping *newest)
{
    while (newest) {
        vector_mapping *older = newest->older;
        unmap(newest, newest->size);
        newest = older;
    }
}

/* The calling thread's block where it has one. The vector may be replaced by a handler in between, and only grows: its
 * length is read first, as descriptors do. */
static void *known_block(uint64_t number)
{
    const volatile oji_tls_thread *own = &oji_tls_this_thread;
    return number < own->n_blocks ? own->blocks[number] : NULL;
}

/* The thread's block from here on: what a handler has made meanwhile stays. NULL where memory ends. Needs the lock. */
static void *enter_block(thread_state *state, uint32_t number, void *block)
{
    if (number >= state->vector.n_blocks && !grow_vector(state, number))
        return NULL;
    if (!state->vector.blocks[number])
        state->vector.blocks[number] = block;
    return state->vector.blocks[number];
}

/* The calling thread's block; NULL where memory ends. */
static void *own_block(const oji_tls *module)
{
    thread_state *state = own_state();
    void *block, *entered;
    if (!state)
        return NULL;
    block = known_block(module->number);
    if (block)
        return block;
    block = make_block(module);
    if (!block)
        return NULL;
    enter();
    entered = enter_block(state, module->number, block);
    leave();
    if (entered != block)
        release_block(module, block);
    return entered;
}

/* Needs the lock, and gives it up while the block is freed. The module stays as long as somebody is busy with a block
 * of it. */
static void free_block(oji_tls *module, void *block)
{
    module->n_busy++;
    leave();
    release_block(module, block);
    enter();
    if (--module->n_busy == 0)
        tell_waiters();
}

/* Free what a thread that ends still has, until there is nothing: while one is freed, allocators and handlers may make
 * others. Needs the lock. */
static void free_blocks(thread_state *state)
{
    for (bool is_any = true; is_any;) {
        is_any = false;
        for (uint64_t i = 1; i < state->vector.n_blocks; i++) {
            void *block = state->vector.blocks[i];
            oji_tls *module = block ? module_at(i) : NULL;
            if (!module)
                continue;
            state->vector.blocks[i] = NULL;
            free_block(module, block);
            is_any = true;
        }
    }
}

/* Run the newest of a thread's destructors that is registered under a handle, 0 = any; false where there is none.
 * Needs the lock, and gives it up while the destructor runs. A thread that was cancelled in one would never end it, and
 * others wait for that. */
static bool run_one(thread_state *owner, uint64_t dso_handle)
{
    destructor **link = &owner->newest, *taken;
    /* Where there is no memory for a state the list's head serves: it never goes, and nobody waits for whoever ends the
     * code. */
    thread_state *state = this_state ? this_state : &threads;
    running own = {.outer = state->running};
    int cancel_state;
    while (*link && dso_handle != 0 && (*link)->dso_handle != dso_handle)
        link = &(*link)->older;
    taken = *link;
    if (!taken)
        return false;
    *link = taken->older;
    own.dso_handle = taken->dso_handle;
    state->running = &own;
    owner->n_lent += owner != state;
    leave();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    taken->function(taken->object);
    pthread_setcancelstate(cancel_state, NULL);
    free(taken);
    enter();
    state->running = own.outer;
    owner->n_lent -= owner != state;
    tell_waiters();
    return true;
}

/* The key's: other keys' destructors may use linked code's variables, in any order, so blocks go in the last round but
 * one (pthread_key_create(3), PTHREAD_DESTRUCTOR_ITERATIONS): sanitizers take their own state away in the last. Whoever
 * runs a destructor for the thread is waited for, as the object is in a block. */
static void end_thread(void *context)
{
    thread_state *state = context;
    if (++state->rounds < PTHREAD_DESTRUCTOR_ITERATIONS - 1 && pthread_setspecific(key, state) == 0)
        return;
    enter();
    /* Registered by destructors of keys, since the C library has run the others. */
    while (run_one(state, 0))
        continue;
    has_ended = true;
    while (state->n_lent > 0)
        wait_for_change();
    free_blocks(state);
    state->previous->next = state->next;
    state->next->previous = state->previous;
    oji_tls_this_thread = (oji_tls_thread){NULL, 0};
    this_state = NULL;
    leave();
    unmap_vectors(state->mapping);
    unmap(state, state->map_size);
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

OJI_FORK_HANDLERS(enter(), leave())

/* The child has one thread. What the others had registered is not run: their objects' threads never end there. Their
 * blocks go with the modules. */
static void leave_in_child(void)
{
    if (!oji_fork_is_over(&fork_depth))
        return;
    for (thread_state *state = threads.next; state != &threads; state = state->next) {
        state->n_lent = 0;
        if (state == this_state)
            continue;
        state->running = NULL;
        state->newest = NULL;
    }
    for (uint64_t i = 1; i < n_modules; i++)
        if (module_at(i))
            module_at(i)->n_busy = 0;
    /* Those of others are on stacks that may be gone. The thread's own waits where its handler has forked, and nobody
     * else would tell it. */
    waiters = NULL;
    for (waiter *w = this_waiter; w; w = w->outer)
        sem_post(&w->told);
    leave();
}

static void start(void)
{
    int error = has_key ? 0 : pthread_key_create(&key, end_thread);
    has_key = error == 0;
    if (has_key)
        error = pthread_atfork(lock_for_fork, unlock_after_fork, leave_in_child);
    atomic_store(&start_error, error);
}

/* 0, or what the system lacks: the next call tries again. Only then there is a lock: one that every start took would be
 * locked for good in the child of a fork that came in between. */
static int need_start(void)
{
    static pthread_mutex_t again = PTHREAD_MUTEX_INITIALIZER;
    sigset_t before;
    int error;
    pthread_once(&once, start);
    if (OJI_LIKELY(atomic_load(&start_error) == 0))
        return 0;
    oji_block_signals(&before);
    pthread_mutex_lock(&again);
    if (atomic_load(&start_error) != 0)
        start();
    error = atomic_load(&start_error);
    pthread_mutex_unlock(&again);
    oji_unblock_signals(&before);
    return error;
}

/* --- modules ------------------------------------------------------------------------------------------------------ */

oj_status oji_tls_create(oji_tls **out, const oji_tls_request *request, oj_error *error)
{
    uint64_t size = sizeof(oji_tls) + request->image_size;
    oji_tls *module;
    int lack = need_start();
    if (lack != 0)
        return oji_fail_system(error, OJ_E_SYSTEM, lack, "thread-local storage: a key to know threads' ends by");
    module = oji_allocate_zeroed(request->allocator, size);
    if (!module)
        return oji_fail_nomem(error, size, "thread-local variables");
    module->allocator = *request->allocator;
    module->image = (uint8_t *)(module + 1);
    module->image_size = request->image_size;
    module->size = request->size;
    module->alignment = request->alignment > 0 ? request->alignment : 1;
    module->dso_handle = request->dso_handle;
    if (request->size > 0)
        module->scheme = request->is_static ? OJI_TLS_STATIC : OJI_TLS_DYNAMIC;
    if (request->client) {
        module->table = request->table;
        module->client = *request->client;
        module->scheme = request->size > 0 ? OJI_TLS_CLIENT : OJI_TLS_NONE;
    }
    if (!enter_module(module)) {
        oji_release(request->allocator, module, size);
        return oji_fail_nomem(error, modules_size * 2, "the table of thread-local storage");
    }
    *out = module;
    return OJ_OK;
}

static void describe(const oji_tls *module, oj_tls_module *described)
{
    memset(described, 0, sizeof *described);
    described->struct_size = (uint32_t)sizeof *described;
    described->image = module->image;
    described->image_size = module->image_size;
    described->size = module->size;
    described->alignment = module->alignment;
    described->token = module->token;
    described->tp_offset = module->tp_offset;
}

static oj_status define_by_client(oji_tls *module, bool is_static, oj_error *error)
{
    oj_tls_module described;
    oj_status status;
    if (!module->client.define)
        return oji_fail(error, OJ_E_UNSUPPORTED,
                        "the objects define thread-local variables, and oj_tls.define is NULL: the client has none");
    describe(module, &described);
    described.flags = is_static ? OJ_TLS_STATIC : 0;
    oji_clear_error(error);
    status = module->client.define(module->client.context, &described, error);
    if (status != OJ_OK)
        return oji_fail_callback(error, status, "oj_tls.define");
    module->token = described.token;
    module->tp_offset = described.tp_offset;
    return OJ_OK;
}

oj_status oji_tls_define(oji_tls *module, bool is_static, const oji_place *place, oj_error *error)
{
    switch (module->scheme) {
    case OJI_TLS_DYNAMIC:
        module->token = OJI_TLS_OURS | module->number;
        break;
    case OJI_TLS_STATIC:
        OJI_TRY(oji_tls_open_static(module, place, error));
        module->token = OJI_TLS_AT_POINTER;
        break;
    case OJI_TLS_CLIENT:
        OJI_TRY(define_by_client(module, is_static, error));
        break;
    default:
        break;
    }
    /* Others may be looking for where an address is. */
    enter();
    module->is_defined = true;
    leave();
    return OJ_OK;
}

/* Take the module's block from every thread. Returns their memory, chained by its first word. Needs the lock. */
static void *take_blocks(const oji_tls *module)
{
    void *chain = NULL;
    for (thread_state *state = threads.next; state != &threads; state = state->next) {
        block_header memory;
        if (module->number >= state->vector.n_blocks || !state->vector.blocks[module->number])
            continue;
        memcpy(&memory, (uint8_t *)state->vector.blocks[module->number] - sizeof memory, sizeof memory);
        state->vector.blocks[module->number] = NULL;
        memcpy(memory, &chain, sizeof chain);
        chain = memory;
    }
    return chain;
}

/* The number is free only after nobody has a block under it: the next module's must not be found there. */
static void leave_module(oji_tls *module)
{
    void *chain;
    enter();
    chain = take_blocks(module);
    while (module->n_busy > 0)
        wait_for_change();
    modules[module->number] = (uintptr_t)first_free << 1 | 1;
    first_free = module->number;
    leave();
    while (chain) {
        void *next;
        memcpy(&next, chain, sizeof next);
        oji_release(&module->allocator, chain, block_memory_size(module));
        chain = next;
    }
}

void oji_tls_destroy(oji_tls *module)
{
    oj_allocator allocator;
    oj_tls_module described;
    if (!module)
        return;
    leave_module(module);
    if (module->scheme == OJI_TLS_STATIC && module->is_defined)
        oji_tls_close_static(module);
    if (module->scheme == OJI_TLS_CLIENT && module->is_defined && module->client.release) {
        describe(module, &described);
        module->client.release(module->client.context, &described);
    }
    allocator = module->allocator;
    oji_release(&allocator, module, sizeof *module + module->image_size);
}

/* --- access ------------------------------------------------------------------------------------------------------- */

/* Code cannot take a failure, and ending the process, as the C library does, is not ours to decide: a thread that can
 * have no memory for its block waits until it can. oj_code_prepare_thread() is for clients that want to know before. */
static void *wait_for_block(const oji_tls *module)
{
    struct timespec pause = {0, 1000000};
    void *block;
    while (!(block = own_block(module))) {
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 100000000)
            pause.tv_nsec *= 2;
    }
    return block;
}

/* errno is the running code's, which does not know that it makes a call. */
static __attribute__((noinline)) void *find_block(uint64_t number)
{
    const oji_tls *module;
    int saved = errno;
    void *block;
    enter();
    module = module_at(number);
    leave();
    OJI_ASSERT(module);
    block = wait_for_block(module);
    errno = saved;
    return block;
}

/* Linked code calls this as __tls_get_addr (psABI, "Thread-Local Storage"). */
void *oji_tls_get_addr(const oji_tls_entry *index)
{
    uint64_t number = index->token & ~OJI_TLS_OURS;
    void *block;
    if (OJI_UNLIKELY(number == index->token)) {
        oji_tls_entry system_index = *index;
        return oji_tls_ask_process(&system_index);
    }
    block = known_block(number);
    if (OJI_LIKELY(block != NULL))
        return (uint8_t *)block + index->offset;
    if (index->token == OJI_TLS_AT_POINTER)
        return (void *)(uintptr_t)(oji_tls_thread_pointer() + index->offset);
    if (index->token == OJI_TLS_NOWHERE)
        return (void *)(uintptr_t)index->offset;
    return (uint8_t *)find_block(number) + index->offset;
}

void *oji_tls_address(const oji_tls *module, uint64_t offset)
{
    uint8_t *block;
    if (module->scheme == OJI_TLS_STATIC)
        return (void *)(uintptr_t)(oji_tls_thread_pointer() + module->tp_offset + offset);
    block = module->scheme == OJI_TLS_DYNAMIC ? own_block(module) : NULL;
    return block ? block + offset : NULL;
}

oj_status oji_tls_prepare(const oji_tls *module, oj_error *error)
{
    if (module->scheme == OJI_TLS_DYNAMIC && !own_block(module))
        return oji_fail_nomem(error, block_memory_size(module), "this thread's thread-local variables");
    return OJ_OK;
}

/* The module stays, because the code that has it does while others are linked with it. */
oj_status oji_tls_prepare_index(const oji_tls_entry *index, oj_error *error)
{
    const oji_tls *module = NULL;
    if (index->token & OJI_TLS_OURS) {
        enter();
        module = module_at(index->token & ~OJI_TLS_OURS);
        leave();
    }
    return module ? oji_tls_prepare(module, error) : OJ_OK;
}

/* Is it in a block that the C library keeps for us? Of these it need not know itself where this thread's is. Needs the
 * lock. */
static bool is_in_static(uint64_t addr)
{
    for (uint32_t i = 1; i < n_modules; i++) {
        const oji_tls *module = module_at(i);
        if (module && module->scheme == OJI_TLS_STATIC && module->is_defined &&
            addr - oji_tls_thread_pointer() - module->tp_offset < module->size)
            return true;
    }
    return false;
}

/* Ours are searched one by one: links that are told of variables by their addresses are few. */
bool oji_tls_locate(uint64_t addr, uint64_t *token, uint64_t *offset)
{
    bool found;
    enter();
    found = is_in_static(addr);
    *token = OJI_TLS_AT_POINTER;
    *offset = addr - oji_tls_thread_pointer();
    for (uint64_t i = 1; i < oji_tls_this_thread.n_blocks && !found; i++) {
        uint64_t block = (uint64_t)(uintptr_t)oji_tls_this_thread.blocks[i];
        const oji_tls *module = block ? module_at(i) : NULL;
        found = module && addr - block < module->size;
        if (found) {
            *token = module->token;
            *offset = addr - block;
        }
    }
    leave();
    return found || oji_tls_locate_in_process(addr, token, offset);
}

/* --- destructors -------------------------------------------------------------------------------------------------- */

/* The C library's, when the thread ends or, for the main one, the process. */
static void run_at_exit(void *context)
{
    thread_state *state = context;
    enter();
    state->is_hooked = false;
    while (run_one(state, 0))
        continue;
    leave();
}

/* The C library ends the process where it has no memory to note this down: so it is asked only once a thread, and when
 * there was memory just before. Once keys' destructors run it would not answer any more. Compilers leave out an
 * allocation that nothing is stored in: hence volatile. */
static bool hook_exit(thread_state *state)
{
    void *volatile room;
    if (state->is_hooked || state->rounds > 0)
        return true;
    room = __cxa_thread_atexit_impl ? malloc(256) : NULL;
    free(room);
    if (!room || __cxa_thread_atexit_impl(run_at_exit, state, &__dso_handle) != 0)
        return false;
    state->is_hooked = true;
    return true;
}

/* Linked code calls this as __cxa_thread_atexit: the C library's own keeps the library loaded that the handle is in,
 * and knows of no code of ours. Returns 0, or else the destructor will not run (Itanium C++ ABI, 3.3.6). */
int oji_tls_atexit(void (*function)(void *), void *object, void *dso_handle)
{
    thread_state *state = need_start() == 0 ? own_state() : NULL;
    destructor *added;
    /* After its thread's end nobody would run it. */
    added = state && !has_ended ? malloc(sizeof *added) : NULL;
    if (!added || !hook_exit(state)) {
        free(added);
        return -1;
    }
    added->function = function;
    added->object = object;
    added->dso_handle = (uint64_t)(uintptr_t)dso_handle;
    enter();
    added->older = state->newest;
    state->newest = added;
    leave();
    return 0;
}

/* Needs the lock. */
static bool is_running_elsewhere(uint64_t dso_handle)
{
    for (const thread_state *state = threads.next; state != &threads; state = state->next)
        for (const running *r = state != this_state ? state->running : NULL; r; r = r->outer)
            if (r->dso_handle == dso_handle)
                return true;
    return false;
}

/* After each destructor the list of threads may be another, so that it is walked from its start again. */
void oji_tls_run_destructors(uint64_t dso_handle)
{
    thread_state *state;
    if (dso_handle == 0)
        return;
    (void)own_state();
    enter();
    for (state = threads.next; state != &threads; state = state->next)
        while (run_one(state, dso_handle))
            state = threads.next;
    while (is_running_elsewhere(dso_handle))
        wait_for_change();
    leave();
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static bool is_known(const oj_record *record)
{
    bool known;
    enter();
    known = record->data && module_at(record->addr) == record->data;
    leave();
    return known;
}

static void undo_storage(const oj_record *record) { oji_tls_destroy(record->data); }

static void undo_destructors(const oj_record *record)
{
    oji_tls_run_destructors(((const oji_tls *)record->data)->dso_handle);
}

const oji_registry oji_tls_registry = {"thread-local storage", is_known, undo_storage};
const oji_registry oji_tls_exit_registry = {"destructors at thread exit", is_known, undo_destructors};

oji_tls *oji_tls_of_code(const oj_code *code)
{
    const oj_record *records = oji_code_records(code);
    for (uint32_t i = 0; i < code->n_records; i++)
        if (records[i].kind == OJ_RECORD_TLS)
            return records[i].data;
    return NULL;
}

oj_status oj_code_prepare_thread(const oj_code *code, oj_error *error)
{
    const oji_tls *module = code ? oji_tls_of_code(code) : NULL;
    if (!code)
        return oji_fail(error, OJ_E_MISUSE, "code is NULL");
    if (module)
        OJI_TRY(oji_tls_prepare(module, error));
    return oji_succeed(error);
}
