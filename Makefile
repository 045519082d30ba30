# Each target is a line or two; what is longer lives in a script that can be read and run by itself.
.PHONY: test torture run bench bench-peers bench-memory bench-load results results-toy results-health lint screenshots schemathesis fuzz stream-losses flat-memory otel

test: ## install what the tests need and the machine lacks, then run every check and test
	@tests/run.sh

torture: ## kills, stops, outages, damage and millions of simulated schedules at length; half an hour
	@tests/torture.sh

run: ## a server with a demo job on the built-in digits
	cargo run --release -- serve --demo

bench: ## every bench; names are paths
	cargo bench

bench-peers: ## speed beside PyTorch, JAX and a hand-written loop, interleaved in one run
	@benches/peers/run.sh

bench-load: ## pictures under load beside FastAPI and PyTorch, interleaved in one run; wants a quiet machine
	@benches/peers/run.sh load

OUT ?= runs
results: ## the runs behind docs/results.md, hours of them; RUNS names some, OUT the folder
	cargo build --release
	@benches/results/run.py $${CARGO_TARGET_DIR:-target}/release/gand $(OUT) $(RUNS)

results-toy: ## section 4 in numbers: the toy recipes over three seeds, ten provoked collapses and ten healthy runs
	cargo test --release --test it -- --ignored --nocapture --test-threads 1 results_toy results_collapse

results-health: ## health by numbers: false alarms of ten healthy runs of each recipe, missed ones of ten provoked failures of each kind; hours
	cargo test --release --test it results_health -- --ignored --nocapture --test-threads 1

results-seeds: ## every default recipe from ten seeds on each set of kernels, and what the README says of them; hours
	cargo build --release
	benches/results/seeds.py $${CARGO_TARGET_DIR:-target}/release/gand $(OUT)/seeds --json docs/scores.json

bench-memory: ## memory of gand train: beside PyTorch's process, and over 100,000 steps
	@benches/peers/run.sh memory beside
	@benches/peers/run.sh memory flat

lint: ## what `make test` refuses before it runs a test
	@tests/lint.sh

screenshots: ## pictures for the README and docs/, taken from a real run
	@tests/screenshots.sh

schemathesis: ## at least 20,000 requests made from the OpenAPI document, on each database
	@tests/outside/schemathesis.sh

SECONDS ?= 600
fuzz: ## every parser of bytes from outside, SECONDS each, two at a time
	GAND_FUZZ_SECONDS=$(SECONDS) cargo test --release --test it fuzz:: -- --nocapture --test-threads 2

flat-memory: ## memory of a server over 100,000 requests of every kind and 1,000 uploads; `make test` sends 2,000
	GAND_FLAT_REQUESTS=100000 cargo test --release --test it memory_stays_flat -- --nocapture

otel: ## spans of a server built with --features otel, as a collector receives them
	@tests/outside/otel.sh

stream-losses: ## a hundred lost event streams on each database; `make test` loses twenty
	GAND_SSE_LOSSES=100 cargo test --release --test it loses_no_event
