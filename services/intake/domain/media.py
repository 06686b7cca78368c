"""Files that people send: which an inquiry has, and which of them are taken.

What is allowed is recognised by its first bytes, never by what it is said to be: this is a list of what may pass, which
is why no library guesses here. Everything is served as a download, so that no content is ever opened on our pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.domain.outcomes import Inquiry
from services.intake.domain.values import as_id, as_list, as_mapping, as_text
from shared.contracts.words import Channel

MOST_FILES = 30
HEAD_BYTES = 4096

_WHATSAPP_KINDS = ("image", "video", "audio", "voice", "document", "sticker")
# Other kinds of Messenger's attachments carry addresses that anybody may have typed.
_MESSENGER_KINDS = frozenset(("image", "video", "audio", "file"))


@dataclass(frozen=True, slots=True)
class Media:
    """A file as an inquiry tells of it: an id to ask the Graph API for, or an address of the platform's own."""

    kind: str
    media_id: str | None = None
    url: str | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class FileType:
    """A type that is taken, and the ending of its name."""

    mime_type: str
    ending: str


def media_of(channel: Channel, inquiry: Inquiry) -> list[Media]:
    """The files that belong to an inquiry, in their order."""
    if channel is Channel.WHATSAPP:
        found = ((kind, as_mapping(inquiry.content.get(kind))) for kind in _WHATSAPP_KINDS)
        return [
            Media(kind, media_id=media_id, file_name=_name(part.get("filename")))
            for kind, part in found
            if (media_id := as_id(part.get("id"))) and media_id.isdecimal()
        ]
    if channel in (Channel.MESSENGER, Channel.INSTAGRAM):
        attachments = [as_mapping(one) for one in as_list(inquiry.content.get("attachments"))][:MOST_FILES]
        return [
            Media(str(one["type"]), url=url, file_name=_name(as_mapping(one.get("payload")).get("name")))
            for one in attachments
            if one.get("type") in _MESSENGER_KINDS and (url := as_text(as_mapping(one.get("payload")).get("url")))
        ]
    return []


def recognise(head: bytes, kind: str, stated: str | None) -> FileType | None:
    """The type of a file by its first bytes; None when it is not taken, or is no such thing as it was sent as."""
    found = _by_signature(head) or _container(head, stated) or _text(head, stated)
    if found is None:
        return None
    family = found.mime_type.partition("/")[0]
    wanted = {"sticker": "image", "voice": "audio"}.get(kind, kind)
    if wanted == "audio" and found.mime_type == "video/mp4":
        # The same container; recorders do not agree on its brand.
        return FileType("audio/mp4", ".m4a")
    return found if wanted in ("document", "file", family) else None


_SIGNATURES: Sequence[tuple[bytes, FileType]] = (
    (b"\xff\xd8\xff", FileType("image/jpeg", ".jpg")),
    (b"\x89PNG\r\n\x1a\n", FileType("image/png", ".png")),
    (b"GIF87a", FileType("image/gif", ".gif")),
    (b"GIF89a", FileType("image/gif", ".gif")),
    (b"OggS", FileType("audio/ogg", ".ogg")),
    (b"#!AMR", FileType("audio/amr", ".amr")),
    (b"ID3", FileType("audio/mpeg", ".mp3")),
    (b"\xff\xfb", FileType("audio/mpeg", ".mp3")),
    (b"\xff\xf3", FileType("audio/mpeg", ".mp3")),
    (b"\xff\xf2", FileType("audio/mpeg", ".mp3")),
    (b"\xff\xf1", FileType("audio/aac", ".aac")),
    (b"\xff\xf9", FileType("audio/aac", ".aac")),
    (b"%PDF-", FileType("application/pdf", ".pdf")),
)
# ISO base media: the brand after `ftyp`.
_BRANDS: Sequence[tuple[bytes, FileType]] = (
    (b"3gp", FileType("video/3gpp", ".3gp")),
    (b"qt", FileType("video/quicktime", ".mov")),
    (b"M4A", FileType("audio/mp4", ".m4a")),
    (b"hei", FileType("image/heic", ".heic")),
    (b"mif1", FileType("image/heic", ".heic")),
    (b"avif", FileType("image/avif", ".avif")),
)
_OFFICE = "application/vnd.openxmlformats-officedocument."
# Containers say nothing about what is in them; what was stated is believed if it is one of these.
_CONTAINERS: Sequence[tuple[bytes, Sequence[FileType]]] = (
    (
        b"PK\x03\x04",
        (
            FileType(f"{_OFFICE}wordprocessingml.document", ".docx"),
            FileType(f"{_OFFICE}spreadsheetml.sheet", ".xlsx"),
            FileType(f"{_OFFICE}presentationml.presentation", ".pptx"),
        ),
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        (
            FileType("application/msword", ".doc"),
            FileType("application/vnd.ms-excel", ".xls"),
            FileType("application/vnd.ms-powerpoint", ".ppt"),
        ),
    ),
)
_TEXTS = (FileType("text/plain", ".txt"), FileType("text/csv", ".csv"), FileType("text/vcard", ".vcf"))


def _by_signature(head: bytes) -> FileType | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileType("image/webp", ".webp")
    if head[4:8] == b"ftyp":
        return next((kind for brand, kind in _BRANDS if head[8:].startswith(brand)), FileType("video/mp4", ".mp4"))
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def _container(head: bytes, stated: str | None) -> FileType | None:
    for signature, kinds in _CONTAINERS:
        if head.startswith(signature):
            return next((kind for kind in kinds if kind.mime_type == _bare(stated)), None)
    return None


def _text(head: bytes, stated: str | None) -> FileType | None:
    kind = next((kind for kind in _TEXTS if kind.mime_type == _bare(stated)), None)
    if kind is None or b"\x00" in head or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return None
    try:
        # The head may end within a character.
        head.decode("utf-8") if len(head) < HEAD_BYTES else head[:-4].decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        return kind if len(head) >= HEAD_BYTES and error.start > len(head) - 9 else None
    return kind


def _bare(mime_type: str | None) -> str:
    return (mime_type or "").partition(";")[0].strip().lower()


def _name(value: object) -> str | None:
    name = as_text(value)
    return name.replace("\\", "/").rpartition("/")[2][:200] or None if name else None
