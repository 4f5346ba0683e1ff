// SPDX-License-Identifier: GPL-2.0-only
/* An allow-list: what is not known to leave everything as it is, is refused. */
#include "readonly_i.h"

#define ANY	(-1)

static const struct {
	uint8_t opcode;
	int action;		/* service action: low 5 bits of byte 1 */
} reading[] = {
	{ 0x00, ANY },		/* TEST UNIT READY */
	{ 0x03, ANY },		/* REQUEST SENSE */
	{ 0x08, ANY },		/* READ(6) */
	{ 0x12, ANY },		/* INQUIRY */
	{ 0x1a, ANY },		/* MODE SENSE(6) */
	{ 0x1b, ANY },		/* START STOP UNIT: spins up, ejects */
	{ 0x1e, ANY },		/* PREVENT ALLOW MEDIUM REMOVAL */
	{ 0x23, ANY },		/* READ FORMAT CAPACITIES */
	{ 0x25, ANY },		/* READ CAPACITY(10) */
	{ 0x28, ANY },		/* READ(10) */
	{ 0x35, ANY },		/* SYNCHRONIZE CACHE(10): nothing of ours is in it */
	{ 0x43, ANY },		/* READ TOC */
	{ 0x46, ANY },		/* GET CONFIGURATION */
	{ 0x4a, ANY },		/* GET EVENT STATUS NOTIFICATION */
	{ 0x5a, ANY },		/* MODE SENSE(10) */
	{ 0x88, ANY },		/* READ(16) */
	{ 0x91, ANY },		/* SYNCHRONIZE CACHE(16) */
	{ 0x9e, 0x10 },		/* READ CAPACITY(16) */
	{ 0x9e, 0x12 },		/* GET LBA STATUS */
	{ 0xa0, ANY },		/* REPORT LUNS */
	{ 0xa3, 0x0c },		/* REPORT SUPPORTED OPERATION CODES */
	{ 0xa8, ANY },		/* READ(12) */
};

bool readonly_cdb_reads(const uint8_t cdb[16])
{
	for (unsigned int i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		if (reading[i].opcode == cdb[0] &&
		    (reading[i].action == ANY || reading[i].action == (cdb[1] & 0x1f)))
			return true;
	return false;
}
