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
    frames = run(['readelf', '--debug-dump=frames', '-SW', next(
        os.path.join(path, name) for path, _, names in os.walk(home) for name in names if name.endswith('.so'))])[1]
    text = re.search(r'\.text +PROGBITS +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)', frames)
    expected = 'pc=%016x..%016x' % (int(text[1], 16), int(text[1], 16) + int(text[2], 16)) if text else 'a section'
    tap.check('perf_dump_has_unwind_tables', expected in frames and 'eh_frame_hdr' in frames, frames)
    made = [os.path.join(path, name) for path, _, names in os.walk(home) for name in names if name.endswith('.dump')]
    tap.check('perf_one_dump_for_a_process', len(made) == 1 and os.stat(made[0]).st_mode & 0o77 == 0, repr(made))


def dump_unwinds_by_tables(tap, folder, host):
    """Frames of several functions of code that keeps no frame pointer, whatever its functions are aligned to, in one of
    several codes. Functions that claim bytes behind the code are not told of, and many have tables of their own."""
    many = os.path.join(folder, 'many.s')
    with open(many, 'w', encoding='utf-8') as file:
        file.write(''.join('.globl f%d\n.type f%d,@function\nf%d: .cfi_startproc\nret\n.cfi_endproc\n.size f%d,.-f%d\n'
                           % ((i,) * 5) for i in range(3000)) + '.section .note.GNU-stack,"",@progbits\n')
    for name, flags, copies in (('aligned', ['-falign-functions=16'], '1'), ('unaligned', ['-falign-functions=1'], '20')):
        file = compile_object(folder, 'gcc', '-O2', '-g', '-fno-inline', '-fno-optimize-sibling-calls',
                              '-fomit-frame-pointer', *flags)
        data, _, output = record(folder, name, [host, file, str(JITDUMP), copies, ROUNDS], ['--call-graph', 'dwarf'],
                                 {'JITDUMPDIR': os.path.join(folder, name)})
        output += run(['perf', 'inject', '--jit', '-i', data, '-o', data + '.jit'])[1]
        text = report(data + '.jit')
        missing = lacks(text, [r'\[\.\] helper', r'---helper', r'^ +compute$', r'^ +call$', r'^ +main$'])
        tap.check('perf_dump_unwinds_%s_functions' % name, missing is None, 'missing: %s\n%s' % (missing, output + text))
    for name, size in (('greedy', 100), ('modest', 1)):
        source, file = os.path.join(folder, name + '.s'), os.path.join(folder, name + '.o')
        with open(source, 'w', encoding='utf-8') as text:
            text.write('.globl compute\n.type compute,@function\ncompute: .cfi_startproc\nret\n.cfi_endproc\n'
                       '.size compute,%d\n.section .note.GNU-stack,"",@progbits\n' % size)
        run(['gcc', '-c', source, '-o', file])
        home = os.path.join(folder, name)
        status, output = run([host, file, str(JITDUMP), '1', '5'], env={'JITDUMPDIR': home}, timeout=20)
        dumps = [open(os.path.join(path, name), 'rb').read() for path, _, names in os.walk(home) for name in names]
        tap.check('perf_dump_tells_of_%s_sizes' % name,
                  status == 0 and len(dumps) == 1 and (b'compute' in dumps[0]) == (size == 1), output)
    file, both = os.path.join(folder, 'many.o'), os.path.join(folder, 'both.o')
    run(['gcc', '-c', many, '-o', file])
    run(['ld', '-r', file, compile_object(folder, 'gcc', '-O2', '-g'), '-o', both])
    home = os.path.join(folder, 'many')
    status, output = run([host, both, str(JITDUMP), '1', '5'], env={'JITDUMPDIR': home})
    sizes = [os.stat(os.path.join(path, name)).st_size for path, _, names in os.walk(home) for name in names]
    tap.check('perf_dump_of_many_functions_is_bounded', status == 0 and len(sizes) == 1 and sizes[0] < 3000 * 400,
              '%s %s\n%s' % (status, sizes, output))


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
        dump_unwinds_by_tables(tap, folder, host)
        command_line_programs_have_names(tap, folder)
    tap.end()


main()
