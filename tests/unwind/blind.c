/* A function that calls another, compiled without unwind tables. */
typedef void (*thrower)(int);

int blind(thrower f, int n);
int blind(thrower f, int n)
{
    f(n);
    return n;
}
