# SPDX-License-Identifier: GPL-2.0-only
# For both sides of a guest.

# wait_for SECONDS command...: until the command succeeds
wait_for() {
	local i n=$(($1 * 20))
	shift
	for i in $(seq "$n"); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
