// A library with an unwinder of its own choice: throws through a function that it is given.
static void throw_three() { throw 3; }

extern "C" int catch_through(void (*pass)(void (*)()))
{
    try {
        pass(throw_three);
    } catch (int number) {
        return number;
    }
    return 0;
}
