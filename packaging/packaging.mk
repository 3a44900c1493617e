# The packages; included by the Makefile. packaging/README.md tells what is made of what.

.PHONY: dist deb test-packages bench-http
dist deb test-packages: export VERSION := $(VERSION)
dist deb test-packages: export SOURCE_DATE_EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y include/gru4rec.h))

dist:
	+@sh packaging/dist.sh "$(MAKE)"

deb:
	@mkdir -p build
	@git archive --format=tar --prefix=gru4rec-$(VERSION)/ HEAD | gzip -9n >build/source.tar.gz
	@sh packaging/debian/deb.sh build/source.tar.gz build/deb
	@mkdir -p dist && cp build/deb/libsqlite3-mod-gru4rec_*.deb dist && ls dist/*.deb

# Each package in an empty place, as its users have it. Fetches what it needs; ONLY="npm python" runs some parts.
test-packages: gru4rec.so
	+@sh tests/packages/run.sh "$(MAKE) --no-print-directory"

# On an idle machine only.
bench-http: gru4rec.so
	@$(PYTHON) tests/bench/service.py --seconds $(or $(SECONDS_EACH),10) $(if $(JSON),--json)
