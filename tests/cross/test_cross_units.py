#!/usr/bin/python3
"""Unit tests built for other architectures and run under qemu-user, but for those of LLVM, which has no library there.
What is of x86-64 alone says so and is skipped; what an emulator cannot do is left out here, with the reason. i386 needs
no emulator on x86-64.

Arguments are architectures and parts of programs' names."""

import concurrent.futures
import glob
import os
import re
import sys

from targets import ARCHITECTURES, EVERYTHING, SOURCE, Target, tapping

SKIPPED = 77
VIEWS = "qemu-user goes on with what it translated when another view of the code's pages is written"
PLACES = 'qemu-user puts memory elsewhere than it is told'
PERMISSIONS = 'qemu-user shows permissions of its own'
FORKS = 'qemu-user lets a child inherit what the kernel would not'
CLONE = 'qemu-user has no clone() with memory but not threads in common'
COMPRESSED = 'no library to make it with is among the packages'
INDEX = "ARM's unwinder is told of no tables: it asks for a library's index"
ORDER = 'its inputs are in the other order of bytes'

# What no emulator can do.
LEFT_OUT_EMULATED = {
    'control_threads_neighbours_in_a_page_are_not_disturbed': VIEWS, 'fork_both_sides_go_on': VIEWS,
    'fault_memory_default_every_call': VIEWS, 'fault_memory_views_every_call': VIEWS,
    'fork_by_system_call_both_go_on': VIEWS, 'fork_child_cannot_change_parent': VIEWS,
    'fork_child_that_tries_everything_changes_nothing': VIEWS, 'fork_many_times_keeps_mappings_few': VIEWS,
    'fork_parent_frees_and_reuses_while_children_run': VIEWS, 'provider_code_runs_and_is_reused': VIEWS,
    'provider_freed_code_traps': VIEWS, 'thread_forks_meanwhile': VIEWS, 'thread_random_steps_views': VIEWS,
    'near_calls_are_direct': PLACES, 'wish_near_is_kept_by_every_link': PLACES, 'wish_near_without_room_is_far': PLACES,
    'default_protection_set_and_code_runs': PERMISSIONS, 'fork_child_destroys_the_provider_only': FORKS,
    'fork_every_provider_notices': FORKS, 'fork_between_placing_and_linking': FORKS,
}
LEFT_OUT = {
    'elf_compressed_debug_bomb_left_out': COMPRESSED, 'elf_compressed_debug_made_whole_on_request': COMPRESSED,
    'elf_compressed_debug_that_lies_left_out': COMPRESSED,
    'elf_compressed_debug_without_its_library_left_out': COMPRESSED,
    'x86_64_unwind_unknown_rejected': 'unwind tables of another architecture are read by nobody',
}
# By architecture, under an emulator or not.
LEFT_OUT_ON = {'armhf': {'fault_memory_private_every_call': PLACES, 'fault_registries_unwind_tables': INDEX}}
# All of a program.
PROGRAMS_LEFT_OUT = {'test_fault_calls': 'its inputs are code of x86-64',
                     'test_fault_steps': 'its inputs are code of x86-64',
                     'test_fault_program': 'asks for an LLVM',
                     'test_publish_valgrind': 'Valgrind runs code of this machine only'}
PROGRAMS_LEFT_OUT_EMULATED = {'test_worker_liar': CLONE, 'test_worker_program': CLONE, 'test_worker_confine': CLONE,
                              'test_fault_worker': CLONE,
                              'test_memory_limits': 'the limits are the emulator\'s, too',
                              'test_debug_threads': 'the emulator writes files of profilers, too'}
PROGRAMS_LEFT_OUT_LITTLE = {'test_link_cases': 'links in buffers, as on this machine, for minutes'}
PROGRAMS_LEFT_OUT_BIG = {'test_code_gdb': ORDER, 'test_debug_tables': ORDER, 'test_link_veneers': ORDER,
                         'test_unwind_tables': ORDER}
