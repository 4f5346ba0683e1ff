# SPDX-License-Identifier: GPL-2.0-only
# As tests/guest/uml-features.sh, one optional feature off at a time, and none.
# variant: driver
# variant: device
# limit: 300
exec bash "$TOP/tests/guest/uml-features.sh" "$1" each
