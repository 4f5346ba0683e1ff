// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-mmio register file with a device and a library kernel made here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "lkl.h"
#include "log.h"
#include "ring.h"
#include "virtio_mmio.h"
#include "virtq_i.h"

#define DEV_FEATURES	((1ull << 3) | (1ull << 40))
#define RING_FEATURES	((1ull << VIRTIO_F_VERSION_1) | \
			 (1ull << VIRTIO_RING_F_EVENT_IDX) | \
			 (1ull << VIRTIO_RING_F_INDIRECT_DESC))
#define ACK		VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRV		VIRTIO_CONFIG_S_DRIVER
#define F_OK		VIRTIO_CONFIG_S_FEATURES_OK
#define DRV_OK		VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET	VIRTIO_CONFIG_S_NEEDS_RESET
#define SIZE		8u

/* ---- the library kernel ---- */

static struct ring ring;
static struct lkl_ram ram;
static const struct lkl_mmio_ops *regs;
static void *regs_dev;
static uint32_t regs_size;
static int add_result;
static unsigned int n_raised;

const struct lkl_ram *lkl_ram(void)
{
	return &ram;
}

int lkl_add_mmio(const struct lkl_mmio_ops *ops, void *dev, uint32_t size)
{
	regs = ops;
	regs_dev = dev;
	regs_size = size;
	return add_result;
}

void lkl_irq_raise(int irq)
{
	assert_int_equal(irq, add_result);
	n_raised++;
}

static uint32_t rd(uint32_t offset)
{
	return regs->read(regs_dev, offset, 4);
}

static void wr(uint32_t offset, uint32_t value)
{
	regs->write(regs_dev, offset, value, 4);
}

/* ---- the device ---- */

static struct {
	unsigned int n_queues, n_starts, n_resets, n_notified, last_notified;
	uint64_t features;
	int features_result, start_result;
	uint32_t config_size;
	uint8_t config[6];
	struct virtio_transport *transport;
	struct virtq *queues[4];
} dev;

static unsigned int dev_num_queues(void *d)
{
	return dev.n_queues;
}

static unsigned int dev_queue_size(void *d, unsigned int queue)
{
	assert_true(queue < dev.n_queues);
	return queue == 1 ? 4 * VIRTQ_MAX_SIZE : 64;
}

static uint64_t dev_features(void *d)
{
	return DEV_FEATURES;
}

static int dev_set_features(void *d, uint64_t features)
{
	dev.features = features;
	return dev.features_result;
}

static uint32_t dev_config_size(void *d)
{
	return dev.config_size;
}

static void dev_config_read(void *d, uint32_t offset, void *buf, uint32_t len)
{
	assert_true(offset + len <= sizeof(dev.config));
	memcpy(buf, dev.config + offset, len);
}

static void dev_config_write(void *d, uint32_t offset, const void *buf,
			     uint32_t len)
{
	assert_true(offset + len <= sizeof(dev.config));
	memcpy(dev.config + offset, buf, len);
}

static int dev_start(void *d, struct virtio_transport *transport,
		     struct virtq *const *queues, unsigned int n_queues)
{
	assert_int_equal(n_queues, dev.n_queues);
	memcpy(dev.queues, queues, n_queues * sizeof(queues[0]));
	dev.transport = transport;
	dev.n_starts++;
	return dev.start_result;
}

static void dev_notify(void *d, unsigned int queue)
{
	assert_non_null(dev.queues[queue]);
	dev.n_notified++;
	dev.last_notified = queue;
}

static void dev_reset(void *d)
{
	dev.n_resets++;
}

static struct virtio_device_ops dev_ops = {
	.name = "test",
	.device_id = 49,
	.num_queues = dev_num_queues,
	.queue_size = dev_queue_size,
	.features = dev_features,
	.set_features = dev_set_features,
	.config_size = dev_config_size,
	.config_read = dev_config_read,
	.config_write = dev_config_write,
	.start = dev_start,
	.notify = dev_notify,
	.reset = dev_reset,
};

/* ---- the driver ---- */

static int setup(void **state)
{
	struct virtio_mmio *m;

	memset(&dev, 0, sizeof(dev));
	dev.n_queues = 3;
	dev.config_size = sizeof(dev.config);
	dev_ops.config_write = dev_config_write;
	ring_init(&ring, SIZE);
	ram = (struct lkl_ram){ RING_GPA, RING_MEM, ring.region.hva, -1 };
	add_result = 7;
	n_raised = 0;
	assert_int_equal(virtio_mmio_add(&dev_ops, &dev, &m), 0);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	virtio_mmio_free(*state);
	ring_free(&ring);
	return 0;
}

static void write_features(uint64_t features)
{
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, features);
}

static uint32_t negotiate(uint64_t features)
{
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, ACK);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV);
	write_features(features);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK);
	return rd(VIRTIO_MMIO_STATUS) & F_OK;
}

static void write_addr(uint32_t reg, uint64_t gpa)
{
	wr(reg, gpa);
	wr(reg + 4, gpa >> 32);
}

