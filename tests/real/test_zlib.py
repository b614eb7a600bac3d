#!/usr/bin/python3
"""zlib's own example (its self test) and minigzip under `ownjit run`, against native builds."""

import random

import inputs
import tap as tapping

MODELS = {'pie_O2': ['-O2', '-fPIE'], 'pic_O0': ['-O0', '-fPIC'], 'nopic_O2': ['-O2', '-fno-pic', '-fno-pie'],
          'medium_O2': ['-O2', '-fPIC', '-mcmodel=medium'],
          'large_O2': ['-O2', '-fno-pic', '-fno-pie', '-mcmodel=large']}


def sample():
    """Half repetitive, half noise, the same each time."""
    generator = random.Random(1)
    text = b''.join(b'line %d of a text that compresses well\n' % (i % 97) for i in range(8000))
    return text + bytes(generator.randrange(256) for _ in range(100000))


def run_programs(tap, name, natives, options, programs, modules):
    options = options + [option for path in modules for option in ('--module', path)]
    tapping.compare(tap, 'zlib_%s_example' % name, natives['example'], options, programs['example'], [])
    data = sample()
    packed = tapping.run([tapping.OWNJIT, 'run', *options, programs['minigzip'], '-9'], stdin=data)
    expected = tapping.run([programs['minigzip'], '-9'], executable=natives['minigzip'], stdin=data)
    tap.check('zlib_%s_minigzip_packs' % name, packed == expected and 0 < len(packed.out) < len(data),
              tapping.describe(['minigzip'], expected, packed))
    unpacked = tapping.run([tapping.OWNJIT, 'run', *options, programs['minigzip'], '-d'], stdin=packed.out)
    tap.check('zlib_%s_minigzip_unpacks' % name, unpacked.status == 0 and unpacked.out == data,
              unpacked.err.decode(errors='replace'))


def main():
    tap = tapping.Tap()
    sources = inputs.zlib_sources()
    folder = inputs.source('zlib')

    def build(compiler, flags, bitcode=False):
        flags = [*flags, *inputs.ZLIB_FLAGS, '-I' + folder]
        programs = {name: inputs.compile_c(compiler, flags, inputs.zlib_program(name), bitcode)
                    for name in ('example', 'minigzip')}
        return programs, inputs.compile_all(compiler, flags, sources, bitcode)

    programs, objects = build('gcc', ['-O2', '-fPIE'])
    natives = {name: inputs.native(name, [path, *objects], []) for name, path in programs.items()}
    for model, flags in MODELS.items():
        run_programs(tap, 'gcc_' + model, natives, [], *build('gcc', flags))
    for compiler in ('clang-22', 'clang-19'):
        for level in ('-O0', '-O2'):
            name = compiler.replace('-', '') + level.replace('-', '_')
            run_programs(tap, name, natives, ['--llvm=' + compiler[6:]], *build(compiler, [level], True))
    tap.end()


if __name__ == '__main__':
    main()
