#!/usr/bin/python3
"""perf with code that was linked for it: record, inject and report name the functions and their source lines."""

import os
import re
import shutil

import support
from support import JITDUMP, PERF_MAP, Tap, compile_object, lacks, line_of, run

ROUNDS = '30000000'


def record(folder, name, argv, options=(), env=None):
    data = os.path.join(folder, name + '.data')
    status, output = run(['perf', 'record', '-q', '-k', '1', '-e', 'cpu-clock', '-o', data, *options, *argv], env=env)
    return data, status, output


def cannot_record(folder):
    if not shutil.which('perf'):
        return 'no perf is installed'
    _, status, output = record(folder, 'try', ['true'])
    return 'perf cannot record here: ' + output.strip().split('\n')[0] if status != 0 else None


def report(data):
    return run(['perf', 'report', '--stdio', '--no-children', '-i', data])[1]


def map_names_functions(tap, folder, host, file):
    data, status, output = record(folder, 'map', [host, file, str(PERF_MAP), '1', ROUNDS])
    text = report(data)
    tap.check('perf_map_names_functions', status == 0 and lacks(text, [r'\[\.\] helper']) is None, output + text)


def dump_names_functions_and_lines(tap, folder, host, file):
    home = os.path.join(folder, 'dumps')
    data, status, output = record(folder, 'dump', [host, file, str(JITDUMP), '1', ROUNDS], ['--call-graph', 'fp'],
                                  {'JITDUMPDIR': home})
    injected = data + '.jit'
    inject_status, more = run(['perf', 'inject', '--jit', '-i', data, '-o', injected])
    text = report(injected)
    missing = lacks(text, [r'jitted-\d+-\d+\.so +\[\.\] helper', r'helper', r'compute'])
    tap.check('perf_dump_names_functions', status == 0 and inject_status == 0 and missing is None,
              'missing: %s\n%s' % (missing, output + more + text))
    lines = run(['perf', 'annotate', '--stdio', '-l', '-i', injected, 'helper'])[1]
    tap.check('perf_dump_has_source_lines', 'linked.c:%d' % line_of('the loop that a profiler') in lines, lines)
    # perf that was built with libunwind reads no table outside of a mapping: the file says all the same what it has.
    frames = run(['readelf', '--debug-dump=frames', '-SW', next(
        os.path.join(path, name) for path, _, names in os.walk(home) for name in names if name.endswith('.so'))])[1]
    text = re.search(r'\.text +PROGBITS +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)', frames)
    expected = 'pc=%016x..%016x' % (int(text[1], 16), int(text[1], 16) + int(text[2], 16)) if text else 'a section'
    tap.check('perf_dump_has_unwind_tables', expected in frames and 'eh_frame_hdr' in frames, frames)
    made = [os.path.join(path, name) for path, _, names in os.walk(home) for name in names if name.endswith('.dump')]
    tap.check('perf_one_dump_for_a_process', len(made) == 1 and os.stat(made[0]).st_mode & 0o77 == 0, repr(made))


def command_line_programs_have_names(tap, folder):
    source = os.path.join(folder, 'program.c')
    with open(source, 'w', encoding='utf-8') as file:
        file.write('static unsigned spin(unsigned n)\n{\n    unsigned x = 1;\n    while (n-- > 0)\n'
                   '        x = x * 1103515245u + n;\n    return x;\n}\n'
                   'int main(void)\n{\n    return spin(%su) == 1;\n}\n' % (ROUNDS + '0'))
    data, status, output = record(folder, 'run', [support.OWNJIT, 'run', '--perf=map', source])
    text = report(data)
    tap.check('perf_command_line_programs_have_names', lacks(text, [r'\[\.\] spin']) is None, output + text)
    home = os.path.join(folder, 'run-dumps')
    data, status, output = record(folder, 'run2', [support.OWNJIT, 'run', '--perf=dump', source],
                                  env={'JITDUMPDIR': home})
    run(['perf', 'inject', '--jit', '-i', data, '-o', data + '.jit'])
    lines = run(['perf', 'annotate', '--stdio', '-l', '-i', data + '.jit', 'spin'])[1]
    tap.check('perf_command_line_programs_have_lines', re.search(r'program\.c:[45]', lines) is not None, lines)


def main():
    tap = Tap()
    with support.folder() as folder:
        reason = cannot_record(folder)
        if reason:
            tap.skip('perf', reason)
            tap.end()
        host = support.build_host(folder)
        file = compile_object(folder, support.COMPILERS[-1], '-O1', '-g', '-fno-inline', '-fno-optimize-sibling-calls',
                              '-fno-omit-frame-pointer')
        map_names_functions(tap, folder, host, file)
        dump_names_functions_and_lines(
            tap, folder, host, compile_object(folder, support.COMPILERS[-1], '-O1', '-g', '-gz=zlib', '-fno-inline',
                                              '-fno-optimize-sibling-calls', '-fno-omit-frame-pointer'))
        command_line_programs_have_names(tap, folder)
    tap.end()


main()
