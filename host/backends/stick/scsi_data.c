// SPDX-License-Identifier: GPL-2.0-only
/* SCSI commands that tell what the disk is: replies are built in cmd->buf. */
#include "scsi_i.h"

#define VENDOR		"lklusb  "		/* T10 vendor identification, 8 bytes */
#define PRODUCT		"emulated stick  "	/* 16 bytes */
#define REVISION	"0.1 "

#define VERSION_SPC_4	0x06
#define RMB		0x80		/* removable medium, as sticks say */
#define CMDQUE		0x02		/* SAM-5 task management model */
#define NO_UNIT		0x7f		/* not capable of having one with this LUN */

static uint8_t *scsi_zeros(struct scsi_cmd *cmd, uint32_t n)
{
	return memset(cmd->buf, 0, n);
}

/* ---- INQUIRY (SPC-4 6.6) ---- */

static uint32_t scsi_inquiry_standard(struct scsi_cmd *cmd)
{
	uint8_t *d = scsi_zeros(cmd, 36);

	d[1] = RMB;
	d[2] = VERSION_SPC_4;
	d[3] = 2;		/* response data format */
	d[4] = 36 - 5;
	d[7] = cmd->disk->queuing ? CMDQUE : 0;
	memcpy(d + 8, VENDOR, 8);
	memcpy(d + 16, PRODUCT, 16);
	memcpy(d + 32, REVISION, 4);
	return 36;
}

static uint32_t scsi_vpd_supported(struct scsi_cmd *cmd)
{
	static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };

	memcpy(scsi_zeros(cmd, 4) + 4, pages, sizeof(pages));
	return 4 + sizeof(pages);
}

static uint32_t scsi_vpd_serial(struct scsi_cmd *cmd)
{
	size_t n = strlen(cmd->disk->serial);

	memcpy(scsi_zeros(cmd, 4) + 4, cmd->disk->serial, n);
	return 4 + n;
}

/* SPC-4 7.8.6.4: vendor, and what the vendor keeps unique. */
static uint32_t scsi_vpd_identification(struct scsi_cmd *cmd)
{
	size_t n = strlen(cmd->disk->serial);
	uint8_t *d = scsi_zeros(cmd, 8);

	d[4] = 0x02;		/* ASCII */
	d[5] = 0x01;		/* of the logical unit; T10 vendor identification */
	d[7] = 8 + 16 + n;
	memcpy(d + 8, VENDOR, 8);
	memcpy(d + 16, PRODUCT, 16);
	memcpy(d + 32, cmd->disk->serial, n);
	return 32 + n;
}

/* SBC-3 6.5.3 */
static uint32_t scsi_vpd_limits(struct scsi_cmd *cmd)
{
	const struct scsi_disk *disk = cmd->disk;
	uint8_t *d = scsi_zeros(cmd, 64);

	d[4] = 0x01;		/* WSNZ: WRITE SAME of no blocks is refused */
	put_be16(d + 6, SCSI_PAGE / disk->block);
	put_be32(d + 8, SCSI_MAX_TRANSFER / disk->block);
	if (disk->readonly)
		return 64;
	put_be32(d + 20, SCSI_MAX_UNMAP / disk->block);
	put_be32(d + 24, SCSI_MAX_UNMAP_DESCS);
	put_be32(d + 28, SCSI_PAGE / disk->block);
	put_be32(d + 32, 0x80000000);	/* the granularity's alignment is 0: valid */
	put_be64(d + 36, SCSI_MAX_TRANSFER / disk->block);
	return 64;
}

static uint32_t scsi_vpd_characteristics(struct scsi_cmd *cmd)
{
	put_be16(scsi_zeros(cmd, 64) + 4, 1);	/* does not rotate */
	return 64;
}

