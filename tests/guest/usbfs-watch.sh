# SPDX-License-Identifier: GPL-2.0-only
# expects: kernel trouble
# lklusb watch in a kernel without udevd: a stick that is plugged in is told and mounted, one
# that is pulled is told, and its folder goes; likewise after umount and at the end.
# limit: 180
# variant: one
# full variant: several
# full variant: udevd
# full variant: hasty
LIMIT=160
. "$TOP/tests/guest/usbfs.bash"
touch "$WORK/unclean" "$WORK/expect-trouble"
. "$TOP/tests/guest/wait.bash"
sticks=/run/user/sticks
group=00000001		# of netlink: the kernel's events
start_port high
cat > /run/program <<'END'
#!/bin/sh
echo "$* $LKLUSB_VID_PID $LKLUSB_SERIAL" >> /run/user/program
END
chmod +x /run/program

# start_watch options...
start_watch() {
	$user "$LKLUSB" watch "$@" > /run/lines 2> /run/err &
	watcher=$!
	# it listens: who comes before is told as well, but as one that was there
	wait_for 10 grep -qE "^[0-9a-f]+ +15 +$watcher +$group " /proc/net/netlink ||
		{ cat /proc/net/netlink; fail "it does not listen"; }
}

has_lines() {
	[ "$(wc -l < "${2:-/run/lines}")" -ge "$1" ]
}

# line N WORD...: the N-th line has them
line() {
	local n=$1
	shift
	wait_for 20 has_lines "$n" || { cat /run/lines /run/err; fail "no line $n, $*"; }
	for word in "$@"; do
		sed -n "${n}p" /run/lines | grep -q -- "$word" || { cat /run/lines /run/err; fail "line $n: no $word"; }
	done
}

# As another user root sees nothing of it.
has_mount() {
	$user mountpoint -q "$1"
}

stop_watch() {
	kill -TERM "$watcher"
	wait "$watcher" || fail "exit status $?"
	[ -z "$(ls $sticks 2>/dev/null)" ] || fail "left: $(ls $sticks)"
}

valid_lines() {
	local json
	while read -r json; do
		echo "$json" > /run/line.json
		"$TOP/tests/valid-json" watch /run/line.json || fail "not as the schema says: $json"
	done < /run/lines
}

one() {
	start_watch --mount $sticks --exec /run/program -- --detach-driver
	start_medium
	give_node
	line 1 "add  *1-1 *0525:a4a5"
	line 2 "mount  *1-1 *0525:a4a5  $sticks/stick"
	has_mount $sticks/stick || fail "nothing is mounted"
	$user sh -c "echo hello > $sticks/stick/file && sync $sticks/stick/file" || fail "write"
	unplug
	line 4 .
	grep -q "^remove  *1-1 " /run/lines && grep -q "^unmount .*/stick" /run/lines || { cat /run/lines; fail "remove"; }
	[ -e $sticks/stick ] && fail "the folder stays"

	# again; what the user unmounts stays so, and its folder goes
	plug
	line 6 "mount .*/stick"
	[ "$($user cat $sticks/stick/file)" = hello ] || fail "read"
	$lklusb umount -q $sticks/stick || fail umount
	line 7 "unmount .*/stick"
	[ -e $sticks/stick ] && fail "the folder stays after umount"
	[ "$(host_driver)" = usb-storage ] || fail "no driver given back"
	wait_for 10 has_lines 7 /run/user/program
	[ "$(cut -d' ' -f1 /run/user/program | sort | tr '\n' ' ')" = "add add mount mount remove unmount unmount " ] ||
		fail "program: $(cat /run/user/program)"
	grep -qx "mount usb:1-1 $sticks/stick 0525:a4a5 1234567890" /run/user/program || fail "program: $(cat /run/user/program)"
	stop_watch

	# Nothing but watching, one that is there already; what cannot be.
	start_watch -J
	line 1 '"event":"add"' '"serial":"1234567890"'
	stop_watch
	valid_lines
	refused usage 1 "$LKLUSB" watch --mount $sticks -- -f
	refused watch-folder 1 "$LKLUSB" watch --mount /run/none/none
}

