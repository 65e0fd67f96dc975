# chanpipe. `make help` lists the targets; user knobs are below; everything made goes to build/.

CC ?= cc
CFLAGS ?= -O2 -g
LDFLAGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
V ?=

VERSION := 0.1.0
PKGS := yaml-0.1 libpcre2-8 zlib

# Our own flags, apart from the user's. DEVELOPER=1 makes warnings errors.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wno-missing-field-initializers
OUR_CFLAGS := -std=c17 -D_GNU_SOURCE -fPIE -fstack-protector-strong -fno-strict-aliasing -pthread $(WARNINGS) \
	$(if $(DEVELOPER),-Werror) -MMD -MP
OUR_LDFLAGS := -pie -pthread -Wl,-z,relro -Wl,-z,now

comma := ,
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

LIB_SRC := $(wildcard lib/*/*.c)
STAGE_SRC := $(wildcard stages/*.c)
CMD_SRC := $(wildcard cmd/*.c)
TEST_SRC := $(wildcard test/unit/*_test.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB_OBJ := $(call obj,$(LIB_SRC))
STAGE_OBJ := $(call obj,$(STAGE_SRC)) $(BUILD)/obj/registry.o
CMD_OBJ := $(call obj,$(CMD_SRC))
TEST_BIN := $(patsubst test/unit/%.c,$(BUILD)/test/%,$(TEST_SRC))

all: $(BUILD)/chanpipe ## build chanpipe (the default)

$(BUILD)/chanpipe: $(CMD_OBJ) $(STAGE_OBJ) $(LIB_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS)) -lm

# Objects are made again when the flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD); printf '%s\n' '$(CC) $(CFLAGS) $(OUR_CFLAGS)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(CFLAGS) $(OUR_CFLAGS)' > $@

# Where the installed pipelines are looked for.
$(BUILD)/prefix: FORCE
	@mkdir -p $(BUILD); echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' > $@
$(BUILD)/obj/cmd/names.o: $(BUILD)/prefix
$(BUILD)/obj/cmd/names.o: OUR_CFLAGS += -DCP_DATADIR='"$(PREFIX)/share/chanpipe"'

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,CC,$<)
	$(Q)$(CC) $(OUR_CFLAGS) $(CFLAGS) -DCP_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS)) -c -o $@ $<

# The registries: one entry per descriptor found in the sources.
$(BUILD)/registry.c: $(STAGE_SRC) $(wildcard lib/format/*.c) Makefile
	@mkdir -p $(BUILD)
	@{ echo '#include "lib/stage.h"'; \
	for k in stage_type:stage:stages format:format:lib/format; do \
		type=$${k%%:*}; rest=$${k#*:}; prefix=$${rest%%:*}; dir=$${rest#*:}; \
		names=$$(sed -n "s/^const struct cp_$${type} cp_$${prefix}_\([a-z0-9_]*\) = {.*/\1/p" $$dir/*.c | sort); \
		for n in $$names; do echo "extern const struct cp_$${type} cp_$${prefix}_$$n;"; done; \
		echo "const struct cp_$${type} *const cp_$${prefix}$$( [ $$prefix = stage ] && echo _types || echo s)[] = {"; \
		for n in $$names; do echo "    &cp_$${prefix}_$$n,"; done; echo "    0};"; \
	done; } > $@.new; cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new

$(BUILD)/obj/registry.o: $(BUILD)/registry.c $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,CC,$<)
	$(Q)$(CC) $(OUR_CFLAGS) $(CFLAGS) -I. $(shell pkg-config --cflags $(PKGS)) -c -o $@ $<

$(BUILD)/test/%: $(BUILD)/obj/test/unit/%.o $(STAGE_OBJ) $(LIB_OBJ)
	@mkdir -p $(dir $@)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PKGS)) -lm

# A test that counts allocations and lets them fail.
$(BUILD)/test/unbounded_test: OUR_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc aligned_alloc strdup free)

# ---- Using it ----

demo: ## install what is missing, build, and show a pipeline at work
	@.ci/deps build
	@$(MAKE) --no-print-directory -j2 all
	@echo; echo '$$ chanpipe run pipelines/nginx-5xx.yaml test/samples/access.log'
	@$(BUILD)/chanpipe run -o table pipelines/nginx-5xx.yaml test/samples/access.log

