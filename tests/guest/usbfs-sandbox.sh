# SPDX-License-Identifier: GPL-2.0-only
# The kernel of the other usbfs tests holds a process back as hosts do: what cannot be done
# inside the sandbox tests/unit/test-sandbox tries, with a device's usbfs as well.
. "$TOP/tests/guest/usbfs.bash"
host_has_sandbox
timeout -k 3 60 $user "$TOP/build/host/tests/unit/test-sandbox" || fail test-sandbox
