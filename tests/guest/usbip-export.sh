# SPDX-License-Identifier: GPL-2.0-only
# lklusb export, and the unmodified kernel's client: listed, attached, partitioned by
# nobody, mounted, written, detached; attached again, compared; checked from outside.
# Others in tests/full: high, uas, unix (a socket in the file system, as for ssh), device
# (one that the host has, through usbfs).
# variant: super
# limit: 150
. "$TOP/tests/guest/usbip.bash"
modprobe_ vhci-hcd
options=
source=$img
id=1209:0001
case $1 in
high) options="--speed high" ;;
uas) options="--speed high --uas" ;;
unix) options="--unix /run/user/s" ;;
device)
	start_gadget super
	options=--detach-driver source=usb:0525:a4a5 id=0525:a4a5
	;;
esac
truncate -s 16M /run/user/two.img
chown 65534 /run/user/two.img

has_disk() {
	disk=$(basename /sys/devices/platform/vhci_hcd.0/usb*/*/*/host*/target*/*/block/* \
		2>/dev/null)
	[ -b "/dev/$disk" ] && [ "$(cat "/sys/block/$disk/size")" != 0 ]
}

no_disk() {
	! has_disk
}

attach() {
	usbip attach -r 127.0.0.1 -b "$1" || { cat /run/export.log; fail "usbip attach"; }
}

detach() {
	usbip detach -p "$(usbip port 2>/dev/null | sed -n 's/^Port \([0-9]*\):.*/\1/p' | head -1)" ||
		fail "usbip detach"
	wait_for 10 no_disk || fail "the disk stays"
}

start_export $options "$source" /run/user/two.img
if [ "$1" = unix ]; then
	# What ssh -L does on one side.
	socat TCP-LISTEN:3240,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:/run/user/s &
	relay=$!
	wait_for 10 lists_devices || fail "no relay"
fi
usbip list -r 127.0.0.1 > /run/list 2>&1
cat /run/list
grep -q "1-1: .*($id)" /run/list || fail "usbip list"
grep -q "1-2: .*(1209:0001)" /run/list || fail "usbip list: the second"
grep -q "(08/06/50)" /run/list || fail "usbip list: interfaces"

attach 1-1
wait_for 30 has_disk || { dmesg | tail -20; fail "no disk"; }
[ "$1" != uas ] || dmesg | grep -q "scsi host.: uas" || fail "not UAS"
usbip list -r 127.0.0.1 2>&1 | grep -q "1-1:" && fail "listed though imported"
usbip attach -r 127.0.0.1 -b 1-1 > /run/out 2>&1 && fail "imported twice"
grep -qi "busy" /run/out || { cat /run/out; fail "why not"; }
usbip attach -r 127.0.0.1 -b 1-9 > /run/out 2>&1 && fail "imported what is not there"

mount -t ext4 "/dev/$disk" /run/mnt || fail mount
mkdir /run/tree
cp -r "$TOP/man" /run/tree/
for i in 0 1 511 512 4097 1048577; do head -c $i /dev/urandom > /run/tree/f$i; done
head -c 12000000 /dev/urandom > /run/tree/big
cp -r /run/tree /run/mnt/ || fail cp
umount /run/mnt || fail umount
detach

# A new import finds the device as if it had just been plugged in.
attach 1-1
wait_for 30 has_disk || fail "no disk the second time"
mount -t ext4 "/dev/$disk" /run/mnt || fail "mount the second time"
diff -r /run/tree /run/mnt/tree || fail "differs"
rm -r /run/mnt/tree/man || fail rm
umount /run/mnt || fail "umount the second time"
dmesg | grep -iE "I/O error|reset .*using vhci" && fail "the kernel complains"
detach
[ "$1" != unix ] || kill $relay
stop_export
cat /run/export.log
