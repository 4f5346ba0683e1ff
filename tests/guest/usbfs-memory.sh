# SPDX-License-Identifier: GPL-2.0-only
# With 1 MiB for all of usbfs, transfers are slow but do not fail.
. "$TOP/tests/guest/usbfs.bash"
start_gadget super
free_stick
echo 1 > /sys/module/usbcore/parameters/usbfs_memory_mb
mount_stick usb:0525:a4a5
head -c 20000000 /dev/urandom > /run/data
$user cp /run/data $dir/data || fail cp
umount_stick
mount_stick usb:0525:a4a5
$user cmp /run/data $dir/data || fail "data"
$lklusb dmesg $dir | grep -iE "error|reset" && fail "the library kernel complains"
umount_stick
