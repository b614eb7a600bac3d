"""The architectures that tests/cross builds OwnJIT for, and how: Debian's cross compilers, with the libraries of that
architecture's packages, under qemu-user."""

import fcntl
import glob
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'real'))

import inputs  # noqa: E402
import tap as tapping  # noqa: E402

BUILD = os.environ.get('OJT_BUILD') or os.path.join(SOURCE, 'build')
PACKAGES = ['libc6-dev', 'libstdc++-12-dev', 'libjansson-dev', 'libxxhash-dev', 'libcmocka-dev']
# `make cross` asks for all there is; otherwise what tells most in little time.
EVERYTHING = bool(os.environ.get('OJT_CROSS'))

# Debian's name: prefix of the tools, qemu's name, Meson's CPU family, clang's triple, further flags of the C compilers:
# no calls of helpers that only the compiler's static library has, and no more precision than the types have
ARCHITECTURES = {
    'arm64': ('aarch64-linux-gnu', 'aarch64', 'aarch64', 'aarch64-linux-gnu',
              {'': ['-mno-outline-atomics', '-ffp-contract=off']}),
    'armhf': ('arm-linux-gnueabihf', 'arm', 'arm', 'armv7-linux-gnueabihf', {'thumb_': ['-mthumb'], 'a32_': ['-marm']}),
    's390x': ('s390x-linux-gnu', 's390x', 's390x', 's390x-linux-gnu', {'': ['-ffp-contract=off']}),
    'i386': ('i686-linux-gnu', 'i386', 'x86', 'i386-linux-gnu', {'': ['-msse2', '-mfpmath=sse']}),
    'riscv64': ('riscv64-linux-gnu', 'riscv64', 'riscv64', 'riscv64-linux-gnu', {'': ['-ffp-contract=off']}),
}
BIG = {'s390x'}
# Branches that do not reach across all code that one link can have, and calls that reach everything.
WITH_VENEERS = {'arm64', 'armhf'}
WITHOUT_STUBS = {'i386'}
# Branches inside a function are relocations as well, and are never cut short: a stub may use a register that is live.
WITH_LABELS = {'riscv64'}
# Debian 12 has no packages of this architecture but those of its cross compiler, where that looks anyway.
WITHOUT_ARCHIVE = {'riscv64'}

CROSS_FILE = '''[binaries]
c = {compiler}
ar = '{prefix}-ar'
strip = '{prefix}-strip'
pkgconfig = 'pkg-config'
[properties]
{properties}
pkg_config_libdir = ['{libraries}/pkgconfig']
needs_exe_wrapper = true
[built-in options]
c_args = {flags}
c_link_args = {flags}
[host_machine]
system = 'linux'
cpu_family = '{family}'
cpu = '{family}'
endian = '{endian}'
'''


def quiet(argv, **keywords):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **keywords)
    return done.returncode, done.stdout.decode(errors='replace')[-2000:]


def make_library(prefix, out, name, options):
    """One of Debian's sources that CMake builds, installed in `out`; only its static library, so that programs
    run where no folder of libraries is told to them."""
    work = '%s.%s' % (out, name)
    subprocess.run(['cmake', '-S', inputs.source(name), '-B', work, '-DCMAKE_SYSTEM_NAME=Linux',
                    '-DCMAKE_C_COMPILER=%s-gcc' % prefix, '-DCMAKE_INSTALL_PREFIX=%s/usr' % out,
                    '-DCMAKE_INSTALL_LIBDIR=lib', *options], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['make', '-s', '-C', work, 'install'], check=True, stdout=subprocess.DEVNULL)
    folder = os.path.join(out, 'usr', 'lib')
    for path in glob.glob(os.path.join(folder, '*.so*')):
        os.remove(path)
    if os.path.exists(os.path.join(folder, 'lib%s-static.a' % name)):
        os.rename(os.path.join(folder, 'lib%s-static.a' % name), os.path.join(folder, 'lib%s.a' % name))
    # pkg-config's file has the place where it was made.
    with open(os.path.join(folder, 'pkgconfig', name + '.pc'), 'r+', encoding='utf-8') as file:
        text = file.read().replace(out, '${pcfiledir}/../../..')
        file.seek(0)
        file.write(text)
        file.truncate()


def make_libraries(prefix, out):
    """Jansson and cmocka from their sources, and xxHash, which is one header, from this machine."""
    make_library(prefix, out, 'jansson', ['-DJANSSON_BUILD_SHARED_LIBS=OFF', '-DJANSSON_BUILD_DOCS=OFF',
                                          '-DJANSSON_WITHOUT_TESTS=ON', '-DJANSSON_EXAMPLES=OFF'])
    make_library(prefix, out, 'cmocka', ['-DWITH_STATIC_LIB=ON', '-DWITH_EXAMPLES=OFF'])
    shutil.copy('/usr/include/xxhash.h', os.path.join(out, 'usr', 'include'))


