// std::filesystem: paths, directories, iteration, sizes, and errors with and without exceptions.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

namespace fs = std::filesystem;

int main()
{
    fs::create_directories("a/b/c");
    std::ofstream("a/one.txt") << "12345";
    std::ofstream("a/b/two.dat") << "123";
    fs::create_symlink("one.txt", "a/link");
    std::vector<std::string> names;
    for (const auto &entry : fs::recursive_directory_iterator("a"))
        names.push_back(entry.path().generic_string() + (entry.is_directory() ? "/" : ""));
    std::sort(names.begin(), names.end());
    for (const std::string &n : names)
        std::cout << n << '\n';
    std::cout << fs::file_size("a/one.txt") << ' ' << fs::exists("a/zero") << ' ' << fs::read_symlink("a/link").string() << '\n';
    fs::path p = fs::path("x") / "y.tar.gz";
    std::cout << p.extension() << ' ' << p.stem() << ' ' << fs::path("/a/./b/../c").lexically_normal() << '\n';
    std::error_code error;
    fs::remove("nothing/there", error);
    std::cout << fs::remove_all("a") << ' ' << fs::is_empty(".") << '\n';
    try {
        fs::file_size("gone");
    } catch (const fs::filesystem_error &e) {
        std::cout << (e.code() == std::errc::no_such_file_or_directory) << ' ' << e.path1() << '\n';
    }
    return 0;
}
