"""The pump safety contract as the integration has it: its pure rules, loaded without Home Assistant.

The vectors that firmware and integration share prove that both say the same; the simulator needs no third edition.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from custom_components.smartair.pysmartair import safety
    from custom_components.smartair.pysmartair.guard import still_water
else:
    _FOLDER = Path(__file__).resolve().parents[3] / "custom_components/smartair/pysmartair"

    def _load():  # noqa: ANN202 (modules, which the type checker sees above)
        """Load `pysmartair` as a package of its own: its parent would bring Home Assistant along."""
        if "pysmartair" not in sys.modules:
            spec = spec_from_file_location(
                "pysmartair", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
            )
            sys.modules["pysmartair"] = module = module_from_spec(spec)
            spec.loader.exec_module(module)
        from pysmartair import safety  # noqa: PLC0415 (importable only now)
        from pysmartair.guard import still_water  # noqa: PLC0415

        return safety, still_water

    safety, still_water = _load()

__all__ = ["safety", "still_water"]
