# gru4rec: make help

MAKEFLAGS += --no-builtin-rules

# ---- what can be set on the command line ----
CC ?= cc
OBJCOPY ?= objcopy
OPTFLAGS ?= -O2
DEBUG ?=
SAN ?=
COVERAGE ?=
# system: the system's OpenBLAS; static: OpenBLAS inside; builtin: our own products.
BLAS := system
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
# Not from the environment, where clusters have a variable of this name.
MPI := none
VERSION := $(shell sed -n 's/^\#define GRU4REC_VERSION "\(.*\)"/\1/p' include/gru4rec.h)

# V=1 shows the commands.
Q := $(if $(V),,@)

# What the compiler compiles for, as GNU names it: x86_64-linux-gnu.
MACHINE := $(shell $(CC) -dumpmachine)
WINDOWS := $(filter %mingw32,$(MACHINE))
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

# ---- who multiplies (src/kernels/blas_engine.h) ----
ifeq ($(BLAS),system)
BLAS_LIBS ?= $(shell pkg-config --libs openblas 2>/dev/null || echo -lopenblas)
BLAS_CFLAGS ?= $(shell pkg-config --cflags openblas 2>/dev/null)
override BLAS_CFLAGS += -DGRU4REC_CBLAS
else ifeq ($(BLAS),static)
# Debian's libopenblas-pthread-dev has it compiled for libraries (PIC).
BLAS_ARCHIVE ?= /usr/lib/$(MULTIARCH)/openblas-pthread/libopenblas.a
BLAS_CFLAGS ?= -I/usr/include/$(MULTIARCH)/openblas-pthread
override BLAS_CFLAGS += -DGRU4REC_CBLAS -DGRU4REC_BLAS_STATIC
BLAS_COPY = $(C)/openblas.a
BLAS_LIBS = $(BLAS_COPY) -Wl,--exclude-libs,ALL -Wl,-Bsymbolic -Wl,--gc-sections
else ifeq ($(BLAS),builtin)
BLAS_CFLAGS :=
BLAS_LIBS :=
else
$(error BLAS=$(BLAS) is not known; write BLAS=system, BLAS=static or BLAS=builtin)
endif

# ---- one build directory per flavour ----
comma := ,
FLAVOUR := $(if $(SAN),san-$(subst $(comma),-,$(SAN)),$(if $(DEBUG),debug,$(if $(COVERAGE),coverage,release)))
COMPILER := $(notdir $(firstword $(CC)))
FLAVOUR := $(FLAVOUR)$(if $(findstring clang,$(CC)),-clang,$(patsubst %,-%,$(filter-out cc gcc,$(COMPILER))))$(if $(BLAS:system=),-$(BLAS))
B := build/$(FLAVOUR)$(if $(MPI:none=),-$(MPI))
# What is the same with and without MPI is compiled once.
C := $(if $(MPI:none=),build/$(FLAVOUR),$(B))

# gru4rec_mpi.so: the same extension and ext/mpi/, linked with MPI.
SO := gru4rec.$(if $(WINDOWS),dll,so)
ifneq ($(MPI),none)
MPI_PACKAGE_mpich := mpich
MPI_PACKAGE_openmpi := ompi-c
MPI_PACKAGE := $(or $(MPI_PACKAGE_$(MPI)),$(error MPI=$(MPI) is not known; write MPI=mpich or MPI=openmpi))
MPI_CFLAGS := -DGRU4REC_MPI $(shell pkg-config --cflags-only-I $(MPI_PACKAGE))
MPI_LIBS := $(shell pkg-config --libs $(MPI_PACKAGE))
SO := gru4rec_mpi.so
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion
# On s390x, gcc's -std=c11 computes floats as doubles, as compilers of old did.
STANDARD := -std=c11 $(if $(filter s390x%,$(MACHINE)),$(if $(findstring clang,$(CC)),,-fexcess-precision=fast))
ifneq ($(WINDOWS),)
# Its stack is aligned to 16 bytes, which gcc forgets where it puts vectors of 64 there. Its C library has other formats
# than C, which mingw-w64 replaces by those of C, and gcc does not know; isnan() of its headers warns about floats.
WINDOWS_CFLAGS := -D_FILE_OFFSET_BITS=64 -Wa,-muse-unaligned-vector-move -Wno-format -Wno-format-extra-args -Wno-float-conversion
endif
CFLAGS_ALL = $(STANDARD) $(WINDOWS_CFLAGS) $(WARNINGS) -g -fPIC -fvisibility=hidden -MMD -MP $(MODE) $(BLAS_CFLAGS) $(CFLAGS)
MODE := $(OPTFLAGS) -DNDEBUG
ifneq ($(DEBUG),)
MODE := -O0
endif
ifneq ($(SAN),)
MODE := -O1 -g1 -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
endif
ifneq ($(COVERAGE),)
MODE := -O0 --coverage -fprofile-update=atomic
endif

