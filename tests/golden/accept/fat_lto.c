/* GCC's intermediate form beside ordinary code: the code counts.
 * compilers: gcc
 * flags: -O2 -flto -ffat-lto-objects */
int f(int a) { return a + 1; }
