// Exceptions of another language: caught by catch (...), passed on by rethrow, never by type; and destroyed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <unwind.h>

static void destroyed(_Unwind_Reason_Code code, _Unwind_Exception *exception)
{
    std::printf("destroyed, %s\n", code == _URC_FOREIGN_EXCEPTION_CAUGHT ? "caught" : "otherwise");
    std::free(exception);
}

__attribute__((noinline)) static void raise_foreign()
{
    void *memory = nullptr;
    if (posix_memalign(&memory, 16, sizeof(_Unwind_Exception)) != 0)
        std::abort();
    auto *exception = new (memory) _Unwind_Exception;
    std::memset(memory, 0, sizeof(_Unwind_Exception));
    std::memcpy(&exception->exception_class, "OTHERLAN", 8);
    exception->exception_cleanup = destroyed;
    _Unwind_RaiseException(exception);
    std::printf("not caught\n");
    std::abort();
}

struct Note {
    ~Note() { std::printf("cleanup\n"); }
};

__attribute__((noinline)) static void through()
{
    Note note;
    try {
        raise_foreign();
    } catch (int) {
        std::printf("wrong: int\n");
    } catch (const std::exception &) {
        std::printf("wrong: exception\n");
    }
}

__attribute__((noinline)) static void again()
{
    try {
        through();
    } catch (...) {
        std::printf("passed on, current %d\n", std::current_exception() != nullptr);
        throw;
    }
}

int main()
{
    for (int i = 0; i < 2; i++)
        try {
            i == 0 ? through() : again();
        } catch (...) {
            std::printf("foreign\n");
        }
    return 0;
}
