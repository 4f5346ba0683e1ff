/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usbip_msg.h - PDUs through a stream socket that must not block: messages that wait
 * to be sent, pieces that are being received. No locks, no threads.
 */
#ifndef USBIP_MSG_H
#define USBIP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/virtio_usbip.h>

/* Header, data, isochronous descriptors: one after another, never copied. */
struct usbip_msg {
	struct usbip_msg *next;
	uint8_t head[VIRTIO_USBIP_PDU_SIZE];
	const struct iovec *data;
	unsigned int n_data;
	size_t data_len;
	const void *tail;
	size_t tail_len;
	size_t pos;			/* bytes that were sent */
	bool queued;			/* waits, or is being sent */
};

struct usbip_msg_queue {
	struct usbip_msg *first, **last;
};

void usbip_msg_queue_init(struct usbip_msg_queue *q);
void usbip_msg_queue_put(struct usbip_msg_queue *q, struct usbip_msg *msg);
/* Takes msg out again if not a byte of it was sent. */
bool usbip_msg_queue_remove(struct usbip_msg_queue *q, struct usbip_msg *msg);
/*
 * Sends until the socket takes no more. Each message that is through is taken out and
 * told to sent, if that is not NULL. 0, or -errno: the connection is of no use.
 */
int usbip_msg_queue_send(struct usbip_msg_queue *q, int fd,
			 void (*sent)(void *ctx, struct usbip_msg *msg), void *ctx);

/* Bytes that are expected, and where they go. */
struct usbip_piece {
	const struct iovec *iov;
	unsigned int n_iov;
	size_t len, pos;
};

/* 1: complete, 0: not yet, -errno (-EPIPE: the peer has closed). */
int usbip_piece_receive(struct usbip_piece *p, int fd);

#endif
