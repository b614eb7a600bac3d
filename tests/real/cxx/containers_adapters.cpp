// Stack, queue, priority queue and bitset.
#include <bitset>
#include <cstdio>
#include <functional>
#include <queue>
#include <stack>
#include <stdexcept>
#include <string>
#include <vector>

int main()
{
    std::priority_queue<int, std::vector<int>, std::greater<>> q;
    for (int i : {5, 2, 9, 1, 7})
        q.push(i);
    for (; !q.empty(); q.pop())
        std::printf("%d ", q.top());
    std::stack<std::string> s;
    s.push("a");
    s.emplace(3, 'b');
    std::queue<int> fifo;
    for (int i = 0; i < 600; i++)
        fifo.push(i);
    for (int i = 0; i < 599; i++)
        fifo.pop();
    std::printf("%s %d\n", s.top().c_str(), fifo.front());
    std::bitset<100> bits("1011");
    bits.set(99).flip(0);
    std::printf("%zu %s %d\n", bits.count(), std::bitset<8>(0x5a).to_string().c_str(), bits[99] ? 1 : 0);
    try { (void)bits.to_ulong(); } catch (const std::overflow_error &) { std::puts("overflow"); }
    return 0;
}
