#!/usr/bin/python3
"""gdb and lldb with code that was linked for debuggers: a breakpoint on a source line before the code exists, steps,
variables, and frames of host and linked code, while other codes come and go."""

import os
import shutil
import subprocess
import time

import support
from support import DEBUGGER, Tap, compile_object, lacks, line_of, run

STOP = line_of('the line to stop at')
FRAMES = [r'#0 .*helper \(pair=.*, n=5\) at .*linked\.c:%d' % STOP,
          r'#1 .*compute \(n=5\) at .*linked\.c:%d' % line_of('helper(&pair, n);'),
          r'#2 .*call \(.*\) at .*host\.c:%d' % line_of('return compute(number)', 'host.c'),
          r'#3 .*main \(']


def gdb(commands, argv, **settings):
    options = [part for command in ['set debuginfod enabled off', 'set breakpoint pending on', 'set confirm off',
                                    'set width 0', *commands] for part in ('-ex', command)]
    return run(['gdb', '-q', '-nx', '-batch', *options, '--args', *argv], **settings)


def check(tap, name, result, patterns):
    status, output = result
    missing = 'status %s' % status if status != 0 else lacks(output, patterns)
    tap.check(name, missing is None, 'missing: %s\n%s' % (missing, output))


def stops_steps_and_shows(tap, name, host, file, copies):
    """The second half runs when all other codes are gone."""
    once = ['backtrace', 'info locals', 'print *pair', 'next', 'finish', 'info locals', 'up', 'print number']
    result = gdb(['break linked.c:%d' % STOP, 'run', *once, 'continue', *once, 'continue'],
                 [host, file, str(DEBUGGER), str(copies), '5'])
    each = [r'^Breakpoint 1.* helper', *FRAMES, r'sum = \d+', r'= \{first = 3, second = 5\}', r'^%d\s+return sum;' % (STOP + 1),
            r'Value returned is \$\d+ = \d+', r'^pair = \{first = 3, second = 5\}',
            r'#1 .*call \(.*host\.c', r'= 5$']
    check(tap, name, result, [*each, r'^first \d+', *each, r'^second \d+', r'^end', r'exited normally'])


def steps_into_linked_code(tap, host, file):
    result = gdb(['break call', 'run', 'next', 'step', 'step', 'step', 'step', 'backtrace', 'kill'],
                 [host, file, str(DEBUGGER), '1', '5'])
    check(tap, 'gdb_steps_into_linked_code', result, [r'compute \(n=5\)', r'helper \(pair=', r'#1 .*compute', r'#3 .*main'])


def unwinds_without_debug_information(tap, host, file):
    """Names from the symbols, frames from the unwind table: the code keeps no frame pointer."""
    result = gdb(['break host_callback', 'run', 'backtrace', 'kill'], [host, file, str(DEBUGGER), '9', '5'])
    check(tap, 'gdb_unwinds_without_debug_information', result,
          [r'#0 .*host_callback', r'#1 .* helper \(\)', r'#2 .* compute \(\)', r'#3 .*call \(', r'#4 .*main'])


