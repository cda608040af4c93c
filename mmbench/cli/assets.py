"""`mmbench assets list` and `mmbench assets download`."""

from dataclasses import asdict, dataclass

from tyro.conf import Positional

from mmbench.assets import check_name, download, list_assets
from mmbench.cli.output import print_json, print_table, show_progress
from mmbench.progress import Progress
from mmbench.tables import Table


@dataclass(frozen=True, kw_only=True)
class AssetsList:
    """List the downloadable assets, and which tasks use them."""

    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Print the assets."""
        found = list_assets()
        if self.json:
            print_json([asdict(asset) for asset in found])
        else:
            rows = tuple(
                (a.name, "official" if a.is_present else "stand-in", " ".join(a.tasks))
                for a in found
            )
            print_table(Table(("asset", "in use", "tasks"), rows), "assets")
        return 0


@dataclass(frozen=True, kw_only=True)
class AssetsDownload:
    """Fetch official assets with ManiSkill's own downloader; MS_ASSET_DIR says where to."""

    names: Positional[tuple[str, ...]] = ()
    """Which ones. Default: all that are missing."""

    def run(self) -> int:
        """Download one after the other."""
        names = self.names or tuple(a.name for a in list_assets() if not a.is_present)
        for name in names:
            check_name(name)
        with show_progress() as on_progress:
            for done, name in enumerate(names):
                on_progress(Progress("downloading assets", done, len(names), name))
                download(name)
        print(f"{len(names)} assets downloaded")
        return 0
