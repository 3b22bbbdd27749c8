# `make help` lists the targets. All is built below build/, in a directory per variant of flags.

CC      ?= cc
PYTHON  ?= python3
CFLAGS  ?= -O2 -g
VARIANT ?= plain
SEEDS   ?= 2000
RUNS    ?= 66
TIME    ?= 60
COUNT   ?= 60
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
SCOPE     := $(BUILD)/scope
LIBRARY   := $(BUILD)/libtaskvisor.a

BENCH      := build/bench
BENCH_TAG   = $(shell $(PYTHON) -c 'import sys; print(sys.implementation.cache_tag)')
BENCH_VENV  = $(BENCH)/$(BENCH_TAG)
BENCH_NEEDS = matplotlib stamina tenacity uvloop
CARGO       = $(shell command -v cargo)
GO          = $(shell command -v go || command -v /usr/local/go/bin/go)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: exit-matrix soak san-python free-threaded versions proof
.PHONY: help build lib check run-c-tests test sim sim-hash relations fuzz coverage mutants plants scope transitions san lint docs dist venv test-all clean
.PHONY: bench bench-smoke bench-own bench-peers bench-report

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

sim-hash: ## simulate SEEDS seeds under gcc and under clang: each must have the same hash
	$(MAKE) build/gcc/sim CC=gcc VARIANT=gcc
	$(MAKE) build/clang/sim CC=clang VARIANT=clang
	build/gcc/sim --seeds=$(SEEDS) --hashes >build/gcc/hashes
	build/clang/sim --seeds=$(SEEDS) --hashes >build/clang/hashes
	diff build/gcc/hashes build/clang/hashes
	@tail -n 1 build/gcc/hashes

relations: $(SIM) ## play SEEDS seeds in worlds that must agree: queues, times, order, once more
	$(SIM) --relations=$(SEEDS)

fuzz: ## let libFuzzer make up moves for TIME seconds, under ASan+UBSan; needs clang
	$(MAKE) build/fuzz/fuzz CC=clang VARIANT=fuzz CFLAGS="-O1 -g -fno-omit-frame-pointer" \
		SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
	@mkdir -p build/fuzz/corpus
	cd build/fuzz && ./fuzz corpus -max_total_time=$(TIME) -max_len=4096 -len_control=20 \
		-print_final_stats=1 -verbosity=0 -timeout=10

coverage: ## lines and branches of csrc/core and csrc/rt that the tests in C reach; see docs/design/coverage.md
	@mkdir -p build/coverage && find build/coverage -name '*.gcda' -delete
	$(MAKE) run-c-tests build/coverage/sim VARIANT=coverage CFLAGS="-O0 -g" \
		SANITIZE="--coverage -Wl,-u,__gcov_dump"
	build/coverage/sim --seeds=$(SEEDS)
	$(PYTHON) tests/proof/coverage.py build/coverage

mutants: ## draw COUNT mutants by SEED, and run the tests on each: who catches which; takes minutes
	nice -n 10 $(PYTHON) tests/proof/mutants.py $(or $(SEED),1) $(COUNT)

plants: ## plant a fault for each technique (or for PLANTS), in a copy of the tree: it has to be found
	nice -n 10 $(PYTHON) tests/proof/plants.py $(PLANTS)

scope: $(SCOPE) ## play every input in every state of small scopes; compare with the table of transitions
	$(SCOPE) $(BUILD)/transitions.md
	diff docs/design/transitions.md $(BUILD)/transitions.md

transitions: $(SCOPE) ## write docs/design/transitions.md anew
	$(SCOPE) docs/design/transitions.md

san: ## run the tests in C under ASan+UBSan (the simulator too) and under TSan
	$(MAKE) check VARIANT=asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
		SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all"
	$(MAKE) run-c-tests VARIANT=tsan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
		SANITIZE="-fsanitize=thread"

exit-matrix: build ## end RUNS processes in every way and state, each beside a control
	PYTHONPATH=$(CURDIR) nice $(PYTHON) tests/exit_matrix.py $(RUNS) $(SEED)

soak: build ## do random things from several threads for TIME seconds: nothing may grow
	PYTHONPATH=$(CURDIR) nice $(PYTHON) tests/soak.py $(TIME) $(SEED)

san-python: ## run the tests in Python, or TESTS of them, under ASan+UBSan
	PYTHON=$(PYTHON) tools/san_python.sh $(TESTS)

free-threaded: ## the same without a GIL; FREE_THREADED: in which CPython, else one is built
	HOST=$(PYTHON) tools/free_threaded.sh $(TESTS)

# The files where memory, threads and references change hands most.
PROOF_TESTS := lifecycle failure submit coroutines hostile hostile_ends streams leaks fork \
               event_values handle

