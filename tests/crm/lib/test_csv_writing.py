"""Files that we hand out: no cell is a formula, and numbers stay numbers."""

import pytest

from crm.lib.csv_writing import lines, neutral


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+49 30", "'+49 30"), ("-cmd", "'-cmd"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"), ("-13.5", "-13.5"), (-13, "-13"), ("+5", "+5"), ("-1-1", "'-1-1"), ("-١", "'-١"),
        ("Nordwind", "Nordwind"), ("", ""), (None, ""), ("a=1", "a=1"),
    ],
)  # fmt: skip
def test_what_could_be_run_is_quoted(value, cell):
    assert neutral(value) == cell


def test_a_file_is_marked_as_utf_8_and_quotes_what_needs_it():
    assert b"".join(lines(["a", "b"], [["한빛", 'x,"y"'], ["=1", None]])) == (
        '\ufeffa,b\r\n한빛,"x,""y"""\r\n\'=1,\r\n'.encode()
    )
