// Code that is linked for addresses chosen beforehand, and finds nothing but what --defsym names: start() is called
// with a number, and says all it has to say through host_print().
void host_print(const char *text, long value);
extern const int host_numbers[4];

static int calls;
static int zeroes[500];
static int squares[8] = {1, 4, 9, 16, 25, 36, 49, 64};
static const char *const names[] = {"zero", "one", "two", "three"};
const char letters[] = "letters";
int common_numbers[3];
long long wide = 0x123456789abcdefll;

static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }
int (*const operations[])(int, int) = {add, sub, mul};
int *inside = &squares[3];

__attribute__((constructor(200))) void second(void) { common_numbers[0] = common_numbers[0] * 10 + 2; }
__attribute__((constructor(101))) void first(void) { common_numbers[0] = common_numbers[0] * 10 + 1; }
__attribute__((constructor)) void last(void) { common_numbers[0] = common_numbers[0] * 10 + 3; }

__attribute__((noinline)) const char *choose(int n)
{
    switch (n) {
    case 0:
        return "is 0";
    case 1:
        return "is 1";
    case 2:
        return "is 2";
    case 3:
        return letters;
    case 4:
        return "is 4";
    case 5:
        return "is 5";
    default:
        return "is more";
    }
}

__attribute__((noinline)) int sum(const int *values, int n)
{
    int total = 0;
    for (int i = 0; i < n; i++)
        total += values[i];
    return total;
}

int start(int n)
{
    calls++;
    for (int i = 0; i < n; i++) {
        host_print(choose(i), i);
        host_print(names[i & 3], operations[i % 3](i, squares[i & 7]));
    }
    zeroes[n] = *inside;
    host_print("constructors", common_numbers[0]);
    host_print("host numbers", sum(host_numbers, 4));
    host_print("zeroes", sum(zeroes, 500));
    host_print("wide", (long)(wide >> 32));
    return calls * 100 + sum(squares, 8);
}
