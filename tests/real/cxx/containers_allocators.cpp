// Containers with allocators of their own, plain and polymorphic ones.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory_resource>
#include <string>
#include <vector>
// not: libcxx

template <class T> struct counting {
    using value_type = T;
    long *bytes;
    explicit counting(long *b) : bytes(b) {}
    template <class U> counting(const counting<U> &o) : bytes(o.bytes) {}
    T *allocate(std::size_t n) { *bytes += static_cast<long>(n * sizeof(T)); return static_cast<T *>(std::malloc(n * sizeof(T))); }
    void deallocate(T *p, std::size_t n) { *bytes -= static_cast<long>(n * sizeof(T)); std::free(p); }
    template <class U> bool operator==(const counting<U> &o) const { return bytes == o.bytes; }
    template <class U> bool operator!=(const counting<U> &o) const { return bytes != o.bytes; }
};

int main()
{
    long bytes = 0;
    {
        std::vector<int, counting<int>> v{counting<int>(&bytes)};
        for (int i = 0; i < 100; i++)
            v.push_back(i);
        std::printf("%d\n", bytes >= 400);
    }
    std::printf("%ld\n", bytes);
    char buffer[4096];
    std::pmr::monotonic_buffer_resource pool(buffer, sizeof buffer, std::pmr::null_memory_resource());
    std::pmr::vector<std::pmr::string> strings(&pool);
    try {
        for (int i = 0; i < 1000; i++)
            strings.emplace_back("a string that is too long to be short");
    } catch (const std::bad_alloc &) {
        std::printf("full %d\n", strings.size() > 5);
    }
    std::pmr::map<int, int> m(std::pmr::new_delete_resource());
    m[1] = 2;
    std::printf("%d\n", m[1]);
    return 0;
}
