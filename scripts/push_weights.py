"""Push a folder of trained weights, with its card, to the Hugging Face Hub.

Takes what `qvunet card --run DIR --out weights` wrote, or a network that comes with the package. Log in first
with `hf auth login`, or set HF_TOKEN; no token is taken on the command line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import LocalTokenNotFoundError
from rich.console import Console

from backends.errors import UserError
from qvunet.weights.finding import CARD, NETWORK, weights_folder


def main() -> int:
    arguments = _arguments()
    try:
        folder = _folder(arguments.network)
    except UserError as error:
        return _refuse(str(error))
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>12,}  {path.relative_to(folder)}")
    if arguments.dry_run:
        return 0
    try:
        print(push(folder, arguments.repo, arguments.private))
    except LocalTokenNotFoundError:
        return _refuse("not logged in: use `hf auth login`, or set HF_TOKEN")
    except Exception as error:  # what a lost connection raises changes with the client's version
        return _refuse(f"{arguments.repo} could not be pushed: {error}")
    return 0


def _folder(network: str) -> Path:
    """A folder by its path or name, with a card and a network in it."""
    folder = Path(network) if Path(network).is_dir() else weights_folder(network)
    if absent := [name for name in (CARD, *NETWORK) if not (folder / name).is_file()]:
        raise UserError(f"{folder}: {', '.join(absent)} missing; make the folder by `qvunet card --run DIR`")
    return folder


def push(folder: Path, repo: str, private: bool) -> str:
    """Make the repository if there is none, and commit the folder's files to it in one commit.

    Returns:
        The address of the repository.
    """
    hub = HfApi()
    address = hub.create_repo(repo, private=private or None, exist_ok=True, token=True)
    hub.upload_folder(
        repo_id=repo, folder_path=folder, commit_message=f"Weights and card of {folder.name}", token=True
    )
    return str(address)


def _refuse(message: str) -> int:
    Console(stderr=True).print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", metavar="NAME_OR_FOLDER", help="a folder of `qvunet card`, or a name")
    parser.add_argument("--repo", required=True, metavar="USER/NAME", help="repository on the Hub")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--dry-run", action="store_true", help="only list the files that would be pushed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
