/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * server_i.h - the parts of the USB/IP server.
 *
 *   server.c    what is exported, life, what is said before the first URB
 *   describe.c  asks a device for its descriptors
 *   conn.c      a connection after the import: receiving, its end
 *   request.c   a command of it: checks, submission, unlinking, answer
 *
 * A connection's thread alone receives, submits and cancels; it blocks in poll() only.
 * Completions come on any thread: they send what the socket takes, and leave the rest
 * to the connection's thread. While a connection's requests and their data reach its
 * limits nothing is received, so a peer that does not read its answers stops itself.
 */
#ifndef SERVER_I_H
#define SERVER_I_H

#include <pthread.h>

#include "usbip_msg.h"
#include "usbip_server.h"
#include "usbip_wire.h"

#define CONN_MAX_REQS		512u
#define CONN_MAX_BYTES		(16u << 20)	/* of data, of all requests */
#define REQ_MAX_LENGTH		(4u << 20)
#define REQ_MAX_ISO		1024u	/* as Linux's server */

struct conn;

struct export {
	struct usbip_server *server;
	struct usb_backend *backend;
	struct usbip_device device;	/* constant */
	struct usbip_interface interfaces[USBIP_MAX_INTERFACES];	/* constant */
	/* protected by the server's lock */
	bool gone;			/* the device left */
	bool imported;
	struct conn *conn;		/* that transfers URBs, or NULL */
};

struct usbip_server {
	struct usbip_server_config config;
	int stop_fd;			/* eventfd, readable from the end on */
	pthread_mutex_t lock;		/* protects everything below; before a conn's */
	pthread_cond_t changed;		/* n_conns fell */
	struct export *exports[USBIP_SERVER_MAX_EXPORTS];
	unsigned int n_exports, n_gone;
	unsigned int n_conns;
	bool stopping;
};

/* A command that has not been answered. */
struct req {
	struct req *prev, *next;	/* of the connection */
	struct conn *conn;
	struct usb_urb urb;
	struct usbip_cmd cmd;
	uint8_t *data;
	struct iovec iov;		/* data, for the URB */
	struct iovec *packed;		/* isochronous IN: what each packet brought */
	struct virtio_usbip_iso_packet *raw_iso;
	int refuse;			/* not submitted: answered with this */
	bool flying;			/* the backend has it, or its reset */
	bool is_reset;
	bool held;			/* not freed: the connection's thread cancels it */
	bool unlinked;			/* CMD_UNLINK came: unlink_seq is its number */
	uint32_t unlink_seq;
	unsigned int n_msgs;		/* of the two, that are not sent yet */
	struct usbip_msg msg, unlink_msg;
};

struct conn {
	struct usbip_server *server;
	struct export *export;
	int fd;
	int wake;			/* eventfd: the thread looks around */

	/* the thread's alone */
	enum { CONN_HEAD, CONN_DATA, CONN_ISO } state;
	struct usbip_piece piece;
	struct iovec iov;
	struct virtio_usbip_cmd_submit head;
	struct req *req;		/* whose data or packets are expected */

	pthread_mutex_t lock;		/* protects everything below */
	pthread_cond_t changed;		/* n_flying fell */
	struct req *reqs;
	unsigned int n_reqs, n_flying;
	size_t bytes;
	struct usbip_msg_queue out;
	bool ending;			/* nothing is answered any more */
	bool lost;
};

/* ---- describe.c ---- */

/* Fills device (but busid and numbers) and interfaces. Blocks. -errno, -EPROTO. */
int describe(struct usb_backend *backend, struct usbip_device *device,
	     struct usbip_interface interfaces[USBIP_MAX_INTERFACES]);
/* Resets the device and waits for it. */
int describe_reset(struct usb_backend *backend);

/* ---- conn.c ---- */

/* Transfers URBs until the connection ends. The export is the connection's. */
void conn_run(struct usbip_server *server, struct export *export, int fd);
/* Makes conn_run end. Any thread. */
void conn_lose(struct conn *c);

/* ---- request.c; the connection's thread, without the lock ---- */

/*
 * The command in c->head. ret_req: what follows it on the wire belongs to that request,
 * NULL: nothing does. -errno ends the connection.
 */
int req_start(struct conn *c, struct req **ret_req);
size_t req_out_len(const struct req *r);	/* bytes of data that follow */
size_t req_iso_len(const struct req *r);	/* bytes of packets that follow it */
/* All of it is here. */
int req_submit(struct req *r);
/* Asks for an early end; r, which was flying, is held, and is let go. */
void req_cancel(struct req *r);
/* With the lock: sends what waits. */
void req_send(struct conn *c);
/* With the lock: forgets it, whatever waits. */
void req_free(struct req *r);

#endif
