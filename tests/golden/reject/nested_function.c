/* A function that takes the address of a nested one builds code on the stack.
 * compilers: gcc
 * flags: -O0
 * expect: OJ_E_UNSUPPORTED executable stack */
int call(int (*)(int));
int f(int a)
{
    int nested(int b) { return a + b; }
    return call(nested);
}
