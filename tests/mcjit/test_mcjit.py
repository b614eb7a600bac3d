#!/usr/bin/python3
"""Programs written against llvm-c/ExecutionEngine.h, compiled once, with every libLLVM.

client_*.c run with LLVM's own engine and with the drop-in preloaded: status, output and messages are equal, and no call
reaches LLVM's own engine but those that ask for it. only_*.c run with the drop-in alone, where LLVM's own would end the
process. engine.ml uses Debian's OCaml bindings; osmesa.c draws with Mesa, whose engines are made in C++.
test_extension.c links the drop-in. debugged.c stops under gdb. signatures.c is our signatures against each version's
headers. In a sanitized build, the clients alone run, with the sanitizer's runtime loaded first."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, '..', 'real'))
sys.dont_write_bytecode = True
import tap as tapping  # noqa: E402

BUILD = os.environ['OJT_BUILD']
LIBRARY = os.path.join(BUILD, 'lib', 'libownjit-mcjit.so')
LLVM = {'14': 'libLLVM-14.so.1', '15': 'libLLVM-15.so.1', '16': 'libLLVM-16.so.1', '19': 'libLLVM.so.19.1',
        '22': 'libLLVM.so.22.1'}
FOLDERS = ('/usr/lib/x86_64-linux-gnu', '/usr/lib/llvm-%s/lib', '/usr/lib/aarch64-linux-gnu')
HEADERS = '/usr/lib/llvm-14/include'
# What may go on to LLVM's own functions: listeners are its objects, and so is the interpreter.
FORWARDED = {
    'client_addresses': {'LLVMCreate%s' % name for name in (
        'GDBRegistrationListener', 'IntelJITEventListener', 'OProfileJITEventListener', 'PerfJITEventListener')},
    'client_run': {'LLVMCreateInterpreterForModule', 'LLVMRunFunction', 'LLVMFindFunction',
                   'LLVMGetExecutionEngineTargetData', 'LLVMDisposeExecutionEngine'},
}


def library(version):
    for folder in FOLDERS:
        path = os.path.join(folder % version if '%s' in folder else folder, LLVM[version])
        if os.path.exists(path):
            return path
    return None


def build(folder, name, more=(), headers=HEADERS):
    source, output = os.path.join(HERE, name + '.c'), os.path.join(folder, name + '.o')
    subprocess.run(['gcc', '-g', '-std=gnu11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', '-isystem', headers, '-c', source,
                    '-o', output, *more], check=True)
    return output


def link(folder, name, version, *before):
    output = os.path.join(folder, '%s-%s' % (name, version))
    subprocess.run(['gcc', os.path.join(folder, name + '.o'), '-o', output, *before, library(version)], check=True)
    return output


def forwarded(log):
    if not os.path.exists(log):
        return set()
    with open(log, encoding='utf-8') as file:
        return set(re.findall(r'^ownjit-mcjit: (\w+) goes to', file.read(), re.M))


def drop_in(program, log, first=''):
    return tapping.run([program], env={'LD_PRELOAD': first + LIBRARY, 'OWNJIT_MCJIT_LOG': log})


def sanitizer_runtime():
    """What a sanitized build needs loaded before it; None where it is none. The clients are not instrumented."""
    names = subprocess.run(['nm', '-D', '--undefined-only', LIBRARY], check=True, stdout=subprocess.PIPE, text=True).stdout
    kind = 'asan' if '__asan_init' in names else 'tsan' if '__tsan_init' in names else None
    if not kind:
        return None
    comment = subprocess.run(['readelf', '-p', '.comment', LIBRARY], check=True, stdout=subprocess.PIPE, text=True).stdout
    compiler, name = ('clang-19', 'libclang_rt.%s-%s.so' % (kind, os.uname().machine)) if 'clang' in comment else (
        'gcc', 'lib%s.so' % kind)
    path = subprocess.run([compiler, '-print-file-name=' + name], check=True, stdout=subprocess.PIPE, text=True).stdout
    path = os.path.realpath(path.strip())
    return path if os.path.exists(path) else ''


def check_sanitized(tap, folder, names, runtime):
    """only_faults has a heap of its own, which a sanitizer's takes the place of; it counts leaks itself."""
    os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
    version = '22' if library('22') else '19'
    for name in names:
        if name == 'only_faults':
            continue
        if not runtime:
            tap.skip('mcjit_sanitized_' + name, 'the shared runtime of the sanitizer is not installed')
            continue
        build(folder, name)
        got = drop_in(link(folder, name, version), os.path.join(folder, name + '.log'), runtime + ':')
        tap.check('mcjit_sanitized_' + name, got.status == 0, 'status %s\n%s\n%s' % (
            got.status, got.out.decode(errors='replace'), got.err.decode(errors='replace')))