# For files whose time goes into loops over values, which gcc's -O2 leaves scalar.
LOOPS := $(if $(SAN)$(DEBUG)$(COVERAGE),,-O3)

# The kernels: one body for each instruction set, chosen at run time.
KERNEL_FLAGS = -Wno-psabi -ffp-contract=fast -fno-math-errno -fno-trapping-math $(LOOPS)
KERNELS_X86 := avx2 avxvnni avx512 avx512vnni
KERNELS := base $(if $(filter x86_64% amd64%,$(MACHINE)),$(KERNELS_X86))
KERNEL_FLAGS_avx2 := -mavx2 -mfma
KERNEL_FLAGS_avxvnni := $(KERNEL_FLAGS_avx2) -mavxvnni
KERNEL_FLAGS_avx512 := $(KERNEL_FLAGS_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl \
                       -mprefer-vector-width=512
KERNEL_FLAGS_avx512vnni := $(KERNEL_FLAGS_avx512) -mavx512vnni

# The same for products in bfloat16.
BFLOAT16_X86 := avx2 avx512bf16 amx
BFLOAT16 := base $(if $(filter x86_64% amd64%,$(MACHINE)),$(BFLOAT16_X86))
KERNEL_FLAGS_avx512bf16 := $(KERNEL_FLAGS_avx512) -mavx512bf16
KERNEL_FLAGS_amx := $(KERNEL_FLAGS_avx512bf16) -mamx-tile -mamx-bf16

BODIES := $(KERNELS:%=src/kernels/vec_kernels_%.o) $(BFLOAT16:%=src/kernels/bfloat16_kernels_%.o)
SRC := $(filter-out src/kernels/vec_kernels.c src/kernels/bfloat16_kernels.c,$(wildcard src/*/*.c))
LIB_OBJ := $(SRC:%.c=$(C)/%.o) $(BODIES:%=$(C)/%)
EXT := $(filter-out $(if $(MPI:none=),,ext/mpi/%),$(wildcard ext/*.c ext/*/*.c))
# What MPI changes; no header asks for it (tests/layers.sh).
OF_MPI := $(if $(MPI:none=),$(shell grep -l GRU4REC_MPI $(EXT)) $(filter ext/mpi/%,$(EXT)))
OF_MPI_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(OF_MPI)))
EXT_OBJ := $(patsubst %.c,$(C)/%.o,$(filter-out $(OF_MPI),$(EXT))) $(OF_MPI_OBJ)
# What a build that measures its phases changes: the rest is LIB_OBJ.
TIMED := $(shell grep -l 'timing\.h"' $(SRC))
TIMING_OBJ := $(TIMED:%.c=$(C)/timing/%.o) $(filter-out $(TIMED:%.c=$(C)/%.o),$(LIB_OBJ))
# What a step needs, for its gradients in double precision.
DOUBLE := $(filter $(addsuffix /%,$(addprefix src/,base kernels options data model train)),$(SRC))
DOUBLE_OBJ := $(DOUBLE:%.c=$(C)/double/%.o) $(BODIES:%=$(C)/double/%)
LIBS := $(BLAS_LIBS) -lm -lpthread
ifneq ($(WINDOWS),)
SHARED := -static -Wl,--no-insert-timestamp
else
# Stays mapped for good: OpenBLAS's threads and its OpenMP runtime outlive sqlite3_close().
SHARED := -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now
endif

.PHONY: all help demo install uninstall clean
all: $(SO)

help:
	@sed -n 's/^## //p' Makefile

