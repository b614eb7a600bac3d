/* Clang registers destructors from a constructor unless it is told not to.
 * flags: -O2
 * flags: -O2 -fno-use-cxa-atexit */
void external(void);
__attribute__((destructor(200))) static void unmake(void) { external(); }
