/* flags: -O2 -fPIC
 * flags: -O2 -fno-pic */
_Thread_local int counter;
int f(void) { return counter++; }
