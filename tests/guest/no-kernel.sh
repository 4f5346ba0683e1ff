# SPDX-License-Identifier: GPL-2.0-only
# vhost-user-usb has neither FUSE nor the library kernel in it.
set -eu
daemon=$TOP/build/vhost-user-usb
ldd "$daemon" > "$WORK/libs"
if grep -E 'fuse|blkid|mount' "$WORK/libs"; then exit 1; fi
nm "$daemon" > "$WORK/symbols"
grep -q ' vhost_user_run' "$WORK/symbols"
if grep -E ' (lkl_|fuse_|fusefs_|virtio_mmio_|start_kernel)' "$WORK/symbols"; then exit 1; fi
# A library kernel would be ten times that.
[ "$(stat -L -c %s "$daemon")" -lt 2000000 ]
