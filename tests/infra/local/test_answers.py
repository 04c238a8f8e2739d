from infra.local.answers import ACCOUNTING, QUERIES, render


def test_tables_align_numbers_to_the_right():
    rows = [["Clark St", 12345, None, None], ["Ash", 7, "x", 1]]
    assert render(["station", "departures", "loaded_at", "late"], rows).splitlines() == [
        "  station   departures  loaded at  late",
        "  Clark St      12,345  -             -",
        "  Ash                7  x             1",
    ]


def test_every_question_has_its_file():
    assert all((QUERIES / file).is_file() for file in ACCOUNTING.values())


def test_a_table_without_rows_says_so():
    assert render(["rule", "rejected_rows"], []).splitlines() == [
        "  rule  rejected rows",
        "  (no rows)",
    ]
