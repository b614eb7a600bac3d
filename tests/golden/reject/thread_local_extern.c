/* flags: -O2 -fPIC
 * flags: -O2 -fno-pic -ftls-model=initial-exec
 * expect: OJ_E_UNSUPPORTED thread-local storage */
extern _Thread_local int counter;
int f(void) { return counter++; }
