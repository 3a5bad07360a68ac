r"""FIX messages (tag=value, 4.2 and 4.4) found in bytes, taken apart and checked.

>>> from proofbook import fix
>>> parser = fix.MessageParser()
>>> body = b"35=0\x0149=A\x0156=B\x0134=2\x0152=20240229-23:59:59\x01"
>>> data = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
>>> data += b"10=%03d\x01" % (sum(data) % 256)
>>> parser.feed(b"noise" + data[:30])
[]
>>> parser.feed(data[30:])
[Message("8=FIX.4.4|9=41|35=0|49=A|56=B|34=2|52=20240229-23:59:59|10=157|")]
>>> parser.ignored_bytes
5
>>> (message,) = parser.feed(data)
>>> message.message_type, message.get(34), len(message)
('0', b'2', 8)
>>> message.invalid() is None
True

A garbled message is ignored, as the protocol demands. ``docs/FIX.md`` says what that is, and what makes a message
invalid.
"""

from __future__ import annotations

from proofbook._core import Message, MessageParser

__all__ = ["Message", "MessageParser"]
