# SPDX-License-Identifier: GPL-2.0-only
# Each requirement of docs/protocol.md is there once and names tests that exist; a test that
# cites a requirement is named by it.
set -eu
cd "$TOP"
python3 - <<'END'
import os
import re
import sys

bad = []
with open('docs/protocol.md') as f:
    lines = f.read().split('\n')


def test_exists(name, functions):
    if name == 'read' or name.startswith('fuzz-'):
        return name == 'read' or os.path.exists('fuzz/%s.c' % name)
    if name.startswith('unit-'):
        path = 'tests/unit/test-%s.c' % name[5:]
        if not os.path.exists(path):
            return False
        with open(path) as f:
            text = f.read()
        return all(len(re.findall(r'\b%s\b' % f, text)) >= 2 for f in functions)
    if re.match('(disk|lkl|usbtest)-', name):
        with open('tests/lkl/meson.build') as f:
            return "'%s'" % name.split('-', 1)[1] in f.read()
    return any(os.path.exists('tests/%s/%s.sh' % (folder, name))
               for folder in ('guest', 'whole', 'full'))


requirements = {}       # id: names of tests
i = 0
while i < len(lines):
    block = lines[i] + '\n'
    i += 1
    while block.startswith('- ') and i < len(lines) and lines[i].startswith('  '):
        block += lines[i] + '\n'
        i += 1
    ids = re.findall(r'\b((?:DEV|DR)-\d+): ', block)
    tests = re.findall(r'\[([a-z][a-z0-9-]+)(?::\s+([a-z0-9_,\s]+))?\]', block)
    for n in ids:
        if n in requirements:
            bad.append('%s is there twice' % n)
        requirements[n] = {name for name, _ in tests}
        if not tests:
            bad.append('%s names no test' % n)
    for name, functions in tests if ids else []:
        if not test_exists(name, re.findall(r'\w+', functions)):
            bad.append('%s: no such test: %s %s' % (ids[0], name, functions))

for side in ('DEV', 'DR'):
    numbers = sorted(int(n.split('-')[1]) for n in requirements if n.startswith(side + '-'))
    if numbers != list(range(1, len(numbers) + 1)):
        bad.append('%s: numbers are missing' % side)

for folder, prefix in (('tests/unit', 'unit-'), ('tests/guest', ''), ('tests/full', ''),
                       ('fuzz', '')):
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(('.c', '.sh')):
            continue
        test = prefix + re.sub(r'^test-|\.(c|sh)$', '', name)
        with open(os.path.join(folder, name)) as f:
            cited = re.findall(r'\b(DEV|DR)-(\d+(?:, \d+)*)', f.read())
        for side, numbers in cited:
            for n in numbers.split(', '):
                n = '%s-%s' % (side, n)
                if n not in requirements:
                    bad.append('%s/%s cites %s, which is not there' % (folder, name, n))
                elif test not in requirements[n]:
                    bad.append('%s/%s cites %s, which does not name it' % (folder, name, n))
if len(requirements) < 50:
    bad.append('only %d requirements were found' % len(requirements))
sys.exit('\n'.join(bad) if bad else 0)
END
