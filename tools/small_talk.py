"""Small talk: what people write into a chat that asks nothing. No passage answers it, and the nearest one would be cited for it."""

from __future__ import annotations

import re

_SAID = re.compile(
    r"(hi|hello|hey|hiya|yo|good (morning|afternoon|evening|day|night)|greetings|howdy"
    r"|thanks?( you)?( (very|so) much| a lot)?|thx|ty|cheers|great|cool|nice|perfect|awesome|ok(ay)?|yes|no|sure|got it|i see"
    r"|bye|goodbye|see you( later)?|how are you( doing)?( today)?|what'?s up|test(ing)?)"
    r"( (there|all|everyone|again|then))?",
)


def is_small_talk(text: str) -> bool:
    """A text without a word is.

    >>> is_small_talk("Hello there!"), is_small_talk("Thanks, bye."), is_small_talk("Hello, who built the bridge?")
    (True, True, False)
    """
    parts = [" ".join(part.split()).strip("' ") for part in re.split(r"[^\w'’ ]+|_+", text.replace("’", "'").casefold())]
    return all(_SAID.fullmatch(part) for part in parts if part)
