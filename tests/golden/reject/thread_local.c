/* flags: -O2 -fPIC
 * flags: -O2 -fno-pic
 * expect: OJ_E_UNSUPPORTED thread-local storage */
_Thread_local int counter;
int f(void) { return counter++; }
