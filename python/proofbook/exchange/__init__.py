"""The exchange for the web: HTTP and WebSocket in front of the native server, in one process.

``proofbook serve FOLDER`` starts it (``docs/API.md`` is its guide). What decides is native and follows from one log
(``docs/EXCHANGE.md``); this package checks who asks, bounds what everyone may ask for, and hands out what the log's
outcomes say. A client that is slow or hostile costs itself alone.

It needs the packages of the extra ``exchange``; nothing else of proofbook imports it before a command asks for it.
"""
