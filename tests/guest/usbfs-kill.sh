# SPDX-License-Identifier: GPL-2.0-only
# After kill -9 the host has its driver back, and the journal makes the stick whole.
. "$TOP/tests/guest/usbfs.bash"
start_gadget high
# Until the host has its driver back; nothing of ours is left.
given_back() {
	for i in $(seq 50); do [ "$(host_driver)" = usb-storage ] && break; sleep 0.1; done
	[ "$(host_driver)" = usb-storage ] || fail "no driver given back"
	for i in $(seq 50); do pgrep lklusb > /dev/null || break; sleep 0.1; done
	pgrep lklusb && fail "a process stays"
	for i in $(seq 50); do [ -b /dev/sda ] && break; sleep 0.1; done
}
kill_server() {
	server=$(server_of)
	kill -9 "$server"
	wait_gone "$server"
	for i in $(seq 100); do grep -q " $dir " /proc/mounts || break; sleep 0.1; done
	grep " $dir " /proc/mounts && fail "a dead mount stays"
	given_back
}

for round in 1 2; do
	mount_stick --detach-driver usb:1-1
	$user cp -r "$TOP/tools" $dir/tools$round || fail cp
	[ "$(host_driver)" = usbfs ] || fail "driver"
	kill_server
done

# A descriptor whose node the user cannot open for a second one: with the first.
node=$(ls /dev/bus/usb/*/002)
chmod 600 "$node"
for end in kill_server umount_stick; do
	exec 7<> "$node"
	mount_stick --detach-driver fd:7
	exec 7>&-
	$user ls -R $dir > /dev/null || fail ls
	[ "$(host_driver)" = usbfs ] || fail "driver"
	$end
	given_back
done
chmod 666 "$node"
mount_stick --detach-driver usb:1-1
$user ls -R $dir > /dev/null || fail ls
umount_stick