proof: ## the proof as far as it fits CI beside test-all and san: some minutes; needs clang
	$(MAKE) sim-hash
	$(MAKE) relations
	$(MAKE) scope
	$(MAKE) coverage
	$(MAKE) fuzz TIME=20
	$(MAKE) plants PLANTS="sim relations scope threads asan ubsan tsan coverage"
	$(MAKE) san-python TESTS="-q $(PROOF_TESTS:%=tests/test_%.py)"

versions: ## run the tests in Python on every CPython at hand, or on those in VERSIONS
	HOST=$(PYTHON) tools/versions.sh

bench: bench-own bench-peers $(BENCH_VENV)/ready ## measure beside the peers: tables, ratios, build/bench/results.json
	$(BENCH_VENV)/bin/python -m benchmarks --json $(BENCH)/results.json $(BENCH_ARGS)

bench-smoke: bench-own ## run each benchmark once, tiny; peers as far as they are at hand
	$(PYTHON) -m benchmarks --smoke

bench-report: $(BENCH_VENV)/ready ## write the tables and the plot of docs/performance.md from those results
	$(BENCH_VENV)/bin/python -m benchmarks.report $(BENCH)/results.json

lint: ## ruff (lint and format), mypy, pyright, and the stubs against the extension
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy.stubtest taskvisor._core
	$(PYTHON) -m pyright --pythonpath $$($(PYTHON) -c 'import sys; print(sys.executable)')

docs: venv ## build the pages of docs/ into build/docs; a warning is an error
	$(MAKE) build PYTHON=$(VENV)/bin/python
	$(VENV)/bin/python -m sphinx -W --keep-going -n -q -b html docs build/docs

dist: ## build sdist and wheel, install each into a clean environment and use it there
	.ci/dist $(PYTHON)

venv: $(VENV)/ready ## make .venv: the package, editable, and what its tests need

test-all: venv ## all the set-up in .venv, then the tests in C, the simulator, the tests in Python
	$(MAKE) run-c-tests sim test PYTHON=$(VENV)/bin/python

clean: ## remove everything that was built
	rm -rf build
	rm -f taskvisor/_core*.so

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	TASKVISOR_WERROR=1 $(VENV)/bin/python -m pip install -q -e '.[dev]'
	@touch $@

# Ours, for the benchmarks: the extension, the C library in a program, the bare limits.
bench-own: build $(BENCH)/native
	$(CC) -std=c11 -O2 -shared -fPIC $(WARNINGS) -pthread benchmarks/limits.c \
		-I$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))') \
		-o $(BENCH)/_limits.$(BENCH_TAG).so

# A peer whose compiler is not at hand is left out, and the tables say so.
bench-peers:
	$(if $(CARGO),$(CARGO) build -q --release --locked --target-dir $(BENCH)/rust \
		--manifest-path benchmarks/peers/rust/Cargo.toml,@echo "no cargo: without the Rust crate")
	$(if $(GO),cd benchmarks/peers/go && $(GO) build -trimpath -o $(CURDIR)/$(BENCH)/suture .,\
		@echo "no go: without suture")

$(BENCH)/native: $(wildcard benchmarks/native*.[ch]) $(LIBRARY) Makefile
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) $(filter %.c,$^) $(LIBRARY) -o $@

$(BENCH_VENV)/ready:
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install -q $(BENCH_NEEDS)
	@touch $@

$(LIBRARY): $(CORE) $(RT)
	@rm -f $@
	$(AR) rcs $@ $^

$(SIM): $(SIM_PARTS) $(CORE)
	$(CC) $(LINK_FLAGS) $^ -o $@

$(BUILD)/fuzz: $(BUILD)/tests/fuzz/fuzz.o \
		$(filter-out $(BUILD)/tests/sim/main.o,$(SIM_PARTS)) $(CORE)
	$(CC) $(LINK_FLAGS) -fsanitize=fuzzer $^ -o $@

# The doors of the machines, where their transitions are seen.
DOORS := tv_actor_step tv_slot_admit tv_slot_start_head tv_shutdown_request tv_shutdown_slice \
         tv_shutdown_empty tv_shutdown_due tv_shutdown_drained

$(SCOPE): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/scope/*.c) tests/sim/move.c) $(CORE)
	$(CC) $(LINK_FLAGS) $(DOORS:%=-Wl,--wrap=%) $^ -o $@

$(BUILD)/tests/core/%: $(BUILD)/tests/core/%.o $(CORE)
	$(CC) $(LINK_FLAGS) $^ -o $@

# Calls into the system that a test stands between.
$(BUILD)/tests/rt/test_host $(BUILD)/tests/rt/test_late: WRAP = pthread_mutex_lock pthread_mutex_unlock
FAILING := test_oom test_oom_slots test_nothread
$(FAILING:%=$(BUILD)/tests/rt/%): WRAP = malloc calloc free pthread_create

$(BUILD)/tests/rt/%: $(BUILD)/tests/rt/%.o $(CORE) $(RT)
	$(CC) $(LINK_FLAGS) $(WRAP:%=-Wl,--wrap=%) $^ -o $@

$(BUILD)/%.o: csrc/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
