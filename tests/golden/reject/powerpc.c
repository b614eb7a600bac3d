/* compilers: clang
 * flags: --target=powerpc64le-linux-gnu -O2
 * expect: OJ_E_ARCHITECTURE machine 21 */
int f(int a) { return a + 1; }