def attaches_late(tap, host, file):
    """What was registered before the debugger came is found, too, and as quickly: in 10,000 codes."""
    process = subprocess.Popen([host, file, str(DEBUGGER), '10000', '2000000000'], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()  # it has linked, and calls
        time.sleep(0.1)
        result = run(['gdb', '-q', '-nx', '-batch', '-ex', 'set debuginfod enabled off', '-p', str(process.pid), '-ex',
                      'backtrace', '-ex', 'info symbol $pc', '-ex', 'detach'], timeout=30)
    finally:
        process.kill()
        process.communicate()
    check(tap, 'gdb_attaches_late', result, [r'#0 .*helper \(pair=', r'#1 .*compute \(n=2000000000\)', r'#3 .*main',
                                             r'^helper \+'])


def sees_command_line_programs(tap, folder):
    source = os.path.join(folder, 'program.c')
    with open(source, 'w', encoding='utf-8') as file:
        file.write('#include <stdio.h>\nstatic int square(int x)\n{\n    int y = x * x;\n    return y;\n}\n'
                   'int main(int argc, char **argv)\n{\n    (void)argv;\n    printf("%d\\n", square(argc + 2));\n'
                   '    return 0;\n}\n')
    result = gdb(['break program.c:5', 'run', 'backtrace', 'print y', 'continue'], [support.OWNJIT, 'run', '--gdb', source])
    check(tap, 'gdb_sees_command_line_programs', result,
          [r'square \(x=3\) at .*program\.c:5', r'#1 .*main \(argc=1', r'\$1 = 9', r'^9', r'exited normally'])


def sees_cxx_programs(tap, folder):
    """Variables of the C++ runtime have libraries opened for them, whose paths mean something to gdb too."""
    source = os.path.join(folder, 'program.cpp')
    with open(source, 'w', encoding='utf-8') as file:
        file.write('#include <iostream>\n#include <stdexcept>\nstruct Square {\n    int side;\n    int area() const\n    {\n'
                   '        return side * side;\n    }\n};\nint main()\n{\n    std::cout << Square{3}.area() << std::endl;\n'
                   '    try {\n        throw std::runtime_error("thrown");\n    } catch (const std::exception &e) {\n'
                   '        std::cout << e.what() << std::endl;\n    }\n}\n')
    result = gdb(['break program.cpp:7', 'run', 'backtrace', 'print side', 'continue'],
                 [support.OWNJIT, 'run', '--gdb', source], timeout=60)
    check(tap, 'gdb_sees_cxx_programs', result,
          [r'Square::area \(this=.*program\.cpp:7', r'#1 .*main', r'\$1 = 3', r'^9', r'^thrown', r'exited normally'])


def finds_nothing_without_the_flag(tap, host, file):
    _, output = gdb(['break linked.c:%d' % STOP, 'run'], [host, file, '0', '1', '5'])
    tap.check('gdb_finds_nothing_without_the_flag', 'Breakpoint 1,' not in output and 'first' in output, output)


def lldb_stops_and_shows(tap, host, file):
    """The setting is off for Linux where nobody says otherwise."""
    name = 'lldb_stops_and_shows'
    status, version = run(['lldb', '--version']) if shutil.which('lldb') else (1, '')
    if status != 0:
        tap.skip(name, 'no lldb that starts is installed')
        return
    commands = ['settings set plugin.jit-loader.gdb.enable on', 'breakpoint set -f linked.c -l %d' % STOP, 'run',
                'bt', 'frame variable sum', 'kill']
    argv = [part for command in commands for part in ('-o', command)]
    status, output = run(['lldb', '-b', '-x', *argv, '--', host, file, str(DEBUGGER), '1', '5'])
    missing = lacks(output, [r'stop reason = breakpoint', r'frame #0: .*helper', r'frame #1: .*compute',
                             r'frame #2: .*call', r'sum = \d+'])
    tap.check(name, missing is None, 'missing: %s\n%s\n%s' % (missing, version, output))


def reads_compressed_information(tap, folder, host):
    """As compilers write it, and as objcopy does. clang-19 is the first here that has zstd."""
    for compiler, kind in (('gcc', 'zlib'), ('clang-19', 'zlib'), ('clang-19', 'zstd')):
        if compiler in support.COMPILERS:
            file = compile_object(folder, compiler, '-O0', '-g', '-gz=' + kind)
            stops_steps_and_shows(tap, 'gdb_%s_%s' % (compiler, kind), host, file, 1)
    file = compile_object(folder, support.COMPILERS[0], '-O0', '-g')
    for kind in ('zlib', 'zstd'):
        out = file.replace('.o', '-%s.o' % kind)
        status, output = run(['objcopy', '--compress-debug-sections=' + kind, file, out])
        if status != 0:
            tap.skip('gdb_objcopy_' + kind, output)
            continue
        stops_steps_and_shows(tap, 'gdb_objcopy_' + kind, host, out, 1)


def main():
    tap = Tap()
    if not shutil.which('gdb'):
        tap.skip('gdb', 'no gdb is installed')
        tap.end()
    with support.folder() as folder:
        hosts = {kind: support.build_host(folder, kind) for kind in ('shared', 'stripped', 'static')}
        host = hosts['shared']
        for compiler in support.COMPILERS:
            for version in (4, 5):
                file = compile_object(folder, compiler, '-O0', '-gdwarf-%d' % version)
                stops_steps_and_shows(tap, 'gdb_%s_dwarf_%d' % (compiler, version), host, file, 20)
        file = compile_object(folder, support.COMPILERS[0], '-O0', '-g')
        for kind in ('stripped', 'static'):
            stops_steps_and_shows(tap, 'gdb_%s_library' % kind, hosts[kind], file, 1)
        stops_steps_and_shows(tap, 'gdb_hundreds_of_codes', host, file, 130)
        reads_compressed_information(tap, folder, host)
        steps_into_linked_code(tap, host, file)
        unwinds_without_debug_information(
            tap, host, compile_object(folder, support.COMPILERS[-1], '-O1', '-fno-inline', '-fomit-frame-pointer',
                                      '-fno-optimize-sibling-calls'))
        attaches_late(tap, host, file)
        sees_command_line_programs(tap, folder)
        sees_cxx_programs(tap, folder)
        finds_nothing_without_the_flag(tap, host, file)
        lldb_stops_and_shows(tap, host, compile_object(folder, support.COMPILERS[-1], '-O0', '-gdwarf-4'))
    tap.end()


main()
