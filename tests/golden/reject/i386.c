/* compilers: clang
 * flags: --target=i386-linux-gnu -O2
 * expect: OJ_E_ARCHITECTURE 32-bit */
int f(int a) { return a + 1; }
