# SPDX-License-Identifier: GPL-2.0-only
"""Many sticks mounted at once, every one usable: what each costs."""
import os
import time

from steps import must
from systems import Lklusb, make_image


def memory(pid):
    """MiB of a process that nobody shares, as far as its pages are divided up."""
    with open('/proc/%d/smaps_rollup' % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith('Pss:')) / 1024


def use(folder, text):
    path = os.path.join(folder, 'file')
    with open(path, 'w') as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    with open(path) as f:
        must(f.read() == text, 'what was read is not what was written')


def measure(folder, count):
    system = Lklusb('lklusb uas', '--uas')
    images = [os.path.join(folder, 'many%d.img' % i) for i in range(count)]
    points = [os.path.join(folder, 'many%d' % i) for i in range(count)]
    mounted = []
    for image, point in zip(images, points):
        make_image(image, 32)
        os.mkdir(point)
    try:
        start = time.perf_counter()
        for image, point in zip(images, points):
            system.mount(image, point)
            mounted.append(point)
        took = time.perf_counter() - start
        start = time.perf_counter()
        for i, point in enumerate(points):
            use(point, 'stick %d' % i)
        used = time.perf_counter() - start
        each = sum(memory(system.server(p)) for p in points) / count
    finally:
        start = time.perf_counter()
        for point in mounted:
            system.umount(point)
        gone = time.perf_counter() - start
    for path in images:
        os.unlink(path)
    return {
        'many.sticks': (count, 'at once'),
        'many.mount': (took / count * 1000, 'ms each'),
        'many.write-and-fsync': (used / count * 1000, 'ms each'),
        'many.umount': (gone / count * 1000, 'ms each'),
        'many.memory': (each, 'MiB each (PSS)'),
    }
