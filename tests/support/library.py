"""The built library, seen through its public headers: what an object has, asked by ctypes."""

import ctypes
import os

UNDEFINED, DEFINED, ABSOLUTE, COMMON = range(4)


class Section(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('bytes', ctypes.c_void_p), ('size', ctypes.c_uint64),
                ('alignment', ctypes.c_uint64), ('n_relocations', ctypes.c_uint64), ('kind', ctypes.c_uint32),
                ('flags', ctypes.c_uint32)]


class Symbol(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('value', ctypes.c_uint64), ('size', ctypes.c_uint64),
                ('section', ctypes.c_uint32), ('place', ctypes.c_uint32), ('binding', ctypes.c_uint32),
                ('visibility', ctypes.c_uint32), ('type', ctypes.c_uint32), ('reserved', ctypes.c_uint32)]


class Relocation(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('offset', ctypes.c_uint64), ('addend', ctypes.c_int64),
                ('symbol', ctypes.c_uint32), ('reserved', ctypes.c_uint32)]


def declare_list(library, name):
    """The calls oj_<name>_count(handle) and oj_<name>(handle, index, info, size)."""
    count = getattr(library, 'oj_%s_count' % name)
    count.argtypes, count.restype = [ctypes.c_void_p], ctypes.c_size_t
    getattr(library, 'oj_' + name).argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]


def load():
    """The library of the build under test, with what reads objects declared."""
    here = os.path.dirname(os.path.abspath(__file__))
    build = os.environ.get('OJT_BUILD', os.path.join(here, '..', '..', 'build'))
    library = ctypes.CDLL(os.path.join(build, 'lib', 'libownjit.so'))
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    library.oj_status_name.restype = ctypes.c_char_p
    library.oj_object_create.argtypes = [pointer, ctypes.c_char_p, size, pointer, pointer]
    library.oj_object_destroy.argtypes = [pointer]
    declare_list(library, 'object_section')
    declare_list(library, 'object_symbol')
    library.oj_object_relocation.argtypes = [pointer, size, size, pointer, size]
    return library


def ask(function, kind, *indexes):
    """What an accessor says of indexes[0]'s part indexes[1:]."""
    info = kind()
    if function(*indexes, ctypes.byref(info), ctypes.sizeof(info)) != 0:
        raise AssertionError('an accessor refused %s' % (indexes[1:],))
    return info


def sections_of(library, handle):
    return [ask(library.oj_object_section, Section, handle, i) for i in range(library.oj_object_section_count(handle))]


def symbols_of(library, handle):
    return [ask(library.oj_object_symbol, Symbol, handle, i) for i in range(library.oj_object_symbol_count(handle))]


def relocations_of(library, handle, section, n):
    return [ask(library.oj_object_relocation, Relocation, handle, section, i) for i in range(n)]
