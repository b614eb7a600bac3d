#!/usr/bin/python3
"""ownjit link: the image and the list it writes, and what it says where it cannot."""

import os
import re

import cli

SOURCE = '''
extern int elsewhere(int);
extern int counter;
int table[4] = {1, 2, 3, 4};
const char text[] = "text";
int zeroes[20];
int *inside = &table[2];
int f(int n) { return elsewhere(n) + counter + table[n & 3] + text[n & 3] + zeroes[n]; }
int unused_by_all(void) { return 5; }
'''
AT = ['--base=0x10000000', '--rodata=0x10010000', '--data=0x10020000']
NAMES = ['--defsym=elsewhere=0x10100000', '--defsym=counter=0x10200000']


def rows(text):
    """The list's rows as (word, address, size, name)."""
    return [(word, int(addr, 16), int(size, 16), name)
            for word, addr, size, name in re.findall(r'^([a-z][a-z-]*) +0x(\S+) 0x(\S+) ?(.*)$', text, re.M)]


def make(c):
    c.write('app.c', SOURCE)
    c.build('gcc', '-O1', '-fPIC', '-ffunction-sections', '-c', 'app.c', '-o', 'app.o')


def image(c):
    make(c)
    c.expect('cli_link_image', ['link', 'app.o', *AT, *NAMES, '-o', 'app.bin', '--map=app.map'], 0, out='')
    found = rows(c.read('app.map').decode())
    segments = {name: (addr, size) for word, addr, size, name in found if word == 'segment'}
    symbols = {name: addr for word, addr, size, name in found if word == 'symbol'}
    data = c.read('app.bin')
    c.tap.check('cli_link_segments_are_where_they_were_asked_for',
                {name: addr for name, (addr, size) in segments.items()} ==
                {'code': 0x10000000, 'rodata': 0x10010000, 'data': 0x10020000}, str(segments))
    c.tap.check('cli_link_image_ends_with_the_last_segment', len(data) == 0x20000 + segments['data'][1], str(len(data)))
    at = symbols['inside'] - 0x10000000
    c.tap.check('cli_link_pointer_has_the_address',
                int.from_bytes(data[at:at + 8], 'little') == symbols['table'] + 8, data[at:at + 8].hex())
    c.tap.check('cli_link_gaps_are_zero', not any(data[segments['code'][1]:0x10000]))
    c.tap.check('cli_link_map_has_every_kind', {'segment', 'section', 'got', 'stubs', 'symbol', 'unwind'} <=
                {row[0] for row in found}, str(found))
    inside = all(any(base <= addr and addr + size <= base + length for base, length in segments.values())
                 for word, addr, size, name in found)
    c.tap.check('cli_link_map_rows_lie_in_segments', inside, str(found))
    got = c.expect('cli_link_to_standard_output', ['link', 'app.o', *AT, *NAMES, '-o', '-'], 0, out=data)
    c.tap.check('cli_link_standard_output_is_the_file', got.out == data)
    c.expect('cli_link_map_to_standard_output', ['link', 'app.o', *AT, *NAMES, '-o', 'again.bin', '--map=-'], 0,
             out=c.read('app.map'))
    c.expect('cli_link_target_that_it_is', ['link', 'app.o', *AT, *NAMES, '--target=x86-64', '-o', 'again.bin'], 0, out='')
    got = c.call('link', 'app.o', '--base=0x10000000', *NAMES, '-o', 'again.bin', '--map=-')
    bases = [addr for word, addr, size, name in rows(got.out.decode()) if word == 'segment']
    c.tap.check('cli_link_segments_follow_on_pages', bases == [0x10000000, 0x10001000, 0x10002000], str(bases))
    got = c.call('link', 'app.o', '--base=0x10020000', '--data=0x10000000', *NAMES, '-o', 'again.bin', '--map=-')
    begin = c.read('again.bin')[:8].hex()
    c.tap.check('cli_link_image_begins_at_the_lowest_address', got.status == 0 and begin.startswith('0100000002'), begin)


