"""What the tests build, and what of each build they run.

A variant is one build directory (or none, for checks of the sources) and a plan: a list of entries that run.py turns
into processes. Each names the tier it belongs to: check (under a minute or two), san (sanitizers), long (the rest).
"""

import glob
import os
import shutil
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get('OWNJIT_CACHE') or os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'ownjit')
MESON = '/usr/bin/meson' if os.access('/usr/bin/meson', os.X_OK) else 'meson'
PYTHON = '/usr/bin/python3' if os.access('/usr/bin/python3', os.X_OK) else 'python3'

# Programs that compile: run once for each LLVM, which OJT_LLVM names.
LLVM_PROGRAMS = ('test_llvm_', 'test_compile_', 'test_run_')
FULL_LLVM = ('22', '19')
OTHER_LLVM = ('16', '15', '14')


class Entry:
    """One process (kind 'exit': its status is the result; 'tap': its output has several) or a test program (kind
    'program': one process for each test that it lists)."""

    def __init__(self, group, argv, kind='exit', env=None, timeout=60, alone=False):
        self.group = group
        self.argv = argv
        self.kind = kind
        self.env = env or {}
        self.timeout = timeout
        self.alone = alone


class Variant:
    def __init__(self, name, tier, plan, cc='gcc', options=(), env=None, folder=None):
        self.name = name
        self.folder = folder or name
        self.tier = tier
        self.cc = cc
        self.options = options
        self.env = env or {}
        self._plan = plan
        self.has_build = cc is not None

    def build_env(self):
        return {'CC': self.cc} if self.cc else {}

    def build_commands(self, build):
        if not self.cc:
            return []
        configure = [MESON, 'setup', build, SOURCE, '-Dwerror=true',
                     *(option.replace('@BUILD@', build) for option in self.options)]
        if os.path.exists(os.path.join(build, 'build.ninja')):
            configure.append('--reconfigure')
        return [configure, ['ninja', '-C', build, '-j2', '-k0', '--quiet']]

    def plan(self, build):
        return self._plan(self, build)

    def environment(self, build):
        """What tests and scripts are told by environment."""
        return {'OJT_BUILD': build, 'OJT_SOURCE': SOURCE, 'OJT_CACHE': CACHE,
                'OJT_OWNJIT': os.path.join(build, 'bin', 'ownjit'), **self.env}


def programs(build):
    return sorted(path for path in glob.glob(os.path.join(build, 'tests', 'test_*'))
                  if os.path.isfile(path) and os.access(path, os.X_OK))


def needs_llvm(path):
    return os.path.basename(path).startswith(LLVM_PROGRAMS)


def program_entries(variant, build, llvm_versions, timeout=60, wanted=lambda path: True):
    entries = []
    env = variant.environment(build)
    for path in programs(build):
        if not wanted(path):
            continue
        group = '%s/%s' % (variant.name, os.path.basename(path))
        if not needs_llvm(path):
            entries.append(Entry(group, [path], 'program', env, timeout))
            continue
        for version in llvm_versions:
            entries.append(Entry('%s-llvm%s' % (group, version), [path], 'program', {**env, 'OJT_LLVM': version},
                                 timeout))
    return entries


def script_argv(path):
    return [PYTHON, path] if path.endswith('.py') else ['sh', path] if path.endswith('.sh') else [path]


def tap_entries(variant, build, folder, timeout=300, env=None):
    """Scripts test_* of a folder, in any language; each prints TAP."""
    return [Entry('%s/%s/%s' % (variant.name, folder, os.path.basename(path)), script_argv(path), 'tap',
                  {**variant.environment(build), **(env or {})}, timeout)
            for path in sorted(glob.glob(os.path.join(SOURCE, 'tests', folder, 'test_*')))
            if path.endswith(('.py', '.sh')) or os.access(path, os.X_OK)]


def example_entries(variant, build):
    return [Entry('%s/examples/%s' % (variant.name, os.path.basename(path)), [path], 'exit',
                  variant.environment(build))
            for path in sorted(glob.glob(os.path.join(build, 'examples', '*')))
            if os.path.isfile(path) and os.access(path, os.X_OK)]


def check_entries(variant, build, names):
    return [Entry('%s/%s' % (variant.name, os.path.splitext(name)[0]),
                  script_argv(os.path.join(SOURCE, 'scripts', name)), 'exit', variant.environment(build), 120)
            for name in names if os.path.exists(os.path.join(SOURCE, 'scripts', name))]


def plan_sources(variant, build):
    return check_entries(variant, build, ['check_includes.py', 'check_format.sh', 'check_sizes.py',
                                          'check_api_tested.py', 'check_coverage.py', 'check_wire.py',
                                          'check_relocations.py'])


def plan_gcc(variant, build):
    return (program_entries(variant, build, FULL_LLVM[:1]) + example_entries(variant, build)
            + tap_entries(variant, build, 'cli') + tap_entries(variant, build, 'install')
            + tap_entries(variant, build, 'run') + tap_entries(variant, build, 'debug')
            + check_entries(variant, build, ['check_exports.py', 'check_docs.py']))


