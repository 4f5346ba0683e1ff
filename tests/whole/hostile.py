# SPDX-License-Identifier: GPL-2.0-only
"""For programs NAME SOCKET STICK SOURCE DIR that say to the process that serves a stick what
no lklusb says; VERSION is that of lklusb, KLOG the log of the mount that there is."""
import os
import socket
import subprocess
import sys

path, stick, source, folder = sys.argv[1:]
VERSION = os.environ['VERSION']
WORDS = ('mount', '--kernel-log', os.environ['KLOG'], '-p', '2', source, folder)


def mount_request(*words, version=VERSION, stick=stick, folder=folder):
    """For a mount, with a command line."""
    return b''.join(w.encode() + b'\0' for w in
                    ['mount', version, stick, '/', source, folder, *words])


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    s.settimeout(20)
    return s


def mount_fuse():
    """On the folder: a connection that nobody serves yet."""
    ours, theirs = socket.socketpair()
    subprocess.run(['fusermount3', '-o',
                    'nosuid,nodev,max_read=1048576,subtype=lklusb,fsname=' + source, '--', folder],
                   pass_fds=[theirs.fileno()],
                   env=dict(os.environ, _FUSE_COMMFD=str(theirs.fileno())), check=True)
    _, (fuse,), _, _ = socket.recv_fds(ours, 1, 1)
    return fuse


def pieces(s):
    """All that is answered."""
    while piece := s.recv(65536):
        yield piece


def show(name, answer):
    print(name, answer.decode(errors='replace').replace('\n', ' '), flush=True)