static uint32_t set_up_queue(uint32_t queue, uint32_t size, uint64_t desc)
{
	wr(VIRTIO_MMIO_QUEUE_SEL, queue);
	wr(VIRTIO_MMIO_QUEUE_NUM, size);
	write_addr(VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	write_addr(VIRTIO_MMIO_QUEUE_AVAIL_LOW, RING_AVAIL);
	write_addr(VIRTIO_MMIO_QUEUE_USED_LOW, RING_USED);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	return rd(VIRTIO_MMIO_QUEUE_READY);
}

static void run(void)
{
	assert_true(negotiate(RING_FEATURES));
	assert_int_equal(set_up_queue(0, SIZE, RING_DESC), 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK | DRV_OK);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), ACK | DRV | F_OK | DRV_OK);
}

/* ---- tests ---- */

static void identity(void **state)
{
	assert_int_equal(rd(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(rd(VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(rd(VIRTIO_MMIO_DEVICE_ID), 49);
	assert_int_equal(rd(VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(rd(VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);
	assert_int_equal(regs_size, 0x106);
	assert_int_equal(regs->read(regs_dev, VIRTIO_MMIO_MAGIC_VALUE, 1), 0);
	assert_int_equal(rd(0x0f0), 0);
}

static void add_fails(void **state)
{
	struct virtio_mmio *m = NULL;

	add_result = -ENOSPC;
	assert_int_equal(virtio_mmio_add(&dev_ops, &dev, &m), -ENOSPC);
	dev.n_queues = 65;
	assert_int_equal(virtio_mmio_add(&dev_ops, &dev, &m), -EINVAL);
	dev.n_queues = 3;
	dev.config_size = 4096;
	assert_int_equal(virtio_mmio_add(&dev_ops, &dev, &m), -EINVAL);
	assert_null(m);
	regs_dev = *state;
}

static void features_offered(void **state)
{
	uint64_t f;

	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	f = (uint64_t)rd(VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	f |= rd(VIRTIO_MMIO_DEVICE_FEATURES);
	assert_true(f == (DEV_FEATURES | RING_FEATURES));
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

static void features_accepted(void **state)
{
	assert_true(negotiate(RING_FEATURES | (1ull << 40)));
	assert_true(dev.features == 1ull << 40);
	write_features(0);	/* too late: the rings keep what was agreed */
	assert_int_equal(set_up_queue(0, SIZE, RING_DESC), 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK | DRV_OK);
	virtq_disable_notify(dev.queues[0]);
	assert_int_equal(ring.used->flags, 0);	/* EVENT_IDX is in force */
}

static void features_refused(void **state)
{
	assert_false(negotiate(RING_FEATURES | (1ull << 4)));
	assert_false(negotiate(RING_FEATURES | (1ull << 63)));
	assert_false(negotiate(DEV_FEATURES));	/* no VERSION_1 */
	dev.features_result = -EINVAL;
	assert_false(negotiate(RING_FEATURES));
	dev.features_result = 0;
	assert_true(negotiate(RING_FEATURES));
}

static void features_ok_without_driver(void **state)
{
	write_features(RING_FEATURES);
	wr(VIRTIO_MMIO_STATUS, F_OK);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0);
}

static void driver_ok_without_features_ok(void **state)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | DRV_OK);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), ACK | DRV | NEEDS_RESET);
	assert_int_equal(dev.n_starts, 0);
	run();
	assert_int_equal(dev.n_starts, 1);
}

static void device_refuses_to_start(void **state)
{
	dev.start_result = -EINVAL;
	negotiate(RING_FEATURES);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK | DRV_OK);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), ACK | DRV | F_OK | NEEDS_RESET);
	dev.start_result = 0;
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK | DRV_OK);
	assert_int_equal(dev.n_starts, 1);	/* not before a reset */
	wr(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(dev.n_resets, 0);	/* it never started */
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0);
}

static void status_bits_cannot_be_taken_back(void **state)
{
	run();
	wr(VIRTIO_MMIO_STATUS, ACK);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), ACK | DRV | F_OK | DRV_OK);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK | DRV_OK);
	assert_int_equal(dev.n_starts, 1);
	wr(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED);
	assert_true(rd(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FAILED);
}

static void queue_limits(void **state)
{
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 64);
	wr(VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), VIRTQ_MAX_SIZE);
	wr(VIRTIO_MMIO_QUEUE_SEL, 3);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_QUEUE_NUM, 8);	/* nowhere to go */
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
}

static void queue_set_up_errors(void **state)
{
	negotiate(RING_FEATURES);
	assert_int_equal(set_up_queue(0, 0, RING_DESC), 0);
	assert_int_equal(set_up_queue(0, 5, RING_DESC), 0);
	assert_int_equal(set_up_queue(0, 128, RING_DESC), 0);	/* over the max */
	assert_int_equal(set_up_queue(0, SIZE, 0), 0);
	assert_int_equal(set_up_queue(0, SIZE, RING_DESC | 1ull << 40), 0);
	assert_int_equal(set_up_queue(0, SIZE, RING_DESC + 4), 0);
	assert_int_equal(set_up_queue(0, SIZE, RING_DESC), 1);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 0);
}

