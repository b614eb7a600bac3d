// File streams in both directions, positions in them, and a stream buffer of one's own.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

struct shouting : std::streambuf {
    std::string text;
    int overflow(int c) override
    {
        if (c != EOF)
            text.push_back(static_cast<char>(std::toupper(c)));
        return c;
    }
};

int main()
{
    {
        std::ofstream out("data.txt");
        for (int i = 0; i < 1000; i++)
            out << i << (i % 10 == 9 ? '\n' : ' ');
    }
    std::ifstream in("data.txt");
    long sum = 0;
    for (int i; in >> i;)
        sum += i;
    in.clear();
    in.seekg(0, std::ios::end);
    std::cout << sum << ' ' << in.tellg() << '\n';
    in.seekg(20);
    std::string line;
    std::getline(in, line);
    std::cout << line << '\n';
    shouting buffer;
    std::ostream out(&buffer);
    out << "quiet " << 12 << '\n';
    std::cout << buffer.text << std::ifstream("missing").is_open() << '\n';
    std::stringstream both;
    both << std::ifstream("data.txt").rdbuf();
    std::string all = both.str();
    std::cout << std::count(all.begin(), all.end(), '\n') << '\n';
    return 0;
}
