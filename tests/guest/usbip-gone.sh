# SPDX-License-Identifier: GPL-2.0-only
# The server's side goes while a file is read: the mount ends with [device-gone], within
# seconds. Once the peer is back it is a new device, which is mounted as ever. In
# tests/full: silent, a peer that does not even close the connection.
# variant: closed
. "$TOP/tests/guest/usbip.bash"
start_gadget super
bind_stick
start_usbipd
src=usbip://127.0.0.1/$busid
touch "$WORK/unclean"

mount_stick "$src"
head -c 8000000 /dev/urandom > /run/data
$user cp /run/data $dir/data || fail cp
umount_stick

$user "$LKLUSB" mount -f --kernel-log /run/user/gone.dmesg "$src" $dir > /run/user/out 2>&1 &
mount=$!
wait_for 20 is_mounted || fail "no mount"
server=$(server_of)
# Reads until it fails.
(while $user dd if=$dir/data of=/dev/null bs=64k iflag=nocache 2>/dev/null; do
	echo 1 > /proc/sys/vm/drop_caches
done) &
reader=$!
sleep 1
case $1 in
closed) usbip unbind -b "$busid" || fail unbind ;;
silent) ip link set lo down || fail "ip link" ;;
esac
wait_gone "$server" 20
wait "$mount"
status=$?
cat /run/user/out
[ "$status" = 32 ] || fail "status $status"
grep -q "\[device-gone\]" /run/user/out || fail "no [device-gone]"
is_mounted && fail "still mounted"
wait "$reader"

# The peer is back.
ip link set lo up
kill $usbipd
wait $usbipd 2>/dev/null
sleep 1
# Linux's server may not have noticed that its client is gone.
[ "$1" = closed ] || usbip unbind -b "$busid" || fail "unbind again"
usbip bind -b "$busid" || fail "bind again"
device_is_listed() {
	$lklusb list usbip://127.0.0.1 | grep -q "^$busid "
}
start_usbipd
wait_for 30 device_is_listed || fail "the device is not offered again"
mount_stick "$src"
$user cmp /run/data $dir/data || fail "data"
umount_stick
kill $usbipd
exit 0
