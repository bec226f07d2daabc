# A small front: each target installs what it needs, then asks meson, ninja and tools/run-tests.
#
#   make            build/goodtalk                 make run ARGS="-k 8080"   build it and run it
#   make test       everything that is quick       make test-all             and all that is not
#   make storm      SEEDS=N or FROM-TO, simulated runs; SEED=N tells one in full
#   make install    DESTDIR=, PREFIX=/usr/local   make bench                 measure it beside its peers

BUILD  ?= build
PREFIX ?= /usr/local
ARGS   ?=
PYTHON ?= /usr/bin/python3

TESTS := test test-all asan coverage-fuzz soak soak-disk soak-fuzz soak-memory soak-script soak-siege soak-storm soak-torture storm tidy

.PHONY: all build run $(TESTS) bench format install clean

all: build

build: $(BUILD)/build.ninja
	@meson compile -C $(BUILD) >&2

$(BUILD)/build.ninja:
	@tools/install-packages build
	@meson setup $(BUILD) --prefix=$(PREFIX) -Dtests=disabled

run: build
	@exec $(BUILD)/goodtalk $(ARGS)

$(TESTS):
	@tools/install-packages $@
	@$(PYTHON) tools/run-tests $@

bench:
	@tools/install-packages bench
	@$(PYTHON) bench/run

format:
	@tools/install-packages tidy
	@clang-format -i $(wildcard include/*.h src/*/*.[ch] tests/*/*.[ch] bench/*.[ch] bench/*/*.c examples/*.c \
		examples/*.cc)

install: build
	@meson configure $(BUILD) --prefix=$(abspath $(PREFIX))
	@meson install -C $(BUILD)

clean:
	rm -rf build build-*
