# `make help` lists the targets. All is built below build/, in a directory per variant of flags.

CC      ?= cc
PYTHON  ?= python3
CFLAGS  ?= -O2 -g
VARIANT ?= plain
SEEDS   ?= 2000
VENV    ?= .venv

WARNINGS  := -Wall -Wextra -Wshadow -Wswitch-enum -Wmissing-prototypes -Werror
SANITIZE  :=
C_FLAGS    = -std=c11 $(CFLAGS) $(WARNINGS) -ffp-contract=off -pthread -Icsrc -Itests $(SANITIZE)
LINK_FLAGS = -pthread $(SANITIZE)

BUILD     := build/$(VARIANT)
CORE      := $(patsubst csrc/%.c,$(BUILD)/%.o,$(wildcard csrc/core/*.c))
RT        := $(patsubst csrc/%.c,$(BUILD)/%.o,$(wildcard csrc/rt/*.c))
CORE_TEST := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/core/test_*.c))
RT_TEST   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/rt/test_*.c tests/rt/stress_*.c))
SIM_PARTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c))
SIM       := $(BUILD)/sim
LIBRARY   := $(BUILD)/libtaskvisor.a

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help build lib check run-c-tests test sim san lint venv test-all clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: lib ## compile the C library and the extension, in place
	TASKVISOR_WERROR=1 $(PYTHON) setup.py -q build_ext --inplace --build-temp build/ext

lib: $(LIBRARY) ## compile the C library alone: build/plain/libtaskvisor.a

check: run-c-tests $(SIM) ## compile and run the tests in C, then the simulator for 200 seeds
	$(SIM) --seeds=200

run-c-tests: $(CORE_TEST) $(RT_TEST) ## compile and run the tests in C alone
	@for test in $(sort $^); do ./$$test || exit 1; done

test: build ## build the extension and run the tests in Python
	$(PYTHON) -m pytest

sim: $(SIM) ## simulate the core: SEED=n replays one seed with a line per step, SEEDS=n runs many
	$(SIM) $(if $(SEED),--seed=$(SEED),--seeds=$(SEEDS))

san: ## run the tests in C under ASan+UBSan (the simulator too) and under TSan
	$(MAKE) check VARIANT=asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
		SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all"
	$(MAKE) run-c-tests VARIANT=tsan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
		SANITIZE="-fsanitize=thread"

lint: ## ruff (lint and format) and mypy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

venv: $(VENV)/ready ## make .venv: the package, editable, and what its tests need

test-all: venv ## all the set-up in .venv, then the tests in C, the simulator, the tests in Python
	$(MAKE) run-c-tests sim test PYTHON=$(VENV)/bin/python

clean: ## remove everything that was built
	rm -rf build
	rm -f taskvisor/_core*.so

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	TASKVISOR_WERROR=1 $(VENV)/bin/python -m pip install -q -e '.[test]'
	@touch $@

$(LIBRARY): $(CORE) $(RT)
	@rm -f $@
	$(AR) rcs $@ $^

$(SIM): $(SIM_PARTS) $(CORE)
	$(CC) $(LINK_FLAGS) $^ -o $@

$(BUILD)/tests/core/%: $(BUILD)/tests/core/%.o $(CORE)
	$(CC) $(LINK_FLAGS) $^ -o $@

# Calls into the system that a test stands between.
$(BUILD)/tests/rt/test_host $(BUILD)/tests/rt/test_late: WRAP = pthread_mutex_lock pthread_mutex_unlock
$(BUILD)/tests/rt/test_oom $(BUILD)/tests/rt/test_nothread: WRAP = malloc calloc free pthread_create

$(BUILD)/tests/rt/%: $(BUILD)/tests/rt/%.o $(CORE) $(RT)
	$(CC) $(LINK_FLAGS) $(WRAP:%=-Wl,--wrap=%) $^ -o $@

$(BUILD)/%.o: csrc/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
