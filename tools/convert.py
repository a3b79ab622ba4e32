"""Convert: the text of a PDF, Word, HTML or other such file. Local files only: nothing is fetched, nothing is run.

The converters are markitdown's, called one by one: the suffix says which, so that a broken file is refused and never guessed to be something else.
PDF goes to pdfminer, which is what markitdown uses for prose, page by page, because markitdown does not tell where a page starts.
"""

from __future__ import annotations

import codecs
import html
import io
import logging
import re
import warnings
import zipfile
from dataclasses import dataclass, field
from typing import Any

from .passage import Scalar

CONVERTERS = {
    ".docx": "DocxConverter",
    ".epub": "EpubConverter",
    ".htm": "HtmlConverter",
    ".html": "HtmlConverter",
    ".ipynb": "IpynbConverter",
    ".msg": "OutlookMsgConverter",
    ".pptx": "PptxConverter",
    ".xhtml": "HtmlConverter",
    ".xls": "XlsConverter",
    ".xlsx": "XlsxConverter",
}
"""Classes of `markitdown.converters`. Some need an extra of markitdown that Passel does not install; files are then refused, saying which."""

CONVERTED = frozenset((*CONVERTERS, ".pdf"))

MAX_UNPACKED = 500_000_000
"""Bytes. Office files are zip archives; one that says it holds more than this is refused."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DATA_IMAGE = re.compile(r"!\[([^\]]*)\]\(data:[^)]*\)")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]|\\(cid:\\d+\\)")  # the last: pdfminer's sign for a glyph whose letter the font does not tell
_HYPHENATED = re.compile(r"(?<=[^\W\d_]{2})-\n(?=[^\W\d_]{2})")
_NO_TITLE = re.compile(r"(?:untitled|document|(?:powerpoint )?presentation|slide)[ \d]*|microsoft (?:word|powerpoint|excel) - .*", re.I)
_FILE_NAME = re.compile(r".*\.(?:docx?|pptx?|xlsx?|pdf|tex|dvi|indd|qxd|rtf|html?)", re.I)
_TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Converted:
    text: str
    title: str = ""
    metadata: dict[str, Scalar] = field(default_factory=dict)
    pages: tuple[int, ...] = ()
    """Character offset at which each page starts; () where the format knows no pages."""


class ConversionError(Exception):
    """Why a file has no text that we could read, in plain words."""


def convert(content: bytes, suffix: str) -> Converted:
    """The text of a file whose `suffix` is one of `CONVERTED`. It may be blank: a scanned PDF is.

    Raises ConversionError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file's markup: nothing the reader could do about
            return _pdf(content) if suffix == ".pdf" else _by_markitdown(content, suffix)
    except ConversionError:
        raise
    except Exception as error:  # whatever a parser raises on a broken file
        raise ConversionError(_broken(error, suffix)) from error


