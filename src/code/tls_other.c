/* Processors that thread-local storage is not implemented for yet: links that need it are refused. */
#include "code/tls.h"

uint64_t oji_tls_thread_pointer(void) { return 0; }
const oji_tls_numbers *oji_tls_relocation_numbers(void) { return NULL; }
uint64_t oji_tls_descriptor_addr(void) { return 0; }
