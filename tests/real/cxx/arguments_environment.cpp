// What main gets, the environment, standard input's end, and the status that leaves.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char **argv)
{
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (const std::string &a : arguments)
        std::cout << '[' << a << "]\n";
    const char *greeting = std::getenv("OJT_GREETING");
    std::cout << (greeting ? greeting : "none") << ' ' << argc << ' ' << (argv[argc] == nullptr) << '\n';
    std::string line;
    std::cout << static_cast<bool>(std::getline(std::cin, line)) << ' ' << std::cin.eof() << std::endl;
    std::cerr << "to standard error " << 1 << '\n';
    std::clog << "logged" << std::endl;
    return static_cast<int>(arguments.size()) + 40;
}
