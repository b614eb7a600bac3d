#!/usr/bin/python3
"""ownjit with C++: source, objects of every model, and both runtime libraries."""

import resource
import signal
import subprocess

import cli

HELLO = '''#include <iostream>
#include <stdexcept>
#include <string>
#include <typeinfo>
struct noisy {
    ~noisy() { std::cout << "gone" << std::endl; }
} global;
int main(int argc, char **argv)
{
    std::string words;
    for (int i = 0; i < argc; i++)
        words += std::string("[") + argv[i] + "]";
    try {
        throw std::out_of_range(words);
    } catch (const std::exception &error) {
        std::cout << typeid(error).name() << ' ' << error.what() << std::endl;
    }
    return 9;
}
'''
HELLO_OUT = 'St12out_of_range [%s][x]\ngone\n'

# Reads and names variables of both libraries, catches by a library's type, and by one with a vtable of the library's.
MODELS = '''#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
struct own : std::runtime_error {
    using std::runtime_error::runtime_error;
};
static std::once_flag flag;
std::ostream *const streams[] = {&std::cout, &std::cerr};
int main()
{
    std::ostream *choice = &std::cout;
    std::shared_ptr<int> shared = std::make_shared<int>(5);
    int number = 0, sum = 0;
    std::call_once(flag, [&] { std::cout << "once " << *shared << std::endl; });
    while (std::cin >> number)
        sum += number;
    fprintf(stdout, "sum %d\\n", sum);
    fflush(stdout);
    *choice << (streams[0] == choice) << std::cout.good() << std::endl;
    try {
        throw own("own");
    } catch (const std::logic_error &) {
        std::cout << "logic" << std::endl;
    } catch (const std::runtime_error &error) {
        std::cout << "caught " << error.what() << std::endl;
    }
    std::stringstream text;
    text << 1.5 << ' ' << std::hex << 255;
    std::cout << text.str() << std::endl;
    return shared.use_count();
}
'''
MODELS_OUT = 'once 5\nsum 6\n11\ncaught own\n1.5 ff\n'
COROUTINE = '''#include <coroutine>
struct numbers {
    struct promise_type {
        int value = 0;
        numbers get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int n) { value = n; return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
    std::coroutine_handle<promise_type> handle;
};
static numbers count() { for (int i = 1; i < 4; i++) co_yield i; }
int main()
{
    int sum = 0;
    numbers n = count();
    for (n.handle.resume(); !n.handle.done(); n.handle.resume())
        sum += n.handle.promise().value;
    n.handle.destroy();
    return sum;
}
'''
# Says where the runtime library is.
NOT_LOW = '#include <iostream>\nint main() { return (unsigned long)&std::cout >> 31 ? 1 : 2; }\n'


def source(c):
    for ending in ('cpp', 'cc', 'cxx', 'c++', 'C'):
        name = c.write('hello.' + ending, HELLO)
        c.expect('cli_cxx_source_named_%s_runs' % ending, ['run', name, 'x'], 9, out=HELLO_OUT % name)
    for version in ('19', '22'):
        c.expect('cli_cxx_source_optimised_by_llvm_' + version, ['run', '-O2', '--llvm=' + version, 'hello.cpp', 'x'], 9,
                 out=HELLO_OUT % 'hello.cpp')
    c.expect('cli_cxx_source_isolated', ['run', '--isolate', 'hello.cpp', 'x'], 9, out=HELLO_OUT % 'hello.cpp')
    c.expect('cli_cxx_compile', ['compile', 'hello.cpp', '-o', 'hello.o'])
    c.expect('cli_cxx_compiled_runs', ['run', 'hello.o', 'x'], 9, out=HELLO_OUT % 'hello.o')
    # Not code until passes have run that every compiler runs.
    c.write('coroutine.cpp', COROUTINE)
    for name, options in (('', []), ('_O0', ['-O0']), ('_O2', ['-O2'])):
        c.expect('cli_cxx_coroutine_source' + name, ['run', *options, '--clang=-std=c++20', 'coroutine.cpp'], 6, out='')
    c.write('terminates.cpp', 'int main() { throw 1; }\n')
    c.expect('cli_cxx_uncaught_ends_as_natively', ['run', 'terminates.cpp'], -signal.SIGABRT, out='',
             err_has=("terminate called after throwing an instance of 'int'",))


