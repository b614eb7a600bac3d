/* flags: -O2
 * flags: -O0 -fPIC
 * expect: OJ_E_UNSUPPORTED constructors */
void external(void);
__attribute__((constructor)) static void make(void) { external(); }
