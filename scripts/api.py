"""The public functions, as the headers declare them."""

import glob
import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DECLARATION = re.compile(r'^OJ_API\s[^;]*?\b(oj_\w+)\s*\(', re.M)


def functions():
    names = []
    for path in sorted(glob.glob(os.path.join(SOURCE, 'include', 'ownjit', '*.h'))):
        with open(path, encoding='utf-8') as file:
            names += DECLARATION.findall(file.read())
    return names
