# SPDX-License-Identifier: GPL-2.0-only
# vhost-user-usb with a USB device of its host, without a guest, in the whole sandbox: its broker takes it from
# the host's driver, which gets it back by SIGUSR1, at the end, and after kill -9.
. "$TOP/tests/guest/usbfs.bash"
start_gadget high
for i in $(seq 100); do [ "$(host_driver)" = usb-storage ] && break; sleep 0.1; done
log=/run/user/daemon.log

# start STICK
start() {
	: > $log
	chmod 666 $log
	$user "$TOP/build/vhost-user-usb" -v --sandbox=require -s /run/user/s "$1" >> $log 2>&1 &
	daemon=$!
	for i in $(seq 100); do grep -q ready $log && break; sleep 0.1; done
	[ "$(host_driver)" = usbfs ] || { cat $log; fail "$1: the driver is '$(host_driver)'"; }
	is_confined $daemon
}
given_back() {
	for i in $(seq 100); do [ "$(host_driver)" = usb-storage ] && return 0; sleep 0.1; done
	cat $log
	fail "no driver given back: $1"
}
ended() {
	wait $daemon
	for i in $(seq 100); do pgrep vu-usb-broker > /dev/null || return 0; sleep 0.1; done
	fail "the broker stays"
}

$user "$TOP/build/vhost-user-usb" -s /run/user/s usb:1-1 2> /run/err &&
	fail "it took what has a driver"
grep -q 'usb-storage has it (option detach takes it)' /run/err || { cat /run/err; fail "why?"; }
given_back "what was refused"

start usb:0525:a4a5,detach
kill -USR1 $daemon
given_back "pulled"
kill -USR2 $daemon
for i in $(seq 100); do [ "$(host_driver)" = usbfs ] && break; sleep 0.1; done
[ "$(host_driver)" = usbfs ] || fail "not plugged in again"
kill $daemon
ended
given_back "the end"
start usb:1-1,detach
kill -9 $daemon
ended
given_back "killed"

# A descriptor whose node the user cannot open for a second one: with the first.
node=$(ls /dev/bus/usb/*/002)
chmod 600 "$node"
for signal in TERM KILL; do
	exec 7<> "$node"
	start fd:7,detach
	exec 7>&-
	kill -$signal $daemon
	ended
	given_back "fd:7, $signal"
done
