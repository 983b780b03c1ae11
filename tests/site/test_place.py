"""Where a site may be put, and what a killed build leaves there."""

import json
from pathlib import Path

import pytest

from bench_pipeline.errors import SiteError
from bench_pipeline.site.place import STAMP, beside, place_of, stamp, swap


def a_site(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / STAMP).write_bytes(stamp())
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_of_a_killed_build_goes_with_the_next_and_that_of_a_living_one_stays(
    tmp_path: Path,
):
    place = a_site(tmp_path / "site_out")
    for left in (".site_out.ab12_xyz", ".site_out.ab12_xyz.old"):
        (tmp_path / left / "data").mkdir(parents=True)
    theirs = {".site_out.backup-of-may", ".site_out.12345678"}
    (tmp_path / ".site_out.backup-of-may").mkdir()
    (tmp_path / ".site_out.12345678").symlink_to(tmp_path)
    with beside(place) as living, beside(place) as another:
        assert names(tmp_path) == {"site_out", living.name, another.name, *theirs}
    assert names(tmp_path) == {"site_out", *theirs}


def test_a_build_that_fails_leaves_nothing_beside_the_site(tmp_path: Path):
    with pytest.raises(RuntimeError), beside(tmp_path / "deep" / "site_out") as making:
        (making / "half.html").write_text("x")
        raise RuntimeError
    assert not names(tmp_path / "deep")


def test_what_a_link_leads_to_is_renewed_and_the_link_stays(tmp_path: Path):
    web = a_site(tmp_path / "srv" / "web")
    link = tmp_path / "site_out"
    link.symlink_to(web)
    place = place_of(link)
    with beside(place) as making:
        (making / "index.html").write_text("new")
        (making / STAMP).write_bytes(stamp())
        swap(making, place)
    assert link.is_symlink()
    assert (web / "index.html").read_text() == "new"
    assert names(web.parent) == {"web"}


def test_a_link_to_nothing_or_to_somebodys_folder_is_refused(tmp_path: Path):
    link = tmp_path / "site_out"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(SiteError, match="links to nothing"):
        place_of(link)
    (tmp_path / "gone").mkdir()
    assert place_of(link) == tmp_path / "gone"
    (tmp_path / "gone" / "letter.txt").write_text("dear")
    with pytest.raises(SiteError, match="not a site"):
        place_of(link)


@pytest.mark.parametrize(
    "theirs",
    [b"", b"[]", b"{", b'{"built_at": "2026-01-01"}', b'{"version": 3, "built_at": "x"}'],
)
def test_a_folder_is_no_site_because_it_holds_a_build_json(theirs: bytes, tmp_path: Path):
    (tmp_path / STAMP).write_bytes(theirs)
    (tmp_path / "index.html").write_text("their own")
    with pytest.raises(SiteError, match="not a site"):
        place_of(tmp_path)


def test_a_site_from_before_the_stamp_named_its_maker_is_still_renewed(tmp_path: Path):
    (tmp_path / STAMP).write_text(json.dumps({"built_at": "2026-01-01T00:00:00+00:00"}))
    (tmp_path / "index.html").write_text("x")
    (tmp_path / "data").mkdir()
    (tmp_path / "static").mkdir()
    assert place_of(tmp_path) == tmp_path
