# SPDX-License-Identifier: GPL-2.0-only
# The server takes its device back while the library kernel is still finding out what it
# is: exported again, it is imported again, as a new device. And as vhost-user-usb does it:
# whenever it is back, with usbipd killed in between.
# variant: again
# variant: never
# variant: daemon
# limit: 150
. "$TOP/tests/guest/usbip.bash"
start_gadget high
bind_stick
start_usbipd
src=usbip://127.0.0.1/$busid
echo hello > /run/hello
unplug() { usbip unbind -b "$busid" || fail unbind; }

# usbip_status: 2 if somebody has imported it.
status() {
	cat "/sys/bus/usb/devices/$busid/usbip_status"
}

if [ "$1" = daemon ]; then
	$user "$TOP/build/host/tests/guest/usbip-again" "$src" > /run/user/log 2>&1 &
	again=$!
	for round in 1 2; do
		wait_for 20 grep -q "^$round 0525:a4a5" /run/user/log || { cat /run/user/log; fail "round $round"; }
		[ "$(status)" = 2 ] || fail "usbip_status $(status)"
		kill $usbipd
		wait $usbipd
		unplug
		sleep 1		# some attempts find nobody
		usbip bind -b "$busid" || fail "bind again"
		[ "$(status)" = 1 ] || fail "usbip_status $(status)"
		start_usbipd
	done
	wait_for 20 grep -q '^3 0525:a4a5' /run/user/log || { cat /run/user/log; fail "round 3"; }
	cat /run/user/log
	[ "$(grep lost /run/user/log | tr '\n' ' ')" = "1 lost 2 lost " ] || fail "the old ones live"
	kill $again $usbipd
	exit 0
fi

for after in 2 12 30; do
	$user "$LKLUSB" mount "$src" $dir > /run/err 2>&1 &
	mounting=$!
	after_urbs $after
	unplug
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
