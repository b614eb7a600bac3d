// Random engines, whose numbers are specified, seeds, and distributions by what they promise.
#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

int main()
{
    std::mt19937 a(5489u);
    std::mt19937_64 b;
    std::minstd_rand c(1);
    a.discard(9999);
    b.discard(9999);
    c.discard(9999);
    std::printf("%lu %llu %lu\n", static_cast<unsigned long>(a()), static_cast<unsigned long long>(b()), static_cast<unsigned long>(c()));
    std::ranlux24 r;
    r.discard(9999);
    std::knuth_b k;
    k.discard(9999);
    std::printf("%lu %lu\n", static_cast<unsigned long>(r()), static_cast<unsigned long>(k()));
    std::seed_seq seeds{1, 2, 3};
    std::vector<unsigned> words(4);
    seeds.generate(words.begin(), words.end());
    std::printf("%u %u\n", words[0], words[3]);
    std::normal_distribution<> normal(10, 2);
    std::uniform_int_distribution<int> die(1, 6);
    double sum = 0;
    bool in_range = true;
    for (int i = 0; i < 20000; i++) {
        sum += normal(a);
        int eyes = die(a);
        in_range = in_range && eyes >= 1 && eyes <= 6;
    }
    std::printf("%d %d\n", sum / 20000 > 9.9 && sum / 20000 < 10.1, in_range);
    std::random_device device;
    (void)device();
    return 0;
}