install: all man ## install to DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/chanpipe/pipelines \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 $(BUILD)/chanpipe $(DESTDIR)$(PREFIX)/bin/
	install -m 644 pipelines/*.yaml $(DESTDIR)$(PREFIX)/share/chanpipe/pipelines/
	for s in 1 5 7; do install -m 644 $(BUILD)/man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s/; done

uninstall: ## remove what install made
	rm -f $(DESTDIR)$(PREFIX)/bin/chanpipe
	rm -rf $(DESTDIR)$(PREFIX)/share/chanpipe
	rm -f $(patsubst man/%,$(DESTDIR)$(PREFIX)/share/man/man1/%,$(wildcard man/*.1)) \
		$(patsubst man/%,$(DESTDIR)$(PREFIX)/share/man/man5/%,$(wildcard man/*.5)) \
		$(patsubst man/%,$(DESTDIR)$(PREFIX)/share/man/man7/%,$(wildcard man/*.7)) \
		$(DESTDIR)$(PREFIX)/share/man/man7/chanpipe-stages.7

# ---- Trying it ----

check: ## install what is missing, build, and run the tests
	@.ci/deps check
	@$(MAKE) --no-print-directory -j2 all man tests
	@BUILD=$(BUILD) test/run $(T)

check-tiny: ## all tests with blocks of 61 bytes and batches of 3 records
	@.ci/deps check
	@$(MAKE) --no-print-directory -j2 all man tests
	@BUILD=$(BUILD) TINY=1 TEST_TIMEOUT=900 test/run $(T)

tests: $(TEST_BIN)

san: ## the tests with AddressSanitizer and UBSan, then with ThreadSanitizer
	@.ci/deps check
	@$(MAKE) --no-print-directory BUILD=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' check-here
	@$(MAKE) --no-print-directory BUILD=build/tsan CFLAGS='-O1 -g -fsanitize=thread' check-here

check-here: all man tests
	@BUILD=$(BUILD) TEST_TIMEOUT=900 LIMIT=120 test/run $(T)

bench: all ## time chanpipe against the peers that are installed
	@BUILD=$(BUILD) test/bench/run $(if $(T),'$(T)')

CHAN_OBJ := $(filter $(BUILD)/obj/lib/chan/%,$(LIB_OBJ))
CHAN_BENCH := $(addprefix $(BUILD)/bench/,1to1 many mutex pipe ring)

bench-chan: $(CHAN_BENCH) ## time libchan against the channels of Rust and Go
	@BUILD=$(BUILD) test/bench/chan/run $(if $(T),'$(T)')

# One program per contestant; the script makes those in Rust and Go.
$(BUILD)/bench/%: $(BUILD)/obj/test/bench/chan/%.o $(CHAN_OBJ)
	@mkdir -p $(dir $@)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^

fmt: ## format the sources
	@clang-format -i $$(git ls-files '*.c' '*.h')

fmt-check: ## complain about sources that are not formatted
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

config: ## show what the build uses
	@echo 'CC=$(CC)'; echo 'CFLAGS=$(CFLAGS)'; echo 'PREFIX=$(PREFIX)'
	@for p in $(PKGS); do printf '%s %s\n' $$p "$$(pkg-config --modversion $$p 2>/dev/null || echo missing)"; done

# ---- Manual pages ----

MAN := $(patsubst man/%,$(BUILD)/man/%,$(wildcard man/*.[157])) $(BUILD)/man/chanpipe-stages.7

man: $(MAN) ## make the manual pages

# Lists of functions and aggregates come from the program's tables, as does the whole page of the stages.
$(BUILD)/man/%: man/% man/stages.sh $(BUILD)/chanpipe
	@mkdir -p $(dir $@)
	@sed 's/@VERSION@/$(VERSION)/' $< | CHANPIPE=$(BUILD)/chanpipe sh man/stages.sh fill > $@

$(BUILD)/man/chanpipe-stages.7: $(BUILD)/chanpipe man/stages.sh
	@mkdir -p $(dir $@)
	$(call say,MAN,$@)
	$(Q)CHANPIPE=$(BUILD)/chanpipe sh man/stages.sh > $@

clean: ## remove everything that was made
	rm -rf $(BUILD)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

.PHONY: all demo install uninstall check check-tiny tests san check-here bench bench-chan fmt fmt-check config man clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
