# SPDX-License-Identifier: GPL-2.0-only
# What the guest driver goes through in tests/guest, once more in a kernel with KASAN,
# lockdep, kmemleak and object debugging (scripts/build-uml debug).
# variant: module
# variant: unplug
# variant: guest-dies
# variant: hostile-device early
# variant: hostile-device events
# variant: roundtrip speed=high
# variant: roundtrip protocol=uas
# variant: sg3 protocol=uas sector-size=512
# limit: 600
export UML_VARIANT=debug
test=$1
shift
exec bash "$TOP/tests/guest/uml-$test.sh" "$@"
