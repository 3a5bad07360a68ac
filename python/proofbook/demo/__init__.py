"""A market to look at: an exchange with traders, and with order flow that is entered again at the pace it was recorded.

``proofbook demo`` runs it. The exchange is `proofbook serve` in a process of its own; everyone who trades there uses
the public interface through ``proofbook.client``, with an account and a key like anyone's. All rates are bounded, so
that two cores stay mostly idle.
"""
