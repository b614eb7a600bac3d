/* compilers: clang
 * flags: -O2 -flto
 * expect: OJ_E_FORMAT LLVM bitcode */
int f(int a) { return a + 1; }
