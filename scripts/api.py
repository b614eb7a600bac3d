"""The public functions, as the headers declare them."""

import glob
import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DECLARATION = re.compile(r'^OJ_API\s[^;]*?\b(oj_\w+)\s*\(([^;]*)\)', re.M)


def functions(of_drop_in=False, that_tell=''):
    """Of libownjit; or of libownjit-mcjit, whose header is mcjit.h. Those that have a parameter of this type, or all."""
    names = []
    for path in sorted(glob.glob(os.path.join(SOURCE, 'include', 'ownjit', '*.h'))):
        if of_drop_in != (os.path.basename(path) == 'mcjit.h'):
            continue
        with open(path, encoding='utf-8') as file:
            names += [name for name, parameters in DECLARATION.findall(file.read()) if that_tell in parameters]
    return names
