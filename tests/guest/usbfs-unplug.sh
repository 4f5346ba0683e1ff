# SPDX-License-Identifier: GPL-2.0-only
# expects: kernel trouble
# Pulled in each phase while transfers are in flight, which the process counts: the mount
# ends with an error soon, says what is lost, leaves nothing behind, and works again when
# the stick is back.
# variant: idle
# variant: read
# variant: write
# variant: umount
# variant: control
# variant: probing
# limit: 200
LIMIT=180
. "$TOP/tests/guest/usbfs.bash"
touch "$WORK/unclean" "$WORK/expect-trouble"
start_gadget high
free_stick
head -c 16000000 /dev/urandom > /run/data

server=
mount_for_unplug() {
	$user "$LKLUSB" mount --sandbox=require -v -f usb:1-1 $dir > /run/err 2>&1 &
	server=$!
	for i in $(seq 100); do
		[ "$(server_of)" ] && return
		sleep 0.1
	done
	grep -v "^\[" /run/err
	fail "not mounted"
}

after_unplug() {
	wait_gone $server
	wait $server
	status=$?
	grep -v "^\[" /run/err
	[ $status = 32 ] || fail "exit status $status"
	grep -q '\[device-gone\]' /run/err || fail "no [device-gone]"
	is_mounted && fail "a dead mount stays"
	pgrep -x lklusb && fail "a process stays"
	return 0
}

# Before anything is mounted, after $1 URBs.
pull_before_mounted() {
	$user "$LKLUSB" mount --sandbox=require -v -f usb:1-1 $dir > /run/err 2>&1 &
	server=$!
	unplug_after "$1"
	wait_gone $server 15
	wait $server && fail "mounted what is gone"
	grep -v "^\[" /run/err
	grep -q '\[device-gone\]' /run/err || fail "no [device-gone]"
	is_mounted && fail "a dead mount stays"
	return 0
}

pull_idle() {
	mount_for_unplug
	$user cp /run/data $dir/data || fail cp
	$user sync $dir/data
	unplug
	after_unplug
}

pull_reading() {
	if [ "$1" = 1 ]; then
		mount_for_unplug
		$user cp /run/data $dir/data || fail cp
		umount_stick
	fi
	mount_for_unplug
	$user cat $dir/data > /dev/null 2> /run/cat &
	unplug_after $((30 + $1))
	after_unplug
	wait $!
}

# Without the mount the folder would take the file, for ever.
pull_writing() {
	mount_for_unplug
	( while $user test -e $dir/lost+found && $user cp /run/data $dir/more && $user sync $dir/more; do
		:
	done ) 2> /run/cp &
	unplug_after $((300 + 50 * $1))
	after_unplug
	wait $!
	rm -f $dir/more		# one copy may have begun just after the end
}

pull_at_umount() {
	local status umounting
	mount_for_unplug
	$user cp /run/data $dir/data || fail cp
	$lklusb umount $dir > /run/umount 2>&1 &
	umounting=$!
	unplug_after $((3 + $1))
	wait_gone $server
	wait $server
	status=$?
	wait $umounting
	cat /run/umount; grep -v "^\[" /run/err
	is_mounted && fail "a dead mount stays"
	[ $status = 32 ] && grep -qE '\[(device-gone|flush)\]' /run/err || fail "status $status"
}

# Rounds, each at another moment, until one had transfers in flight.
had=
for round in $(seq 12); do
	case $1 in
	idle) pull_idle ;;
	read) pull_reading "$round" ;;
	write) pull_writing "$round" ;;
	umount) pull_at_umount "$round" ;;
	control) pull_before_mounted $((2 + round)) ;;	# 1: its configuration
	probing) pull_before_mounted $((12 + 4 * round)) ;;
	esac
	killed=$(sed -n 's/.*device is gone .* \([0-9]*\) transfers.*/\1/p' /run/err)
	[ "$killed" ] || fail "it does not say that the device is gone"
	[ "$1" = idle ] || [ "$killed" -gt 0 ] && had=1
	plug
	free_stick
	[ -z "$had" ] || break
done
[ "$had" ] || fail "no round had transfers in flight"

mount_stick usb:1-1
$user cp /run/data $dir/again && $user cmp /run/data $dir/again || fail "after replugging"
umount_stick
