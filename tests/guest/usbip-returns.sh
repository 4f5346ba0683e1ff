# SPDX-License-Identifier: GPL-2.0-only
# The server takes its device back while the library kernel is still finding out what it
# is: exported again, it is imported again, as a new device.
# variant: again
# variant: never
# limit: 150
. "$TOP/tests/guest/usbip.bash"
start_gadget high
bind_stick
start_usbipd
src=usbip://127.0.0.1/$busid
echo hello > /run/hello
unplug() { usbip unbind -b "$busid" || fail unbind; }

for after in 2 12 30; do
	$user "$LKLUSB" mount "$src" $dir > /run/err 2>&1 &
	mounting=$!
	unplug_after $after
	[ "$1" = never ] || usbip bind -b "$busid" || fail "bind again"
	wait_gone $mounting 40
	wait $mounting
	status=$?
	cat /run/err
	if [ "$1" = never ]; then
		[ $status = 32 ] || fail "status $status"
		grep -q '\[device-gone\]' /run/err || fail "no [device-gone]"
		is_mounted && fail "mounted"
		pgrep -x lklusb && fail "a process stays"
		usbip bind -b "$busid" || fail "bind again"
	else
		[ $status = 0 ] && is_mounted || fail "status $status"
		$user cp /run/hello $dir/hello$after || fail cp
		umount_stick
	fi
done
kill $usbipd
exit 0
