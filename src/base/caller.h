/* Whose call a thread works on. */
#ifndef OJI_CALLER_H
#define OJI_CALLER_H

#include <pthread.h>

/* The thread whose call the calling thread is part of: itself, unless it is one of the library's own that works for
 * another, which waits for it. What is called back on it must not wait for that one. */
pthread_t oji_caller(void);
/* The calling thread works for that one, until it ends. */
void oji_work_for(pthread_t caller);

#endif