def plan_versions(variant, build):
    return program_entries(variant, build, FULL_LLVM[1:] + OTHER_LLVM, 120, needs_llvm)


def plan_real(variant, build):
    return (tap_entries(variant, build, 'real', 1200) + tap_entries(variant, build, 'golden', 300)
            + tap_entries(variant, build, 'mcjit', 600) + tap_entries(variant, build, 'unwind', 300)
            + tap_entries(variant, build, 'cross', 7200 if os.environ.get('OJT_CROSS') else 900)
            + tap_entries(variant, build, 'fuzz', 300))


def plan_sanitized(variant, build):
    # ASan wants the C++ library there when a program starts that throws, and the tool is none of C++.
    entries = (program_entries(variant, build, FULL_LLVM[:1], 120) + tap_entries(variant, build, 'cli', 600)
               + tap_entries(variant, build, 'mcjit', 300) + example_entries(variant, build))
    return [entry for entry in entries if not entry.group.endswith('/cli/test_cxx.py')]


def starts_threads(path):
    source = os.path.join(SOURCE, 'tests', 'unit', os.path.basename(path) + '.c')
    if not os.path.exists(source):
        return False
    with open(source) as text:
        return 'pthread_create' in text.read()


def plan_threads(variant, build):
    return (program_entries(variant, build, FULL_LLVM[:1], 240, starts_threads)
            + tap_entries(variant, build, 'mcjit', 300))


def plan_stress(variant, build):
    return program_entries(variant, build, FULL_LLVM[:1], 120)


VALGRIND = ['valgrind', '--quiet', '--error-exitcode=99', '--leak-check=full', '--show-leak-kinds=definite',
            '--errors-for-leak-kinds=definite', '--smc-check=none',
            '--suppressions=' + os.path.join(SOURCE, 'tests', 'valgrind', 'ld_so.supp')]
# Not those that look at the process's mappings or system calls or take the heap's place, which Valgrind has its own of,
# and not its slow ones.
VALGRIND_PROGRAMS = ('test_base_', 'test_code_', 'test_compile_', 'test_elf_', 'test_fault_', 'test_link_',
                     'test_object_')


def plan_valgrind(variant, build):
    """A process for each program: Valgrind's start takes longer than most tests."""
    chosen = [path for path in programs(build)
              if os.path.basename(path).startswith(VALGRIND_PROGRAMS)
              and not path.endswith(('_threads', '/test_fault_calls', '/test_fault_memory', '/test_fault_registries',
                                     '/test_fault_steps'))]
    return tap_entries(variant, build, 'valgrind', 600) + [
        Entry('%s/%s' % (variant.name, os.path.basename(path)), [*VALGRIND, path], 'exit',
              {**variant.environment(build), 'OJT_VALGRIND': '1'}, 300) for path in chosen]


FUZZ_LIMITS = ['-rss_limit_mb=2048', '-timeout=10', '-print_final_stats=1']


def fuzz_corpus(name):
    """The folder of inputs that a target, fuzz_X, starts from; a list, as it need not have any."""
    return [folder for folder in (os.path.join(SOURCE, 'tests', 'fuzz', 'corpus', name[5:]),) if os.path.isdir(folder)]


def plan_fuzz(variant, build):
    """Every corpus again, and then the same new inputs in each run, so that it means the same wherever it is done.
    tests/fuzz/fuzz.py fuzzes for longer."""
    entries = []
    for path in sorted(glob.glob(os.path.join(build, 'tests', 'fuzz_*'))):
        if not os.path.isfile(path) or not os.access(path, os.X_OK):
            continue
        name = os.path.basename(path)
        found = os.path.join(build, 'found', name)
        shutil.rmtree(found, ignore_errors=True)
        os.makedirs(found)
        corpora = [found, *fuzz_corpus(name)]
        artifacts = '-artifact_prefix=%s/crash-%s-' % (build, name)
        entries.append(Entry('%s/replay/%s' % (variant.name, name), [path, '-runs=0', artifacts, *corpora], 'exit',
                             variant.environment(build), 300))
        entries.append(Entry('%s/%s' % (variant.name, name),
                             [path, '-seed=1', '-runs=500000', '-max_total_time=30', *FUZZ_LIMITS, artifacts,
                              *corpora], 'exit', variant.environment(build), 180))
    return entries


SYMBOLIZER = shutil.which('llvm-symbolizer-19') or ''
SANITIZED = {'ASAN_OPTIONS': 'detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1',
             'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1', 'ASAN_SYMBOLIZER_PATH': SYMBOLIZER}
CLANG = 'clang-19'
# As `make` builds what users get.
RELEASE = ('--buildtype=debugoptimized', '-Dtests=true')


