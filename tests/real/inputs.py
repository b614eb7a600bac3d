"""Build the real programs' inputs: bitcode and objects from Debian's sources, kept by content outside the tree.

What is built depends on the compiler's version, its flags, the source file and all headers beside it; the file's name
in the cache is the hash of these, so that nothing stale is ever used.
"""

import concurrent.futures
import functools
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get('OWNJIT_CACHE') or os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'ownjit')
BUILT = os.path.join(CACHE, 'built')


@functools.lru_cache(None)
def source(package):
    """The folder of a Debian source package, fetched where it is not there yet."""
    return subprocess.run([os.path.join(HERE, 'fetch.sh'), package], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


@functools.lru_cache(None)
def version(tool):
    return subprocess.run([tool, '--version'], check=True, capture_output=True, text=True).stdout


@functools.lru_cache(None)
def digest_headers(folder):
    digest = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(folder, '*.h'))):
        with open(path, 'rb') as file:
            digest.update(os.path.basename(path).encode() + file.read())
    return digest.hexdigest()


def digest_file(path):
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def keep(name, key, make):
    """The cached file of this key; make(path) writes it where it is missing."""
    digest = hashlib.sha256('\0'.join(key).encode()).hexdigest()[:24]
    stem, extension = os.path.splitext(name)
    path = os.path.join(BUILT, '%s-%s%s' % (stem, digest, extension))
    if not os.path.exists(path):
        os.makedirs(BUILT, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            made = os.path.join(folder, name)
            make(made)
            try:
                os.rename(made, path)
            except OSError:
                # A folder that another process has just put there.
                if not os.path.exists(path):
                    raise
    return path


def compile_c(compiler, flags, path, bitcode=False):
    """One source file to bitcode or an object. Bitcode does not ask for fused multiply-adds: whether they are used
    depends on the CPU that it is compiled for in the end, and the native build's is a plain one."""
    flags = ['-w', *flags, *(['-emit-llvm', '-ffp-contract=off'] if bitcode else [])]
    name = os.path.splitext(os.path.basename(path))[0] + ('.bc' if bitcode else '.o')
    key = [version(compiler), *flags, digest_file(path), digest_headers(os.path.dirname(path)), path]
    return keep(name, key, lambda out: subprocess.run([compiler, *flags, '-c', path, '-o', out], check=True))


def compile_all(compiler, flags, paths, bitcode=False):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda path: compile_c(compiler, flags, path, bitcode), paths))


def join_bitcode(name, compiler, paths):
    """All modules as one, with the llvm-link of the compiler's version."""
    tool = compiler.replace('clang', 'llvm-link')
    return keep(name + '.bc', [version(tool), *map(digest_file, paths)],
                lambda out: subprocess.run([tool, '-o', out, *paths], check=True))


def join_objects(name, paths):
    return keep(name + '.o', [version('ld'), *map(digest_file, paths)],
                lambda out: subprocess.run(['ld', '-r', '-o', out, *paths], check=True))


def native(name, objects, libraries):
    return keep(name, [version('gcc'), *map(digest_file, objects), *libraries],
                lambda out: subprocess.run(['gcc', '-rdynamic', '-o', out, *objects, *libraries], check=True))


def lua_sources():
    """lua.c first: it has main."""
    folder = os.path.join(source('lua5.4'), 'src')
    paths = [path for path in sorted(glob.glob(os.path.join(folder, '*.c')))
             if os.path.basename(path) not in ('luac.c', 'lua.c')]
    return [os.path.join(folder, 'lua.c')] + paths


LUA_FLAGS = ['-std=gnu99', '-DLUA_USE_LINUX', '-DLUA_COMPAT_5_3']
ZLIB_FLAGS = ['-DHAVE_UNISTD_H', '-D_LARGEFILE64_SOURCE=1']
SQLITE_FLAGS = ['-DSQLITE_ENABLE_FTS5', '-DSQLITE_ENABLE_RTREE', '-DSQLITE_ENABLE_MATH_FUNCTIONS',
                '-DSQLITE_THREADSAFE=1']


def sqlite_sources():
    """Debian's package has the parts of SQLite; its own makefile joins them into sqlite3.c and shell.c."""
    package = source('sqlite3')
    key = [digest_file(os.path.join(package, 'debian', 'changelog'))]

    def make(out):
        os.mkdir(out)
        for argv in ([os.path.join(package, 'configure'), '--disable-tcl', '--disable-readline'],
                     ['make', 'sqlite3.c', 'shell.c']):
            subprocess.run(argv, cwd=out, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for path in glob.glob(os.path.join(out, '*')):
            if os.path.basename(path) not in ('sqlite3.c', 'sqlite3.h', 'sqlite3ext.h', 'shell.c'):
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    folder = keep('sqlite', key, make)
    return [os.path.join(folder, 'shell.c'), os.path.join(folder, 'sqlite3.c')]


def zlib_sources():
    return sorted(glob.glob(os.path.join(source('zlib'), '*.c')))


def zlib_program(name):
    return os.path.join(source('zlib'), 'test', name + '.c')
