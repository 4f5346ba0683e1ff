# SPDX-License-Identifier: GPL-2.0-only
"""hostile-keys.py SOCKET STICK SOURCE DIR: asks the process that serves a stick for an
encrypted partition, and gives it what is no key helper. Prints each answer, one case a
line, and the bytes of the question."""
import os
import socket
import subprocess
import threading

from hostile import WORDS, connect, folder, mount_fuse, mount_request, pieces, show


def say(name, message, fds, helper=None):
    """Until the end of the answers; the helper is one that answers a question."""
    fuse = mount_fuse()
    s = connect()
    socket.send_fds(s, [mount_request(*WORDS)], [fuse])
    os.close(fuse)
    answer = b''
    for piece in pieces(s):
        answer += piece + b'|'
        if piece == b'key':
            socket.send_fds(s, [message], fds)
            if helper:
                threading.Thread(target=helper).start()
    show(name, answer)
    s.close()
    subprocess.run(['fusermount3', '-u', '-z', '--', folder], stderr=subprocess.DEVNULL)


def answers(*messages, fds=()):
    """A helper that takes one question and says these."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def helper():
        ours.settimeout(20)
        question, headers, _, _ = socket.recv_fds(ours, 4096, 4)
        assert len(headers) == 1 and os.pread(headers[0], 4, 0) == b'LUKS', headers
        try:
            os.pwrite(headers[0], b'x', 0)
            print('the header can be written to')
        except OSError:
            pass
        os.close(headers[0])
        for m in messages:
            socket.send_fds(ours, [m], fds)
        ours.close()
    return theirs, helper


null = os.open('/dev/null', os.O_RDWR)
say('unasked', b'status\x000:0\0', [])
say('file', b'key\0', [null])
stream = socket.socketpair()
stream[1].send(bytes(64 << 10))
say('stream', b'key\0', [stream[0].fileno()])
closed = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
closed[1].close()
say('nothing', b'key\0', [closed[0].fileno()])
for case, messages in (('noise', [bytes(range(256)) * 4]), ('short', [b'x']),
                       ('long', [bytes(60000)])):
    theirs, helper = answers(*messages)
    say(case, b'key\0', [theirs.fileno()], helper)
theirs, helper = answers(bytes(1000), fds=[null] * 20)
say('fds', b'key\0', [theirs.fileno()], helper)
say('two', b'key\0', [null, null])
