/* Variables in sections that are named as notes, and code that refers to them.
 * flags: -O2
 * flags: -O2 -fPIC */
static const char data[] __attribute__((section(".note.example"), used)) = "an example";

const char *find(void) { return data; }
