// SPDX-License-Identifier: GPL-2.0-only
/*
 * iso-read NODE: reads isochronous packets of many lengths from the test device, which
 * nobody drives, and compares what is in each with its pattern (1). Through usbfs, since
 * usbtest does not look into isochronous data.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/usbdevice_fs.h>

#define ISO_IN		0x83
#define PACKETS		5
#define CHECK(ok) \
	((ok) ? (void)0 : (printf("%s:%d: %s\n", __FILE__, __LINE__, #ok), exit(1)))

static const unsigned int lengths[PACKETS] = { 100, 1024, 7, 0, 513 };

static void check(const struct usbdevfs_urb *urb, const unsigned char *data)
{
	CHECK(urb->status == 0 && urb->error_count == 0);
	for (int i = 0; i < PACKETS; i++) {
		const struct usbdevfs_iso_packet_desc *p = &urb->iso_frame_desc[i];

		CHECK(p->status == 0 && p->actual_length == lengths[i]);
		for (unsigned int k = 0; k < lengths[i]; k++)
			CHECK(data[k] == k % 63);
		data += lengths[i];
	}
}

int main(int argc, char **argv)
{
	struct usbdevfs_setinterface setting = { .altsetting = 1 };
	static unsigned char data[4096];
	struct usbdevfs_urb *urb, *done;
	unsigned int interface = 0;
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;

	CHECK(fd >= 0);
	CHECK(!ioctl(fd, USBDEVFS_CLAIMINTERFACE, &interface));
	CHECK(!ioctl(fd, USBDEVFS_SETINTERFACE, &setting));
	urb = calloc(1, sizeof(*urb) + PACKETS * sizeof(urb->iso_frame_desc[0]));
	CHECK(urb);
	urb->type = USBDEVFS_URB_TYPE_ISO;
	urb->flags = USBDEVFS_URB_ISO_ASAP;
	urb->endpoint = ISO_IN;
	urb->buffer = data;
	urb->number_of_packets = PACKETS;
	for (int i = 0; i < PACKETS; i++) {
		urb->iso_frame_desc[i].length = lengths[i];
		urb->buffer_length += lengths[i];
	}
	memset(data, 0xff, sizeof(data));
	CHECK(!ioctl(fd, USBDEVFS_SUBMITURB, urb));
	CHECK(!ioctl(fd, USBDEVFS_REAPURB, &done) && done == urb);
	check(urb, data);
	return 0;
}
