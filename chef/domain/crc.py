"""CRC-32 of texts that are not at hand at once: zlib's, and the sum of two parts. Pure."""

from __future__ import annotations

# CRC-32 takes bits as the coefficients of a polynomial, the highest power in the lowest bit, and
# keeps the remainder of a division by this one (without its x^32). Source: ISO/IEC 3309.
_DIVISOR = 0xEDB88320
_ONE = 1 << 31


def _product(a: int, b: int) -> int:
    """The product of two remainders."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        # Times x: what reaches x^32 is divided away.
        b = (b >> 1) ^ (_DIVISOR if b & 1 else 0)
    return product


def _powers() -> tuple[int, ...]:
    """x^8 (a byte further), and each its predecessor's square: 1, 2, 4 … bytes further."""
    powers = [1 << 23]
    while len(powers) < 63:
        powers.append(_product(powers[-1], powers[-1]))
    return tuple(powers)


_POWERS = _powers()


def crc32_of_both(first: int, second: int, second_size: int) -> int:
    """The CRC-32 of two texts, one after the other, from those of each and the second one's bytes."""
    for power in _POWERS:
        if not second_size:
            break
        if second_size & 1:
            first = _product(power, first)
        second_size >>= 1
    return first ^ second
