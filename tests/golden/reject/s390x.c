/* compilers: clang
 * flags: --target=s390x-linux-gnu -O2
 * expect: OJ_E_ARCHITECTURE machine 22*/
int f(int a) { return a + 1; }
