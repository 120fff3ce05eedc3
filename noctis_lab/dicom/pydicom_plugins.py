"""Our decoders as plugins of pydicom, so that `Dataset.pixel_array` uses them."""

from __future__ import annotations

import threading

from pydicom.pixels.decoders.base import DecodeRunner, get_decoder

from noctis_lab.dicom.codecs import CODECS, can_decode, decode_frame
from noctis_lab.dicom.frames import PixelLayout

__all__ = ["DECODER_DEPENDENCIES", "LABEL", "decode_for_pydicom", "is_available", "register"]

#: What ``pixel_array(…, decoding_plugin=LABEL)`` calls our decoders.
LABEL = "noctis_lab"

#: pydicom asks each plugin's module for it: what is missing where `is_available` says no.
DECODER_DEPENDENCIES = dict.fromkeys(CODECS, ("imagecodecs>=2026.1",))

_lock = threading.Lock()


def register() -> tuple[str, ...]:
    """Let pydicom decode compressed pixels by our decoders first, in this process.

    Returns
    -------
    tuple of str
        UIDs of the transfer syntaxes that pydicom decodes by us from now on.

    Notes
    -----
    Importing never does this: pydicom's plugins are the whole process'. Calling it again changes
    nothing. Where we refuse a frame pydicom goes on to the plugins it had, some of which fill up
    what a cut codestream lacks; ``pydicom.pixels.pixel_array(dataset, decoding_plugin=LABEL)``
    never does. Syntaxes that pydicom has no decoder for at all (`Instance.stored` has) stay so.

    Examples
    --------
    >>> "1.2.840.10008.1.2.4.80" in register()  # JPEG-LS
    True
    """
    registered = []
    with _lock:  # pydicom's own list is not thread-safe
        for uid in filter(can_decode, CODECS):
            try:
                decoder = get_decoder(uid)
            except NotImplementedError:
                continue
            if LABEL not in decoder.available_plugins:
                decoder.add_plugin(LABEL, (__name__, decode_for_pydicom.__name__))
                # pydicom tries plugins in the order they came, and has no way to say another. One
                # assignment: a thread that decodes meanwhile finds the old order or the new one.
                decoder._available = {LABEL: decode_for_pydicom} | decoder._available
            registered.append(uid)
    return tuple(registered)


def is_available(uid: str) -> bool:
    """Return whether we decode a transfer syntax; asked by pydicom."""
    return can_decode(uid)


def decode_for_pydicom(src: bytes, runner: DecodeRunner) -> bytearray:
    """Decode one frame for pydicom's decoder.

    Parameters
    ----------
    src
        The frame's fragments, joined.
    runner
        pydicom's options; told what the samples are now.

    Returns
    -------
    bytearray
        Stored values, colour by pixel, in this machine's byte order.

    Raises
    ------
    UnsupportedTransferSyntax, DecodeError
        As `codecs.decode_frame`.
    """
    stored = decode_frame(_to_layout(runner), str(runner.transfer_syntax), src)
    if runner.samples_per_pixel > 1:
        runner.set_option("planar_configuration", 0)
        if runner.photometric_interpretation in ("YBR_RCT", "YBR_ICT"):
            runner.set_option("photometric_interpretation", "RGB")
    # Signs stand already as PixelRepresentation says; pydicom would extend them once more.
    runner.set_option("apply_j2k_sign_correction", False)
    runner.set_option("apply_jls_sign_correction", False)
    return bytearray(stored.data)


def _to_layout(runner: DecodeRunner) -> PixelLayout:
    several = runner.samples_per_pixel > 1
    return PixelLayout(
        keyword=runner.pixel_keyword,
        rows=runner.rows,
        columns=runner.columns,
        frames=runner.number_of_frames,
        samples_per_pixel=runner.samples_per_pixel,
        photometric_interpretation=str(runner.photometric_interpretation),
        bits_allocated=runner.bits_allocated,
        bits_stored=runner.bits_stored,
        high_bit=runner.bits_stored - 1,
        pixel_representation=runner.pixel_representation,
        planar_configuration=runner.planar_configuration if several else 0,
        big_endian=False,
        encapsulated=True,
        deflated=False,
        offset=0,
        length=0,
        frame_table=None,
    )
