"""Korean particles that follow the sound of the word before them: 을/를, 이/가, 은/는, 과/와, 으로/로."""

import re

# The digits as they are read in Korean: 영 일 이 삼 사 오 육 칠 팔 구.
_CLOSED_DIGITS, _LIQUID_DIGITS = set("013678"), set("178")
_VOWELS = set("aeiouy")


def with_particle(word: str, pair: str) -> str:
    """Append the particle of `pair` ("을/를": after a consonant / after a vowel) that fits the word's last sound.

    으로/로 takes 로 after ㄹ as well. A pair that is not two words with a slash is a ValueError.
    """
    after_consonant, slash, after_vowel = pair.partition("/")
    if not (slash and after_consonant and after_vowel):
        raise ValueError(f"a pair of particles such as 을/를 is wanted, not {pair!r}")
    closed, liquid = _ending(word)
    if liquid and after_consonant.startswith("으로"):
        closed = False
    return word + (after_consonant if closed else after_vowel)


def _ending(word: str) -> tuple[bool, bool]:
    """Whether the last sound is a consonant, and whether that is ㄹ."""
    last = re.sub(r"[^0-9A-Za-z가-힣]+$", "", word)[-1:]
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return final != 0, final == 8
    if last.isdigit():
        return last in _CLOSED_DIGITS, last in _LIQUID_DIGITS
    return _latin_ending(re.sub(r"[^A-Za-z]+$", "", word).lower())


def _latin_ending(word: str) -> tuple[bool, bool]:
    """How a Latin word ends when Koreans read it; a rule of thumb, right for most names of companies."""
    letters = re.search(r"[a-z]+$", word)
    if not letters:
        return False, False
    heard = letters.group()
    if len(heard) > 2 and heard.endswith("e") and heard[-2] in "lmn":
        heard = heard[:-1]  # a silent e: Fleetline is read 플릿라인
    if heard[-1] in "lmn" or heard.endswith("ng"):
        return True, heard[-1] == "l"
    short = len(heard) > 1 and heard[-2] in _VOWELS and (len(heard) < 3 or heard[-3] not in _VOWELS)
    return heard.endswith("ck") or (heard[-1] in "kpt" and short), False
