# The two commands of the README are `make try` and `make test`. Debian 12 with Rust, as root or through sudo.

export PATH := $(HOME)/.cargo/bin:$(PATH)
ETCDOPS = $${CARGO_TARGET_DIR:-target}/debug/etcdops

.PHONY: try test check soak bench lab

# A local cluster of three members, and its health.
try:
	tests/setup try
	cargo build
	$(ETCDOPS) playground up
	$(ETCDOPS) health --timeout 30s
	@echo
	@echo "Now try:  $(ETCDOPS) members        $(ETCDOPS) --help"
	@echo "At last:  $(ETCDOPS) playground down"

# Everything: unit, simulated world, command line, real etcd on loopback, real hosts in the lab.
# The unit tests are built without the optimization that the simulated world is worth: it would take longer than they do.
test:
	tests/setup test
	cargo test --lib --profile dev
	cargo test --test main

# Format, lints, and files that are generated from the code.
check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test --test main generated

# The tests that take a sample take everything, and those that take minutes are run as well. Hours.
soak:
	tests/setup test
	PROPTEST_RNG_SEED=$$(date +%s) ETCDOPS_SOAK=1 cargo test -- --include-ignored

# etcdops beside etcdctl and ssh, on the lab.
bench:
	tests/setup test
	cargo build --release
	tests/bench/run
	tests/bench/recovery

# Four real hosts to play with: tests/lab/lab --help
lab:
	tests/setup test
	if [ "$$(id -u)" = 0 ]; then tests/lab/lab up --spare 1 --tls; else sudo tests/lab/lab up --spare 1 --tls; fi
	@echo "Now try:  tests/lab/lab bastion $(CURDIR)/$(ETCDOPS) health        tests/lab/lab --help"
