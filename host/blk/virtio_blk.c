// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk device, virtio 1.2 section 5.2: one queue over one image. Requests
 * that the host can answer at once are finished inside notify, the others on the
 * image's workers.
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_blk.h>

#include "log.h"
#include "virtio_blk.h"

#define BLK_DEVICE_ID		2u
#define BLK_QUEUE_SIZE		256u
#define BLK_SEG_MAX		254u
#define BLK_MAX_IOV		(BLK_SEG_MAX + 2)	/* header and status */
#define BLK_PAGE		4096u
#define BLK_MAX_DISCARD		(1u << 22)	/* sectors: 2 GiB */
#define BLK_MAX_ZEROES		(1u << 16)	/* 32 MiB, perhaps written out */

struct blk_req {
	struct image_io io;
	struct virtio_blk *blk;
	struct blk_req *next;		/* free list */
	uint16_t head;
	uint32_t used_len;
	uint8_t *status;		/* in guest memory */
	struct iovec iov[BLK_MAX_IOV];
};

/* The request as far as it was copied out of guest memory. */
struct blk_header {
	uint32_t type;
	uint64_t sector;
	struct iovec *out, *in;		/* data, without header and status */
	unsigned int n_out, n_in;
	size_t out_len, in_len;
};

struct virtio_blk {
	struct image *image;
	struct virtio_blk_config config;
	uint64_t features;
	char id[VIRTIO_BLK_ID_BYTES];

	/* Protects vq and everything below; innermost, but for what interrupt takes. */
	pthread_mutex_t lock;
	pthread_cond_t idle;		/* n_pending became 0 */
	struct virtq *vq;		/* NULL: not started, or being reset */
	struct virtio_transport *transport;
	unsigned int n_pending;		/* requests at the image's workers */
	bool complained;		/* once per start */
	struct blk_req *free;
	unsigned int n_fresh;		/* reqs from here on were never used: untouched memory */
	struct blk_req reqs[BLK_QUEUE_SIZE + 1];	/* one for a pop that finds nothing */
};

/* ---- iovs ---- */

/* Moves len bytes from the front of the iovs to buf; false: there are fewer. */
static bool blk_take_front(struct iovec **iov, unsigned int *n, void *buf,
			   size_t len)
{
	char *to = buf;

	while (len && *n) {
		size_t part = (*iov)->iov_len < len ? (*iov)->iov_len : len;

		memcpy(to, (*iov)->iov_base, part);
		to += part;
		len -= part;
		(*iov)->iov_base = (char *)(*iov)->iov_base + part;
		(*iov)->iov_len -= part;
		if (!(*iov)->iov_len) {
			(*iov)++;
			(*n)--;
		}
	}
	return !len;
}

