# SPDX-License-Identifier: GPL-2.0-only
# Filesystem, partitioning, encryption, sector size, transport: a set of cells of
# tests/matrix/cells.py that has every pair of values, written by the standard tools and
# read, and written and checked by them. `make matrix` runs all cells.
# variant: 1
# variant: 2
# variant: 3
# limit: 400
. "$TOP/tests/whole/lib.bash"
python3 "$TOP/tests/matrix/run" --slice "$1" || fail "cells"
