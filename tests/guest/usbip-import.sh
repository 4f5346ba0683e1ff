# SPDX-License-Identifier: GPL-2.0-only
# A device that Linux's usbipd exports: listed, mounted, written, compared; mounted a
# second time; a second importer and a wrong name are told why not. Others in
# tests/full: high, vudc.
# variant: super
. "$TOP/tests/guest/usbip.bash"
if [ "$1" = vudc ]; then
	modprobe_ udc-core
	modprobe_ usbip-vudc
	modprobe_ libcomposite
	modprobe_ usb_f_mass_storage
	start_medium
	start_usbipd --device		# of usbip-vudc instead of usbip-host
	busid=usbip-vudc.0
	size=2000000		# 10 ms for each URB
else
	start_gadget "$1"
	bind_stick
	start_usbipd
	size=12000000
fi
src=usbip://127.0.0.1/$busid
cat /run/list
grep -qE "^$busid +0525:a4a5 .*" /run/list || fail "list"

mkdir /run/tree
cp -r "$TOP/man" /run/tree/
for i in 0 1 511 512 4097 1048577; do head -c $i /dev/urandom > /run/tree/f$i; done
head -c $size /dev/urandom > /run/tree/big

mount_stick "$src"
$user cp -r /run/tree $dir/ || fail cp
$user diff -r /run/tree $dir/tree || fail "differs while mounted"
mkdir /run/other && chown 65534 /run/other
refused_other() {
	$user timeout -k 3 40 "$LKLUSB" mount "$2" /run/other > /run/out 2>&1
	grep -q "\[$1\]" /run/out || { cat /run/out; fail "no [$1]"; }
}
refused_other already-mounted "$src"
# By another name the server has to say it; usbip-vudc does not say why.
[ "$1" = vudc ] || refused_other usbip-busy "${src/127.0.0.1/localhost}"
refused_other usbip-missing usbip://127.0.0.1/9-9
refused_other usbip-refused usbip://127.0.0.1:3241/9-9
umount_stick

mount_stick "$src" --ro
$user touch $dir/x 2>/dev/null && fail "written though read-only"
$user diff -r /run/tree $dir/tree || fail "differs after remount"
$lklusb dmesg $dir | grep -iE "error|reset.*USB" && fail "the library kernel complains"
umount_stick
kill $usbipd
exit 0