/* SBC-3 6.5.4. Unmapped blocks may read as anything, so LBPRZ is 0. */
static uint32_t scsi_vpd_provisioning(struct scsi_cmd *cmd)
{
	uint8_t *d = scsi_zeros(cmd, 8);

	if (!cmd->disk->readonly) {
		d[5] = 0xe0;	/* UNMAP, WRITE SAME (16) and (10) unmap */
		d[6] = 2;	/* thin provisioned */
	}
	return 8;
}

/* 0: there is no such page. */
static uint32_t scsi_vpd(struct scsi_cmd *cmd, uint8_t page)
{
	uint32_t n = 0;

	switch (page) {
	case 0x00:
		n = scsi_vpd_supported(cmd);
		break;
	case 0x80:
		n = scsi_vpd_serial(cmd);
		break;
	case 0x83:
		n = scsi_vpd_identification(cmd);
		break;
	case 0xb0:
		n = scsi_vpd_limits(cmd);
		break;
	case 0xb1:
		n = scsi_vpd_characteristics(cmd);
		break;
	case 0xb2:
		n = scsi_vpd_provisioning(cmd);
		break;
	}
	cmd->buf[1] = page;
	put_be16(cmd->buf + 2, n - 4);
	return n;
}

void scsi_inquiry(struct scsi_cmd *cmd)
{
	bool vpd = cmd->cdb[1] & 0x01;
	uint32_t n = 0;

	if (vpd)
		n = scsi_vpd(cmd, cmd->cdb[2]);
	else if (!cmd->cdb[2])
		n = scsi_inquiry_standard(cmd);
	if (!n) {
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
		return;
	}
	if (cmd->lun)
		cmd->buf[0] = NO_UNIT;
	scsi_reply(cmd, n, get_be16(cmd->cdb + 3));
}

/* ---- REQUEST SENSE (SPC-4 6.39), fixed format (4.5.3) ---- */

/* What the last command left, else a pending unit attention, which it clears. */
static struct scsi_sense scsi_take_sense(struct scsi_cmd *cmd)
{
	struct scsi_disk *disk = cmd->disk;
	struct scsi_sense sense = disk->sense;

	if (cmd->lun && !sense.code)
		return (struct scsi_sense){ .code = SENSE_LUN_NOT_SUPPORTED };
	if (!sense.code && disk->attention) {
		sense = (struct scsi_sense){ .code = disk->attention };
		disk->attention = SENSE_NONE;
	}
	if (!sense.code && disk->ejected)
		sense = (struct scsi_sense){ .code = SENSE_NO_MEDIUM };
	disk->sense = (struct scsi_sense){ .code = SENSE_NONE };
	return sense;
}

void scsi_put_sense(const struct scsi_sense *sense, uint8_t d[SCSI_SENSE_LEN])
{
	memset(d, 0, SCSI_SENSE_LEN);
	d[0] = 0x70 | (sense->has_info ? 0x80 : 0);
	d[2] = sense->code >> 16;
	if (sense->has_info)
		put_be32(d + 3, sense->info);
	d[7] = SCSI_SENSE_LEN - 8;
	put_be16(d + 12, sense->code);
}

void scsi_request_sense(struct scsi_cmd *cmd)
{
	struct scsi_sense sense = scsi_take_sense(cmd);

	scsi_put_sense(&sense, cmd->buf);
	scsi_reply(cmd, SCSI_SENSE_LEN, cmd->cdb[4]);
}

/* ---- capacity and units ---- */

void scsi_read_capacity_10(struct scsi_cmd *cmd)
{
	uint64_t last = cmd->disk->n_blocks - 1;

	/* SBC-3 5.15: all ones = ask with READ CAPACITY (16). */
	put_be32(cmd->buf, last > UINT32_MAX ? UINT32_MAX : last);
	put_be32(cmd->buf + 4, cmd->disk->block);
	scsi_reply(cmd, 8, 8);
}

