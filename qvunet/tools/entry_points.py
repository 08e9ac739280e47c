"""What installed packages add to this one."""

from __future__ import annotations

from importlib.metadata import entry_points


def installed_ansatze() -> dict[str, str]:
    """Circuits that installed packages name in the entry-point group ``qvunet.ansatze``.

    Nothing is imported. Of two of one name the one that Python finds first counts.

    Returns:
        ``package.module:function`` by name.
    """
    found = tuple(entry_points(group="qvunet.ansatze"))
    return {each.name: f"{each.module}:{each.attr}" for each in reversed(found)}
