/* flags: -O2 -fPIC
 * flags: -O2 -fno-pic -ftls-model=initial-exec */
extern _Thread_local int counter;
int f(void) { return counter++; }
