# SPDX-License-Identifier: GPL-2.0-only
# Stock USB/IP over IPv6, both ways: a device of usbipd, which does not listen on IPv4, is
# imported; an image that we export there is attached by the kernel's client.
# limit: 120
. "$TOP/tests/guest/usbip.bash"
modprobe_ vhci-hcd
start_gadget super
bind_stick
head -c 2000000 /dev/urandom > /run/data

usbipd -6 > /run/usbipd.log 2>&1 &
usbipd=$!
answers() { $lklusb list "usbip://[::1]" > /run/list 2> /dev/null; }
wait_for 10 answers || { cat /run/usbipd.log; fail "usbipd does not answer"; }
grep -qE "^$busid +0525:a4a5 " /run/list || fail "list"
refused usbip-refused 32 "$LKLUSB" mount usbip://127.0.0.1/$busid $dir
mount_stick "usbip://[::1]/$busid"
$user cp /run/data $dir/ || fail cp
umount_stick
mount_stick "usbip://[::1]/$busid"
$user cmp /run/data $dir/data || fail "data"
umount_stick
kill $usbipd
wait $usbipd

truncate -s 16M /run/user/two.img
mkfs.ext4 -q -F /run/user/two.img
chown 65534 /run/user/two.img
start_export --listen "[::1]" /run/user/two.img
usbip attach -r 127.0.0.1 -b 1-1 > /run/out 2>&1 && fail "attached over IPv4"
usbip list -r ::1 2>&1 | grep "1-1:" || fail "usbip list"
usbip attach -r ::1 -b 1-1 || fail "usbip attach"
usbip port 2>/dev/null | grep "usbip://::1:3240/1-1" || { usbip port; fail "usbip port"; }
has_disk() {
	disk=$(basename /sys/devices/platform/vhci_hcd.0/usb*/*/*/host*/target*/*/block/*)
	[ "$(cat "/sys/block/$disk/size" 2> /dev/null || echo 0)" != 0 ]
}
wait_for 30 has_disk || { dmesg | tail; fail "no disk"; }
mkdir /run/attached
mount -t ext4 "/dev/$disk" /run/attached || fail mount
cp /run/data /run/attached/ || fail cp
umount /run/attached || fail umount
usbip detach -p 8 || fail "usbip detach"
stop_export
debugfs -R "dump /data /run/copy" /run/user/two.img 2> /dev/null
cmp /run/data /run/copy || fail "what was written"
