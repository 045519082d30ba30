# Each target is a line or two; what is longer lives in a script that can be read and run by itself.
.PHONY: test torture run bench bench-peers bench-memory results-toy lint screenshots schemathesis fuzz stream-losses

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

results-toy: ## section 4 in numbers: the toy recipes over three seeds, ten provoked collapses and ten healthy runs
	cargo test --release --test it -- --ignored --nocapture --test-threads 1 results_

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

stream-losses: ## a hundred lost event streams on each database; `make test` loses twenty
	GAND_SSE_LOSSES=100 cargo test --release --test it loses_no_event
