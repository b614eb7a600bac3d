#!/usr/bin/python3
"""Exceptions between a host and code that it links by the C API, with each unwinder that a process may have: the
machine's libgcc, one from a newer Debian release, LLVM's with libc++. The registry's own tests run with the newer libgcc
as well: before version 13 it kept lists, since then a tree."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ['OJT_BUILD']
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'real'))
import tap as tapping  # noqa: E402

NEWER = 'trixie'
LLVM = ['clang++-19', '-stdlib=libc++', '-unwindlib=libunwind', '-rtlib=compiler-rt']
COMPILERS = (['g++'], ['clang++-19'], ['clang++-22'])
PROGRAMS = ('test_unwind_registry', 'test_unwind_tables', 'test_fault_registries')

BETWEEN = """\
returned 1
cleanup 1
int 1
cleanup 1
returned 100
cleanup 1
cleanup 1
int 100
returned 2
cleanup 2
int 2
cleanup 2
returned 200
cleanup 2
cleanup 2
int 200
host -3
cleanup -3
host -3
cleanup -3
returned -300
cleanup -3
cleanup -3
int -300
returned -1
cleanup 0
returned 1
cleanup 0
returned -1
cleanup 0
cleanup 0
returned 1
frames 1
"""
LARGE = 'cleanup 1\nint 1\ncleanup -3\nhost -3\ncleanup 0\nreturned 245\ncleanup 5\nint 5\nkept 654321\n'
ACROSS = 'cleanup 0\nuses 10\ncleanup 1\nuses 1\ncleanup 2\nuses 12\ncleanup 3\nsomething\n' * 3
# Case: objects, status, output, and what stderr must have. None: only the last line of the output counts.
CASES = {
    'between': (['linked'], 0, BETWEEN, ''),
    'across': (['linked', 'user'], 0, ACROSS, ''),
    'large': (['linked'], 0, LARGE, ''),
    'without_table': (['blind'], -6, 'returned 0\n', 'terminat'),
    'unhandled': (['linked'], -6, '', 'terminat'),
    'many': (['linked'], 0, 'cleanup 1\n' * 1500 + 'caught 2500\n', ''),
}


class Setting:
    """Compilers of host and objects, and the environment that both run in."""

    def __init__(self, name, host, compiler, level, env=None):
        self.name = '%s_%s' % (name, level[1:])
        self.host, self.compiler, self.level, self.env = host, compiler, level, env or {}

    def build(self, folder):
        library = os.path.join(BUILD, 'lib')
        host = os.path.join(folder, 'host_' + '_'.join(self.host).replace('/', '_'))
        if not os.path.exists(host):
            rpaths = ['-Wl,-rpath,' + library] + (['-Wl,-rpath,/usr/lib/llvm-19/lib'] if self.host == LLVM else [])
            subprocess.run([*self.host, '-std=c++17', '-O1', os.path.join(HERE, 'host.cpp'), '-o', host, '-I',
                            os.path.join(SOURCE, 'include'), '-L', library, '-lownjit', *rpaths], check=True)
        objects = {}
        for source in ('linked.cpp', 'user.cpp', 'blind.c'):
            stem, extension = source.split('.')
            objects[stem] = os.path.join(folder, '%s_%s.o' % (stem, self.name))
            flags = ['-fno-asynchronous-unwind-tables', '-fno-exceptions', '-fno-unwind-tables', '-x',
                     'c'] if extension == 'c' else ['-std=c++17']
            subprocess.run([*self.compiler, self.level, '-fPIC', '-w', *flags, '-c', os.path.join(HERE, source), '-o',
                            objects[stem]], check=True)
        return host, objects


def run(argv, env):
    return subprocess.run(argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, check=False)


def check_setting(tap, setting, folder):
    host, objects = setting.build(folder)
    for case, (names, status, output, words) in CASES.items():
        done = run([host, case, *[objects[name] for name in names]], setting.env)
        said = words in done.stderr if words else done.stderr == ''
        tap.check('unwinders_%s_%s' % (setting.name, case),
                  done.returncode == status and done.stdout == output and said,
                  'status %s\n%s%s' % (done.returncode, done.stdout[-500:], done.stderr))


def check_both_loaded(tap, folder):
    """The command line has libgcc loaded before libc++ brings LLVM's unwinder."""
    compiled = os.path.join(folder, 'regex.o')
    subprocess.run([LLVM[0], LLVM[1], '-std=c++17', '-O2', '-fPIC', '-c', os.path.join(HERE, 'regex.cpp'), '-o',
                    compiled], check=True)
    done = run([os.path.join(BUILD, 'bin', 'ownjit'), 'run', compiled], {})
    tap.check('unwinders_both_loaded_large_functions', done.returncode == 0 and done.stdout == 'refused\n' * 4,
              'status %s\n%s%s' % (done.returncode, done.stdout, done.stderr))


