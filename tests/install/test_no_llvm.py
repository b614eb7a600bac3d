#!/usr/bin/python3
"""The library and the command line on a machine without LLVM: what needs it says so, everything else works. Such a
machine is simulated in a process, by a preloaded dlopen(), and where the system lets us by hiding the files."""

import ctypes
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'real'))
sys.dont_write_bytecode = True
import tap as tapping  # noqa: E402

BUILD = os.environ['OJT_BUILD']
SOURCE = os.environ['OJT_SOURCE']
OJ_E_NO_LLVM = 501
MODULE = 'define i32 @main() {\n  ret i32 42\n}\n'
PROGRAM = 'int printf(const char *, ...);\nint main(void) { return printf("object\\n"); }\n'


def call_create(out):
    """In a process of its own: oj_compiler_create() on the shared library. Prints status and text."""
    library = ctypes.CDLL(os.path.join(BUILD, 'lib', 'libownjit.so'))
    error = ctypes.create_string_buffer(4096)
    compiler = ctypes.c_void_p(1)
    status = library.oj_compiler_create(ctypes.byref(compiler), None, error)
    print(json.dumps({'status': status, 'compiler': compiler.value, 'text': bytes(error).decode(errors='replace')}),
          file=out)


def check_without(tap, tag, wrap, env, folder):
    def run(*argv):
        return subprocess.run([*wrap, *argv], cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def show(done):
        return '%s\n%s\n%s' % (done.returncode, done.stdout, done.stderr)

    done = run(sys.executable, __file__, 'create')
    answer = json.loads(done.stdout) if done.returncode == 0 else {}
    tap.check('no_llvm_%s_create_says_so' % tag, answer.get('status') == OJ_E_NO_LLVM and not answer.get('compiler')
              and 'LLVM' in answer.get('text', ''), show(done))
    done = run(tapping.OWNJIT, 'run', 'module.ll')
    tap.check('no_llvm_%s_run_module_is_125' % tag, done.returncode == 125 and 'LLVM' in done.stderr
              and done.stderr.startswith('ownjit: ') and done.stdout == '', show(done))
    done = run(tapping.OWNJIT, 'run', 'program.o')
    tap.check('no_llvm_%s_run_object_works' % tag, (done.returncode, done.stdout) == (7, 'object\n'), show(done))
    done = run(tapping.OWNJIT, 'inspect', 'program.o')
    tap.check('no_llvm_%s_inspect_works' % tag, done.returncode == 0 and 'main' in done.stdout, show(done))
    done = run(tapping.OWNJIT, 'info')
    tap.check('no_llvm_%s_info_works' % tag, done.returncode == 0 and done.stdout != '', show(done))


def hide_files_command():
    """Run a command where every libLLVM is an empty file, in a mount namespace of its own; None where not allowed."""
    script = ('for f in /usr/lib/*/libLLVM*.so* /usr/lib/llvm-*/lib/libLLVM*.so*; do '
              'test ! -f "$f" || mount --bind /dev/null "$(readlink -f "$f")"; done; exec "$@"')
    for namespaces in (['--mount'], ['--user', '--map-root-user', '--mount']):
        wrap = ['unshare', *namespaces, 'sh', '-c', script, 'sh']
        tried = subprocess.run([*wrap, 'true'], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if tried.returncode == 0:
            return wrap
    return None


def check_build(tap):
    """Nothing of LLVM was in reach when the library was compiled."""
    with open(os.path.join(BUILD, 'compile_commands.json'), encoding='utf-8') as file:
        commands = [entry['command'] for entry in json.load(file) if '/src/' in os.path.abspath(
            os.path.join(entry['directory'], entry['file']))]
    tap.check('no_llvm_build_has_no_llvm_paths',
              len(commands) > 10 and not any('/usr/lib/llvm' in command or 'include/llvm' in command for command in commands))


def main():
    if sys.argv[1:] == ['create']:
        call_create(sys.stdout)
        return
    tap = tapping.Tap()
    check_build(tap)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (('module.ll', MODULE), ('program.c', PROGRAM)):
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(text)
        subprocess.run(['gcc', '-c', 'program.c'], cwd=folder, check=True)
        preload = os.path.join(folder, 'no_llvm.so')
        subprocess.run(['gcc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o', preload,
                        os.path.join(SOURCE, 'tests', 'support', 'no_llvm.c'), '-ldl'], check=True)
        check_without(tap, 'preloaded', [], {'LD_PRELOAD': preload}, folder)
        wrap = hide_files_command()
        if wrap:
            check_without(tap, 'hidden', wrap, {}, folder)
        else:
            tap.skip('no_llvm_hidden', 'this system allows no mount namespace')
    tap.end()


if __name__ == '__main__':
    main()
