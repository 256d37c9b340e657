"""Texts of all scripts, for properties of search."""

from hypothesis import strategies as st

SCRIPTS = (
    "abcxyzABC", "äöüßéñçŁİıøæđ", "абвЯЖё", "αβγΩΆς", "אבגשׁ", "ابتةُّأى", "हिन्दीक्षिँ", "தமிழ்",
    "ไทยก่อน๒", "မြန်မာ", "ខ្មែរ\u200b", "今天天气很好", "ひらがなカタカナ々", "한국어말", "\uff41\uff42\uff43\uff11\uff12",
    "0123٣٤१", "²½ﬁ™", "aB1_'",
    "\u0648\u0627\u0644\u0628\u0643\u0644\u200c\u0645\u0663", "\u05d5\u05d4\u05d1\u05e9\u05dc\u05db\u05de", "vV2.m", "\xe9\xc9a\xd6\xdf3", "af09", "1\xa0\u202f0",
)  # fmt: skip
TEXTS = st.lists(
    st.sampled_from(SCRIPTS).flatmap(lambda script: st.text(script, min_size=1, max_size=6)),
    min_size=1,
    max_size=5,
).flatmap(
    lambda words: st.sampled_from(
        [
            "",
            " ",
            ", ",
            "-",
            ".",
            "_",
            "__",
            "'",
            "&",
            ",",
            "/",
            "@",
            "::",
            "\u200c",
            "\xa0",
            "\uff0e",
        ]
    ).map(lambda s: s.join(words))
)
"""A few words of one script each, with something or nothing between them."""