def decode(content: bytes) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark; the mark is dropped.

    Raises ConversionError that says what is wrong where.
    """
    mark, encoding = next(((mark, encoding) for mark, encoding in _BOMS if content.startswith(mark)), (b"", "utf-8"))
    if encoding == "utf-8" and (at := content.find(0)) >= 0:
        raise ConversionError(f"binary content: a NUL at byte {at}")
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = error.start + len(mark)
        name = encoding.removesuffix("-le").removesuffix("-be").upper()
        raise ConversionError(f"not {name} text: byte 0x{content[at]:02x} at offset {at}; save it as UTF-8") from error


def _broken(error: Exception, suffix: str) -> str:
    """One line. Errors are told by their names here: their classes would have to be imported."""
    kind = type(error).__name__
    if kind == "MissingDependencyException":
        return f"{suffix} files need another package: pip install 'markitdown[{suffix[1:] if suffix != '.msg' else 'outlook'}]'"
    if kind in ("PDFPasswordIncorrect", "PDFEncryptionError"):
        return "encrypted"
    first_line = next(iter(str(error).strip().splitlines()), "")
    return f"cannot be converted: {kind}{': ' if first_line else ''}{first_line[:200]}"


def _by_markitdown(content: bytes, suffix: str) -> Converted:
    from markitdown import StreamInfo, converters

    charset = None
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_UNPACKED:
            raise ConversionError(f"unpacks to {size / 1e6:.0f} MB, more than {MAX_UNPACKED / 1e6:.0f} MB")
    if CONVERTERS[suffix] == "HtmlConverter":
        content, charset = _decode_html(content).encode(), "utf-8"
    elif suffix == ".ipynb":
        content, charset = decode(content).encode(), "utf-8"
    result = getattr(converters, CONVERTERS[suffix])().convert(io.BytesIO(content), StreamInfo(extension=suffix, charset=charset))
    title = _clean_title(result.title or (_office_title(content) if suffix in (".docx", ".pptx", ".xlsx") else ""))
    text = _tidy(_DATA_IMAGE.sub(r"\1", result.markdown))
    return Converted(text, title)


def _decode_html(content: bytes) -> str:
    """By the byte order mark, else the encoding that the page declares, else UTF-8."""
    from bs4.dammit import EncodingDetector

    declared = EncodingDetector.find_declared_encoding(content, is_html=True)
    if not declared or any(content.startswith(mark) for mark, _ in _BOMS):
        return decode(content)
    try:
        encoding = codecs.lookup(declared).name
        encoding = {"iso8859-1": "cp1252", "ascii": "cp1252"}.get(encoding, encoding)  # as browsers do
        if encoding.startswith(("utf-8", "utf-16", "utf-32")):  # the declaration could not have been read in UTF-16
            return decode(content)
        return content.decode(encoding)
    except (LookupError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            at = error.start
            raise ConversionError(f"not {declared} text, as it says it is: byte 0x{content[at]:02x} at offset {at}") from error
        return decode(content)


def _office_title(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        properties = archive.read("docProps/core.xml") if "docProps/core.xml" in archive.namelist() else b""
    title = re.search(r"<dc:title>([^<]*)</dc:title>", properties.decode("utf-8", "replace"))
    return html.unescape(title.group(1)) if title else ""


def _pdf(content: bytes) -> Converted:
    from pdfminer.converter import TextConverter
    from pdfminer.layout import LAParams
    from pdfminer.pdfdocument import PDFDocument
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage
    from pdfminer.pdfparser import PDFParser

    logging.getLogger("pdfminer").setLevel(logging.ERROR)  # it warns of every small fault of a file
    document = PDFDocument(PDFParser(io.BytesIO(content)))
    resources = PDFResourceManager()
    text, starts = "", []
    for page in PDFPage.create_pages(document):
        out = io.StringIO()
        PDFPageInterpreter(resources, TextConverter(resources, out, laparams=LAParams())).process_page(page)
        page_text = _HYPHENATED.sub("", _tidy(out.getvalue()))
        goes_on = text and page_text and text[-1] not in ".!?:\"'”’)" and page_text[0].islower()
        between = "\n" if goes_on else "\n\n"
        text += (between if text and page_text else "") + page_text
        starts.append(len(text) - len(page_text))
    return Converted(text, _clean_title(_pdf_title(document.info)), pages=tuple(starts))


def _pdf_title(info: list[dict[str, Any]]) -> str:
    from pdfminer.pdftypes import resolve1
    from pdfminer.utils import decode_text

    title = resolve1(info[0].get("Title")) if info else None
    return decode_text(title) if isinstance(title, bytes) else ""


def _tidy(text: str) -> str:
    """Without blanks at the ends of lines, runs of blank lines, and characters that cannot be stored."""
    text = "\n".join(line.rstrip() for line in _UNSTORABLE.sub("", text).splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _clean_title(title: str) -> str:
    """One line; nothing where it is too long for a title, or what a program wrote because nobody did."""
    title = " ".join(_UNSTORABLE.sub("", title).split())
    is_one = len(title) <= _TITLE_LENGTH and re.search(r"\w", title) and not _NO_TITLE.fullmatch(title) and not _FILE_NAME.fullmatch(title)
    return title if is_one else ""
