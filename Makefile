# SPDX-License-Identifier: GPL-2.0-only
# Thin: installs what is missing, calls Kbuild and meson. Binaries land in build/.
NINJA = ninja -C build/host
MESON_KERNEL = -Dlkl_object=$(CURDIR)/build/lkl.o

all: build

deps:
	@scripts/install-deps

kernel: deps
	@scripts/build-kernel

# A stock kernel as a process, and our driver as its module: for tests.
uml: deps
	@scripts/build-uml

# Debian's kernels with our driver, as QEMU boots them: for tests.
guests: deps
	@scripts/build-guest 6.1
	@scripts/build-guest 6.12

build: kernel
	@[ -f build/host/build.ninja ] || meson setup build/host $(MESON_KERNEL)
	@$(NINJA)
	@ln -sf host/tools/lklusb/lklusb build/lklusb
	@ln -sf host/tools/vhost-user-usb/vhost-user-usb build/vhost-user-usb
	@ln -sf host/tools/lklusb-key/lklusb-key build/lklusb-key

demo: build
	@scripts/demo

# Some 16 minutes when the kernels are in the cache.
check: build uml guests
	@tests/run

check-full: build uml guests
	@scripts/build-uml debug
	@tests/run --full
	@tests/matrix/run -j 2

# docs/matrix.md: every filesystem in every layout. Half an hour; make matrix MATRIX=--untested
# goes on with what never ran.
MATRIX =
matrix: build uml
	@tests/matrix/run --save -j 2 $(MATRIX)
	@tests/matrix/table

# The guest driver as a series for the mainline kernel.
patches: deps
	@scripts/patches

# docs/conformance.md: the kernel's usbtest on us and on its peers. Some minutes.
conformance: build uml
	@tests/conformance

bench: build uml guests
	@bench/run
	@bench/uml
	@bench/usbfs
	@bench/usbip

T = 60
fuzz: deps
	@scripts/fuzz $(T)

install: build
	meson install -C build/host

clean:
	rm -rf build

.PHONY: all deps kernel uml guests build demo check check-full matrix patches conformance bench fuzz install clean
