// A pool of threads that runs packaged tasks: conditions of any lock, shared locks, errors that cross threads.
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

class pool {
public:
    explicit pool(int n)
    {
        for (int i = 0; i < n; i++)
            threads_.emplace_back([this] { work(); });
    }
    ~pool()
    {
        {
            std::unique_lock<std::shared_mutex> lock(mutex_);
            ends_ = true;
        }
        changed_.notify_all();
        for (std::thread &thread : threads_)
            thread.join();
    }
    template <typename F> auto add(F function) -> std::future<decltype(function())>
    {
        auto task = std::make_shared<std::packaged_task<decltype(function())()>>(std::move(function));
        auto result = task->get_future();
        {
            std::unique_lock<std::shared_mutex> lock(mutex_);
            tasks_.push_back([task] { (*task)(); });
        }
        changed_.notify_one();
        return result;
    }

private:
    void work()
    {
        for (;;) {
            std::function<void()> task;
            {
                std::unique_lock<std::shared_mutex> lock(mutex_);
                changed_.wait(lock, [this] { return ends_ || !tasks_.empty(); });
                if (tasks_.empty())
                    return;
                task = std::move(tasks_.front());
                tasks_.pop_front();
            }
            task();
        }
    }
    std::shared_mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::thread> threads_;
    bool ends_ = false;
};

struct broken : std::runtime_error {
    explicit broken(int n) : std::runtime_error("task " + std::to_string(n)), number(n) {}
    int number;
};

int main()
{
    std::vector<std::future<int>> results;
    std::map<int, int> table;
    std::shared_mutex table_mutex;
    {
        pool workers(3);
        for (int i = 0; i < 30; i++)
            results.push_back(workers.add([i, &table, &table_mutex] {
                if (i % 10 == 7)
                    throw broken(i);
                {
                    std::unique_lock<std::shared_mutex> lock(table_mutex);
                    table[i % 5] += i;
                }
                std::shared_lock<std::shared_mutex> lock(table_mutex);
                return table.count(i % 5) ? i * i : -1;
            }));
    }
    int sum = 0;
    for (auto &result : results) {
        try {
            sum += result.get();
        } catch (const broken &error) {
            printf("%s (%d)\n", error.what(), error.number);
        }
    }
    printf("sum %d\n", sum);
    for (auto [key, value] : table)
        printf("%d: %d\n", key, value);
    std::promise<std::string> promise;
    std::shared_future<std::string> shared = promise.get_future().share();
    std::thread giver([&] { promise.set_value("given"); });
    printf("%s %s\n", shared.get().c_str(), std::shared_future<std::string>(shared).get().c_str());
    giver.join();
    try {
        promise.set_value("again");
    } catch (const std::future_error &error) {
        printf("%d\n", error.code() == std::future_errc::promise_already_satisfied);
    }
    return 0;
}