static void queue_needs_features_first(void **state)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRV);
	assert_int_equal(set_up_queue(0, SIZE, RING_DESC), 0);
}

static void queues_not_set_up_are_null(void **state)
{
	run();
	assert_non_null(dev.queues[0]);
	assert_null(dev.queues[1]);
	assert_null(dev.queues[2]);
}

static void running_queue_is_the_devices(void **state)
{
	run();
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 1);
	assert_int_equal(set_up_queue(1, SIZE, RING_DESC), 0);
}

static void notify_goes_to_running_queues_only(void **state)
{
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	negotiate(RING_FEATURES);
	set_up_queue(0, SIZE, RING_DESC);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(dev.n_notified, 0);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK | DRV_OK);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 3);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(dev.n_notified, 0);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(dev.n_notified, 1);
	assert_int_equal(dev.last_notified, 0);
}

static void interrupts(void **state)
{
	run();
	dev.transport->ops->interrupt(dev.transport, 0);
	dev.transport->ops->interrupt(dev.transport, 0);
	assert_int_equal(n_raised, 1);		/* the line is high already */
	assert_int_equal(rd(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	dev.transport->ops->config_changed(dev.transport);
	assert_int_equal(n_raised, 2);
	assert_int_equal(rd(VIRTIO_MMIO_INTERRUPT_STATUS),
			 VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	wr(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_int_equal(rd(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	dev.transport->ops->interrupt(dev.transport, 0);
	assert_int_equal(n_raised, 3);
	wr(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(rd(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

static void config_change_before_start_is_silent(void **state)
{
	uint32_t generation = rd(VIRTIO_MMIO_CONFIG_GENERATION);
	struct virtio_transport *t;

	run();
	t = dev.transport;
	wr(VIRTIO_MMIO_STATUS, 0);
	t->ops->config_changed(t);
	assert_int_equal(n_raised, 0);
	assert_int_equal(rd(VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
}

static void config_space(void **state)
{
	const uint32_t c = VIRTIO_MMIO_CONFIG;

	memcpy(dev.config, "\x11\x22\x33\x44\x55\x66", 6);
	assert_int_equal(regs->read(regs_dev, c, 4), 0x44332211);
	assert_int_equal(regs->read(regs_dev, c + 4, 2), 0x6655);
	assert_int_equal(regs->read(regs_dev, c + 5, 1), 0x66);
	assert_int_equal(regs->read(regs_dev, c + 3, 4), 0);	/* one too far */
	assert_int_equal(regs->read(regs_dev, c + 6, 1), 0);
	assert_int_equal(regs->read(regs_dev, UINT32_MAX, 4), 0);
	assert_int_equal(regs->read(regs_dev, c, 8), 0);
	assert_int_equal(regs->read(regs_dev, c, 3), 0);
	regs->write(regs_dev, c + 1, 0xaabb, 2);
	assert_memory_equal(dev.config, "\x11\xbb\xaa\x44\x55\x66", 6);
	regs->write(regs_dev, c + 5, 0x7788, 2);
	regs->write(regs_dev, UINT32_MAX, 0, 4);
	assert_memory_equal(dev.config, "\x11\xbb\xaa\x44\x55\x66", 6);
	dev_ops.config_write = NULL;
	regs->write(regs_dev, c, 0, 4);
	assert_int_equal(dev.config[0], 0x11);
}

static void reset_starts_over(void **state)
{
	run();
	wr(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(dev.n_resets, 1);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(dev.n_notified, 0);
	wr(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(dev.n_resets, 1);
	run();
	assert_int_equal(dev.n_starts, 2);
	/* What was agreed before counts no more. */
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV);
	wr(VIRTIO_MMIO_STATUS, ACK | DRV | F_OK);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), ACK | DRV);
}

static void host_resets_a_running_device(void **state)
{
	run();
	virtio_mmio_reset(*state);
	assert_int_equal(dev.n_resets, 1);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0);
}

static int free_resets(void **state)
{
	unsigned int before = dev.n_resets;

	virtio_mmio_free(*state);
	ring_free(&ring);
	return dev.n_resets != before + 1;
}

static void free_while_running(void **state)
{
	run();
}

static void no_log(void *ctx, enum log_level level, const char *line)
{
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identity),
		TEST(add_fails),
		TEST(features_offered),
		TEST(features_accepted),
		TEST(features_refused),
		TEST(features_ok_without_driver),
		TEST(driver_ok_without_features_ok),
		TEST(device_refuses_to_start),
		TEST(status_bits_cannot_be_taken_back),
		TEST(queue_limits),
		TEST(queue_set_up_errors),
		TEST(queue_needs_features_first),
		TEST(queues_not_set_up_are_null),
		TEST(running_queue_is_the_devices),
		TEST(notify_goes_to_running_queues_only),
		TEST(interrupts),
		TEST(config_change_before_start_is_silent),
		TEST(config_space),
		TEST(reset_starts_over),
		TEST(host_resets_a_running_device),
		cmocka_unit_test_setup_teardown(free_while_running, setup,
						free_resets),
	};

	log_set_callback(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
