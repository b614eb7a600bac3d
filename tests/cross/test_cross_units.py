#!/usr/bin/python3
"""Unit tests built for other architectures and run under qemu-user, but for those of LLVM, which has no library there.
What is of x86-64 alone says so and is skipped; what an emulator cannot do is left out here, with the reason."""

import concurrent.futures
import glob
import os
import re
import sys

from targets import EVERYTHING, SOURCE, Target, tapping

SKIPPED = 77
VIEWS = "qemu-user goes on with what it translated when another view of the code's pages is written"
PLACES = 'qemu-user puts memory elsewhere than it is told'
PERMISSIONS = 'qemu-user shows permissions of its own'
CLONE = 'qemu-user has no clone() with memory but not threads in common'
COMPRESSED = 'no library to make it with is among the packages'
ORDER = 'its inputs are in the other order of bytes'

LEFT_OUT = {
    'control_threads_neighbours_in_a_page_are_not_disturbed': VIEWS, 'fork_both_sides_go_on': VIEWS,
    'fork_by_system_call_both_go_on': VIEWS, 'fork_child_cannot_change_parent': VIEWS,
    'fork_child_that_tries_everything_changes_nothing': VIEWS, 'fork_many_times_keeps_mappings_few': VIEWS,
    'fork_parent_frees_and_reuses_while_children_run': VIEWS, 'provider_code_runs_and_is_reused': VIEWS,
    'provider_freed_code_traps': VIEWS, 'thread_random_steps_views': VIEWS,
    'near_calls_are_direct': PLACES, 'wish_near_is_kept_by_every_link': PLACES, 'wish_near_without_room_is_far': PLACES,
    'default_protection_set_and_code_runs': PERMISSIONS,
    'elf_compressed_debug_bomb_left_out': COMPRESSED, 'elf_compressed_debug_made_whole_on_request': COMPRESSED,
    'elf_compressed_debug_that_lies_left_out': COMPRESSED,
    'elf_compressed_debug_without_its_library_left_out': COMPRESSED,
}
# All of a program.
PROGRAMS_LEFT_OUT = {'test_worker_liar': CLONE, 'test_worker_program': CLONE, 'test_worker_confine': CLONE,
                     'test_publish_valgrind': 'Valgrind runs code of this machine only',
                     'test_debug_threads': 'the emulator writes files of profilers, too',
                     'test_link_cases': 'links in buffers, as on this machine, for minutes'}
PROGRAMS_LEFT_OUT_BIG = {'test_code_gdb': ORDER, 'test_debug_tables': ORDER, 'test_link_veneers': ORDER,
                         'test_unwind_tables': ORDER}
# In `make test`: what links, runs and drops code.
CHOSEN = ('test_code_handle', 'test_control_clients', 'test_link_archives', 'test_link_constructors', 'test_link_groups',
          'test_link_memory', 'test_link_plan', 'test_link_symbols', 'test_session_ends', 'test_unwind_tables')
NAMES = ('arm64', 's390x')
# An emulated program that runs wild must not take all memory of this machine.
LIMIT = ['prlimit', '--as=%d' % (16 << 30)]


def programs():
    sources = glob.glob(os.path.join(SOURCE, 'tests', 'unit', 'test_*.c')) + [
        os.path.join(SOURCE, 'tests', 'link', 'test_link_cases.c')]
    names = sorted(os.path.basename(path)[:-2] for path in sources)
    return [name for name in names if '_llvm_' not in name and '_compile' not in name
            and (EVERYTHING or name in CHOSEN)]


def emulate(target, argv):
    return tapping.run([*LIMIT, 'qemu-' + target.qemu, '-L', target.root, *argv], timeout=300)


def run_one(target, path, name):
    """(name, why it is skipped or None, the outcome)"""
    why = LEFT_OUT.get(name)
    if why:
        return name, why, None
    done = emulate(target, [path, name])
    text = (done.out + done.err).decode(errors='replace')
    if done.status == SKIPPED or '[  SKIPPED ] ' + name in text:
        said = re.search(r'^skipped: (.*)$', text, re.M)
        return name, said.group(1) if said else 'what it needs is not there', done
    return name, None, done


def check_program(tap, target, program):
    path = os.path.join(target.build, 'units', 'tests', program)
    why = PROGRAMS_LEFT_OUT.get(program) or (target.is_big and PROGRAMS_LEFT_OUT_BIG.get(program))
    tag = '%s_%s' % (target.name, program)
    if why:
        tap.skip(tag, why)
        return
    names = emulate(target, [path, '--list']).out.decode().split()
    tap.check(tag + '_has_tests', bool(names))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, reason, done in pool.map(lambda one: run_one(target, path, one), names):
            if reason:
                tap.skip('%s_%s' % (target.name, name), reason)
            else:
                tap.check('%s_%s' % (target.name, name), done.status == 0,
                          (done.out + done.err).decode(errors='replace')[-1000:])


def main():
    tap = tapping.Tap()
    for name in sys.argv[1:] or NAMES:
        target = Target(name)
        why = target.missing()
        if why:
            tap.skip(name + '_units', why)
            continue
        why = target.make(['-Dtests=true', '-Dtools=false'], 'units', ['tests/' + program for program in programs()])
        if tap.check(name + '_units_build', why is None, why or ''):
            for program in programs():
                check_program(tap, target, program)
    tap.end()


if __name__ == '__main__':
    main()
