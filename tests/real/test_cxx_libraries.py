#!/usr/bin/python3
"""C++ libraries of Debian's with their own test suites: JsonCpp (a tree of values, streams, locales) and pugixml (parsing
in place, an expression language, allocators that fail, exceptions, setjmp). Every object is a module of its own, so that inline functions, templates
and static constructors of many objects meet in one link. Output and status are the native program's."""

import concurrent.futures
import glob
import os

import inputs
import tap as tapping

# The first is the native program's, too.
BUILDS = [('gxx_O0', 'g++', ['-O0']), ('gxx_O2_nopic', 'g++', ['-O2', '-fno-pic']),
          ('clangxx19_O2', 'clang++-19', ['-O2']), ('clangxx22_O0', 'clang++-22', ['-O0'])]


def jsoncpp():
    package = inputs.source('libjsoncpp')
    flags = ['-std=c++17', '-I' + os.path.join(package, 'include')]
    paths = sorted(glob.glob(os.path.join(package, 'src', 'lib_json', '*.cpp')))
    tests = [os.path.join(package, 'src', 'test_lib_json', name + '.cpp') for name in ('main', 'jsontest', 'fuzz')]
    return flags, tests + paths


def pugixml():
    """Tests that read files beside the sources are left out."""
    package = inputs.source('pugixml')
    folder = os.path.join(package, 'tests')
    names = ('main', 'test', 'allocator', 'writer_string', 'test_dom_modify', 'test_dom_text', 'test_memory', 'test_parse',
             'test_unicode', 'test_write', 'test_xpath_functions', 'test_xpath_operators', 'test_xpath_paths',
             'test_xpath_variables')
    paths = [os.path.join(folder, name + '.cpp') for name in names] + [os.path.join(package, 'src', 'pugixml.cpp')]
    return ['-std=c++11'], paths


def main():
    tap = tapping.Tap()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for library, find in (('jsoncpp', jsoncpp), ('pugixml', pugixml)):
            flags, paths = find()
            native = None
            for name, compiler, own in BUILDS:
                objects = list(pool.map(lambda path, c=compiler, f=own: inputs.compile_c(c, [*f, *flags], path), paths))
                native = native or inputs.native(library + '_tests', objects, ['-lstdc++', '-lm', '-lpthread'])
                modules = [option for path in objects[1:] for option in ('--module', path)]
                tapping.compare(tap, 'cxx_%s_%s' % (library, name), native, modules, objects[0], [])
    tap.end()


if __name__ == '__main__':
    main()