/* The last byte of the iovs, which then end before it. */
static uint8_t *blk_take_last(struct iovec *iov, unsigned int *n)
{
	struct iovec *last = &iov[*n - 1];

	last->iov_len--;
	if (!last->iov_len)
		(*n)--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

static void blk_copy_in(const struct iovec *iov, unsigned int n, const char *from,
			size_t len)
{
	for (unsigned int i = 0; i < n && len; i++) {
		size_t part = iov[i].iov_len < len ? iov[i].iov_len : len;

		memcpy(iov[i].iov_base, from, part);
		from += part;
		len -= part;
	}
}

/* ---- requests; each returns what image_submit returns ---- */

static int blk_submit(struct virtio_blk *blk, struct blk_req *req,
		      enum image_op op, uint64_t sector, uint64_t len)
{
	if (sector > image_size(blk->image) / IMAGE_SECTOR)
		return -EINVAL;
	req->io.op = op;
	req->io.off = sector * IMAGE_SECTOR;
	req->io.len = len;
	return image_submit(blk->image, &req->io);
}

static int blk_read(struct virtio_blk *blk, struct blk_req *req,
		    const struct blk_header *h)
{
	req->io.iov = h->in;
	req->io.n_iov = h->n_in;
	return blk_submit(blk, req, IMAGE_READ, h->sector, h->in_len);
}

static int blk_write(struct virtio_blk *blk, struct blk_req *req,
		     const struct blk_header *h)
{
	req->io.iov = h->out;
	req->io.n_iov = h->n_out;
	return blk_submit(blk, req, IMAGE_WRITE, h->sector, h->out_len);
}

/* 5.2.6: one segment a request, as config space says. */
static int blk_discard(struct virtio_blk *blk, struct blk_req *req,
		       struct blk_header *h)
{
	bool zero = h->type == VIRTIO_BLK_T_WRITE_ZEROES;
	struct virtio_blk_discard_write_zeroes seg;
	uint32_t flags, n;

	if (h->out_len != sizeof(seg) ||
	    !blk_take_front(&h->out, &h->n_out, &seg, sizeof(seg)))
		return -EINVAL;
	flags = le32toh(seg.flags);
	n = le32toh(seg.num_sectors);
	if (flags & ~(zero ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0u))
		return -EOPNOTSUPP;
	if (n > (zero ? BLK_MAX_ZEROES : BLK_MAX_DISCARD))
		return -EINVAL;
	req->io.unmap = flags;
	return blk_submit(blk, req, zero ? IMAGE_ZERO : IMAGE_DISCARD,
			  le64toh(seg.sector), (uint64_t)n * IMAGE_SECTOR);
}

static int blk_get_id(struct virtio_blk *blk, const struct blk_header *h)
{
	blk_copy_in(h->in, h->n_in, blk->id, sizeof(blk->id));
	return IMAGE_DONE;
}

static int blk_execute(struct virtio_blk *blk, struct blk_req *req,
		       struct blk_header *h)
{
	switch (h->type) {
	case VIRTIO_BLK_T_IN:
		return blk_read(blk, req, h);
	case VIRTIO_BLK_T_OUT:
		return blk_write(blk, req, h);
	case VIRTIO_BLK_T_FLUSH:
		return blk_submit(blk, req, IMAGE_FLUSH, 0, 0);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return blk_discard(blk, req, h);
	case VIRTIO_BLK_T_GET_ID:
		return blk_get_id(blk, h);
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- chains; all with the lock held ---- */

static void blk_done(struct image_io *io, int status);

/* virtq_pop hands out at most as many chains as the queue has entries. */
static struct blk_req *blk_get_req(struct virtio_blk *blk)
{
	struct blk_req *req = blk->free;

	if (req) {
		blk->free = req->next;
		return req;
	}
	req = &blk->reqs[blk->n_fresh++];
	req->blk = blk;
	req->io.done = blk_done;
	req->io.owner = req;
	return req;
}

static void blk_put_req(struct virtio_blk *blk, struct blk_req *req)
{
	req->next = blk->free;
	blk->free = req;
}

static void blk_return_chain(struct virtio_blk *blk, struct blk_req *req,
			     int status)
{
	if (req->status)
		*req->status = status >= 0 ? VIRTIO_BLK_S_OK :
			       status == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP :
						       VIRTIO_BLK_S_IOERR;
	virtq_push(blk->vq, req->head, req->used_len);
	blk_put_req(blk, req);
}

/*
 * Copies the header, finds the status byte: any split of header, data and status
 * into buffers is allowed (2.7.4). -EPROTO: there is nowhere to put a status.
 */
static int blk_parse(struct blk_req *req, const struct virtq_chain *chain,
		     struct blk_header *h)
{
	struct virtio_blk_outhdr raw;

	*h = (struct blk_header){
		.out = chain->iov, .n_out = chain->n_out,
		.in = chain->iov + chain->n_out, .n_in = chain->n_in,
	};
	req->head = chain->head;
	req->status = NULL;
	req->used_len = 0;
	if (chain->out_len < sizeof(raw) || !chain->in_len ||
	    chain->in_len > UINT32_MAX ||
	    !blk_take_front(&h->out, &h->n_out, &raw, sizeof(raw)))
		return -EPROTO;
	req->used_len = chain->in_len;
	req->status = blk_take_last(h->in, &h->n_in);
	h->out_len = chain->out_len - sizeof(raw);
	h->in_len = chain->in_len - 1;
	h->type = le32toh(raw.type);
	h->sector = le64toh(raw.sector);
	return 0;
}

/*
 * The lock is dropped around the I/O, so that completions need not wait for it;
 * the request counts as pending before it can complete elsewhere.
 */
static void blk_handle(struct virtio_blk *blk, struct blk_req *req,
		       const struct virtq_chain *chain)
{
	struct blk_header h;
	int ret = blk_parse(req, chain, &h);

	if (!ret) {
		blk->n_pending++;
		pthread_mutex_unlock(&blk->lock);
		ret = blk_execute(blk, req, &h);
		pthread_mutex_lock(&blk->lock);
		if (ret == IMAGE_PENDING)
			return;
		blk->n_pending--;
	} else if (!blk->complained) {
		blk->complained = true;
		log_warn("virtio-blk: the guest sent a request without a header or status");
	}
	blk_return_chain(blk, req, ret);
}

static void blk_interrupt(struct virtio_blk *blk)
{
	if (virtq_wants_interrupt(blk->vq))
		blk->transport->ops->interrupt(blk->transport, 0);
}

/* On a worker. A device that is being reset drops the chain. */
static void blk_done(struct image_io *io, int status)
{
	struct blk_req *req = io->owner;
	struct virtio_blk *blk = req->blk;

	pthread_mutex_lock(&blk->lock);
	if (blk->vq) {
		blk_return_chain(blk, req, status);
		blk_interrupt(blk);
	}
	if (!--blk->n_pending)
		pthread_cond_signal(&blk->idle);
	pthread_mutex_unlock(&blk->lock);
}

static void blk_notify(void *dev, unsigned int queue)
{
	struct virtio_blk *blk = dev;
	struct virtq_chain chain;
	int got;

	pthread_mutex_lock(&blk->lock);
	do {
		virtq_disable_notify(blk->vq);
		for (;;) {
			struct blk_req *req = blk_get_req(blk);

			got = virtq_pop(blk->vq, req->iov, BLK_MAX_IOV, &chain);
			if (got <= 0) {
				blk_put_req(blk, req);
				break;
			}
			blk_handle(blk, req, &chain);
		}
	} while (virtq_enable_notify(blk->vq));
	blk_interrupt(blk);
	pthread_mutex_unlock(&blk->lock);
}

/* ---- device ---- */

static unsigned int blk_num_queues(void *dev)
{
	return 1;
}

static unsigned int blk_queue_size(void *dev, unsigned int queue)
{
	return BLK_QUEUE_SIZE;
}

static uint64_t blk_features(void *dev)
{
	return ((struct virtio_blk *)dev)->features;
}

static int blk_set_features(void *dev, uint64_t features)
{
	return 0;	/* each is a hint or a request that may or may not come */
}

static uint32_t blk_config_size(void *dev)
{
	return sizeof(struct virtio_blk_config);
}

static void blk_config_read(void *dev, uint32_t offset, void *buf, uint32_t len)
{
	memcpy(buf, (char *)&((struct virtio_blk *)dev)->config + offset, len);
}

static int blk_start(void *dev, struct virtio_transport *transport,
		     struct virtq *const *queues, unsigned int n_queues)
{
	struct virtio_blk *blk = dev;

	if (!n_queues || !queues[0])
		return -EINVAL;
	pthread_mutex_lock(&blk->lock);
	blk->free = NULL;
	blk->n_fresh = 0;
	blk->complained = false;
	blk->transport = transport;
	blk->vq = queues[0];
	pthread_mutex_unlock(&blk->lock);
	return 0;
}

/* Workers write into guest memory: the last of them must be done. */
static void blk_reset(void *dev)
{
	struct virtio_blk *blk = dev;

	pthread_mutex_lock(&blk->lock);
	blk->vq = NULL;
	while (blk->n_pending)
		pthread_cond_wait(&blk->idle, &blk->lock);
	pthread_mutex_unlock(&blk->lock);
}

const struct virtio_device_ops virtio_blk_ops = {
	.name = "virtio-blk",
	.device_id = BLK_DEVICE_ID,
	.num_queues = blk_num_queues,
	.queue_size = blk_queue_size,
	.features = blk_features,
	.set_features = blk_set_features,
	.config_size = blk_config_size,
	.config_read = blk_config_read,
	.start = blk_start,
	.notify = blk_notify,
	.reset = blk_reset,
};

/* ---- life ---- */

/* The page cache's page is what the host would rather not split. */
static void blk_fill_config(struct virtio_blk *blk, unsigned int sector_size)
{
	uint64_t size = image_size(blk->image) / sector_size * sector_size;
	struct virtio_blk_config *c = &blk->config;
	unsigned int per_page = BLK_PAGE / sector_size;

	blk->features = 1ull << VIRTIO_BLK_F_SEG_MAX |
			1ull << VIRTIO_BLK_F_BLK_SIZE |
			1ull << VIRTIO_BLK_F_TOPOLOGY;
	c->capacity = htole64(size / IMAGE_SECTOR);
	c->seg_max = htole32(BLK_SEG_MAX);
	c->blk_size = htole32(sector_size);
	c->physical_block_exp = __builtin_ctz(per_page);
	c->min_io_size = htole16(per_page);
	if (image_is_readonly(blk->image)) {
		blk->features |= 1ull << VIRTIO_BLK_F_RO;
		return;
	}
	blk->features |= 1ull << VIRTIO_BLK_F_FLUSH |
			 1ull << VIRTIO_BLK_F_DISCARD |
			 1ull << VIRTIO_BLK_F_WRITE_ZEROES;
	c->max_discard_sectors = htole32(BLK_MAX_DISCARD);
	c->max_discard_seg = htole32(1);
	c->discard_sector_alignment = htole32(BLK_PAGE / IMAGE_SECTOR);
	c->max_write_zeroes_sectors = htole32(BLK_MAX_ZEROES);
	c->max_write_zeroes_seg = htole32(1);
	c->write_zeroes_may_unmap = 1;
}

static void blk_init(struct virtio_blk *blk, const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	memcpy(blk->id, name, strnlen(name, sizeof(blk->id)));
	pthread_mutex_init(&blk->lock, NULL);
	pthread_cond_init(&blk->idle, NULL);
}

int virtio_blk_open(const char *path, unsigned int image_flags,
		    unsigned int sector_size, struct virtio_blk **ret_blk)
{
	struct virtio_blk *blk;
	int err;

	if (sector_size != 512 && sector_size != 4096)
		return -EINVAL;
	blk = calloc(1, sizeof(*blk));
	if (!blk)
		return -ENOMEM;
	err = image_open(path, image_flags, &blk->image);
	if (err)
		goto free;
	if (image_size(blk->image) < sector_size) {
		err = -EINVAL;
		goto close;
	}
	blk_init(blk, path);
	blk_fill_config(blk, sector_size);
	*ret_blk = blk;
	return 0;
close:
	image_close(blk->image);
free:
	free(blk);
	return err;
}

void virtio_blk_close(struct virtio_blk *blk)
{
	if (!blk)
		return;
	image_close(blk->image);
	pthread_cond_destroy(&blk->idle);
	pthread_mutex_destroy(&blk->lock);
	free(blk);
}

bool virtio_blk_is_readonly(const struct virtio_blk *blk)
{
	return image_is_readonly(blk->image);
}
