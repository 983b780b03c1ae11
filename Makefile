# Two commands on a fresh machine: `make bench` and `make test`. `make` alone lists all.

PYTHON = python3
# Set here, so that variables of the environment that happen to have these names say nothing.
MODEL =
BACKEND =
MODE =
PARTS =
DEPTHS =
PROFILE =
BUILD =
BASELINE =
AGAIN =
POWER_CAP_W =
PORT = 3000
HOST =
RIG =
JOIN =
FOLDER =
UV = uv

# A name in small letters would be taken for nothing at all.
$(foreach name,model backend mode parts depths profile build baseline again power_cap_w port host rig join python,$(if \
    $(filter command line,$(origin $(name))),$(error `$(name)=...` is written in capitals: \
    $(shell echo $(name) | tr a-z A-Z)=$($(name)))))

.PHONY: help bench list test engines-test packages lint ui mine lock lock-slow clean farm-control farm-rig farm-status

help:
	@echo 'make bench   measure this machine and build the page in site_out/'
	@echo '             MODEL="slug ..."  of content/models   (SmolLM2-135M)'
	@echo '             BACKEND=name      one of the rig      (its GPU, else cpu)'
	@echo '             MODE=name         reasoning-off or draft-SLUG (baseline)'
	@echo '             PROFILE=quick|full                    (quick; full with BASELINE)'
	@echo '             BUILD=bNNNNN      engine build        (newest that this CPU can run)'
	@echo '             BASELINE="bNNNNN ..."  measured in turns with BUILD, and judged'
	@echo '             POWER_CAP_W="200 250"  measured under each, and put back (as found)'
	@echo '             PARTS="usual deep conversations"  deep: a curve to the trained context'
	@echo '             DEPTHS="8192 32768"  of part deep  (all that time and memory allow)'
	@echo '             AGAIN=1           also what is measured already; the older run stays'
	@echo 'make list    what can be chosen here, what is on disk, what is still missing'
	@echo 'make ui      Dagster on http://localhost:3000      (PORT=3000)'
	@echo 'make farm-control, farm-rig, farm-status'
	@echo '             several rigs under one control plane: docs/farm.md'
	@echo 'make mine    a site of your own: what is of others in content/ moves aside (asks twice)'
	@echo 'make test    the style checks and every test'
	@echo 'make engines-test'
	@echo '             vLLM and transformers, really installed and measured (docs/engines.md)'
	@echo 'make packages'
	@echo '             what the tests need of the system: installed as root, else named'
	@echo 'make lint    the style checks alone'
	@echo 'make lock    resolve requirements/*.txt anew (needs uv)'
	@echo 'make clean   remove what was built; content/ and the artefact cache stay'
	@echo 'PYTHON=...   which Python (3.11 or newer) makes the environment (python3)'

bench:
	@PYTHON='$(PYTHON)' sh scripts/system_packages.sh bench
	@PYTHON='$(PYTHON)' sh scripts/environment.sh run
	@model='$(MODEL)' backend='$(BACKEND)' mode='$(MODE)' \
	    profile='$(PROFILE)' parts='$(PARTS)' depths='$(DEPTHS)' \
	    build='$(BUILD)' baseline='$(BASELINE)' again='$(AGAIN)' cap_w='$(POWER_CAP_W)'; \
	.venv/bin/python -m bench_pipeline bench $${model:+--model $$model} \
	    $${backend:+--backend "$$backend"} $${mode:+--mode "$$mode"} \
	    $${parts:+--parts $$parts} $${depths:+--depths $$depths} \
	    $${profile:+--profile "$$profile"} $${again:+--again} $${cap_w:+--power-cap-w $$cap_w} \
	    $${build:+--build "$$build"} $${baseline:+--baseline $$baseline}

list:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh run
	@.venv/bin/python -m bench_pipeline list

ui:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh run
	@.venv/bin/python -m bench_pipeline ui --port '$(PORT)'

farm-control:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh farm
	@host='$(HOST)'; exec .venv/bin/python -m bench_pipeline farm-control --port '$(PORT)' \
	    $${host:+--host "$$host"}

farm-rig:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh farm
	@rig='$(RIG)' join='$(JOIN)'; exec .venv/bin/python -m bench_pipeline farm-rig \
	    --rig "$$rig" $${join:+--join "$$join"}

farm-status:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh farm
	@.venv/bin/python -m bench_pipeline farm-status

mine:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh run
	@.venv/bin/python -m bench_pipeline mine

lint:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh test
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check --quiet
	@.venv/bin/python -m mypy

packages:
	@PYTHON='$(PYTHON)' sh scripts/system_packages.sh test

test:
	@PYTHON='$(PYTHON)' sh scripts/system_packages.sh test sh scripts/environment.sh test
	@PYTHON='$(PYTHON)' sh scripts/environment.sh test
	@sh scripts/test.sh

# 2.1 GB and some minutes: vLLM and transformers from an empty environment to the page.
engines-test:
	@PYTHON='$(PYTHON)' sh scripts/environment.sh test
	@.venv/bin/python -m pytest -n0 -rA -m slow_engines tests/harness/test_slow_engines.py

# One universal resolution for every platform; the other sets agree with it.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header
lock:
	$(COMPILE) pyproject.toml --extra build -o requirements/run.txt
	$(COMPILE) pyproject.toml --extra build --extra farm -c requirements/run.txt \
	    -o requirements/farm.txt
	$(COMPILE) pyproject.toml --extra build --extra farm --extra test -c requirements/farm.txt \
	    -o requirements/test.txt
	$(COMPILE) requirements/rig.in -c requirements/run.txt -o requirements/rig.txt
	$(COMPILE) requirements/engines-test.in -o requirements/engines-test.txt

# For one platform, from where torch's own builds for the CPU are: FOLDER holds one, or is an index
# of such. The packages left out are CUDA's, and vLLM does without them.
COMPILE_SLOW = $(UV) pip compile --quiet --python-version 3.11 \
    --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-header --find-links '$(FOLDER)'
lock-slow:
	$(COMPILE_SLOW) $(addprefix --no-emit-package ,torchvision torchaudio torchcodec triton) \
	    requirements/engines-slow.in -o requirements/engines-slow.txt
	$(COMPILE_SLOW) -c requirements/engines-slow.txt requirements/engines-transformers.in \
	    -o requirements/engines-transformers.txt

clean:
	rm -rf .venv .dagster_home .tmp_dagster_home_* warehouse site_out .site_out.* .pytest_cache \
	    .mypy_cache .ruff_cache
