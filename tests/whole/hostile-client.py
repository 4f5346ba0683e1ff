# SPDX-License-Identifier: GPL-2.0-only
"""hostile-client.py SOCKET STICK SOURCE DIR: says to the process that serves a stick what
no lklusb says, and prints each answer. One case a line; a silent peer is closed."""
import os
import socket
import sys

from hostile import WORDS, connect, mount_fuse, mount_request, path, pieces, show


def say(name, message, fds=()):
    s = connect()
    answer = b''
    try:
        if fds:
            socket.send_fds(s, [message], list(fds))
        else:
            s.send(message)
        for piece in pieces(s):
            answer += piece + b'|'
    except ConnectionError as e:
        answer = str(e).encode()
    show(name, answer)
    s.close()


null = os.open('/dev/null', os.O_RDWR)
fuse = os.open('/dev/fuse', os.O_RDWR)
pipe = os.pipe()
request = mount_request(*WORDS)
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
say('other-version', mount_request(*WORDS, version='0.0'), [fuse])
say('other-stick', mount_request(*WORDS, stick='file 0:0 1'), [fuse])
say('no-words', mount_request(), [fuse])
say('bad-words', mount_request('mount', '--nosuch', '-x'), [fuse])
say('help', mount_request('mount', '--help'), [fuse])
say('long-dir', mount_request(*WORDS, folder='/' + 'd' * 8000), [fuse])

# One that mounts, asks, and is gone before it is answered.
if 'DIES' not in os.environ:
    sys.exit()
mounted = mount_fuse()
s = connect()
socket.send_fds(s, [request], [mounted])
s.close()
print('dies')
