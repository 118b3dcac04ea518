"""Strangers' files: recognised, read in bounded memory, or refused whole with a sentence."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from crm.lib.csv_files import Shape, Unreadable, recognise, records


@pytest.fixture
def write(tmp_path: Path):
    def save(content: bytes | str, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save


def rows(shape: Shape) -> list[tuple[int, list[str]]]:
    return list(records(shape))


@pytest.mark.parametrize(
    ("content", "encoding", "guessed", "cell"),
    [
        ("id,name\n1,Café\n".encode(), "utf-8", False, "Café"),
        ("id,name\n1,Café\n".encode("utf-8-sig"), "utf-8-sig", False, "Café"),
        ("id,name\n1,Café\n".encode("utf-16"), "utf-16", False, "Café"),
        ("id,name\n1,Café\n".encode("latin-1"), "cp1252", True, "Café"),
        ("id,name\n1,“Café”\n".encode("cp1252"), "cp1252", True, "“Café”"),
        ("id,name\n1,한국전자\n".encode("cp949"), "cp949", True, "한국전자"),
        ("id,name\n1,한국전자\n".encode(), "utf-8", False, "한국전자"),
        (b"id,name\n1,plain\n", "utf-8", False, "plain"),
    ],
)
def test_encodings_are_recognised_and_a_guess_is_called_one(write, content, encoding, guessed, cell) -> None:
    shape = recognise(write(content))
    assert (shape.encoding, shape.guessed) == (encoding, guessed)
    assert rows(shape) == [(1, ["id", "name"]), (2, ["1", cell])]


def test_a_bad_byte_in_a_utf_8_file_spoils_its_own_row_only(write) -> None:
    shape = recognise(write("id,name\n1,한국전자\n".encode() + b"2,Caf\xe9\n"))
    assert shape.encoding == "utf-8"
    assert rows(shape)[1:] == [(2, ["1", "한국전자"]), (3, ["2", "Caf\udce9"])]


@pytest.mark.parametrize(("mark", "header"), [(",", "a,b"), (";", "a;b"), ("\t", "a\tb"), ("|", "a|b"), (",", "a")])
def test_the_delimiter_is_the_one_that_the_header_uses(write, mark, header) -> None:
    assert recognise(write(f"{header}\n")).delimiter == mark


def test_a_delimiter_inside_quotation_marks_does_not_count(write) -> None:
    assert recognise(write('"a,b,c";d\n1;2\n')).delimiter == ";"


def test_lines_are_those_of_the_file_also_after_a_text_of_two_lines(write) -> None:
    shape = recognise(write('id,name\n1,"two\nlines"\n\n2,next\n'))
    assert rows(shape) == [(1, ["id", "name"]), (2, ["1", "two\nlines"]), (5, ["2", "next"])]


def test_old_line_ends_are_line_ends(write) -> None:
    assert rows(recognise(write(b"id,name\r1,a\r2,b\r")))[2] == (3, ["2", "b"])


def test_gzip_is_read_whatever_the_file_is_called(write) -> None:
    assert rows(recognise(write(gzip.compress(b"id\n7\n"), "file.csv"))) == [(1, ["id"]), (2, ["7"])]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.csv", "The file is empty."),
        (b"\n\n1,2\n", "a.csv", "The file has no header: its first line must name the columns."),
        (b"\xef\xbb\xbf\n", "a.csv", "The file has no header: its first line must name the columns."),
        (b"id\n1\n", "a.csv.gz", "The file is named .gz but is not gzip. Rename it, or compress it."),
        (
            gzip.compress(b"id\n" + b"1234567\n" * 9000)[:-30],
            "a.csv.gz",
            "The file is named or marked as gzip but is damaged or cut off. Copy it again.",
        ),
        (b"PK\x03\x04rest", "a.csv", "This is a ZIP or Excel file. Save the table as CSV."),
        (
            b"\x00\x01binary,x\n",
            "a.csv",
            "This is not a text file: its first line holds NUL bytes. Save the table as CSV.",
        ),
        (
            b"id\n" + b"x" * 2_200_000,
            "a.csv",
            "A line is longer than 1,048,576 bytes. Is this a CSV file with one row on each line?",
        ),
        (
            ",".join(f"c{n}" for n in range(100_000)).encode() + b"\n",
            "a.csv",
            "The header names 100000 columns; at most 1000 can be read. Is the delimiter right?",
        ),
        (
            b"\xff\xfei\x00d\x00\n\x00\x00\xd8\n\x00",
            "a.csv",
            "The file says that it is utf-16, but its bytes are not. Save it as UTF-8.",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_whole_with_a_sentence(write, content, name, words) -> None:
    with pytest.raises(Unreadable) as refused:
        rows(recognise(write(content, name)))
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            'id,name\n1,a\n2,"open\n3,c\n',
            "Line 3: a quotation mark is opened and never closed. Close it, or double it inside a text.",
        ),
        ('id,name\n1,"a"b\n', "Line 2: a quotation mark stands inside a quoted text. Double it."),
        (
            "id,name\n1," + "x" * 131_073 + "\n",
            "Line 2: a cell is longer than 131,072 characters. Is a quotation mark not closed?",
        ),
    ],
)
def test_broken_rows_are_named_by_their_line(write, content, words) -> None:
    with pytest.raises(Unreadable) as refused:
        rows(recognise(write(content)))
    assert str(refused.value) == words


def test_missing_files_and_folders_are_said_to_be_so(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "none.csv", f"There is no file {tmp_path}/none.csv."),
        (tmp_path, f"{tmp_path} is a folder. Name a file."),
        (Path("/dev/null"), "/dev/null is not an ordinary file."),
    ]:
        with pytest.raises(Unreadable) as refused:
            recognise(path)
        assert str(refused.value) == words


def test_a_bomb_is_refused_in_bounded_memory(write) -> None:
    """A hundred megabytes of short lines in a hundred kilobytes of gzip."""
    path = write(gzip.compress(b"id,name\n" + b"1,aaaaaa\n" * 11_000_000), "bomb.csv.gz")
    tracemalloc.start()
    with pytest.raises(Unreadable) as refused:
        recognise(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(refused.value) == "The file inflates to far more than a table would. It is not read further."
    assert peak < 16 << 20
