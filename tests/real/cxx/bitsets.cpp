// Sets of bits: a sieve, text, shifts, hashing, and bytes of other types.
// flags: -std=c++20
#include <algorithm>
#include <bit>
#include <bitset>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <unordered_set>
#include <vector>

template <size_t N> static std::bitset<N> sieve()
{
    std::bitset<N> prime;
    prime.set().reset(0).reset(1);
    for (size_t i = 2; i * i < N; i++)
        for (size_t j = i * i; prime[i] && j < N; j += i)
            prime.reset(j);
    return prime;
}

int main()
{
    auto primes = sieve<1000>();
    printf("%zu primes, %d\n", primes.count(), (int)primes.test(997));
    std::bitset<12> a("101100111000"), b(0xF0F);
    std::cout << (a & b) << ' ' << (a | b) << ' ' << (a ^ b) << ' ' << ~a << ' ' << (a << 3) << ' ' << (a >> 5) << '\n';
    std::cout << a.to_string('.', '#') << ' ' << b.to_ulong() << ' ' << a.all() << a.any() << a.none() << '\n';
    try {
        std::bitset<4>("10x1");
    } catch (const std::invalid_argument &) {
        puts("invalid");
    }
    try {
        primes.to_ulong();
    } catch (const std::overflow_error &) {
        puts("overflow");
    }
    try {
        a.set(12);
    } catch (const std::out_of_range &) {
        puts("out of range");
    }
    std::unordered_set<std::bitset<12>> seen = {a, b, a ^ b, a};
    printf("%zu distinct\n", seen.size());
    std::vector<bool> flags(100);
    for (size_t i = 0; i < flags.size(); i += 3)
        flags[i].flip();
    printf("%zd flags\n", (ssize_t)std::count(flags.begin(), flags.end(), true));
    uint32_t word = 0x00F0;
    printf("%d %d %d %u %u %08x\n", std::popcount(word), std::countl_zero(word), std::countr_zero(word),
           std::bit_ceil(word), std::bit_floor(word), std::rotl(word, 28));
    printf("%08x %d\n", std::bit_cast<uint32_t>(1.5f), std::endian::native == std::endian::little);
    return 0;
}
