# SPDX-License-Identifier: GPL-2.0-only
# The daemon is killed under a guest, which may hang then (it waits for answers with
# interrupts off): nobody else does. A new daemon takes the socket over.
# limit: 120
. "$TOP/tests/guest/lib.bash"
make_ext4 "$img" 64M
start_daemon "$img"
boot orphan 10 <<'END'
load
wait_disk sda
mount_disk sda
echo before > /run/mnt/before
sync
touch "$WORK/writing"
while :; do head -c 1000000 /dev/zero > /run/mnt/data; sync; done
END
wait_for 30 test -e "$WORK/writing" || fail "guest does not write"
server=$(pgrep -P "$daemon")
# Its broker first, which would remove the socket.
kill -KILL "$(pgrep -P "$server")" "$server"
wait "$daemon"
daemon=
[ -S "$socket" ] || fail "who removed the socket?"
# Ends by itself, or by timeout's hand.
wait "$guest"
kill_guest
rm -f "$WORK/orphan.dmesg"
mv "$WORK/daemon.log" "$WORK/daemon1.log"
start_daemon "$img"
wait_for 10 grep -q ready "$WORK/daemon.log" || fail "no second daemon"
run_guest next 60 <<'END'
load
wait_disk sda
mount_disk sda
[ "$(cat /run/mnt/before)" = before ] || fail "what was synced is lost"
umount_disk
END
stop_daemon
check_ext4 "$img"
