"""Mistakes of users: one sentence on stderr that says what is wrong, and exit code 2."""

import shlex
from pathlib import Path

import pytest

from mmbench.cli.main import main
from mmbench.evaluation import evaluate
from tests.cli.test_cli import mmbench_command

# {out} is a fresh folder, {file} a file, {nowhere} a folder that does not exist, {result} a result.
MISTAKES = """
tsks | did you mean 'tasks'?
evalute --agent random | did you mean 'evaluate'?
trian newt | did you mean
train newtt --out {out} | unknown command 'train newtt'; did you mean 'train newt'?
demos genrate | unknown command 'demos genrate'; did you mean 'demos generate'?
bench vectors | unknown command 'bench vectors'; did you mean 'bench vector'?
xyzzy | unknown command 'xyzzy'; see mmbench --help
--verbose | unknown command '--verbose'; see mmbench --help
tasks --domain dmcontol | unknown domain 'dmcontol'; did you mean 'dmcontrol'?
tasks --domain nothing | unknown domain 'nothing'; there are dmcontrol
tasks --suite quik | unknown suite 'quik'; did you mean 'quick'?
tasks --suite nothing | unknown suite 'nothing'; there are full
evaluate --agent randm --suite quick --out {out} | unknown agent 'randm'; did you mean 'random'?
evaluate --agent nobody --suite quick --out {out} | unknown agent 'nobody'; there are
evaluate --agent no_module:Agent --suite quick --out {out} | No module named 'no_module'
evaluate --agent json:Agent --suite quick --out {out} | json has no factory 'Agent'
evaluate --tasks walker-rnu --out {out} | unknown task 'walker-rnu'; did you mean 'walker-run'?
evaluate --tasks mmbench/walker-run --out {out} | did you mean 'walker-run'?
evaluate --suite quick --tasks pygame-pong --out {out} | give either tasks or a suite, and not both
evaluate --tasks pygame-pong pygame-pong --out {out} | task 'pygame-pong' is named twice
evaluate --suite qiuck --out {out} | unknown suite 'qiuck'; did you mean 'quick'?
evaluate --tasks pygame-pong --episodes 0 --out {out} | episodes is 0, expected 1 or more
evaluate --tasks pygame-pong --episodes -3 --out {out} | episodes is -3, expected 1 or more
evaluate --tasks pygame-pong --seed -5 --out {out} | seed is -5, expected 0 or more
evaluate --tasks pygame-pong --workers -1 --out {out} | workers is -1, expected 0 or more
evaluate --tasks pygame-pong --image-size 0 --out {out} | image_size is 0, expected 1 to 4096
evaluate --tasks pygame-pong --image-size 5000 --out {out} | image_size is 5000, expected 1 to 4096
evaluate --tasks pygame-pong --option planning --out {out} | is not of the form name=value
evaluate --tasks pygame-pong --option =3 --out {out} | is not of the form name=value
evaluate --tasks pygame-pong --option size=3 --out {out} | agent 'random' cannot be built
evaluate --tasks pygame-pong --checkpoint {nowhere} --out {out} | does not exist
evaluate --tasks pygame-pong --out {file} | choose another --out
evaluate --tasks pygame-pong --out {file}/sub | Not a directory
evaluate --tasks pygame-pong --out /proc/nope | No such file or directory
evaluate --agent newt --checkpoint {file} --tasks pygame-pong --out {out} | {file}
evaluate --tasks pygame-pong --episodes 1 --seed 1 --out {result} | with seed 0, not 1
evaluate --tasks pygame-pong --episodes 1 --agent zero --out {result} | holds a result with agent
evaluate --tasks pygame-landing --episodes 1 --out {result} | choose another --out
evaluate --tasks pygame-pong --episodes 2 --out {result} | the command asks for 2 of 1
report | give at least one result directory
report {nowhere} | is not a result directory
report {out} | is not a result directory
report {file} | is not a result directory
report {broken} | manifest.json
report {newer} | has schema version 99, and this mmbench reads version 1
report {result} --plot {out}/x.gif | the name must end in .png or .html
report {result} --plot {nowhere}/x.png | {nowhere}
report {result} --plot {nowhere}/x.html | {nowhere}
report {result} --pool-seeds --html {out}/x.html | --html shows single results
replay {nowhere} | neither an episode file nor a directory
replay {file} | {file}
replay {result} --episode 1 | has episodes 0 to 0
replay {result} --episode -1 | has episodes 0 to 0
replay {result} --video {out}/x.avi | the name must end in .mp4 or .gif
replay {result} --video x | the name must end in .mp4 or .gif
replay {result} --video {nowhere}/x.mp4 | there is no folder {nowhere}
replay {result} --video {out}/x.mp4 --image-size 0 | image_size is 0, expected 1 to 4096
contact-sheet {nowhere}/x.png | there is no folder {nowhere}
contact-sheet {out}/x.jpg | the name must end in .png
contact-sheet {out} | the name must end in .png
contact-sheet {out}/x.png --columns 0 | columns is 0, expected 1 or more
contact-sheet {out}/x.png --columns -1 | columns is -1, expected 1 or more
contact-sheet {out}/x.png --image-size -2 | image_size is -2, expected 1 to 4096
contact-sheet {out}/x.png --env-steps -2 | env_steps is -2, expected 0 or more
contact-sheet {out}/x.png --suite nothing | unknown suite 'nothing'
contact-sheet {out}/x.png --tasks pong | unknown task 'pong'
contact-sheet {out}/x.png --suite quick --tasks pygame-pong | and not both
demos stats {nowhere} | {nowhere}
demos stats {file} | {file}
demos verify {nowhere} | {nowhere}
demos verify --tasks walker-rnu | did you mean 'walker-run'?
demos generate --out {out} | no task was given
demos generate --suite quick --tasks pygame-pong --out {out} | and not both
demos generate --tasks pong --out {out} | unknown task 'pong'
demos generate --suite nothing --out {out} | unknown suite 'nothing'
demos generate --tasks pygame-pong --episodes 0 --out {out} | episodes is 0, expected 1 or more
demos generate --tasks pygame-pong --budget 0 --out {out} | budget is 0.0, expected more than 0
demos generate --tasks pygame-pong --budget nan --out {out} | budget is nan, expected more than 0
demos generate --tasks pygame-pong --attempts 0 --out {out} | max_attempts is 0
demos generate --tasks pygame-pong --workers -1 --out {out} | workers is -1, expected 0 or more
demos generate --tasks pygame-pong --min-score 7 --out {out} | min_score is 7.0, expected 0 to 1
demos generate --tasks walker-run --expert scripted --out {out} | has no scripted expert
demos generate --tasks pygame-pong --expert nobody --out {out} | nobody
demos generate --tasks pygame-pong --out {file} | {file}
demos generate --tasks pygame-pong --option x --out {out} | is not of the form name=value
demos render --out {file} --tasks pygame-pong | {file}
demos render --out {out} --tasks pong | unknown task 'pong'
demos render --out {out} --tasks pygame-pong --episodes 0 | episodes is 0
demos render --out {out} --tasks pygame-pong --image-size 0 | image_size is 0
demos render {nowhere} --out {out} | {nowhere}
demos pack --out {out} | give at least one directory
demos pack {nowhere} --out {out} | {nowhere}
demos pack {result} --out {out} --episodes 0 | episodes is 0
demos export | no task was given
demos export --suite quick --tasks pygame-pong | and not both
demos export --tasks og-point-var1 | no demonstrations of og-point-var1
demos export --tasks pygame-pong --path {nowhere} | {nowhere}
demos export --tasks pygame-pong --image-size 0 | image_size is 0
demos export --tasks pygame-pong --version -1 | version is -1
demos download --out {out} | no task was given
demos download --tasks pong --out {out} | unknown task 'pong'
assets download nothing | nothing
bench env --suite nothing | unknown suite 'nothing'
bench env --env-steps 0 | env_steps is 0, expected 1 or more
bench vector --suite nothing | unknown suite 'nothing'
bench vector --seconds 0 | seconds is 0.0, expected more than 0
bench vector --workers -1 | workers is -1, expected 0 or more
play walker-rnu | did you mean 'walker-run'?
play pygame-pong --fps 0 | fps is 0.0, expected more than 0
play pygame-pong --seed -1 | seed is -1, expected 0 or more
play pygame-pong --size 0 | image_size is 0, expected 1 to 4096
train newt --out {out} | no task was given
train newt --out {out} --tasks pygame-pong --suite quick | and not both
train newt --out {out} --tasks pong | unknown task 'pong'
train newt --out {out} --tasks pygame-pong pygame-pong | named twice
train newt --out {out} --tasks pygame-pong --env-steps -5 | env_steps is -5, expected 0 or more
train newt --out {out} --tasks pygame-pong --batch-size 0 | batch_size is 0, expected 1 or more
train newt --out {out} --tasks pygame-pong --copies 0 | copies is 0, expected 1 or more
train newt --out {out} --tasks pygame-pong --demo-share 2 | demo_share is 2.0, expected 0 to 1
train newt --out {out} --tasks pygame-pong --workers -1 | workers is -1, expected 0 or more
train newt --out {out} --tasks pygame-pong --device gpu | is no device
train newt --out {out} --tasks pygame-pong --pretrain-updates 5 | pretraining needs demonstrations
train newt --out {file} --tasks pygame-pong | {file}
train fasttd3 --out {out} | no task was given
train fasttd3 --out {out} --tasks pygame-pong pygame-pong | named twice
train fasttd3 --out {out} --tasks pygame-pong --num-atoms 1 | num_atoms is 1, expected 2 or more
train fasttd3 --out {out} --tasks pygame-pong --max-noise nan | max_noise is nan, expected 0.05
train fasttd3 --out {out} --tasks pygame-pong --keep-best | keep_best needs an actor per task
train fasttd3 --out {out} --tasks pygame-pong --device gpu | is no device
train fasttd3 --out {out} --tasks og-point-var1 --demos shipped | no demonstrations of og-point-var1
train fasttd3 --out {file} --tasks pygame-pong | {file}
evaluate --agent fasttd3 --tasks pygame-pong --out {out} | give one with --checkpoint
train bc --out {out} | no task was given
train bc --out {out} --tasks pygame-pong --updates -1 | updates is -1, expected 1 or more
train bc --out {out} --tasks pygame-pong --batch-size 0 | batch_size is 0, expected 1 or more
train bc --out {out} --tasks og-point-var1 | no demonstrations of og-point-var1
train bc --out {file} --tasks pygame-pong | {file}
train mrq --out {out} | no task was given
train mrq --out {out} --tasks pygame-pong --batch-size 0 | batch_size is 0, expected 1 or more
train mrq --out {out} --tasks pygame-pong --eval-episodes 0 | eval_episodes is 0, expected 1 or more
train dreamer --out {out} --tasks pygame-pong --horizon 0 | horizon is 0, expected 1 or more
train dreamer --out {file} --tasks pygame-pong | {file}
train tdmpc2 --out {out} --tasks pygame-pong --demos shipped | learns without demonstrations
train tdmpc2-single --out {out} --tasks pygame-pong mw-reach | 2 tasks were given
evaluate --agent dreamer --tasks pygame-pong --out {out} | give one with --checkpoint
evaluate --agent tdmpc2 --tasks pygame-pong --out {out} | give one with --checkpoint
finetune newt --out {out} --tasks pygame-pong | give one with --checkpoint
finetune newt --out {out} --tasks pygame-pong --checkpoint {nowhere} | is not a checkpoint
curves --out {out}/x.png | give at least one folder of a run
curves {nowhere} --out {out}/x.png | is not a training run
curves {out} --out {nowhere}/x.png | there is no folder
curves {unevaluated} --out {out}/x.png | no run has been evaluated
bench newt --slots 0 | slots is 0, expected 1 or more
bench newt --device gpu | is no device
verify {nowhere} | is not a result directory
verify {file} | is not a result directory
verify {result} --episodes -1 | episodes is -1, expected 0 or more
verify {result} --workers -1 | workers is -1, expected 0 or more
leaderboard submt | did you mean 'leaderboard submit'?
leaderboard submit {nowhere} {said} --out {out}/x.zip | is not a result directory
leaderboard submit {result} {said} --out {out}/x.zip | a submission is of a whole suite
leaderboard submit {result} {said} --out {out}/x.tar | the name must end in .zip
leaderboard submit {result} {said} --out {nowhere}/x.zip | there is no folder {nowhere}
leaderboard submit {result} {said} --url javascript:1 --out {out}/x.zip | url: String should match
leaderboard submit {result} {said} --training-steps -1 --out {out}/x.zip | training_steps: Input
leaderboard validate {nowhere} | {nowhere} is not a file
leaderboard validate {file} | {file} is not a zip file
leaderboard verify {nowhere} | {nowhere} is not a file
leaderboard verify {file} | {file} is not a zip file
leaderboard verify {file} --episodes -1 | episodes is -1, expected 0 or more
leaderboard reproduce {file} --agent random | {file} is not a zip file
leaderboard reproduce {file} --agent random --fresh-seeds 0 | fresh_seeds is 0, expected 1 to 1000
leaderboard reproduce {file} --agent random --record --tasks pygame-pong | --record needs all tasks
leaderboard build --submissions {nowhere} --out {out} | is not a folder of submissions
leaderboard build --out {file} | {file}
leaderboard serve {nowhere} | is no site; `mmbench leaderboard build` makes one
leaderboard serve {out} --port -1 | port is -1, expected 0 to 65535
"""
SAID = "--name A --authors B --training-steps 0 --demos no"
ROWS = [tuple(part.strip() for part in line.split(" | ")) for line in MISTAKES.split("\n") if line]
# What the parser of flags finds by itself is drawn in a frame: not one line, but no traceback.
MISTYPED = (
    "evaluate --outt x",
    "evaluate",
    "evaluate --episodes many --out x",
    "evaluate --obs pixels --out x",
    "tasks --split testing",
    "report x --format pdf",
    "replay",
    "train newt --size XXL --out x",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("mistakes")
    (root / "file").write_text("no result, no log, no checkpoint")
    evaluate("random", tasks=["pygame-pong"], episodes=1, out=root / "result", workers=0)
    manifest = (root / "result" / "manifest.json").read_text()
    for name, text in (
        ("broken", manifest[:50]),
        ("newer", manifest.replace('"schema_version": 1', '"schema_version": 99')),
    ):
        (root / name).mkdir()
        (root / name / "manifest.json").write_text(text)
    (root / "unevaluated").mkdir()
    (root / "unevaluated" / "evaluations.csv").write_text("env_steps,updates,task,score,return\n")
    names = ("file", "result", "broken", "newer", "unevaluated", "nowhere")
    return {name: str(root / name) for name in names}


def test_the_table_has_a_hundred_mistakes() -> None:
    assert len(set(ROWS)) == len(ROWS) >= 100


@pytest.mark.parametrize(("command", "complaint"), ROWS, ids=[row[0] for row in ROWS])
def test_a_mistake_is_one_sentence_and_exit_code_2(
    command: str,
    complaint: str,
    places: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = {**places, "out": str(tmp_path), "said": SAID}
    assert main(shlex.split(command.format(**here))) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("mmbench: ")
    assert printed.err.count("\n") == 1
    assert complaint.format(**here) in printed.err


@pytest.mark.parametrize("command", MISTYPED)
def test_a_mistyped_flag_is_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command))
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_process_prints_the_sentence_and_nothing_else(tmp_path: Path) -> None:
    done = mmbench_command("evaluate", "--suite", "quick", "--seed", "-5", "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "mmbench: seed is -5, expected 0 or more\n"


@pytest.mark.parametrize("flag", ["--version", "-V", "version"])
def test_the_version_is_printed(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr().out.startswith("mmbench 0.")


@pytest.mark.parametrize("arguments", [["help"], ["train", "--help"], ["help", "demos"]])
def test_help_goes_to_stdout(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("usage: mmbench ")