def addresses(c):
    """As the manual says: decimal, or hexadecimal after 0x. A leading zero changes nothing."""
    make(c)
    for text, base in (('4096', 4096), ('0004096', 4096), ('0x1000', 4096), ('0X1000', 4096)):
        got = c.call('link', 'app.o', '--base=' + text, *NAMES, '-o', 'again.bin', '--map=-')
        bases = [addr for word, addr, size, name in rows(got.out.decode()) if word == 'segment'][:1]
        c.tap.check('cli_link_address_%s' % text, bases == [base], '%s %s' % (bases, got.err))
    for text in ('0x', '09z', '', '0x1000000000000000000', '-1', ' 1'):
        c.expect_failure('cli_link_address_bad_%s' % text.strip(), ['link', 'app.o', '--base=' + text, '-o', 'again.bin'],
                         "--base: '%s' is not an address" % text)


def names(c):
    make(c)
    got = c.call('link', 'app.o', *AT, *NAMES, '--defsym=table=0x10300000', '-o', 'a.bin', '--map=-')
    at = [row[1] for row in rows(got.out.decode()) if row[3] == 'inside'][0] - 0x10000000
    c.tap.check('cli_link_defsym_comes_before_a_definition',
                c.read('a.bin')[at:at + 8] == (0x10300008).to_bytes(8, 'little'), got.out.decode())
    c.write('library.c', 'int elsewhere(int n) { return n; }\n')
    c.write('spare.c', 'int spare(void) { return 1; }\n')
    for name in ('library', 'spare'):
        c.build('gcc', '-c', name + '.c', '-o', name + '.o')
    c.build('ar', 'rcs', 'library.a', 'library.o', 'spare.o')
    got = c.expect('cli_link_archive', ['link', 'app.o', 'library.a', *AT, NAMES[1], '-o', 'a.bin', '--map=-'], 0,
                   out_has=(' elsewhere\n', 'library.a(library.o)'))
    c.tap.check('cli_link_archive_members_that_are_not_needed_stay_out', b'spare' not in got.out)
    c.write('hidden.c', '__attribute__((visibility("hidden"))) int lonely(void) { return 3; }\nint used(void) { return 4; }\n')
    c.build('gcc', '-ffunction-sections', '-c', 'hidden.c', '-o', 'hidden.o')
    for flags, is_there in (([], True), (['--gc-sections'], False)):
        got = c.call('link', 'hidden.o', *AT, *flags, '-o', 'a.bin', '--map=-')
        c.tap.check('cli_link_gc_sections_%s' % ('off' if is_there else 'on'),
                    got.status == 0 and (b'.text.lonely' in got.out) == is_there, got.out.decode() + got.err.decode())
    c.write('tls.c', '__thread int variable = 7;\n__thread long zero;\nint f(void) { return variable++ + (int)zero; }\n')
    c.build('gcc', '-O1', '-fno-pic', '-c', 'tls.c', '-o', 'tls.o')
    got = c.call('link', 'tls.o', *AT, '-o', 'a.bin', '--map=-')
    tls = [row for row in rows(got.out.decode()) if row[0] == 'tls']
    c.tap.check('cli_link_thread_local', got.status == 0 and len(tls) == 1 and tls[0][2] == 4
                and c.read('a.bin')[tls[0][1] - 0x10000000:] == b'\x07\0\0\0', got.out.decode() + got.err.decode())
    c.build('ld', '-static', '-e', 'f', 'tls.o', '-o', 'tls.native')
    code = c.read('a.bin')[:9]
    c.tap.check('cli_link_thread_local_distance_is_that_of_ld', code in c.read('tls.native'), code.hex())
    c.write('dynamic.c', '__thread int near;\nint *f(void) { return &near; }\n')
    for dialect in ('gnu', 'gnu2'):
        c.build('gcc', '-O1', '-fPIC', '-mtls-dialect=' + dialect, '-c', 'dynamic.c', '-o', dialect + '.o')
        c.expect('cli_link_thread_local_by_%s' % dialect,
                 ['link', dialect + '.o', *AT, '--tls-get-addr=0x10300000', '--tls-descriptor=0x10310000', '-o', 'a.bin'],
                 0, out='')
        word = 0x10300000 if dialect == 'gnu' else 0x10310000
        c.tap.check('cli_link_thread_local_by_%s_has_the_function' % dialect,
                    word.to_bytes(8, 'little') in c.read('a.bin'), c.read('a.bin')[0x10000:0x10040].hex())
    c.write('arrays.c', 'int n;\n__attribute__((constructor)) void c1(void) { n = 1; }\n'
                        '__attribute__((destructor)) void d1(void) { n = 2; }\n')
    c.build('gcc', '-c', 'arrays.c', '-o', 'arrays.o')
    c.expect('cli_link_lists_arrays', ['link', 'arrays.o', *AT, '-o', 'a.bin', '--map=-'], 0,
             out_has=('\nconstructors ', '.init_array', '\ndestructors ', '.fini_array'))


