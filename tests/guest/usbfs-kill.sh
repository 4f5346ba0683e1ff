# SPDX-License-Identifier: GPL-2.0-only
# After kill -9 the host has its driver back, and the journal makes the stick whole.
. "$TOP/tests/guest/usbfs.bash"
start_gadget high
for round in 1 2 3; do
	mount_stick --detach-driver usb:1-1
	$user cp -r "$TOP/tools" $dir/tools$round || fail cp
	[ "$(host_driver)" = usbfs ] || fail "driver"
	server=$(server_of)
	kill -9 "$server"
	wait_gone "$server"
	for i in $(seq 100); do grep -q " $dir " /proc/mounts || break; sleep 0.1; done
	grep " $dir " /proc/mounts && fail "a dead mount stays"
	for i in $(seq 50); do [ "$(host_driver)" = usb-storage ] && break; sleep 0.1; done
	[ "$(host_driver)" = usb-storage ] || fail "no driver given back"
	pgrep lklusb && fail "a process stays"
	[ -b /dev/sda ] || sleep 1
done
mount_stick --detach-driver usb:1-1
$user ls -R $dir > /dev/null || fail ls
umount_stick
