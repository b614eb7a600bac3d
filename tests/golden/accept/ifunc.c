/* flags: -O2 -fPIC */
static int plain(int a) { return a; }
static int (*resolve(void))(int) { return plain; }
int chosen(int a) __attribute__((ifunc("resolve")));
