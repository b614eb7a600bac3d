/* Thread-local variables of the process, where the dynamic linker has the function that most ABIs give it. */
#include "code/tls.h"

extern void *__tls_get_addr(const oji_tls_entry *index);

void *oji_tls_ask_process(const oji_tls_entry *index) { return __tls_get_addr(index); }
