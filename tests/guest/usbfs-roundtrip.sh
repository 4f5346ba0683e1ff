# SPDX-License-Identifier: GPL-2.0-only
# A real device: written, unmounted, mounted again, compared; the host has its driver
# back afterwards, and its checker agrees.
# variant: high
# variant: super
. "$TOP/tests/guest/usbfs.bash"
start_gadget "$1"
id=$(basename /sys/bus/usb/devices/*-1)
$lklusb list
$lklusb list | grep -qE "^$id +0525:a4a5 +usb-storage .*needs --detach-driver" || fail list

mkdir /run/tree
cp -r "$TOP/man" "$TOP/tools" /run/tree/
for i in 0 1 511 512 4097 1048577; do head -c $i /dev/urandom > /run/tree/f$i; done
head -c 12000000 /dev/urandom > /run/tree/big

mount_stick --detach-driver usb:0525:a4a5
[ "$(host_driver)" = usbfs ] || fail "driver: $(host_driver)"
$user cp -r /run/tree $dir/ || fail cp
$user diff -r /run/tree $dir/tree || fail "differs while mounted"
confined
$lklusb dmesg $dir | grep -qi "$1-\?speed USB device" || fail "speed"
umount_stick
[ "$(host_driver)" = usb-storage ] || fail "no driver given back: '$(host_driver)'"

mount_stick --detach-driver "usb:$id" --ro
$user touch $dir/x 2>/dev/null && fail "written though read-only"
$user diff -r /run/tree $dir/tree || fail "differs after remount"
umount_stick

# Without a driver of the host nothing has to be detached; by serial, node, descriptor.
free_stick
$lklusb list | grep -qE "^$id .*free" || fail "not free"
node=$(ls /dev/bus/usb/*/002)
$lklusb list usb:0525:a4a5:1234567890 | grep -q "ext4 *stick" || fail "by serial"
$lklusb list -J "$node" | grep -q '"type": *"ext4"' || fail "by node"
$lklusb shell "$node" -c 'cat /tree/f4097' > /run/out && cmp /run/out /run/tree/f4097 || fail "shell"
exec 7<> "$node"
mount_stick fd:7
$user rm -r $dir/tree/tools || fail rm
umount_stick
[ -z "$(host_driver)" ] || fail "a driver: $(host_driver)"