def compare_client(tap, folder, name, version):
    program, log = link(folder, name, version), os.path.join(folder, '%s-%s.log' % (name, version))
    expected, got = tapping.run([program]), drop_in(program, log)
    tap.check('mcjit_%s_llvm%s_equal' % (name, version), expected.status == 0 and expected == got,
              tapping.describe([program], expected, got))
    calls = forwarded(log)
    tap.check('mcjit_%s_llvm%s_forwarded' % (name, version), calls == FORWARDED.get(name, set()),
              'forwarded: %s' % sorted(calls))


def check_alone(tap, folder, name, version):
    program, log = link(folder, name, version), os.path.join(folder, '%s-%s.log' % (name, version))
    got = drop_in(program, log)
    passed = got.status == 0 and got.out.endswith(b'end\n') and not forwarded(log)
    for line in re.findall(rb'[^\n]* failure points', got.out):
        print('# ' + line.decode())
    tap.check('mcjit_%s_llvm%s' % (name, version), passed, 'status %s\n%s\n%s' % (
        got.status, got.out.decode(errors='replace'), got.err.decode(errors='replace')))


def check_finalized_once(tap, folder, version):
    """LLVM's own calls FinalizeMemory for every address that is asked for; the drop-in for every batch of code."""
    program = os.path.join(folder, 'client_memory-' + version)
    got = tapping.run([program], env={'LD_PRELOAD': LIBRARY, 'OJT_DROP_IN': '1'})
    counts = re.findall(rb': finalized (\d+)', got.err)
    tap.check('mcjit_finalized_once_llvm' + version, counts == [b'0', b'1', b'1', b'2', b'2', b'2'], str(counts))


def check_extension(tap, folder, version):
    libraries = os.path.join(BUILD, 'lib')
    program = link(folder, 'test_extension', version, '-L' + libraries, '-lownjit-mcjit', '-lownjit',
                   '-Wl,-rpath,' + libraries)
    got = tapping.run([program], env={'OWNJIT_WORKER': os.path.join(BUILD, 'src', 'ownjit-worker')})
    tap.check('mcjit_extension_llvm' + version, got.status == 0 and got.out.endswith(b'end\n'), 'status %s\n%s\n%s' % (
        got.status, got.out.decode(errors='replace'), got.err.decode(errors='replace')))


def build_liar(folder, version, name, kind, needs_llvm):
    """A library of liar.c; with LLVM behind it, what it does not say itself is LLVM's."""
    output = os.path.join(folder, 'lib%s-%s.so' % (name, version))
    subprocess.run(['gcc', '-shared', '-fPIC', '-std=gnu11', '-D_GNU_SOURCE', '-DLIAR_' + kind, '-isystem', HEADERS,
                    os.path.join(HERE, 'liar.c'), '-o', output, '-Wl,--no-as-needed',
                    *([library(version)] if needs_llvm else [])], check=True)
    return output


def check_lies(tap, folder, version):
    liar = build_liar(folder, version, 'liar', 'TARGETS', True)
    libraries = [build_liar(folder, version, 'nowhere', 'NOWHERE', False),
                 build_liar(folder, version, 'lacking', 'LACKING', False),
                 build_liar(folder, version, 'future', 'FUTURE', True)]
    plain = build_liar(folder, version, 'plain', 'NOTHING', True)
    for i in range(20):
        libraries.append(os.path.join(folder, 'libplain%d-%s.so' % (i, version)))
        shutil.copy(plain, libraries[-1])
    build(folder, 'lies')
    program = link(folder, 'lies', version, liar, '-Wl,-rpath,' + folder)
    got = tapping.run([program, *libraries], env={'LD_PRELOAD': LIBRARY})
    tap.check('mcjit_lies_llvm' + version, got.status == 0 and got.out.endswith(b'end\n'), 'status %s\n%s\n%s' % (
        got.status, got.out.decode(errors='replace'), got.err.decode(errors='replace')))


