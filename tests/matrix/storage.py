# SPDX-License-Identifier: GPL-2.0-only
"""What is under a filesystem: partition tables, encryption, volume groups.

Made without root and without a kernel: sfdisk makes the tables, cryptsetup the LUKS
headers, lvm2 (in a UML guest, once) the volume groups. Sectors are encrypted and decrypted
by OpenSSL with the key that the header was given.
"""
import ctypes
import os
import re
import shutil
import struct
import subprocess

MIB = 1 << 20
PASSPHRASE = b'secret'
VOLUME_KEY = bytes(range(64))


class Failure(Exception):
    """What a cell fails with."""


def tool(*command, **options):
    """Its output; a Failure if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **options)
    text = done.stdout.decode(errors='replace')
    if done.returncode:
        raise Failure('%s: status %d: %s' % (' '.join(command), done.returncode, text[-600:]))
    return text


def size_of(path):
    return os.stat(path).st_size


def copy_bytes(source, source_at, target, target_at, length):
    """Holes stay holes in a new file."""
    with open(source, 'rb') as r, open(target, 'r+b' if os.path.exists(target) else 'w+b') as w:
        r.seek(source_at)
        for at in range(0, length, MIB):
            data = r.read(min(MIB, length - at))
            if data.count(0) != len(data):
                w.seek(target_at + at)
                w.write(data)
        if size_of(target) < target_at + length:
            w.truncate(target_at + length)


# ---- encryption ----

class Xts:
    """OpenSSL's AES-XTS, sector by sector: the IV counts those of 512 bytes."""

    def __init__(self, sector, decrypt):
        self.library = ctypes.CDLL('libcrypto.so.3')
        for name in ('EVP_CIPHER_CTX_new', 'EVP_aes_256_xts'):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.EVP_CIPHER_CTX_new())
        self.sector = sector
        if self.library.EVP_CipherInit_ex(
                self.context, ctypes.c_void_p(self.library.EVP_aes_256_xts()), None, VOLUME_KEY,
                None, 0 if decrypt else 1) != 1:
            raise Failure('libcrypto has no AES-XTS')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.EVP_CIPHER_CTX_free(self.context)

    def run(self, data, at):
        """The other form of data, which starts at byte at."""
        source = (ctypes.c_char * len(data)).from_buffer(data)
        target, got = ctypes.create_string_buffer(len(data)), ctypes.c_int()
        out = ctypes.byref(got)
        for i in range(0, len(data), self.sector):
            iv = struct.pack('<QQ', (at + i) // 512, 0)
            if self.library.EVP_CipherInit_ex(self.context, None, None, None, iv, -1) != 1 or \
                    self.library.EVP_CipherUpdate(self.context, ctypes.byref(target, i), out,
                                                  ctypes.byref(source, i), self.sector) != 1:
                raise Failure('libcrypto fails')
        return target.raw


BLOCK = 64 << 10


def make_zeros(work):
    """What nothing but zeros becomes: most of an image is that, and needs no work."""
    for sector in (512, 4096):
        with open('%s/zeros%d' % (work, sector), 'wb') as f, Xts(sector, False) as xts:
            for at in range(0, 80 * MIB, MIB):
                f.write(xts.run(bytearray(MIB), at))


def crypt(work, path, offset, sector, decrypt):
    """In place, from offset to the end."""
    zero = bytes(BLOCK)
    with open(path, 'r+b') as f, open('%s/zeros%d' % (work, sector), 'rb') as zeros, \
            Xts(sector, decrypt) as xts:
        for at in range(0, size_of(path) - offset, BLOCK):
            f.seek(offset + at)
            data, other = f.read(BLOCK), zeros.read(BLOCK)[:size_of(path) - offset - at]
            known = (other, zero) if decrypt else (zero, other)
            f.seek(offset + at)
            f.write(known[1][:len(data)] if data == known[0][:len(data)] else
                    xts.run(bytearray(data), at))


class Plain:
    """dm-crypt without a header."""

    def __init__(self, work, sector):
        self.work, self.key = work, work + '/volume-key'
        self.options = ['--plain', 'aes-xts-plain64', '--key-size', '512', '--key-file', self.key]

    def wrap(self, path):
        crypt(self.work, path, 0, 512, False)

    def unwrap(self, path):
        crypt(self.work, path, 0, 512, True)


class Luks:
    def __init__(self, work, sector, version):
        self.work, self.key, self.volume_key = work, work + '/key', work + '/volume-key'
        self.version, self.sector = version, sector if version == 2 else 512
        self.offset = (16 if version == 2 else 2) * MIB
        self.options = ['--key-file', self.key]

    def wrap(self, path):
        inside = path + '.inside'
        os.rename(path, inside)
        with open(path, 'wb') as f:
            f.truncate(self.offset + size_of(inside))
        more = (['--pbkdf', 'pbkdf2', '--sector-size', str(self.sector)]
                if self.version == 2 else [])
        # It wants a folder for locks that only root could make.
        tool('unshare', '-rm', 'sh', '-c', 'mount -t tmpfs none /run && exec cryptsetup "$@"',
             'sh', 'luksFormat', '-q', '--type', 'luks%d' % self.version,
             '--pbkdf-force-iterations', '1000', '--cipher', 'aes-xts-plain64', '--key-size',
             '512', '--key-file', self.key, '--volume-key-file', self.volume_key, *more, path)
        copy_bytes(inside, 0, path, self.offset, size_of(inside))
        os.remove(inside)
        crypt(self.work, path, self.offset, self.sector, False)

    def unwrap(self, path):
        inside = path + '.inside'
        copy_bytes(path, self.offset, inside, 0, size_of(path) - self.offset)
        os.rename(inside, path)
        crypt(self.work, path, 0, self.sector, True)


# ---- partition tables ----

class Disk:
    options = []

    def __init__(self, sector):
        pass

    def wrap(self, path):
        pass

    def unwrap(self, path):
        pass


class Table:
    """The second partition of an MBR or GPT; sfdisk makes it for 512-byte sectors, and for
    4096 fdisk does."""
    options = ['-p', '2']

    def __init__(self, sector, kind):
        self.sector, self.kind, self.start = sector, kind, 2 * MIB

    def wrap(self, path):
        inside = path + '.inside'
        os.rename(path, inside)
        length = size_of(inside)
        with open(path, 'wb') as f:
            f.truncate(self.start + length + 2 * MIB)
        unit = MIB // self.sector
        new = 'o' if self.kind == 'mbr' else 'g'
        kind = 'p\n' if self.kind == 'mbr' else ''
        commands = '%s\nn\n%s1\n%d\n%d\nn\n%s2\n%d\n%d\nw\n' % (
            new, kind, unit, 2 * unit - 1, kind, 2 * unit,
            2 * unit + (length + self.sector - 1) // self.sector - 1)
        done = subprocess.run(['fdisk', '-b', str(self.sector), path], input=commands.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Failure('fdisk: ' + done.stdout.decode(errors='replace')[-300:])
        if self.kind == 'hybrid':
            self.make_hybrid(path, length)
        copy_bytes(inside, 0, path, self.start, length)
        os.remove(inside)

    def make_hybrid(self, path, length):
        """An entry in the protective MBR for the same sectors, as boot tools make it."""
        with open(path, 'r+b') as f:
            f.seek(446 + 16)
            f.write(struct.pack('<B3sB3sII', 0x80, b'\0' * 3, 0x0c, b'\0' * 3,
                                self.start // self.sector, length // self.sector))

    def unwrap(self, path):
        inside = path + '.inside'
        copy_bytes(path, self.start, inside, 0, size_of(path) - self.start - 2 * MIB)
        os.rename(inside, path)


# ---- volume groups ----

class Groups:
    """Empty groups of lvm2 for volumes of any size, made by one boot of a guest."""

    # MiB of what is in one: filesystem, LUKS1, LUKS2, LUKS2 with a group
    SIZES = [s + more for s in (32, 64) for more in (0, 2, 16, 20)]

    def __init__(self, work):
        self.work, self.made = work, False

    def make(self):
        if self.made:
            return
        self.made = True
        disks, commands = [], []
        for i, size in enumerate(self.SIZES):
            path = '%s/group%d' % (self.work, size)
            with open(path, 'wb') as f:
                f.truncate((size + 4) * MIB)
            disks.append(path)
            node = '/dev/ubd' + chr(ord('a') + i)
            commands += ['pvcreate -q ' + node, 'vgcreate -q -s 1M group%d %s' % (size, node),
                         # in two pieces, the second before the first
                         'lv -l 2 -n hole group%d' % size,
                         'lv -l %d -n data group%d' % (size - 2, size),
                         'lvremove -q -q -y group%d/hole' % size,
                         'lvextend -q -l +2 group%d/data' % size]
        script = self.work + '/groups.sh'
        with open(script, 'w') as f:
            f.write('. "$TOP/tests/whole/lib.bash"\n. "$TOP/tests/whole/disks.bash"\n'
                    'on_disks %s <<END\n%s\n$lvm_map\nEND\n' %
                    (' '.join(disks), '\n'.join(commands)))
        tool('bash', script, env=dict(os.environ, WORK=self.work, AS_ROOT='1'))
        with open(self.work + '/lvs') as f:
            self.lvs = f.read()
        with open(self.work + '/pvs') as f:
            self.starts = [int(s) * 512 for s in re.findall(r',\s*(\d+)', f.read())]

    def pieces(self, size):
        """(where on the disk, how long), in the volume's order."""
        start = self.starts[self.SIZES.index(size)]
        found = re.findall(r'group%d\|data\|\d+\|1\|\S*?\|(\d+)\|\S+?\((\d+)\)' % size, self.lvs)
        if sum(int(n) for n, _ in found) != size:
            raise Failure('lvm2 says %s' % self.lvs)
        return [(start + int(at) * MIB, int(n) * MIB) for n, at in found]


class Volume:
    def __init__(self, groups):
        self.groups, self.options = groups, []

    def wrap(self, path):
        self.groups.make()
        self.size = size_of(path) // MIB
        self.options = ['--lv', 'group%d/data' % self.size]
        inside = path + '.inside'
        os.rename(path, inside)
        shutil.copy('%s/group%d' % (self.groups.work, self.size), path)
        at = 0
        for where, length in self.groups.pieces(self.size):
            copy_bytes(inside, at, path, where, length)
            at += length
        os.remove(inside)

    def unwrap(self, path):
        inside, at = path + '.inside', 0
        for where, length in self.groups.pieces(self.size):
            copy_bytes(path, where, inside, at, length)
            at += length
        os.rename(inside, path)


def layers(partitioning, encryption, sector, work, groups):
    """From the filesystem down to the disk."""
    crypts = {'none': [], 'luks1': [Luks(work, sector, 1)], 'luks2': [Luks(work, sector, 2)],
              'plain': [Plain(work, sector)],
              'luks+lvm': [Volume(groups), Luks(work, sector, 2)]}[encryption]
    below = {'disk': Disk(sector), 'lvm': Volume(groups)}.get(partitioning) or \
        Table(sector, partitioning)
    return crypts + [below]