class Target:
    def __init__(self, name):
        self.name = name
        self.prefix, self.qemu, self.family, self.triple, self.variants = ARCHITECTURES[name]
        self.plain = next(iter(self.variants.values()))
        self.build = os.path.join(BUILD, 'cross', name)
        self.is_big = name in BIG
        self.has_veneers = name in WITH_VENEERS
        self.has_stubs = name not in WITHOUT_STUBS
        self.has_labels = name in WITH_LABELS
        self.has_archive = name not in WITHOUT_ARCHIVE
        self.root = os.path.join(inputs.CACHE, 'sysroot', name, 'root') if self.has_archive else '/usr/' + self.prefix
        self.flags = ['--sysroot=' + self.root] if self.has_archive else []
        self.libraries = os.path.join(self.root, 'usr', 'lib', {'i386': 'i386-linux-gnu'}.get(name, self.prefix))

    def missing(self):
        """Why it cannot be built here, or None; makes its libraries."""
        for tool in (self.prefix + '-gcc', self.prefix + '-g++', 'qemu-' + self.qemu, 'clang-19', 'meson', 'cmake'):
            if not shutil.which(tool):
                return tool + ' is not installed'
        if self.has_archive:
            folder = os.path.dirname(self.root)
            with self.lock(folder):
                status, text = quiet([os.path.join(HERE, 'sysroot.sh'), self.name, folder, *PACKAGES])
            return 'its packages cannot be had: ' + text.strip().split('\n')[-1] if status else None
        try:
            made = inputs.keep('libraries', [self.prefix, inputs.version(self.prefix + '-gcc'), '2'],
                               lambda out: make_libraries(self.prefix, out))
        except (subprocess.CalledProcessError, OSError) as error:
            return 'its libraries cannot be built: %s' % error
        self.libraries = os.path.join(made, 'usr', 'lib')
        return None

    @staticmethod
    def lock(folder):
        """Several tests may make the same at once. Held until the file is closed."""
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        file = open(folder + '.lock', 'w', encoding='utf-8')
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def make(self, options=None, folder='out', goals=('tools/ownjit/ownjit', 'src/libownjit.a')):
        """Build goals with these options, by default those of 'out', which several tests share: with the unit tests
        where their library is there. What the tools said where that fails, else None."""
        os.makedirs(self.build, exist_ok=True)
        out = os.path.join(self.build, folder)
        if options is None:
            has_cmocka = os.path.exists(os.path.join(self.libraries, 'pkgconfig', 'cmocka.pc'))
            options = ['-Dtests=true'] if has_cmocka else []
        with self.lock(out):
            why = self.configure(out, options)
            status, text = (1, why) if why else quiet(['ninja', '-C', out, '-j2', *goals])
        return text if status else None

    def configure(self, out, options):
        """Nothing where that was done with the same options."""
        # ccache as Meson uses it of its own accord where it builds for this machine.
        wanted = CROSS_FILE.format(
            compiler=['ccache'] * bool(shutil.which('ccache')) + [self.prefix + '-gcc'], prefix=self.prefix,
            flags=self.flags or ['-I' + os.path.join(os.path.dirname(self.libraries), 'include')],
            libraries=self.libraries, family=self.family, endian='big' if self.is_big else 'little',
            properties="sys_root = '%s'" % self.root if self.has_archive else '') + '# %s\n' % ' '.join(options)
        cross = out + '.ini'
        if os.path.exists(os.path.join(out, 'build.ninja')):
            with open(cross, encoding='utf-8') as file:
                if file.read() == wanted:
                    return None
            shutil.rmtree(out)
        with open(cross, 'w', encoding='utf-8') as file:
            file.write(wanted)
        status, text = quiet(['meson', 'setup', out, SOURCE, '--cross-file', cross, '-Dexamples=false',
                              '-Dwerror=true', '--buildtype=release', *options])
        return text if status else None

    def ownjit(self, folder='out'):
        return os.path.join(self.build, folder, 'tools', 'ownjit', 'ownjit')

    def emulate(self, argv, **settings):
        settings = {'timeout': 120, 'env': {'OJT_GREETING': 'hello'}, **settings}
        return tapping.run(['qemu-' + self.qemu, '-L', self.root, *argv], **settings)

    def compiler(self, which, is_cxx=False):
        if which == 'gcc':
            return [self.prefix + ('-g++' if is_cxx else '-gcc'), *self.flags]
        return ['clang++-19' if is_cxx else 'clang-19', '--target=' + self.triple, '--gcc-toolchain=/usr', *self.flags]

    def object(self, which, flags, path):
        """One source file's object, kept for the next run; ValueError with the compiler's words where that fails. It
        says nothing of where the sources lie, which another checkout has elsewhere."""
        compiler = self.compiler(which, path.endswith('.cpp'))
        flags = ['-w', *flags]
        folder = os.path.dirname(path)
        key = [inputs.version(compiler[0]), *compiler, *flags, inputs.digest_file(path), inputs.digest_headers(folder)]
        name = '%s-%s.o' % (self.name, os.path.splitext(os.path.basename(path))[0])
        return self.keep(name, key, [*compiler, *flags, '-ffile-prefix-map=%s=.' % folder, '-c', path])

    def program(self, name, objects, is_cxx=False):
        """What the cross compiler links of the objects; kept, and ValueError, as above. GCC calls libatomic for atomic
        accesses of bytes on RISC-V."""
        compiler = self.compiler('gcc', is_cxx)
        return self.keep('%s-%s' % (self.name, name), [inputs.version(compiler[0]), *map(inputs.digest_file, objects)],
                         [*compiler, '-rdynamic', *objects, '-lm', '-ldl', '-lpthread', '-Wl,--as-needed', '-latomic'])

    @staticmethod
    def keep(name, key, argv):
        def make(out):
            status, text = quiet([*argv, '-o', out])
            if status:
                raise ValueError(text)

        return inputs.keep(name, key, make)
