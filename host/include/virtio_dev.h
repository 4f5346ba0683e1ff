/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_dev.h - the seam between virtio devices and transports.
 *
 * A device (virtio-usbip, virtio-blk) does not know what carries it: the
 * in-process virtio-mmio registers, vhost-user, or a pipe in a fuzzer. Virtio
 * 1.2, split rings (2.7), VIRTIO_F_VERSION_1 always.
 *
 * Everything that a guest wrote is hostile. A ring or chain that breaks the
 * rules marks its virtqueue broken, once, with one line in the log; a broken
 * queue yields no more chains until reset.
 */
#ifndef VIRTIO_DEV_H
#define VIRTIO_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIRTQ_MAX_SIZE 1024	/* entries a ring may have, a power of two */

/* ---- guest memory ---- */

struct guest_mem_region {
	uint64_t gpa;		/* guest physical address */
	uint64_t size;		/* bytes */
	void *hva;		/* where it is mapped in this process */
};

/*
 * Regions do not overlap; n at most 256. While queues are enabled a transport may
 * append regions (it raises n last) and make one unreachable (size 0), whose memory
 * stays mapped until the device is reset: chains may be in flight there. Both with
 * atomic stores, as the device's threads look here without a lock.
 */
struct guest_mem {
	unsigned int n;
	const struct guest_mem_region *regions;
};

/*
 * The one checked accessor: host address of [gpa, gpa+len), or NULL if any of
 * it lies outside one region (len 0: gpa must lie inside or at a region's end).
 */
void *guest_mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/* ---- virtqueues ---- */

struct virtq;

/*
 * A descriptor chain, borders already checked. iov[0..n_out) is what the device
 * reads, iov[n_out..n_out+n_in) what it writes; the virtq owns the array (of
 * VIRTQ_MAX_SIZE entries per call of virtq_pop: see there). The bytes may change
 * under the reader: copy a header once, then look at the copy.
 */
struct virtq_chain {
	uint16_t head;
	unsigned int n_out, n_in;
	size_t out_len, in_len;	/* bytes, sums of the iovs; no overflow */
	struct iovec *iov;	/* caller's, see virtq_pop */
};

/*
 * Takes the next available chain. iov: caller's array of max_iov entries, into
 * which chain->iov points afterwards; a chain that needs more breaks the queue.
 * 1 = got one, 0 = none, -EPROTO = the queue is (now) broken.
 */
int virtq_pop(struct virtq *vq, struct iovec *iov, unsigned int max_iov,
	      struct virtq_chain *ret_chain);

/* Returns a chain; used_len: bytes written from the start of its writable part. */
void virtq_push(struct virtq *vq, uint16_t head, uint32_t used_len);

/* Whether the guest wants an interrupt for what was pushed since last asked. */
bool virtq_wants_interrupt(struct virtq *vq);

/* Device side's wish to be notified; enable returns true if chains came meanwhile. */
void virtq_disable_notify(struct virtq *vq);
bool virtq_enable_notify(struct virtq *vq);

bool virtq_is_broken(const struct virtq *vq);

/* Index of the next available entry; not 0 at start: the driver went on after a stop. */
uint16_t virtq_base(const struct virtq *vq);

/* ---- devices ---- */

struct virtio_transport;

/*
 * Implemented by each device. notify may be called on the thread that drives
 * the guest (in-process) and must then not block; it may complete chains before
 * it returns. All other ops are called with no notify running.
 */
struct virtio_device_ops {
	const char *name;
	uint32_t device_id;	/* virtio ID */
	unsigned int (*num_queues)(void *dev);
	unsigned int (*queue_size)(void *dev, unsigned int queue);	/* max */
	uint64_t (*features)(void *dev);	/* offered, without VERSION_1, ring bits */
	/* 0, or -EINVAL: FEATURES_OK is refused. */
	int (*set_features)(void *dev, uint64_t features);
	uint32_t (*config_size)(void *dev);
	void (*config_read)(void *dev, uint32_t offset, void *buf, uint32_t len);
	void (*config_write)(void *dev, uint32_t offset, const void *buf,
			     uint32_t len);	/* NULL: read-only */
	/* DRIVER_OK: queues[i] is NULL where the driver set none up. */
	int (*start)(void *dev, struct virtio_transport *transport,
		     struct virtq *const *queues, unsigned int n_queues);
	void (*notify)(void *dev, unsigned int queue);
	/*
	 * Ends a running device so that its rings can be gone on with later (a
	 * virtual machine is paused): as reset, but what is outstanding is returned
	 * first, cancelled if need be. NULL: like reset.
	 */
	void (*drain)(void *dev);
	/*
	 * Back to the state before start. When it returns, no chain is touched
	 * any more by any thread; outstanding ones are dropped, not returned.
	 */
	void (*reset)(void *dev);
};

/* Implemented by each transport; both may be called from any thread. */
struct virtio_transport_ops {
	void (*interrupt)(struct virtio_transport *t, unsigned int queue);
	void (*config_changed)(struct virtio_transport *t);
};

struct virtio_transport {
	const struct virtio_transport_ops *ops;
};

#endif
