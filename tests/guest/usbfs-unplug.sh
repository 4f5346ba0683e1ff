# SPDX-License-Identifier: GPL-2.0-only
# expects: kernel trouble
# Pulled in each phase: the mount ends with an error soon, says what is lost, leaves
# nothing behind, and works again when the stick is back.
# variant: idle
# variant: read
# variant: write
# variant: umount
# variant: enumeration
# limit: 200
LIMIT=180
. "$TOP/tests/guest/usbfs.bash"
touch "$WORK/unclean" "$WORK/expect-trouble"
start_gadget high
free_stick
head -c 16000000 /dev/urandom > /run/data

server=
mount_for_unplug() {
	$user "$LKLUSB" mount -f usb:1-1 $dir > /run/err 2>&1 &
	server=$!
	for i in $(seq 100); do
		[ "$(server_of)" ] && return
		sleep 0.1
	done
	cat /run/err
	fail "not mounted"
}

after_unplug() {
	wait_gone $server
	wait $server
	status=$?
	cat /run/err
	[ $status = 32 ] || fail "exit status $status"
	grep -q '\[device-gone\]' /run/err || fail "no [device-gone]"
	is_mounted && fail "a dead mount stays"
	pgrep -x lklusb && fail "a process stays"
	return 0
}

for delay in 0.2 0.5 0.9; do
	case $1 in
	enumeration)
		$user "$LKLUSB" mount -f usb:1-1 $dir > /run/err 2>&1 &
		server=$!
		sleep 0$(echo "$delay" | tr -d 0 | sed 's/^/0/')
		unplug
		wait_gone $server 15
		wait $server && fail "mounted what is gone"
		cat /run/err
		grep -qE '\[(device-gone|device-timeout|disk-read|fs-|device-missing)' /run/err || fail "no code"
		is_mounted && fail "a dead mount stays"
		;;
	*)
		mount_for_unplug
		$user cp /run/data $dir/data || fail cp
		;;&
	idle)
		$user sync $dir/data
		unplug
		after_unplug
		;;
	read)
		umount_stick
		mount_for_unplug
		$user cat $dir/data > /dev/null 2> /run/cat &
		sleep 0.0$(echo "$delay" | tr -dc 1-9)
		unplug
		after_unplug
		wait
		;;
	write)
		# Without the mount the folder below would take the file, for ever.
		( while $user test -e $dir/data && $user cp /run/data $dir/more && $user sync $dir/more; do
			:
		done ) 2> /run/cp &
		sleep "$delay"
		unplug
		after_unplug
		wait
		rm -f $dir/more		# one copy may have begun just after the end
		;;
	umount)
		$lklusb umount $dir > /run/umount 2>&1 &
		sleep 0.0$(echo "$delay" | tr -dc 1-9)
		unplug
		wait_gone $server
		wait $server
		status=$?
		wait $!
		cat /run/umount /run/err
		is_mounted && fail "a dead mount stays"
		# Quicker than the unplug, or an error: both may be.
		[ $status = 0 ] || grep -qE '\[(device-gone|flush)\]' /run/err || fail "status $status"
		;;
	esac
	plug
	free_stick
done
mount_stick usb:1-1
$user cp /run/data $dir/again && $user cmp /run/data $dir/again || fail "after replugging"
umount_stick
