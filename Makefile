# Everything a developer or CI runs, by name. `make help` lists the targets.
#
#   make demo        a whole fleet on this machine: drilled, then yours to break; nothing is kept
#   make venv        only the environment, with the test tools
#   make check       lint, types, import rules, and what the units give away
#   make test        what is missing is installed, then every test; COVERAGE=1 with the coverage gates
#   make test-slow   tests that take long, or that need the processors for themselves
#   make test-long   both with 1,000 examples a property, 1,000 seeds, 500 cycles; then each fuzz target
#   make simulate    live through one seeded world again: SEED=n, and SECONDS=60 of its time
#   make fuzz        look for input that breaks a parser: TARGET=name, SECONDS=60
#   make mutants     plant known mistakes, and see the simulation find each
#   make drill-mutants  break what each check of the drill is about, and see it say no (10 minutes)
#   make bench       measure, with targets and limits: a table and benchmarks/results.json; ONLY=name
#   make lock        lock the dependencies again; ARGS=--upgrade chooses newer ones
#   make clean       remove all that was made here

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROFILE ?=
# 3: two groups of tests of whole fleets run beside each other, and beside the tests of parts; 1: one
# after the other.
JOBS ?= 3
# 1: what no test reaches is counted, which takes the tests half as long again.
COVERAGE ?=
# Programs that pip cannot install, the Debian packages that have them, and what they are for.
DEMO_PROGRAMS := 'ss:iproute2:the demo does not run' 'ip:iproute2:there is no network to cut' \
	'unshare:util-linux:there is no network to cut' 'nsenter:util-linux:there is no network to cut' \
	'setsid:util-linux:racks cannot ask for their addresses' \
	'dhcpd:isc-dhcp-server:there is no DHCP' 'udhcpc:udhcpc:no client but our own asks for leases' \
	'ipmitool:ipmitool:there is no power' 'ipmi_sim:openipmi:there are no BMCs'
TEST_PROGRAMS := $(DEMO_PROGRAMS) 'dhclient:isc-dhcp-client:tests of real clients fail' \
	'systemd-analyze:systemd:tests of the units fail' \
	'faketime:faketime:tests of wrong clocks fail' \
	'duk:duktape:the test of the polkit rule fails' \
	'dhcrelay:isc-dhcp-relay:tests of relayed VLANs fail'
# Decisions and renderers: pure, so nothing excuses a line that no test reaches.
PURE := $(wildcard \
	src/evenrack/model \
	src/evenrack/balance \
	src/evenrack/cli/show.py \
	src/evenrack/cli/show_dhcp.py \
	src/evenrack/cli/doctor_checks.py \
	src/evenrack/region/troubles/clock_troubles.py \
	src/evenrack/region/troubles/pool_troubles.py \
	src/evenrack/region/troubles/pool6_troubles.py \
	src/evenrack/region/troubles/foreign_troubles.py \
	src/evenrack/region/troubles/older_troubles.py \
	src/evenrack/region/troubles/vlan_troubles.py \
	src/evenrack/region/views/dhcp_status.py \
	src/evenrack/region/views/lease_merging.py \
	src/evenrack/region/request_marks.py \
	src/evenrack/rack/plan_names.py \
	src/evenrack/rack/role_change.py \
	src/evenrack/rack/acknowledging.py \
	src/evenrack/rack/failed_tries.py \
	src/evenrack/rack/still_its_own.py \
	src/evenrack/rack/dhcp/address_tally.py \
	src/evenrack/rack/dhcp/address_tally6.py \
	src/evenrack/rack/vlan_reports.py \
	src/evenrack/rack/dhcp/boot.py \
	src/evenrack/rack/dhcp/entry_cutter.py \
	src/evenrack/rack/dhcp/failover.py \
	src/evenrack/rack/dhcp/failover_sockets.py \
	src/evenrack/rack/dhcp/dhcpd_conf.py \
	src/evenrack/rack/dhcp/dhcpd6_conf.py \
	src/evenrack/rack/dhcp/dhcpd_words.py \
	src/evenrack/rack/dhcp/host_changes.py \
	src/evenrack/rack/dhcp/lease_file.py \
	src/evenrack/rack/dhcp/lease_file6.py \
	src/evenrack/rack/dhcp/lease_entries.py \
	src/evenrack/rack/dhcp/lease_tail.py \
	src/evenrack/rack/dhcp/news_bag.py \
	src/evenrack/rack/dhcp/omapi_access.py \
	src/evenrack/rack/dhcp/snippets.py \
	src/evenrack/rack/dhcp/statements.py \
	src/evenrack/rack/dhcp/written_vlans.py \
	src/evenrack/rack/dhcp/written_vlans6.py \
	src/evenrack/rack/foreign_servers.py \
	src/evenrack/rack/listen/heard.py \
	src/evenrack/rack/listen/packet_filter.py \
	src/evenrack/rack/listen/words.py \
	src/evenrack/rack/power/ipmi_command.py \
	src/evenrack/rack/power/rest/answers.py \
	src/evenrack/rack/power/rest/refusals.py \
	src/evenrack/rack/power/rmcp/commands.py \
	src/evenrack/rack/power/rmcp/completion.py \
	src/evenrack/rack/power/rmcp/packets.py \
	src/evenrack/rack/power/rmcp/protection.py \
	src/evenrack/rack/power/rmcp/session_keys.py \
	src/evenrack/rack/power/rmcp/setup_messages.py \
	src/evenrack/rack/power/rmcp/suites.py \
	src/evenrack/rack/power/order_steps.py)
