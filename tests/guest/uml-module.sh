# SPDX-License-Identifier: GPL-2.0-only
# Loading and unloading the module while the stick is read and written.
# limit: 200
. "$TOP/tests/guest/lib.bash"
truncate -s 64M "$img" "$WORK/second.img"
start_daemon "$img" "$WORK/second.img,speed=high"
run_guest guest 150 <<'END'
for round in $(seq 12); do
	load
	# Sometimes before anything was found, sometimes in the middle of it.
	case $((round % 4)) in
	0) ;;
	1) sleep 0.1 ;;
	*)
		wait_disk sda
		wait_disk sdb
		dd if=/dev/sda of=/dev/null bs=64k iflag=direct 2> /dev/null &
		dd if=/dev/zero of=/dev/sdb bs=64k oflag=direct 2> /dev/null &
		dd if=/dev/zero of=/dev/sda bs=4k seek=1000 2> /dev/null &
		sleep 0.2
		;;
	esac
	unload
	wait
	wait_for 10 not test -b /dev/sda || fail "sda stays"
done
load
wait_disk sda
dd if=/dev/sda of=/dev/null bs=1M 2> /dev/null || fail "reading after all that"
END
stop_daemon