def usage(c):
    make(c)
    os.link(c.path('app.o'), c.path('again.o'))
    before = c.read('app.o')
    out = ['-o', 'x.bin']
    base = '--base=0x10000000'
    for name, argv, parts in (
            ('without_file', [base, *out], ('no FILE to link',)),
            ('without_base', ['app.o', *out], ('no address', '--base=ADDR')),
            ('without_output', ['app.o', base], ('no file to write to', '-o FILE')),
            ('base_is_no_number', ['app.o', '--base=here', *out], ("--base: 'here' is not an address",)),
            ('base_is_negative', ['app.o', '--base=-4096', *out], ("--base: '-4096' is not an address",)),
            ('base_is_cut', ['app.o', '--base=0x1000z', *out], ("'0x1000z' is not an address",)),
            ('base_is_too_large', ['app.o', '--base=0x10000000000000000', *out], ('is not an address',)),
            ('base_twice', ['app.o', base, base, *out], ('--base is given twice',)),
            ('rodata_is_no_number', ['app.o', base, '--rodata=', *out], ("--rodata: '' is not an address",)),
            ('defsym_without_address', ['app.o', base, '--defsym=name', *out], ('NAME=ADDR',)),
            ('defsym_without_name', ['app.o', base, '--defsym==5', *out], ('NAME=ADDR',)),
            ('defsym_is_no_number', ['app.o', base, '--defsym=a=b', *out], ("--defsym: 'b' is not an address",)),
            ('defsym_twice', ['app.o', base, '--defsym=a=1', '--defsym=a=2', *out], ("'a' two addresses",)),
            ('output_is_map', ['app.o', base, *out, '--map=x.bin'], ("both write to 'x.bin'",)),
            ('both_to_standard_output', ['app.o', base, '-o', '-', '--map=-'], ("both write to '-'",)),
            ('output_is_input', ['app.o', base, *NAMES, '-o', 'again.o'], ("-o would overwrite 'app.o'",)),
            ('map_is_input', ['app.o', base, *NAMES, *out, '--map=./app.o'], ("--map would overwrite 'app.o'",)),
            ('target_is_a_triple', ['app.o', base, *NAMES, '--target=x86_64-linux-gnu', *out],
             ('--target=x86_64-linux-gnu is none of', 'x86-64, aarch64')),
            ('descriptor_alone', ['app.o', base, '--tls-descriptor=1', *out], ('--tls-get-addr',)),
            ('unknown_option', ['app.o', '--frobnicate', base, *out], ("unknown option '--frobnicate'",))):
        c.expect_failure('cli_link_usage_' + name, ['link', *argv], *parts)
    c.tap.check('cli_link_input_is_never_overwritten', c.read('app.o') == before)


