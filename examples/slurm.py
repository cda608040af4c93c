"""Run an mmbench command on several nodes of a Slurm cluster, with one command.

    python examples/slurm.py --nodes 4 evaluate --agent newt --suite full --out /shared/newt
    python examples/slurm.py --nodes 2 --gpus-per-node 8 train newt --suite full --out /shared/run

What trains is started by torchrun, one process per GPU (or per node without GPUs). Anything else
gets a Ray cluster of the nodes, and `--backend ray`. `--cluster local` plays Slurm on this machine.
A job that Slurm ends is begun again by the same command, which continues where it was stopped.
"""

import argparse
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import submitit

BIN = Path(sys.executable).parent


def main() -> None:
    """Submit the job, wait for it and print what its nodes have printed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--gpus-per-node", type=int, default=0)
    parser.add_argument("--cpus-per-node", type=int, default=32)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--partition")
    parser.add_argument("--cluster", choices=("slurm", "local"), default="slurm")
    parser.add_argument("--logs", type=Path, default=Path("slurm-logs"))
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="evaluate ..., demos ..., train ..."
    )
    options = parser.parse_args()
    if not options.command:
        parser.error("say what to run, for example: evaluate --agent random --out results/random")
    executor = submitit.AutoExecutor(options.logs, cluster=options.cluster)
    is_local = options.cluster == "local"
    executor.update_parameters(
        nodes=1 if is_local else options.nodes,
        tasks_per_node=options.nodes if is_local else 1,
        cpus_per_task=options.cpus_per_node,
        gpus_per_node=options.gpus_per_node,
        timeout_min=round(60 * options.hours),
        **({} if is_local or options.partition is None else {"slurm_partition": options.partition}),
    )
    run = train if options.command[0] == "train" else use_ray
    token = secrets.token_hex(16)  # whoever does not know it cannot enter the Ray cluster
    job = executor.submit(run, options.command, options.cpus_per_node, options.gpus_per_node, token)
    print(f"job {job.job_id}; logs in {options.logs}", file=sys.stderr)
    job.results()
    print(job.stdout(), end="")


def train(command: list[str], num_cpus: int, num_gpus: int, token: str) -> None:
    """Run this node's share of a training."""
    job = submitit.JobEnvironment()
    subprocess.run(
        [
            *(
                BIN / "torchrun",
                "--nnodes",
                str(job.num_tasks),
                "--node-rank",
                str(job.global_rank),
            ),
            *("--nproc-per-node", str(max(1, num_gpus))),
            *("--master-addr", job.hostnames[0], "--master-port", str(port_of(job))),
            *("--no-python", BIN / "mmbench", *command),
        ],
        check=True,
    )


def use_ray(command: list[str], num_cpus: int, num_gpus: int, token: str) -> None:
    """Be a node of a Ray cluster; the first one runs the command in it."""
    job = submitit.JobEnvironment()
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    port = port_of(job)
    address = f"{job.hostnames[0]}:{port}"
    is_over = job.paths.folder / f"{job.job_id}-over"
    is_head = job.global_rank == 0
    if not is_head:
        wait_until(lambda: answers(job.hostnames[0], port) or is_over.exists())
    role = ["--head", "--port", str(port), "--include-dashboard", "false"]
    node = subprocess.Popen(
        [
            *(BIN / "ray", "start", "--block", "--disable-usage-stats"),
            *(role if is_head else ["--address", address]),
            *("--num-cpus", str(num_cpus), "--num-gpus", str(num_gpus)),
            *("--object-store-memory", str(2**30)),
        ]
    )

    def is_true_or_dead(condition: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: condition() or node.poll() is not None

    try:
        if is_head:
            wait_until(is_true_or_dead(lambda: num_nodes(address) == job.num_tasks))
            subprocess.run(
                [BIN / "mmbench", *command, "--backend", "ray", "--address", address], check=True
            )
        else:
            wait_until(is_true_or_dead(is_over.exists))
    finally:
        is_over.touch()
        node.terminate()
        node.wait()


def port_of(job: submitit.JobEnvironment) -> int:
    """Return a port that no other job on the same nodes is likely to take."""
    return 20_000 + int(job.job_id.partition("_")[0]) % 10_000


def answers(host: str, port: int) -> bool:
    """Whether the head of the cluster is there."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def num_nodes(address: str) -> int:
    """Return how many nodes the cluster has by now, or 0 while it has no head."""
    count = "import ray, sys; ray.init(sys.argv[1]); print(len(ray.nodes()))"
    asked = subprocess.run(
        [sys.executable, "-c", count, address], check=False, capture_output=True, text=True
    )
    return int(asked.stdout or 0)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when something has come true."""
    while not condition():
        time.sleep(2)


if __name__ == "__main__":
    main()