/* READ CAPACITY (16), SBC-3 5.16, is the only one. */
void scsi_service_action_in_16(struct scsi_cmd *cmd)
{
	uint8_t *d = scsi_zeros(cmd, 32);

	if ((cmd->cdb[1] & 0x1f) != 0x10) {
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
		return;
	}
	put_be64(d, cmd->disk->n_blocks - 1);
	put_be32(d + 8, cmd->disk->block);
	d[13] = __builtin_ctz(SCSI_PAGE / cmd->disk->block);
	if (!cmd->disk->readonly)
		d[14] = 0x80;	/* LBPME: page B2h tells more */
	scsi_reply(cmd, 32, get_be32(cmd->cdb + 10));
}

/* SPC-4 6.33. There are no well known units (SELECT REPORT 1). */
void scsi_report_luns(struct scsi_cmd *cmd)
{
	uint32_t allocation = get_be32(cmd->cdb + 6);
	uint32_t n = cmd->cdb[2] == 1 ? 0 : 8;

	if (cmd->cdb[2] > 2 || allocation < 16) {
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
		return;
	}
	put_be32(scsi_zeros(cmd, 16), n);
	scsi_reply(cmd, 8 + n, allocation);
}

/* ---- MODE SENSE, MODE SELECT (SPC-4 6.11, 6.9) ---- */

#define MODE_WP		0x80	/* SBC-3 6.4.1 */
#define MODE_DPOFUA	0x10
#define MODE_DESC_LEN	8u
#define MODE_PC_CHANGEABLE 1u
#define MODE_PC_SAVED	3u

struct mode_page {
	uint8_t code, len;	/* len: with its 2 bytes of header */
	uint8_t flags[2];	/* bytes 2 and 3; the others are 0 */
};

static const struct mode_page mode_pages[] = {
	{ 0x01, 12, { 0x00, 0x00 } },	/* read-write error recovery */
	{ 0x08, 20, { 0x04, 0x00 } },	/* caching: WCE */
	/* control: GLTSD, logs are not kept; simple tasks overtake each other */
	{ 0x0a, 12, { 0x02, 0x10 } },
};

#define N_MODE_PAGES (sizeof(mode_pages) / sizeof(mode_pages[0]))

/* Nothing can be changed, so what is changeable is all 0. */
static uint32_t mode_put_page(uint8_t *d, const struct mode_page *page, bool zeros)
{
	memset(d, 0, page->len);
	if (!zeros)
		memcpy(d + 2, page->flags, sizeof(page->flags));
	d[0] = page->code;
	d[1] = page->len - 2;
	return page->len;
}

/* 0: there is no such page. */
static uint32_t mode_put_pages(uint8_t *d, uint8_t code, uint8_t subpage, bool zeros)
{
	uint32_t n = 0;

	if (subpage && (subpage != 0xff || code != 0x3f))
		return 0;
	for (unsigned int i = 0; i < N_MODE_PAGES; i++)
		if (code == 0x3f || code == mode_pages[i].code)
			n += mode_put_page(d + n, &mode_pages[i], zeros);
	return n;
}

/* Short LBA mode parameter block descriptor, SBC-3 6.4.2.2. */
static uint32_t mode_put_descriptor(uint8_t *d, const struct scsi_disk *disk)
{
	put_be32(d, disk->n_blocks > UINT32_MAX ? UINT32_MAX : disk->n_blocks);
	put_be32(d + 4, disk->block);
	return MODE_DESC_LEN;
}

/* Descriptor and pages, without the header before them. 0: it failed. */
static uint32_t scsi_mode_data(struct scsi_cmd *cmd, uint8_t *d)
{
	uint8_t control = cmd->cdb[2] >> 6;
	uint32_t desc = 0, pages;

	if (control == MODE_PC_SAVED) {
		scsi_fail(cmd, SENSE_CANNOT_SAVE);
		return 0;
	}
	if (!(cmd->cdb[1] & 0x08))	/* DBD */
		desc = mode_put_descriptor(d, cmd->disk);
	pages = mode_put_pages(d + desc, cmd->cdb[2] & 0x3f, cmd->cdb[3],
			       control == MODE_PC_CHANGEABLE);
	if (!pages) {
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
		return 0;
	}
	return desc + pages;
}

