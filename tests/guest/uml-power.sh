# SPDX-License-Identifier: GPL-2.0-only
# Suspended ports: the device hears of it (PORT_PM), the guest's USB core resumes when it
# has something to do, and a remote wakeup resumes without that. Power of a port is taken
# and given back. Plugging is noticed although the root hub sleeps.
# variant: high
# variant: super
# limit: 120
. "$TOP/tests/guest/lib.bash"
start_daemon "zero:,speed=$1,wake=400"
run_guest guest 60 <<'END'
load
device_is_there() { ls -d /sys/bus/usb/devices/*-1 > /dev/null 2>&1; }
wait_for 10 device_is_there || fail "no device"
cd /sys/bus/usb/devices/*-1 || fail "no device"
is() { [ "$(cat power/runtime_status)" = "$1" ]; }
echo 1000 > power/autosuspend_delay_ms
echo auto > power/control
wait_for 10 is suspended || fail "does not suspend: $(cat power/runtime_status)"
# 400 ms later the device wakes it up by itself, and it suspends again; on its own it
# would sleep for ever.
wait_for 10 is active || fail "no remote wakeup"
wait_for 10 is suspended || fail "does not suspend again"
echo on > power/control
wait_for 10 is active || fail "does not resume"
[ "$(cat bNumInterfaces | xargs)" = 1 ] || fail "not configured after resume"
cat product > /dev/null
cd /
port=$(echo /sys/bus/usb/devices/*-0:1.0/usb*-port1/disable)
for p in $port; do [ -e "${p%/disable}/device" ] && port=$p; done
echo 1 > "$port" || fail "port power off"
wait_for 10 not device_is_there || fail "still there without power"
sleep 0.5
device_is_there && fail "comes back without power"
echo 0 > "$port" || fail "port power on"
wait_for 10 device_is_there || fail "does not come back"
echo auto > "$(echo /sys/bus/usb/devices/*-1/power/control)"
echo ok
END
stop_daemon
cat "$WORK/guest.console"
grep -q "port [0-9]*: suspended" "$WORK/daemon.log" || fail "the device did not hear of it"
grep -q "port [0-9]*: without power" "$WORK/daemon.log" || fail "the device kept its power"
