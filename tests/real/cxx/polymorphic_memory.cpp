// Containers over memory resources of their own: buffers, pools, and one that counts.
// not: libcxx
#include <array>
#include <cstdio>
#include <list>
#include <map>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>

class counting : public std::pmr::memory_resource {
public:
    explicit counting(std::pmr::memory_resource *below) : below_(below) {}
    size_t taken = 0, given = 0, calls = 0;

private:
    void *do_allocate(size_t size, size_t alignment) override
    {
        taken += size;
        calls++;
        return below_->allocate(size, alignment);
    }
    void do_deallocate(void *where, size_t size, size_t alignment) override
    {
        given += size;
        below_->deallocate(where, size, alignment);
    }
    bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }
    std::pmr::memory_resource *below_;
};

static void fill(std::pmr::memory_resource *resource)
{
    std::pmr::vector<std::pmr::string> words(resource);
    for (int i = 0; i < 40; i++)
        words.emplace_back("a word that is longer than short strings are: " + std::to_string(i));
    std::pmr::map<int, std::pmr::list<int>> lists(resource);
    for (int i = 0; i < 100; i++)
        lists[i % 7].push_back(i);
    size_t length = 0;
    for (const auto &word : words)
        length += word.size();
    printf("%zu words, %zu letters, %zu lists, %zu in the last, %d\n", words.size(), length, lists.size(),
           lists.rbegin()->second.size(), words[3].get_allocator().resource() == resource);
}

int main()
{
    counting counter(std::pmr::new_delete_resource());
    fill(&counter);
    printf("balance %d\n", counter.taken == counter.given);
    {
        std::pmr::unsynchronized_pool_resource pool(&counter);
        fill(&pool);
        std::pmr::synchronized_pool_resource shared(&counter);
        fill(&shared);
    }
    printf("balance %d\n", counter.taken == counter.given);
    std::array<std::byte, 512> small;
    std::pmr::monotonic_buffer_resource nothing(small.data(), small.size(), std::pmr::null_memory_resource());
    try {
        fill(&nothing);
    } catch (const std::bad_alloc &) {
        puts("the buffer is full");
    }
    std::pmr::set_default_resource(&counter);
    size_t before = counter.calls;
    std::pmr::vector<int> numbers(1000, 7);
    printf("default %d\n", counter.calls > before);
    std::pmr::set_default_resource(nullptr);
    return 0;
}
