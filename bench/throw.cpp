// Loaded by bench_unwind.c: throws through a function that it is given, or through one of its own.
static void throw_one() { throw 1; }

extern "C" void pass_here(void (*f)())
{
    f();
    asm volatile("");
}

extern "C" int catch_through(void (*pass)(void (*)()))
{
    try {
        pass(throw_one);
    } catch (int number) {
        return number;
    }
    return 0;
}
