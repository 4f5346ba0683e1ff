# SPDX-License-Identifier: GPL-2.0-only
# A stick that leaves while the library kernel is still finding out what it is: the same
# one is taken again when it comes back to its port, another one is not.
# variant: same
# variant: other
# variant: never
. "$TOP/tests/guest/usbfs.bash"
start_gadget high
echo hello > /run/hello
for after in 2 12 30; do
	for i in $(seq 30); do [ "$(host_driver)" ] && break; sleep 0.1; done
	$user "$LKLUSB" mount --sandbox=require --detach-driver usb:1-1 $dir > /run/err 2>&1 &
	mounting=$!
	for i in $(seq 100); do [ "$(host_driver)" = usbfs ] && break; sleep 0.05; done
	unplug_after $after
	case $1 in
	same) plug ;;
	other) rmmod g_mass_storage; start_medium iSerialNumber=other; give_node ;;
	never) ;;
	esac
	wait_gone $mounting 30
	wait $mounting
	status=$?
	cat /run/err
	if [ "$1" = same ]; then
		[ $status = 0 ] && is_mounted || fail "status $status"
		confined
		$user cp /run/hello $dir/hello$after || fail cp
		umount_stick
		[ "$(host_driver)" = usb-storage ] || fail "no driver given back"
	else
		[ $status = 32 ] || fail "status $status"
		grep -q '\[device-gone\]' /run/err || fail "no [device-gone]"
		is_mounted && fail "mounted"
		pgrep -x lklusb && fail "a process stays"
		[ "$1" = never ] || [ "$(host_driver)" = usb-storage ] || fail "another stick was taken"
		plug
	fi
done
exit 0
