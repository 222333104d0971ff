"""What texts are made of."""


def has_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8: halves of a character (lone surrogates) can't."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