## make                 build ./gru4rec.so
## make BLAS=static     build it with OpenBLAS inside; BLAS=builtin: with products of its own, without OpenBLAS
## make amalgamation    write the whole extension as one C file, dist/gru4rec.c, and dist/gru4rec.h
## make MPI=mpich       build ./gru4rec_mpi.so, for training over several processes; or MPI=openmpi
## make demo            invent a click log, train on it, recommend: demo.db, demo.html
## make test            all tests; the last line is the total
## make test-fast       unit tests and SQL tests only
## make test-mpi        gru4rec_mpi.so with MPICH and Open MPI, which it installs
## make test-X          one part, see tests/README.md
## make soak            attacks on it, under sanitizers, for ten minutes each (SECONDS_EACH=600)
## make figures         repeats the accuracy figures of the pages: DATA=folder with the public logs, ONLY=name, QUICK=1
## make accuracy        one of them: the table beside the official implementation
## make intervals       whether the intervals of evaluations and comparisons hold, on the same data: two minutes
## make bench           how fast training is, how far from the floor, and whether that is enough (SECONDS_EACH=3)
## make bench-mpi       how much faster two processes train than one (NETWORK=1: also over 1 Gb/s, as root)
## make bench-serve     how long recommendations take, and the same of them (SECONDS_EACH=1)
## make coverage        line coverage of src/ and ext/ by the fast tests
## make check-format    clang-format would change nothing
## make format          clang-format all C files
## make check-layers    dependencies point one way, symbols have their files' names
## make docs            write docs/options.md and docs/reference.md anew, from the code
## make site            the documentation as a site, from the same pages: build/site/index.html works from disk
## make test-site       this site, in Chromium: links, search, scripts, phones; build/browser-site/shots has what it looks like
## make test-browser    reports and pictures, in Chromium; build/browser/shots has what they look like
## make pictures        draw the pictures of the pages anew, of tests/fixtures/pictures.db
## make compile_commands  compile_commands.json, for editors and clang-tidy
## make tidy            clang-tidy has nothing to say about src/, ext/ and examples/c/
## make stats           lines and functions by folder, sizes, coverage if it was measured
## make dist            everything that is released, into dist/: npm, Python, Debian, sources (packaging/README.md)
## make deb             the Debian package alone
## make test-packages   each of these in an empty place, as its users install it; fetches what it needs
## make test-platforms  the tests on other processors and C libraries, under emulators; fetches what it needs
## make bench-http      how many requests per second examples/http holds
## make install         into PREFIX (/usr/local): gru4rec.so (with MPI=mpich gru4rec_mpi.so), libgru4rec.a, its header and
##                      gru4rec.pc; with BLAS=static gru4rec.so and the notices of OpenBLAS
## make uninstall       take them away again
## make clean           remove build/, dist/, gru4rec.so, gru4rec_mpi.so, demo.db, demo.html, compile_commands.json
##
## A debug build (DEBUG=1) tells what it does where GRU4REC_TRACE is 1 to 4 in the environment: include/gru4rec_trace.h
##
## Variables: V=1 (show commands), TEST_JOBS=1 (parts of make test at a time), CC, OPTFLAGS=-O2, BLAS=static, MPI=mpich, DEBUG=1, SAN=address,undefined, COVERAGE=1, PREFIX=/usr/local, DESTDIR, LIBDIR, INCLUDEDIR

# The link is repeated when the flavour changes: ./gru4rec.so is that of the last make. It is
# renamed into its place: who has the old one loaded keeps that.
$(SO): $(B)/$(SO)
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }

$(B)/$(SO): $(EXT_OBJ) $(LIB_OBJ)
	@echo 'LD  $@'
	$(Q)$(CC) -shared $(MODE) $(LDFLAGS) $(SHARED) -o $@ $^ $(LIBS) $(MPI_LIBS)

# OpenBLAS asks us for its variables, not the environment (src/kernels/blas_environment.h).
# Whoever links the library needs it.
$(LIB_OBJ) $(TIMING_OBJ) $(DOUBLE_OBJ): | $(BLAS_COPY)
$(C)/openblas.a: $(BLAS_ARCHIVE)
	@mkdir -p $(@D)
	@echo 'AR  $@'
	$(Q)$(OBJCOPY) --redefine-sym getenv=g4r_blas_environment_get $< $@

$(C)/libgru4rec.a: $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $^

$(C)/libgru4rec_double.a: $(DOUBLE_OBJ)
	rm -f $@
	ar rcs $@ $^

# $(call compile,FLAGS)
define compile
@mkdir -p $(@D)
@echo 'CC  $@'
$(Q)$(CC) $(CFLAGS_ALL) $(1) -c -o $@ $<
endef
of_kernels = $(KERNEL_FLAGS) $(KERNEL_FLAGS_$*)