def check_no_llvm(tap, folder):
    build(folder, 'no_llvm')
    program = os.path.join(folder, 'no_llvm')
    libraries = os.path.dirname(LIBRARY)
    subprocess.run(['gcc', program + '.o', '-o', program, '-L' + libraries, '-lownjit-mcjit', '-Wl,-rpath,' + libraries],
                   check=True)
    got = tapping.run([program])
    tap.check('mcjit_no_llvm', got.status == 0 and b'this process has no LLVM C API' in got.out,
              got.out.decode(errors='replace') + got.err.decode(errors='replace'))


def check_signatures(tap, version):
    headers = '/usr/lib/llvm-%s/include' % version
    name = 'mcjit_signatures_llvm' + version
    if not os.path.exists(os.path.join(headers, 'llvm-c', 'ExecutionEngine.h')):
        tap.skip(name, 'the headers of LLVM %s are not installed' % version)
        return
    argv = ['gcc', '-std=c11', '-D_GNU_SOURCE', '-fsyntax-only', '-Wall', '-Werror', '-isystem', headers,
            '-I' + os.path.join(SOURCE, 'src'), os.path.join(HERE, 'signatures.c')]
    with open(os.path.join(headers, 'llvm-c', 'ExecutionEngine.h'), encoding='utf-8') as file:
        declared = set(re.findall(r'\b(LLVM\w+)\s*\((?!\*)', re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)))
    symbols = subprocess.run(['nm', '-D', '--defined-only', LIBRARY], check=True, stdout=subprocess.PIPE, text=True)
    exported = {line.split()[-1] for line in symbols.stdout.split('\n') if line}
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    tap.check(name, done.returncode == 0, done.stdout)
    # Exactly these, none with a version behind an @, and of the library's own names only those of its header.
    ours = {each for each in exported if not each.startswith('oj_mcjit_')}
    tap.check('mcjit_exports_llvm' + version, ours == declared, 'missing %s, surplus %s' % (
        sorted(declared - ours), sorted(ours - declared)))


def check_random_signatures(tap, folder, version, count):
    name = 'mcjit_%d_random_signatures_llvm%s' % (count, version)
    callees = os.path.join(folder, 'callees.ll')
    seed = os.environ.get('OJT_SEED', '1')
    subprocess.run([sys.executable, os.path.join(HERE, 'make_signatures.py'), seed, str(count), callees,
                    os.path.join(folder, 'callers.inc')], check=True)
    program = os.path.join(folder, 'random-' + version)
    subprocess.run(['clang-19', '-O0', '-w', '-fno-strict-aliasing', '-I' + folder, '-I' + HERE,
                    '-isystem', HEADERS, os.path.join(HERE, 'signatures_random.c'), '-o', program, library(version)],
                   check=True)
    got = tapping.run([program], env={'LD_PRELOAD': LIBRARY, 'OJT_CALLEES': callees})
    tap.check(name, got.status == 0 and got.out == b'%d signatures, 0 wrong\n' % count, 'seed %s\n%s\n%s' % (
        seed, got.out.decode(errors='replace'), got.err.decode(errors='replace')))


def compare_real(tap, name, program, log, expected_calls):
    """A program that somebody else's library makes a client: equal output, and only these calls forwarded."""
    expected, got = tapping.run([program]), drop_in(program, log)
    tap.check('mcjit_%s_equal' % name, expected.status == 0 and expected == got,
              tapping.describe([program], expected, got))
    calls = forwarded(log)
    tap.check('mcjit_%s_forwarded' % name, calls == expected_calls, 'forwarded: %s' % sorted(calls))


