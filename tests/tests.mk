# Test programs and the targets that run them; included by the Makefile.

GRU4REC_SHARED ?= ../shared
TEST_CFLAGS = $(STANDARD) $(WINDOWS_CFLAGS) $(if $(WINDOWS),-static) $(WARNINGS) -g -MMD -MP $(filter-out -DNDEBUG,$(MODE)) $(BLAS_CFLAGS)
TEST_LIB := $(wildcard tests/lib/*.c)
# What only a build with OpenBLAS has.
NOT_BUILTIN := $(patsubst %,$(B)/tests/%,test_blas_openblas test_blas_core)
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
UNIT := $(filter-out $(if $(filter builtin,$(BLAS)),$(NOT_BUILTIN)),$(UNIT))
EXT_UNIT := $(patsubst tests/ext/%.c,$(B)/tests/%,$(wildcard tests/ext/test_*.c))
# Control groups and terminals, of Linux alone.
NOT_WINDOWS := $(patsubst %,$(B)/tests/%,test_ext_container test_ext_progress)
EXT_UNIT := $(filter-out $(if $(WINDOWS),$(NOT_WINDOWS)),$(EXT_UNIT))
GRAD := $(patsubst tests/grad/%.c,$(B)/tests/%,$(wildcard tests/grad/test_*.c))
GOLDEN := $(patsubst tests/golden/%.c,$(B)/tests/%,$(wildcard tests/golden/test_*.c))
SQL_TESTS := $(sort $(wildcard tests/sql/*.test))
RUNNER := $(B)/tests/sqllogictest
SAN_MAKE = $(MAKE) --no-print-directory -j$(shell nproc) SAN=address,undefined

.PHONY: test test-fast test-unit test-grad test-golden test-runner test-sql test-docs \
        test-flavour accuracy bench coverage check-format format check-layers docs

# Every part prints "N passed, N failed"; total.sh adds them up. The longest come first, since
# as many run at a time as there are processors; so everything is built before.
.PHONY: test-programs
test-programs: $(UNIT) $(EXT_UNIT) $(RUNNER) $(B)/gru4rec.so
ALL_PROGRAMS := test-programs attack-programs $(GRAD) $(GOLDEN) $(B)/bench $(B)/serve
test: gru4rec.so
	@$(MAKE) --no-print-directory -j$(shell nproc) $(ALL_PROGRAMS) >/dev/null
	@$(SAN_MAKE) test-programs >/dev/null
	@sh tests/total.sh "$(MAKE) --no-print-directory" test-life test-sanitized test-attack test-docs \
	    test-recipes test-sql test-unit test-order test-kit test-bench test-relational test-grad \
	    test-golden-sql test-golden test-runner check-layers

test-fast: gru4rec.so
	@$(MAKE) --no-print-directory -j$(shell nproc) test-programs >/dev/null
	@sh tests/total.sh "$(MAKE) --no-print-directory" test-unit test-sql

test-unit: $(UNIT) $(EXT_UNIT)
	@sh tests/run.sh $^

test-grad: $(GRAD)
	@sh tests/run.sh $^

test-golden: $(GOLDEN)
	@sh tests/run.sh $^

# The same through SQL alone: import, warm start, export.
PYTHON ?= /usr/bin/python3
.PHONY: test-golden-sql
test-golden-sql: gru4rec.so
	@if [ -x $(PYTHON) ]; then $(PYTHON) tests/golden/replay_sql.py ./gru4rec.so tests/golden/cases; \
	else echo 'note: no $(PYTHON)'; echo '0 passed, 0 failed'; fi

# The unit and SQL tests once more, under ASan and UBSan.
.PHONY: test-sanitized
test-sanitized:
	@$(SAN_MAKE) test-programs >/dev/null
	@sh tests/total.sh "$(SAN_MAKE)" test-unit test-sql

test-runner: $(RUNNER)
	@sh tests/sqllogictest/selftest/run.sh $(RUNNER)

test-sql: $(RUNNER) $(B)/gru4rec.so
	@$(RUNNER) --extension $(B)/gru4rec.so $(if $(SAN),--define SANITIZED=1) $(SQL_TESTS)

# The examples of README.md and docs/, and the pages that `make docs` writes.
test-docs: gru4rec.so
	@sh tests/docs/run.sh

docs: gru4rec.so
	@sh tests/docs/options.sh --write
	@sh tests/docs/reference.sh --write

# What is installed, the example in C, what CONTRIBUTING.md adds, what helps to work on the code,
# and the checker of layers.
.PHONY: test-kit
test-kit: gru4rec.so $(C)/libgru4rec.a $(RUNNER)
	@if [ -z '$(SAN)$(COVERAGE)' ]; then sh tests/kit/run.sh "$(MAKE) --no-print-directory" $(RUNNER) \
	    $(filter-out %/gru4rec_ext.o,$(EXT_OBJ)) $(LIB_OBJ) -- $(LIBS); \
	else echo 'note: what is installed has no sanitizers'; echo '0 passed, 0 failed'; fi

# How it lives with other connections and processes: minutes with GRU4REC_QUICK= (empty).
GRU4REC_QUICK ?= 1
export GRU4REC_QUICK PYTHON
.PHONY: test-life test-recipes test-versions test-hosts test-blas test-valgrind test-fuzz
test-life: gru4rec.so
	@if [ -x $(PYTHON) ]; then sh tests/life/run.sh ./gru4rec.so; \
	else echo 'note: no $(PYTHON)'; echo '0 passed, 0 failed'; fi

# Training over several processes. Installs MPI and mpi4py, and builds for each MPI.
.PHONY: test-mpi
test-mpi: gru4rec.so
	@sh tests/mpi/run.sh "$(MAKE) --no-print-directory" ./gru4rec.so

# How much faster two ranks are than one, with MPI=mpich or openmpi (the default).
BENCH_MPI := $(if $(filter-out none,$(MPI)),$(MPI),openmpi)
.PHONY: bench-mpi
bench-mpi:
	@$(MAKE) --no-print-directory MPI=$(BENCH_MPI) mpi-programs
	@sh tests/mpi/bench.sh build/release-$(BENCH_MPI)/tests/mpi_bench $(BENCH_MPI)

# Other SQLite libraries, hosts and BLAS builds; these fetch what they need.
test-versions: gru4rec.so
	@sh tests/versions/run.sh

test-hosts: gru4rec.so
	@sh tests/hosts/run.sh

test-blas: gru4rec.so
	@sh tests/versions/blas.sh

test-valgrind: gru4rec.so
	@sh tests/versions/valgrind.sh

# dist/gru4rec.c, by gcc and clang, as an extension and in a program.
.PHONY: test-amalgamation test-inside
test-amalgamation: $(B)/gru4rec.so $(RUNNER)
	@sh tests/versions/amalgamation.sh $(B)

# Files that need no OpenBLAS on the system: BLAS=static and BLAS=builtin.
test-inside: gru4rec.so
	@sh tests/versions/inside.sh $(B)

# Other processors and C libraries, under emulators; fetches compilers and emulators.
.PHONY: test-platforms
test-platforms:
	+@sh tests/platforms/run.sh "$(MAKE) --no-print-directory"

# Serving from replicas: sqld, Litestream, copies; fetches what it needs.
.PHONY: test-replicas
test-replicas: gru4rec.so
	@sh tests/replicas/run.sh

# Reports and pictures, and the documentation site, in Chromium.
.PHONY: test-browser test-site
test-browser: gru4rec.so
	@sh tests/browser/run.sh

test-site:
	@sh tests/browser/site.sh

# The recipes of sql/ and of examples/.
test-recipes: gru4rec.so
	@if [ -x $(PYTHON) ]; then sh tests/recipes/run.sh $(PYTHON) ./gru4rec.so; \
	else echo 'note: no $(PYTHON)'; echo '0 passed, 0 failed'; fi

# Random queries on the model's tables and on plain copies of them.
RELATIONAL = tests/relational/differential.py ./gru4rec.so
.PHONY: test-relational
test-relational: gru4rec.so
	@if [ -x $(PYTHON) ]; then $(PYTHON) $(RELATIONAL); \
	else echo 'note: no $(PYTHON)'; echo '0 passed, 0 failed'; fi

# One order of events everywhere; statements that write what they read; measures counted by hand.
.PHONY: test-order
test-order: gru4rec.so
	@if [ -x $(PYTHON) ]; then sh tests/relational/run.sh $(PYTHON) ./gru4rec.so; \
	else echo 'note: no $(PYTHON)'; echo '0 passed, 0 failed'; fi

# Faults, interrupts, hostile files, other processes: quick, or each for SECONDS_EACH=600.
ATTACK := $(patsubst %,$(B)/tests/attack_%,faults asynchronous snapshot recursion)
SANITIZED := build/san-address-undefined
.PHONY: test-attack attack-programs soak
attack-programs: $(ATTACK) $(B)/gru4rec.so

test-attack: attack-programs
	@$(SAN_MAKE) $(SANITIZED)/gru4rec.so
	@sh tests/attack/run.sh quick $(B) $(SANITIZED)

soak:
	@$(SAN_MAKE) attack-programs
	@sh tests/attack/run.sh soak $(SANITIZED) $(SANITIZED) $(SECONDS_EACH)
	@sh tests/mpi/soak.sh "$(MAKE) --no-print-directory"

test-fuzz:
	@sh tests/fuzz/run.sh $(or $(SECONDS_EACH),30)

# On an idle machine only. WORKLOADS="W1 W2", EVENTS=file.tsv, JSON=1 for the machine's eyes.
# Training ends the table: its last lines are verdicts.
PEER = $(shell $(PYTHON) -c 'import torch' 2>/dev/null && echo "$(PYTHON) tests/bench/peer.py")
bench: $(B)/bench gru4rec.so
	@$(if $(JSON)$(WORKLOADS),,sh tests/bench/load.sh ./gru4rec.so $(EVENTS))
	@$< --seconds $(or $(SECONDS_EACH),3) $(if $(JSON),--json) $(if $(EVENTS),--events $(EVENTS)) \
	    $(if $(PEER),--peer "$(PEER)") $(WORKLOADS)

BENCH_SHARED := $(patsubst %,tests/bench/%,processor.c worker.c verdict.c)
BENCH := $(wildcard tests/bench/bench*.c) tests/bench/floor.c $(BENCH_SHARED)
BENCH_CFLAGS = -std=c11 $(WARNINGS) $(OPTFLAGS) -g $(BLAS_CFLAGS)
$(B)/bench: $(BENCH) $(wildcard tests/bench/*.h) $(TIMING_OBJ) $(B)/products
	@echo 'LD  $@'
	$(Q)$(CC) $(BENCH_CFLAGS) -DGRU4REC_TIMING -o $@ $(filter %.c %.o,$^) $(LIBS)

# The products of a step by our own kernels and by OpenBLAS, in turn.
.PHONY: bench-multiply
bench-multiply: $(B)/multiply
	@$< $(or $(SECONDS_EACH),1)

$(B)/multiply: tests/bench/multiply.c $(LIB_OBJ)
	@echo 'LD  $@'
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $^ $(LIBS)

# The floor's products, beside the programs that start it.
$(B)/products: tests/bench/products.c
	@mkdir -p $(@D)
	@echo 'LD  $@'
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $< $(BLAS_LIBS)

# Recommendations through SQL. CASES="shop live", LARGE=1, SESSIONS=20000, EVENTS=file.tsv, JSON=1.
SERVE := $(wildcard tests/bench/serve*.c)
.PHONY: bench-serve
bench-serve: $(B)/serve gru4rec.so
	@$< --extension ./gru4rec.so --seconds $(or $(SECONDS_EACH),1) $(if $(JSON),--json) $(if $(LARGE),--large) \
	    $(if $(EVENTS),--events $(EVENTS)) $(if $(SESSIONS),--sessions $(SESSIONS)) $(CASES)

# -O3: the floor's loop in vectors. Without OpenBLAS, which the extension brings.
$(B)/serve: $(SERVE) $(BENCH_SHARED) $(wildcard tests/bench/*.h) $(B)/products
	@mkdir -p $(@D)
	@echo 'LD  $@'
	$(Q)$(CC) $(BENCH_CFLAGS) -O3 -o $@ $(filter %.c,$^) -lsqlite3 -lm -lpthread

# What they print for machines, not how fast anything is. Sanitizers would change the figures.
.PHONY: test-bench
test-bench: $(if $(SAN),,$(B)/bench $(B)/serve $(B)/gru4rec.so)
	@if [ -x $(PYTHON) ] && [ -z '$(SAN)' ]; then \
	$(PYTHON) tests/bench/check.py $(B)/bench $(B)/serve $(B)/gru4rec.so; \
	else echo 'note: no $(PYTHON), or sanitizers'; echo '0 passed, 0 failed'; fi

# The figures of README.md and docs/, from the public logs in DATA. ONLY=name,..., QUICK=1, RESULTS=file.
DATA ?= $(GRU4REC_SHARED)/data
REPEAT = $(PYTHON) tests/accuracy/repeat.py
.PHONY: figures
figures: gru4rec.so
	@$(REPEAT) $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(RESULTS),--results $(RESULTS)) ./gru4rec.so $(DATA)

# One of these tables; CONFIGS="A C" takes some of its rows. Without the data nothing is done.
accuracy: gru4rec.so
	@$(REPEAT) --optional --only official --match "$$(echo $(CONFIGS) | tr ' ' ,)" ./gru4rec.so $(DATA)

# Whether the intervals of gru4rec_evaluate() and gru4rec_compare() cover, on the same data; two minutes.
.PHONY: intervals
intervals: gru4rec.so
	@if [ -x $(PYTHON) ]; then $(PYTHON) tests/accuracy/intervals.py ./gru4rec.so $(DATA); \
	else echo 'note: no $(PYTHON)'; echo '0 passed, 0 failed'; fi

coverage:
	@sh tests/coverage.sh

# New files too, before they are added.
SOURCES = $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')
check-format:
	@clang-format --dry-run -Werror $(SOURCES) && echo '1 passed, 0 failed' || { \
	    echo 'make format mends it'; exit 1; }

format:
	@clang-format -i $(SOURCES)

check-layers: $(LIB_OBJ) $(B)/$(SO)
	@sh tests/layers.sh $(B) $(LIB_OBJ) $(EXT_OBJ)

$(B)/tests/%: tests/unit/%.c $(TEST_LIB) $(C)/libgru4rec.a
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

# The whole extension, linked into the program.
$(B)/tests/test_gru4rec_ext $(B)/tests/test_ext_budget: $(B)/tests/%: tests/ext/%.c $(TEST_LIB) $(EXT_OBJ) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.o,$^) -lsqlite3 $(LIBS)

# A file of ext/base that needs no SQLite, by itself.
$(B)/tests/test_%: tests/ext/test_%.c $(TEST_LIB) $(B)/ext/base/%.o
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS)

$(B)/tests/%: tests/grad/%.c $(TEST_LIB) $(C)/libgru4rec_double.a
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DGRU4REC_DOUBLE -o $@ $(filter %.c %.a,$^) $(LIBS)

$(B)/tests/%: tests/golden/%.c $(TEST_LIB) $(C)/libgru4rec.a
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.a,$^) -lsqlite3 $(LIBS)

$(B)/tests/attack_%: tests/attack/%.c tests/attack/attack.c tests/attack/faulty_vfs.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^) -lsqlite3 -lpthread

# Programs that all ranks run; with MPI=mpich or MPI=openmpi.
MPI_TESTS := $(patsubst %,$(B)/tests/mpi_%,exchanges stops train bench)
.PHONY: mpi-programs
mpi-programs: $(MPI_TESTS) $(B)/$(SO)
$(B)/tests/mpi_%: tests/mpi/%.c tests/mpi/api.c $(wildcard tests/mpi/*.h) $(EXT_OBJ) $(C)/libgru4rec.a
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(Q)$(CC) $(TEST_CFLAGS) $(MPI_CFLAGS) -o $@ $(filter %.c,$^) \
	    $(filter-out %/gru4rec_ext.o,$(filter %.o %.a,$^)) -lsqlite3 $(LIBS) $(MPI_LIBS)

RUNNER_LIBS := -lsqlite3 -lm
$(RUNNER): TEST_CFLAGS += $(if $(WINDOWS),-Itests/platforms/windows -include posix.h)
$(RUNNER): $(wildcard tests/sqllogictest/*.c)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^) $(RUNNER_LIBS)
