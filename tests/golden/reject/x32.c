/* compilers: clang
 * flags: --target=x86_64-linux-gnux32 -O2
 * expect: OJ_E_ARCHITECTURE 32-bit */
int f(int a) { return a + 1; }
