/* flags: -O2 -fexceptions */
void g(void);
void done(int *);
void f(void)
{
    __attribute__((cleanup(done))) int a = 1;
    g();
    (void)a;
}
