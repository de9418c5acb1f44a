"""What a reader sees of HTML: for the text part of a mail, and for limits that count after parsing."""

from html.parser import HTMLParser

HIDDEN = frozenset({"style", "script", "head", "title"})
BREAKING = frozenset({"br", "div", "tr", "li"})
BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "ul", "ol", "hr"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.links: list[tuple[str, int]] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HIDDEN:
            self.hidden += 1
        elif tag in BREAKING or tag in BLOCKS:
            self.parts.append("\n\n" if tag in BLOCKS else "\n")
        elif tag == "a":
            self.links.append((dict(attrs).get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        if tag in HIDDEN:
            self.hidden = max(0, self.hidden - 1)
        elif tag in BLOCKS:
            self.parts.append("\n\n")
        elif tag == "a" and self.links:
            address, start = self.links.pop()
            if address.startswith(("http://", "https://", "mailto:")) and address not in "".join(self.parts[start:]):
                self.parts.append(f" ({address})")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def as_text(html: str) -> str:
    """Give the text of a page, with links written out and at most one blank line between blocks."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).splitlines()]
    kept = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return "\n".join(kept).strip()


def utf16_length(text: str) -> int:
    """Count as Telegram counts entities: a character beyond U+FFFF counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class _Length(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.characters = 0

    def handle_data(self, data: str) -> None:
        self.characters += utf16_length(data)


def visible_length(html: str) -> int:
    """Count the UTF-16 units that are left after tags are removed and references decoded."""
    counter = _Length()
    counter.feed(html)
    counter.close()
    return counter.characters
