"""How much of the conversation fits a model's window, in estimated tokens."""

import math

BYTES_PER_TOKEN = 3
MESSAGE_TOKENS = 6


def estimate(text: str, calibration: float = 1.0) -> int:
    """Estimate tokens, rather too many than too few: three bytes of UTF-8 to a token.

    That is 3 characters of English (tokenisers manage 4 to 5), 1.5 of Greek or Cyrillic, 1 of Chinese, Japanese or
    Korean. `calibration` is what the model's own usage reports make of it.
    """
    return math.ceil(len(text.encode(errors="surrogatepass")) / BYTES_PER_TOKEN * calibration)


def estimate_message(text: str, calibration: float = 1.0) -> int:
    """Estimate one message, with what a chat template puts around it."""
    return estimate(text, calibration) + MESSAGE_TOKENS


def reply_tokens(window: int, max_output: int) -> int:
    """What is kept free for the reply: never more than half of the window."""
    return min(max_output, window // 2)
