# Everything happens in .venv; what is there already is used again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RESULT ?= results/quickstart
SELDOM := acrobot-swingup ms-pull-cube-tool ms-pick-sponge rd-open-slide rd-open-drawer quadruped-walk quadruped-run og-antball \
	og-ant-arena og-ant-maze og-ant-bottleneck og-ant-circle og-ant-spiral ms-anymal-reach \
	bipedal-walker-flat bipedal-walker-uneven bipedal-walker-rugged bipedal-walker-hills \
	bipedal-walker-obstacles fish-swim
SHOWN := cheetah-run-back mujoco-ant

.DEFAULT_GOAL := help
.PHONY: help setup graphics quickstart demos leaderboard learn precision ablations baselines newt finetune test test-slow check docs bench
.PHONY: bench-tests clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed ## Install everything into .venv

# torch comes first and by its exact version: any other way of asking brings its largest build.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[all,dev]'
	touch $@

graphics: ## Install software rendering for pictures (Debian, as root; elsewhere it only tells)
	@sh .ci/graphics.sh

quickstart: setup ## Evaluate Newt on one task of every domain, beside reference results
	$(BIN)/mmbench evaluate --agent newt --suite quick --episodes 3 --out $(RESULT)/newt
	$(BIN)/mmbench report $(RESULT)/newt --beside random bc expert --per task --html $(RESULT)/report.html
	@echo "the report is $(RESULT)/report.html"

check: setup ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mmbench.taskdocs --check

