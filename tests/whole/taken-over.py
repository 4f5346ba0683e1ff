# SPDX-License-Identifier: GPL-2.0-only
"""taken-over.py broker SERVER FOLDER LOG | mount SOURCE FOLDER SOCKETS | key HELPER FILE:
what whoever has taken a serving process over, or is another user's, does to its peers."""
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys

SAME, LOG = 12, 13


def descriptors(pid):
    """(link, our copy) of each of that process's."""
    libc = ctypes.CDLL(None)
    pidfd = os.pidfd_open(pid)
    for name in os.listdir('/proc/%d/fd' % pid):
        fd = libc.syscall(438, pidfd, int(name), 0)     # pidfd_getfd
        assert fd >= 0, 'pidfd_getfd'
        yield os.readlink('/proc/%d/fd/%s' % (pid, name)), fd


def question(word, value, text):
    return struct.pack('<IIQ4096s', word, 0, value, text.encode())


def find_broker(pid):
    found = {}
    for link, fd in descriptors(pid):
        if link == '/dev/fuse':
            found['fuse'] = fd
        elif link.startswith('socket:'):
            s = socket.socket(fileno=fd)
            if not s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found['broker'] = s
    return found['broker'], found['fuse']


def broker(pid, folder, log):
    """Hangs in the mount that it is to take away, with the means to serve it in its queue."""
    s, fuse = find_broker(pid)
    s.settimeout(30)
    s.send(question(SAME, 0, log))
    print('same', struct.unpack('<i', s.recv(100)[:4])[0])
    os.kill(pid, signal.SIGSTOP)
    s.send(question(SAME, 0, folder + '/nobody-answers'))
    socket.send_fds(s, [question(LOG, 3, 'x')], [fuse])
    os.close(fuse)
    s.close()
    os.kill(pid, signal.SIGKILL)


def emergency(pid):
    s, _ = find_broker(pid)
    s.settimeout(30)
    try:
        s.send(question(LOG, 0, 'this is on every terminal'))
        s.send(question(SAME, 0, '/'))
        print('emergency', 'answered' if s.recv(100) else 'over')
    except (BrokenPipeError, ConnectionResetError):
        print('emergency over')


def mount(source, folder, sockets):
    """Serves umount, and lies; nobody serves the files."""
    ours, theirs = socket.socketpair()
    subprocess.run(['fusermount3', '-o', 'nosuid,nodev,subtype=lklusb,fsname=' + source, '--', folder],
                   pass_fds=[theirs.fileno()],
                   env=dict(os.environ, _FUSE_COMMFD=str(theirs.fileno())), check=True)
    _, (fuse,), _, _ = socket.recv_fds(ours, 1, 1)
    for line in open('/proc/self/mountinfo'):
        if line.split()[4] == folder:
            name = line.split()[2]
    os.makedirs(sockets, mode=0o700, exist_ok=True)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(sockets + '/' + name)
    s.listen(8)
    print('ready', flush=True)
    esc = '\033[31m\033]0;x\007'
    while True:
        c, _ = s.accept()
        kind = c.recv(100).split(b'\0')[0]
        if kind == b'others':
            c.send(b'[null, 1, {}, "/nowhere"]')
        elif kind == b'dmesg':
            try:
                while True:
                    c.send(b'x' * 32768)
            except OSError:
                pass
        elif kind == b'status':
            c.send(json.dumps({'dir': esc, 'code' + esc: esc}).encode())
        else:
            c.send(b'dirty 0\n')
            c.send(b'synced 0 ' + esc.encode() + b'\n')
            c.send(('done 5 code%s %s\n' % (esc, esc)).encode())
        c.close()


def key(helper, path):
    """A file that it may only read, as the header: libcryptsetup would mend it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    setup, null = os.pipe(), os.open('/dev/null', os.O_RDONLY)
    os.write(setup[1], struct.pack('<IIII', 0x316b6c6c, 1, 2, 0).ljust(1464, b'\0'))

    def place():
        fds = [os.dup2(fd, 60 + i) for i, fd in enumerate((setup[0], null, theirs.fileno()))]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)

    subprocess.Popen([helper], preexec_fn=place, close_fds=False, stdin=null)
    theirs.close()
    q = struct.pack('<IIQ160s', 0x316b6c6c, 0, os.path.getsize(path), b'it')
    socket.send_fds(ours, [q], [os.open(path, os.O_RDONLY)])
    ours.settimeout(30)
    try:
        print('key', len(ours.recv(4096)))
    except ConnectionResetError:
        print('key 0')


what = sys.argv[1]
if what == 'broker':
    broker(int(sys.argv[2]), *sys.argv[3:])
elif what == 'emergency':
    emergency(int(sys.argv[2]))
elif what == 'mount':
    mount(*sys.argv[2:])
else:
    key(*sys.argv[2:])
