# Test programs and the targets that run them; included by the Makefile.

TEST_CFLAGS = -std=c11 $(WARNINGS) -g -MMD -MP $(filter-out -DNDEBUG,$(MODE)) $(BLAS_CFLAGS)
TEST_LIB := $(wildcard tests/lib/*.c)
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
GRAD := $(patsubst tests/grad/%.c,%,$(wildcard tests/grad/test_*.c))
GOLDEN := $(patsubst tests/golden/%.c,%,$(wildcard tests/golden/test_*.c))
SQL_TESTS := $(sort $(wildcard tests/sql/*.test))

$(B)/tests/%: tests/unit/%.c $(TEST_LIB) $(B)/libgru4rec.a
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

$(B)/tests/%: tests/grad/%.c $(TEST_LIB) $(B)/libgru4rec_double.a
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DGRU4REC_DOUBLE -o $@ $(filter %.c %.a,$^) $(LIBS)

$(B)/tests/%: tests/golden/%.c $(TEST_LIB) $(B)/libgru4rec.a
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.a,$^) -lsqlite3 $(LIBS)
