# chanpipe. `make help` lists the targets; user knobs are below; everything made goes to build/.

CC ?= cc
CFLAGS ?= -O2 -g
LDFLAGS ?=
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
BUILD ?= build
V ?=

VERSION := 0.1.0
# Of the library: the first number is that of its soname.
CHAN_VERSION := 0.1.0
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

all: $(BUILD)/chanpipe lib ## build chanpipe and libchan (the default)

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

# Tests that count allocations and let them fail.
$(BUILD)/test/unbounded_test $(BUILD)/test/unbounded_debug_test: OUR_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc aligned_alloc strdup free)
$(BUILD)/test/chan_alloc_test: OUR_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc aligned_alloc posix_memalign strdup free)

# ---- libchan ----
# The library stands alone. chanpipe does not link it but its own objects of the same sources.

CHAN_SRC := $(wildcard lib/chan/*.c)
CHAN_HEADERS := $(wildcard lib/chan/chan.h lib/chan/chan_typed.h)
CHAN_SONAME := libchan.so.$(firstword $(subst ., ,$(CHAN_VERSION)))
CHAN_SO := $(BUILD)/libchan.so.$(CHAN_VERSION)
CHAN_PIC_OBJ := $(patsubst %.c,$(BUILD)/pic/%.o,$(CHAN_SRC))
CHAN_DEBUG_OBJ := $(patsubst %.c,$(BUILD)/debug/%.o,$(CHAN_SRC))
CHAN_CFLAGS = $(filter-out -fPIE,$(OUR_CFLAGS)) $(CFLAGS)
EXAMPLE_SRC := $(wildcard lib/chan/examples/*.c)
EXAMPLES := $(patsubst lib/chan/examples/%.c,$(BUILD)/examples/%,$(EXAMPLE_SRC))
EXAMPLES_DEBUG := $(patsubst lib/chan/examples/%.c,$(BUILD)/debug/examples/%,$(EXAMPLE_SRC))

lib: $(BUILD)/libchan.a $(CHAN_SO) $(BUILD)/libchan.pc ## build libchan, static and shared

# Nothing but what chan.h declares is seen from outside: see export.h.
$(BUILD)/pic/%.o: %.c $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,CC,$<)
	$(Q)$(CC) $(CHAN_CFLAGS) -fPIC -fvisibility=hidden -include lib/chan/export.h -c -o $@ $<

$(BUILD)/libchan.a: $(CHAN_PIC_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(CHAN_SO): $(CHAN_PIC_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(CHAN_SONAME) $(filter-out -pie,$(OUR_LDFLAGS)) $(LDFLAGS) -o $@ $^
	@ln -sf $(notdir $@) $(BUILD)/$(CHAN_SONAME) && ln -sf $(CHAN_SONAME) $(BUILD)/libchan.so

# Paths below PREFIX follow it when pkg-config moves it.
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
$(BUILD)/libchan.pc: lib/chan/libchan.pc.in FORCE
	@mkdir -p $(BUILD)
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|; s|@VERSION@|$(CHAN_VERSION)|' $< > $@.new
	@cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new

# With CHAN_DEBUG, for tests: misuse and wait cycles abort.
$(BUILD)/debug/%.o: %.c $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,CC,$< (debug))
	$(Q)$(CC) $(CHAN_CFLAGS) -fPIC -DCHAN_DEBUG -c -o $@ $<

$(BUILD)/libchan-debug.a: $(CHAN_DEBUG_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

examples: $(EXAMPLES) ## build the example programs of libchan, to build/examples

# As a user would: no flags of ours but warnings.
link_example = $(CC) $(WARNINGS) $(if $(DEVELOPER),-Werror) $(CFLAGS) -MMD -MP -MF $@.d -Ilib/chan -o $@ $(1) -pthread

$(BUILD)/examples/%: lib/chan/examples/%.c $(BUILD)/libchan.a $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,LD,$@)
	$(Q)$(call link_example,$< $(BUILD)/libchan.a)

$(BUILD)/debug/examples/%: lib/chan/examples/%.c $(BUILD)/libchan-debug.a $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,LD,$@)
	$(Q)$(call link_example,$< $(BUILD)/libchan-debug.a)

# The unit tests of the library once more, with its debug build.
# (The debug build keeps dropped handles for a while: it does not balance its allocations.)
CHAN_TESTS := $(filter-out %/chan_alloc_test.c,$(shell grep -lE '#include "(../../lib/chan/|chan_)' $(TEST_SRC)))
TEST_BIN += $(patsubst test/unit/%_test.c,$(BUILD)/test/%_debug_test,$(CHAN_TESTS))

$(BUILD)/test/%_debug_test: $(BUILD)/debug/test/unit/%_test.o $(BUILD)/libchan-debug.a
	@mkdir -p $(dir $@)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^

# And those that wait with the parking of systems without futexes.
CHAN_PORTABLE_OBJ := $(patsubst %.c,$(BUILD)/portable/%.o,$(CHAN_SRC))
TEST_BIN += $(patsubst %,$(BUILD)/test/%_portable_test,chan chan_history permit rendezvous select)

$(BUILD)/portable/%.o: %.c $(BUILD)/flags
	@mkdir -p $(dir $@)
	$(call say,CC,$< (portable))
	$(Q)$(CC) $(CHAN_CFLAGS) -fPIC -DCHAN_PORTABLE -c -o $@ $<

$(BUILD)/libchan-portable.a: $(CHAN_PORTABLE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/test/%_portable_test: $(BUILD)/portable/test/unit/%_test.o $(BUILD)/libchan-portable.a
	@mkdir -p $(dir $@)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^

install-lib: lib man-lib ## install only libchan, its header and its manual pages
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR) \
		$(DESTDIR)$(MANDIR)/man3 $(DESTDIR)$(MANDIR)/man7
	install -m 644 $(BUILD)/libchan.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(CHAN_SO) $(DESTDIR)$(LIBDIR)/
	ln -sf $(notdir $(CHAN_SO)) $(DESTDIR)$(LIBDIR)/$(CHAN_SONAME)
	ln -sf $(CHAN_SONAME) $(DESTDIR)$(LIBDIR)/libchan.so
	install -m 644 $(BUILD)/libchan.pc $(DESTDIR)$(PKGCONFIGDIR)/
	install -m 644 $(CHAN_HEADERS) $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(filter %.3,$(MAN_LIB)) $(DESTDIR)$(MANDIR)/man3/
	install -m 644 $(filter %.7,$(MAN_LIB)) $(DESTDIR)$(MANDIR)/man7/
	sh man/links.sh | while read -r page name; do \
		echo ".so man3/$$page" > "$(DESTDIR)$(MANDIR)/man3/$$name" || exit 1; done

uninstall-lib:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libchan.a libchan.so $(CHAN_SONAME) $(notdir $(CHAN_SO))) \
		$(DESTDIR)$(PKGCONFIGDIR)/libchan.pc \
		$(patsubst lib/chan/%,$(DESTDIR)$(INCLUDEDIR)/%,$(CHAN_HEADERS)) \
		$(patsubst $(BUILD)/man/%.3,$(DESTDIR)$(MANDIR)/man3/%.3,$(filter %.3,$(MAN_LIB))) \
		$(patsubst $(BUILD)/man/%.7,$(DESTDIR)$(MANDIR)/man7/%.7,$(filter %.7,$(MAN_LIB)))
	sh man/links.sh | while read -r page name; do rm -f "$(DESTDIR)$(MANDIR)/man3/$$name"; done

# ---- Using it ----

demo: ## install what is missing, build, and show a pipeline at work
	@.ci/deps build
	@$(MAKE) --no-print-directory -j2 all
	@echo; echo '$$ chanpipe run pipelines/nginx-5xx.yaml test/samples/access.log'
	@$(BUILD)/chanpipe run -o table pipelines/nginx-5xx.yaml test/samples/access.log

install: all man install-lib ## install to DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/chanpipe/pipelines \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	install -m 755 $(BUILD)/chanpipe $(DESTDIR)$(PREFIX)/bin/
	install -m 644 pipelines/*.yaml $(DESTDIR)$(PREFIX)/share/chanpipe/pipelines/
	for s in 1 5 7; do install -m 644 $(BUILD)/man/chanpipe*.$$s $(DESTDIR)$(MANDIR)/man$$s/ || exit 1; done

uninstall: uninstall-lib ## remove what install made
	rm -f $(DESTDIR)$(PREFIX)/bin/chanpipe
	rm -rf $(DESTDIR)$(PREFIX)/share/chanpipe
	rm -f $(foreach s,1 5 7,$(patsubst $(BUILD)/man/%,$(DESTDIR)$(MANDIR)/man$(s)/%,$(filter %.$(s),$(MAN_CHANPIPE))))

# ---- Trying it ----

check: ## install what is missing, build, and run the tests
	@.ci/deps check
	@$(MAKE) --no-print-directory -j2 all man tests
	@BUILD=$(BUILD) test/run $(T)

check-tiny: ## all tests with blocks of 61 bytes and batches of 3 records
	@.ci/deps check
	@$(MAKE) --no-print-directory -j2 all man tests
	@BUILD=$(BUILD) TINY=1 TEST_TIMEOUT=900 test/run $(T)

tests: $(TEST_BIN) $(EXAMPLES) $(EXAMPLES_DEBUG)

san: ## the tests with AddressSanitizer and UBSan, then with ThreadSanitizer
	@.ci/deps check
	@$(MAKE) --no-print-directory BUILD=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' check-here
	@$(MAKE) --no-print-directory BUILD=build/tsan CFLAGS='-O1 -g -fsanitize=thread' check-here

check-here: all man tests
	@BUILD=$(BUILD) TEST_TIMEOUT=900 LIMIT=120 test/run $(T)

model: ## check the models of libchan exhaustively (needs spin; up to 40 minutes)
	@BUILD=$(BUILD) LONG=$(LONG) test/model/run $(if $(T),'$(T)')

stress-chan: $(BUILD)/test/chan_history_test ## 10 million random calls of libchan, and a checker of what they saw
	@CHAN_HISTORY_OPS=$${CHAN_HISTORY_OPS:-10000000} $<

stress: $(BUILD)/chanpipe ## numbered lines in every way, 2,000 random pipelines (SEEDS='FIRST LAST')
	@CHANPIPE=$(abspath $(BUILD)/chanpipe) test/stress/matrix
	@CHANPIPE=$(abspath $(BUILD)/chanpipe) test/stress/run $(or $(SEEDS),1 2000)

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

MAN_LIB := $(patsubst man/%,$(BUILD)/man/%,$(wildcard man/*.3 man/chan.7))
MAN_CHANPIPE := $(patsubst man/%,$(BUILD)/man/%,$(wildcard man/chanpipe*.[157])) $(BUILD)/man/chanpipe-stages.7

man: $(MAN_CHANPIPE) man-lib ## make the manual pages
man-lib: $(MAN_LIB)

$(MAN_LIB): $(BUILD)/man/%: man/%
	@mkdir -p $(dir $@)
	@sed 's/@VERSION@/$(CHAN_VERSION)/' $< > $@

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

.PHONY: all lib examples demo install install-lib uninstall uninstall-lib check check-tiny tests san check-here model stress stress-chan bench bench-chan fmt fmt-check config man man-lib clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