$(C)/%.o: %.c
	$(call compile)

$(OF_MPI_OBJ): $(B)/%.o: %.c
	$(call compile,$(MPI_CFLAGS) $(if $(findstring ext_mpi_sum,$@),$(LOOPS)))

$(C)/timing/%.o: %.c
	$(call compile,-DGRU4REC_TIMING)

$(C)/double/%.o: %.c
	$(call compile,-DGRU4REC_DOUBLE)

$(C)/src/kernels/vec_kernels_%.o: src/kernels/vec_kernels.c
	$(call compile,$(of_kernels) -DVEC_NAME=$*)

$(C)/double/src/kernels/vec_kernels_%.o: src/kernels/vec_kernels.c
	$(call compile,$(of_kernels) -DGRU4REC_DOUBLE -DVEC_NAME=$*)

$(C)/src/kernels/bfloat16_kernels_%.o: src/kernels/bfloat16_kernels.c
	$(call compile,$(of_kernels) -DBODY_NAME=$*)

$(C)/double/src/kernels/bfloat16_kernels_%.o: src/kernels/bfloat16_kernels.c
	$(call compile,$(of_kernels) -DGRU4REC_DOUBLE -DBODY_NAME=$*)

# The extension as one C file (tools/amalgamate.py).
AMALGAMATION := dist/gru4rec.c
.PHONY: amalgamation
amalgamation: $(AMALGAMATION)
$(AMALGAMATION): tools/amalgamate.py Makefile LICENSE $(wildcard include/*.h) \
    $(filter-out ext/mpi/%,$(wildcard src/*/*.[ch] ext/*.[ch] ext/*/*.[ch]))
	@echo 'GEN $@'
	$(Q)$(PYTHON) $< $(@D) $(foreach k,$(KERNELS_X86),'vec_kernels:$(k)=$(strip $(KERNEL_FLAGS_$(k)))') \
	    $(foreach k,$(BFLOAT16_X86),'bfloat16_kernels:$(k)=$(strip $(KERNEL_FLAGS_$(k)))') -- \
	    $(filter-out include/% %.h,$(filter %.c,$^))

demo: gru4rec.so
	rm -f demo.db demo.html
	sqlite3 demo.db < sql/demo.sql

# Made anew each time: the variables may be others.
.PHONY: $(B)/gru4rec.pc
$(B)/gru4rec.pc: packaging/gru4rec.pc.in
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@BLAS_LIBS@|$(strip $(BLAS_LIBS))|; s|@VERSION@|$(VERSION)|' $< >$@

# With OpenBLAS inside, only the extension is whole, and OpenBLAS's notice goes with it.
DOCDIR ?= $(PREFIX)/share/doc/gru4rec
ifeq ($(BLAS),static)
install: $(SO)
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(DOCDIR)
	install -m 755 $(SO) $(DESTDIR)$(LIBDIR)/$(SO)
	install -m 644 LICENSE THIRD-PARTY $(DESTDIR)$(DOCDIR)
else
install: $(SO) $(C)/libgru4rec.a $(B)/gru4rec.pc
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 755 $(SO) $(DESTDIR)$(LIBDIR)/$(SO)
	install -m 644 $(C)/libgru4rec.a $(DESTDIR)$(LIBDIR)/libgru4rec.a
	install -m 644 include/gru4rec.h $(DESTDIR)$(INCLUDEDIR)/gru4rec.h
	install -m 644 $(B)/gru4rec.pc $(DESTDIR)$(LIBDIR)/pkgconfig/gru4rec.pc
endif

uninstall:
	rm -f $(DESTDIR)$(LIBDIR)/$(SO) $(DESTDIR)$(LIBDIR)/libgru4rec.a \
	    $(DESTDIR)$(INCLUDEDIR)/gru4rec.h $(DESTDIR)$(LIBDIR)/pkgconfig/gru4rec.pc \
	    $(DESTDIR)$(DOCDIR)/LICENSE $(DESTDIR)$(DOCDIR)/THIRD-PARTY

clean:
	rm -rf build dist gru4rec.so gru4rec_mpi.so demo.db demo.html compile_commands.json

include tests/tests.mk
include tools/tools.mk
include packaging/packaging.mk

-include $(shell find build -name '*.d' 2>/dev/null)