ENTRIES := results/leaderboard
PROTOCOL := $(BIN)/mmbench evaluate --suite full --episodes 10
SUBMIT := $(BIN)/mmbench leaderboard submit --authors "The authors of mmbench"
leaderboard: setup ## Play, pack and verify the first entries, and build the site (hours; continues)
	for agent in random zero bc newt; do $(PROTOCOL) --agent $$agent --out $(ENTRIES)/$$agent || exit 1; done
	$(PROTOCOL) --agent expert --option budget=0.5 --out $(ENTRIES)/expert
	mkdir -p leaderboard/submissions
	$(SUBMIT) $(ENTRIES)/random --training-steps 0 --name Random --demos no --out leaderboard/submissions/random.zip \
		--description "Uniform actions."
	$(SUBMIT) $(ENTRIES)/zero --training-steps 0 --name Zero --demos no --out leaderboard/submissions/zero.zip \
		--description "The zero action."
	$(SUBMIT) $(ENTRIES)/expert --training-steps 0 --name Expert --demos no --privileged --no-multitask \
		--description "Scripts, plans inside of the simulator with half the usual budget, and search in games." \
		--out leaderboard/submissions/expert.zip
	$(SUBMIT) $(ENTRIES)/bc --training-steps 7700000 --name BC --demos yes --out leaderboard/submissions/bc.zip \
		--description "The policy of the checkpoint that ships: a clone of learned and scripted experts, which cost the steps."
	$(SUBMIT) $(ENTRIES)/newt --training-steps 7700000 --name Newt --demos yes --out leaderboard/submissions/newt.zip \
		--description "The checkpoint that ships: the clone of learned and scripted experts, which cost the steps."
	for file in leaderboard/submissions/*.zip; do \
		$(BIN)/mmbench leaderboard verify $$file --record || exit 1; done
	for agent in random bc newt; do $(BIN)/mmbench leaderboard reproduce leaderboard/submissions/$$agent.zip \
		--agent $$agent --fresh-seeds 2 --record || exit 1; done
	$(BIN)/mmbench leaderboard build --pictures --out $(ENTRIES)/site

RUNS := results/newt
EXPERIMENTS := newt_agent/experiments
# Scripts that seldom succeed get many attempts; planning gets few, for it takes long. A gait that is
# not good enough shows planning the way.
GENERATE := $(BIN)/mmbench demos generate
demos: setup ## Make the demonstrations that ship anew (a day; continues where it stopped)
	-$(GENERATE) --tasks $(SELDOM) --attempts 2000 --out results/demos
	-$(GENERATE) --tasks $(SHOWN) --expert scripted --attempts 6 --out results/demos-shown
	-$(GENERATE) --tasks $(SHOWN) --expert plan --budget 2 --attempts 80 --out results/demos-shown
	-$(GENERATE) --suite full --attempts 20 --out results/demos
	for task in finger-spin walker-run; do OMP_NUM_THREADS=1 $(BIN)/mmbench train newt \
		--config $(EXPERIMENTS)/single.toml:$$task --out $(RUNS)/$$task || exit; done
	-for task in finger-spin walker-run; do $(GENERATE) --tasks $$task --expert newt \
		--checkpoint $(RUNS)/$$task/final --out results/demos-newt; done
	$(BIN)/mmbench demos pack results/demos results/demos-shown results/demos-newt \
		--out mmbench/demos/shipped
	$(BIN)/python -m mmbench.taskdocs

ALONE := pendulum-swingup cartpole-swingup reacher-easy
TOGETHER := language language-130k no-language
PLAY := $(BIN)/mmbench evaluate --config $(EXPERIMENTS)/thirteen_play.toml

learn: export OMP_NUM_THREADS := 1
learn: setup ## Train what docs/newt.md reports (hours; continues where it stopped)
	for run in $(ALONE); do $(BIN)/mmbench train newt \
		--config $(EXPERIMENTS)/single.toml:$$run --out $(RUNS)/$$run || exit; done
	$(BIN)/mmbench curves $(addprefix $(RUNS)/,$(ALONE)) --out docs/images/newt_single_task.png
	$(BIN)/mmbench train bc --config $(EXPERIMENTS)/thirteen_bc.toml --out $(RUNS)/bc
	$(PLAY) --agent bc --checkpoint $(RUNS)/bc --out $(RUNS)/play-bc
	for run in $(TOGETHER); do $(BIN)/mmbench train newt \
		--config $(EXPERIMENTS)/thirteen.toml:$$run --out $(RUNS)/$$run && \
		$(PLAY) --agent newt --checkpoint $(RUNS)/$$run/final --out $(RUNS)/play-$$run || exit; done
	$(BIN)/mmbench report $(RUNS)/play-* --per task

PRECISION := results/precision
PRECISION_RUNS := $(foreach seed,1 2 3,$(foreach run,finger-spin cartpole-swingup reacher-easy,$(foreach bits,float32 bfloat16,$(run)/$(bits)-$(seed))))
precision: export OMP_NUM_THREADS := 1
precision: setup ## Learning curves with updates in float32 and bfloat16, three seeds (two hours; continues)
	for run in $(PRECISION_RUNS); do task=$${run%/*}; bits=$${run#*/}; $(BIN)/mmbench train newt \
		--config $(EXPERIMENTS)/single.toml:$$task --update-precision $${bits%-*} --seed $${bits#*-} \
		--env-steps 10000 --eval-interval 2000 --out $(PRECISION)/$$run || exit; done
	$(BIN)/mmbench curves $(addprefix $(PRECISION)/,$(PRECISION_RUNS)) --out docs/images/newt_precision.png

ROWS := all no-normalisation no-language no-practice mean-loss size-S size-M
ABLATIONS := results/ablations
PLAY_ABLATION := $(BIN)/mmbench evaluate --config $(EXPERIMENTS)/ablations_play.toml
ablations: export OMP_NUM_THREADS := 1
ablations: setup ## Train and play what docs/newt.md says a clone owes to what (two hours; continues)
	for row in $(ROWS); do $(BIN)/mmbench train bc \
		--config $(EXPERIMENTS)/ablations.toml:$$row --out $(ABLATIONS)/$$row && \
		$(PLAY_ABLATION) --agent bc --checkpoint $(ABLATIONS)/$$row --out $(ABLATIONS)/play-$$row || exit; done
	$(BIN)/mmbench train newt --config $(EXPERIMENTS)/ablations_model.toml \
		--checkpoint $(ABLATIONS)/all --out $(ABLATIONS)/model
	$(PLAY_ABLATION) --agent newt --checkpoint $(ABLATIONS)/model/final --out $(ABLATIONS)/play-model
	$(PLAY_ABLATION) --agent newt --checkpoint $(ABLATIONS)/model/final --option planning=false \
		--out $(ABLATIONS)/play-model-policy
	$(BIN)/mmbench report $(ABLATIONS)/play-*

BASELINES := ppo fasttd3 mrq tdmpc2 newt dreamer
SEEDS := 0
FIVE := results/five
FIVE_PLAY := $(BIN)/mmbench evaluate --config baselines/five_play.toml
baselines: export OMP_NUM_THREADS := 1
baselines: setup ## Train, evaluate and rank all baselines on five tasks (hours per seed: SEEDS="0 1 2"; continues)
	for seed in $(SEEDS); do for agent in $(BASELINES); do run=$(FIVE)/$$agent-$$seed; \
		$(BIN)/mmbench train $$agent --config baselines/five.toml:$$agent --seed $$seed --out $$run || exit; \
		checkpoint=$$run/final; test -d $$checkpoint || checkpoint=$$run; \
		$(FIVE_PLAY) --agent $$agent --checkpoint $$checkpoint --out $(FIVE)/play-$$agent-$$seed || exit; \
	done; done
	$(FIVE_PLAY) --agent random --out $(FIVE)/play-random
	$(BIN)/mmbench curves $(foreach agent,$(BASELINES),$(addprefix $(FIVE)/$(agent)-,$(SEEDS))) \
		--out docs/images/baselines.png
	$(BIN)/mmbench report $(FIVE)/play-* --pool-seeds --plot $(FIVE)/report.html

CLONE := $(BIN)/mmbench train bc --config $(EXPERIMENTS)/full.toml
PLAY_CLONE := $(BIN)/mmbench evaluate --agent bc --suite full --episodes 5
newt: export OMP_NUM_THREADS := 1
newt: setup ## Train on all 200 tasks and put the checkpoint into the package (hours; continues where it stopped)
	$(CLONE):clone --out $(RUNS)/clone
	$(PLAY_CLONE) --checkpoint $(RUNS)/clone --out $(RUNS)/play-clone
	$(CLONE):focused --out $(RUNS)/focused
	$(CLONE):again --out $(RUNS)/again
	$(PLAY_CLONE) --checkpoint $(RUNS)/again --out $(RUNS)/play-again
	$(CLONE):last --out $(RUNS)/last
	$(PLAY_CLONE) --checkpoint $(RUNS)/last --out $(RUNS)/play-last
	$(CLONE):more --out $(RUNS)/more
	$(PLAY_CLONE) --checkpoint $(RUNS)/more --out $(RUNS)/play-more
	$(CLONE):settled --out $(RUNS)/settled
	$(PLAY_CLONE) --checkpoint $(RUNS)/settled --out $(RUNS)/play-settled
	$(CLONE):anew --out $(RUNS)/anew
	$(PLAY_CLONE) --checkpoint $(RUNS)/anew --out $(RUNS)/play-anew
	$(CLONE):finished --out $(RUNS)/finished
	$(BIN)/mmbench train newt --config $(EXPERIMENTS)/full_model.toml --checkpoint $(RUNS)/finished --out $(RUNS)/model
	$(BIN)/python -m newt_agent.ship $(RUNS)/model/final --plays policy --choose-episodes 5 --choose-suites \
		dmcontrol dmcontrol-ext metaworld maniskill mujoco miniarcade box2d robodesk ogbench

HELDOUT = $(shell $(BIN)/mmbench tasks --suite heldout | tail -n +2 | cut -f 1)
FINETUNED := results/finetuned
finetune: export OMP_NUM_THREADS := 1
finetune: setup ## Finetune what ships on each of the 34 held-out tasks (three hours; continues)
	$(BIN)/mmbench evaluate --agent newt --suite heldout --episodes 10 --out $(FINETUNED)/before
	for task in $(HELDOUT); do $(BIN)/mmbench finetune newt --config $(EXPERIMENTS)/finetune.toml \
		--checkpoint newt_agent/weights --tasks $$task --out $(FINETUNED)/$$task && \
		$(BIN)/mmbench evaluate --agent newt --checkpoint $(FINETUNED)/$$task/final --tasks $$task \
		--episodes 10 --out $(FINETUNED)/play-$$task || exit; done
	$(BIN)/python -m newt_agent.finetuned $(FINETUNED)/before $(addprefix $(FINETUNED)/play-,$(HELDOUT))

test: setup graphics check ## Everything that must pass (about 15 minutes on two cores)
	$(BIN)/python -m pytest -n 2

test-slow: setup graphics bench-tests ## The rest: what takes long or needs a quiet machine
	$(BIN)/python -m pytest -n 2 -m slow --ignore tests/benchmarks

docs: setup ## Build the documentation into site/
	$(BIN)/python -m mmbench.taskdocs
	$(BIN)/mkdocs build --strict

bench-tests: setup ## Check speed against the bare simulators and Gymnasium (on a quiet machine)
	mkdir -p results
	$(BIN)/python -m pytest -m slow -s tests/benchmarks --benchmark-json results/benchmarks.json

bench: setup ## Speed of environments and vector environments
	$(BIN)/mmbench bench env --suite full
	$(BIN)/mmbench bench vector --suite full

clean: ## Remove .venv and what was built
	rm -rf $(VENV) site build dist *.egg-info
