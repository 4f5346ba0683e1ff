# SPDX-License-Identifier: GPL-2.0-only
"""hostile-client.py SOCKET STICK SOURCE DIR: says to the process that serves a stick what
no lklusb says, and prints each answer. One case a line; a silent peer is closed."""
import os
import socket
import subprocess
import sys

path, stick, source, folder = sys.argv[1:]
VERSION = os.environ['VERSION']


def say(name, message, fds=()):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    s.settimeout(20)
    try:
        if fds:
            socket.send_fds(s, [message], list(fds))
        else:
            s.send(message)
        answer = b''
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            answer += piece + b'|'
    except ConnectionError as e:
        answer = str(e).encode()
    print(name, answer.decode(errors='replace').replace('\n', ' '))
    s.close()


def mount(version=VERSION, stick=stick, source=source, folder=folder, *words):
    return b''.join(w.encode() + b'\0' for w in
                    ['mount', version, stick, '/', source, folder, *words])


null = os.open('/dev/null', os.O_RDWR)
fuse = os.open('/dev/fuse', os.O_RDWR)
pipe = os.pipe()
words = ('mount', '--kernel-log', os.environ['KLOG'], '-p', '2', source, folder)
request = mount(VERSION, stick, source, folder, *words)
silent = []
for i in range(20):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.setblocking(False)
    try:
        s.connect(path)
    except BlockingIOError:
        pass            # there are as many already as may wait
    silent.append(s)
say('noise', bytes(range(256)))
say('no-end', b'status')
say('huge', b'status\0' + b'x' * 60000)
say('no-mount', b'status\x000:0\0')
say('no-number', b'umount\x00-1:+1\0')
say('fd-with-status', b'status\x000:0\0', [null])
say('no-fd', request)
say('key', b'key\0', [null])
say('two-fds', request, [fuse, fuse])
say('many-fds', request, [null] * 200)
say('not-fuse', request, [null])
say('pipe', request, [pipe[0]])
say('not-mounted', request, [fuse])
say('other-version', mount('0.0', stick, source, folder, *words), [fuse])
say('other-stick', mount(VERSION, 'file 0:0 1', source, folder, *words), [fuse])
say('no-words', mount(VERSION, stick, source, folder), [fuse])
say('bad-words', mount(VERSION, stick, source, folder, 'mount', '--nosuch', '-x'), [fuse])
say('help', mount(VERSION, stick, source, folder, 'mount', '--help'), [fuse])
say('long-dir', mount(VERSION, stick, source, '/' + 'd' * 8000, *words), [fuse])

# One that mounts, asks, and is gone before it is answered.
if 'DIES' not in os.environ:
    sys.exit()
ours, theirs = socket.socketpair()
subprocess.run(['fusermount3', '-o', 'nosuid,nodev,max_read=1048576,subtype=lklusb,fsname=' + source,
                '--', folder], pass_fds=[theirs.fileno()],
               env=dict(os.environ, _FUSE_COMMFD=str(theirs.fileno())), check=True)
_, (mounted,), _, _ = socket.recv_fds(ours, 1, 1)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(path)
socket.send_fds(s, [request], [mounted])
s.close()
print('dies')
