# The front door. Meson and Ninja do the work; each target first installs what this machine lacks.
#
#   make            build into $(BUILD): bin/ownjit, lib/libownjit.so, lib/libownjit.a
#   make run        build, and run a Lua interpreter through ownjit
#   make test       every check and test      TESTS="NAME..." some of them, TIER=check|san|long a part
#   make bench      measure against LLVM's own engines      BENCH=NAME some of it
#   make coverage   which branches to a failure the tests take, against tests/coverage/untaken.txt
#   make fuzz       fuzz every entry that takes bytes       TIME=seconds for each
#   make soak       compile, link, run and drop for TIME=seconds: nothing may be held in the end
#   make cross      build for every other architecture, and run all programs there under qemu-user
#   make install    into $(PREFIX), under $(DESTDIR)
#   make format     rewrite the sources in the project's format
#   make clean      remove $(BUILD)

BUILD ?= build
PREFIX ?= /usr/local
TIME ?= 60
MESON ?= $(firstword $(wildcard /usr/bin/meson) meson)
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

.PHONY: all build run test bench coverage fuzz soak cross install format clean

all: build

build:
	@scripts/setup.sh build
	@test -f $(BUILD)/build.ninja || $(MESON) setup $(BUILD) . --buildtype=debugoptimized
	@$(MESON) compile -C $(BUILD)

run: build
	@scripts/setup.sh run
	@examples/show/run.sh $(BUILD)

test:
	@scripts/setup.sh build run test fuzz
	@$(PYTHON) tests/run.py --build $(BUILD)/test $(if $(TIER),--tier $(TIER)) $(TESTS)

bench:
	@scripts/setup.sh build bench
	@bench/run.sh $(BUILD)

coverage:
	@scripts/setup.sh build run test fuzz
	@$(PYTHON) tests/run.py --build $(BUILD)/test --coverage $(TESTS)

fuzz: build
	@scripts/setup.sh fuzz
	@$(PYTHON) tests/run.py --build $(BUILD)/test fuzz/build
	@$(PYTHON) tests/fuzz/fuzz.py --build $(BUILD)/test/fuzz --time $(TIME) $(TESTS)
	@test -n "$(TESTS)" || OJT_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/fuzz/test_differential.py $(TIME) $$(date +%s)

soak:
	@scripts/setup.sh build run test
	@$(PYTHON) tests/run.py --build $(BUILD)/test gcc/build
	@OJT_SOAK=$(TIME) $(BUILD)/test/gcc/tests/test_llvm_soak

cross:
	@scripts/setup.sh build test
	@OJT_CROSS=all $(PYTHON) tests/run.py --build $(BUILD)/test real/cross

install: build
	@$(MESON) configure $(BUILD) --prefix=$(PREFIX)
	@$(MESON) install -C $(BUILD)
	@test -n "$(DESTDIR)" || test "$$(id -u)" -ne 0 || ldconfig

format:
	@scripts/setup.sh format
	@scripts/check_format.sh --fix

clean:
	rm -rf $(BUILD)
