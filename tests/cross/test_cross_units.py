#!/usr/bin/python3
"""Unit tests built for AArch64 and run under qemu-user: those whose inputs are not code of x86-64."""

import os

from targets import EVERYTHING, Target, tapping

PROGRAMS = ('test_control_sections', 'test_link_limits', 'test_link_relocations', 'test_link_veneers',
            'test_memory_space', 'test_memory_zone', 'test_publish_modes', 'test_session_model',
            'test_stackmap_hostile', 'test_stackmap_tables', 'test_unwind_registry')
SKIPPED = 77


def check_program(tap, target, path):
    names = target.emulate([path, '--list']).out.decode().split()
    tap.check(os.path.basename(path) + '_has_tests', bool(names))
    for name in names:
        done = target.emulate([path, name])
        if done.status == SKIPPED:
            tap.skip(name, 'what it needs is not there')
        else:
            tap.check(name, done.status == 0, (done.out + done.err).decode(errors='replace')[-1000:])


def main():
    tap = tapping.Tap()
    target = Target('arm64')
    why = None if EVERYTHING else 'make cross does it'
    why = why or target.missing()
    if why:
        tap.skip('arm64_units', why)
        tap.end()
    why = target.make(['-Dtests=true', '-Dtools=false'], 'units', ['tests/' + name for name in PROGRAMS])
    if tap.check('arm64_units_build', why is None, why or ''):
        for name in PROGRAMS:
            check_program(tap, target, os.path.join(target.build, 'units', 'tests', name))
    tap.end()


if __name__ == '__main__':
    main()
