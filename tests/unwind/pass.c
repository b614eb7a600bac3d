/* Functions in sections of their own that an exception passes through. */
typedef void (*callback)(void);

void pass(callback f);
void pass(callback f)
{
    f();
    __asm__ volatile("");
}

void pass_too(callback f);
void pass_too(callback f)
{
    pass(f);
    __asm__ volatile("");
}
