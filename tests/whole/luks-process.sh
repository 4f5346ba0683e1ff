# SPDX-License-Identifier: GPL-2.0-only
# Keys: libcryptsetup and OpenSSL are never in the process of the library kernel; no key is
# in argv, environment, log or anywhere that the user's other programs can read.
AS_ROOT=1
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
key=$WORK/key
printf 'secret%s' "$RANDOM$RANDOM" > "$key"
luks_image "$img" "$key"
volume=$(cryptsetup luksDump --dump-volume-key -q --key-file "$key" "$img" |
	sed -n '/MK dump/,$ s/.*\t//p' | tr -d ' \n')
[ ${#volume} = 128 ] || fail "volume key: $volume"

ldd "$LKLUSB" > "$WORK/libraries"
! grep -E 'libcrypt|libssl' "$WORK/libraries" || fail "lklusb links them"
ldd "$(dirname "$LKLUSB")/lklusb-key" | grep -q libcryptsetup || fail "the helper does not"

# SIGTERM ends it while it waits for a question, whoever has the other end of its socket
timeout -k 3 20 python3 - "$(dirname "$LKLUSB")/lklusb-key" <<'END' || fail "the helper does not end"
import os, signal, socket, struct, subprocess, sys, time
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
setup = os.pipe()
os.write(setup[1], struct.pack('<IIII', 0x316b6c6c, 1, 1, 0).ljust(1464, b'\0'))
null = os.open('/dev/null', os.O_RDONLY)

def place():
    fds = [os.dup2(fd, 60 + i) for i, fd in enumerate((setup[0], null, theirs.fileno()))]
    for i, fd in enumerate(fds):
        os.dup2(fd, 3 + i)

helper = subprocess.Popen(sys.argv[1:], preexec_fn=place, close_fds=False)
while 'ppoll' not in open('/proc/%d/wchan' % helper.pid).read() and \
        open('/proc/%d/stat' % helper.pid).read().split()[2] != 'S':
    time.sleep(0.02)
helper.send_signal(signal.SIGTERM)
sys.exit(helper.wait(10) != 0)
END

# what the helper shows while it waits for a passphrase
printf '#!/bin/sh\ntouch %s; while [ -e %s ]; do sleep 0.05; done; cat %s\n' \
	"$WORK/asks" "$WORK/asks" "$key" > "$WORK/askpass"
chmod +x "$WORK/askpass"
"$LKLUSB" mount --kernel-log "$WORK/guest.dmesg" --askpass "$WORK/askpass" "$img" "$dir" &
for i in $(seq 100); do
	[ -e "$WORK/asks" ] && break
	sleep 0.1
done
asker=$(pgrep -f "^/bin/sh $WORK/askpass")
helper=$(ps -o ppid= "$asker" | tr -d ' ')
comm=$(cat "/proc/$helper/comm")
cat "/proc/$helper/limits" "/proc/$helper/status" > "$WORK/helper"
ls -l "/proc/$helper/fd" > "$WORK/helper-files"
ls -l "/proc/$asker/fd" > "$WORK/askpass-files"
rm "$WORK/asks"
wait $! || fail mount
[ "$comm" = lklusb-key ] || fail "asked by $comm"
grep -q 'Max core file size *0 *0 ' "$WORK/helper" || fail "the helper may dump core"
[ "$(awk '$1 == "VmLck:" {print $2}' "$WORK/helper")" -gt 0 ] || fail "nothing is locked"
grep "$img" "$WORK/helper-files" && fail "the helper has the disk open"
grep -E 'memfd|/dev/.*random' "$WORK/askpass-files" && fail "askpass has what is the helper's"

server=$(server_of)
grep -E 'libcrypt|libssl' "/proc/$server/maps" && fail "OpenSSL beside the library kernel"
for where in cmdline environ; do
	grep -qaF "$(cat "$key")" "/proc/$server/$where" && fail "the passphrase is in $where"
done
grep -qF "$(cat "$key")" "$WORK/guest.dmesg" && fail "the passphrase is in the log"
grep -qF "${volume:0:32}" "$WORK/guest.dmesg" && fail "the volume key is in the log"
"$LKLUSB" dmesg "$dir" | grep -qF "${volume:0:32}" && fail "the volume key is in dmesg"
umount_stick

# an ordinary user's: not for this user's debugger, not for a core dump
chown -R 65534 "$WORK"
setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$WORK" \
	"$LKLUSB" mount --key-file "$key" "$img" "$dir" || fail "mount as a user"
for server in $(pgrep -u 65534 -f "lklusb mount --key-file $key"); do
	[ "$(cat "/proc/$server/comm")" = lklusb-broker ] || break
done
[ "$(stat -c %u "/proc/$server/mem")" = 0 ] || fail "its memory can be read"
setpriv --reuid 65534 --regid 65534 --clear-groups head -c1 "/proc/$server/maps" 2> /dev/null &&
	fail "its memory can be read"
setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$WORK" "$LKLUSB" umount -q "$dir" ||
	fail umount
