from prompts.difference import differences


def test_only_components_that_changed_are_shown_line_by_line() -> None:
    before = {"system": "Be brief.", "skills": "- a\n- b"}

    assert differences(before, {"system": "Be brief.", "skills": "- a\n- c"}) == {
        "skills": ["--- a/skills.md", "+++ b/skills.md", "@@ -1,2 +1,2 @@", " - a", "-- b", "+- c"]
    }
    assert differences(before, before) == {}