# Partitions, hostile labels, folders that are there; the end unmounts.
several() {
	truncate -s 40M /run/two.img
	printf 'label: gpt\nsize=12M\nsize=12M\nsize=8M\n' | sfdisk -q /run/two.img || fail sfdisk
	truncate -s 12M /run/fs
	mkfs.ext4 -q /run/fs || fail mkfs
	e2label /run/fs "$(printf '../A\033[31m/B')" 2> /dev/null
	dd if=/run/fs of=/run/two.img bs=1M seek=1 conv=notrunc status=none
	e2label /run/fs "" && dd if=/run/fs of=/run/two.img bs=1M seek=13 conv=notrunc status=none
	modprobe_ g_mass_storage file=/run/two.img removable=1 iSerialNumber=two
	give_node
	$user mkdir -p $sticks/1-1-2 && touch $sticks/1-1-2/mine
	start_watch -J --mount $sticks -- --detach-driver --ro
	line 3 '"event":"mount"'
	for folder in '_._A_[31m_B' 1-1-2-2; do
		has_mount "$sticks/$folder" || { ls $sticks; cat /run/lines /run/err; fail "no mount on $folder"; }
		$user touch "$sticks/$folder/x" 2> /dev/null && fail "written to with --ro"
	done
	rm -r $sticks/1-1-2
	refused watch-folder 1 "$LKLUSB" watch --mount $sticks
	stop_watch
	pgrep -x lklusb && fail "a process stays"
	[ "$(wc -l < /run/lines)" = 5 ] || fail "lines: $(cat /run/lines)"
	valid_lines
	grep -q '"dir":"/run/user/sticks/_._A_\[31m_B"' /run/lines || fail "JSON: $(cat /run/lines)"

	# The host's driver has it.
	start_watch --mount $sticks
	line 2 failed
	grep -q '\[device-busy\]' /run/err || fail "no [device-busy]: $(cat /run/err)"
	stop_watch
}

# Pulled before it is known what is on it, and plugged in again: mounted in the end.
hasty() {
	start_watch --mount $sticks -- --detach-driver
	for pause in 0.1 1 2 3 5; do
		start_medium
		give_node
		sleep $pause
		rmmod g_mass_storage
	done
	start_medium
	give_node
	wait_for 60 has_mount $sticks/stick || { cat /run/lines /run/err; fail "not mounted"; }
	$user touch $sticks/stick/x || fail "not usable"
	[ "$(ls $sticks)" = stick ] || fail "folders: $(ls $sticks)"
	[ "$(grep -c ^add /run/lines) $(grep -c ^remove /run/lines)" = "6 5" ] || { cat /run/lines; fail "events"; }
	[ "$(grep -c ^mount /run/lines)" = "$(($(grep -c ^unmount /run/lines) + 1))" ] || { cat /run/lines; fail "mounts"; }
	stop_watch
	pgrep -x lklusb && fail "a process stays"
	return 0
}

# With udevd, whose rules give the node away before the watcher hears of the stick. logind,
# which acts on the tag elsewhere, does not run.
udevd() {
	mkdir -p /run/udev/rules.d
	cp "$TOP/packaging/70-lklusb.rules" /run/udev/rules.d/
	echo 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", TAG=="uaccess", MODE="0666"' > /run/udev/rules.d/99-test.rules
	/lib/systemd/systemd-udevd --daemon || fail udevd
	wait_for 10 test -S /run/udev/control || fail "no udevd"
	group=00000002	# udevd's
	start_watch --mount $sticks -- --detach-driver
	start_medium
	line 2 "mount .*/stick"
	unplug
	line 4 .
	grep -q "^remove  *1-1 " /run/lines || { cat /run/lines; fail "remove"; }
	[ -s /run/err ] && { cat /run/err; fail "complaints"; }
	stop_watch
}

"$1"
exit 0
