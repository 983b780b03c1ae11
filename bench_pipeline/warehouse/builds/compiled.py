"""What a build was compiled for, by its own word, and in what two builds differ in it.

llama.cpp prints it as `n_threads = 1 / 2 | CPU : SSE3 = 1 | AVX2 = 1 | AMX_INT8 = 1`, a group for
each backend; older builds as `AVX = 1 | AVX2 = 1 | NEON = 0`, without groups.
"""

import re

_FEATURE = re.compile(r"(?:(?P<group>\w+) : )?(?P<name>\w+) = (?P<value>\S.*)")


def features(system_info: str) -> dict[str, str]:
    """Value by name, without what is switched off and without threads, which a run sets.

    A feature of another group than the CPU's carries the group's name: `CUDA ARCHS`.
    """
    found = {}
    group = "CPU"
    for part in system_info.split("|"):
        match = _FEATURE.fullmatch(part.strip())
        if match is None or match["name"].startswith("n_threads"):
            continue
        group = match["group"] or group
        if match["value"] != "0":
            name = match["name"] if group == "CPU" else f"{group} {match['name']}"
            found[name] = match["value"].strip()
    return found


def compile_difference(
    before: str, before_info: str | None, after: str, after_info: str | None
) -> str | None:
    """`b10434 has AMX_INT8, AVX512; b10068 has not`; empty for none, None if one is unknown.

    `before`, `after`: how the two are called.
    """
    if not before_info or not after_info:
        return None
    old, new = features(before_info), features(after_info)
    parts = []
    if gained := sorted(new.keys() - old.keys()):
        parts.append(f"{after} has {', '.join(gained)}; {before} has not")
    if lost := sorted(old.keys() - new.keys()):
        parts.append(f"{before} has {', '.join(lost)}; {after} has not")
    parts += [
        f"{name} is {old[name]} in {before}, {new[name]} in {after}"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name]
    ]
    return "; ".join(parts)
