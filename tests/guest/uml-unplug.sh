# SPDX-License-Identifier: GPL-2.0-only
# Sticks are pulled while they are used and plugged in again; the guest sees both.
# limit: 200
. "$TOP/tests/guest/lib.bash"
make_ext4 "$img" 64M
truncate -s 64M "$WORK/raw.img"
start_daemon "$img" "$WORK/raw.img,speed=high"
boot guest 150 <<'END'
load
wait_disk sda
wait_disk sdb
for round in 1 2 3 4 5; do
	for d in sda sdb; do
		dd if=/dev/$d of=/dev/null bs=64k iflag=direct count=1000000 2> /dev/null &
		while dd if=/dev/$d of=/dev/null bs=4k iflag=direct 2> /dev/null; do :; done &
	done
	touch "$WORK/busy$round"
	wait_for 20 not test -b /dev/sda || fail "sda does not go"
	wait_for 20 not test -b /dev/sdb || fail "sdb does not go"
	wait
	touch "$WORK/gone$round"
	wait_disk sda
	wait_disk sdb
done
d=sda
[ "$(cat /sys/block/sda/size)" = "$(cat /sys/block/sdb/size)" ] || fail "sizes"
mount -t ext4 /dev/sda /run/mnt 2> /dev/null || { d=sdb; mount_disk sdb; }
echo good > /run/mnt/file
umount_disk
END
for round in 1 2 3 4 5; do
	wait_for 60 test -e "$WORK/busy$round" || fail "guest is not busy"
	sleep 0.3
	signal_daemon USR1
	wait_for 60 test -e "$WORK/gone$round" || fail "guest does not notice"
	signal_daemon USR2
done
wait_guest guest
stop_daemon
check_ext4 "$img"
[ "$(debugfs -R 'cat /file' "$img" 2>/dev/null)" = good ] || fail "data"
