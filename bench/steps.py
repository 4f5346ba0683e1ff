# SPDX-License-Identifier: GPL-2.0-only
"""What is measured on a mounted folder.

Every step is the same for everybody, and what it read is compared with what was
written, outside the time. A step marked COLD follows a remount, with the image out of
the host's page cache too if it is on a disk.
"""
import glob
import os
import subprocess
import tarfile
import time

MIB = 1 << 20
BIG = 64                        # MiB of the big file
PAGES = BIG * 256
RANDOM = 1024                   # transfers of 4 KiB
DEPTH = 16
SYNCS = 200
FILES = 2000
BLOCKS = [os.urandom(MIB) for _ in range(BIG)]


class Context:
    """folder: where it is mounted; tree: a tar of a source tree."""
    def __init__(self, folder, tree):
        self.folder, self.tree = folder, tree

    def path(self, name):
        return os.path.join(self.folder, name)


def timed(f, *args):
    """Seconds that f took, or what it says itself."""
    start = time.perf_counter()
    took = f(*args)
    return took if isinstance(took, float) else time.perf_counter() - start


def must(ok, what):
    if not ok:
        raise RuntimeError(what)


def write_big(c):
    with open(c.path('big'), 'wb', buffering=0) as f:
        for block in BLOCKS:
            must(f.write(block) == MIB, 'short write')
        os.fsync(f.fileno())


def read_big(c):
    with open(c.path('big'), 'rb', buffering=0) as f:
        while f.read(MIB):
            pass


def check_big(c):
    with open(c.path('big'), 'rb', buffering=0) as f:
        for block in BLOCKS:
            must(f.read(MIB) == block, 'what was read is not what was written')


def transfers(c, flags, count, first):
    """count of 4 KiB, at pages that no other process of this step takes."""
    fd = os.open(c.path('big'), flags)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for i in range(first, first + count):
        page = (i * 7919 + 1) % PAGES   # a prime: no page twice
        block = BLOCKS[page // 256]
        at = page % 256 * 4096
        if flags == os.O_RDONLY:
            must(os.pread(fd, 4096, page * 4096) == block[at:at + 4096], 'wrong data')
        else:
            must(os.pwrite(fd, block[at:at + 4096], page * 4096) == 4096, 'short write')
    if flags != os.O_RDONLY:
        os.fsync(fd)
    os.close(fd)


def random_read(c):
    transfers(c, os.O_RDONLY, RANDOM, 0)


def random_write(c):
    transfers(c, os.O_WRONLY, RANDOM, 0)


def at_once(c, flags):
    """DEPTH processes with one transfer each under way; their start and end are not
    in the time."""
    share = RANDOM // DEPTH
    go, done = os.pipe(), os.pipe()
    pids = []
    for n in range(DEPTH):
        pid = os.fork()
        if not pid:
            try:
                os.close(go[1])
                os.read(go[0], 1)
                transfers(c, flags, share, RANDOM + n * share)
                os.write(done[1], b'.')
            finally:
                os._exit(0)
        pids.append(pid)
    os.close(done[1])
    start = time.perf_counter()
    os.close(go[1])
    ready = 0
    while (more := len(os.read(done[0], DEPTH))):
        ready += more
        if ready == DEPTH:
            break
    took = time.perf_counter() - start
    for pid in pids:
        os.waitpid(pid, 0)
    os.close(go[0])
    os.close(done[0])
    must(ready == DEPTH, 'a process of many failed')
    return took


def random_read_many(c):
    return at_once(c, os.O_RDONLY)


def random_write_many(c):
    return at_once(c, os.O_WRONLY)


def write_sync(c):
    fd = os.open(c.path('sync'), os.O_WRONLY | os.O_CREAT)
    for i in range(SYNCS):
        os.pwrite(fd, b'x' * 4096, i * 4096)
        os.fsync(fd)
    os.close(fd)


def names(c):
    return [c.path('many/file%d' % i) for i in range(FILES)]


def create(c):
    os.mkdir(c.path('many'))
    for name in names(c):
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, b'small')
        os.close(fd)


def stat(c):
    for name in os.listdir(c.path('many')):
        must(os.stat(c.path('many/' + name)).st_size == 5, 'wrong size')


def read_small(c):
    for name in names(c):
        fd = os.open(name, os.O_RDONLY)
        must(os.read(fd, 6) == b'small', 'wrong data')
        os.close(fd)


def unlink(c):
    for name in names(c):
        os.unlink(name)
    os.rmdir(c.path('many'))


def untar(c):
    subprocess.run(['tar', '-xf', c.tree, '-C', c.folder], check=True)


def grep(c):
    found = subprocess.run(['grep', '-rlF', 'usb_submit_urb', c.path('tree')], check=True,
                           stdout=subprocess.PIPE).stdout
    must(len(found.splitlines()) == c.found, 'grep finds other files than in the tree')


def make_tree(path, kernel):
    """A tar of the kernel's USB drivers, MB of its files, how many files grep finds."""
    source = os.path.join(kernel, 'drivers', 'usb')
    files = [f for f in sorted(glob.glob(source + '/**', recursive=True)) if os.path.isfile(f)]
    with tarfile.open(path, 'w') as tar:
        for f in files:
            tar.add(f, 'tree/' + os.path.relpath(f, source))
    found = subprocess.run(['grep', '-lF', 'usb_submit_urb', *files], check=True,
                           stdout=subprocess.PIPE).stdout
    return sum(os.path.getsize(f) for f in files) / 1e6, len(found.splitlines())


HOT, COLD = False, True
# name, function, units of work, unit, cold?
STEPS = [
    ('sequential write', write_big, BIG * MIB / 1e6, 'MB/s', HOT),
    ('sequential read', read_big, BIG * MIB / 1e6, 'MB/s', COLD),
    ('warm read', read_big, BIG * MIB / 1e6, 'MB/s', HOT),
    ('4 KiB read', random_read, RANDOM, '/s', COLD),
    ('4 KiB read, 16 at once', random_read_many, RANDOM, '/s', COLD),
    ('4 KiB write', random_write, RANDOM, '/s', HOT),
    ('4 KiB write, 16 at once', random_write_many, RANDOM, '/s', HOT),
    ('4 KiB write and fsync', write_sync, SYNCS, '/s', HOT),
    ('create', create, FILES, '/s', HOT),
    ('stat', stat, FILES, '/s', COLD),
    ('small read', read_small, FILES, '/s', COLD),
    ('unlink', unlink, FILES, '/s', HOT),
    ('untar', untar, None, 'MB/s', HOT),
    ('grep', grep, None, 'MB/s', COLD),
]
AFTER = {read_big: check_big}   # checks outside the time
SEQUENTIAL = {write_big, read_big}