static uint8_t mode_device_specific(const struct scsi_disk *disk)
{
	return MODE_DPOFUA | (disk->readonly ? MODE_WP : 0);
}

static uint8_t mode_descriptor_len(const struct scsi_cmd *cmd)
{
	return cmd->cdb[1] & 0x08 ? 0 : MODE_DESC_LEN;
}

void scsi_mode_sense_6(struct scsi_cmd *cmd)
{
	uint8_t *d = scsi_zeros(cmd, 4);
	uint32_t n = scsi_mode_data(cmd, d + 4);

	if (!n)
		return;
	d[0] = 3 + n;
	d[2] = mode_device_specific(cmd->disk);
	d[3] = mode_descriptor_len(cmd);
	scsi_reply(cmd, 4 + n, cmd->cdb[4]);
}

void scsi_mode_sense_10(struct scsi_cmd *cmd)
{
	uint8_t *d = scsi_zeros(cmd, 8);
	uint32_t n = scsi_mode_data(cmd, d + 8);

	if (!n)
		return;
	put_be16(d, 6 + n);
	d[3] = mode_device_specific(cmd->disk);
	put_be16(d + 6, mode_descriptor_len(cmd));
	scsi_reply(cmd, 8 + n, get_be16(cmd->cdb + 7));
}

static bool mode_descriptor_is_ours(const struct scsi_disk *disk, const uint8_t *d)
{
	uint8_t ours[MODE_DESC_LEN];

	mode_put_descriptor(ours, disk);
	return !memcmp(d, ours, sizeof(ours));
}

/* The bytes of the page at d if it says what MODE SENSE says, else 0. */
static uint32_t mode_page_is_ours(const uint8_t *d, uint32_t left)
{
	uint8_t ours[32];
	uint32_t n;

	if (left < 2 || (d[0] & 0x3f) == 0x3f)
		return 0;
	n = mode_put_pages(ours, d[0] & 0x3f, 0, false);
	return n && n <= left && !memcmp(d, ours, n) ? n : 0;
}

/* What is selected has to be what is: nothing can be changed (SPC-4 6.9). */
static bool mode_list_is_ours(const struct scsi_cmd *cmd, uint32_t header,
			      uint32_t desc)
{
	const uint8_t *d = cmd->buf + header;
	uint32_t left = cmd->len - header, n;

	if (desc) {
		if (desc != MODE_DESC_LEN || !mode_descriptor_is_ours(cmd->disk, d))
			return false;
		d += desc;
		left -= desc;
	}
	for (; left; d += n, left -= n) {
		n = mode_page_is_ours(d, left);
		if (!n)
			return false;
	}
	return true;
}

static bool scsi_mode_select_execute(struct scsi_cmd *cmd)
{
	bool ten = cmd->cdb[0] == MODE_SELECT_10;
	uint32_t header = ten ? 8 : 4, desc;

	if (!cmd->len)
		return false;
	if (cmd->len < header) {
		scsi_fail(cmd, SENSE_LIST_LENGTH);
		return false;
	}
	desc = ten ? get_be16(cmd->buf + 6) : cmd->buf[3];
	if (desc > cmd->len - header)
		scsi_fail(cmd, SENSE_LIST_LENGTH);
	else if (!mode_list_is_ours(cmd, header, desc))
		scsi_fail(cmd, SENSE_INVALID_FIELD_IN_LIST);
	return false;
}

void scsi_mode_select_6(struct scsi_cmd *cmd)
{
	scsi_take_list(cmd, cmd->cdb[4], scsi_mode_select_execute);
}

void scsi_mode_select_10(struct scsi_cmd *cmd)
{
	scsi_take_list(cmd, get_be16(cmd->cdb + 7), scsi_mode_select_execute);
}