def failures(c):
    make(c)
    c.write('other.s', '.global g\ng: nop\n')
    c.build('aarch64-linux-gnu-as', 'other.s', '-o', 'other.o')
    c.write('dynamic.c', 'extern __thread int far;\n__thread int near;\nint *f(void) { return &far + (long)&near; }\n')
    c.build('gcc', '-O1', '-fPIC', '-c', 'dynamic.c', '-o', 'dynamic.o')
    c.build('gcc', '-O1', '-fPIC', '-mtls-dialect=gnu2', '-c', 'dynamic.c', '-o', 'descriptors.o')
    c.write('choose.c', 'static void a(void) {}\nvoid *choose(void) { return a; }\n'
                        'void chosen(void) __attribute__((ifunc("choose")));\nvoid f(void) { chosen(); }\n')
    c.build('gcc', '-c', 'choose.c', '-o', 'choose.o')
    c.write('narrow.c', 'extern int far;\nint f(void) { return far; }\n')
    c.build('gcc', '-fno-pic', '-c', 'narrow.c', '-o', 'narrow.o')
    c.build('ar', 'rcs', 'only.a', 'narrow.o')
    c.build('ar', 'rcs', 'dynamic.a', 'dynamic.o')
    c.write('cut.a', c.read('only.a')[:100])
    c.write('aligned.s', '.data\n.p2align 12\n.long 1\n')
    c.build('gcc', '-c', 'aligned.s', '-o', 'aligned.o')
    c.build('gcc', '-shared', '-fPIC', '-nostdlib', 'choose.c', '-o', 'library.so')
    c.write('big.so', b'\x7fELF\2\2\1' + bytes(9) + b'\0\3\0\x16\0\0\0\1' + bytes(40))
    c.write('there', '')
    os.link(c.path('there'), c.path('linked'))
    out = ['-o', 'x.bin']
    for name, argv, parts in (
            ('undefined', ['app.o', *AT, *out], ('2 undefined symbols:', 'elsewhere  referred to by app.o, section .text',
                                                 'counter  referred to by app.o', '--defsym=NAME=ADDR')),
            ('not_found', ['missing.o', *AT, *out], ("cannot open 'missing.o'",)),
            ('source', ['app.c', *AT, *out], ("'app.c' is C source", 'ownjit compile app.c')),
            ('two_architectures', ['app.o', 'other.o', *AT, *NAMES, *out], ('other.o', 'x86-64')),
            ('other_target', ['app.o', *AT, *NAMES, '--target=aarch64', *out], ("'app.o' is for x86-64", 'aarch64')),
            ('only_archives', ['only.a', *AT, *out], ('no object to link',)),
            ('archive_cut', ['app.o', 'cut.a', *AT, *NAMES, *out], ('cut.a',)),
            ('archive_tls_function', ['app.o', 'dynamic.a', *AT, *NAMES, *out], ('dynamic.o', '--tls-get-addr')),
            ('overlap', ['app.o', '--base=0x10000000', '--data=0x10000020', *NAMES, *out], ('0x10000020', 'another segment')),
            ('misaligned', ['aligned.o', '--base=0x1000', '--data=0x2004', *out], ('--data=0x2004 is no multiple of 4096',)),
            ('map_is_output_by_another_name', ['app.o', *AT, *NAMES, *out, '--map=./x.bin'], ('both write to',)),
            ('map_is_output_by_a_link', ['app.o', *AT, *NAMES, '-o', 'there', '--map=linked'], ('both write to',)),
            ('shared_library', ['library.so', *AT, *out], ("'library.so' is a shared library",)),
            ('big_endian_library', ['big.so', *AT, *out], ("'big.so' is a shared library",)),
            ('too_far_apart', ['app.o', '--base=0x1000', '--data=0x800000000', *NAMES, *out],
             ('0x800000070', 'apart', 'reach')),
            ('past_the_end', ['app.o', '--base=0xffffffffffffffff', *NAMES, *out], ('address space',)),
            ('data_past_the_end', ['app.o', '--base=0xffffffff00000000', '--data=0xfffffffffffffff0', *NAMES, *out],
             ('address space',)),
            ('out_of_reach', ['narrow.o', *AT, '--defsym=far=0x900000000', *out],
             ("'far' is reached", 'window', '0x10000000')),
            ('duplicate', ['app.o', 'app.o', *AT, *NAMES, *out], ('app.o', "'f'", 'defined')),
            ('tls_function', ['dynamic.o', *AT, *out], ('dynamic.o', 'R_X86_64_TLSGD', '--tls-get-addr')),
            ('tls_descriptor', ['descriptors.o', *AT, *out], ('descriptors.o', 'TLSDESC', '--tls-descriptor')),
            ('tls_elsewhere', ['dynamic.o', *AT, '--tls-get-addr=0x10300000', *out], ("far",)),
            ('ifunc', ['choose.o', *AT, *out], ('choose.o', "'chosen'", 'indirect function')),
            ('output_folder_missing', ['app.o', *AT, *NAMES, '-o', 'missing/x.bin'], ("cannot write 'missing/x.bin'",)),
            ('output_full', ['app.o', *AT, *NAMES, '-o', '/dev/full'], ("cannot write '/dev/full'", 'No space left')),
            ('map_full', ['app.o', *AT, *NAMES, *out, '--map=/dev/full'], ("cannot write '/dev/full'",))):
        c.expect_failure('cli_link_' + name, ['link', *argv], *parts)
    c.tap.check('cli_link_failure_leaves_no_file', not os.path.exists(c.path('x.bin')))


cli.main(image, addresses, names, usage, failures)
