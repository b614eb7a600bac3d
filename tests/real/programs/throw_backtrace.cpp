// Every frame of this program is seen by the unwinder and by backtrace(), and has its language's exception data.
#include <cstdio>
#include <execinfo.h>
#include <initializer_list>
#include <unwind.h>

struct Walk { int n; int with_data; bool saw_main; };
static _Unwind_Reason_Code visit(_Unwind_Context *context, void *argument)
{
    Walk *walk = static_cast<Walk *>(argument);
    walk->n++;
    walk->with_data += _Unwind_GetLanguageSpecificData(context) != nullptr;
    return _URC_NO_REASON;
}

struct Guard { ~Guard() { asm volatile(""); } };
static int counted, traced;
__attribute__((noinline)) static int measure()
{
    Walk walk = {};
    void *frames[200];
    _Unwind_Backtrace(visit, &walk);
    counted = walk.n;
    traced = backtrace(frames, 200);
    return walk.with_data;
}
__attribute__((noinline)) static int recurse(int depth)
{
    Guard g;
    int result = depth == 0 ? measure() : recurse(depth - 1);
    asm volatile("" : "+r"(result));
    return result;
}

int main()
{
    int base, trace_base;
    (void)recurse(0);
    base = counted;
    trace_base = traced;
    for (int depth : {1, 2, 10, 100}) {
        (void)recurse(depth);
        std::printf("%d: %d and %d frames more\n", depth, counted - base, traced - trace_base);
    }
    return 0;
}
