"""The field of 2^31 - 2^24 + 1 elements and the Poseidon2 permutation of sixteen of them.

Source: docs/COMMITMENT.md, section 1; the construction is Poseidon2 (Grassi, Khovratovich, Schofnegger: "Poseidon2: A
Faster Version of the Poseidon Hash Function", 2023), with the constants and layers that SP1's precompile has for
KoalaBear. An element is an ``int`` of at least 0 and below ``P``.
"""

from __future__ import annotations

from collections.abc import Sequence

from proofbook.spec.errors import LengthError, RangeError

P = 2**31 - 2**24 + 1
"""How many elements the field has: 2130706433."""

WIDTH = 16
"""How many elements are permuted."""


def _numbers(text: str) -> tuple[int, ...]:
    """Hexadecimal constants."""
    return tuple(int(number, 16) for number in text.split())


def _rows(text: str) -> tuple[tuple[int, ...], ...]:
    """Rows of sixteen hexadecimal constants, two lines to a row."""
    numbers = _numbers(text)
    return tuple(numbers[start : start + WIDTH] for start in range(0, len(numbers), WIDTH))


_EXTERNAL_FIRST = _rows("""
    7ee56a48 11367045 12e41941 7ebbc12b 1970b7d5 662b60e8 3e4990c6 679f91f5
    350813bb 00874ad4 28a0081a 18fa5872 5f25b071 5e5d5998 5e6fd3e7 5b2e2660
    6f1837bf 3fe6182b 1edd7ac5 57470d00 43d486d5 1982c70f 0ea53af9 61d6165b
    51639c00 2dec352c 2950e531 2d2cb947 08256cef 1a0109f6 1f51faf3 5cef1c62
    3d65e50e 33d91626 133d5a1e 0ff49b0d 38900cd1 2c22cc3f 28852bb2 06c65a02
    7b2cf7bc 68016e1a 15e16bc0 5248149a 6dd212a0 18d6830a 5001be82 64dac34e
    5902b287 426583a0 0c921632 3fe028a5 245f8e49 43bb297e 7873dbd9 3cc987df
    286bb4ce 640a8dcd 512a8e36 03a4cf55 481837a2 03d6da84 73726ac7 760e7fdf
""")

_EXTERNAL_LAST = _rows("""
    43e7dc24 259a5d61 27e85a3b 1b9133fa 343e5628 485cd4c2 16e269f5 165b60c6
    25f683d9 124f81f9 174331f9 77344dc5 5a821dba 5fc4177f 54153bf5 5e3f1194
    3bdbf191 088c84a3 68256c9b 3c90bbc6 6846166a 03f4238d 463335fb 5e3d3551
    6e59ae6f 32d06cc0 596293f3 6c87edb2 08fc60b5 34bcca80 24f007f3 62731c6f
    1e1db6c6 0ca409bb 585c1e78 56e94edc 16d22734 18e11467 7b2c3730 770075e4
    35d1b18c 22be3db5 4fb1fbb7 477cb3ed 7d5311c6 5b62ae7d 559c5fa8 77f15048
    3211570b 490fef6a 77ec311f 2247171b 4e0ac711 2edf69c9 3b5a8850 65809421
    5619b4aa 362019a7 6bf9d4ed 5b413dff 617e181e 5e7ab57b 33ad7833 3466c7ca
""")

_INTERNAL = _numbers("""
    54dfeb5d 7d40afd6 722cb316 106a4573 45a7ccdb 44061375 154077a5 45744faa
    4eb5e5ee 3794e83f 47c7093c 5694903c 69cb6299 373df84c 46a0df58 46b8758a
    3241ebcb 0b09d233 1af42357 1e66cec2
""")

_V = (-2, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 32768)

_SCALE = pow(2**32, -1, P)
"""What dividing by 2^32 multiplies with."""

_DIAGONAL = tuple(v * _SCALE % P for v in _V)


def _external_layer(x: list[int]) -> list[int]:
    y: list[int] = []
    for start in range(0, WIDTH, 4):
        a, b, c, d = x[start : start + 4]
        y += (
            2 * a + 3 * b + c + d,
            a + 2 * b + 3 * c + d,
            a + b + 2 * c + 3 * d,
            3 * a + b + c + 2 * d,
        )
    sums = [y[i] + y[4 + i] + y[8 + i] + y[12 + i] for i in range(4)]
    return [(y[i] + sums[i % 4]) % P for i in range(WIDTH)]


def _external_round(x: list[int], constants: tuple[int, ...]) -> list[int]:
    return _external_layer([(value + constant) ** 3 % P for value, constant in zip(x, constants, strict=True)])


def _internal_round(x: list[int], constant: int) -> list[int]:
    x[0] = (x[0] + constant) ** 3 % P
    total = sum(x) * _SCALE
    return [(total + diagonal * value) % P for value, diagonal in zip(x, _DIAGONAL, strict=True)]


def permute(elements: Sequence[int]) -> list[int]:
    """The permutation of sixteen elements.

    Raises:
        LengthError: there are not sixteen.
        RangeError: one of them is no element.
    """
    if len(elements) != WIDTH:
        raise LengthError(f"expected {WIDTH} elements to permute; received {len(elements)}")
    for element in elements:
        if not 0 <= element < P:
            raise RangeError(f"expected an element of at least 0 and below {P}; received {element}")
    x = _external_layer(list(elements))
    for constants in _EXTERNAL_FIRST:
        x = _external_round(x, constants)
    for constant in _INTERNAL:
        x = _internal_round(x, constant)
    for constants in _EXTERNAL_LAST:
        x = _external_round(x, constants)
    return x
