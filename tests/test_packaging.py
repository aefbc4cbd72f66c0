"""The flat package names are ours: no other distribution may ship them."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
OURS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_no_other_distribution_claims_our_package_names() -> None:
    claims = packages_distributions()

    assert {name: claims[name] for name in OURS if set(claims.get(name, [])) - {"ratchet"}} == {}


def test_every_package_of_the_checkout_is_shipped_and_checked() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages == set(OURS)
    assert packages | {"benchmarks"} == set(PROJECT["tool"]["mypy"]["packages"])
    assert packages == set(PROJECT["tool"]["importlinter"]["root_packages"])


def test_each_package_is_imported_from_this_checkout() -> None:
    import nodes
    import state

    assert Path(state.__path__[0]) == ROOT / "state"
    assert Path(nodes.__path__[0]) == ROOT / "nodes"
