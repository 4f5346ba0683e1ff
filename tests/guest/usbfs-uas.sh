# SPDX-License-Identifier: GPL-2.0-only
# A device with a Bulk-Only and a UAS setting: UAS at High Speed, UAS with streams at
# SuperSpeed (usbfs grants streams on dummy_hcd, though the host's uas does not ask).
# variant: high
# variant: super
. "$TOP/tests/guest/usbfs.bash"
start_tcm "$1"
free_stick
guest_driver() {
	sed -n 's/.*scsi host0: \([a-z-]*\).*/\1/p' "$1"
}
head -c 20000000 /dev/urandom > /run/big
mount_stick usb:0525:a4a5
$lklusb dmesg $dir > /run/guest
[ "$(guest_driver /run/guest)" = uas ] || { tail -20 /run/guest; fail "no UAS"; }
$user cp -r "$TOP/tools" /run/big $dir/ || fail cp
$user diff -r "$TOP/tools" $dir/tools && $user cmp /run/big $dir/big || fail "differs"
confined
$lklusb dmesg $dir | grep -E "uas_eh|reset|error" && fail "the library kernel complains"
umount_stick
mount_stick usb:0525:a4a5
$user diff -r "$TOP/tools" $dir/tools && $user cmp /run/big $dir/big || fail "differs after remount"
umount_stick
