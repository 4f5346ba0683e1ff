// SPDX-License-Identifier: GPL-2.0-only
/*
 * A label is in one of the first four sectors; it names the places of metadata, each of
 * which begins with a header that says where in the rest, a ring, the newest text is.
 */
#include "lvm.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR		512u
#define LABEL_SECTORS	4u
#define CRC_START	0xf597a6cfu
#define TEXT_MAX	(4u << 20)
#define TEXT_IGNORED	1u		/* of the header's flags: not in use */

struct label {
	char magic[8];
	uint64_t sector;
	uint32_t crc;		/* of what follows in the sector */
	uint32_t offset;	/* from here: the header */
	char type[8];
} __attribute__((packed));

struct place {
	uint64_t offset, size;
} __attribute__((packed));

/* Two lists of places, each ended by one with offset 0: data, metadata. */
struct pv_header {
	char id[32];
	uint64_t size;
	struct place places[];
} __attribute__((packed));

struct metadata {
	uint32_t crc;		/* of what follows in the sector */
	char magic[16];
	uint32_t version;
	uint64_t start, size;
	struct text_place {
		uint64_t offset, size;
		uint32_t crc, flags;
	} __attribute__((packed)) texts[];
} __attribute__((packed));

uint32_t lvm_crc(const void *buf, size_t len)
{
	const unsigned char *p = buf;
	uint32_t crc = CRC_START;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

static bool id_valid(const char *id)
{
	for (int i = 0; i < 32; i++)
		if (id[i] < '!' || id[i] > '~')
			return false;
	return true;
}

static bool label_is_here(const unsigned char *sector, unsigned int number)
{
	const struct label *l = (const void *)sector;

	return !memcmp(l->magic, "LABELONE", 8) && !memcmp(l->type, "LVM2 001", 8) &&
	       le64toh(l->sector) == number &&
	       le32toh(l->crc) == lvm_crc(&l->offset, SECTOR - offsetof(struct label, offset));
}

/* The list's next entry is behind the end, or one that ends the list. */
static const struct place *next_place(const struct place **p, const unsigned char *end)
{
	const struct place *here = *p;

	if ((const unsigned char *)(here + 1) > end)
		return NULL;
	*p = here + 1;
	return here->offset ? here : NULL;
}

static bool place_valid(const struct lvm_place *p, uint64_t size)
{
	return p->offset % SECTOR == 0 && p->size > SECTOR && p->offset <= size &&
	       p->size <= size - p->offset;
}

static int parse_header(const unsigned char *sector, uint64_t size, struct lvm_label *ret)
{
	uint32_t offset = le32toh(((const struct label *)sector)->offset);
	const struct pv_header *h = (const void *)(sector + offset);
	const struct place *p, *here;

	if (offset < sizeof(struct label) || offset > SECTOR - sizeof(*h) || !id_valid(h->id))
		return -EUCLEAN;
	*ret = (struct lvm_label) { 0 };
	memcpy(ret->id, h->id, sizeof(h->id));
	p = h->places;
	while (next_place(&p, sector + SECTOR))
		;
	while ((here = next_place(&p, sector + SECTOR)) && ret->n_metadata < 2) {
		struct lvm_place place = { le64toh(here->offset), le64toh(here->size) };

		if (!place_valid(&place, size))
			return -EUCLEAN;
		ret->metadata[ret->n_metadata++] = place;
	}
	return 0;
}

int lvm_label_read(const struct lvm_disk *disk, struct lvm_label *ret_label)
{
	unsigned char sectors[LABEL_SECTORS * SECTOR];
	int err;

	if (disk->size < sizeof(sectors))
		return -ENODATA;
	err = disk->read(disk->ctx, 0, sectors, sizeof(sectors));
	if (err)
		return err;
	for (unsigned int i = 0; i < LABEL_SECTORS; i++)
		if (label_is_here(sectors + i * SECTOR, i))
			return parse_header(sectors + i * SECTOR, disk->size, ret_label);
	return -ENODATA;
}

/* What reaches the end of the place continues behind its header. */
static int read_ring(const struct lvm_disk *disk, const struct lvm_place *place,
		     uint64_t offset, char *text, uint64_t len)
{
	uint64_t first = place->size - offset < len ? place->size - offset : len;
	int err = disk->read(disk->ctx, place->offset + offset, text, first);

	if (err || first == len)
		return err;
	return disk->read(disk->ctx, place->offset + SECTOR, text + first, len - first);
}

static int check_metadata(const unsigned char *sector, const struct lvm_place *place)
{
	const struct metadata *m = (const void *)sector;

	if (memcmp(m->magic, " LVM2 x[5A%r0N*>", 16) || le32toh(m->version) != 1 ||
	    le32toh(m->crc) != lvm_crc(m->magic, SECTOR - offsetof(struct metadata, magic)) ||
	    le64toh(m->start) != place->offset || le64toh(m->size) != place->size)
		return -EUCLEAN;
	return 0;
}

int lvm_text_read(const struct lvm_disk *disk, const struct lvm_place *place,
		  char **ret_text, size_t *ret_len)
{
	unsigned char sector[SECTOR];
	const struct metadata *m = (const void *)sector;
	uint64_t offset, len;
	char *text;
	int err = disk->read(disk->ctx, place->offset, sector, SECTOR);

	if (!err)
		err = check_metadata(sector, place);
	if (err)
		return err;
	offset = le64toh(m->texts[0].offset);
	len = le64toh(m->texts[0].size);
	if (!offset || !len || (le32toh(m->texts[0].flags) & TEXT_IGNORED))
		return -ENODATA;
	if (offset < SECTOR || offset >= place->size || len > place->size - SECTOR)
		return -EUCLEAN;
	if (len > TEXT_MAX)
		return -E2BIG;
	text = malloc(len);
	if (!text)
		return -ENOMEM;
	err = read_ring(disk, place, offset, text, len);
	if (!err && lvm_crc(text, len) != le32toh(m->texts[0].crc))
		err = -EUCLEAN;
	if (err) {
		free(text);
		return err;
	}
	*ret_text = text;
	*ret_len = strnlen(text, len);
	return 0;
}
