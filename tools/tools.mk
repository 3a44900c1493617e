# What helps to work on the code; included by the Makefile.

.PHONY: compile_commands tidy stats pictures site

# How each file is compiled, for editors and clang-tidy: with the flags that this Makefile has
# now, so also with DEBUG=1, SAN= and CC=. Of the kernels' two files it is the form for any
# processor.
PLAIN := $(SRC) $(EXT)
EXAMPLES := $(wildcard examples/c/*.c)
no_deps = $(filter-out -MMD -MP,$(1))
entry = {"directory": "$(CURDIR)", "file": "$(1)", "command": "$(CC) $(call no_deps,$(2)) $(MPI_CFLAGS) -c $(1)"},
compile_commands:
	@{ echo '['; \
	$(foreach f,$(PLAIN),echo '$(call entry,$(f),$(CFLAGS_ALL))';) \
	$(foreach f,$(EXAMPLES) $(wildcard tests/*/*.c),echo '$(call entry,$(f),$(TEST_CFLAGS) -Iinclude)';) \
	echo '$(call entry,src/kernels/vec_kernels.c,$(CFLAGS_ALL) $(KERNEL_FLAGS) -DVEC_NAME=base)'; \
	echo '$(call entry,src/kernels/bfloat16_kernels.c,$(CFLAGS_ALL) $(KERNEL_FLAGS) -DBODY_NAME=base)'; \
	} | sed '$$s/,$$//' >compile_commands.json && echo ']' >>compile_commands.json

# Some minutes. TIDY="src/train/step.c" looks at some files only. .clang-tidy says what is
# looked for.
TIDY ?= $(PLAIN) $(EXAMPLES)
tidy: compile_commands
	@command -v clang-tidy >/dev/null || { \
	    echo 'clang-tidy is missing: apt-get install clang-tidy'; exit 1; }
	@mkdir -p $(B)
	@printf '%s\n' $(TIDY) | xargs -P "$$(nproc)" -n 8 \
	    clang-tidy --quiet --warnings-as-errors='*' -p . 2>$(B)/tidy.err && \
	    echo '1 passed, 0 failed' || { grep -v 'warnings generated' $(B)/tidy.err; exit 1; }

stats: gru4rec.so
	@sh tools/stats.sh

pictures: gru4rec.so
	@sh tools/pictures.sh ./gru4rec docs/pictures

# The pages of the project as a site that works from disk: build/site/index.html. Debian: python3-sphinx,
# python3-myst-parser, python3-sphinx-rtd-theme.
site:
	@$(PYTHON) -c 'import sphinx, myst_parser, sphinx_rtd_theme' 2>/dev/null || { \
	    echo 'Sphinx is missing: apt-get install python3-sphinx python3-myst-parser python3-sphinx-rtd-theme'; exit 1; }
	@rm -rf build/site
	@$(PYTHON) -m sphinx -q -E -W --keep-going -c tools/site -d build/site-doctrees . build/site