PROGRAMS_LEFT_OUT_ON = {'armhf': {'test_unwind_registry': INDEX}}
# What the programs run besides themselves.
BESIDES = ['tests/worker_liar']
# In `make test`: what links, runs and drops code, and how workers of 32-bit x86 are confined, by this kernel.
CHOSEN = ('test_code_handle', 'test_control_clients', 'test_link_archives', 'test_link_constructors', 'test_link_groups',
          'test_link_ifuncs', 'test_link_memory', 'test_link_plan', 'test_link_symbols', 'test_session_constructors',
          'test_session_ends', 'test_unwind_registry', 'test_unwind_tables', 'test_worker_confine')
NAMES = ('arm64', 's390x', 'i386')
PARTS = [name for name in sys.argv[1:] if name not in ARCHITECTURES]
# An emulated program that runs wild must not take all memory of this machine.
LIMIT = ['prlimit', '--as=%d' % (16 << 30)]


def programs():
    folders = [os.path.join(SOURCE, 'tests', name) for name in ('unit', 'fault')]
    sources = sum((glob.glob(os.path.join(folder, 'test_*.c')) for folder in folders), []) + [
        os.path.join(SOURCE, 'tests', 'link', 'test_link_cases.c')]
    names = sorted(os.path.basename(path)[:-2] for path in sources)
    return [name for name in names if 'llvm_' not in name and '_compile' not in name
            and (EVERYTHING or PARTS or name in CHOSEN) and (not PARTS or any(part in name for part in PARTS))]


def runs_here(target):
    return target.name == 'i386' and os.uname().machine == 'x86_64' and os.path.exists('/lib/ld-linux.so.2')


def emulate(target, argv):
    env = {'OJT_SOURCE': SOURCE}
    if runs_here(target):
        folders = [target.libraries, target.libraries.replace('/usr/lib/', '/lib/')]
        return tapping.run(argv, timeout=300, env={'LD_LIBRARY_PATH': ':'.join(folders), **env})
    return tapping.run([*LIMIT, 'qemu-' + target.qemu, '-L', target.root, *argv], timeout=300, env=env)


def run_one(target, path, name):
    """(name, why it is skipped or None, the outcome)"""
    why = LEFT_OUT.get(name) or LEFT_OUT_ON.get(target.name, {}).get(name)
    why = why or (not runs_here(target) and LEFT_OUT_EMULATED.get(name))
    if why:
        return name, why, None
    done = emulate(target, [path, name])
    text = (done.out + done.err).decode(errors='replace')
    if done.status == SKIPPED or '[  SKIPPED ] ' + name in text:
        said = re.search(r'^skipped: (.*)$', text, re.M)
        return name, said.group(1) if said else 'what it needs is not there', done
    return name, None, done


def why_left_out(target, program):
    lists = [PROGRAMS_LEFT_OUT, PROGRAMS_LEFT_OUT_ON.get(target.name, {}),
             PROGRAMS_LEFT_OUT_BIG if target.is_big else PROGRAMS_LEFT_OUT_LITTLE]
    if not runs_here(target):
        lists.append(PROGRAMS_LEFT_OUT_EMULATED)
    return next((one[program] for one in lists if program in one), None)


def check_program(tap, target, program):
    path = os.path.join(target.build, 'out', 'tests', program)
    why = why_left_out(target, program)
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
    for name in [name for name in sys.argv[1:] if name in ARCHITECTURES] or (ARCHITECTURES if EVERYTHING else NAMES):
        target = Target(name)
        why = target.missing()
        if why:
            tap.skip(name + '_units', why)
            continue
        why = target.make(goals=BESIDES + ['tests/' + program for program in programs()])
        if tap.check(name + '_units_build', why is None, why or ''):
            for program in programs():
                check_program(tap, target, program)
    tap.end()


if __name__ == '__main__':
    main()