# As coverage wants them: folders as patterns, with commas between.
comma := ,
space := $() $()
PURE_PATTERNS := $(subst $(space),$(comma),$(strip \
	$(foreach path,$(PURE),$(if $(filter %.py,$(path)),$(path),$(path)/*))))
PYTEST = $(BIN)/$(if $(COVERAGE),coverage run -m )pytest $(if $(PROFILE),--hypothesis-profile=$(PROFILE))
# Else every process and every program that the tests start would compile our source again.
export PYTHONDONTWRITEBYTECODE :=
# Nothing in the files names the index they were made with.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml

.PHONY: help demo venv debian check test tests-asked-for tests-of-networks tests-of-fleets tests-of-parts \
	coverage-gates test-slow test-long simulate fuzz fuzz-all mutants drill-mutants drill-mutants-without drill-mutants-in bench lock clean

help:
	@sed -n 's/^#   //p' Makefile

venv: $(READY)

# Hashed requirements first, then the project without dependencies: pip refuses to mix them.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "evenrack needs Python 3.11 or newer: make venv PYTHON=python3.11" >&2; exit 1; }
	@echo "== environment in $(VENV)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "venv is missing: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install -qq --no-compile --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # pip would do it with one processor
	$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	@.ci/debian-packages --optional $(DEMO_PROGRAMS)
	@$(BIN)/evenrack lab demo

debian:
	@.ci/debian-packages $(TEST_PROGRAMS)

check: $(READY)
	$(BIN)/tox run -q -e lint,types,imports,units

test: debian $(READY)
	@rm -f .coverage .coverage.*
	@echo "== tests$(if $(ARGS),, (those of whole fleets tell at their end))"
	@$(MAKE) --no-print-directory -j$(JOBS) $(if $(ARGS),tests-asked-for,tests-of-networks tests-of-fleets tests-of-parts)
	@$(if $(COVERAGE),$(MAKE) --no-print-directory coverage-gates)

coverage-gates:
	@echo "== coverage: 90 % of everything, 100 % of what is pure"
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@$(BIN)/coverage report --include='$(PURE_PATTERNS)' --fail-under=100

tests-asked-for:
	$(PYTEST) $(ARGS)

# The tests mostly wait: several at a time need little more of the processors than one. Those of
# fleets are measured, so there are two at most at a time, and before the others for the processors.
# Their daemons are measured as users run them, without coverage: the tests of parts reach enough.
NETWORKS := tests/together/test_namespaces.py
tests-of-networks: FLEETS := $(NETWORKS)
tests-of-fleets: FLEETS := tests/together --ignore=$(NETWORKS)
tests-of-networks tests-of-fleets:
	@$(BIN)/pytest $(if $(PROFILE),--hypothesis-profile=$(PROFILE)) $(FLEETS) > .$@.log 2>&1 || \
		{ cat .$@.log; exit 1; }
	@tail -n 1 .$@.log

# They are compiled first, once: each process of a new clone would do it for itself. What cannot be
# collected is told by the second command. Counting takes so much of the processors that there is
# less waiting to fill.
tests-of-parts:
	@$(BIN)/pytest --collect-only --quiet --ignore=tests/together > /dev/null || true
	@nice -n 19 $(PYTEST) --numprocesses $(if $(COVERAGE),5,7) --dist loadfile \
		--no-loadscope-reorder --ignore=tests/together

# One after the other, with nothing beside them.
test-slow: debian $(READY)
	@$(BIN)/pytest -m slow $(ARGS)

test-long: export PROFILE := thorough
test-long: export SIMULATION_SEEDS := 1000
test-long: export SIMULATION_SECONDS := 60
test-long: export CHAOS_SECONDS := 600
test-long: export CYCLE_RUNS := 500
test-long: test test-slow fuzz-all

SEED ?= 1
SECONDS ?= 60

simulate: $(READY)
	@$(BIN)/python -m tests.simulation.run $(SEED) $(SECONDS)

fuzz: SECONDS := $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),60)
fuzz: $(READY)
	@nice -n 15 $(BIN)/python -m tests.fuzz.engine $(TARGET) --seconds $(SECONDS)

fuzz-all: $(READY)
	@for target in $$($(BIN)/python -c "from tests.fuzz.targets import TARGETS; print(*TARGETS)"); do \
		$(BIN)/python -m tests.fuzz.engine $$target --seconds 60 || exit 1; done

mutants: $(READY)
	$(BIN)/pytest --numprocesses 2 -rP tests/simulation/mutants_are_found.py

# Each check of the drill on a fleet in which its feature is broken: it must say no.
drill-mutants: debian $(READY)
	@$(MAKE) --no-print-directory -j2 drill-mutants-without drill-mutants-in

drill-mutants-without drill-mutants-in: drill-mutants-%:
	$(BIN)/pytest -s tests/together/checks_can_fail.py -k $*_network

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ONLY)

lock: $(READY)
	$(LOCK) --extra lab requirements/dev.in --output-file requirements/dev.txt $(ARGS)
	$(LOCK) --extra lab --constraints requirements/dev.txt --output-file requirements/lab.txt
	$(LOCK) --constraints requirements/dev.txt --output-file requirements/run.txt

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.coverage .coverage.* .tests-of-fleets.log .tests-of-networks.log build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
