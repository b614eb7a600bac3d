/* flags: -O2
 * flags: -O0 -fPIC */
void external(void);
__attribute__((constructor)) static void make(void) { external(); }
