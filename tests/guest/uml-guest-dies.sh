# SPDX-License-Identifier: GPL-2.0-only
# Guests that are killed while they write: the daemon serves the next one, which
# replays the journal.
# limit: 200
. "$TOP/tests/guest/lib.bash"
make_ext4 "$img" 64M
start_daemon "$img"
for round in 1 2 3; do
	boot "dies$round" 100 <<'END'
load
wait_disk sda
mount_disk sda
echo "$NAME" > "/run/mnt/$NAME"
sync
touch "$WORK/writing.$NAME"
while :; do
	for i in $(seq 100); do head -c 100000 /dev/zero > "/run/mnt/data$i"; done
	sync
done
END
	wait_for 60 test -e "$WORK/writing.dies$round" || fail "guest does not write"
	sleep 0.5
	kill_guest
done
run_guest last 60 <<'END'
load
wait_disk sda
mount_disk sda
for i in 1 2 3; do
	[ "$(cat /run/mnt/dies$i)" = dies$i ] || fail "what was synced is lost: $i"
done
umount_disk
END
stop_daemon
check_ext4 "$img"
