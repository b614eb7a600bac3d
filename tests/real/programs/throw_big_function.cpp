// A function with hundreds of call sites and landing pads, so that tables have numbers of several bytes.
#include <cstdio>
#include <initializer_list>
#include <string>

static int limit, n;
struct G { int id; explicit G(int i) : id(i) { if (n++ == limit) throw i; } ~G() { sum += id; } static long sum; };
long G::sum;
#define ONE(i) G g##i(i); if (limit == 100000 + i) throw std::to_string(i);
#define TEN(i) ONE(i##0) ONE(i##1) ONE(i##2) ONE(i##3) ONE(i##4) ONE(i##5) ONE(i##6) ONE(i##7) ONE(i##8) ONE(i##9)
#define HUNDRED(i) TEN(i##0) TEN(i##1) TEN(i##2) TEN(i##3) TEN(i##4) TEN(i##5) TEN(i##6) TEN(i##7) TEN(i##8) TEN(i##9)
__attribute__((noinline)) static int big() { HUNDRED(1) HUNDRED(2) HUNDRED(3) return n; }

int main()
{
    for (int i : {0, 1, 50, 99, 100, 199, 250, 299, 300, 100100, 100255, 100399}) {
        limit = i; n = 0; G::sum = 0;
        try { std::printf("%d ", big()); } catch (int v) { std::printf("int %d ", v); } catch (const std::string &s) { std::printf("string %s ", s.c_str()); }
        std::printf("%ld\n", G::sum);
    }
    return 0;
}
