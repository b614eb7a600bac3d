// The unwinder used by hand: forced unwinding through handlers, foreign exceptions, and cleanup attributes.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <csetjmp>
#include <unwind.h>

struct Guard { const char *name; ~Guard() { std::printf("~%s\n", name); } };
static jmp_buf out;
static int n_stops;

static _Unwind_Reason_Code stop(int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception *, _Unwind_Context *, void *target)
{
    n_stops++;
    if ((actions & _UA_END_OF_STACK) || n_stops > 6)
        longjmp(*static_cast<jmp_buf *>(target), 1);
    return _URC_NO_REASON;
}

static void done(_Unwind_Reason_Code, _Unwind_Exception *) { std::puts("foreign one deleted"); }
static _Unwind_Exception foreign;

__attribute__((noinline)) static void force()
{
    std::memset(&foreign, 0, sizeof foreign);
    std::memcpy(&foreign.exception_class, "OTHRLANG", 8);
    foreign.exception_cleanup = done;
    _Unwind_ForcedUnwind(&foreign, stop, &out);
    std::puts("not reached");
}

__attribute__((noinline)) static void raise()
{
    Guard g{"raise"};
    std::memset(&foreign, 0, sizeof foreign);
    std::memcpy(&foreign.exception_class, "OTHRLANG", 8);
    foreign.exception_cleanup = done;
    _Unwind_RaiseException(&foreign);
    std::puts("nobody");
}

__attribute__((noinline)) static void one() { Guard g{"one"}; force(); std::puts("not reached"); }
__attribute__((noinline)) static void two() { Guard g{"two"}; one(); std::puts("not reached"); }

int main()
{
    try { Guard g{"try"}; raise(); } catch (int) { std::puts("wrong"); } catch (...) { std::puts("foreign caught"); }
    if (setjmp(out) == 0)
        two();
    std::puts("out");
    return 0;
}
