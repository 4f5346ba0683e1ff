# SPDX-License-Identifier: GPL-2.0-only
# Inside the guest: pid 1 reads this, then the test's commands. The root folder is the
# host's (hostfs), so files in $WORK are how guest and host tell each other things.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
MODULE=$TOP/build/uml${UML_VARIANT:+-$UML_VARIANT}-modules/virtio-usbip.ko
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
mkdir /run/mnt

# finish STATUS: log, status and off. Panics and hangs never get here.
finish() {
	[ "$UML_VARIANT" != debug ] || leaks
	dmesg > "$WORK/$NAME.dmesg"
	echo "$1" > "$WORK/$NAME.status"
	sync
	echo o > /proc/sysrq-trigger
	sleep 10
}

fail() {
	echo "FAILED: $*"
	finish "$*"
}

# What was allocated and is known to nobody any more. kmemleak wants to see it twice.
# A line of the log is enough to fail the test.
leaks() {
	mount -t debugfs debugfs /sys/kernel/debug
	echo scan > /sys/kernel/debug/kmemleak
	sleep 6
	echo scan > /sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak > "$WORK/$NAME.kmemleak"
	[ ! -s "$WORK/$NAME.kmemleak" ] || echo "BUG: memory leaks" > /dev/kmsg
}

. "$TOP/tests/guest/wait.bash"

not() {
	! "$@"
}

load() {
	insmod "$MODULE" || fail insmod
}

unload() {
	rmmod virtio_usbip || fail rmmod
}

# The size tells that sd has looked at it, the node comes earlier.
has_disk() {
	[ -b "/dev/$1" ] && [ "$(cat "/sys/block/$1/size" 2>/dev/null || echo 0)" != 0 ]
}

wait_disk() {
	wait_for 20 has_disk "$1" || fail "no disk $1"
}

mount_disk() {
	mount -t ext4 "/dev/$1" /run/mnt || fail "mount $1"
}

umount_disk() {
	umount /run/mnt || fail "umount"
}

drop_caches() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
}
