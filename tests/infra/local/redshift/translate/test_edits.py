from __future__ import annotations

from infra.local.redshift.translate.edits import Edits


def test_edits_apply_together_and_lead_back() -> None:
    edits = Edits("select nvl(a, b) from t")
    edits.replace(7, 10, "coalesce")
    edits.insert(0, "/*x*/ ")
    edits.delete(22, 23)
    assert edits.render() == "/*x*/ select coalesce(a, b) from "
    assert edits.original_position("/*x*/ select coalesce(a".rindex("a")) == 11
    assert edits.original_position("/*x*/ select coal".index("coal")) == 7


def test_a_replacement_swallows_the_edits_inside_it() -> None:
    edits = Edits("f(g(x))")
    edits.replace(2, 3, "h")
    inner = edits.render(2, 6)
    edits.replace(0, 7, f"[{inner}]")
    assert edits.render() == "[h(x)]"


def test_render_of_a_part_takes_only_its_edits() -> None:
    edits = Edits("a b c")
    edits.replace(0, 1, "A")
    edits.replace(2, 3, "B")
    edits.insert(4, "-")
    assert edits.render(2, 3) == "B"
    assert edits.render(0, 4) == "A B "
