/* Thread-local variables of the process, where the dynamic linker has the function that most ABIs give it.
 *
 * It is looked up, not linked to: a program that is linked statically has no dynamic linker, and libc.a no such
 * function. Nothing is asked there, because nothing of such a process's is found by name. */
#include "code/tls.h"

#include <dlfcn.h>
#include <stdatomic.h>

typedef void *ask_function(const oji_tls_entry *index);

void *oji_tls_ask_process(const oji_tls_entry *index)
{
    static _Atomic(ask_function *) known;
    ask_function *ask = atomic_load_explicit(&known, memory_order_relaxed);
    if (!ask) {
        void *found = dlsym(RTLD_DEFAULT, "__tls_get_addr");
        memcpy(&ask, &found, sizeof ask);
        atomic_store_explicit(&known, ask, memory_order_relaxed);
    }
    return ask ? ask(index) : NULL;
}
