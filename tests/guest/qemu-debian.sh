# SPDX-License-Identifier: GPL-2.0-only
# Debian's own kernels in QEMU, and our module as it is shipped: mount, write, pull, plug,
# unload under load, and at last the whole device is unplugged by QEMU. What is bypassed
# for a QEMU without a generic vhost-user device is in docs/vhost-user.md.
# variant: 6.1
# full variant: 6.12
# limit: 200
. "$TOP/tests/guest/lib.bash"
. "$TOP/tests/guest/qemu.bash"
make_ext4 "$img" 64M
truncate -s 32M "$WORK/raw.img"
start_daemon "$img" "$WORK/raw.img,speed=high,protocol=uas"
start_proxy
boot_qemu qemu 150 "$1" <<'END'
has_disk() {
	[ -b "/dev/$1" ] && [ "$(cat "/sys/block/$1/size" 2>/dev/null || echo 0)" != 0 ]
}
wait_disk() {
	wait_for 30 has_disk "$1" || fail "no disk $1"
}
no_disks() {
	[ ! -b /dev/sda ] && [ ! -b /dev/sdb ]
}
load_driver() {
	insmod /modules-driver/virtio-usbip.ko || fail insmod
	wait_disk sda
	wait_disk sdb
}
# The stick with the filesystem; names come as sticks are found.
mount_stick() {
	for d in sda sdb; do
		mount -t ext4 "/dev/$d" /mnt 2> /dev/null && return
	done
	fail "mount"
}
read_all() {
	while dd if="/dev/$1" of=/dev/null bs=64k iflag=direct 2> /dev/null; do :; done
}
busy() {
	for d in sda sdb; do
		read_all "$d" &
		read_all "$d" &
	done
	sleep 0.5
}

insmod /modules-driver/feature-shim.ko || fail "shim"
echo virtio0 > /sys/bus/virtio/drivers/feature_shim/unbind || fail "no device for the shim"
load_driver

mount_stick
for i in 0 1 511 4097 65537 3000000; do
	head -c "$i" /dev/urandom > "/mnt/f$i"
done
mkdir /mnt/many
for i in $(seq 40); do echo "file $i" > "/mnt/many/$i"; done
(cd /mnt && find . -type f -exec sha256sum {} + | sort -k2) > /run/sums
cp /run/sums /mnt/sums
sync
umount /mnt || fail "umount"
mount_stick
(cd /mnt && sha256sum -s -c sums) || fail "other data after mounting again"
umount /mnt || fail "umount"

busy
echo "--- pull"
wait_for 30 no_disks || fail "pulled sticks stay"
wait
echo "--- plug"
wait_disk sda
wait_disk sdb

busy
rmmod virtio_usbip || fail "rmmod under load"
no_disks || fail "disks stay without a driver"
wait
load_driver
mount_stick
(cd /mnt && sha256sum -s -c sums) || fail "other data after unloading"
echo last > /mnt/last
umount /mnt || fail "umount"

busy
echo "--- remove"
wait_for 30 no_disks || fail "the disks of a removed device stay"
wait
[ -z "$(ls /sys/bus/virtio/devices)" ] || fail "the device stays"
rmmod virtio_usbip || fail "rmmod"
END
wait_said 100 '--- pull'
signal_daemon USR1
wait_said 60 '--- plug'
signal_daemon USR2
wait_said 60 '--- remove'
monitor 'device_del usb0'
wait_qemu
grep -q 'scsi host.: uas' "$WORK/qemu.dmesg" || fail "no UAS"
stop_daemon
check_ext4 "$img"
debugfs -R 'cat /f3000000' "$img" 2> /dev/null > "$WORK/f"
debugfs -R 'cat /sums' "$img" 2> /dev/null > "$WORK/sums"
[ "$(sha256sum < "$WORK/f" | cut -c1-64)" = "$(sed -n 's/ .*f3000000$//p' "$WORK/sums")" ] ||
	fail "the host reads other data"
[ "$(debugfs -R 'cat /last' "$img" 2> /dev/null)" = last ] || fail "what was written last"
grep -q 'front end dropped' "$WORK/daemon.log" && fail "the front end was dropped"
exit 0
