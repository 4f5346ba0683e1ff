# SPDX-License-Identifier: GPL-2.0-only
"""Who is measured: each mounts an ext4 image on a folder and takes it down again."""
import json
import os
import shutil
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(TOP, 'build', 'bench')
LKLUSB = os.path.join(TOP, 'build', 'lklusb')
PASSTHROUGH_SOURCE = '/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c'


def run(*argv, **kw):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, **kw).stdout


def wait_mounted(folder):
    deadline = time.monotonic() + 60
    while not os.path.ismount(folder):
        if time.monotonic() > deadline:
            raise RuntimeError('nothing is mounted on ' + folder)
        time.sleep(0.0005)


class System:
    """One way to reach the files of an image. rounds: None for as many as the others."""
    rounds = None

    def resident(self, _folder):
        """MiB of the processes that serve the mount, or None for the kernel's own."""
        return None


class Lklusb(System):
    def __init__(self, name, *options):
        self.name, self.options = name, options

    def mount(self, image, folder):
        run(LKLUSB, 'mount', '-q', *self.options, image, folder)

    def umount(self, folder):
        run(LKLUSB, 'umount', '-q', folder)

    def server(self, folder):
        """The pid."""
        return json.loads(run(LKLUSB, 'status', '-J', folder))[0]['pid']

    def resident(self, folder):
        return resident(self.server(folder))


def resident(pid):
    with open('/proc/%d/status' % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith('VmRSS')) / 1024


class IoUring(Lklusb):
    """Over FUSE's rings, which root switches on while it mounts."""
    name = 'lklusb uas io_uring'
    switch = '/sys/module/fuse/parameters/enable_uring'

    def __init__(self):
        super().__init__(self.name, '--uas', '--io-uring')

    def mount(self, image, folder):
        with open(self.switch, 'r+') as f:
            before = f.read(1)
            f.write('Y')
            f.flush()
            try:
                super().mount(image, folder)
            finally:
                f.write(before)


class Server(System):
    """A FUSE server that stays in the foreground as our child."""
    def start(self, argv, folder):
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_mounted(folder)

    def umount(self, folder):
        run('fusermount3', '-u', folder)
        self.process.wait(60)           # it writes back after that

    def resident(self, _folder):
        return resident(self.process.pid)


class Fuse2fs(Server):
    name = 'fuse2fs'

    def mount(self, image, folder):
        self.start(['fuse2fs', image, folder, '-f', '-o', 'fakeroot,rw'], folder)


class Memory(Server):
    """Files in the server's memory: what no FUSE server is above."""
    name = 'nothing below'

    def mount(self, image, folder):
        self.start([os.path.join(TOP, 'build/host/bench/memory-fuse'), image, folder], folder)


class Loop(System):
    name = 'kernel loop'

    def mount(self, image, folder):
        run('mount', '-o', 'loop', image, folder)

    def umount(self, folder):
        run('umount', folder)


class Passthrough(Server):
    """libfuse's example over the kernel's loop mount."""
    name = 'passthrough_ll'

    def __init__(self):
        self.program = os.path.join(OUT, 'passthrough_ll')
        flags = run('pkg-config', '--cflags', '--libs', 'fuse3').split()
        run('gcc', '-O2', '-w', '-o', self.program, PASSTHROUGH_SOURCE, *flags)
        self.loop = Loop()

    def mount(self, image, folder):
        under = folder + '.under'
        os.makedirs(under, exist_ok=True)
        self.loop.mount(image, under)
        self.start([self.program, '-f', '-o', 'source=' + under, folder], folder)

    def umount(self, folder):
        super().umount(folder)
        self.loop.umount(folder + '.under')


class Guestmount(System):
    name = 'guestmount'
    rounds = 1                          # a virtual machine each time

    def mount(self, image, folder):
        self.pid_file = folder + '.pid'
        run('guestmount', '--format=raw', '-a', image, '-m', '/dev/sda', '--rw', '--pid-file',
            self.pid_file, folder)

    def umount(self, folder):
        with open(self.pid_file) as f:
            pid = f.read().strip()
        run('guestunmount', folder)
        while os.path.exists('/proc/' + pid):
            time.sleep(0.01)

    def resident(self, _folder):
        with open(self.pid_file) as f:
            return resident(int(f.read())) + self.guest()

    def guest(self):
        """Its virtual machine is a child of somebody else: all of that name."""
        pids = subprocess.run(['pgrep', '-f', 'qemu.*guestfs'], text=True,
                              stdout=subprocess.PIPE).stdout.split()
        return sum(resident(int(p)) for p in pids)


def available():
    """(systems, [why one is missing]): peers that need root or a program."""
    systems = [Lklusb('lklusb bot'), Lklusb('lklusb uas', '--uas'),
               Lklusb('lklusb virtio-blk', '--virtio-blk'), Memory()]
    missing = []
    if shutil.which('fuse2fs'):
        systems.append(Fuse2fs())
    else:
        missing.append('fuse2fs: not installed')
    if os.getuid():
        missing.append('kernel loop, passthrough_ll: only root can mount')
        missing.append('io_uring: only root can switch it on')
    else:
        if os.path.exists(IoUring.switch):
            systems.append(IoUring())
        else:
            missing.append('io_uring: not in this Linux')
        systems.append(Loop())
        if os.path.exists(PASSTHROUGH_SOURCE):
            systems.append(Passthrough())
        else:
            missing.append('passthrough_ll: no ' + PASSTHROUGH_SOURCE)
    if shutil.which('guestmount'):
        systems.append(Guestmount())
    else:
        missing.append('guestmount: not installed')
    return systems, missing


def make_image(path, mib=256):
    with open(path, 'wb') as f:
        f.truncate(mib << 20)
    run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0,root_owner=%d:%d'
        % (os.getuid(), os.getgid()), path)
