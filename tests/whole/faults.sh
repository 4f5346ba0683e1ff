# SPDX-License-Identifier: GPL-2.0-only
# Faults of the device that Linux gets over at once, or notices at once; the slow ones
# are in tests/full/faults-slow.sh.
# variant: bot
# variant: uas
# variant: both
# limit: 120
. "$TOP/tests/whole/faults.bash"
case $1 in
bot)
	# one that lies in the middle of probing, and while it is in use
	for f in csw-tag@20 csw-tag@70 csw-signature@20 csw-phase@70 csw-short@70 csw-residue@20; do
		survives $f
	done
	for f in command-stall@20 read-short@2 read-stall@2 read-babble@2 read-error@2 \
		write-short@2 write-stall@2; do
		survives $f
	done
	fails read-stall fs-unknown
	;;
uas)
	for f in csw-short@20 command-stall@20 read-short@2 read-stall@2 read-babble@2 \
		read-error@2 write-short@2 write-stall@2; do
		survives $f --uas
	done
	;;
both)
	# what it says about itself
	for f in capacity sector-size-0 config-total; do
		survives $f
	done
	for f in capacity@2+ device-length; do
		survives $f --uas
	done
	fails sector-size-3 fs-unknown
	fails sector-size-3 fs-unknown --uas
	# a slow one
	mount_stick "$img" --filter delay:2000 --filter fault:read-error@9 --uas
	cat "$dir"/* > /dev/null
	umount_stick
	refused usage 1 "$LKLUSB" mount --filter fault:none "$img" "$dir"
	refused usage 1 "$LKLUSB" mount --filter fault:csw-tag@0 "$img" "$dir"
	refused usage 1 "$LKLUSB" mount --filter fault:csw-tag@1x "$img" "$dir"
	refused usage 1 "$LKLUSB" mount --filter delay:never "$img" "$dir"
	refused usage 1 "$LKLUSB" mount --virtio-blk --filter delay:1 "$img" "$dir"
	;;
esac
exit 0
