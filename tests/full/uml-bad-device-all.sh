# SPDX-License-Identifier: GPL-2.0-only
# As tests/guest/uml-bad-device.sh, in all the ways.
# limit: 300
exec bash "$TOP/tests/guest/uml-bad-device.sh" all
