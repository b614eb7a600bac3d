// Constructors that throw in the middle of arrays: what was made is destroyed backwards, memory is given back.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

static int made, limit, blocks;

void *operator new[](std::size_t size)
{
    void *memory = std::malloc(size);
    if (!memory)
        throw std::bad_alloc();
    blocks++;
    return memory;
}
void operator delete[](void *memory) noexcept
{
    blocks -= memory != nullptr;
    std::free(memory);
}
void operator delete[](void *memory, std::size_t) noexcept { operator delete[](memory); }

struct Item {
    int number;
    Item() : number(made)
    {
        if (made == limit)
            throw made;
        made++;
    }
    Item(const Item &other) : number(other.number)
    {
        if (made == limit)
            throw made;
        made++;
    }
    ~Item()
    {
        std::printf("~%d ", number);
        made--;
    }
};

struct Grid {
    Item rows[2][3];
    Item last;
};

template <typename F> static void attempt(const char *name, int most, F f)
{
    limit = most;
    made = 0;
    try {
        f();
        std::printf("%s whole", name);
    } catch (int n) {
        std::printf("%s stopped at %d", name, n);
    }
    std::printf(", left %d, blocks %d\n", made, blocks);
}

int main()
{
    for (int most : {0, 3, 9}) {
        attempt("local", most, [] { Item items[4]; });
        attempt("heap", most, [] { delete[] new Item[5]; });
        attempt("grid", most, [] { Grid grid; });
        attempt("grids", most, [] { delete[] new Grid[2]; });
        attempt("unique", most, [] { std::make_unique<Item[]>(4); });
        attempt("list", most, [] { std::vector<Item> items{Item(), Item()}; });
    }
    return 0;
}
