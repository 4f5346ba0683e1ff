# SPDX-License-Identifier: GPL-2.0-only
# How management programs start a back end: an inherited socket, listening or connected;
# what it says that it is; the file by which it is found.
# limit: 120
. "$TOP/tests/guest/lib.bash"
make_ext4 "$img" 32M
python3 - "$DAEMON" "$img" "$socket" \
	"$TOP/packaging/50-lklusb-vhost-user.json.in" <<'END' || fail "see above"
import json, os, socket, struct, subprocess, sys
daemon, img, path, description = sys.argv[1:]

# --print-capabilities: whatever else is said is ignored.
said = json.loads(subprocess.check_output([daemon, '--print-capabilities', '--fd', '99', 'x']))
with open(description) as f:
    found = json.load(f)
assert said['type'] == found['type'] == 'usb', (said, found)
assert said['features'] == [] and found['tags'] == [] and found['description']
assert found['binary'].endswith('/vhost-user-usb')

def connected(message, status):
    ours, its = socket.socketpair()
    p = subprocess.Popen([daemon, '--fd', str(its.fileno()), img], pass_fds=[its.fileno()])
    its.close()
    ours.sendall(struct.pack('=III', *message))
    if not status:
        assert len(ours.recv(20)) == 20
    ours.shutdown(socket.SHUT_RDWR)
    assert p.wait(20) == status, p.returncode

connected((1, 1, 0), 0)         # GET_FEATURES
connected((99, 1, 0), 1)

# The socket is the caller's: it stays. For the guest, which follows.
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen()
p = subprocess.Popen([daemon, '-v', '--fd', str(s.fileno()), img], pass_fds=[s.fileno()],
                     stderr=open(os.environ['HOME'] + '/daemon.log', 'w'))
print(p.pid, file=open(os.environ['HOME'] + '/pid', 'w'))
END
daemon=$(cat "$WORK/pid")
run_guest guest 60 <<'END'
load
wait_disk sda
mount_disk sda
echo good > /run/mnt/file
umount_disk
END
kill -TERM "$daemon"
wait_for 10 eval "! kill -0 $daemon 2> /dev/null" || fail "the daemon does not end"
daemon=
[ -S "$socket" ] || fail "the daemon removed a socket that is not its own"
check_ext4 "$img"
[ "$(debugfs -R 'cat /file' "$img" 2>/dev/null)" = good ] || fail "data"