def clang_options(c):
    c.write('standard.cpp', 'int main() { return __cplusplus / 100 % 100 + ADDED; }\n')
    for standard, macro in (('14', 201402), ('17', 201703), ('20', 202002)):
        c.expect('cli_cxx_clang_standard_' + standard,
                 ['run', '--clang=-std=c++' + standard, '--clang', '-DADDED=1', 'standard.cpp'],
                 macro // 100 % 100 + 1, out='')
    c.expect('cli_cxx_clang_option_for_compile', ['compile', '--clang=-DADDED=1', 'standard.cpp', '-o', 'standard.o'])
    c.expect_failure('cli_cxx_clang_option_that_is_none', ['run', '--clang=--nonsense', 'standard.cpp'],
                     '--nonsense', 'standard.cpp', own_lines_only=False)
    c.expect_failure('cli_cxx_too_many_clang_options', ['run', *['--clang=-DADDED=1'] * 65, 'standard.cpp'],
                     'more than 64 --clang options')


def messages(c):
    c.write('wrong.cpp', 'int main() { std::string s; }\n')
    c.expect_failure('cli_cxx_source_with_an_error', ['run', 'wrong.cpp'], 'wrong.cpp:1:14: error',
                     "'wrong.cpp' was taken for C++ source", own_lines_only=False)
    c.write('good.cpp', 'int main() {}\n')
    c.expect_failure('cli_cxx_source_without_clang', ['run', 'good.cpp'], "'good.cpp' is C++ source",
                     'no clang was found', 'apt install clang', env={'PATH': '/nonexistent'})
    c.write('named.c', HELLO)
    c.expect_failure('cli_cxx_source_named_as_c', ['run', 'named.c'], "'named.c' was taken for C source",
                     own_lines_only=False)
    c.write('missing.cpp', 'struct shape { virtual int area(); };\nint main() { return shape().area(); }\n')
    c.expect_failure('cli_cxx_undefined_names_are_listed', ['run', 'missing.cpp'], 'undefined symbol', '_ZTV5shape')


def mixed(c):
    """C and C++, as source, bitcode and objects, that call and throw through each other."""
    c.write('main.c', '#include <stdio.h>\nint guarded(int (*)(int), int);\nint thrower(int);\n'
                      'int main(void) { printf("%d %d\\n", guarded(thrower, 1), guarded(thrower, 2)); return 0; }\n')
    c.write('guarded.cpp', '#include <stdexcept>\nextern "C" int guarded(int (*f)(int), int n)\n'
                           '{ try { return f(n); } catch (const std::exception &e) { return e.what()[0]; } }\n')
    c.write('thrower.cpp', '#include <stdexcept>\nextern "C" int thrower(int n)\n'
                           '{ if (n == 2) throw std::runtime_error("A"); return n; }\n')
    c.build('g++', '-O2', '-c', 'thrower.cpp', '-o', 'thrower.o')
    c.build('g++', '-fno-pic', '-c', 'thrower.cpp', '-o', 'thrower-nopic.o')
    c.build('gcc', '-c', 'main.c', '-o', 'main.o')
    c.build('clang++-19', '-emit-llvm', '-c', 'guarded.cpp', '-o', 'guarded.bc')
    c.build('ar', 'rcs', 'thrower.a', 'thrower-nopic.o')
    for name, argv in (
            ('sources', ['--module=guarded.cpp', '--module=thrower.cpp', 'main.c']),
            ('source_and_objects', ['--module=guarded.cpp', '--module=thrower.o', 'main.o']),
            ('bitcode_and_objects', ['--module=guarded.bc', '--module=thrower.o', 'main.c']),
            ('non_pic_object', ['--module=guarded.cpp', '--module=thrower-nopic.o', 'main.c']),
            ('non_pic_archive', ['--module=guarded.bc', '--archive=thrower.a', 'main.o'])):
        c.expect('cli_cxx_mixed_' + name, ['run', *argv], 0, out='1 65\n')


def models(c):
    """What is not position-independent, or only for programs, runs as well."""
    c.write('models.cpp', MODELS)
    for compiler, level, model in (('g++', '-O0', '-fno-pic'), ('g++', '-O2', '-fno-pic'), ('g++', '-O2', '-fPIE'),
                                   ('clang++-19', '-O2', '-fno-pic'), ('clang++-22', '-O0', '-fno-pic'),
                                   ('clang++-22', '-O2', '-fPIE')):
        name = '%s_%s_%s' % (compiler.replace('+', 'x').replace('-', ''), level[1:], model[2:].replace('-', '_'))
        c.build(compiler, level, model, '-c', 'models.cpp', '-o', 'models.o')
        c.expect('cli_cxx_' + name, ['run', 'models.o'], 1, out=MODELS_OUT, stdin=b'1 2 3\n')
    for model in ('-fno-pic', '-fPIE'):
        c.build('clang++-22', '-O2', model, '-emit-llvm', '-c', 'models.cpp', '-o', 'models.bc')
        c.expect('cli_cxx_bitcode_%s' % model[2:].replace('-', '_'), ['run', 'models.bc'], 1, out=MODELS_OUT,
                 stdin=b'1 2 3\n')
    c.build('g++', '-fno-pic', '-c', 'models.cpp', '-o', 'models.o')
    c.expect('cli_cxx_non_pic_with_the_library_given', ['run', '--load=libstdc++.so.6', 'models.o'], 1, out=MODELS_OUT,
             stdin=b'1 2 3\n')


def out_of_reach(c):
    """Where the address space is limited the runtime library lies where the kernel puts it, and the message says what
    to do."""
    c.write('where.cpp', NOT_LOW)
    c.build('g++', '-fPIC', '-c', 'where.cpp', '-o', 'where-pic.o')
    c.build('g++', '-fno-pic', '-c', 'where.cpp', '-o', 'where.o')
    c.expect('cli_cxx_runtime_library_is_low', ['run', 'where-pic.o'], 2, out='')
    if cli.has_sanitizer():
        return

    def limited(*argv):
        size = 2 << 30
        return subprocess.run([cli.OWNJIT, 'run', *argv], cwd=c.folder, capture_output=True, text=True, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)))

    got = limited('where-pic.o')
    c.tap.check('cli_cxx_limited_address_space_runs', got.returncode == 1 and not got.stderr, str(got))
    got = limited('where.o')
    c.tap.check('cli_cxx_limited_address_space_is_told_of', got.returncode == cli.FAILED and all(
        part in got.stderr for part in ('where.o', '_ZSt4cout', '-fPIC')), str(got))


