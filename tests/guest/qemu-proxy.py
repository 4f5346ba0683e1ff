#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""qemu-proxy.py LISTEN CONNECT: between QEMU's vhost-user-blk and vhost-user-usb.

QEMU's device knows only the feature bits of a disk, so the bits of ours are added to
what the front end accepts. Everything else is passed on as it is, descriptors included.
"""
import array
import os
import socket
import struct
import sys
import threading

SET_FEATURES = 2
FEATURES = 1 << 50 | 1 << 51        # USBIP_PDU, STREAMS
HEADER = struct.Struct('=III')      # request, flags, size of the payload


def receive(sock, n):
    """n bytes and the descriptors that came with them; None at the end."""
    data, fds = b'', []
    while len(data) < n:
        part, ancillary, _, _ = sock.recvmsg(n - len(data), socket.CMSG_SPACE(64 * 4))
        if not part:
            return None, fds
        data += part
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds += array.array('i', value[:len(value) // 4 * 4])
    return data, fds


def send(sock, data, fds):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
    sent = sock.sendmsg([data], rights)
    sock.sendall(data[sent:])
    for fd in fds:
        os.close(fd)


def message(sock):
    header, fds = receive(sock, HEADER.size)
    if header is None:
        return None, None, fds
    payload, more = receive(sock, HEADER.unpack(header)[2])
    return header, payload, fds + more


def relay(source, sink, change):
    try:
        while True:
            header, payload, fds = message(source)
            if header is None or payload is None:
                break
            request, _, _ = HEADER.unpack(header)
            send(sink, header + change(request, payload), fds)
    except OSError:
        pass
    # The other direction ends as well.
    for sock in (source, sink):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def from_front_end(request, payload):
    if request != SET_FEATURES:
        return payload
    return struct.pack('=Q', struct.unpack('=Q', payload)[0] | FEATURES)


def main():
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(1)
    front = server.accept()[0]
    back = socket.socket(socket.AF_UNIX)
    back.connect(sys.argv[2])
    answers = threading.Thread(target=relay, args=(back, front, lambda _, payload: payload))
    answers.start()
    relay(front, back, from_front_end)
    answers.join()


main()
