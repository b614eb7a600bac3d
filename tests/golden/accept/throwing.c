/* flags: -O2 -fPIC */
/* What throws and catches nothing has no exception table: it is known by what it calls. */
void __cxa_throw(void *thrown, void *type, void (*destructor)(void *)) __attribute__((noreturn));
void *__cxa_allocate_exception(unsigned long size);
int f(int a)
{
    if (a)
        __cxa_throw(__cxa_allocate_exception(4), 0, 0);
    return 2;
}
