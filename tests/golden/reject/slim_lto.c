/* compilers: gcc
 * flags: -O2 -flto -fno-fat-lto-objects
 * expect: OJ_E_UNSUPPORTED an LTO object */
int f(int a) { return a + 1; }
