/* compilers: clang
 * flags: --target=aarch64-linux-gnu -O2
 * expect: OJ_E_ARCHITECTURE machine 183 */
int f(int a) { return a + 1; }
