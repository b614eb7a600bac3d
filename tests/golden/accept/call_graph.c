/* LLVM's tables for linkers, some with relocations of another form for sections that are not loaded.
 * compilers: clang
 * flags: -O2 -fPIC -faddrsig -fbasic-block-sections=labels
 * flags: -O2 -fPIC -fstack-size-section -fpatchable-function-entry=4
 * flags: -O2 -fembed-bitcode=all */
int g(int);
int f(int a) { return a > 3 ? g(a) : 4; }