# What registers unwind tables, in another way from libgcc 13 on. check_coverage.py knows the profiles by the name.
UNWIND_PROGRAMS = ('test_unwind_', 'test_fault_registries')
NEWER_LIBGCC = 'newer_libgcc'


def newer_libgcc_entries(variant, build):
    """None where that libgcc cannot be had."""
    done = subprocess.run([os.path.join(SOURCE, 'tests', 'unwind', 'newer_libgcc.sh'), 'trixie'],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode != 0:
        return []
    newer = Variant('%s-%s' % (variant.name, NEWER_LIBGCC), variant.tier, None, None,
                    env={**variant.env, 'LD_LIBRARY_PATH': done.stdout.strip()})
    return program_entries(newer, build, (), 180,
                           lambda path: os.path.basename(path).startswith(UNWIND_PROGRAMS))


def plan_coverage(variant, build):
    """What takes the error branches. Every process of an entry counts into one file, which it has mapped: what a killed
    or confined one counted is there, too."""
    shutil.rmtree(os.path.join(build, 'profiles'), ignore_errors=True)
    entries = program_entries(variant, build, FULL_LLVM[:1], 180) + newer_libgcc_entries(variant, build)
    if '-Dtools=false' not in variant.options:
        entries += (tap_entries(variant, build, 'cli', 900) + tap_entries(variant, build, 'mcjit', 600)
                    + tap_entries(variant, build, 'debug'))
    if '-Dfuzz=true' in variant.options:
        entries += plan_fuzz(variant, build)
    for entry in entries:
        name = entry.group.replace('/', '-') + '-%m%c.profraw'
        entry.env = {**entry.env, 'LLVM_PROFILE_FILE': os.path.join(build, 'profiles', name)}
    return entries


def plan_coverage_list(variant, build):
    builds = [os.path.join(os.path.dirname(build), coverage.folder) for coverage in coverage_variants()[:-1]]
    return [Entry('coverage/check_coverage', [PYTHON, os.path.join(SOURCE, 'scripts', 'check_coverage.py'), *builds],
                  timeout=300)]


def coverage_variants():
    """As users get it; the stress build, where nearly every allocation is one that can fail; the fuzz targets. Counters that
    several processes share are added to atomically, so that no outcome seems taken that was not; Valgrind reads DWARF 4."""
    profile = '-fprofile-instr-generate=@BUILD@/profiles/%m%c.profraw'
    options = ('-Dtests=true', '-Dexamples=false', '--buildtype=debugoptimized', '-Dc_link_args=' + profile,
               '-Dc_args=%s -fcoverage-mapping -fprofile-update=atomic -gdwarf-4 -mllvm -runtime-counter-relocation=true'
               % profile)
    return [Variant('coverage', 'long', plan_coverage, CLANG, options),
            Variant('coverage-stress', 'long', plan_coverage, CLANG, (*options, '-Dstress=true', '-Dtools=false')),
            Variant('coverage-fuzz', 'long', plan_coverage, CLANG,
                    (*options[1:], '-Dfuzz=true', '-Dtools=false'), SANITIZED),
            Variant('coverage-list', 'long', plan_coverage_list, None)]


def existing_build(build):
    variant = Variant(os.path.basename(os.path.abspath(build)), 'check', plan_gcc, None)
    variant.build_commands = lambda _: [['ninja', '-C', build, '-j2', '-k0', '--quiet']]
    return variant


VARIANTS = [
    Variant('sources', 'check', plan_sources, None),
    Variant('gcc', 'check', plan_gcc, 'gcc', RELEASE),
    Variant('asan', 'san', plan_sanitized, CLANG,
            ('-Dtests=true', '-Db_sanitize=address,undefined', '-Db_lundef=false', '--buildtype=debugoptimized',
             # Its types stand in the bytes before a function, and those of linked code belong to something else.
             '-Dc_args=-fno-sanitize=function'),
            SANITIZED),
    Variant('tsan', 'san', plan_threads, CLANG,
            ('-Dtests=true', '-Dtools=false', '-Dexamples=false', '-Db_sanitize=thread', '-Db_lundef=false',
             '--buildtype=debugoptimized'), {'TSAN_OPTIONS': 'halt_on_error=1:die_after_fork=0'}),
    Variant('stress', 'long', plan_stress, 'gcc',
            ('-Dtests=true', '-Dstress=true', '-Dtools=false', '-Dexamples=false', '--buildtype=debugoptimized')),
    Variant('llvm', 'long', plan_versions, 'gcc', RELEASE, folder='gcc'),
    Variant('valgrind', 'long', plan_valgrind, 'gcc',
            ('-Dtests=true', '-Dexamples=false', '--buildtype=debugoptimized')),
    Variant('fuzz', 'long', plan_fuzz, CLANG,
            ('-Dfuzz=true', '-Dtools=false', '-Dexamples=false', '--buildtype=debugoptimized'), SANITIZED),
    Variant('real', 'long', plan_real, 'gcc', RELEASE, folder='gcc'),
]
