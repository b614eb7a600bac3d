#!/usr/bin/python3
"""Install the build of $OJT_BUILD into an empty folder, and use it as a program outside the tree would: through
pkg-config, shared and static, from C and C++, with no file of the tree in reach."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'real'))
sys.dont_write_bytecode = True
import tap as tapping  # noqa: E402

BUILD = os.environ['OJT_BUILD']
SOURCE = os.environ['OJT_SOURCE']
HEADERS = ['base', 'code', 'compiler', 'link', 'llvm', 'memory', 'object', 'ownjit', 'workers']
# The object is assembled by the client: `add` needs no LLVM to exist.
CLIENT = r'''
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static unsigned char bytes[65536];
    oj_error error;
    oj_code *code;
    int (*add)(int, int);
    FILE *file = fopen(argv[argc - 1], "rb");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (oj_link_bytes(bytes, size, NULL, &code, &error) != OJ_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    add = (int (*)(int, int))(size_t)oj_code_lookup_addr(code, "add");
    printf("%d %u\n", add(2, 3), oj_version());
    oj_code_destroy(code);
    return oj_version() == OJ_VERSION_NUMBER ? 0 : 2;
}
'''
# A host that loads and unloads a plug-in; a thread that has run its code ends when the plug-in is gone.
PLUGIN = r'''
#include <ownjit/ownjit.h>
#include <stdio.h>

int run(void);
int run(void)
{
    static unsigned char bytes[65536];
    FILE *file = fopen("count.o", "rb");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    oj_code *code;
    int result;
    if (file)
        fclose(file);
    if (oj_link_bytes(bytes, size, NULL, &code, NULL) != OJ_OK)
        return -1;
    result = ((int (*)(void))(size_t)oj_code_lookup_addr(code, "count"))();
    oj_code_destroy(code);
    return result;
}
'''
HOST = r'''
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static pthread_barrier_t barrier;
static int (*run)(void);
static int result;

static void *use(void *unused)
{
    result = run();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return unused;
}

static int count_mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int c, n = 0;
    while ((c = getc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}

int main(void)
{
    int first = 0;
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 8; i++) {
        void *plugin = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
        pthread_t thread;
        if (!plugin || !(run = (int (*)(void))dlsym(plugin, "run")))
            return 2;
        pthread_create(&thread, NULL, use, NULL);
        pthread_barrier_wait(&barrier);
        dlclose(plugin);
        pthread_barrier_wait(&barrier);
        pthread_join(thread, NULL);
        if (result != 6)
            return 3;
        if (i == 1)
            first = count_mappings();
    }
    printf("%d\n", count_mappings() - first);
    return 0;
}
'''
COUNT = 'static _Thread_local int n = 5;\nint count(void);\nint count(void) { return ++n; }\n'
# What a program without a dynamic linker is told, which cannot load LLVM.
STATIC = r'''
#include <ownjit/ownjit.h>
#include <stdio.h>

int main(void)
{
    oj_compiler *compiler;
    oj_error error;
    oj_status status = oj_compiler_create(&compiler, NULL, &error);
    puts(error.text);
    return status == OJ_E_NO_LLVM ? 0 : 1;
}
'''
ADD = 'int add(int a, int b);\nint add(int a, int b) { return a + b; }\n'


class Place:
    """A folder with the installation in `root`, and work beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.root = os.path.join(folder, 'root')
        self.env = dict(os.environ)

    def run(self, *argv, **more):
        return subprocess.run(argv, cwd=self.folder, env={**self.env, **more}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def find(self, name):
        return [os.path.join(path, name) for path, _, files in os.walk(self.root) if name in files]

    def pkg_config(self, *options):
        """The words of an answer of pkg-config, for the installation under its root."""
        done = self.run('pkg-config', *options, 'ownjit', PKG_CONFIG_SYSROOT_DIR=self.root,
                        PKG_CONFIG_LIBDIR=os.path.dirname((self.find('ownjit.pc') or [''])[0]))
        return done.stdout.split() if done.returncode == 0 else ['pkg-config-failed:' + done.stdout]


def check_files(tap, place):
    for name in ('ownjit', 'libownjit.so', 'libownjit.so.0', 'libownjit.a', 'ownjit.pc', 'ownjit.1', 'ownjit-worker'):
        tap.check('install_has_' + name, len(place.find(name)) == 1, str(place.find(name)))
    installed = sorted(os.path.relpath(path, place.root) for header in HEADERS
                       for path in place.find(header + '.h') if '/ownjit/' in path)
    tap.check('install_has_all_headers', len(installed) == len(HEADERS), str(installed))
    leaked = [path for path, _, _ in os.walk(place.root) if 'cmocka' in path or '/tests' in path]
    tap.check('install_has_no_tests', not leaked, str(leaked))
    version = place.pkg_config('--modversion')
    with open(os.path.join(SOURCE, 'meson.build'), encoding='utf-8') as file:
        tap.check('install_pkg_config_version', "version: '%s'" % version[0] in file.read(), str(version))


def check_headers(tap, place):
    cflags = place.pkg_config('--cflags')
    for header in HEADERS:
        place.write('one.c', '#include <ownjit/%s.h>\n#include <ownjit/%s.h>\nint dummy;\n' % (header, header))
        strict = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Werror']
        for tag, compiler in (('c11', ['gcc', '-std=c11']), ('c11_clang', ['clang-19', '-std=c11']),
                              ('cxx11', ['g++', '-std=c++11', '-x', 'c++']),
                              ('cxx20', ['g++', '-std=c++20', '-x', 'c++'])):
            done = place.run(*compiler, *strict, *cflags, '-c', 'one.c', '-o', 'one.o')
            tap.check('install_header_%s_%s' % (header, tag), done.returncode == 0, done.stdout)


def check_client(tap, place, tag, compiler, libraries, library_path):
    done = place.run(*compiler, *place.pkg_config('--cflags'), '-o', 'client', 'client.c', *libraries)
    if not tap.check('install_%s_builds' % tag, done.returncode == 0, done.stdout):
        return
    done = place.run('./client', 'add.o', LD_LIBRARY_PATH=library_path)
    tap.check('install_%s_runs' % tag, done.returncode == 0 and done.stdout.startswith('5 '), done.stdout)
    linked = place.run('ldd', './client', LD_LIBRARY_PATH=library_path).stdout
    is_shared = place.root in linked and 'libownjit.so.0' in linked
    tap.check('install_%s_links_what_it_says' % tag, is_shared == bool(library_path), linked)
    done = place.run('./client', 'client.c', LD_LIBRARY_PATH=library_path)
    tap.check('install_%s_reports' % tag, done.returncode == 1 and len(done.stdout) > 10, done.stdout)


def check_plugin(tap, place, tag, libraries, library_path):
    done = place.run('gcc', *place.pkg_config('--cflags'), '-shared', '-fPIC', '-o', 'plugin.so', 'plugin.c', *libraries)
    if not tap.check('install_plugin_%s_builds' % tag, done.returncode == 0, done.stdout):
        return
    done = place.run('./host', LD_LIBRARY_PATH=library_path)
    tap.check('install_plugin_%s_is_unloaded' % tag, done.returncode == 0, '%d %s' % (done.returncode, done.stdout))
    tap.check('install_plugin_%s_leaves_no_more_each_time' % tag,
              done.returncode == 0 and int(done.stdout) <= 2, done.stdout)


def check_static(tap, place, libraries):
    """Linked to the C library's archive: no dynamic linker, and no function of its in the program."""
    flags = place.pkg_config('--cflags')
    check_client(tap, place, 'wholly_static', ['gcc', '-std=c11', '-static'], libraries, '')
    done = place.run('gcc', '-static', *flags, '-o', 'static', 'static.c', *libraries)
    if tap.check('install_static_compiler_builds', done.returncode == 0, done.stdout):
        done = place.run('./static')
        tap.check('install_static_is_told_of_workers',
                  done.returncode == 0 and 'linked statically' in done.stdout and 'OJ_ISOLATION_WORKER' in done.stdout,
                  '%d %s' % (done.returncode, done.stdout))


def main():
    tap = tapping.Tap()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        meson = '/usr/bin/meson' if os.access('/usr/bin/meson', os.X_OK) else 'meson'
        done = place.run(meson, 'install', '-C', BUILD, '--no-rebuild', '--destdir', place.root)
        if not tap.check('install_succeeds', done.returncode == 0, done.stdout):
            tap.end()
        check_files(tap, place)
        check_headers(tap, place)
        place.write('client.c', CLIENT)
        place.write('add.c', ADD)
        place.run('gcc', '-O2', '-c', 'add.c')
        shared = place.pkg_config('--libs')
        folder = os.path.dirname(place.find('libownjit.so')[0])
        check_client(tap, place, 'shared', ['gcc', '-std=c11'], shared, folder)
        check_client(tap, place, 'shared_cxx', ['g++', '-x', 'c++'], shared, folder)
        # The static one: pkg-config's words, with the library itself named as the archive.
        static = [word if word != '-lownjit' else '-l:libownjit.a' for word in place.pkg_config('--static', '--libs')]
        check_client(tap, place, 'static', ['gcc', '-std=c11'], static, '')
        for name, text in (('plugin.c', PLUGIN), ('host.c', HOST), ('count.c', COUNT), ('static.c', STATIC)):
            place.write(name, text)
        place.run('gcc', '-O2', '-fPIC', '-c', 'count.c')
        done = place.run('gcc', '-std=gnu11', '-o', 'host', 'host.c', '-ldl', '-pthread')
        if tap.check('install_host_builds', done.returncode == 0, done.stdout):
            check_plugin(tap, place, 'shared', shared, folder)
            check_plugin(tap, place, 'static', static, '')
        check_static(tap, place, static)
        tool = place.find('ownjit')[0]
        done = place.run(tool, '--version')
        tap.check('install_tool_runs', done.returncode == 0 and '0.1' in done.stdout, done.stdout)
        moved = shutil.copy(tool, os.path.join(place.folder, 'moved'))
        tap.check('install_tool_stands_alone', place.run(moved, 'info').returncode == 0)
    tap.end()


if __name__ == '__main__':
    main()
