# SPDX-License-Identifier: GPL-2.0-only
# Nonsense on the daemon's socket costs a line in the log; a guest is served after it.
# limit: 120
. "$TOP/tests/guest/lib.bash"
make_ext4 "$img" 32M
start_daemon "$img"
python3 - "$socket" <<'END' || fail "the daemon does not hang up"
import array, os, socket, struct, sys
def send(*messages, fds=()):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(sys.argv[1])
    try:
        for m in messages:
            s.sendmsg([m], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else [])
        while s.recv(4096):
            pass
    except (BrokenPipeError, ConnectionResetError):
        pass
    s.close()
def msg(request, payload=b'', flags=1):
    return struct.pack('=III', request, flags, len(payload)) + payload
send(os.urandom(4096))
send(b'GET / HTTP/1.1\r\n\r\n')
send(msg(1), msg(2, b'\xff' * 8))
mem = os.memfd_create('m')
os.ftruncate(mem, 4096)
send(msg(5, struct.pack('=IIQQQQ', 1, 0, 0, 1 << 40, 0, 0)), fds=[mem])
send(msg(12, struct.pack('=Q', 0)), fds=[mem])
send(msg(3), fds=[mem] * 20)
END
[ "$(grep -c 'front end dropped' "$WORK/daemon.log")" = 6 ] || fail "lines in the log"
run_guest guest 60 <<'END'
load
wait_disk sda
mount_disk sda
umount_disk
END
stop_daemon
