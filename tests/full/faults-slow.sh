# SPDX-License-Identifier: GPL-2.0-only
# Faults that cost Linux its time-outs: transfers that never end, and devices that go
# on lying.
# variant: bot
# variant: uas
# limit: 900
. "$TOP/tests/whole/faults.bash"
case $1 in
bot)
	survives read-nak@2
	survives write-nak@2
	fails csw-tag device-timeout
	fails csw-phase device-timeout
	fails csw-nak@20 disk-read
	fails csw-stall@20 disk-read
	fails command-nak@20 disk-read
	fails config-inner device-timeout
	fails config-short device-timeout
	fails device-short device-timeout
	;;
uas)
	survives read-nak@2 --uas
	survives write-nak@2 --uas
	survives command-nak@20 --uas
	fails csw-tag device-timeout --uas
	fails csw-tag@20 device-timeout --uas
	fails csw-nak@20 device-timeout --uas
	fails config-inner device-timeout --uas
	fails device-short device-timeout --uas
	# Linux tries that again for ever; lklusb does not
	LIMIT=150
	fails read-stall device-timeout --uas
	pgrep -u "$(id -u)" -f "$img" && fail "a process is left"
	;;
esac
exit 0
