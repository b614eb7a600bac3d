/* Whose call a thread works on: callbacks come from threads of the library's, too. */
#include "base/caller.h"

#include <stdbool.h>

static _Thread_local bool works_for_another;
static _Thread_local pthread_t worked_for;

pthread_t oji_caller(void) { return works_for_another ? worked_for : pthread_self(); }

void oji_work_for(pthread_t caller)
{
    works_for_another = true;
    worked_for = caller;
}
