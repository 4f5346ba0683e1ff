# SPDX-License-Identifier: GPL-2.0-only
"""Every system does every step, in turns."""
import os
import statistics

from steps import AFTER, BIG, COLD, PAGES, SEQUENTIAL, STEPS, SYNCS, Context, must, timed
from systems import make_image, run

CPU_ROW = 'CPU, sequential'


class Times:
    """Time of all CPUs in user and kernel mode, in seconds: whoever works for a mount,
    the kernel's threads too, counts. The machine must have nothing else to do."""
    def __init__(self):
        with open('/proc/stat') as f:
            user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
        self.busy = (user + nice + system + irq + softirq) / os.sysconf('SC_CLK_TCK')


def flushes(image):
    """Flushes that the disk below the image got, None if it has none."""
    device = os.stat(image).st_dev
    path = '/sys/dev/block/%d:%d/stat' % (os.major(device), os.minor(device))
    try:
        with open(path) as f:
            return int(f.read().split()[15])
    except (OSError, IndexError):
        return None


def forget(image):
    """Out of the host's page cache, if it is on a disk: alike for everybody."""
    fd = os.open(image, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def cached_pages(path):
    return int(run('fincore', '-b', '-n', '-o', 'PAGES', path))


class Round:
    """One system with a new image, once through all steps."""
    def __init__(self, system, image, context, units, results):
        self.system, self.image, self.context = system, image, context
        self.units, self.results = units, results

    def add(self, name, value):
        self.results.setdefault(name, []).append(value)

    def mount(self):
        return timed(self.system.mount, self.image, self.context.folder)

    def again(self):
        self.system.umount(self.context.folder)
        forget(self.image)
        self.mount()
        big = self.context.path('big')
        must(cached_pages(big) == 0, 'the cache of %s is not cold' % self.system.name)

    def step(self, name, function, units, cold):
        if cold:
            self.again()
        before, flushed = Times(), flushes(self.image)
        took = timed(function, self.context)
        if function in SEQUENTIAL and (cold or name == 'sequential write'):
            self.cpu += Times().busy - before.busy
        if name == '4 KiB write and fsync' and flushed is not None:
            self.add('flushes per fsync', (flushes(self.image) - flushed) / SYNCS)
        self.add(name, (units or self.units) / took)
        if function in AFTER:
            AFTER[function](self.context)

    def all(self):
        self.cpu = 0
        self.add('time to mount', self.mount() * 1000)
        memory = self.system.resident(self.context.folder)
        if memory is not None:
            self.add('resident memory', memory)
        for name, function, units, _, cold in STEPS:
            self.step(name, function, units, cold)
        self.system.umount(self.context.folder)
        self.add(CPU_ROW, self.cpu / (2 * BIG / 1024))


def measure(systems, folder, rounds, tree, cpus=None):
    """{system: {row: [value a round]}}; tree as from steps.make_tree and its path."""
    everywhere = os.sched_getaffinity(0)
    path, units, found = tree
    point = os.path.join(folder, 'mnt')
    os.makedirs(point, exist_ok=True)
    context = Context(point, path)
    context.found = found
    results = {s.name: {} for s in systems}
    image = os.path.join(folder, 'bench.img')
    os.sched_setaffinity(0, cpus or everywhere)
    try:
        for r in range(rounds):
            for s in systems[r % len(systems):] + systems[:r % len(systems)]:
                if s.rounds and r >= s.rounds:
                    continue
                make_image(image)
                Round(s, image, context, units, results[s.name]).all()
                os.unlink(image)
    finally:
        os.sched_setaffinity(0, everywhere)
    return results


def median(values):
    return statistics.median(values)
