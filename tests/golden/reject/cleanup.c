/* flags: -O2 -fexceptions
 * expect: OJ_E_UNSUPPORTED exception handling|COMDAT group .of .DW.ref.__gcc_personality */
void g(void);
void done(int *);
void f(void)
{
    __attribute__((cleanup(done))) int a = 1;
    g();
    (void)a;
}
