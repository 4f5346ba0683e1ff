/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - writes what passes to a pcapng file, which Wireshark reads: a file, and
 * filters that put a device's transfers into it.
 *
 * Records go into memory on the thread that submits or completes; a thread of the
 * trace's own writes them to the file. What does not fit into the memory is dropped
 * and counted in the file.
 */
#ifndef TRACE_H
#define TRACE_H

#include "usb_backend.h"

#define TRACE_MIN_SIZE		(32ull << 20)
#define TRACE_DEFAULT_SIZE	(64ull << 20)
#define TRACE_DEFAULT_SNAPLEN	65536u

enum trace_form {
	TRACE_USBMON,	/* as Linux's usbmon has them: LINKTYPE_USB_LINUX_MMAPPED */
	TRACE_USBIP,	/* USB/IP PDUs in TCP segments, port 3240: LINKTYPE_IPV4 */
};

struct trace_config {
	const char *path;
	enum trace_form form;
	/*
	 * Bytes; at least TRACE_MIN_SIZE, 0 = default. When the file has grown to that,
	 * the older half of it is dropped, but not what describes the devices.
	 */
	uint64_t max_size;
	uint32_t snaplen;	/* bytes of data of one usbmon record */
};

struct trace;

/*
 * The file is locked; it stays as it is until the first filter is made. -EBUSY:
 * somebody has locked it, an image for instance; -EINVAL: no regular file; as open(2).
 * Starts no thread: the first record does.
 */
int trace_open(const struct trace_config *config, struct trace **ret_trace);

/* After the filters were closed. Writes out what is in memory. NULL is allowed. */
void trace_close(struct trace *trace);

/*
 * A device that behaves like next and leaves its records. next is the filter's from
 * success on. The first one empties the file, which is for its owner only (0600) from
 * then on. One at a time. -ENOMEM, or that the file cannot be written.
 */
int trace_filter_new(struct trace *trace, struct usb_backend *next,
		     struct usb_backend **ret_backend);

#endif