def check_late(tap, folder, name, env):
    """The host has libgcc; a library that it loads after its first links brings LLVM's unwinder."""
    library, linked = os.path.join(folder, 'thrower.so'), os.path.join(folder, 'pass.o')
    if not os.path.exists(library):
        subprocess.run([*LLVM, '-shared', '-fPIC', '-O1', '-Wl,-rpath,/usr/lib/llvm-19/lib',
                        os.path.join(HERE, 'thrower.cpp'), '-o', library], check=True)
        subprocess.run(['gcc', '-fPIC', '-O2', '-fexceptions', '-ffunction-sections', '-c',
                        os.path.join(HERE, 'pass.c'), '-o', linked], check=True)
    done = run([os.path.join(folder, 'host_g++'), 'late', linked, library], env)
    tap.check(name, done.returncode == 0 and done.stdout == 'caught 3\n' * 7,
              'status %s\n%s%s' % (done.returncode, done.stdout, done.stderr))


def newer_libgcc():
    """The folder, or why there is none."""
    done = run([os.path.join(HERE, 'newer_libgcc.sh'), NEWER], {})
    return (done.stdout.strip(), '') if done.returncode == 0 else ('', done.stderr.strip())


def check_newer(tap, folder):
    library, reason = newer_libgcc()
    if not library:
        tap.skip('unwinders_newer_libgcc', reason)
        return {}
    env = {'LD_LIBRARY_PATH': library}
    used = run(['ldd', os.path.join(folder, 'host_g++')], env).stdout
    tap.check('unwinders_newer_libgcc_is_used', library in used, used)
    check_setting(tap, Setting('newer_libgcc', ['g++'], ['g++'], '-O2', env), folder)
    for program in PROGRAMS:
        # No unwinder is linked to these: what is loaded at the first table is what the dynamic linker finds.
        done = run([os.path.join(BUILD, 'tests', program)], env)
        tap.check('unwinders_newer_libgcc_' + program, done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:])
    return env


def main():
    tap = tapping.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for compiler in COMPILERS:
            for level in ('-O0', '-O2'):
                check_setting(tap, Setting(compiler[0].replace('++', 'xx'), ['g++'], compiler, level), folder)
        newer = check_newer(tap, folder)
        if shutil.which(LLVM[0]) and os.path.exists('/usr/lib/llvm-19/lib/libunwind.so'):
            check_setting(tap, Setting('llvm_unwinder', LLVM, LLVM, '-O2'), folder)
            check_both_loaded(tap, folder)
            check_late(tap, folder, 'unwinders_llvm_unwinder_loaded_late', {})
            if newer:
                check_late(tap, folder, 'unwinders_llvm_unwinder_loaded_late_newer_libgcc', newer)
        else:
            tap.skip('unwinders_llvm_unwinder', 'libunwind-19-dev is not installed')
            tap.skip('unwinders_both_loaded_large_functions', 'libunwind-19-dev is not installed')
            tap.skip('unwinders_llvm_unwinder_loaded_late', 'libunwind-19-dev is not installed')
    tap.end()


if __name__ == '__main__':
    main()