def check_ocaml(tap, folder):
    """Debian's bindings ask for a library of the name libLLVM.so, which no package of its has."""
    if not shutil.which('ocamlfind') or subprocess.run(
            ['ocamlfind', 'query', 'llvm.executionengine', 'ctypes.foreign'], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode:
        tap.skip('mcjit_ocaml', 'the OCaml bindings of LLVM are not installed')
        return
    os.symlink(library('14'), os.path.join(folder, 'libLLVM.so'))
    shutil.copy(os.path.join(HERE, 'engine.ml'), folder)
    subprocess.run(['ocamlfind', 'ocamlopt', '-thread', '-linkpkg', '-package',
                    'threads.posix,llvm.executionengine,llvm.analysis,ctypes,ctypes.foreign', '-ccopt', '-L' + folder,
                    'engine.ml', '-o', 'engine'], cwd=folder, check=True)
    compare_real(tap, 'ocaml', os.path.join(folder, 'engine'), os.path.join(folder, 'engine.log'), set())


def check_gdb(tap, folder, version):
    """A real gdb stops on a source line of a module with debug information, shows a variable and both frames."""
    name = 'mcjit_gdb_llvm' + version
    if not shutil.which('gdb'):
        tap.skip(name, 'gdb is not installed')
        return
    with open(os.path.join(folder, 'jitted.c'), 'w', encoding='utf-8') as file:
        file.write('int jitted(int input)\n{\n    int twice = input * 2;\n    return twice + 2;\n}\n')
    subprocess.run(['clang-' + version, '-g', '-O0', '-S', '-emit-llvm', 'jitted.c', '-o', 'jitted.ll'], cwd=folder,
                   check=True)
    build(folder, 'debugged')
    commands = ['set breakpoint pending on', 'set startup-with-shell off', 'set debuginfod enabled off',
                'set environment LD_PRELOAD ' + LIBRARY, 'break jitted.c:4', 'run', 'bt', 'info locals', 'continue']
    argv = ['gdb', '-nx', '-batch', '-q', *(word for each in commands for word in ('-ex', each)), '--args',
            link(folder, 'debugged', version), os.path.join(folder, 'jitted.ll')]
    got = tapping.run(argv)
    wanted = (rb'Breakpoint 1, jitted \(input=20\) at .*jitted\.c:4', rb'#1 .* in main ', rb'twice = 40', rb'result 42')
    tap.check(name, all(re.search(each, got.out) for each in wanted), got.out.decode(errors='replace'))


def check_osmesa(tap, folder):
    program = os.path.join(folder, 'osmesa')
    if subprocess.run(['gcc', os.path.join(HERE, 'osmesa.c'), '-o', program, '-lOSMesa'], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        tap.skip('mcjit_osmesa', 'the off-screen library of Mesa is not installed')
        return
    compare_real(tap, 'osmesa', program, os.path.join(folder, 'osmesa.log'), {
        'LLVMAddGlobalMapping', 'LLVMDisposeExecutionEngine', 'LLVMGetExecutionEngineTargetMachine',
        'LLVMGetPointerToGlobal'})


def main():
    tap = tapping.Tap()
    clients = sorted(name[:-2] for name in os.listdir(HERE) if name.startswith('client_') and name.endswith('.c'))
    alone = sorted(name[:-2] for name in os.listdir(HERE) if name.startswith('only_') and name.endswith('.c'))
    runtime = sanitizer_runtime()
    with tempfile.TemporaryDirectory() as folder:
        if runtime is not None:
            check_sanitized(tap, folder, clients + alone, runtime)
            tap.end()
            return
        for name in clients + alone:
            build(folder, name)
        build(folder, 'test_extension', ['-Wno-unused-value', '-I' + os.path.join(SOURCE, 'include')])
        for version in LLVM:
            check_signatures(tap, version)
            if not library(version):
                tap.skip('mcjit_llvm' + version, 'LLVM %s is not installed' % version)
                continue
            for name in clients:
                compare_client(tap, folder, name, version)
            for name in alone:
                check_alone(tap, folder, name, version)
            check_finalized_once(tap, folder, version)
            check_extension(tap, folder, version)
        check_lies(tap, folder, '22' if library('22') else '19')
        check_no_llvm(tap, folder)
        check_ocaml(tap, folder)
        check_osmesa(tap, folder)
        check_gdb(tap, folder, '19')
        # Clang passes 128-bit integers as LLVM does from 18 on.
        check_random_signatures(tap, folder, '22', 10000)
        check_random_signatures(tap, folder, '19', 500)
    tap.end()


if __name__ == '__main__':
    main()