def libcxx(c):
    probe = c.call('run', c.write('probe.c', '#include <dlfcn.h>\nint main(void) { return !dlopen("libc++.so.1", 1); }\n'))
    c.write('has.cpp', '#include <iostream>\nint main() {}\n')
    has_headers = subprocess.run(['clang++-19', '-stdlib=libc++', '-fsyntax-only', 'has.cpp'], cwd=c.folder,
                                 capture_output=True, check=False).returncode == 0
    if probe.status != 0 or not has_headers:
        c.tap.skip('cli_cxx_libcxx', 'no libc++')
        return
    c.write('libcxx.cpp', MODELS)
    c.expect('cli_cxx_libcxx_source', ['run', '--llvm=19', '--clang=-stdlib=libc++', 'libcxx.cpp'], 1, out=MODELS_OUT,
             stdin=b'1 2 3\n')
    for model in ('-fPIE', '-fno-pic'):
        c.build('clang++-19', '-stdlib=libc++', '-O2', model, '-c', 'libcxx.cpp', '-o', 'libcxx.o')
        c.expect('cli_cxx_libcxx_' + model[2:].replace('-', '_'), ['run', 'libcxx.o'], 1, out=MODELS_OUT,
                 stdin=b'1 2 3\n')


cli.main(source, clang_options, messages, mixed, models, out_of_reach, libcxx)
