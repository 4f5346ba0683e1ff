// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile rings: the input is guest memory, rings included, in two regions, and
 * a script of what the device does. Buffers may lie over the rings, so that the
 * device's own writes change them while it works.
 *
 * Input: size exponent, features, number of script bytes, script, memory.
 */
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_ring.h>

#include "log.h"
#include "virtq_i.h"

#define LOW_GPA		0x0ull
#define LOW_SIZE	0x1000u		/* rings and indirect tables */
#define HIGH_GPA	0x2000ull
#define HIGH_SIZE	0x800u		/* buffers */
#define MAX_IOV		40
#define MAX_TAKEN	64

struct fuzz {
	struct guest_mem_region regions[2];
	struct guest_mem mem;
	struct virtq *vq;
	unsigned int size;
	uint64_t features;
	uint16_t taken[MAX_TAKEN];	/* heads */
	unsigned int n_taken;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

static bool inside(const struct guest_mem_region *r, const struct iovec *iov)
{
	const char *p = iov->iov_base, *base = r->hva;

	return p >= base && p < base + r->size &&
	       iov->iov_len <= (size_t)(base + r->size - p);
}

/* What virtio_dev.h promises about a chain; touches every byte of it. */
static void use_chain(struct fuzz *f, const struct virtq_chain *chain)
{
	size_t out = 0, in = 0;
	volatile unsigned char sum = 0;

	check(chain->n_out + chain->n_in <= MAX_IOV);
	check(chain->n_out + chain->n_in > 0);
	for (unsigned int i = 0; i < chain->n_out + chain->n_in; i++) {
		const struct iovec *iov = &chain->iov[i];

		check(iov->iov_len && (inside(&f->regions[0], iov) ||
				       inside(&f->regions[1], iov)));
		if (i < chain->n_out) {
			out += iov->iov_len;
			for (size_t k = 0; k < iov->iov_len; k++)
				sum += ((unsigned char *)iov->iov_base)[k];
		} else {
			in += iov->iov_len;
			memset(iov->iov_base, sum + i, iov->iov_len);
		}
	}
	check(out == chain->out_len && in == chain->in_len);
}

static void enable(struct fuzz *f)
{
	virtq_reset(f->vq);
	f->n_taken = 0;
	check(!virtq_enable(f->vq, f->size, 0x0, 0x400, 0x600));
	virtq_set_features(f->vq, f->features);
}

static void pop(struct fuzz *f)
{
	struct iovec iov[MAX_IOV];
	struct virtq_chain chain;
	bool was_broken = virtq_is_broken(f->vq);
	int ret = virtq_pop(f->vq, iov, MAX_IOV, &chain);

	check(ret <= 1 && (ret < 0) == virtq_is_broken(f->vq));
	check(!was_broken || ret < 0);
	if (ret != 1)
		return;
	check(chain.head < f->size && f->n_taken < f->size);
	f->taken[f->n_taken++] = chain.head;
	use_chain(f, &chain);
}

static void step(struct fuzz *f, uint8_t op)
{
	switch (op % 8) {
	case 0:
		enable(f);
		break;
	case 1:
		virtq_disable_notify(f->vq);
		break;
	case 2:
		virtq_enable_notify(f->vq);
		break;
	case 3:
		virtq_wants_interrupt(f->vq);
		break;
	case 4:
		if (f->n_taken)
			virtq_push(f->vq, f->taken[--f->n_taken], op);
		break;
	default:
		pop(f);
		break;
	}
}

static void new_region(struct guest_mem_region *r, uint64_t gpa, size_t size,
		       const uint8_t **data, size_t *len)
{
	size_t n = *len < size ? *len : size;

	*r = (struct guest_mem_region){ gpa, size, aligned_alloc(16, size) };
	memset(r->hva, 0, size);
	memcpy(r->hva, *data, n);
	*data += n;
	*len -= n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { .mem = { 2, f.regions } };
	const uint8_t *script = data + 3;
	size_t n_script;

	if (len < 3)
		return 0;
	log_set_callback(no_log, NULL);
	f.size = 1u << data[0] % 7;
	f.features = (uint64_t)data[1] << 24;	/* bits 28, 29 among them */
	n_script = data[2] < len - 3 ? data[2] : len - 3;
	data += 3 + n_script;
	len -= 3 + n_script;
	new_region(&f.regions[0], LOW_GPA, LOW_SIZE, &data, &len);
	new_region(&f.regions[1], HIGH_GPA, HIGH_SIZE, &data, &len);
	f.vq = virtq_new(&f.mem, "fuzz", 0);
	check(f.vq);
	enable(&f);
	for (size_t i = 0; i < n_script; i++)
		step(&f, script[i]);
	virtq_free(f.vq);
	free(f.regions[0].hva);
	free(f.regions[1].hva);
	return 0;
}
